"""Prediction intervals for the missing entries of an array."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from matmend.methods import Completion, Method, Recipe, complete_with, registry
from matmend.methods.completion import checked, filled
from matmend.trust.calibration import Split, split
from matmend.trust.conformal import bounds, check_coverage, threshold
from matmend.trust.ensemble import RECIPES, scale_for
from matmend.trust.propensity import Propensity, RowsColumns
from matmend.trust.scale import Constant, Fit, Scale, with_floor

Values = NDArray[np.floating]
MOST_VALUES = 20
"""Different values that intervals can be made for one by one: each needs calibration entries of its own."""


@dataclass(frozen=True, eq=False)
class Intervals:
    """An interval for every missing entry.

    Attributes
    ----------
    estimate, lower, upper : arrays of shape (m, n) or (m, n, c)
        In units of the data; at observed entries all three are the value. Bounds are infinite where the calibration
        entries cannot vouch for an entry, such as in a column of which nothing was observed.
    scale : array like ``estimate``
        How large an error is expected beside those of other entries; widths are proportional to it where the odds of
        being missing are the same.
    coverage : float
        What was asked for.
    calibration : int
        Number of entries that the widths rest on.
    completion : Completion
        That of the training entries alone, whose errors were looked at.
    is_shaped : bool
        Whether the calibration entries lie in the shape of the gaps: then there is no guarantee, see
        [`intervals`][matmend.trust.intervals].
    """

    estimate: NDArray[np.floating]
    lower: NDArray[np.floating]
    upper: NDArray[np.floating]
    scale: NDArray[np.floating]
    coverage: float
    calibration: int
    completion: Completion
    is_shaped: bool = False

    def __repr__(self) -> str:
        shape = " x ".join(map(str, self.estimate.shape))
        return f"Intervals({shape}, coverage {self.coverage:g}, calibrated on {self.calibration} entries)"


def intervals(
    observed: ArrayLike,
    mask: ArrayLike | None = None,
    *,
    method: str | Method | Recipe,
    coverage: float = 0.9,
    seed: int = 0,
    settings: dict[str, Any] | None = None,
    scale: Scale | None = None,
    propensity: Propensity | None = None,
    is_shaped: bool | None = None,
    fraction: float | None = None,
    randomized: bool = False,
    each_value: bool = False,
) -> Intervals:
    """Complete an array, with an interval for every missing entry that covers the truth in `coverage` of the cases.

    Some of the observed entries are set aside. The method completes the array from the others, and its errors on those
    set aside, divided by a scale, tell how wide the intervals have to be.

    Parameters
    ----------
    observed : array of shape (m, n), or (m, n, c) with channels
    mask : bool array of shape (m, n), optional
        True where observed; by default where no channel is NaN.
    method : str, Method or Recipe
        A registered name, a function of that form, or what a trained method is made of.
    coverage : float in (0, 1), default 0.9
    seed : int, default 0
    settings : dict, optional
        Of the method.
    scale : Scale, optional
        By default that of the method ([`scale_for`][matmend.trust.scale_for]). A constant is added to it that is chosen
        on a third of the entries set aside; if it tells nothing, all widths are equal. With `each_value` it is constant
        by default.
    propensity : Propensity, optional
        How likely each entry was to be observed, [`RowsColumns`][matmend.trust.RowsColumns] by default.
    is_shaped : bool, optional
        Whether the entries set aside should have the shape of the gaps, for holes. By default they do where missing
        entries lie together more than `propensity` explains.
    fraction : float in (0, 1), optional
        Share of the observed entries to set aside; by default 3000 of them, but 5 to 15 % (more of very few).
    randomized : bool, default False
        Break ties of scores at random, for exact coverage of data with few values; some intervals may then be empty
        (lower above upper). By default ties are covered, all of them.
    each_value : bool, default False
        For data of few values, such as 0 and 1: cover each of them in `coverage` of its own cases, however rare it is.
        Bounds are then among the values.

    Returns
    -------
    Intervals

    Raises
    ------
    ValueError
        If array, mask or an argument cannot be used; the message says why.

    Notes
    -----
    **What is guaranteed.** If entries were observed independently of each other and of nothing but the propensities,
    and these are known, then of all missing entries a share of `coverage` at least is covered, on average over what
    happened to be observed: whatever the data, whatever the method. The share of too much is at most about one in the
    number of calibration entries. Propensities that are estimated cost as much coverage as they are wrong (in total
    variation of the normalised odds). It is a statement about all missing entries together, not about each kind of
    entry: of data that are nearly all 0 the zeros may be covered and the ones not. With `each_value` it holds for the
    missing entries of every value by themselves, if their propensities do not depend on it.

    **What is not.** Where whole regions are missing, no observed entry is like the middle of a hole. Entries are then
    held out in the shape of the gaps, elsewhere, and weigh the same; coverage is right as far as the data are alike
    here and there. The same holds where whether an entry is missing depends on its own value.

    Estimates are those of the method without the entries set aside, hence a little worse than a completion from all:
    for that one, there is no guarantee. Each channel is calibrated by itself. Departures from the paper: each entry's
    own odds in place of the greatest (their Algorithm 1, at the cost of the one-shot version), and the choice of the
    constant added to the scale.

    References
    ----------
    Gui, Barber & Ma 2023, "Conformalized matrix completion", arXiv:2305.10637. Lei, G'Sell, Rinaldo, Tibshirani &
    Wasserman 2018, doi:10.1080/01621459.2017.1307116, on scores with a scale.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(60, 2)) @ rng.normal(size=(2, 50)) + 0.1 * rng.normal(size=(60, 50))
    >>> mask = rng.random(X.shape) < 0.6
    >>> found = intervals(X, mask, method="soft_impute", coverage=0.8)
    >>> bool(abs(np.mean((found.lower <= X) & (X <= found.upper), where=~mask) - 0.8) < 0.06)
    True
    """
    check_coverage(coverage)
    array, seen = checked(observed, mask)
    model = RowsColumns() if propensity is None else propensity
    parts = split(seen, model, is_shaped=is_shaped, fraction=fraction, seed=seed)
    fit = _fit(method, array, parts.train, seed, dict(settings or {}))
    if scale is None:
        # Among entries of one value it is the estimate that tells the easy ones from the hard.
        scale = Constant() if each_value else scale_for(fit.completion.method)
    spread = scale(fit)
    rng = np.random.default_rng([seed, 2]) if randomized else None
    bound = _bounds_of_values if each_value else _bounds
    planes = [bound(*plane, parts, coverage, rng) for plane in _channels(array, fit.completion.X_hat, spread)]
    lower, upper, scales = (np.stack(part, axis=2).reshape(array.shape) for part in zip(*planes, strict=True))
    return Intervals(
        filled(array, seen, fit.completion.X_hat),
        filled(array, seen, lower),
        filled(array, seen, upper),
        scales.astype(array.dtype),
        coverage,
        int(parts.calibration.sum()),
        fit.completion,
        parts.is_shaped,
    )


def _channels(array: Values, X_hat: Values, spread: Values) -> Iterator[tuple[Values, Values, Values]]:
    """Yield the channels, one after the other."""
    planes = (np.moveaxis(np.atleast_3d(part), 2, 0) for part in (array, X_hat, spread))
    return zip(*planes, strict=True)


def _bounds(
    array: Values,
    X_hat: Values,
    spread: Values,
    parts: Split,
    coverage: float,
    rng: np.random.Generator | None,
) -> tuple[Values, Values, Values]:
    missing, used = parts.missing, parts.calibration
    scores, scale = _scores(array, X_hat, spread, parts, coverage)
    limit = threshold(scores, parts.odds[used], coverage, target_weights=parts.odds[missing], rng=rng)
    lower, upper = X_hat.copy(), X_hat.copy()
    lower[missing], upper[missing] = bounds(X_hat[missing], scale[missing], limit)
    return lower, upper, scale


def _bounds_of_values(
    array: Values,
    X_hat: Values,
    spread: Values,
    parts: Split,
    coverage: float,
    rng: np.random.Generator | None,
) -> tuple[Values, Values, Values]:
    """Return the least and greatest value an entry may have, each judged by the calibration entries that have it."""
    missing, used = parts.missing, parts.calibration
    scores, scale = _scores(array, X_hat, spread, parts, coverage)
    values = np.unique(array[~missing])
    if values.size > MOST_VALUES:
        raise ValueError(
            f"each_value: expected data of {MOST_VALUES} different values at most, got {values.size}; leave it out."
        )
    estimate, odds = X_hat[missing].astype(np.float64), parts.odds[missing]
    # The nearest value is never left out: no interval is empty.
    low = high = values[np.argmin(np.abs(values - estimate[:, None]), axis=1)]
    for value in values:
        is_admitted = np.ones(estimate.shape, bool)
        has_it = array[used] == value
        if has_it.any():
            own = threshold(scores[has_it], parts.odds[used][has_it], coverage, target_weights=odds, rng=rng)
            score = np.abs(value - estimate) / scale[missing]
            is_admitted = np.where(own.is_closed, score <= own.value, score < own.value)
        low = np.where(is_admitted, np.minimum(low, value), low)
        high = np.where(is_admitted, np.maximum(high, value), high)
    lower, upper = X_hat.copy(), X_hat.copy()
    lower[missing], upper[missing] = low, high
    return lower, upper, scale


def _scores(
    array: Values, X_hat: Values, spread: Values, parts: Split, coverage: float
) -> tuple[NDArray[np.float64], NDArray[np.floating]]:
    """Return the scores of the calibration entries, and the scale of all."""
    residuals = np.abs(array.astype(np.float64) - X_hat)
    scale = with_floor(spread, residuals, parts.tuning, parts.missing, parts.odds, coverage)
    return residuals[parts.calibration] / scale[parts.calibration], scale


def _fit(
    method: str | Method | Recipe, array: NDArray[np.floating], train: NDArray[np.bool_], seed: int, settings: dict
) -> Fit:
    if isinstance(method, str) and method not in registry:
        raise ValueError(f"There is no method {method!r}; there are {', '.join(registry)}.")
    run: Method
    run = (
        registry[method] if isinstance(method, str) else method if callable(method) else partial(complete_with, method)
    )
    shown = np.where(train if array.ndim == 2 else train[..., None], array, np.nan).astype(array.dtype, copy=False)
    done = run(shown, train, seed=seed, **settings)
    recipe = method if isinstance(method, Recipe) else None
    if isinstance(method, str) and method in RECIPES:
        recipe = RECIPES[method](done, settings)
    return Fit(shown, train, done, run, recipe, seed, settings)
