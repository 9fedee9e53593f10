"""Observed entries out of masks, arrays and lists: int32, each once, by row and then by column."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

Ints = NDArray[np.int32]
Shape = tuple[int, int]

LARGEST = np.iinfo(np.int32).max
"""Most rows and columns together: vertices are numbered in int32, which halves the memory of every index."""


def entries_of_mask(mask: ArrayLike) -> tuple[Shape, Ints, Ints]:
    """Shape, rows and columns of what a mask marks as observed."""
    seen = np.asarray(mask)
    if seen.ndim != 2 or seen.dtype != np.bool_:
        raise ValueError(
            f"mask: expected a bool array (m, n), True = observed, got {seen.dtype} {seen.shape}; "
            "compare first (mask == 1), or give an array with NaN for missing to from_array."
        )
    shape = checked_shape(seen.shape)
    counts = np.count_nonzero(seen, axis=1)
    rows = np.repeat(np.arange(shape[0], dtype=np.int32), counts)
    flat = np.flatnonzero(seen)
    flat -= np.repeat(np.arange(shape[0], dtype=np.int64) * shape[1], counts)
    return shape, rows, flat.astype(np.int32)


def entries_of_array(X: ArrayLike) -> tuple[Shape, Ints, Ints]:
    """Shape, rows and columns of what is not NaN."""
    values = np.asarray(X)
    if values.ndim != 2 or values.dtype.kind not in "fiubc":
        raise ValueError(
            f"X: expected an array of numbers (m, n), NaN where nothing is known, got {values.dtype} {values.shape}; "
            "convert it with np.asarray(X, dtype=float), or give a bool mask to from_mask."
        )
    return entries_of_mask(~np.isnan(values))


def entries_of_list(rows: ArrayLike, cols: ArrayLike, shape: Shape | None) -> tuple[Shape, Ints, Ints]:
    """Shape, rows and columns of a list of entries in any order, in which an entry may occur twice."""
    i, j = np.asarray(rows), np.asarray(cols)
    if i.ndim != 1 or i.shape != j.shape:
        raise ValueError(f"Expected rows and cols of one common length, got shapes {i.shape}, {j.shape}.")
    if i.size == 0:
        if shape is None:
            raise ValueError(
                "No entry is given and no shape: pass shape=(m, n) for a matrix of which nothing is known."
            )
        empty = np.zeros(0, dtype=np.int32)
        return checked_shape(shape), empty, empty
    if not (np.issubdtype(i.dtype, np.integer) and np.issubdtype(j.dtype, np.integer)):
        raise ValueError(f"Row and column indices are integers counted from 0, got dtypes {i.dtype}, {j.dtype}.")
    if i.min() < 0 or j.min() < 0:
        raise ValueError(f"Row and column indices count from 0, got some down to {min(i.min(), j.min())}.")
    m, n = checked_shape((int(i.max()) + 1, int(j.max()) + 1) if shape is None else shape)
    if i.max() >= m or j.max() >= n:
        raise ValueError(
            f"Indices must lie in a {m} x {n} matrix, got rows up to {i.max()} and columns up to {j.max()}; count from "
            "0, or pass a larger shape."
        )
    i, j = i.astype(np.int32, copy=False), j.astype(np.int32, copy=False)
    return (m, n), *sorted_entries((m, n), i, j)


def entries_of_sparse(matrix: Any) -> tuple[Shape, Ints, Ints]:
    """Shape, rows and columns of what a sparse matrix stores, zeros included."""
    if not sparse.issparse(matrix) or matrix.ndim != 2:
        raise ValueError(
            f"Expected a sparse matrix of scipy (m, n) whose stored entries are the observed ones, got "
            f"{type(matrix).__name__}; use from_mask, from_array or from_entries."
        )
    coo = matrix.tocoo()
    return entries_of_list(coo.row, coo.col, coo.shape)


def sorted_entries(shape: Shape, rows: Ints, cols: Ints) -> tuple[Ints, Ints]:
    """By row, then by column, each entry once; the same arrays if they are so already."""
    if is_sorted(rows, cols):
        return rows, cols
    m, n = shape
    key = rows.astype(np.int64)
    key *= n
    key += cols
    key.sort()
    key = key[np.flatnonzero(np.append(True, key[1:] != key[:-1]))]
    counts = np.diff(np.searchsorted(key, np.arange(m + 1, dtype=np.int64) * n))
    rows = np.repeat(np.arange(m, dtype=np.int32), counts)
    key -= rows.astype(np.int64) * n
    return rows, key.astype(np.int32)


def is_sorted(rows: Ints, cols: Ints) -> bool:
    """Tell whether entries come by row, then by column, each once."""
    step = rows[1:] > rows[:-1]
    return bool((step | ((rows[1:] == rows[:-1]) & (cols[1:] > cols[:-1]))).all())


def checked_shape(shape: Any) -> Shape:
    """Two positive integers, small enough to number all rows and columns in int32."""
    if len(shape) != 2 or any(size != int(size) or size < 1 for size in shape):
        raise ValueError(f"shape: expected two positive integers (m, n), got {tuple(shape)}; a graph needs both sides.")
    if shape[0] + shape[1] > LARGEST:
        raise ValueError(
            f"shape: expected at most {LARGEST} rows and columns together, got {tuple(shape)}; number only those that "
            "have entries (np.unique with return_inverse)."
        )
    return int(shape[0]), int(shape[1])
