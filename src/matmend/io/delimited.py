"""How a text file of cells is laid out: what parts its cells, whether its first line names the columns."""

import contextlib
import csv
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matmend.io.formats import open_packed

if TYPE_CHECKING:
    import pyarrow as pa

MISSING = (
    "", " ", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NAN", "-NaN", "-nan", "null", "NULL", "None", "none",
    "?", ".", "-",
)  # fmt: skip
"""Cells that hold no number because it is missing; all other cells without a number are text."""
MISSING_CELLS = tuple(
    dict.fromkeys(f"{left}{word}{right}" for word in MISSING for left in ("", " ") for right in ("", " "))
)
"""The same with a space on either side, as numbers may have one: `1, 2, NA`."""

HEAD = 2**16
"""Bytes looked at to tell the layout."""
MOST_COLUMNS = 2**16
"""Wider tables of text, Parquet or Arrow are refused."""
_LONGEST_LINE = 2**24
_SEPARATORS = ("::", "\t", ";", "|", ",", " ")
_WORDS = {"::": "'::'", "\t": "tabs", ";": "';'", "|": "'|'", ",": "','", " ": "spaces"}
_NUMBER = re.compile(r"\s*[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?\s*", re.ASCII)
_WHOLE = re.compile(r"\s*[+-]?\d{1,19}\s*", re.ASCII)  # longer ones are no 64-bit integers


@dataclass(frozen=True)
class Layout:
    """What the first lines of a text file show.

    Parameters
    ----------
    separator : str
        What stands between two cells: ``::``, a tab, ``;``, ``|``, ``,`` or a space.
    names : tuple of str, optional
        The cells of the first line, if that line names the columns.
    num_columns : int
    decimal_comma : bool
        Whether numbers are written as ``3,5``; only where cells are not parted by commas.
    sample : tuple of tuples of str
        The first lines below the names, as cells.
    """

    separator: str
    names: tuple[str, ...] | None
    num_columns: int
    decimal_comma: bool
    sample: tuple[tuple[str, ...], ...]

    @property
    def words(self) -> str:
        """The separator in words, for messages."""
        return _WORDS[self.separator]


def is_number(cell: str) -> bool:
    """Tell whether a cell holds a finite number, with a decimal point or comma.

    Examples
    --------
    >>> is_number("-1.5e3"), is_number("3,5"), is_number("NaN"), is_number("A12")
    (True, True, False, False)
    """
    return _NUMBER.fullmatch(cell) is not None


def is_whole(cell: str) -> bool:
    """Tell whether a cell holds an integer.

    Examples
    --------
    >>> is_whole("196"), is_whole("4.0")
    (True, False)
    """
    return _WHOLE.fullmatch(cell) is not None


def open_stream(path: str | os.PathLike[str]) -> "pa.NativeFile":
    """Open a file for reading, unpacked on the way if it is packed by gzip, bzip2, xz, zstd or lz4.

    Raises
    ------
    ValueError
        If there is no such file, or it is a folder or cannot be opened.

    Examples
    --------
    >>> open_stream("not-there.csv")
    Traceback (most recent call last):
        ...
    ValueError: expected a file, but not-there.csv is not there: check the path
    """
    import pyarrow as pa

    check_file(path)
    try:
        return open_packed(path)
    except (OSError, pa.ArrowException) as error:
        raise ValueError(f"expected a readable file, but {path} gave '{reason(error)}': check it") from error


def check_file(path: str | os.PathLike[str]) -> Path:
    """Return the path of a file that is there and not empty.

    Raises
    ------
    ValueError
        If it is not there, is a folder or a device, or is empty.

    Examples
    --------
    >>> check_file(".")
    Traceback (most recent call last):
        ...
    ValueError: expected a file, but . is a folder: name a file in it
    """
    path = Path(path)
    if not path.exists():
        raise ValueError(f"expected a file, but {path} is not there: check the path")
    if path.is_dir():
        raise ValueError(f"expected a file, but {path} is a folder: name a file in it")
    if not path.is_file():
        raise ValueError(f"expected a file, but {path} is a device or a pipe: save its content as a file")
    if path.stat().st_size == 0:
        raise ValueError(f"expected a file with data, but {path} is empty: replace it")
    return path


