"""MatrixMarket files, read by NumPy: SciPy's reader ends the whole program on some damaged numbers."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import numpy as np
from numpy.typing import NDArray

from matmend.io.formats import open_text

PIECE = 2**20
"""Lines that are read at a time."""

FIELDS = ("real", "integer", "double", "pattern")
SIGNS = {"general": 0, "symmetric": 1, "skew-symmetric": -1}
"""What an entry is at the mirrored place, where only one half is written."""


class Header(NamedTuple):
    """What the first lines of a file state.

    Attributes
    ----------
    layout : str
        ``"coordinate"``, a list of entries, or ``"array"``, a full matrix.
    field, symmetry : str
    rows, cols, num_stated : int
        The shape, and how many numbers or entries follow.
    """

    layout: str
    field: str
    symmetry: str
    rows: int
    cols: int
    num_stated: int


def read_header(path: Path) -> Header:
    r"""Read what a file states of itself.

    Raises
    ------
    ValueError
        If it does not begin as MatrixMarket files do.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "x.mtx")
    ...     _ = path.write_text("%%MatrixMarket matrix coordinate real general\n% by hand\n2 3 1\n1 3 0.5\n")
    ...     read_header(path).num_stated, [x.tolist() for x in read_entries(path)]
    (1, [[0], [2], [0.5]])
    """
    with open_text(path) as file:
        return _header(file)


def _header(file: TextIO) -> Header:
    words = file.readline(1024).lower().split()
    if len(words) != 5 or words[:2] != ["%%matrixmarket", "matrix"] or words[2] not in ("coordinate", "array"):
        raise ValueError("no line '%%MatrixMarket matrix coordinate|array ...' begins it")
    _, _, layout, field, symmetry = words
    if field not in FIELDS or symmetry not in SIGNS or (layout == "array" and (field == "pattern" or SIGNS[symmetry])):
        raise ValueError(f"{layout} {field} {symmetry} is not read: write real numbers, general or symmetric entries")
    for line in iter(lambda: file.readline(4096), ""):
        if line.strip() and not line.startswith("%"):
            sizes = [int(word) for word in line.split()]
            break
    else:
        raise ValueError("it states no size")
    if len(sizes) != (3 if layout == "coordinate" else 2) or min(sizes) < 0:
        raise ValueError(f"its size is stated as {line.strip()!r}")
    return Header(
        layout, field, symmetry, sizes[0], sizes[1], sizes[2] if layout == "coordinate" else sizes[0] * sizes[1]
    )


def read_entries(path: Path) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Read rows, columns (from 0) and values of a file in the layout ``coordinate``, both halves if one is written."""
    with open_text(path) as file:
        header = _header(file)
        wide = 2 if header.field == "pattern" else 3
        pieces = [(_positions(piece[:, 0]), _positions(piece[:, 1]), _values(piece)) for piece in _numbers(file, wide)]
    rows, cols, values = (np.concatenate(parts) for parts in zip(*pieces, strict=True)) if pieces else _nothing()
    if rows.size != header.num_stated:
        raise ValueError(f"it states {header.num_stated} entries and has {rows.size}")
    if sign := SIGNS[header.symmetry]:
        off = rows != cols
        rows, cols, values = (
            np.concatenate([rows, cols[off]]),
            np.concatenate([cols, rows[off]]),
            np.concatenate([values, sign * values[off]]),
        )
    return rows, cols, values


def read_array(path: Path) -> NDArray[np.float64]:
    """Read a file in the layout ``array``."""
    with open_text(path) as file:
        header = _header(file)
        pieces = [piece[:, 0] for piece in _numbers(file, 1)]
    found = np.concatenate(pieces) if pieces else np.empty(0)
    if found.size != header.num_stated:
        raise ValueError(f"it states {header.num_stated} numbers and has {found.size}")
    return found.reshape(header.rows, header.cols, order="F")


def _numbers(file: TextIO, wide: int) -> Iterator[NDArray[np.float64]]:
    lines = (line for line in file if line.strip())
    while piece := list(islice(lines, PIECE)):
        found = np.loadtxt(piece, np.float64, comments="%", ndmin=2)
        if found.shape[1] != wide:
            raise ValueError(f"a line has {found.shape[1]} numbers, not {wide}")
        yield found


def _positions(column: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return positions from 0; written down they are counted from 1."""
    if not ((column >= 1) & (column <= 2**52) & (column == np.rint(column))).all():  # False for NaN too
        raise ValueError("a position is no whole number from 1")
    return column.astype(np.int64) - 1


def _values(piece: NDArray[np.float64]) -> NDArray[np.float64]:
    return piece[:, 2] if piece.shape[1] == 3 else np.ones(len(piece))


def _nothing() -> tuple[Any, Any, Any]:
    return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float64)
