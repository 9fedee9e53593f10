"""Pairs with values as a table in standard units, a model of it, and the model in the units of the values again."""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from matmend.io import Ratings
from matmend.methods.ratings import RatingsModel


class PredictedIntervals(NamedTuple):
    """Bounds of values.

    Attributes
    ----------
    lower, upper : float64 arrays of shape (e,)
    """

    lower: NDArray[np.float64]
    upper: NDArray[np.float64]


class DuplicatePairsWarning(UserWarning):
    """A pair of ids, in the same circumstances, has several values; their mean was taken."""


def warn_of_duplicates(codes: Sequence[NDArray[np.int64]]) -> None:
    """Warn if some lines are the same in all columns.

    Parameters
    ----------
    codes : sequence of int64 arrays of shape (e,)
        Positions of the ids of each column.
    """
    order = np.lexsort(list(codes))
    is_new = np.any([np.diff(column[order]) != 0 for column in codes], axis=0)
    num_more = int(np.count_nonzero(~is_new))
    if num_more:
        warnings.warn(
            f"{num_more} of {order.size} samples have the ids of another one: the mean of their values was taken. If "
            "only the latest counts, drop the others; if they differ in something (time, device), give it as a further "
            "column of X.",
            DuplicatePairsWarning,
            stacklevel=3,
        )


def pair_keys(rows: NDArray[np.integer], cols: NDArray[np.integer], num_cols: int) -> NDArray[np.int64]:
    """Return a number for every pair."""
    return rows.astype(np.int64) * num_cols + cols


def averaged(
    rows: NDArray[np.int64], cols: NDArray[np.int64], values: NDArray[np.float64], shape: tuple[int, int]
) -> Ratings:
    """Return the pairs in increasing order, each once, with the mean of its values.

    Examples
    --------
    >>> found = averaged(np.array([1, 0, 1]), np.array([0, 1, 0]), np.array([1.0, 5.0, 2.0]), (2, 2))
    >>> found.rows.tolist(), found.cols.tolist(), found.values.tolist()
    ([0, 1], [1, 0], [5.0, 1.5])
    """
    keys, places, counts = np.unique(pair_keys(rows, cols, shape[1]), return_inverse=True, return_counts=True)
    means = np.bincount(places, values, minlength=keys.size) / counts
    i, j = np.divmod(keys, shape[1])
    return Ratings(i.astype(np.int32), j.astype(np.int32), means.astype(np.float32), shape)


def joined(old: Ratings, new: Ratings) -> tuple[Ratings, Ratings]:
    """Return all pairs, a new value in place of an old one, and those of rows with new pairs, with positions as ids.

    Examples
    --------
    >>> ones, zero = np.ones(2, np.float32), np.zeros(1, np.int32)
    >>> old = Ratings(np.array([0, 1], np.int32), np.array([1, 1], np.int32), ones, (2, 2))
    >>> both, told = joined(old, Ratings(zero + 1, zero, 7 * ones[:1], (2, 2)))
    >>> both.values.tolist(), told.row_ids.tolist(), told.values.tolist()
    ([1.0, 1.0, 7.0], [1], [1.0, 7.0])
    """
    n = new.shape[1]
    is_kept = ~np.isin(pair_keys(old.rows, old.cols, n), pair_keys(new.rows, new.cols, n))
    rows, cols = np.concatenate([old.rows[is_kept], new.rows]), np.concatenate([old.cols[is_kept], new.cols])
    values = np.concatenate([old.values[is_kept], new.values])
    is_told = np.isin(rows, new.rows)
    ids, places = np.unique(rows[is_told], return_inverse=True)
    told = Ratings(places.astype(np.int32), cols[is_told], values[is_told], (ids.size, n), row_ids=ids)
    return Ratings(rows, cols, values, new.shape), told


def in_units(model: RatingsModel, offset: float, scale: float) -> RatingsModel:
    """Return the model of ``offset + scale * values``.

    Examples
    --------
    >>> model = in_units(RatingsModel.of_factors([[1.0], [2.0]], [[3.0]]), 10.0, 2.0)
    >>> model.predict([1], [0]).values.tolist(), standard(model).predict([1], [0]).values.tolist()
    ([22.0], [6.0])
    """
    errors = (None if error is None else scale * error for error in (model.heldout_error, model.baseline_error))
    heldout_error, baseline_error = errors
    return replace(
        model, offset=offset + scale * model.offset, scale=scale * model.scale, low=offset + scale * model.low,
        high=offset + scale * model.high, heldout_error=heldout_error, baseline_error=baseline_error,
    )  # fmt: skip


def standard(model: RatingsModel) -> RatingsModel:
    """Return the model in units in which its offset is 0 and its scale 1: float32 keeps all digits there."""
    low, high = ((bound - model.offset) / model.scale for bound in (model.low, model.high))
    return replace(model, offset=0.0, scale=1.0, low=low, high=high)
