"""The Netflix prize: 100 million ratings, read from the files that the user has."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from matmend.datasets.movielens import RatingsSplit
from matmend.io import Ratings

__all__ = ["load_netflix_prize"]

PIECE = 2**25
"""Bytes of a file that are taken apart at a time."""
DATE = len(",5,2005-09-06")
"""What stands in every line after the number of the customer."""
LONGEST = 10
"""Digits of a number; the prize's customers have 7."""
NEWLINE, COMMA, COLON, ZERO = b"\n,:0"

Columns = tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.uint8]]


def load_netflix_prize(folder: str | os.PathLike[str]) -> RatingsSplit:
    r"""Load the ratings of the Netflix prize from a folder, and hold out its probe set.

    Parameters
    ----------
    folder : path
        With ``training_set/mv_0000001.txt`` and so on, one file per film, as the prize gave them out; or with
        ``combined_data_1.txt`` to ``combined_data_4.txt``, as they are passed on at Kaggle. And ``probe.txt``. There is
        no download: Netflix withdrew the data.

    Returns
    -------
    RatingsSplit
        ``heldout`` are the entries of ``probe.txt``, whose ratings stand in the other files, taken out of `train`; none
        if there is no such file. Both have all customers (480,189) and films (17,770), ids in increasing order.
        Entries come film after film, as in the files; ratings are whole stars from 1 to 5.

    Raises
    ------
    FileNotFoundError
        If there are no files with ratings in the folder.
    ValueError
        If a line is not ``film:`` or ``customer,rating,YYYY-MM-DD`` (in ``probe.txt``, ``customer``), an entry comes
        twice, or one of the probe set has no rating.

    Notes
    -----
    Files are read in pieces of 32 MB. A rating takes 12 bytes in the end, and at most 48 until then (10 million lines
    measured): 5 GB for the prize. The dates are not kept. ``qualifying.txt`` has no ratings, so it is not read. This is
    tested on files of both layouts that were made up, not on the prize's own.

    Licence: the prize's terms, research use only, no redistribution.

    References
    ----------
    Bennett, Lanning, "The Netflix prize", Proceedings of KDD Cup and Workshop 2007.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as here:
    ...     ratings = "1:\n30,5,2005-09-06\n7,3,2004-01-31\n2:\n7,4,2005-12-01\n"
    ...     _ = Path(here, "combined_data_1.txt").write_text(ratings)
    ...     _ = Path(here, "probe.txt").write_text("1:\n7\n")
    ...     split = load_netflix_prize(here)
    >>> split.train.row_ids.tolist(), split.train.rows.tolist(), split.train.values.tolist()
    ([7, 30], [1, 0], [5.0, 4.0])
    >>> split.heldout.rows.tolist(), split.heldout.cols.tolist(), split.heldout.values.tolist()
    ([0], [0], [3.0])
    """
    place = Path(folder)
    paths = sorted(place.glob("training_set/mv_*.txt")) or sorted(place.glob("mv_*.txt"))
    paths = paths or sorted(place.glob("combined_data_*.txt"))
    if not paths:
        raise FileNotFoundError(
            f"{place}: expected training_set/mv_*.txt or combined_data_*.txt, got none; pass the folder of the prize's "
            "files, which cannot be downloaded any more."
        )
    customers, films, stars = _joined(columns for path in paths for columns in _pieces(path, tail=DATE))
    row_ids, rows = np.unique(customers, return_inverse=True)
    del customers
    col_ids, cols = np.unique(films, return_inverse=True)
    del films
    rows, cols = rows.astype(np.int32), cols.astype(np.int32)
    everything = Ratings(rows, cols, stars.astype(np.float32), (row_ids.size, col_ids.size), row_ids, col_ids)
    keys = rows.astype(np.int64) * col_ids.size + cols
    order = np.argsort(keys)
    ordered = keys[order]
    del keys
    if (ordered[1:] == ordered[:-1]).any():
        raise ValueError(f"{place}: expected every customer and film once, got some twice; keep one copy of each file.")
    is_probe = np.zeros(rows.size, bool)
    probe = place / "probe.txt"
    if probe.is_file():
        customers, films, _ = _joined(_pieces(probe, tail=0))
        wanted = _among(row_ids, customers, probe) * col_ids.size + _among(col_ids, films, probe)
        is_probe[order[_among(ordered, wanted, probe)]] = True
    return RatingsSplit(_chosen(everything, ~is_probe), _chosen(everything, is_probe))


