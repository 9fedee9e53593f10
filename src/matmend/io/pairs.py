"""Lists of pairs in: which user and which item somebody asks about, one line each, read in pieces."""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from matmend.io.arrow_files import batches, schema_of
from matmend.io.delimited import Layout, check_file, csv_options, in_our_words, is_whole, look, open_stream
from matmend.io.formats import format_of
from matmend.io.ratings import roles
from matmend.io.streams import as_file

if TYPE_CHECKING:
    import pyarrow as pa

PIECE = 2**18
"""Pairs in a piece, at most."""


@dataclass(frozen=True, eq=False)
class Pairs:
    """A file of pairs that has been looked through once.

    Parameters
    ----------
    path : Path
    names : pair of str, optional
        What the file calls its columns of users and items.
    num_pairs : int
    are_whole : pair of bool
        Whether all users, and all items, are integers.
    columns : tuple of int
        Which columns of the file they are.
    layout : Layout, optional
        None for Parquet.
    """

    path: Path
    names: tuple[str, str] | None
    num_pairs: int
    are_whole: tuple[bool, bool]
    columns: tuple[int, ...]
    layout: Layout | None

    def pieces(self, *, as_text: Sequence[bool] = (False, False)) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
        """Read users and items, in the order of the file, at most some 260,000 at once.

        Parameters
        ----------
        as_text : pair of bool
            Whether ids are wanted as they are written even if all are integers.

        Yields
        ------
        users, items : numpy.ndarray of int64, or of str objects
        """
        whole = [is_whole and not text for is_whole, text in zip(self.are_whole, as_text, strict=True)]
        for batch in _batches(replace(self, are_whole=(whole[0], whole[1]))):
            users, items = (_ids(batch.column(i)) for i in range(2))
            yield users, items


def open_pairs(path: str | os.PathLike[str]) -> Pairs:
    r"""Look through a list of pairs user, item.

    Parameters
    ----------
    path : str or path-like
        Text as [`read_ratings`][matmend.io.read_ratings] takes it, Parquet, Arrow or Feather; ``-`` is
        standard input. More columns are fine: the pair is in
        those that are called like user and item, otherwise in the first two.

    Returns
    -------
    Pairs
        Everything that could go wrong with the file has been seen to; its ids are not in memory.

    Raises
    ------
    ValueError
        If the file cannot be read, has one column only, or an id is missing.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "pairs.csv")
    ...     _ = path.write_text("movieId,userId\n31,7\n31,x\n")
    ...     pairs = open_pairs(path)
    ...     [(users.tolist(), items.tolist()) for users, items in pairs.pieces()]
    [(['7', 'x'], [31, 31])]
    >>> pairs.names, pairs.num_pairs, pairs.are_whole
    (('userId', 'movieId'), 2, (False, True))
    """
    with as_file(path) as file:
        return _opened(check_file(file))


def _opened(path: Path) -> Pairs:
    import pyarrow as pa

    format_ = format_of(path)
    if format_ not in ("text", "parquet", "arrow"):
        raise ValueError(f"expected a list of pairs, but {path} is a {format_} file: save it as CSV or Parquet")
    with in_our_words(
        lambda why: f"expected lines with user and item, but {path} cannot be read so ({why}): mend or replace it"
    ):
        pairs = _text(path) if format_ == "text" else _arrow(path)
        while True:
            try:
                return _looked_through(pairs)
            except pa.ArrowInvalid as error:
                # Whole numbers in the first lines, words further down: once more, as words.
                pairs = _with_words(pairs, error)


def _text(path: Path) -> Pairs:
    layout = look(path)
    if layout.names is None and roles(layout.sample[0]) is not None:
        layout = look(path, header=True)  # names above words look like words
    users, items = _chosen(layout.names)
    sample = layout.sample
    are_whole = all(is_whole(row[users]) for row in sample), all(is_whole(row[items]) for row in sample)
    names = None if layout.names is None else (layout.names[users], layout.names[items])
    return Pairs(path, names, 0, are_whole, (users, items), layout)


