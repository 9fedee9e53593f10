"""NumPy's .npy files in, mapped: what the header states is held against the length of the file first."""

import math
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

_VERSIONS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


@contextmanager
def no_remarks() -> Iterator[None]:
    """Keep NumPy from printing what it finds odd in a file: what matters is raised."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def read_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Read shape, order and type from the beginning of a file or of a member of an archive.

    Raises
    ------
    ValueError
        If it is no such file, or holds pickled objects; other exceptions of the parser on damaged bytes.

    Examples
    --------
    >>> import io
    >>> stream = io.BytesIO()
    >>> np.save(stream, np.zeros((2, 3)))
    >>> _ = stream.seek(0)
    >>> read_header(stream)
    ((2, 3), False, dtype('float64'))
    """
    with no_remarks():
        version = np.lib.format.read_magic(file)
        if version not in _VERSIONS:
            raise ValueError(f"version {version[0]}.{version[1]} of .npy is not read: save it again")
        shape, is_fortran, dtype = _VERSIONS[version](file)
    if dtype.hasobject:
        raise ValueError("it holds pickled objects, which are not read: save numbers")
    if any(length < 0 for length in shape):
        raise ValueError(f"it states the shape {shape}")
    return shape, is_fortran, dtype


def map_array(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Map an array into memory.

    Raises
    ------
    ValueError
        As [`read_header`][matmend.io.npy.read_header] does; or if the file is shorter than it states.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(f"{folder}/x.npy", np.eye(2))
    ...     np.array(map_array(f"{folder}/x.npy"))
    array([[1., 0.],
           [0., 1.]])
    """
    with Path(path).open("rb") as file:
        if file.read(4) == b"PK\3\4":
            raise ValueError("an archive of arrays")
        file.seek(0)
        shape, is_fortran, dtype = read_header(file)
        start = file.tell()
        length = file.seek(0, os.SEEK_END)
    size = math.prod(shape) * dtype.itemsize
    if size > length - start:
        raise ValueError(f"it states {size:,} bytes and has {length - start:,}")
    if size == 0:
        return np.empty(shape, dtype)
    return np.memmap(path, dtype, "r", start, shape, "F" if is_fortran else "C")
