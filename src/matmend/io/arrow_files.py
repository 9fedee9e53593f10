"""Parquet, Arrow IPC and Feather in: only what a bounded amount of memory can hold, and checked before it is used."""

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matmend.io.delimited import in_our_words
from matmend.io.formats import check_unpacked, format_of

if TYPE_CHECKING:
    import pyarrow as pa

_MAGIC = b"ARROW1\0\0"
_END = b"ARROW1"


def column_names(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Return the names of the columns of a Parquet, Arrow or Feather file.

    Raises
    ------
    ValueError
        If the file is none of these.

    Examples
    --------
    >>> import tempfile
    >>> import pyarrow as pa
    >>> import pyarrow.parquet as pq
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     pq.write_table(pa.table({"x": [1], "y": [2]}), f"{folder}/t.parquet")
    ...     column_names(f"{folder}/t.parquet")
    ('x', 'y')
    """
    return tuple(schema_of(path).names)


def schema_of(path: str | os.PathLike[str]) -> "pa.Schema":
    """Return the names and types of the columns; errors as of [`column_names`][]."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with _refused(path):
        found = pq.read_schema(path) if format_of(path) == "parquet" else pa.ipc.open_stream(_body(path)).schema
        _ = found.names  # here, since they may be no UTF-8
        return found


def batches(
    path: str | os.PathLike[str], *, columns: list[int] | None = None, rows: int = 2**16, most_cells: int = 2**62
) -> "Iterator[pa.RecordBatch]":
    """Read a Parquet, Arrow or Feather file in pieces.

    Parameters
    ----------
    path : str or path-like
    columns : list of int, optional
        Positions of the columns wanted, in the order wanted; by default all.
    rows : int
        Most rows in a piece, for Parquet.
    most_cells : int
        More rows times columns are refused.

    Yields
    ------
    pyarrow.RecordBatch
        Columns of words in Parquet files come as dictionaries: a word that is repeated is in memory once.

    Raises
    ------
    ValueError
        If the file is damaged, has too many cells or unpacks to far more than it has.
    """
    with _refused(path):
        wanted = list(range(len(schema_of(path).names))) if columns is None else columns
        found = _parquet(path, wanted, rows, most_cells) if format_of(path) == "parquet" else _arrow(path, wanted)
        count = 0
        for batch in found:
            count += batch.num_rows
            check_cells(path, count * batch.num_columns, most_cells)
            yield batch


def check_cells(path: str | os.PathLike[str], count: int, most: int) -> None:
    """Refuse more cells than a table may have.

    Raises
    ------
    ValueError
        If there are more than `most`.
    """
    if count > most:
        raise ValueError(
            f"expected at most {most:,} cells in a table, but {path} has more: save its observed entries as a list "
            "of row, column and value"
        )


def _refused(path: str | os.PathLike[str]) -> Any:
    return in_our_words(
        lambda why: (
            f"expected a Parquet, Arrow or Feather file, but {path} cannot be read as one ({why}): save it again"
        )
    )


def _parquet(path: Any, wanted: list[int], rows: int, most_cells: int) -> "Iterator[pa.RecordBatch]":
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        schema, num_rows = file.schema_arrow, file.metadata.num_rows
        groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
        check_unpacked(path, sum(group.total_byte_size for group in groups))
    if len(set(schema.names)) < len(schema.names):
        raise ValueError(f"expected different names of columns, but {path} has equal ones: rename them")
    check_cells(path, num_rows * len(wanted), most_cells)
    check_unpacked(path, 8 * num_rows * len(wanted))  # a column of one number takes no place in the file
    names = [schema.names[i] for i in wanted]
    words = [name for name in names if pa.types.is_string(schema.field(name).type)]
    if any(pa.types.is_nested(schema.field(name).type) for name in names):
        raise ValueError(f"expected columns of numbers and words, but {path} has lists or records: leave these out")
    with pq.ParquetFile(path, read_dictionary=words, pre_buffer=False) as file:
        yield from (batch.select(names) for batch in file.iter_batches(rows, columns=names, use_threads=False))


def _body(path: str | os.PathLike[str]) -> "pa.BufferReader":
    """Return the messages of a file: what lies between its first and its last bytes is what a stream has."""
    import pyarrow as pa

    data = Path(path).read_bytes()
    if data.startswith(b"FEA1"):
        raise ValueError(f"expected Feather version 2, but {path} has version 1: write it with a newer library")
    if data.startswith(_MAGIC):
        if not data.endswith(_END):
            raise ValueError("it ends too early")
        return pa.BufferReader(pa.py_buffer(data)[len(_MAGIC) :])
    return pa.BufferReader(pa.py_buffer(data))


def _arrow(path: Any, wanted: list[int]) -> "Iterator[pa.RecordBatch]":
    import pyarrow as pa

    body = _body(path)
    check_unpacked(path, sum(map(_stated_bytes, pa.ipc.MessageReader.open_stream(body))))
    body.seek(0)
    names: list[str] = []
    for batch in pa.ipc.open_stream(body, options=pa.ipc.IpcReadOptions(use_threads=False)):
        names = names or batch.schema.names
        if any(pa.types.is_nested(field.type) for field in batch.schema):
            raise ValueError(f"expected columns of numbers and words, but {path} has lists or records: leave these out")
        check_unpacked(path, 8 * batch.num_rows * batch.num_columns)
        batch.validate(full=True)  # positions of words are taken as they are in the file
        yield pa.RecordBatch.from_arrays([batch.column(i) for i in wanted], names=[names[i] for i in wanted])


def _stated_bytes(message: Any) -> int:
    """Return the bytes that a message says it unpacks to, 0 where nothing is packed.

    Follows the FlatBuffers tables of Message.fbs: a table begins with the distance to its list of fields.
    """
    data, body = bytes(message.metadata), message.body
    table = _at(data, "<I", 0)
    header, kind = _field(data, table, 2), _field(data, table, 1)
    if header == 0 or kind == 0 or data[kind] not in (2, 3):  # dictionaries, records
        return 0
    batch = header + _at(data, "<I", header)
    if data[kind] == 2:
        inner = _field(data, batch, 1)
        batch = inner + _at(data, "<I", inner)
    if _field(data, batch, 3) == 0 or body is None:
        return 0
    buffers = _field(data, batch, 2)
    buffers += _at(data, "<I", buffers)
    total = 0
    for i in range(_at(data, "<I", buffers)):
        offset, length = struct.unpack_from("<qq", data, buffers + 4 + 16 * i)
        if length >= 8 and 0 <= offset <= body.size - 8:
            total += max(0, struct.unpack("<q", bytes(body[offset : offset + 8]))[0])
    return total


def _at(data: bytes, kind: str, place: int) -> int:
    return struct.unpack_from(kind, data, place)[0]


def _field(data: bytes, table: int, number: int) -> int:
    """Return where a field of a table lies, 0 if it is left out."""
    fields = table - _at(data, "<i", table)
    place = 4 + 2 * number
    if place + 2 > _at(data, "<H", fields):
        return 0
    distance = _at(data, "<H", fields + place)
    return table + distance if distance else 0
