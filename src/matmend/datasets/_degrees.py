"""Which entries are observed, given how many each row and each column should have."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["degrees", "distinct_entries"]

MOST_ROUNDS = 24
"""Of drawing anew, all rows at once; what is left then are few rows, which have nearly all popular columns."""


def degrees(size: int, total: int, most: int, exponent: float, *, shift: float, floor: float) -> NDArray[np.int64]:
    """Share out `total` entries: the k-th of `size` gets ``((1 + shift) / (k / size + shift))^exponent - 1 + floor``.

    Parameters
    ----------
    size, total : int
        Number of rows, and of entries in all, at least `size`.
    most : int
        No degree is larger.
    exponent, shift, floor : float
        Of the formula, which gives proportions; k from 1/2 on.

    Returns
    -------
    int64 array, shape (size,)
        Decreasing, at least 1, of sum `total` exactly.

    Examples
    --------
    >>> degrees(5, 100, 1000, 1.0, shift=0.1, floor=0.5).tolist()
    [50, 22, 13, 9, 6]
    """
    share = ((1 + shift) / ((np.arange(size) + 0.5) / size + shift)) ** exponent - 1 + floor
    low, high = 0.0, total / share.min()
    for _ in range(100):  # the factor with which clipped degrees have the right sum
        factor = (low + high) / 2
        low, high = (factor, high) if np.clip(factor * share, 1, most).sum() < total else (low, factor)
    real = np.clip(high * share, 1, most)
    whole = np.floor(real).astype(np.int64)
    order = np.argsort(whole - real, kind="stable")  # those that lost most by rounding first
    left = total - int(whole.sum())
    whole[order[: max(left, 0)]] += 1
    return np.sort(whole)[::-1]


def distinct_entries(
    row_degrees: NDArray[np.int64], col_degrees: NDArray[np.int64], rng: np.random.Generator
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Draw entries, none twice: rows have exactly the degrees, columns about.

    Parameters
    ----------
    row_degrees, col_degrees : int64 array, shape (m,) or (n,)
        Of equal sum, at least 1; those of rows at most n.
    rng : numpy.random.Generator

    Returns
    -------
    rows, cols : int32 array, shape (sum of degrees,)
        Row after row, columns increasing; every row and column is there.

    Notes
    -----
    Half-edges of rows and of columns are joined at random (the configuration model). Where an entry came twice, one of
    the two draws another column by popularity; the other stays, so no column is lost. This goes on until all differ.
    The most popular columns fall short of their degree, as if each row drew by popularity and put nothing back.
    """
    n = col_degrees.size
    stubs = np.repeat(np.arange(n, dtype=np.int32), col_degrees)
    keys = np.repeat(np.arange(row_degrees.size, dtype=np.int64) * n, row_degrees)
    keys += rng.permutation(stubs)
    keys.sort()
    parts = []
    for _ in range(MOST_ROUNDS):
        again = np.append(False, keys[1:] == keys[:-1])
        if not again.any():
            break
        # Only rows with a double are looked at further.
        rows = keys // n
        is_open = np.zeros(row_degrees.size, bool)
        is_open[rows[again]] = True
        is_open = is_open[rows]
        parts.append(keys[~is_open])
        rows, keys, again = rows[is_open], keys[is_open], again[is_open]
        keys[again] = rows[again] * n + stubs[rng.integers(stubs.size, size=int(again.sum()))]
        keys.sort()
    keys = np.unique(keys)
    missing = row_degrees - np.bincount(keys // n, minlength=row_degrees.size) if keys.size else row_degrees * 0
    for done in parts:
        missing -= np.bincount(done // n, minlength=row_degrees.size)
    parts.append(keys)
    for row in np.flatnonzero(missing):
        mine = keys[np.searchsorted(keys, row * n) : np.searchsorted(keys, (row + 1) * n)] - row * n
        # The least of exponential times with these rates are draws by popularity, none of them twice.
        times = rng.standard_exponential(n) / col_degrees
        times[mine] = np.inf
        parts.append(row * n + np.argpartition(times, missing[row] - 1)[: missing[row]])
    keys = np.sort(np.concatenate(parts))
    rows = keys // n
    return rows.astype(np.int32), (keys - rows * n).astype(np.int32)
