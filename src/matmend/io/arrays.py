"""Matrices without names in: NumPy's .npy and .npz, MatrixMarket, MATLAB and HDF5."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matmend.io import hdf5, tables
from matmend.io.arrow_files import check_cells
from matmend.io.delimited import in_our_words
from matmend.io.formats import FREE, Format, check_unpacked, unpacked_limit
from matmend.io.kinds import OF_A_MODEL, OF_ENTRIES, OF_SPARSE
from matmend.io.matlab import MatFile, Sparse
from matmend.io.matrix_market import read_array, read_header
from matmend.io.npy import map_array, no_remarks
from matmend.io.sparse_files import archive_arrays, read_sparse
from matmend.io.tables import Table, TableStorage

_SHOWN = 12
_CELLS_PER_ENTRY = 1000
"""Matrices of which less is stored than one entry in so many are not read as dense, unless they are small."""


def read_one(path: Path, format_: Format, name: str | None) -> Table:
    """Read the matrix of a file, or that of several which is called so; see [`read_matrix`][matmend.io.read_matrix].

    Raises
    ------
    ValueError
        If it cannot be read.
    """
    with in_our_words(lambda why: f"expected a matrix, but {path} cannot be read as one ({why}): save it again"):
        found, variable = _found(path, format_, name)
        if isinstance(found, Sparse):
            _check_density(path, found)
            values = np.full(found.shape, np.nan)
            values[found.rows, found.cols] = found.values
        else:
            _check_matrix(path, found)
            values = np.array(found, dtype=np.float64)
    if np.isinf(values).any():
        raise ValueError(f"expected finite values or NaN, but {path} has infinite ones: set those to NaN")
    dtype = (found.values if isinstance(found, Sparse) else found).dtype.name
    return Table(
        values, storage=TableStorage(format_, (dtype,), variable=variable, is_sparse=isinstance(found, Sparse))
    )


def _check_density(path: Path, found: Sparse) -> None:
    cells = found.shape[0] * found.shape[1]
    check_cells(path, cells, tables.MOST_CELLS)
    if cells > max(FREE, _CELLS_PER_ENTRY * found.values.size):
        raise ValueError(
            f"expected a matrix to fill, but {path} stores {found.values.size:,} entries of {found.shape[0]:,} x "
            f"{found.shape[1]:,}: complete it as ratings"
        )


def _found(path: Path, format_: Format, name: str | None) -> tuple[Any, str | None]:
    if format_ == "mat":
        file = MatFile(path)
        variables = {variable.name: variable for variable in file.variables if variable.is_matrix}
        called = _chosen(path, {key: variable.shape for key, variable in variables.items()}, name)
        return file.read(variables[called], most_cells=tables.MOST_CELLS), called
    if format_ == "hdf5":
        nodes = {node.name: node for node in hdf5.matrices(path)}
        called = _chosen(path, {key: node.shape for key, node in nodes.items()}, name)
        return hdf5.read(path, nodes[called], most_cells=tables.MOST_CELLS), called
    if format_ == "npz":
        return _of_archive(path, name)
    if name is not None:
        raise ValueError(f"expected no name, since {path} holds a single matrix, got '{name}': leave it out")
    return (map_array(path) if format_ == "npy" else _matrix_market(path)), None


def _chosen(path: Path, shapes: Mapping[str, tuple[int, ...]], name: str | None) -> str:
    listed = ", ".join(f"{key[:40]} ({' x '.join(map(str, shape))})" for key, shape in list(shapes.items())[:_SHOWN])
    listed += "" if len(shapes) <= _SHOWN else f" and {len(shapes) - _SHOWN} more"
    if not shapes:
        raise ValueError(f"expected a matrix of real numbers, but {path} holds none: is it the right file?")
    if name is None and len(shapes) > 1:
        raise ValueError(f"expected one matrix, but {path} holds {listed}: say by its name which one")
    if name is not None and name not in shapes:
        raise ValueError(f"expected a matrix of {path}, got '{name}': it holds {listed}")
    return next(iter(shapes)) if name is None else name


def _of_archive(path: Path, name: str | None) -> tuple[Any, str | None]:
    shapes = archive_arrays(path)
    if set(shapes) >= OF_A_MODEL:
        raise ValueError(
            f"expected a matrix, but {path} holds a model of ratings: hand it to matmend complete as it is"
        )
    if name is None and (set(shapes) >= OF_SPARSE or set(shapes) >= OF_ENTRIES):
        return Sparse(*read_sparse(path, np.float64)), None
    called = _chosen(path, {key: shape for key, shape in shapes.items() if len(shape) == 2 or len(shapes) == 1}, name)
    check_cells(path, _size(shapes[called]), tables.MOST_CELLS)
    check_unpacked(path, _size(shapes[called]))
    with no_remarks(), np.load(path, allow_pickle=False) as archive:
        return archive[called], called


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for length in shape:  # not NumPy, whose product of large lengths overflows
        size *= length
    return size


def _matrix_market(path: Path) -> NDArray[Any] | Sparse:
    header = read_header(path)
    if header.layout != "array":
        check_cells(path, header.rows * header.cols, tables.MOST_CELLS)
        return Sparse(*read_sparse(path, np.float64))
    check_cells(path, header.num_stated, tables.MOST_CELLS)
    if header.num_stated > unpacked_limit(path):
        raise ValueError(f"expected {header.rows} x {header.cols} numbers as {path} states, but it cannot hold so many")
    return read_array(path)


def _check_matrix(path: Path, array: Any) -> None:
    if not isinstance(array, np.ndarray) or array.ndim != 2 or array.size == 0 or array.dtype.kind not in "biuf":
        found = f"{array.dtype} of shape {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
        raise ValueError(f"expected a matrix (m, n) of real numbers, but {path} holds {found}")
    check_cells(path, array.size, tables.MOST_CELLS)