def _pieces(path: Path, *, tail: int) -> Iterator[Columns]:
    """Read a file in pieces: customers, films, ratings; `tail` characters stand after a customer."""
    film, rest = None, b""
    with path.open("rb") as file:
        while True:
            read = file.read(PIECE)
            text = rest + read
            if not read and text and not text.endswith(b"\n"):
                text += b"\n"  # the last line may have no end
            end = text.rfind(b"\n") + 1
            text, rest = text[:end].replace(b"\r", b""), text[end:]
            if text:
                columns, film = _parsed(path, np.frombuffer(text, np.uint8), film, tail)
                yield columns
            if not read:
                return


def _parsed(path: Path, text: NDArray[np.uint8], film: int | None, tail: int) -> tuple[Columns, int | None]:
    """Take whole lines apart, given the film that they begin with; also return the film that they end with."""
    ends = np.flatnonzero(text == NEWLINE)
    starts = np.append(0, ends[:-1] + 1)
    filled = ends > starts
    starts, ends = starts[filled], ends[filled]
    is_film = text[ends - 1] == COLON
    first = np.append(-1 if film is None else film, _numbers(path, text, starts[is_film], ends[is_film] - 1))
    films = first[np.cumsum(is_film)][~is_film].astype(np.int32)
    starts, ends = starts[~is_film], ends[~is_film]
    if films.size and films.min() < 0:
        raise ValueError(f"{path}: expected a line such as 1: first, for the film, got another; take the whole file.")
    stars = np.zeros(films.size, np.uint8)
    if tail:
        short = ends - starts <= tail
        places = np.where(short, starts, ends - tail)
        stars = text[np.minimum(places + 1, text.size - 1)] - np.uint8(ZERO)
        commas = (text[places] == COMMA) & (text[np.minimum(places + 2, text.size - 1)] == COMMA)
        wrong = short | ~commas | (stars < 1) | (stars > 5)
        if wrong.any():
            _refuse(path, text, starts[wrong][0], ends[wrong][0], "customer,rating,YYYY-MM-DD, rating 1 to 5")
    return (_numbers(path, text, starts, ends - tail), films, stars), int(first[-1]) if first[-1] >= 0 else None


def _numbers(
    path: Path, text: NDArray[np.uint8], starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> NDArray[np.int32]:
    """Read the whole numbers that stand from `starts` to before `ends`."""
    numbers = np.zeros(starts.size, np.int64)
    lengths = ends - starts
    wrong = (lengths < 1) | (lengths > LONGEST)
    for place in range(min(LONGEST, int(lengths.max(initial=0)))):
        there = lengths > place
        digits = text[starts[there] + place].astype(np.int64) - ZERO
        numbers[there] = 10 * numbers[there] + digits
        wrong[there] |= (digits < 0) | (digits > 9)
    wrong |= numbers >= 2**31
    if wrong.any():
        _refuse(path, text, starts[wrong][0], ends[wrong][0], "a whole number")
    return numbers.astype(np.int32)


def _refuse(path: Path, text: NDArray[np.uint8], start: int, end: int, expected: str) -> None:
    line = text[start : min(end, start + 60)].tobytes().decode("latin-1")
    raise ValueError(f"{path}: expected {expected}, got {line!r}; mend the line or take the prize's file.")


def _joined(pieces: Iterator[Columns]) -> Columns:
    parts = list(pieces)
    if not sum(stars.size for _, _, stars in parts):
        raise ValueError("expected lines with ratings, got none; take the prize's files.")
    customers, films, stars = zip(*parts, strict=True)
    del parts
    return np.concatenate(customers), np.concatenate(films), np.concatenate(stars)


def _among(known: NDArray[np.integer], wanted: NDArray[np.integer], path: Path) -> NDArray[np.int64]:
    """Return positions in an increasing array."""
    places = np.searchsorted(known, wanted).clip(0, known.size - 1)
    if not np.array_equal(known[places], wanted):
        raise ValueError(f"{path}: expected entries with a rating in the other files, got others; take all of them.")
    return places


def _chosen(ratings: Ratings, which: NDArray[np.bool_]) -> Ratings:
    return Ratings(
        ratings.rows[which], ratings.cols[which], ratings.values[which], ratings.shape, ratings.row_ids, ratings.col_ids
    )
