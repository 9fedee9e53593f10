"""Which kind of input a file is, told from its first bytes: a picture, a mask, a table with gaps or ratings."""

import os
from pathlib import Path
from typing import Literal

import numpy as np

from matmend.io.delimited import Layout, check_file, in_our_words, is_number, is_whole, look, reason
from matmend.io.ratings import roles
from matmend.io.sparse_files import archive_arrays

Kind = Literal["picture", "mask", "table", "ratings"]

_PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp")
_MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"RIFF")


def tell_kind(path: str | os.PathLike[str], *, header: bool | None = None) -> Kind:
    r"""Tell what a file holds.

    Parameters
    ----------
    path : str or path-like
    header : bool, optional
        Whether the first line of a text file names the columns; by default it is looked at.

    Returns
    -------
    {"picture", "mask", "table", "ratings"}
        A mask is a .npy file of booleans. Ratings are .npz and .mtx files of entries; and columns whose names are like
        user, item and rating, or parted by ``::``, or, without names, two columns of whole numbers that repeat, a
        number and a time in seconds.

    Raises
    ------
    ValueError
        If the file cannot be read, or may as well be a table of three or four columns as ratings.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "ratings.csv")
    ...     _ = path.write_text("userId,movieId,rating,timestamp\n1,31,2.5,1260759144\n")
    ...     tell_kind(path)
    'ratings'
    """
    path = check_file(path)
    suffix = path.suffix.lower()
    with path.open("rb") as file:
        head = file.read(16)
    if suffix in _PICTURES or head.startswith(_MAGIC[:2] + _MAGIC[3:]):
        return "picture"
    if suffix == ".npy":
        return "mask" if _dtype(path) == np.bool_ else "table"
    if suffix == ".npz":
        names = archive_arrays(path)
        return "table" if len(names) == 1 else "ratings"
    if suffix == ".mtx":
        with path.open("rb") as file:
            return "table" if b" array " in file.readline(200).lower() else "ratings"
    if suffix == ".parquet" or head.startswith(b"PAR1"):
        return "ratings" if roles(_parquet_names(path)) is not None else "table"
    return _of_text(path, look(path, header=header))


def _dtype(path: Path) -> np.dtype:
    with in_our_words(
        lambda why: f"expected an array saved by numpy.save, but {path} is not one ({why}): save it again"
    ):
        return np.load(path, mmap_mode="r", allow_pickle=False).dtype


def _parquet_names(path: Path) -> tuple[str, ...]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return tuple(pq.read_schema(path).names)
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"expected a Parquet file, but {path} is not one ({reason(error)}): replace it") from error


def _of_text(path: Path, layout: Layout) -> Kind:
    by_name = roles(layout.names)
    if by_name is not None and (len(by_name) >= 3 or layout.num_columns == 2):
        return "ratings"
    if layout.separator == "::":
        return "ratings"
    columns = list(zip(*layout.sample, strict=True))
    if layout.num_columns not in (3, 4) or not all(map(is_number, columns[2])):
        return "table"
    are_ids = [all(map(is_whole, column)) or not any(map(is_number, column)) for column in columns[:2]]
    if not all(are_ids):
        return "table"
    if not any(map(is_number, columns[1])):
        return "ratings"  # two columns of words and one of numbers make no matrix
    if not any(map(is_number, columns[0])):
        return "table"  # names of rows, and numbers
    if layout.num_columns == 4 and all(is_whole(cell) and int(cell) > 10**8 for cell in columns[3]):
        return "ratings"
    raise ValueError(
        f"expected to see what {path} holds, but its {layout.num_columns} columns of numbers can be a table of "
        f"{layout.num_columns} columns or a list of user, item and rating: say --as table or --as ratings"
    )
