"""Tables with gaps in: a matrix of numbers, NaN where a cell is empty, with the names of its rows and columns."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from matmend.io.arrow_files import batches, check_cells
from matmend.io.delimited import (
    MISSING_CELLS,
    check_width,
    csv_options,
    in_our_words,
    is_number,
    look,
    not_utf8,
    open_stream,
)
from matmend.io.formats import Format, bomb, unpacked_limit

if TYPE_CHECKING:
    import pyarrow as pa

MOST_CELLS = 2**27
"""Larger tables are refused: dense, they would take more than 1 GB, and completing them many times that."""

_ROW_NAMES = {"", "id", "index", "row", "name", "names", "key", "unnamed: 0", "__index_level_0__"}


@dataclass(frozen=True, eq=False)
class TableStorage:
    """How a table lay in its file, as far as it is needed to write one like it.

    Parameters
    ----------
    format : str
        "text", "parquet", "arrow", "npy", "npz", "mtx", "mat" (MATLAB up to version 7) or "hdf5" (7.3).
    dtypes : tuple of str
        NumPy's names of the types of the columns, or one for all.
    separator : str
        What parts the cells of text.
    decimal_comma : bool
    variable : str, optional
        What the file called the matrix.
    is_sparse : bool
        Whether only some entries were stored, the others taken as missing.
    others : tuple of pairs
        Columns that are no numbers, among them the names of the rows: their position in the file and their content.
    """

    format: Format = "text"
    dtypes: tuple[str, ...] = ("float64",)
    separator: str = ","
    decimal_comma: bool = False
    variable: str | None = None
    is_sparse: bool = False
    others: tuple[tuple[int, Any], ...] = ()


@dataclass(frozen=True, eq=False)
class Table:
    """A matrix with gaps.

    Parameters
    ----------
    values : numpy.ndarray of float64, shape (m, n)
        NaN where missing, finite elsewhere.
    row_names, col_names : tuple of str, optional
        What the file calls its rows and columns; None where it does not.
    row_header : str, optional
        The name of the column that `row_names` come from.
    aside : tuple of str
        Names of the columns that hold no numbers and are therefore not in `values`.
    storage : TableStorage
        How to write it back.
    """

    values: NDArray[np.float64]
    row_names: tuple[str, ...] | None = None
    col_names: tuple[str, ...] | None = None
    row_header: str | None = None
    aside: tuple[str, ...] = ()
    storage: TableStorage = TableStorage()

    @property
    def mask(self) -> NDArray[np.bool_]:
        """True where observed."""
        return ~np.isnan(self.values)


def read_columns(path: Path, format_: Format, header: bool | None) -> Table:
    """Read a table of text, Parquet or Arrow; see [`read_matrix`][matmend.io.read_matrix].

    Raises
    ------
    ValueError
        If it cannot be read.
    """
    with in_our_words(lambda why: f"expected a table, but {path} cannot be read as one ({why}): mend or replace it"):
        return _text(path, header) if format_ == "text" else _arrow(path, format_)


def _text(path: Path, header: bool | None) -> Table:
    import pyarrow.csv as pacsv

    layout = look(path, header=header)
    if path.stat().st_size > 32 * MOST_CELLS:
        check_cells(path, MOST_CELLS + 1, MOST_CELLS)
    with open_stream(path) as stream:
        table = pacsv.read_csv(stream, **csv_options(layout))
    storage = TableStorage(separator=layout.separator, decimal_comma=layout.decimal_comma)
    return _table(path, table, layout.names, storage)


def _arrow(path: Path, format_: Format) -> Table:
    import pyarrow as pa

    found = list(batches(path, most_cells=MOST_CELLS))
    if not found:
        raise ValueError(f"expected lines of data, but {path} has none: replace it")
    table = pa.Table.from_batches(found)
    check_width(path, table.num_columns)
    return _table(path, table, tuple(table.column_names), TableStorage(format_))


def _table(path: Path, table: "pa.Table", names: tuple[str, ...] | None, storage: TableStorage) -> Table:
    if table.num_rows == 0 or table.num_columns == 0:
        raise ValueError(f"expected lines of data, but {path} has none: replace it")
    check_cells(path, table.num_rows * table.num_columns, MOST_CELLS)
    called = names or tuple(f"column {i}" for i in range(1, table.num_columns + 1))
    rows = _row_names(path, table, called, has_names=names is not None)
    first_line = None if storage.format != "text" else 1 + (names is not None)
    kept: list[int] = []
    for i in range(table.num_columns):
        if i == 0 and rows is not None:
            continue
        if _is_numeric(table.column(i).type):
            kept.append(i)
        else:
            _check_text(path, called[i], table.column(i), first_line)
    if not kept:
        raise ValueError(f"expected columns of numbers, but {path} has only text: is it the right file?")
    values = np.empty((table.num_rows, len(kept)))
    for k, i in enumerate(kept):
        values[:, k] = _numbers(path, called[i], table.column(i))
    first, kept_ones = 0 if rows is None else 1, set(kept)
    aside = tuple(called[i] for i in range(first, table.num_columns) if i not in kept_ones)
    row_header = None if rows is None or names is None else called[0]
    storage = replace(
        storage,
        dtypes=tuple(_dtype(table.column(i).type) for i in kept),
        others=tuple((i, table.column(i)) for i in range(table.num_columns) if i not in kept_ones),
    )
    return Table(values, rows, tuple(called[i] for i in kept) if names else None, row_header, aside, storage)


def _dtype(type_: Any) -> str:
    """Return NumPy's name of a type of numbers; a column without any is of floating point."""
    import pyarrow as pa

    if pa.types.is_decimal(type_) or pa.types.is_null(type_):
        return "float64"
    return np.dtype(type_.to_pandas_dtype()).name