def _arrow(path: Path) -> Pairs:
    import pyarrow as pa

    schema = schema_of(path)
    if len(schema.names) < 2:
        raise ValueError(f"expected columns user and item, but {path} has {len(schema.names)}: add the other")
    users, items = _chosen(tuple(schema.names))
    whole = [pa.types.is_integer(schema.field(i).type) for i in (users, items)]
    names = (schema.names[users], schema.names[items])
    return Pairs(path, names, 0, (whole[0], whole[1]), (users, items), None)


def _chosen(names: tuple[str, ...] | None) -> tuple[int, int]:
    users, items = (roles(names) or [0, 1])[:2]
    return users, items


def _with_words(pairs: Pairs, error: Exception) -> Pairs:
    failed = re.search(r"In CSV column #(\d+)", str(error))
    if failed is None or pairs.layout is None:
        raise error
    place = int(failed.group(1)) // len(pairs.layout.separator)
    whole = [is_whole and column != place for is_whole, column in zip(pairs.are_whole, pairs.columns, strict=True)]
    if (whole[0], whole[1]) == pairs.are_whole:
        raise error
    return replace(pairs, are_whole=(whole[0], whole[1]))


def _looked_through(pairs: Pairs) -> Pairs:
    import pyarrow.compute

    pc: Any = pyarrow.compute  # its functions are made when it is loaded, out of sight of type checkers
    count = 0
    for batch in _batches(pairs):
        for role, column in zip(("user", "item"), batch.columns, strict=True):
            missing = column.is_null()
            if not _is_whole(column):
                missing = pc.or_kleene(missing, pc.equal(pc.utf8_trim_whitespace(column), ""))
                if pc.any(pc.match_substring(column, "\n")).as_py():
                    raise ValueError(
                        f"expected each line of {pairs.path} to be a pair, but a {role} goes on over several: close "
                        "its quote"
                    )
            if (place := missing.index(True).as_py()) >= 0:
                raise ValueError(
                    f"expected a {role} in every line, but {pairs.path} has none in pair {count + place + 1:,}: mend "
                    "that line"
                )
        count += batch.num_rows
    if count == 0:
        raise ValueError(f"expected lines with user and item, but {pairs.path} has none: replace the file")
    return replace(pairs, num_pairs=count)


def _batches(pairs: Pairs) -> "Iterator[pa.RecordBatch]":
    """Read in pieces of two columns, each of int64 or of strings."""
    import pyarrow as pa

    types = [pa.int64() if is_whole else pa.string() for is_whole in pairs.are_whole]
    opened: Callable[..., Iterator[pa.RecordBatch]] = _from_arrow if pairs.layout is None else _from_text
    for batch in opened(pairs, types):
        for start in range(0, batch.num_rows, PIECE):
            yield batch.slice(start, PIECE)


def _from_text(pairs: Pairs, types: "list[pa.DataType]") -> "Iterator[pa.RecordBatch]":
    import pyarrow.csv as pacsv

    assert pairs.layout is not None
    options, names = csv_options(pairs.layout), [str(i) for i in pairs.columns]
    options["convert_options"].include_columns = names
    options["convert_options"].column_types = dict(zip(names, types, strict=True))
    with open_stream(pairs.path) as stream, pacsv.open_csv(stream, **options) as reader:
        yield from reader


def _from_arrow(pairs: Pairs, types: "list[pa.DataType]") -> "Iterator[pa.RecordBatch]":
    import pyarrow as pa

    for batch in batches(pairs.path, columns=list(pairs.columns), rows=PIECE):
        columns = [column.cast(type_) for column, type_ in zip(batch.columns, types, strict=True)]
        yield pa.RecordBatch.from_arrays(columns, names=["user", "item"])


def _is_whole(column: "pa.Array") -> bool:
    import pyarrow as pa

    return pa.types.is_integer(column.type)


def _ids(column: "pa.Array") -> NDArray[Any]:
    if _is_whole(column):
        return column.to_numpy(zero_copy_only=False)
    return np.asarray(column.to_pylist(), dtype=object)