def reason(error: BaseException) -> str:
    """Return what an exception of a library says, on one line and cut to a length that can be read."""
    return " ".join(str(error).split())[:200] or type(error).__name__


@contextlib.contextmanager
def in_our_words(message: Callable[[str], str]) -> Iterator[None]:
    """Turn whatever parsers raise on damaged bytes, which has no common base class, into one ValueError.

    Ours, which begin with "expected", pass.

    Parameters
    ----------
    message : callable ``reason -> message``

    Examples
    --------
    >>> with in_our_words(lambda why: f"expected a pair, but {why}"):
    ...     a, b = [1]
    Traceback (most recent call last):
        ...
    ValueError: expected a pair, but not enough values to unpack (expected 2, got 1)
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, ValueError) and str(error).startswith("expected"):
            raise
        raise ValueError(message(reason(error))) from error


def look(path: str | os.PathLike[str], *, header: bool | None = None) -> Layout:
    r"""Tell the layout of a text file from its first 64 KB.

    Parameters
    ----------
    path : str or path-like
        Text in UTF-8, packed or not.
    header : bool, optional
        Whether the first line names the columns. By default it does if one of its cells is text above numbers, or if
        it is text followed by whole numbers that increase, such as years.

    Returns
    -------
    Layout

    Raises
    ------
    ValueError
        If the file cannot be read, is not text in UTF-8, or its lines have not the same number of cells.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "small.csv")
    ...     _ = path.write_text("name;2001;2002\nnorth;3,5;\nsouth;;7,25\n")
    ...     layout = look(path)
    >>> layout.separator, layout.names, layout.decimal_comma
    (';', ('name', '2001', '2002'), True)
    """
    lines = _first_lines(path)
    check_width(path, 1 + max(map(lines[0].count, _SEPARATORS)))
    tried = {mark: _cells(lines, mark) for mark in _SEPARATORS}
    even = {mark: rows for mark, rows in tried.items() if len({len(row) for row in rows}) == 1 and len(rows[0]) > 1}
    if not even:
        raise _uneven(path, tried)
    separator, rows = next(iter(even.items()))
    has_names = _is_header(rows) if header is None else header
    names = tuple(cell.strip() for cell in rows[0]) if has_names else None
    body = tuple(tuple(row) for row in (rows[1:] if has_names else rows))
    if not body:
        raise ValueError(f"expected lines of data, but {path} has only a line of names: replace it")
    commas = separator != "," and any("," in cell and is_number(cell) for row in body for cell in row)
    return Layout(separator, names, len(rows[0]), commas, body)


def check_width(path: str | os.PathLike[str], count: int) -> None:
    """Refuse a table with more than 65,536 columns: each costs kilobytes, however short it is.

    Raises
    ------
    ValueError
        If there are more.
    """
    if count > MOST_COLUMNS:
        raise ValueError(
            f"expected at most {MOST_COLUMNS:,} columns, but {path} has {count:,}: turn rows and columns round, or "
            "save it as .npy"
        )


def _first_lines(path: str | os.PathLike[str]) -> list[str]:
    import pyarrow as pa

    try:
        with open_stream(path) as stream:
            head = bytes(stream.read(HEAD))
            while b"\n" not in head[:-1] and len(head) < _LONGEST_LINE and (more := bytes(stream.read(len(head)))):
                head += more
            is_whole_file = not stream.read(1)
    except (OSError, pa.ArrowException) as error:
        raise ValueError(f"expected a readable file, but {path} gave '{reason(error)}': check it") from error
    if b"\0" in head:
        to = "as CSV in UTF-8, or a picture as PNG, JPEG, TIFF, BMP or WebP"
        raise ValueError(f"expected a text file, but {path} holds binary data of an unknown kind: save it {to}")
    if not is_whole_file:
        cut = max(head.rfind(b"\n"), head.rfind(b"\r"))
        if cut < 0:
            raise ValueError(f"expected lines of text, but the first of {path} has more than {len(head)} characters")
        head = head[:cut]
    try:
        lines = head.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise not_utf8(path) from error
    lines = [line for line in lines if line.strip()]
    if not lines:
        raise ValueError(f"expected lines of data, but {path} has only empty ones: replace it")
    return lines


def not_utf8(path: str | os.PathLike[str]) -> ValueError:
    """Return the error for text in another encoding."""
    return ValueError(f"expected text in UTF-8, but {path} holds other bytes: save it as CSV in UTF-8")


def _cells(lines: list[str], separator: str) -> list[list[str]]:
    if separator == "::":
        return [line.split("::") for line in lines]
    try:
        return [row for row in csv.reader(lines, delimiter=separator) if row]
    except csv.Error:  # a cell beyond the limit of the csv module
        return [[""]]


def _uneven(path: str | os.PathLike[str], tried: dict[str, list[list[str]]]) -> ValueError:
    mark, rows = max(tried.items(), key=lambda item: len(item[1][0]))
    first = len(rows[0])
    if first == 1:
        return ValueError(
            f"expected cells parted by commas, semicolons, tabs, '|', '::' or spaces, but {path} has one column: "
            "save it as CSV"
        )
    place, other = next((i, len(row)) for i, row in enumerate(rows, 1) if len(row) != first)
    return ValueError(
        f"expected the same number of cells in every line, but {path} has {first} in its first line and {other} in "
        f"line {place} (parted by {_WORDS[mark]}): mend that line"
    )


def _is_header(rows: list[list[str]]) -> bool:
    first, after = rows[0], rows[0][1:]
    # Above a line with a number every cell counts: 1,four is a mistake. Below words only, a word that stands for
    # nothing in every column ("missing") must not make data of their names.
    least = 1.0 if any(map(is_number, first)) else 0.5
    for name, *cells in zip(*rows, strict=True):
        known = [cell for cell in cells if cell not in MISSING_CELLS]
        is_name = name not in MISSING_CELLS and not is_number(name)
        if is_name and known and sum(map(is_number, known)) >= least * len(known):
            return True
    is_text = first[0] not in MISSING_CELLS and not is_number(first[0])
    if (is_text or not first[0].strip()) and len(after) > 1 and all(map(is_whole, after)):
        numbers = [int(cell) for cell in after]  # years or positions; data do not increase along a line of two or more
        return all(a < b for a, b in pairwise(numbers))
    return False


def csv_options(layout: Layout) -> dict[str, Any]:
    """Return pyarrow's options for a file of this layout, whose columns are called "0", "1" and so on.

    Examples
    --------
    >>> sorted(csv_options(Layout(",", ("a", "b"), 2, False, (("1", "2"),))))
    ['convert_options', 'parse_options', 'read_options']
    """
    import pyarrow.csv as pacsv

    width = 1 if layout.separator != "::" else 2  # '::' is two ':' with an empty cell between them
    names = [str(i // width) if i % width == 0 else f"between {i}" for i in range(width * (layout.num_columns - 1) + 1)]
    return {
        "read_options": pacsv.ReadOptions(
            column_names=names, skip_rows_after_names=int(layout.names is not None), block_size=2**23
        ),
        "parse_options": pacsv.ParseOptions(
            delimiter=layout.separator[0],
            quote_char='"' if layout.separator != "::" else False,
            newlines_in_values=True,  # if not, a quote that never closes takes lines with it unseen
        ),
        "convert_options": pacsv.ConvertOptions(
            include_columns=[str(i) for i in range(layout.num_columns)],
            null_values=list(MISSING_CELLS),
            strings_can_be_null=False,
            decimal_point="," if layout.decimal_comma else ".",
        ),
    }
