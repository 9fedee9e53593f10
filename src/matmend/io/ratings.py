"""Lists of entries in: who rated what and how, one line each, up to hundreds of millions of lines."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from matmend.io.arrow_files import batches, column_names
from matmend.io.delimited import Layout, check_file, csv_options, in_our_words, is_number, is_whole, look, open_stream
from matmend.io.formats import format_of
from matmend.io.sparse_files import read_sparse
from matmend.io.streams import as_file

if TYPE_CHECKING:
    import pyarrow as pa

MOST_ENTRIES = 2**28
"""Files with more lines are refused: their numbers alone would take more than 4 GB."""

ROLES = (
    re.compile(r"users?([ _.-]?(id|name|no))?|uid|customers?([ _.-]?id)?|reviewer([ _.-]?id)?|rows?|drugs?"),
    re.compile(r"(items?|movies?|books?|products?|songs?|tracks?|business|games?|film)([ _.-]?id)?|iid|asin|isbn"
               r"|cols?|columns?|targets?"),
    re.compile(r"ratings?|scores?|stars|values?|counts?|weights?|plays|preference|interaction"),
    re.compile(r"(unix)?[ _.-]?time([ _.-]?stamp)?|timestamps?|dates?|ts"),
)  # fmt: skip
"""Names, in small letters, by which the columns of users, items, ratings and times are known."""


@dataclass(frozen=True, eq=False)
class Ratings:
    """The observed entries of a matrix, each once.

    Parameters
    ----------
    rows, cols : numpy.ndarray of int32, shape (e,)
        Positions from 0, in the order of the file.
    values : numpy.ndarray of float32, shape (e,)
        1 everywhere if the file has none.
    shape : tuple of int
        Numbers of rows and columns: of different ids, or those that the file states.
    row_ids, col_ids : numpy.ndarray, optional
        ``row_ids[i]`` is what the file calls row i: integers or str, increasing. None where the file counts positions.
    num_merged : int
        Lines that were dropped because the file has a later one for the same entry.
    num_without_value : int
        Lines that were dropped because their value is missing; their ids do not count either.
    """

    rows: NDArray[np.int32]
    cols: NDArray[np.int32]
    values: NDArray[np.float32]
    shape: tuple[int, int]
    row_ids: NDArray[Any] | None = None
    col_ids: NDArray[Any] | None = None
    num_merged: int = 0
    num_without_value: int = 0


def read_ratings(path: str | os.PathLike[str], *, header: bool | None = None) -> Ratings:
    r"""Read a list of entries: user, item and, if there are any, rating and time of each.

    Parameters
    ----------
    path : str or path-like
        Text with 2 to 4 columns user, item[, rating[, time]] parted by tabs, ``::``, commas, semicolons, ``|`` or
        spaces, with a line of names or without, packed (.gz, .bz2, .xz, .zst, .lz4) or not, as ``u.data`` of
        MovieLens-100K, ``ratings.dat`` of 1M or ``ratings.csv`` of 25M. More columns, and other orders, are fine if the
        first line gives them usual names. Or Parquet, Arrow IPC or Feather; or .npz, written by
        `scipy.sparse.save_npz` or with arrays ``rows``, ``cols`` and, if wanted, ``values`` and ``shape``; or .mtx
        (MatrixMarket), packed or not. ``-`` is standard input. The first bytes tell the format, the suffix only where
        they do not.
    header : bool, optional
        Whether the first line of a text file names the columns; by default it is looked at.

    Returns
    -------
    Ratings
        Ids are integers if all are, otherwise str; both get positions in their increasing order. If there are several
        lines for one entry, that with the latest time counts, and of equal ones the last. Zeros that are stored are
        observed.

    Raises
    ------
    ValueError
        If the file cannot be read, ids are missing, values are not finite numbers, or there are more than ``2**28``.

    Notes
    -----
    The file is read in pieces of 8 MB by several threads; besides the result there are at most some 40 bytes per line.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "ratings.dat")
    ...     _ = path.write_text("7::B::5::100\n3::A::4::50\n7::B::1::90\n")
    ...     ratings = read_ratings(path)
    >>> ratings.rows.tolist(), ratings.cols.tolist(), ratings.values.tolist(), ratings.num_merged
    ([1, 0], [1, 0], [5.0, 4.0], 1)
    >>> ratings.row_ids.tolist(), ratings.col_ids.tolist()
    ([3, 7], ['A', 'B'])
    """
    with as_file(path) as file:
        return _read(check_file(file), header)


def _read(path: Path, header: bool | None) -> Ratings:
    format_ = format_of(path)
    if format_ in ("npz", "mtx"):
        rows, cols, values, shape = read_sparse(path)
        return _once(Ratings(rows, cols, values, shape), None)
    if format_ not in ("text", "parquet", "arrow"):
        raise ValueError(f"expected a list of ratings, but {path} is a {format_} file: read it as a table or a picture")
    with in_our_words(
        lambda why: (
            f"expected lines with user, item and rating, but {path} cannot be read so ({why}): mend or replace it"
        )
    ):
        return _ratings(path, _text(path, header) if format_ == "text" else _arrow(path))


def roles(names: tuple[str, ...] | None) -> list[int] | None:
    """Tell by their names which columns are user, item and, if they are there, rating and time; None if not said.

    Examples
    --------
    >>> roles(("rating", "userId", "movieId")), roles(("height", "weight", "age"))
    ([1, 2, 0], None)
    """
    found: list[int] = []
    for role in ROLES:
        fits = [i for i, name in enumerate(names or ()) if role.fullmatch(name.strip().lower()) and i not in found]
        if len(fits) != 1:
            break
        found += fits
    return found if len(found) >= 2 else None


def _chosen(path: Path, names: tuple[str, ...] | None, num_columns: int) -> list[int]:
    by_name = roles(names)
    if by_name is not None and (len(by_name) >= 3 or num_columns == 2):
        return by_name
    if not 2 <= num_columns <= 4:
        raise ValueError(
            f"expected 2 to 4 columns user, item, rating and time, but {path} has {num_columns}: keep these, or name "
            "them user, item and rating in the first line"
        )
    return list(range(num_columns))


def _text(path: Path, header: bool | None) -> "pa.Table":
    import pyarrow as pa

    layout = look(path, header=header)
    chosen = _chosen(path, layout.names, layout.num_columns)
    words, whole = pa.dictionary(pa.int32(), pa.string()), pa.int64()
    types = {i: whole if all(is_whole(row[i]) for row in layout.sample) else words for i in chosen[:2]}
    types |= {i: pa.float32() for i in chosen[2:3]}
    types |= {i: pa.float64() for i in chosen[3:] if all(is_number(row[i]) for row in layout.sample)}
    while True:
        try:
            return _columns(_pieces(path, layout, types))
        except pa.ArrowInvalid as error:
            failed = re.search(r"In CSV column #(\d+)", str(error))
            place = -1 if failed is None else int(failed.group(1)) // len(layout.separator)
            if types.get(place) == whole:
                types[place] = words  # whole numbers in the first lines, words further down: once more, as words
            elif chosen[3:] == [place] and place in types:
                del types[place]  # a time in words does not order lines
            else:
                raise


def _pieces(path: Path, layout: Layout, types: dict[int, Any]) -> Iterator["pa.RecordBatch"]:
    import pyarrow.csv as pacsv

    options = csv_options(layout)
    options["convert_options"].include_columns = [str(i) for i in types]
    options["convert_options"].column_types = {str(i): type_ for i, type_ in types.items()}
    with open_stream(path) as stream, pacsv.open_csv(stream, **options) as reader:
        yield from reader


def _arrow(path: Path) -> "pa.Table":
    names = column_names(path)
    return _columns(batches(path, columns=_chosen(path, names, len(names)), rows=2**20))


def _columns(pieces: Iterator["pa.RecordBatch"]) -> "pa.Table":
    import pyarrow as pa

    found, count = [], 0
    for piece in pieces:
        count += piece.num_rows
        if count > MOST_ENTRIES:
            raise ValueError(f"expected at most {MOST_ENTRIES:,} entries, but there are more: split the file")
        found.append(piece)
    if count == 0:
        raise ValueError("expected lines with user, item and rating, but there is none: replace the file")
    return pa.Table.from_batches(found)


def _ratings(path: Path, table: "pa.Table") -> Ratings:
    """Map ids to positions; columns are freed as soon as they have been."""
    values, times, keep = np.ones(table.num_rows, np.float32), None, None
    if table.num_columns > 2:
        values, keep = _values(path, table.column(2))
    if table.num_columns > 3:
        times = _times(table.column(3))
    (rows, row_ids), table = _positions(path, "user", table.column(0), keep), table.remove_column(0)
    cols, col_ids = _positions(path, "item", table.column(0), keep)
    del table
    if keep is not None:
        values, times = values[keep], None if times is None else times[keep]
    ratings = Ratings(rows, cols, values, (len(row_ids), len(col_ids)), row_ids, col_ids)
    dropped = 0 if keep is None else int(np.count_nonzero(~keep))
    return replace(_once(ratings, times), num_without_value=dropped)


def _values(path: Path, column: "pa.ChunkedArray") -> tuple[NDArray[np.float32], NDArray[np.bool_] | None]:
    import pyarrow as pa

    if pa.types.is_dictionary(column.type) or not (
        pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_boolean(column.type)
        or pa.types.is_decimal(column.type)
    ):  # fmt: skip
        raise ValueError(f"expected numbers as ratings, but {path} has {column.type}: put user, item, rating in order")
    values = column.cast(pa.float32(), safe=False).to_numpy()
    missing = np.isnan(values)
    if np.isinf(values).any():
        place = int(np.flatnonzero(np.isinf(values))[0]) + 1
        raise ValueError(f"expected finite ratings, but {path} has one beyond single precision, entry {place:,}")
    if missing.all():
        raise ValueError(f"expected ratings, but in {path} every one is missing: put user, item, rating in order")
    return values, ~missing if missing.any() else None


def _times(column: "pa.ChunkedArray") -> NDArray[Any] | None:
    """Return what orders lines in time, missing ones first of all; None if it is no number and no date."""
    import pyarrow as pa

    if pa.types.is_floating(column.type):
        times = column.to_numpy()
        return np.where(np.isnan(times), -np.inf, times)
    if pa.types.is_date(column.type):
        column = column.cast(pa.timestamp("ms"))
    if pa.types.is_integer(column.type) or pa.types.is_timestamp(column.type):
        return column.cast(pa.int64(), safe=False).fill_null(-(2**62)).to_numpy()
    return None


def _positions(
    path: Path, role: str, column: "pa.ChunkedArray", keep: NDArray[np.bool_] | None
) -> tuple[NDArray[np.int32], NDArray[Any]]:
    """Return the position of each id among all different ones, and these in increasing order."""
    import pyarrow as pa

    if column.null_count:
        place = column.is_null().index(True).as_py() + 1
        raise ValueError(f"expected a {role} in every line, but {path} has none in entry {place:,}: mend that line")
    if pa.types.is_integer(column.type):
        ids = column.cast(pa.int64()).to_numpy()
        return _whole_positions(ids if keep is None else ids[keep])
    if not pa.types.is_dictionary(column.type):
        column = column.cast(pa.string()).dictionary_encode()
    column = column.unify_dictionaries()
    codes = np.concatenate([chunk.indices.to_numpy(zero_copy_only=False) for chunk in column.chunks])
    words = np.array([str(word) for word in column.chunk(0).dictionary.to_pylist()], dtype=object)
    if any("\n" in word for word in words):
        raise ValueError(
            f"expected each line of {path} to be an entry, but a {role} goes on over several: close its quote"
        )
    if keep is not None:
        codes = codes[keep]
    present = np.zeros(len(words), bool)
    present[codes] = True
    if "" in (blanks := {word.strip(): i for i, word in enumerate(words) if not word.strip() and present[i]}):
        place = int(np.flatnonzero(codes == blanks[""])[0]) + 1
        raise ValueError(f"expected a {role} in every line, but {path} has none in entry {place:,}: mend that line")
    order = np.argsort(words, kind="stable")
    order = order[present[order]]
    lookup = np.zeros(len(words), np.int32)
    lookup[order] = np.arange(len(order), dtype=np.int32)
    return lookup[codes], words[order]


def _whole_positions(ids: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    low, high = int(ids.min()), int(ids.max())
    if high - low > 4 * ids.size + 2**20:
        different, positions = np.unique(ids, return_inverse=True)
        return positions.astype(np.int32), different
    present = np.zeros(high - low + 1, bool)  # a table to look up in: many times quicker than sorting
    offsets = ids - low
    present[offsets] = True
    lookup = np.cumsum(present, dtype=np.int32) - np.int32(1)
    return lookup[offsets], np.flatnonzero(present) + low


def _once(ratings: Ratings, times: NDArray[Any] | None) -> Ratings:
    """Keep the latest of several lines for one entry, in the order of the file."""
    keys = ratings.rows.astype(np.int64) * ratings.shape[1] + ratings.cols
    if not _has_equals(keys):
        return ratings
    order = np.argsort(keys, kind="stable") if times is None else np.lexsort((times, keys))
    ordered = keys[order]
    is_last = np.append(ordered[1:] != ordered[:-1], True)
    kept = np.sort(order[is_last])
    merged = keys.size - kept.size
    return replace(
        ratings, rows=ratings.rows[kept], cols=ratings.cols[kept], values=ratings.values[kept], num_merged=merged
    )


def _has_equals(keys: NDArray[np.int64]) -> bool:
    ordered = np.sort(keys)
    return bool((ordered[1:] == ordered[:-1]).any())
