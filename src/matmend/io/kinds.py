"""Which kind of input a file is, told from its first bytes: a picture, a mask, a table, ratings or a model."""

import os
from pathlib import Path
from typing import Literal

import numpy as np

from matmend.io.arrow_files import column_names
from matmend.io.delimited import MISSING_CELLS, Layout, check_file, in_our_words, is_number, is_whole, look
from matmend.io.formats import format_of, open_text
from matmend.io.npy import map_array
from matmend.io.ratings import ROLES, roles
from matmend.io.sparse_files import archive_arrays
from matmend.io.streams import as_file

Kind = Literal["picture", "mask", "table", "ratings", "model"]

OF_A_MODEL = {"U", "V", "row_precision", "col_precision"}
"""Arrays in the .npz file of a model of ratings, and of nothing else."""
OF_SPARSE = {"format", "shape", "data"}
OF_ENTRIES = {"rows", "cols"}


def tell_kind(path: str | os.PathLike[str], *, header: bool | None = None) -> Kind:
    r"""Tell what a file holds.

    Parameters
    ----------
    path : str or path-like
        ``-`` is standard input, which can be read after it.
    header : bool, optional
        Whether the first line of a text file names the columns; by default it is looked at.

    Returns
    -------
    {"picture", "mask", "table", "ratings", "model"}
        See the notes.

    Raises
    ------
    ValueError
        If the file cannot be read, or may as well be a table of three or four columns as ratings.

    Notes
    -----
    The first bytes tell the format, and the suffix only where they do not. In that format:

    - a picture is PNG, JPEG, TIFF, BMP or WebP; a mask is an .npy file of booleans;
    - a model is an .npz file with the arrays of a model of ratings;
    - ratings are entries, that is .npz of `scipy.sparse` or with ``rows`` and ``cols``, and .mtx in the layout
      ``coordinate``; or columns (text, Parquet, Arrow) whose names are like user, item and rating; or text parted by
      ``::``, or without names in three or four columns: two of words and a number, or two of whole numbers, a number
      and a time in seconds;
    - a table is all else: columns of numbers with other names, or not three or four, or with gaps or fractions in the
      first two; .npy, .npz and MATLAB files with matrices, and .mtx in the layout ``array``.

    Three or four columns without such names, of which the first two are whole numbers without gaps, can be both.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "ratings.csv")
    ...     _ = path.write_text("userId,movieId,rating,timestamp\n1,31,2.5,1260759144\n")
    ...     tell_kind(path)
    'ratings'
    """
    with (
        as_file(path) as file,
        in_our_words(lambda why: f"expected a file that can be read, but {path} cannot ({why}): mend or replace it"),
    ):
        return _kind(check_file(file), header)


def _kind(path: Path, header: bool | None) -> Kind:
    format_ = format_of(path)
    if format_ == "picture":
        return "picture"
    if format_ == "npy":
        return "mask" if _dtype(path) == np.bool_ else "table"
    if format_ == "npz":
        names = set(archive_arrays(path))
        if names >= OF_A_MODEL:
            return "model"
        return "ratings" if names >= OF_SPARSE or names >= OF_ENTRIES else "table"
    if format_ == "mtx":
        with (
            in_our_words(lambda why: f"expected a MatrixMarket file, but {path} is not one ({why})"),
            open_text(path) as file,
        ):
            return "table" if " array " in file.readline(200).lower() else "ratings"
    if format_ in ("parquet", "arrow"):
        return "ratings" if roles(column_names(path)) is not None else "table"
    if format_ in ("mat", "hdf5"):
        return "table"
    return _of_text(path, look(path, header=header))


def _dtype(path: Path) -> np.dtype:
    with in_our_words(
        lambda why: f"expected an array saved by numpy.save, but {path} is not one ({why}): save it again"
    ):
        return map_array(path).dtype


def _of_text(path: Path, layout: Layout) -> Kind:
    by_name = roles(layout.names)
    if by_name is not None and (len(by_name) >= 3 or layout.num_columns == 2):
        return "ratings"
    if layout.separator == "::":
        return "ratings"
    columns = list(zip(*layout.sample, strict=True))
    if layout.num_columns not in (3, 4) or not all(map(is_number, columns[2])):
        return "table"
    are_words = [not any(is_number(cell) or cell in MISSING_CELLS for cell in column) for column in columns[:2]]
    if not all(words or all(map(is_whole, column)) for words, column in zip(are_words, columns, strict=False)):
        return "table"
    if are_words[1]:
        return "ratings"  # two columns of words and one of numbers make no matrix
    if are_words[0]:
        return "table"  # names of rows, and numbers
    if layout.names is not None and not _is_any_role(layout.names):
        return "table"
    if layout.num_columns == 4 and all(is_whole(cell) and int(cell) > 10**8 for cell in columns[3]):
        return "ratings"
    raise ValueError(
        f"expected to see what {path} holds, but its {layout.num_columns} columns of numbers can be a table of "
        f"{layout.num_columns} columns or a list of user, item and rating: say --as table or --as ratings"
    )


def _is_any_role(names: tuple[str, ...]) -> bool:
    return any(role.fullmatch(name.strip().lower()) for role in ROLES for name in names)
