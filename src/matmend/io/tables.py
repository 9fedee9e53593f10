"""Tables with gaps in: a matrix of numbers, NaN where a cell is empty, with the names of its rows and columns."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from matmend.io.delimited import check_file, csv_options, in_our_words, look, not_utf8, open_stream, reason
from matmend.io.matrix_market import read_array, read_header
from matmend.io.sparse_files import archive_arrays

if TYPE_CHECKING:
    import pyarrow as pa

MOST_CELLS = 2**27
"""Larger tables are refused: dense, they would take more than 1 GB, and completing them many times that."""

_ROW_NAMES = {"", "id", "index", "row", "name", "names", "key", "unnamed: 0", "__index_level_0__"}


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
    """

    values: NDArray[np.float64]
    row_names: tuple[str, ...] | None = None
    col_names: tuple[str, ...] | None = None
    row_header: str | None = None
    aside: tuple[str, ...] = ()

    @property
    def mask(self) -> NDArray[np.bool_]:
        """True where observed."""
        return ~np.isnan(self.values)


def read_table(path: str | os.PathLike[str], *, header: bool | None = None) -> Table:
    r"""Read a table in which cells may be missing.

    Parameters
    ----------
    path : str or path-like
        Text with cells parted by commas, tabs, semicolons, ``|`` or spaces, packed (.gz, .bz2, .zst, .lz4) or not;
        .parquet; a matrix in .npy or, alone, in .npz; a full matrix in .mtx.
    header : bool, optional
        Whether the first line of a text file names the columns; by default it is looked at.

    Returns
    -------
    Table
        Missing are empty cells, NA, N/A, NaN, null, None, ``?``, ``.`` and ``-``. The first column gives the names of
        the rows if it holds text, or whole numbers that are all different under a name such as "id". Other columns of
        text or dates are put aside and named in ``aside``. True and false are 1 and 0.

    Raises
    ------
    ValueError
        If the file cannot be read, has infinite values, no column of numbers or more than ``2**27`` cells, or if most
        cells of a column are numbers and a few are not: that is more likely a mistake than text.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "small.csv")
    ...     _ = path.write_text("city,t1,t2,note\nRome,20,NA,dry\nOslo,,7.5,wet\n")
    ...     table = read_table(path)
    >>> table.values, table.row_names, table.col_names, table.aside
    (array([[20. ,  nan],
           [ nan,  7.5]]), ('Rome', 'Oslo'), ('t1', 't2'), ('note',))
    """
    path = check_file(path)
    suffix = path.suffix.lower()
    if suffix in (".npy", ".npz", ".mtx"):
        return Table(_dense(path))
    import pyarrow as pa

    try:
        return _parquet(path) if suffix == ".parquet" else _text(path, header)
    except (pa.ArrowException, OSError, MemoryError) as error:
        raise ValueError(
            f"expected a table, but {path} cannot be read as one ({reason(error)}): mend or replace the file"
        ) from error


def _text(path: Path, header: bool | None) -> Table:
    import pyarrow.csv as pacsv

    layout = look(path, header=header)
    if path.stat().st_size > 32 * MOST_CELLS:
        raise _too_large(path)
    with open_stream(path) as stream:
        table = pacsv.read_csv(stream, **csv_options(layout))
    return _table(path, table, layout.names)


def _parquet(path: Path) -> Table:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        if file.metadata.num_rows * len(file.schema_arrow.names) > MOST_CELLS:
            raise _too_large(path)
        table = file.read()
    return _table(path, table, tuple(table.column_names))


def _too_large(path: Path) -> ValueError:
    return ValueError(
        f"expected at most {MOST_CELLS:,} cells in a table, but {path} has more: save its observed entries as a list "
        "of row, column and value"
    )


def _table(path: Path, table: "pa.Table", names: tuple[str, ...] | None) -> Table:
    if table.num_rows == 0:
        raise ValueError(f"expected lines of data, but {path} has none: replace it")
    if table.num_rows * table.num_columns > MOST_CELLS:
        raise _too_large(path)
    called = names or tuple(f"column {i}" for i in range(1, table.num_columns + 1))
    rows = _row_names(table, called, has_names=names is not None)
    kept: list[int] = []
    for i in range(table.num_columns):
        if i == 0 and rows is not None:
            continue
        if _is_numeric(table.column(i).type):
            kept.append(i)
        else:
            _check_text(path, called[i], table.column(i))
    if not kept:
        raise ValueError(f"expected columns of numbers, but {path} has only text: is it the right file?")
    values = np.empty((table.num_rows, len(kept)))
    for k, i in enumerate(kept):
        values[:, k] = _numbers(path, called[i], table.column(i))
    first = 0 if rows is None else 1
    aside = tuple(called[i] for i in range(first, table.num_columns) if i not in kept)
    row_header = None if rows is None or names is None else called[0]
    return Table(values, rows, tuple(called[i] for i in kept) if names else None, row_header, aside)


