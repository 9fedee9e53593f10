"""Sparse matrices in: what scipy.sparse and NumPy save as .npz, and MatrixMarket."""

import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matmend.io.delimited import check_file, in_our_words
from matmend.io.formats import check_unpacked, format_of, unpacked_limit
from matmend.io.matrix_market import read_entries
from matmend.io.matrix_market import read_header as read_market_header
from matmend.io.npy import no_remarks, read_header

LIMIT = 2**33
"""Bytes beyond which an archive is refused unread, whatever its packed size (a decompression bomb)."""

MOST_ROWS = 2**27
"""A file that states more rows or columns is refused: vectors of that length would take gigabytes."""

Coordinates = tuple[NDArray[np.int32], NDArray[np.int32], NDArray[Any], tuple[int, int]]


def read_sparse(path: str | os.PathLike[str], dtype: type[np.floating[Any]] = np.float32) -> Coordinates:
    """Read the stored entries of a sparse matrix.

    Parameters
    ----------
    path : str or path-like
        .npz written by `scipy.sparse.save_npz` in any of its formats, or with arrays ``rows``, ``cols`` (from 0) and,
        if wanted, ``values`` (1 otherwise) and ``shape`` (the least that holds them otherwise); or .mtx, packed or not.
    dtype : type
        That of the values.

    Returns
    -------
    rows, cols : numpy.ndarray of int32, shape (e,)
    values : numpy.ndarray of `dtype`, shape (e,)
        Stored zeros are entries as others are. A symmetric MatrixMarket file gives both halves.
    shape : tuple of int

    Raises
    ------
    ValueError
        If the file is damaged, holds something else, or has positions outside the shape or values that are not finite.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(f"{folder}/entries.npz", rows=[0, 2], cols=[1, 0], values=[4.0, 5.0])
    ...     rows, cols, values, shape = read_sparse(f"{folder}/entries.npz")
    >>> rows, cols, values, shape
    (array([0, 2], dtype=int32), array([1, 0], dtype=int32), array([4., 5.], dtype=float32), (3, 2))
    """
    path = check_file(path)
    with in_our_words(lambda why: f"expected a sparse matrix, but {path} cannot be read as one ({why}): save it again"):
        rows, cols, values, shape = _matrix_market(path) if format_of(path) == "mtx" else _archive(path)
        return _checked(path, rows, cols, values, shape, dtype)


def archive_arrays(path: str | os.PathLike[str]) -> dict[str, tuple[int, ...]]:
    """Return the names of the arrays in a .npz file and their shapes, which are read from their headers.

    Raises
    ------
    ValueError
        If the file is no archive of arrays, or too large when unpacked.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(f"{folder}/matrix.npz", X=np.zeros((3, 2)))
    ...     archive_arrays(f"{folder}/matrix.npz")
    {'X': (3, 2)}
    """
    path = check_file(path)
    refuse = in_our_words(lambda why: f"expected an archive of arrays, but {path} is not one ({why})")
    with refuse, zipfile.ZipFile(path) as archive:
        size = sum(info.file_size for info in archive.infolist())
        if size > LIMIT:
            raise ValueError(f"expected at most {LIMIT} bytes, but {path} has more when unpacked: split it")
        check_unpacked(path, size)
        shapes = {}
        for info in archive.infolist():
            with archive.open(info) as member:
                shapes[info.filename.removesuffix(".npy")] = read_header(member)[0]
        return shapes


