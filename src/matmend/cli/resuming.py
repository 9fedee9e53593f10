"""Runs that can be gone on with: a folder that says what was asked, and holds how far it has come."""

import contextlib
import dataclasses
import hashlib
import json
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar, get_args

from matmend.cli.console import literal, say
from matmend.io import atomic_write, check_writable
from matmend.solve import Checkpoints, Terminated

try:
    import fcntl
except ImportError:  # Windows: two programs on one folder are not noticed there
    fcntl = None

FACTS = "run.json"
LOCK = ".lock"
Dataclass = TypeVar("Dataclass")


class KeptRun:
    """A command whose work is kept in a folder until it is finished; [`begin`][] and [`reopen`][] make it.

    Attributes
    ----------
    folder : Path
    checkpoints : Checkpoints
        For the training. SIGTERM is heeded.
    is_first : bool
        False in a process that is not the first of several: it writes nothing.
    """

    def __init__(self, folder: Path, facts: dict[str, Any], *, is_first: bool = True):
        self.folder, self._facts, self.is_first = folder, facts, is_first
        self.checkpoints = Checkpoints(folder, every_seconds=facts["every_seconds"], is_writer=is_first)

    @property
    def command(self) -> str:
        """Which command it is."""
        return self._facts["command"]

    @property
    def arguments(self) -> dict[str, Any]:
        """What the command was given."""
        return self._facts["arguments"]

    @property
    def may_overwrite(self) -> bool:
        """True if the outputs were being written when the run ended: what is there was written by it."""
        return self._facts["is_writing"]

    def before_writing(self, outputs: Sequence[Path], *, overwrite: bool) -> None:
        """Say that the outputs are written from now on, so that a run ended on the way may write them again.

        Raises
        ------
        ValueError
            If one of them cannot be written, or has appeared meanwhile and `overwrite` is False.
        """
        for path in outputs:
            check_writable(path, overwrite=overwrite)
        self._write({"is_writing": True})

    def finish(self, output: Path) -> None:
        """Say that all is done and where it is; the snapshots, of no more use, are removed."""
        self._write({"output": str(output.absolute())})
        self.checkpoints.clear()

    def where(self) -> str:
        """Tell from where it goes on, in words."""
        last = self.checkpoints.whereabouts()
        if last is None:
            return "from the start: nothing was saved yet"
        path, info = last
        part = "" if path.parent == self.folder else f" of {path.parent.name.replace('-', ' ')}"
        unit = next((unit for unit in ("step", "sweep", "tile") if unit in info), None)
        return f"from {path.name}{part}" if unit is None else f"after {unit} {info[unit]:,}{part}"

    def _write(self, news: Mapping[str, Any]) -> None:
        self._facts = {**self._facts, **news}
        with atomic_write(self.folder / FACTS, overwrite=True) as temporary:
            temporary.write_text(json.dumps(self._facts, indent=1) + "\n", encoding="utf-8")


@contextlib.contextmanager
def begin(
    folder: Path,
    command: str,
    arguments: dict[str, Any],
    inputs: Sequence[Path],
    *,
    every_seconds: float = 60.0,
    is_first: bool = True,
) -> Iterator[KeptRun]:
    """Keep a new run in a folder, for as long as the block runs.

    Parameters
    ----------
    folder : Path
        New or empty.
    command : str
        The key under which [`resume`][matmend.cli.continuing.resume] finds what to do.
    arguments : dict
        What JSON can hold; see [`stored`][].
    inputs : sequence of Path
        Files that must not change until the run is finished.
    every_seconds : float
    is_first : bool
        False in a process that is not the first of several: it looks after nothing.

    Raises
    ------
    ValueError
        If the folder holds something.
    """
    if not is_first:
        run = KeptRun(
            folder, {"command": command, "arguments": arguments, "every_seconds": every_seconds}, is_first=False
        )
        with run.checkpoints.heeding():
            yield run
        return
    asked = {"command": command, "arguments": arguments, "inputs": {str(p.absolute()): _print_of(p) for p in inputs}}
    if (folder / FACTS).exists():
        facts = _facts(folder)
        if facts["output"] is not None:
            raise ValueError(
                f"{folder} holds a run that is finished ({facts['output']}): choose another folder, or remove this one."
            )
        if all(facts[name] == value for name, value in asked.items()):
            raise ValueError(f"{folder} holds this run, unfinished: go on with it by matmend resume {folder}")
        raise ValueError(
            f"{folder} holds another run, unfinished: choose another folder, or finish that run by matmend resume "
            f"{folder}"
        )
    if folder.exists() and not (folder.is_dir() and all(map(_is_leftover, folder.iterdir()))):
        raise ValueError(f"expected a new or empty folder for checkpoints, but {folder} holds something else.")
    facts = {"format": 1, "versions": _versions(), **asked, "every_seconds": every_seconds}
    folder.mkdir(parents=True, exist_ok=True)
    with _kept(folder):
        run = KeptRun(folder, {**facts, "is_writing": False, "output": None})
        run._write({})
        try:
            with run.checkpoints.heeding():
                yield run
        except Exception:
            if run.checkpoints.whereabouts() is None:  # an argument that was refused: the folder is as good as new
                run.checkpoints.clear()
                (folder / FACTS).unlink()
            raise


