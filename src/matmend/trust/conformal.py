"""Conformal calibration: how large a score has to be allowed so that a given share of the unseen ones is within it."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

ROUNDING = 1e-12
"""Sums of weights are compared up to this share: 0.9 of ten weights of 0.1 is the ninth, whatever its last bit."""


class Threshold(NamedTuple):
    """Up to which score an entry counts as covered.

    Attributes
    ----------
    value : float64 array
        infinite where the calibration entries cannot vouch for so much coverage.
    is_closed : bool array
        Whether a score equal to the value is covered.
    """

    value: NDArray[np.float64]
    is_closed: NDArray[np.bool_]


def weighted_quantile(
    scores: ArrayLike, weights: ArrayLike, coverage: float, *, target_weights: ArrayLike = 1.0
) -> NDArray[np.float64]:
    r"""Return the smallest score that enough of the weight lies at or below, an unseen score counting as infinite.

    .. math:: \min \{ s : \sum_k w_k 1[s_k \le s] \ge (1 - \alpha) (\sum_k w_k + w_*) \}

    Parameters
    ----------
    scores : array of shape (k,)
        Of the calibration entries; infinite ones are allowed.
    weights : array of shape (k,), above 0
        How much each counts: the odds of being missing.
    coverage : float in (0, 1)
        ``1 - alpha``.
    target_weights : array of any shape, default 1
        ``w_*``, the odds of the entries to be covered.

    Returns
    -------
    float64 array like `target_weights`
        inf where even all calibration entries do not have the weight.

    Raises
    ------
    ValueError
        If there is no score, one is NaN, a weight is not a number above 0, or `coverage` is out of range.

    Notes
    -----
    With equal weights this is split conformal prediction: the ``ceil((k + 1) coverage)``-th smallest score. With
    ``target_weights`` the largest odds of all missing entries it is the one-shot version of Gui, Barber & Ma; with
    each entry's own odds their Algorithm 1, which is sharper and here costs no more.

    References
    ----------
    Gui, Barber & Ma 2023, "Conformalized matrix completion", arXiv:2305.10637; Tibshirani, Barber, Candès & Ramdas
    2019, "Conformal prediction under covariate shift", arXiv:1904.06019.

    Examples
    --------
    >>> weighted_quantile(np.arange(1, 20), np.ones(19), 0.9).item()
    18.0
    >>> weighted_quantile([1, 2, 3], [1, 1, 1], 0.5, target_weights=[0.5, 2, 4])
    array([ 2.,  3., inf])
    """
    return threshold(scores, weights, coverage, target_weights=target_weights).value


def threshold(
    scores: ArrayLike,
    weights: ArrayLike,
    coverage: float,
    *,
    target_weights: ArrayLike = 1.0,
    rng: np.random.Generator | None = None,
) -> Threshold:
    """Return the weighted quantile and, if ties are to be broken at random, which entries it still covers.

    Parameters
    ----------
    scores, weights, coverage, target_weights
        As in [`weighted_quantile`][matmend.trust.weighted_quantile].
    rng : numpy.random.Generator, optional
        Where many scores are equal, such as those of zeros that are completed by zeros, covering all of them covers
        too much. With a generator, scores are compared together with a uniform random number each, so that only as
        many of the equal ones count as covered as are needed. By default all do.

    Returns
    -------
    Threshold

    Raises
    ------
    ValueError
        As in [`weighted_quantile`][matmend.trust.weighted_quantile].

    Examples
    --------
    >>> zeros = np.zeros(99)
    >>> threshold(zeros, np.ones(99), 0.9).is_closed.item()
    True
    >>> drawn = threshold(zeros, np.ones(99), 0.9, target_weights=np.ones(10_000), rng=np.random.default_rng(0))
    >>> bool(0.8 < drawn.is_closed.mean() < 0.97)
    True
    """
    s, w = np.asarray(scores, np.float64), np.asarray(weights, np.float64)
    target = np.asarray(target_weights, np.float64)
    if s.ndim != 1 or not s.size or s.shape != w.shape:
        raise ValueError(f"scores: expected one score or more and a weight for each, got shapes {s.shape}, {w.shape}.")
    if np.isnan(s).any():
        raise ValueError("scores: expected numbers, got NaN: the method left calibration entries without an estimate.")
    if not ((w > 0) & np.isfinite(w)).all() or not (target > 0).all():
        raise ValueError("weights: expected numbers above 0, the odds of being missing; got others among them.")
    check_coverage(coverage)
    lots = np.zeros(s.size) if rng is None else rng.random(s.size)
    order = np.lexsort((lots, s))
    s, lots, sums = np.append(s[order], np.inf), np.append(lots[order], 1.0), np.cumsum(w[order])
    needed = coverage * (sums[-1] + target)
    place = np.searchsorted(sums, needed * (1 - ROUNDING))
    is_closed = np.ones(target.shape, bool) if rng is None else rng.random(target.shape) <= lots[place]
    return Threshold(s[place], is_closed)


def bounds(
    estimate: NDArray[np.floating], scale: NDArray[np.floating], limit: Threshold
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Return the values whose score ``|value - estimate| / scale`` is within a threshold.

    Parameters
    ----------
    estimate, scale : arrays of one shape
    limit : Threshold
        With a value for each of them, or one for all.

    Returns
    -------
    lower, upper : arrays like ``estimate``
        Widened in the last digits, so that a score that equals the threshold is covered in spite of rounding; where
        the threshold is open, narrowed. An open interval of width 0 is empty: lower is above upper.

    Examples
    --------
    >>> at, open_ended = np.zeros(2), Threshold(np.array([1.0, 0.0]), np.array([True, False]))
    >>> lower, upper = bounds(at, np.ones(2), open_ended)
    >>> (lower < upper).tolist()
    [True, False]
    """
    eps, tiny = np.finfo(estimate.dtype).eps, np.finfo(estimate.dtype).tiny
    middle, half = estimate.astype(np.float64), limit.value * scale.astype(np.float64)
    slack = np.where(np.isinf(half), 0.0, 4 * eps * (np.abs(middle) + half))
    edge = np.where(limit.is_closed, half + slack, half - slack - tiny)
    return (middle - edge).astype(estimate.dtype), (middle + edge).astype(estimate.dtype)


def check_coverage(coverage: float) -> None:
    """Refuse what is no share.

    Raises
    ------
    ValueError
        If `coverage` is not in (0, 1).
    """
    if not 0 < coverage < 1:
        raise ValueError(f"coverage: expected a share in (0, 1), got {coverage!r}; 0.9 covers nine in ten.")
