"""MovieLens: ratings of films, 100 thousand to 25 million of them, and the published folds of the smallest set."""

import os
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from matmend.datasets._cache import fetch, find_data_folder
from matmend.io import Ratings, read_ratings

__all__ = ["RatingsSplit", "load_movielens", "load_movielens_fold"]

FOLDS = ("u1", "u2", "u3", "u4", "u5", "ua", "ub")


class Archive(NamedTuple):
    """What GroupLens publishes for one size: the folder and the file in the archive, and what must be in it."""

    member: str
    sha256: str
    num_entries: int
    shape: tuple[int, int]


ARCHIVES = {
    "100k": Archive(
        "ml-100k/u.data", "50d2a982c66986937beb9ffb3aa76efe955bf3d5c6b761f4e3a7cd717c6a3229", 100_000, (943, 1682)
    ),
    "1m": Archive(
        "ml-1m/ratings.dat", "a6898adb50b9ca05aa231689da44c217cb524e7ebd39d264c56e2832f2c54e20", 1_000_209, (6040, 3706)
    ),
    "10m": Archive(
        "ml-10M100K/ratings.dat",
        "813c411ccb6122564edfe752e7f80c4dcc5aa25fa94c93622f6877a7ba252862",
        10_000_054,
        (69_878, 10_677),
    ),
    "25m": Archive(
        "ml-25m/ratings.csv",
        "8b21cfb7eb1706b4ec0aac894368d90acf26ebdfb6aced3ebd4ad5bd1eb9c6aa",
        25_000_095,
        (162_541, 59_047),
    ),
}


@dataclass(frozen=True, eq=False)
class RatingsSplit:
    """Entries to learn from and entries to be judged by, as whoever published them parted them.

    Parameters
    ----------
    train, heldout : matmend.io.Ratings
        Of one shape and with the same ids, so that positions mean the same; no entry is in both.

    Examples
    --------
    >>> from matmend.datasets import find_data_folder
    >>> find_data_folder() is None or load_movielens_fold("u1").heldout.values.size == 20_000
    True
    """

    train: Ratings
    heldout: Ratings


def load_movielens(size: str = "100k", *, folder: str | os.PathLike[str] | None = None) -> Ratings:
    """Load all ratings of a MovieLens set.

    Parameters
    ----------
    size : {"100k", "1m", "10m", "25m"}
        943 users x 1,682 films; 6,040 x 3,706; 69,878 x 10,677; 162,541 x 59,047, counting films with ratings.
    folder : path, optional
        The data folder, with ``movielens100k/u.data``, ``movielens1m/ratings.dat``, ``movielens10m/ratings.dat`` or
        ``movielens25m/ratings.csv``, or else GroupLens's archive, ``movielens/ml-1m.zip``. By default the folder
        ``MATMEND_DATA``, then a download.

    Returns
    -------
    matmend.io.Ratings
        Whole stars from 1 to 5, half stars from 0.5 to 5 in "10m" and "25m"; ids as in the file, in increasing order.

    Raises
    ------
    ValueError
        If `size` is none of these, an archive is not GroupLens's (SHA-256), or a file has other numbers of ratings,
        users or films.
    FileNotFoundError
        If the file is not in `folder`, or cannot be downloaded.

    Notes
    -----
    Source: files.grouplens.org/datasets/movielens. GroupLens publishes MD5 sums; the SHA-256 sums here are those that
    several public projects pin for the same archives. The downloads themselves have not been run by matmend's tests,
    only the reading of archives and files.

    Licence: research use, no redistribution, no commercial use without permission, acknowledgement in publications;
    the full terms are in the README of each archive.

    References
    ----------
    Harper, Konstan, "The MovieLens datasets: history and context", doi:10.1145/2827872.

    Examples
    --------
    >>> from matmend.datasets import find_data_folder
    >>> find_data_folder() is None or load_movielens("100k").shape == (943, 1682)
    True
    """
    if size not in ARCHIVES:
        raise ValueError(f"size: expected one of {', '.join(ARCHIVES)}, got {size!r}; 100k downloads 5 MB.")
    archive = ARCHIVES[size]
    ratings = _read(size, Path(archive.member).name, folder)
    if (ratings.values.size, ratings.shape) != (archive.num_entries, archive.shape):
        raise ValueError(
            f"{archive.member}: expected {archive.num_entries:,} ratings, {archive.shape[0]:,} x {archive.shape[1]:,}, "
            f"got {ratings.values.size:,}, {ratings.shape[0]:,} x {ratings.shape[1]:,}; take GroupLens's file whole."
        )
    return ratings


