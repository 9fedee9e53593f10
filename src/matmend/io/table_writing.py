"""Tables out, in pieces: csv, tsv and Parquet of any length, written as a whole or not at all."""

import csv
import io
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from numpy.typing import NDArray

from matmend.io.atomic import atomic_write, check_writable

if TYPE_CHECKING:
    import pyarrow as pa

SEPARATORS = {".csv": ",", ".tsv": "\t"}
PARQUET = ".parquet"

Write = Callable[[Mapping[str, NDArray[Any]]], None]
"""Appends a piece: names of columns to arrays of one length."""


def check_table_target(path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """Check that a table can be written there, and in which format.

    Parameters
    ----------
    path : str or path
    overwrite : bool, default False
        Whether a file that is there already may be replaced.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    ValueError
        If the suffix is none of .csv, .tsv and .parquet, or as [`check_writable`][matmend.io.check_writable] does.

    Examples
    --------
    >>> check_table_target("out.xlsx")
    Traceback (most recent call last):
        ...
    ValueError: expected a table to write, .csv, .tsv or .parquet, but got out.xlsx: choose one of these
    """
    if Path(path).suffix.lower() not in (*SEPARATORS, PARQUET):
        raise ValueError(
            f"expected a table to write, {', '.join(SEPARATORS)} or {PARQUET}, but got {path}: choose one of these"
        )
    return check_writable(path, overwrite=overwrite)


@contextmanager
def table_writer(path: str | os.PathLike[str], *, overwrite: bool = False) -> Iterator[Write]:
    """Write a table piece by piece; the file is there when the block has ended without an error, not before.

    Parameters
    ----------
    path : str or path-like
        .csv, .tsv or .parquet.
    overwrite : bool

    Yields
    ------
    callable
        Given ``{name: array}``, all of one length, it appends that. Names and types are those of the first piece.

    Raises
    ------
    ValueError
        As [`check_table_target`][matmend.io.check_table_target] does.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with table_writer(f"{folder}/out.csv") as write:
    ...         write({"user": np.array(["a", "b, c"], dtype=object), "rank": np.array([1, 2])})
    ...     print(Path(folder, "out.csv").read_text())
    user,rank
    "a",1
    "b, c",2
    """
    check_table_target(path, overwrite=overwrite)
    suffix = Path(path).suffix.lower()
    with (
        atomic_write(path, overwrite=overwrite) as temporary,
        temporary.open("wb") as file,
        ExitStack() as stack,
    ):
        yield _into_parquet(file, stack) if suffix == PARQUET else _into_text(file, SEPARATORS[suffix])


def _batch(columns: Mapping[str, NDArray[Any]]) -> "pa.RecordBatch":
    import pyarrow as pa

    arrays = [pa.array(x, pa.string()) if x.dtype == object else pa.array(x) for x in columns.values()]
    return pa.RecordBatch.from_arrays(arrays, names=list(columns))


def _into_text(file: BinaryIO, separator: str) -> Write:
    has_names = False

    def append(columns: Mapping[str, NDArray[Any]]) -> None:
        import pyarrow as pa
        import pyarrow.csv as pacsv

        nonlocal has_names
        if not has_names:
            line = io.StringIO()
            csv.writer(line, delimiter=separator, lineterminator="\n").writerow(columns)
            file.write(line.getvalue().encode())
            has_names = True
        batch = _batch(columns)
        plain = pacsv.WriteOptions(include_header=False, delimiter=separator, quoting_style="none")
        quoted = pacsv.WriteOptions(include_header=False, delimiter=separator, quoting_style="needed")
        buffer = io.BytesIO()
        try:
            pacsv.write_csv(batch, buffer, plain)
        except pa.ArrowInvalid:  # a name with a separator or a quote in it
            buffer = io.BytesIO()
            pacsv.write_csv(batch, buffer, quoted)
        file.write(buffer.getvalue())

    return append


def _into_parquet(file: BinaryIO, stack: ExitStack) -> Write:
    writer: Any = None

    def append(columns: Mapping[str, NDArray[Any]]) -> None:
        import pyarrow.parquet as pq

        nonlocal writer
        batch = _batch(columns)
        writer = stack.enter_context(pq.ParquetWriter(file, batch.schema)) if writer is None else writer
        writer.write_batch(batch)

    return append
