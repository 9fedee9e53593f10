"""MATLAB files of version 7.3, which are HDF5, and other HDF5 files with matrices; only what lies in the file."""

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from matmend.io.delimited import in_our_words
from matmend.io.formats import check_unpacked
from matmend.io.matlab import Sparse, sparse_of

if TYPE_CHECKING:
    import h5py

MOST_NODES = 10_000
"""Variables that are looked at."""
_LEVELS = 4
_FILTERS = {1, 2, 3}  # deflate, shuffle, Fletcher's checksum: what MATLAB and h5py use, built into the library


@dataclass(frozen=True)
class Node:
    """A matrix in an HDF5 file.

    Parameters
    ----------
    name : str
    shape : tuple of int
        As it is read: MATLAB's files have the axes the other way round.
    dtype : str
    is_sparse, is_transposed : bool
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    is_sparse: bool
    is_transposed: bool


def matrices(path: str | os.PathLike[str]) -> tuple[Node, ...]:
    """List the matrices of real numbers in a file.

    Raises
    ------
    ValueError
        If it is no HDF5 file.

    Examples
    --------
    >>> import tempfile, h5py
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with h5py.File(f"{folder}/x.h5", "w") as file:
    ...         file["X"] = np.zeros((2, 3))
    ...     [(node.name, node.shape) for node in matrices(f"{folder}/x.h5")]
    [('X', (2, 3))]
    """
    import h5py

    path = Path(path)
    with _refused(path), h5py.File(path, "r", locking=False) as file:
        from_matlab = _is_matlab(path)
        return tuple(_walk(file, "", _LEVELS, [MOST_NODES], from_matlab=from_matlab))


def read(path: str | os.PathLike[str], node: Node, *, most_cells: int = 2**27) -> NDArray[Any] | Sparse:
    """Read a matrix that [`matrices`][matmend.io.hdf5.matrices] has listed.

    Raises
    ------
    ValueError
        If it is damaged, too large, packed in an unusual way, or lies in other files.
    """
    import h5py

    path = Path(path)
    with _refused(path), h5py.File(path, "r", locking=False) as file:
        if node.is_sparse:
            group: Any = file[node.name]
            parts = [_values(path, _own(group, part), most_cells) for part in ("ir", "jc", "data") if part in group]
            if len(parts) == 1:  # without entries there are only the starts of the columns
                parts = [np.empty(0, np.int64), parts[0], np.empty(0)]
            return sparse_of(parts[0], parts[1], parts[2], (node.shape[0], node.shape[1]), most_cells)
        values = _values(path, file[node.name], most_cells)
        return values.T if node.is_transposed else values


def _refused(path: Path) -> Any:
    return in_our_words(
        lambda why: f"expected a MATLAB 7.3 or HDF5 file, but {path} cannot be read as one ({why}): save it again"
    )


def _is_matlab(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(10) == b"MATLAB 7.3"


def _own(group: Any, name: str) -> Any:
    """Return a member that lies in this file: a link of another kind could lead to any file of the machine."""
    import h5py

    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        return None
    return group[name]


def _walk(group: Any, above: str, levels: int, left: list[int], *, from_matlab: bool) -> Iterator[Node]:
    import h5py

    for name in group:
        left[0] -= 1
        if left[0] < 0:
            raise ValueError(f"it has more than {MOST_NODES:,} variables")
        if not above and name.startswith("#"):  # what MATLAB keeps for cells and objects
            continue
        member, full = _own(group, name), f"{above}{name}"
        if isinstance(member, h5py.Dataset):
            is_transposed = from_matlab or "MATLAB_class" in member.attrs
            if (dtype := _dtype(member)) and member.shape is not None and len(member.shape) == 2 and member.size:
                shape = member.shape[::-1] if is_transposed else member.shape
                yield Node(full, tuple(shape), dtype, is_sparse=False, is_transposed=is_transposed)
        elif isinstance(member, h5py.Group):
            if "MATLAB_sparse" in member.attrs:
                yield _sparse(member, full)
            elif levels > 1:
                yield from _walk(member, f"{full}/", levels - 1, left, from_matlab=from_matlab)


def _sparse(group: Any, name: str) -> Node:
    starts, data = _own(group, "jc"), _own(group, "data") if "data" in group else None
    rows = int(_attribute(group, "MATLAB_sparse", 0))
    cols = 0 if starts is None or starts.ndim != 1 else starts.shape[0] - 1
    return Node(name, (rows, max(cols, 0)), "float64" if data is None else _dtype(data), True, is_transposed=False)


def _dtype(dataset: "h5py.Dataset") -> str:
    """Return the type of real numbers, "" for anything else: text, records, references, MATLAB's text and complex."""
    dtype = dataset.dtype
    if dtype.kind not in "biuf" or dtype.itemsize > 8:
        return ""
    class_ = _attribute(dataset, "MATLAB_class", b"")
    class_ = class_.decode("ascii", "replace") if isinstance(class_, bytes) else str(class_)
    if class_ in ("char", "cell", "struct", "function_handle") or "MATLAB_empty" in dataset.attrs:
        return ""
    return "bool" if class_ == "logical" or dtype.kind == "b" else dtype.newbyteorder("=").name


def _attribute(node: Any, name: str, default: Any) -> Any:
    """Return a single value; an attribute can be an array of any stated size."""
    if name not in node.attrs or math.prod(node.attrs.get_id(name).shape) != 1:
        return default
    return np.asarray(node.attrs[name]).ravel()[0]


def _values(path: Path, dataset: Any, most_cells: int) -> NDArray[Any]:
    import h5py

    if not isinstance(dataset, h5py.Dataset) or dataset.dtype.kind not in "biuf":
        raise ValueError("a part of the matrix is not there, or no numbers")
    plist = dataset.id.get_create_plist()
    if dataset.is_virtual or dataset.external:
        raise ValueError("its numbers lie in other files, which are not read: copy them into this one")
    unusual = {plist.get_filter(i)[0] for i in range(plist.get_nfilters())} - _FILTERS
    if unusual:
        raise ValueError(f"it is packed by filter {min(unusual)}, not by gzip: save it with gzip or unpacked")
    if dataset.size is None:
        raise ValueError("it has no numbers")
    if dataset.size > most_cells:
        raise ValueError(f"it has {dataset.size:,} cells, more than {most_cells:,}")
    check_unpacked(path, dataset.size * dataset.dtype.itemsize)
    if dataset.chunks is not None:  # one may be larger than the whole
        check_unpacked(path, math.prod(dataset.chunks) * dataset.dtype.itemsize)
    values = np.asarray(dataset[()])
    return values.astype(values.dtype.newbyteorder("="), copy=False)
