"""Standard input as a file: read once, kept on disk while the program runs, within a bound."""

import atexit
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

STREAM = "-"
"""What stands for standard input and standard output in place of a path."""

MOST_BYTES = 2**32
"""Longer input is refused: it is kept on disk, since most formats are read back and forth."""

_PIECE = 2**20
_NAME = "standard input"
_kept: tuple[Any, Path] | None = None


def is_stream(path: str | os.PathLike[str]) -> bool:
    """Tell whether a path stands for a standard stream.

    Examples
    --------
    >>> is_stream("-"), is_stream(Path("-")), is_stream("./-")
    (True, True, False)
    """
    return os.fspath(path) == STREAM


@contextmanager
def as_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give the path of a file with what is to be read; errors about standard input call it that.

    Parameters
    ----------
    path : str or path-like
        ``-`` is standard input. It is read when it is asked for first; later calls get the same bytes.

    Yields
    ------
    pathlib.Path

    Raises
    ------
    ValueError
        If there is nothing on standard input, or more than 4 GB.

    Examples
    --------
    >>> with as_file("table.csv") as file:
    ...     str(file)
    'table.csv'
    """
    if not is_stream(path):
        yield Path(path)
        return
    file = _spooled()
    try:
        yield file
    except ValueError as error:
        raise ValueError(str(error).replace(os.fspath(file), _NAME)) from error


def binary_output() -> IO[bytes]:
    """Return standard output for bytes."""
    return getattr(sys.stdout, "buffer", sys.stdout)  # pyright: ignore[reportReturnType] - a test may have put bytes there


def _spooled() -> Path:
    global _kept  # one program has one standard input, and it can be read once
    stream: Any = getattr(sys.stdin, "buffer", sys.stdin)
    if stream is None:
        raise ValueError("expected data on standard input, but there is none: name a file, or pipe one in")
    if _kept is not None and _kept[0] is stream:
        return _kept[1]
    folder = Path(tempfile.mkdtemp(prefix="matmend-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    file, count = folder / "input", 0
    try:
        with file.open("wb") as out:
            while piece := stream.read(_PIECE):
                count += len(piece)
                if count > MOST_BYTES:
                    raise ValueError(
                        f"expected at most {MOST_BYTES:,} bytes on {_NAME}, but there are more: name a file"
                    )
                out.write(piece)
    except (OSError, ValueError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, ValueError):
            raise
        raise ValueError(f"expected to read {_NAME}, but '{error.strerror}': name a file") from error
    if count == 0:
        raise ValueError(f"expected data on {_NAME}, but it is empty: name a file, or pipe one in")
    _kept = (stream, file)
    return file
