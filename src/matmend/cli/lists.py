"""Lists of ratings, users and pairs as the command line takes them: with ids always, cut into parts, put together."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matmend.io import Ratings, read_ratings
from matmend.io.arrow_files import column_names
from matmend.io.delimited import check_file, look, not_utf8
from matmend.io.formats import format_of
from matmend.io.ratings import ROLES, roles
from matmend.io.streams import as_file

PLAIN_NAMES = ("user", "item")
ADDED_NAMES = ("rank", "prediction", "expected_error", "lower", "upper", "known")
"""Columns that outputs have besides."""


def read_with_ids(path: Path) -> Ratings:
    """Read ratings; where the file counts positions these are the ids: from 1 in MatrixMarket files, from 0 in .npz."""
    ratings = read_ratings(path)
    if ratings.row_ids is not None and ratings.col_ids is not None:
        return ratings
    with as_file(path) as file:
        first = int(format_of(file) == "mtx")
    row_ids, col_ids = (np.arange(first, first + size) for size in ratings.shape)
    return replace(ratings, row_ids=row_ids, col_ids=col_ids)


def names_in(path: Path) -> tuple[str, str]:
    """Return what a file of ratings calls its columns of users and items, if it does.

    Examples
    --------
    >>> names_in(Path("ratings.npz"))
    ('user', 'item')
    """
    if path.suffix.lower() in (".npz", ".mtx"):
        return PLAIN_NAMES
    with as_file(path) as file:
        format_ = format_of(file)
        if format_ in ("npz", "mtx"):
            return PLAIN_NAMES
        names = column_names(file) if format_ in ("parquet", "arrow") else look(file).names
    if names is None:
        return PLAIN_NAMES
    users, items = (roles(names) or [0, 1])[:2]
    return usable_names((names[users], names[items]))


def usable_names(names: tuple[str, str] | None) -> tuple[str, str]:
    """Return names for two columns, plain ones if these are not there or would occur twice.

    Examples
    --------
    >>> usable_names(("userId", "movieId")), usable_names(("a", "known")), usable_names(None)
    (('userId', 'movieId'), ('user', 'item'), ('user', 'item'))
    """
    if names is None or not all(names) or names[0] == names[1] or set(names) & set(ADDED_NAMES):
        return PLAIN_NAMES
    return names


def read_users(path: Path) -> NDArray[Any]:
    r"""Read ids, one in each line; a first line that is called like users is left out.

    Raises
    ------
    ValueError
        If there is none, or the file is no text in UTF-8.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "users.txt")
    ...     _ = path.write_text("userId\n196\n186\n\n")
    ...     read_users(path).tolist()
    ['196', '186']
    """
    try:
        lines = check_file(path).read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise not_utf8(path) from error
    ids = [line.strip() for line in lines if line.strip()]
    ids = ids[1:] if ids and ROLES[0].fullmatch(ids[0].lower()) else ids
    if not ids:
        raise ValueError(f"expected ids of users, one in each line, but {path} has none: replace it")
    return np.array(ids, dtype=object)


def part_of(ratings: Ratings, keep: NDArray[np.bool_]) -> Ratings:
    """Return some of the entries; rows and columns that have none of them are not known any more.

    Examples
    --------
    >>> whole = Ratings(*np.array([[0, 1, 2], [0, 0, 1], [5, 4, 3]]), (3, 2), np.array([7, 8, 9]), np.array(["a", "b"]))
    >>> part = part_of(whole, np.array([True, False, True]))
    >>> part.rows.tolist(), part.shape, part.row_ids.tolist()
    ([0, 1], (2, 2), [7, 9])
    """
    assert ratings.row_ids is not None
    assert ratings.col_ids is not None
    rows, row_ids = _renumbered(ratings.rows[keep], ratings.row_ids)
    cols, col_ids = _renumbered(ratings.cols[keep], ratings.col_ids)
    return Ratings(rows, cols, ratings.values[keep], (row_ids.size, col_ids.size), row_ids, col_ids)


def together(first: Ratings, second: Ratings) -> Ratings:
    """Return the entries of both lists, those of the second after those of the first.

    Examples
    --------
    >>> one, two = (Ratings(*np.array([[0], [0], [x]]), (1, 1), np.array([x]), np.array(["a"])) for x in (5, 3))
    >>> both = together(one, two)
    >>> both.row_ids.tolist(), both.rows.tolist(), both.cols.tolist()
    ([3, 5], [1, 0], [0, 0])
    """
    rows, row_ids = _joined(first.rows, first.row_ids, second.rows, second.row_ids)
    cols, col_ids = _joined(first.cols, first.col_ids, second.cols, second.col_ids)
    return Ratings(rows, cols, np.append(first.values, second.values), (row_ids.size, col_ids.size), row_ids, col_ids)


def like_ids(ratings: Ratings, row_ids: NDArray[Any] | None, col_ids: NDArray[Any] | None, path: Path) -> Ratings:
    """Return ratings with ids of the type of others: words or integers.

    Raises
    ------
    ValueError
        If words should be integers.
    """
    return replace(
        ratings, row_ids=_like(ratings.row_ids, row_ids, "users", path),
        col_ids=_like(ratings.col_ids, col_ids, "items", path),
    )  # fmt: skip


def blocks(ids: NDArray[Any], size: int) -> Iterator[NDArray[Any]]:
    """Cut ids into pieces."""
    return (ids[first : first + size] for first in range(0, ids.size, size))


def _like(ids: NDArray[Any] | None, others: NDArray[Any] | None, role: str, path: Path) -> NDArray[Any]:
    assert ids is not None
    if others is not None and others.dtype == object:
        return ids if ids.dtype == object else ids.astype(str).astype(object)
    if ids.dtype == object:
        raise ValueError(
            f"expected integers as {role}, as the model has them, but {path} has words: mend or replace it"
        )
    return ids


def _renumbered(positions: NDArray[np.int32], ids: NDArray[Any]) -> tuple[NDArray[np.int32], NDArray[Any]]:
    is_there = np.zeros(ids.size, bool)
    is_there[positions] = True
    return (np.cumsum(is_there, dtype=np.int32) - np.int32(1))[positions], ids[is_there]


def _joined(
    first: NDArray[np.int32], first_ids: NDArray[Any] | None, second: NDArray[np.int32], second_ids: NDArray[Any] | None
) -> tuple[NDArray[np.int32], NDArray[Any]]:
    assert first_ids is not None
    assert second_ids is not None
    ids = np.union1d(first_ids, second_ids)
    places = (np.searchsorted(ids, own).astype(np.int32) for own in (first_ids, second_ids))
    return np.concatenate([place[positions] for place, positions in zip(places, (first, second), strict=True)]), ids