@contextlib.contextmanager
def reopen(folder: Path, *, is_first: bool = True) -> Iterator[KeptRun]:
    """Take up the run that a folder holds, for as long as the block runs; of several processes one must be the first.

    Raises
    ------
    ValueError
        If there is no run, it is finished, another program is working on it, or an input is gone or has changed.
    """
    _facts(folder)
    with _kept(folder) if is_first else contextlib.nullcontext():
        facts = _facts(folder)
        if facts["output"] is not None:
            raise ValueError(f"The run in {folder} is finished: its result is {facts['output']}")
        for name, print_ in facts["inputs"].items():
            if not Path(name).is_file():
                raise ValueError(f"{name}, an input of the run in {folder}, is gone: put it back to go on.")
            if _print_of(Path(name)) != print_:
                raise ValueError(
                    f"{name}, an input of the run in {folder}, has changed since: put the old file back to go on, or "
                    "begin a new run in another folder."
                )
        then, now = facts["versions"], _versions()
        if changed := [f"{name} {then.get(name)} (now {now[name]})" for name in now if then.get(name) != now[name]]:
            say(
                f"[bold yellow]Other versions:[/] begun with {literal(', '.join(changed))}; the last digits of the "
                "result may differ from those of one version."
            )
        run = KeptRun(folder, facts, is_first=is_first)
        with run.checkpoints.heeding():
            yield run


def stored(settings: Any) -> dict[str, Any]:
    """Return the fields of a dataclass as JSON can hold them; paths become absolute.

    Examples
    --------
    >>> @dataclasses.dataclass
    ... class Asked:
    ...     file: Path | None = None
    ...     depth: int = 3
    >>> stored(Asked())
    {'file': None, 'depth': 3}
    >>> restored(Asked, stored(Asked(Path("a.png")))) == Asked(Path("a.png").absolute())
    True
    """
    values = {field.name: getattr(settings, field.name) for field in dataclasses.fields(settings)}
    return {name: str(value.absolute()) if isinstance(value, Path) else value for name, value in values.items()}


def restored(kind: type[Dataclass], values: Mapping[str, Any]) -> Dataclass:
    """Return the dataclass that [`stored`][] took apart."""
    paths = {f.name for f in dataclasses.fields(kind) if Path in (f.type, *get_args(f.type))}  # pyright: ignore[reportArgumentType]
    return kind(**{n: Path(value) if n in paths and value is not None else value for n, value in values.items()})


@contextlib.contextmanager
def _kept(folder: Path) -> Iterator[None]:
    """Be alone in the folder; say how to go on, if it ends before its time."""
    with _locked(folder), _heard():
        try:
            yield
        except Terminated:
            say(f"[bold yellow]Ended by SIGTERM;[/] all is saved. Go on with: matmend resume {literal(folder)}")
            raise
        except KeyboardInterrupt:
            say(f"[bold yellow]Ended.[/] Go on from what was saved last with: matmend resume {literal(folder)}")
            raise


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder / LOCK, os.O_CREAT | os.O_RDWR, 0o666)
    try:
        if fcntl is not None:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # gone with the program, however it ends
            except BlockingIOError as error:
                raise ValueError(f"Another program is working on the run in {folder}: wait for its end.") from error
            except OSError:  # a file system without locks
                pass
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _heard() -> Iterator[None]:
    """Print warnings, such as of a damaged snapshot, as people read them."""
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_, **__: say(f"[bold yellow]Warning:[/] {literal(message)}")
        yield


def _facts(folder: Path) -> dict[str, Any]:
    file = folder / FACTS
    if not file.is_file():
        raise ValueError(
            f"{folder} holds no run to go on with ({FACTS} is not there): give the folder of matmend complete "
            "--checkpoint FOLDER."
        )
    try:
        facts = json.loads(file.read_text(encoding="utf-8"))
        if facts["format"] != 1:
            raise ValueError(
                f"{file} is of format {facts['format']}, made by another version of matmend: use that one."
            )
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise ValueError(f"{file} is damaged ({error}): begin the run anew in another folder.") from error
    return facts


def _is_leftover(path: Path) -> bool:
    return path.name == LOCK or path.name.startswith(".matmend-")  # of a program killed before it had begun


def _print_of(file: Path) -> dict[str, Any]:
    with file.open("rb") as opened:
        return {"size": file.stat().st_size, "sha256": hashlib.file_digest(opened, "sha256").hexdigest()}


def _versions() -> dict[str, str]:
    return {name: version(name) for name in ("matmend", "jax")}
