"""Matrices out, in the format, with the names and, where the values allow it, in the types that they were read in."""

import bz2
import csv
import gzip
import io
import lzma
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from matmend.io.atomic import atomic_write, check_writable
from matmend.io.streams import binary_output, is_stream
from matmend.io.tables import Table

if TYPE_CHECKING:
    import pyarrow as pa

_PACKERS: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
_TEXT = {".csv": ",;|", ".tsv": "\t", ".txt": "\t,;| ", ".tab": "\t", ".dat": "\t,;| "}
"""What may part the cells: the one of the file read if it is among them, else the first."""
_ARROW = (".parquet", ".arrow", ".feather", ".ipc")
_ARRAYS = (".npy", ".npz", ".mtx", ".mat", ".h5", ".hdf5")
_SPARE = "X"
"""What a matrix is called that has had no name, where the format needs one."""
_V5_LIMIT = 2**31


def check_matrix_target(path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Check that a matrix can be written there, before the work whose result it is.

    Parameters
    ----------
    path : str or path
        ``-`` is standard output, which takes anything.
    overwrite : bool, default False
        Whether a file that is there already may be replaced.

    Raises
    ------
    ValueError
        If the suffix is none that can be written, or as [`check_writable`][matmend.io.check_writable] does.

    Examples
    --------
    >>> check_matrix_target("-")
    >>> check_matrix_target("out.xlsx")
    Traceback (most recent call last):
        ...
    ValueError: expected a matrix to write, .csv, .tsv, .txt, .tab, .dat, .parquet, .arrow, .feather, .ipc, .npy, .npz,
    .mtx, .mat, .h5 or .hdf5, text and .mtx also with .gz, .bz2 or .xz, but got out.xlsx: choose one of these
    """
    if is_stream(path):
        return
    _suffixes(path)
    check_writable(path, overwrite=overwrite)


def write_matrix(
    path: str | os.PathLike[str], table: Table, values: ArrayLike | None = None, *, overwrite: bool = False
) -> None:
    r"""Write a matrix as the one that was read.

    Parameters
    ----------
    path : str or path-like
        Its suffix chooses the format: .csv, .tsv, .txt, .parquet, .arrow, .feather, .npy, .npz, .mtx, .mat, .h5; text
        and .mtx also packed, .csv.gz. ``-`` writes CSV to standard output.
    table : Table
        What [`read_matrix`][matmend.io.read_matrix] gave: names, columns of words and types come from it.
    values : array_like of shape (m, n), optional
        The values to write, by default those of the table. NaN is written as missing.
    overwrite : bool
        Whether a file that is there may be replaced.

    Raises
    ------
    ValueError
        If `values` has another shape or is infinite somewhere, or the target cannot be written.

    Notes
    -----
    A column, or a matrix without columns of its own type, that held integers or truth values is written so again if all
    its values are such, otherwise as float64: nothing is rounded. float32 and float16 are kept where values are within
    their range. Columns of words go back to their places in text, Parquet and Arrow; other formats have no place for
    names. A .mat file is of version 7, or 7.3 if the table was read from one or takes 2 GB; other variables of the file
    read are not copied. Sparse matrices come back dense, since all is filled.

    Examples
    --------
    >>> import tempfile
    >>> from matmend.io import read_matrix
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "small.tsv")
    ...     _ = path.write_text("city\tcount\tnote\theight\nRome\t3\twet\t2.5\nOslo\t\tdry\t\n")
    ...     table = read_matrix(path)
    ...     write_matrix(path, table, [[3, 2.5], [4, 1.25]], overwrite=True)
    ...     print(path.read_text().replace("\t", " "))
    city count note height
    Rome 3 wet 2.5
    Oslo 4 dry 1.25
    """
    filled = np.asarray(table.values if values is None else values, dtype=np.float64)
    if filled.shape != table.values.shape:
        raise ValueError(f"expected values of the shape of the table, {table.values.shape}, got {filled.shape}")
    if np.isinf(filled).any():
        raise ValueError("expected finite values or NaN to write, got infinite ones: leave these missing")
    if is_stream(path):
        out = binary_output()
        _write_text(out, table, filled, ",")
        out.flush()
        return
    suffix, packer = _suffixes(path)
    with atomic_write(path, overwrite=overwrite) as temporary:
        if suffix in _TEXT or suffix == ".mtx":
            with packer(temporary, "wb") if packer is not None else temporary.open("wb") as file:
                if suffix == ".mtx":
                    _write_matrix_market(file, filled)
                else:
                    _write_text(file, table, filled, _separator(table, suffix))
        elif suffix in _ARROW:
            _write_arrow(temporary, suffix, table, filled)
        else:
            _write_array(temporary, suffix, table, filled)


def _suffixes(path: str | os.PathLike[str]) -> tuple[str, Callable[..., Any] | None]:
    suffix = Path(path).suffix.lower()
    packer = _PACKERS.get(suffix)
    inner = suffix if packer is None else Path(Path(path).stem).suffix.lower()
    known = (*_TEXT, ".mtx") if packer is not None else (*_TEXT, *_ARROW, *_ARRAYS)
    if inner not in known:
        names = [*_TEXT, *_ARROW, *_ARRAYS]
        raise ValueError(
            f"expected a matrix to write, {', '.join(names[:-1])} or {names[-1]}, text and .mtx also with .gz, .bz2 or "
            f".xz, but got {path}: choose one of these"
        )
    return inner, packer


def _separator(table: Table, suffix: str) -> str:
    may_be, was = _TEXT[suffix], table.storage.separator
    return was if len(was) == 1 and was in may_be else may_be[0]


def as_stored(values: NDArray[np.float64], dtype: str) -> NDArray[Any]:
    """Return values in a type if all are such, without rounding integers; as float64 otherwise.

    Examples
    --------
    >>> as_stored(np.array([1.0, 2.0]), "int8").dtype, as_stored(np.array([1.0, 2.5]), "int8").dtype
    (dtype('int8'), dtype('float64'))
    """
    target = np.dtype(dtype)
    if target.kind == "f":
        with np.errstate(over="ignore"):
            cast = values.astype(target)
        return values if np.isinf(cast).any() else cast
    if np.isnan(values).any():
        return values
    low, high = (0, 1) if target.kind == "b" else (np.iinfo(target).min, np.iinfo(target).max)
    # 2**63 is a double and no integer of 64 bits, hence "below" rather than "at most"
    is_one = (values == np.rint(values)) & (values >= low) & (values < float(high) + 1)
    return values.astype(target) if is_one.all() else values


def _columns(table: Table, values: NDArray[np.float64]) -> tuple[list[Any], list[str]]:
    """Return the columns in the order of the file read, and their names."""
    import pyarrow as pa

    n, storage = values.shape[1], table.storage
    dtypes = storage.dtypes if len(storage.dtypes) == n else storage.dtypes[:1] * n
    names = table.col_names or tuple(f"column {i}" for i in range(1, n + 1))
    columns: list[Any] = [_column(values[:, j], dtypes[j]) for j in range(n)]
    called, others = list(names), list(storage.others)
    titles = list(table.aside)
    if table.row_names is not None:
        titles.insert(0, table.row_header or "")
        if len(others) < len(titles):
            others.insert(0, (0, pa.array(table.row_names, pa.string())))
    for (place, content), title in zip(others, titles, strict=False):
        columns.insert(place, content)
        called.insert(place, title)
    return columns, called


def _column(values: NDArray[np.float64], dtype: str) -> "pa.Array":
    import pyarrow as pa

    known = ~np.isnan(values)
    stored = as_stored(np.where(known, values, 0.0), dtype)
    return pa.array(stored, mask=None if known.all() else ~known)


def _write_text(file: IO[bytes], table: Table, values: NDArray[np.float64], separator: str) -> None:
    import pyarrow as pa
    import pyarrow.compute
    import pyarrow.csv as pacsv

    pc: Any = pyarrow.compute
    columns, names = _columns(table, values)
    has_names = table.col_names is not None
    if table.storage.decimal_comma and separator != ",":
        columns = [
            pc.replace_substring(column.cast(pa.string()), ".", ",") if pa.types.is_floating(column.type) else column
            for column in columns
        ]
    columns = [column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column for column in columns]
    if has_names:
        line = io.StringIO()
        csv.writer(line, delimiter=separator, lineterminator="\n").writerow(names)
        file.write(line.getvalue().encode())
    content = pa.table(columns, names=[str(i) for i in range(len(columns))])
    for quoting in ("none", "needed"):
        options = pacsv.WriteOptions(include_header=False, delimiter=separator, quoting_style=quoting)
        buffer = io.BytesIO()
        try:
            pacsv.write_csv(content, buffer, options)
        except pa.ArrowInvalid:  # a name with a separator or a quote in it
            if quoting == "needed":
                raise
            continue
        file.write(buffer.getbuffer())
        return


def _write_arrow(path: Path, suffix: str, table: Table, values: NDArray[np.float64]) -> None:
    import pyarrow as pa
    import pyarrow.feather as feather
    import pyarrow.parquet as pq

    columns, names = _columns(table, values)
    content = pa.table(columns, names=names)
    if suffix == ".parquet":
        pq.write_table(content, path)
    elif suffix == ".feather":
        feather.write_feather(content, str(path))
    else:
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, content.schema) as writer:
            writer.write_table(content)


def _write_array(path: Path, suffix: str, table: Table, values: NDArray[np.float64]) -> None:
    storage = table.storage
    dtypes = set(storage.dtypes)
    array = as_stored(values, storage.dtypes[0]) if len(dtypes) == 1 else values
    name = storage.variable or _SPARE
    if suffix == ".npy":
        np.save(path, array, allow_pickle=False)
    elif suffix == ".npz":
        with path.open("wb") as file:
            np.savez_compressed(file, **{name: array})  # pyright: ignore[reportArgumentType] - a name, not an option
    elif suffix == ".mat" and storage.format != "hdf5" and array.nbytes < _V5_LIMIT:
        from scipy.io import savemat

        savemat(path, {name: array}, appendmat=False, do_compression=True)
    else:
        _write_hdf5(path, name, array, is_matlab=suffix == ".mat")


def _write_hdf5(path: Path, name: str, array: NDArray[Any], *, is_matlab: bool) -> None:
    import h5py

    stored = array.astype(np.uint8) if array.dtype == np.bool_ and is_matlab else array
    with h5py.File(path, "w", userblock_size=512 if is_matlab else 0) as file:
        dataset = file.create_dataset(name, data=stored.T if is_matlab else stored, compression="gzip")
        if is_matlab:
            class_ = {"float64": "double", "float32": "single", "bool": "logical"}.get(
                array.dtype.name, array.dtype.name
            )
            dataset.attrs["MATLAB_class"] = np.bytes_(class_)
    if is_matlab:
        with path.open("r+b") as file:
            file.write(b"MATLAB 7.3 MAT-file, Platform: any, written by matmend".ljust(116) + bytes(8) + b"\0\2IM")


def _write_matrix_market(file: IO[bytes], values: NDArray[np.float64]) -> None:
    file.write(f"%%MatrixMarket matrix array real general\n{values.shape[0]} {values.shape[1]}\n".encode())
    for column in values.T:
        file.write("".join(f"{value!r}\n" for value in column.tolist()).encode())