def _archive(path: Path) -> tuple[Any, Any, Any, Any]:
    names = set(archive_arrays(path))
    with no_remarks(), np.load(path, allow_pickle=False) as archive:
        if {"rows", "cols"} <= names:
            rows, cols = archive["rows"], archive["cols"]
            values = archive["values"] if "values" in names else np.ones(np.shape(rows), np.float32)
            return rows, cols, values, archive["shape"] if "shape" in names else None
        if not {"format", "shape", "data"} <= names:
            raise ValueError(
                f"expected arrays rows, cols and values, or a file of scipy.sparse.save_npz, but {path} has "
                f"{', '.join(sorted(names)) or 'none'}: save it as one of these"
            )
        kind = archive["format"].item()
        kind = kind.decode("ascii", "replace") if isinstance(kind, bytes) else str(kind)
        if kind in ("csr", "csc"):
            major, minor = _compressed(path, archive["indptr"], archive["indices"], archive["shape"], kind)
            rows, cols = (major, minor) if kind == "csr" else (minor, major)
            return rows, cols, archive["data"], archive["shape"]
        if kind == "coo" and {"row", "col"} <= names:
            return archive["row"], archive["col"], archive["data"], archive["shape"]
    from scipy import sparse

    with no_remarks():
        matrix = sparse.load_npz(path).tocoo()
    return matrix.row, matrix.col, matrix.data, matrix.shape


def _compressed(path: Path, indptr: Any, indices: Any, shape: Any, kind: str) -> tuple[Any, Any]:
    size = int(shape[0 if kind == "csr" else 1])
    counts = np.diff(indptr)
    if indptr.shape != (size + 1,) or indptr[0] != 0 or (counts < 0).any() or indptr[-1] != indices.size:
        raise ValueError(f"expected consistent indptr and indices, but those of {path} are not: save it again")
    return np.repeat(np.arange(size, dtype=np.int32), counts), indices


def _matrix_market(path: Path) -> tuple[Any, Any, Any, Any]:
    header = read_market_header(path)
    if header.layout != "coordinate":
        raise ValueError(f"expected a list of entries, but {path} holds a full matrix: read it as a table")
    if header.num_stated > unpacked_limit(path) or header.num_stated > LIMIT // 24:
        raise ValueError(
            f"expected {header.num_stated} entries, as the first lines of {path} state, but it is too short for them"
        )
    return *read_entries(path), (header.rows, header.cols)


def _checked(path: Path, rows: Any, cols: Any, values: Any, shape: Any, dtype: type[np.floating[Any]]) -> Coordinates:
    if not (np.ndim(rows) == 1 and np.shape(rows) == np.shape(cols) == np.shape(values)):
        raise ValueError(f"expected rows, cols and values of one length, but those of {path} differ: save it again")
    if rows.size == 0:
        raise ValueError(f"expected entries, but {path} stores none: replace it")
    if rows.dtype.kind not in "iu" or cols.dtype.kind not in "iu" or values.dtype.kind not in "biuf":
        raise ValueError(
            f"expected whole positions and real values, but {path} has {rows.dtype}, {cols.dtype} and {values.dtype}"
        )
    least = (int(rows.max()) + 1, int(cols.max()) + 1)
    size = least if shape is None else _shape(path, shape)
    if min(int(rows.min()), int(cols.min())) < 0 or least[0] > size[0] or least[1] > size[1]:
        raise ValueError(
            f"expected positions from 0 within {size[0]} x {size[1]}, but {path} has others: save it again"
        )
    if max(size) > MOST_ROWS:
        raise ValueError(f"expected at most {MOST_ROWS:,} rows or columns, but {path} has {size[0]} x {size[1]}")
    with np.errstate(over="ignore"):
        values = np.ascontiguousarray(values, dtype=dtype)
    if not np.isfinite(values).all():
        raise ValueError(f"expected finite values, but {path} stores NaN, infinite or too large ones: leave these out")
    return np.ascontiguousarray(rows, np.int32), np.ascontiguousarray(cols, np.int32), values, size


def _shape(path: Path, shape: Any) -> tuple[int, int]:
    given = np.asarray(shape)
    if given.shape != (2,) or given.dtype.kind not in "iu" or given.min() < 1:
        raise ValueError(f"expected a shape of two positive integers, but {path} has {shape}: save it again")
    return int(given[0]), int(given[1])
