"""MATLAB files up to version 7 (MAT-file level 5): matrices of numbers, dense and sparse, read by NumPy.

SciPy's reader is written for files that one trusts: what a damaged file states as its size is allocated.
"""

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from matmend.io.delimited import in_our_words
from matmend.io.formats import check_unpacked

_HEADER = 128
_PEEK = 2**12
_COMPRESSED, _MATRIX = 15, 14
_STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_CLASSES = {
    6: "float64", 7: "float32", 8: "int8", 9: "uint8", 10: "int16", 11: "uint16", 12: "int32", 13: "uint32",
    14: "int64", 15: "uint64",
}  # fmt: skip
_SPARSE = 5
_COMPLEX, _LOGICAL = 0x08, 0x02


@dataclass(frozen=True)
class Variable:
    """What a MATLAB file says of one of its variables.

    Parameters
    ----------
    name : str
    shape : tuple of int
    dtype : str
        ``"bool"`` for logical; ``""`` for what is no array of real numbers: text, cells, structures, objects.
    is_sparse : bool
    start, stop : int
        Where its bytes lie.
    is_packed : bool
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    is_sparse: bool
    start: int
    stop: int
    is_packed: bool

    @property
    def is_matrix(self) -> bool:
        """Whether it is a matrix of real numbers that is not empty."""
        return bool(self.dtype) and len(self.shape) == 2 and min(self.shape) > 0


@dataclass(frozen=True, eq=False)
class Sparse:
    """The stored entries of a matrix: positions from 0 and values."""

    rows: NDArray[np.integer[Any]]
    cols: NDArray[np.integer[Any]]
    values: NDArray[Any]
    shape: tuple[int, int]


class MatFile:
    """A MATLAB file of version 5, 6 or 7.

    Parameters
    ----------
    path : str or path-like

    Raises
    ------
    ValueError
        If it is damaged or of another version.

    Examples
    --------
    >>> import tempfile
    >>> from scipy.io import savemat
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     savemat(f"{folder}/x.mat", {"X": np.eye(2), "note": "by hand"})
    ...     file = MatFile(f"{folder}/x.mat")
    >>> [(variable.name, variable.is_matrix) for variable in file.variables]
    [('X', True), ('note', False)]
    >>> file.read(file.variables[0])
    array([[1., 0.],
           [0., 1.]])
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        with self._refused(), np.errstate(invalid="raise"):  # positions that are no whole numbers, say
            self._data = memoryview(self.path.read_bytes())
            mark = bytes(self._data[126:128])
            if mark not in (b"IM", b"MI"):
                raise ValueError("it is none of version 5, 6, 7 or 7.3: save it again with save -v7")
            self._order: Literal["<", ">"] = "<" if mark == b"IM" else ">"
            self.variables = tuple(self._variables())

    def read(self, variable: Variable, *, most_cells: int = 2**27) -> NDArray[Any] | Sparse:
        """Read a matrix.

        Raises
        ------
        ValueError
            If its bytes are damaged, or it has more than `most_cells` cells, or stored ones if it is sparse.
        """
        with self._refused(), np.errstate(invalid="raise"):  # positions that are no whole numbers, say
            data = self._content(variable)
            elements = list(self._elements(data, most=8))
            (flags, *_), fields = self._numbers(*elements[0]), elements[3:]
            if variable.is_sparse:
                return self._sparse(variable, fields, most_cells)
            m, n = variable.shape
            if m * n > most_cells:
                raise ValueError(f"it has {m} x {n} cells, more than {most_cells:,}")
            values = self._numbers(*fields[0])
            if values.size != m * n or int(flags) & 0x0800:
                raise ValueError(f"variable {variable.name} has {values.size} numbers, not {m} x {n}")
            if values.dtype.kind == "f" and not variable.dtype.startswith("float"):
                raise ValueError(f"variable {variable.name} has fractions, where it states {variable.dtype}")
            with np.errstate(over="ignore"):  # what is too large for a single becomes infinite, which is refused
                return values.astype(variable.dtype, copy=False).reshape(m, n, order="F")

    def _refused(self) -> Any:
        return in_our_words(
            lambda why: f"expected a MATLAB file, but {self.path} cannot be read as one ({why}): save it again"
        )

    def _variables(self) -> Iterator[Variable]:
        place = _HEADER
        while place + 8 <= len(self._data):
            kind, size = struct.unpack_from(self._order + "II", self._data, place)
            start, stop = place + 8, place + 8 + size
            if stop > len(self._data):
                raise ValueError("it ends too early")
            if kind == _COMPRESSED:
                packed = self._data[start:stop]
                yield self._described(zlib.decompressobj().decompress(packed, _PEEK)[8:], start, stop, is_packed=True)
            elif kind == _MATRIX:
                yield self._described(bytes(self._data[start : min(stop, start + _PEEK)]), start, stop, is_packed=False)
            place = stop

    def _described(self, head: bytes, start: int, stop: int, *, is_packed: bool) -> Variable:
        flags, shape, name = (self._numbers(*element) for element in self._elements(memoryview(head), most=3))
        class_, bits = int(flags[0]) & 0xFF, int(flags[0]) >> 8
        is_real = not bits & _COMPLEX and (class_ in _CLASSES or class_ == _SPARSE)
        dtype = "bool" if bits & _LOGICAL else _CLASSES.get(class_, "float64")
        called = bytes(name.astype(np.uint8)).decode("utf-8", "replace")
        sizes = tuple(int(size) for size in shape)
        if not sizes or min(sizes) < 0 or shape.dtype.kind not in "iu":
            raise ValueError(f"variable {called} states the size {sizes}")
        return Variable(called, sizes, dtype if is_real else "", class_ == _SPARSE, start, stop, is_packed)

    def _content(self, variable: Variable) -> memoryview:
        data = self._data[variable.start : variable.stop]
        if not variable.is_packed:
            return data
        decoder = zlib.decompressobj()
        head = decoder.decompress(data, 8)
        kind, size = struct.unpack(self._order + "II", head)
        if kind != _MATRIX:
            raise ValueError("packed data are no matrix")
        check_unpacked(self.path, size)
        content = decoder.decompress(decoder.unconsumed_tail, max(size, 1))
        if len(content) < size:
            raise ValueError("packed data end too early")
        return memoryview(content)

    def _elements(self, data: memoryview, *, most: int) -> Iterator[tuple[int, memoryview]]:
        """Part data into elements: a type, a size and content; or all of them in 8 bytes if the content is small."""
        place = 0
        while place + 8 <= len(data) and most > 0:
            kind, size = struct.unpack_from(self._order + "II", data, place)
            if kind >> 16:
                kind, size, start, step = kind & 0xFFFF, kind >> 16, place + 4, 8
                if size > 4:
                    raise ValueError("a small element states more than 4 bytes")
            else:
                start, step = place + 8, 8 + -(-size // 8) * 8
            content = data[start : start + size]
            if len(content) < size:
                raise ValueError("an element states more bytes than there are")
            yield kind, content
            place += step
            most -= 1

    def _numbers(self, kind: int, content: memoryview) -> NDArray[Any]:
        if kind not in _STORED:
            raise ValueError(f"numbers of type {kind}")
        dtype = np.dtype(_STORED[kind]).newbyteorder(self._order)
        if len(content) % dtype.itemsize:
            raise ValueError("numbers are cut off")
        values = np.frombuffer(content, dtype)
        return values.astype(dtype.newbyteorder("="), copy=False)

    def _sparse(self, variable: Variable, fields: list[tuple[int, memoryview]], most_cells: int) -> Sparse:
        rows, starts, values = (self._numbers(*field) for field in fields[:3])
        return sparse_of(rows, starts, values, (variable.shape[0], variable.shape[1]), most_cells)


def sparse_of(
    rows: NDArray[Any], starts: NDArray[Any], values: NDArray[Any], shape: tuple[int, int], most: int
) -> Sparse:
    """Return the entries of a matrix that is stored column after column, as MATLAB does in every version.

    Raises
    ------
    ValueError
        If positions are not within `shape`, or there are more than `most`.

    Examples
    --------
    >>> sparse_of(np.array([1, 0]), np.array([0, 1, 2]), np.array([5.0, 6.0]), (2, 2), 10).cols
    array([0, 1])
    """
    m, n = shape
    if rows.dtype.kind not in "iu" or starts.dtype.kind not in "iu" or values.dtype.kind not in "fiub":
        raise ValueError("a sparse matrix has other than whole positions and real values")
    if starts.ndim != 1 or starts.size != n + 1:
        raise ValueError(f"a sparse matrix with {n} columns states the starts of {starts.size - 1}")
    starts = starts.astype(np.int64)
    counts = np.diff(starts)
    num = int(starts[-1])
    if starts[0] != 0 or (counts < 0).any() or num > min(rows.size, values.size) or num > most:
        raise ValueError("positions and values of a sparse matrix do not fit together")
    rows, values = rows[:num].astype(np.int64), values[:num]  # MATLAB may keep room for more
    if num and (rows.min() < 0 or rows.max() >= m):
        raise ValueError(f"a sparse matrix has positions outside its {m} rows")
    return Sparse(rows, np.repeat(np.arange(n), counts), values, shape)