def _is_numeric(type_: Any) -> bool:
    import pyarrow as pa

    tests = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_decimal, pa.types.is_null)
    return any(test(type_) for test in tests)


def _row_names(table: "pa.Table", called: tuple[str, ...], *, has_names: bool) -> tuple[str, ...] | None:
    import pyarrow as pa

    first = table.column(0)
    if table.num_columns == 1 or pa.types.is_null(first.type):
        return None
    if not _is_numeric(first.type):
        if _share_of_numbers(first) > 0 and len(first.unique()) < len(first):
            return None  # rather measurements with a word among them
        return tuple("" if name is None else str(name) for name in _strings(first).to_pylist())
    is_called_id = has_names and (called[0].lower() in _ROW_NAMES or called[0].lower().endswith(("_id", " id", ".id")))
    if is_called_id and pa.types.is_integer(first.type) and not first.null_count and len(first.unique()) == len(first):
        return tuple(str(name) for name in first.to_pylist())
    return None


def _strings(column: "pa.ChunkedArray") -> "pa.ChunkedArray":
    import pyarrow as pa

    try:
        return column.cast(pa.string())
    except pa.ArrowInvalid as error:  # bytes that are no UTF-8 come as binary
        raise ValueError("expected text in UTF-8, but the file holds other bytes: save it as CSV in UTF-8") from error
    except pa.ArrowNotImplementedError:  # lists and records: any words will do for a column put aside
        return pa.chunked_array([[str(value) for value in column.to_pylist()]])


def _share_of_numbers(column: "pa.ChunkedArray") -> float:
    import pyarrow as pa
    import pyarrow.compute as pc

    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return 0.0
    is_number = pc.match_substring_regex(column, pattern=r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$")  # pyright: ignore[reportAttributeAccessIssue]
    return (pc.sum(is_number).as_py() or 0) / len(column)  # pyright: ignore[reportAttributeAccessIssue]


def _check_text(path: Path, name: str, column: "pa.ChunkedArray") -> None:
    """Refuse a column of numbers with a few words in it, which would be put aside because of them."""
    import pyarrow as pa

    if pa.types.is_binary(column.type):
        raise not_utf8(path)
    if _share_of_numbers(column) < 0.5:
        return
    from matmend.io.delimited import MISSING, is_number

    words = column.to_pylist()
    place, word = next(
        (i, word) for i, word in enumerate(words, 1) if word is not None and word not in MISSING and not is_number(word)
    )
    raise ValueError(
        f"expected numbers, but in {path} row {place:,} of column '{name}' holds '{word[:40]}', while most of its "
        "cells are numbers: mend that cell, or leave it empty if it is missing"
    )


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


def _dense(path: Path) -> NDArray[np.float64]:
    """Read a matrix that was saved as one array."""
    with in_our_words(lambda why: f"expected a matrix, but {path} cannot be read as one ({why}): save it again"):
        array = _load(path)
    if not isinstance(array, np.ndarray) or array.ndim != 2 or array.size == 0 or array.dtype.kind not in "biuf":
        found = f"{array.dtype} of shape {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
        raise ValueError(f"expected a matrix (m, n) of real numbers, but {path} holds {found}")
    if array.size > MOST_CELLS:
        raise _too_large(path)
    values = np.array(array, dtype=np.float64)
    if np.isinf(values).any():
        raise ValueError(f"expected finite values or NaN, but {path} has infinite ones: set those to NaN")
    return values


def _load(path: Path) -> Any:
    if path.suffix.lower() == ".npy":
        return np.load(path, mmap_mode="r", allow_pickle=False)  # mapped: a header can state any size
    if path.suffix.lower() == ".mtx":
        header = read_header(path)
        if header.layout != "array":
            raise ValueError(f"expected a full matrix, but {path} holds a list of entries: read it as ratings")
        if header.num_stated > min(MOST_CELLS, path.stat().st_size):
            raise ValueError(
                f"expected {header.rows} x {header.cols} numbers as {path} states, but it cannot hold so many"
            )
        return read_array(path)
    shapes = archive_arrays(path)
    if len(shapes) != 1:
        raise ValueError(f"expected one matrix, but {path} holds the arrays {', '.join(shapes) or 'none'}")
    (name,) = shapes
    with np.load(path, allow_pickle=False) as archive:
        return archive[name]
