"""From what files call rows and columns to positions, and what to do about the unknown."""

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

_WHOLE = re.compile(r"\s*[+-]?[0-9]{1,18}\s*")


def all_ids(ids: NDArray[Any] | None, count: int) -> NDArray[Any]:
    """Return the ids, or positions where there are none."""
    return np.arange(count) if ids is None else ids


def positions(ids: NDArray[Any], known: NDArray[Any] | None, count: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the position of each id among the known ones, `count` for an unknown one, and whether it is known.

    Parameters
    ----------
    ids : array of shape (e,)
        Integers or words; words that are numbers find integers, and the other way round.
    known : array of shape (count,), optional
        Increasing; without it ids are positions.
    count : int

    Examples
    --------
    >>> places, is_known = positions(np.array([7, 8]), np.array([5, 7]), 2)
    >>> places.tolist(), is_known.tolist()
    ([1, 2], [True, False])
    """
    if known is None:
        if ids.size and not np.issubdtype(ids.dtype, np.integer):
            raise ValueError(
                f"The ratings had no ids: expected positions 0 to {count - 1} (integers), got {ids.dtype}."
            )
        is_known = (ids >= 0) & (ids < count)
        return np.where(is_known, ids, count).astype(np.int64), is_known
    is_words, is_whole = not np.issubdtype(known.dtype, np.integer), np.ones(ids.shape, bool)
    if is_words:
        known, ids = words(known), words(ids)
    elif not np.issubdtype(ids.dtype, np.integer):
        numbers = [int(word) if _WHOLE.fullmatch(word) else None for word in words(ids).tolist()]
        is_whole = np.array([number is not None for number in numbers], bool)
        ids = np.array([number or 0 for number in numbers], np.int64)
    place = np.minimum(np.searchsorted(known, ids), max(known.size - 1, 0))
    is_known = is_whole & (np.asarray(known[place] == ids, bool) if known.size else False)
    return np.where(is_known, place, count).astype(np.int64), is_known


def words(ids: NDArray[Any]) -> NDArray[np.object_]:
    """Return ids as words.

    Examples
    --------
    >>> words(np.array([7, "b"], object)).tolist()
    ['7', 'b']
    """
    return np.array([str(word) for word in ids.tolist()], object)
