"""Snapshots of a run in a folder: whatever ends the program, the work up to the newest one is kept."""

import logging
import os
import re
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from matmend.solve.snapshot import DamagedSnapshotError, ShapesOf, read_info, read_snapshot, write_snapshot
from matmend.solve.termination import Terminated, Termination

_log = logging.getLogger(__name__)

_NAME = re.compile(r"snapshot-(\d{8,})\.mmend")
_LEFTOVERS = ".matmend-*"
"""Temporary files of [`atomic_write`][matmend.io.atomic_write] that a killed program could not remove."""


class Checkpoints:
    """A folder of snapshots, each one a tree of arrays and a small dictionary.

    A snapshot is written to a temporary file in the same folder, flushed to the disk, and given its name in one step;
    then the folder is flushed, and only then are old ones removed. So a program that is killed at any moment leaves
    the newest reported snapshot whole. Each has a checksum of all its bytes, and a damaged one is passed over for the
    one before.

    Parameters
    ----------
    folder : str or path-like
        Made if it is not there. One run at a time writes to it.
    every_seconds : float, default 60
        [`is_due`][matmend.solve.Checkpoints.is_due] says True when so much time has passed since the last snapshot; 0
        saves whenever asked.
    keep : int, default 3
        Snapshots to keep, the newest ones.
    is_writer : bool, default True
        In a run of several processes True in the first one only: the others write and remove nothing. They all must
        decide alike when to save, if making the tree takes all of them.

    Raises
    ------
    ValueError
        If a number is out of range or the folder cannot be made.

    Examples
    --------
    >>> import tempfile
    >>> import jax, jax.numpy as jnp
    >>> folder = tempfile.mkdtemp()
    >>> checkpoints = Checkpoints(folder, every_seconds=0)
    >>> tree = {"U": jnp.ones((3, 2))}
    >>> checkpoints.save(tree, {"sweep": 4}).name
    'snapshot-00000001.mmend'
    >>> like = jax.eval_shape(lambda: tree)
    >>> tree, info = Checkpoints(folder).latest(like)  # in another program, later
    >>> tree["U"].shape, info
    ((3, 2), {'sweep': 4})
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        every_seconds: float = 60.0,
        keep: int = 3,
        is_writer: bool = True,
        termination: Termination | None = None,
    ):
        if not every_seconds >= 0 or keep != int(keep) or keep < 1:
            raise ValueError(
                f"Expected every_seconds >= 0 and keep a whole number >= 1, got every_seconds={every_seconds}, "
                f"keep={keep}."
            )
        self.folder = Path(folder)
        self.every_seconds, self.keep, self.is_writer = float(every_seconds), int(keep), is_writer
        self.termination = Termination() if termination is None else termination
        self._last = time.monotonic()
        if is_writer:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise ValueError(
                    f"expected a folder for snapshots, but {folder} cannot be made ({error.strerror}): choose another"
                ) from error
            for leftover in self.folder.glob(_LEFTOVERS):
                leftover.unlink(missing_ok=True)

    def part(self, name: str) -> "Checkpoints":
        """Return the store in a folder of this one, for a run that has several trainings; they share SIGTERM."""
        return Checkpoints(
            self.folder / name,
            every_seconds=self.every_seconds,
            keep=self.keep,
            is_writer=self.is_writer,
            termination=self.termination,
        )

    @contextmanager
    def heeding(self) -> Iterator["Checkpoints"]:
        """Take SIGTERM as a request to save and end.

        From then on a snapshot is due, and [`save`][matmend.solve.Checkpoints.save] raises
        [`Terminated`][matmend.solve.Terminated] when it is durable. A second SIGTERM ends the program at once. At the
        end of the block the handler is what it was; outside the main thread nothing is done.
        """
        with self.termination.heeded():
            yield self

    def is_due(self) -> bool:
        """Tell whether it is time to save: `every_seconds` have passed since the last time, or SIGTERM has arrived."""
        return self.termination.has_arrived or time.monotonic() - self._last >= self.every_seconds

    def save(self, tree: Any, info: dict[str, Any]) -> Path:
        """Write a snapshot; when this returns, it is on the disk.

        Parameters
        ----------
        tree : pytree of arrays
            Of a random key its ``jax.random.key_data``.
        info : dict
            Whatever JSON can hold: where the run is, what it was asked.

        Returns
        -------
        pathlib.Path
            The file; in a process that is no writer, the one that the writer writes.

        Raises
        ------
        ValueError
            If a leaf is no array of numbers, or the file cannot be written.
        Terminated
            If SIGTERM has arrived; the snapshot is then on the disk.
        """
        numbered = self._numbered()
        path = self.folder / f"snapshot-{max(numbered, default=0) + 1:08d}.mmend"
        if self.is_writer:
            write_snapshot(path, tree, info)
            _log.info("saved %s", path)
            for number in sorted(numbered, reverse=True)[self.keep - 1 :]:
                numbered[number].unlink(missing_ok=True)
        self._last = time.monotonic()
        if self.termination.has_arrived:
            raise Terminated(f"ended by SIGTERM; everything up to here is saved in {self.folder}")
        return path

    def latest(self, like: Any) -> tuple[Any, dict[str, Any]] | None:
        """Read the newest snapshot that is whole.

        Parameters
        ----------
        like : pytree of arrays or of jax.ShapeDtypeStruct
            The structure that is expected, such as ``eqx.filter_eval_shape(init, ...)``.

        Returns
        -------
        (tree, info) or None
            None if there is no whole snapshot. Every damaged one is named in a warning.

        Raises
        ------
        ValueError
            If the snapshot is of another structure.
        """
        return self.latest_of(lambda info: like)

    def latest_of(self, shapes: ShapesOf) -> tuple[Any, dict[str, Any]] | None:
        """Read as [`latest`][matmend.solve.Checkpoints.latest] does, expecting the structure ``shapes(info)``."""
        for _, path in sorted(self._numbered().items(), reverse=True):
            try:
                snapshot = read_snapshot(path)
            except DamagedSnapshotError as error:
                warnings.warn(f"{path} is damaged and is skipped for the one before: {error}.", stacklevel=2)
                continue
            try:
                found = snapshot.into(shapes(snapshot.info)), snapshot.info
            except ValueError as error:
                raise ValueError(
                    f"{path} was saved by another run than this one: {error}. Go on with the same data, settings and "
                    "precision, or choose another folder to begin anew."
                ) from error
            _log.info("going on from %s", path)
            return found
        return None

    def whereabouts(self) -> tuple[Path, dict[str, Any]] | None:
        """Tell file and info of what was saved last, here or in a part, for people to read: nothing is checked."""
        files = [path for path in self.folder.rglob("snapshot-*.mmend") if _NAME.fullmatch(path.name)]
        for path in sorted(files, key=lambda path: (path.stat().st_mtime_ns, path), reverse=True):
            if (info := read_info(path)) is not None:
                return path, info
        return None

    def clear(self) -> None:
        """Remove all snapshots, those of parts as well, when nobody will go on from them."""
        if not self.is_writer:
            return
        for path in [path for path in self.folder.rglob("snapshot-*.mmend") if _NAME.fullmatch(path.name)]:
            path.unlink(missing_ok=True)
        for part in [path for path in self.folder.iterdir() if path.is_dir() and not any(path.iterdir())]:
            part.rmdir()

    def _numbered(self) -> dict[int, Path]:
        matches = ((_NAME.fullmatch(path.name), path) for path in self.folder.glob("snapshot-*.mmend"))
        return {int(match[1]): path for match, path in matches if match}