def load_movielens_fold(name: str = "u1", *, folder: str | os.PathLike[str] | None = None) -> RatingsSplit:
    """Load one of the published splits of MovieLens-100K.

    Parameters
    ----------
    name : {"u1", "u2", "u3", "u4", "u5", "ua", "ub"}
        u1 to u5 are the folds of a cross-validation, 80,000 and 20,000 ratings; ua and ub hold out ten of each user.
    folder : path, optional
        The data folder, with ``movielens100k/u.data``, ``u1.base``, ``u1.test`` and so on, or else
        ``movielens/ml-100k.zip``. By default the folder ``MATMEND_DATA``, then a download.

    Returns
    -------
    RatingsSplit
        Both parts are 943 x 1,682, ids as in ``u.data``: films without a rating in `train` have rows and columns too.

    Raises
    ------
    ValueError
        If `name` is none of these, or the two parts of the files are not ``u.data``.
    FileNotFoundError
        If a file is not in `folder`, or cannot be downloaded.

    Notes
    -----
    In u1, 32 films have ratings in `heldout` only, one each: no collaborative method can know anything of them, and
    they belong to the error all the same. Source, licence and reference: :func:`load_movielens`.

    Examples
    --------
    >>> from matmend.datasets import find_data_folder
    >>> find_data_folder() is None or load_movielens_fold("u1").train.values.size == 80_000
    True
    """
    if name not in FOLDS:
        raise ValueError(f"name: expected one of {', '.join(FOLDS)}, got {name!r}; u1 is the usual one.")
    everything = load_movielens("100k", folder=folder)
    base, test = (_read("100k", f"{name}.{part}", folder) for part in ("base", "test"))
    train, heldout = _placed(base, everything), _placed(test, everything)
    if (
        train is None
        or heldout is None
        or not np.array_equal(np.sort(np.append(_keys(train), _keys(heldout))), np.sort(_keys(everything)))
    ):
        raise ValueError(
            f"{name}.base, {name}.test: expected the entries of u.data in two parts, got others; take the files "
            "as they were published."
        )
    return RatingsSplit(train, heldout)


def _read(size: str, name: str, folder: str | os.PathLike[str] | None) -> Ratings:
    """Read one file of a set: as such from a data folder, or out of the archive."""
    archive = ARCHIVES[size]
    ours = find_data_folder() if folder is None else Path(folder)
    path = None if ours is None else ours / f"movielens{size}" / name
    if path is not None and path.is_file():
        return read_ratings(path)
    zipped = f"ml-{size}.zip"
    url = f"https://files.grouplens.org/datasets/movielens/{zipped}"
    instead = f"{name} into its folder movielens{size}, or use datasets.power_law_ratings()"
    path = fetch(f"movielens/{zipped}", url, archive.sha256, folder=folder, instead=instead)
    with tempfile.TemporaryDirectory() as here, zipfile.ZipFile(path) as file:
        return read_ratings(file.extract(f"{Path(archive.member).parent}/{name}", here))


def _placed(part: Ratings, everything: Ratings) -> Ratings | None:
    """Give ids the positions that they have among all; None if some are not there."""
    positions = []
    for places, ids, known in (
        (part.rows, part.row_ids, everything.row_ids),
        (part.cols, part.col_ids, everything.col_ids),
    ):
        assert ids is not None
        assert known is not None
        lookup = np.searchsorted(known, ids).clip(0, known.size - 1)
        if not np.array_equal(known[lookup], ids):
            return None
        positions.append(lookup.astype(np.int32)[places])
    return Ratings(positions[0], positions[1], part.values, everything.shape, everything.row_ids, everything.col_ids)


def _keys(ratings: Ratings) -> NDArray[np.int64]:
    return ratings.rows.astype(np.int64) * ratings.shape[1] + ratings.cols
