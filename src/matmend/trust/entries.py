"""Prediction intervals for ratings: a list of entries of a large sparse matrix."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from matmend.io import Ratings
from matmend.methods.ratings import RatingsModel, complete_ratings
from matmend.trust.conformal import bounds, check_coverage, threshold

SHARE, MOST = 0.1, 50_000
"""Share of the ratings set aside for calibration, and most of them."""
FEW_LEVELS = 100
"""Of values that are so few different ones the least and the greatest are taken to be the ends of the scale."""


@dataclass(frozen=True, eq=False)
class EntryIntervals:
    """A model of ratings that tells between which bounds a rating lies.

    Attributes
    ----------
    model : RatingsModel
        Of the ratings that were not set aside.
    coverage : float
    calibration : int
        Number of ratings that the widths rest on.
    limit : float
        How many expected errors an interval reaches to each side.
    half_width : float
        How far intervals of one width for all would have to reach instead.
    low, high : float
        Bounds are not beyond these, the ends of the scale of ratings; infinite if there is none.
    """

    model: RatingsModel
    coverage: float
    calibration: int
    limit: float
    half_width: float
    low: float = -np.inf
    high: float = np.inf

    def interval(
        self, row_ids: ArrayLike, col_ids: ArrayLike
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Predict the ratings of pairs.

        Parameters
        ----------
        row_ids, col_ids : arrays of shape (e,)
            As in the ratings.

        Returns
        -------
        estimate, lower, upper : float32 arrays of shape (e,)
        """
        found = self.model.predict(row_ids, col_ids)
        limit = threshold([self.limit], [1.0], 0.5, target_weights=np.full(found.values.shape, 1e-9))
        lower, upper = bounds(found.values, found.expected_errors, limit)
        return found.values, np.clip(lower, self.low, self.high), np.clip(upper, self.low, self.high)


def entry_intervals(
    ratings: Ratings,
    *,
    coverage: float = 0.9,
    seed: int = 0,
    fraction: float | None = None,
    complete: Callable[..., RatingsModel] = complete_ratings,
    **settings: Any,
) -> EntryIntervals:
    """Complete a matrix of ratings, with intervals that cover a rating in `coverage` of the cases.

    A tenth of the ratings, 50,000 at most, is set aside. The model is trained on the others, and its errors on those
    set aside, divided by the errors that its draws tell to expect, say how many of these an interval needs.

    Parameters
    ----------
    ratings : Ratings
    coverage : float in (0, 1), default 0.9
    seed : int, default 0
    fraction : float in (0, 1), optional
        Share of the ratings to set aside.
    complete : callable ``(ratings, *, seed, **settings) -> RatingsModel``
        What trains the model, [`complete_ratings`][matmend.methods.ratings.complete_ratings] by default.
    **settings
        Of `complete`.

    Returns
    -------
    EntryIntervals

    Raises
    ------
    ValueError
        If there are fewer than 20 ratings, or an argument is out of range.

    Notes
    -----
    Guaranteed for ratings of the same kind as the given ones: drawn like them from all that people rate. Pairs that
    nobody would rate are another matter, and so are rows and columns with far fewer ratings than most: the expected
    errors are larger there, and that is all that is done about it.

    References
    ----------
    Gui, Barber & Ma 2023, arXiv:2305.10637; the weights are equal here.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> rows, cols = np.divmod(rng.choice(60 * 50, 1500, replace=False).astype(np.int32), np.int32(50))
    >>> values = (np.sin(rows) * np.cos(cols) + rng.normal(0, 0.3, 1500)).astype(np.float32)
    >>> found = entry_intervals(Ratings(rows, cols, values, (60, 50)), rank=2, implicit=False, num_draws=20)
    >>> i, j = np.divmod(np.setdiff1d(np.arange(3000), 50 * rows + cols), 50)
    >>> estimate, lower, upper = found.interval(i, j)
    >>> truth = np.sin(i) * np.cos(j) + rng.normal(0, 0.3, i.size)
    >>> bool(0.84 < np.mean((lower <= truth) & (truth <= upper)) < 0.96)
    True
    """
    check_coverage(coverage)
    e = ratings.values.size
    if e < 20:
        raise ValueError(f"Expected 20 ratings or more, got {e}: some must be set aside to calibrate.")
    if fraction is not None and not 0 < fraction < 1:
        raise ValueError(f"fraction: expected a share in (0, 1), got {fraction!r}; 0.1 sets every tenth rating aside.")
    count = min(max(round(SHARE * e), 10), MOST) if fraction is None else max(1, round(fraction * e))
    held = np.zeros(e, bool)
    held[np.random.default_rng([seed, 0]).choice(e, count, replace=False, shuffle=False)] = True
    model = complete(_part(ratings, ~held), seed=seed, **settings)
    aside = _part(ratings, held)
    ids = (
        positions if names is None else names[positions]
        for positions, names in ((aside.rows, ratings.row_ids), (aside.cols, ratings.col_ids))
    )
    found = model.predict(*ids)
    residuals = np.abs(aside.values.astype(np.float64) - found.values)
    limit, half_width = (
        float(threshold(scores, np.ones(count), coverage).value)
        for scores in (residuals / found.expected_errors, residuals)
    )
    has_scale = np.unique(ratings.values).size <= FEW_LEVELS
    ends = (float(ratings.values.min()), float(ratings.values.max())) if has_scale else (-np.inf, np.inf)
    return EntryIntervals(model, coverage, count, limit, half_width, *ends)


def _part(ratings: Ratings, which: NDArray[np.bool_]) -> Ratings:
    return replace(
        ratings, rows=ratings.rows[which], cols=ratings.cols[which], values=ratings.values[which], num_merged=0
    )