def _is_numeric(type_: Any) -> bool:
    import pyarrow as pa

    tests = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_decimal, pa.types.is_null)
    return any(test(type_) for test in tests)


def _row_names(path: Path, table: "pa.Table", called: tuple[str, ...], *, has_names: bool) -> tuple[str, ...] | None:
    import pyarrow as pa

    first = table.column(0)
    if table.num_columns == 1 or pa.types.is_null(first.type):
        return None
    if not _is_numeric(first.type):
        words = _strings(path, first)
        check_quotes(path, words, 1)
        if _share_of_numbers(words) > 0 and len(words.unique()) < len(words):
            return None  # rather measurements with a word among them
        return tuple("" if name is None else str(name) for name in words.to_pylist())
    is_called_id = has_names and (called[0].lower() in _ROW_NAMES or called[0].lower().endswith(("_id", " id", ".id")))
    if is_called_id and pa.types.is_integer(first.type) and not first.null_count and len(first.unique()) == len(first):
        return tuple(str(name) for name in first.to_pylist())
    return None


def _strings(path: Path, column: "pa.ChunkedArray") -> "pa.ChunkedArray":
    import pyarrow as pa
    import pyarrow.compute

    pc: Any = pyarrow.compute  # its functions are made when it is loaded, out of sight of type checkers
    if pa.types.is_dictionary(column.type) and pa.types.is_string(column.type.value_type):
        total = sum(
            pc.sum(pc.take(pc.binary_length(chunk.dictionary), chunk.indices)).as_py() or 0 for chunk in column.chunks
        )
        if total > unpacked_limit(path):  # one long word many times over
            raise bomb(path)
    try:
        return column.cast(pa.string())
    except pa.ArrowInvalid as error:  # bytes that are no UTF-8 come as binary
        raise not_utf8(path) from error
    except pa.ArrowNotImplementedError as error:
        raise ValueError(
            f"expected columns of numbers and words, but {path} has {column.type}: leave these out"
        ) from error


def check_quotes(path: Path, words: "pa.ChunkedArray", first_line: int) -> None:
    """Refuse a cell with several lines of text, which is mostly a quote that is not closed.

    Raises
    ------
    ValueError
        If there is one.
    """
    import pyarrow.compute

    pc: Any = pyarrow.compute
    if (place := pc.match_substring(words, "\n").index(True).as_py()) >= 0:
        raise ValueError(
            f"expected each line of {path} to be a row, but a cell that begins about line {first_line + place:,} goes "
            "on over several lines: close its quote, or take the line breaks out"
        )


def _known(column: "pa.ChunkedArray") -> "pa.ChunkedArray":
    """Drop what says that a cell is missing."""
    import pyarrow as pa
    import pyarrow.compute

    pc: Any = pyarrow.compute
    return column.filter(pc.invert(pc.is_in(column, pa.array([*MISSING_CELLS, None], pa.string()))))


def _share_of_numbers(column: "pa.ChunkedArray") -> float:
    import pyarrow.compute

    pc: Any = pyarrow.compute
    known = _known(column)
    is_one = pc.match_substring_regex(known, pattern=r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$")
    return (pc.sum(is_one).as_py() or 0) / max(1, len(known))


def _check_text(path: Path, name: str, column: "pa.ChunkedArray", first_line: int | None) -> None:
    """Refuse a column of numbers with a few words in it, which would be put aside because of them."""
    import pyarrow as pa

    if pa.types.is_binary(column.type):
        raise not_utf8(path)
    words = _strings(path, column)
    if first_line is not None:
        check_quotes(path, words, first_line)
    if _share_of_numbers(words) < 0.5:
        return
    place, word = next(((i, word) for i, word in enumerate(words.to_pylist()) if _is_word(word)), (None, None))
    if place is None or word is None:
        return
    line = "" if first_line is None else f" (line {first_line + place:,} if none is empty)"
    raise ValueError(
        f"expected numbers, but in {path} row {place + 1:,} of column '{name[:40]}' holds '{word[:40]}'{line}, while "
        "most of its cells are numbers: mend that cell, or leave it empty if it is missing"
    )


def _is_word(cell: str | None) -> bool:
    return cell is not None and cell not in MISSING_CELLS and not is_number(cell)


def _numbers(path: Path, name: str, column: "pa.ChunkedArray") -> NDArray[np.float64]:
    import pyarrow as pa

    if pa.types.is_boolean(column.type):
        column = column.cast(pa.uint8())
    numbers = column.cast(pa.float64(), safe=False).to_numpy()
    if np.isinf(numbers).any():
        place = int(np.flatnonzero(np.isinf(numbers))[0]) + 1
        raise ValueError(
            f"expected finite values, but in {path} row {place:,} of column '{name}' is infinite: leave it empty if it "
            "is missing"
        )
    return numbers
