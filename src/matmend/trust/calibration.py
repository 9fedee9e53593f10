"""Which observed entries calibrate: scattered ones with weights, or ones in the shape of the gaps."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from matmend.masks import matched_holdout
from matmend.trust.propensity import Propensity, odds_missing

ASKED = 3000
"""Entries to hold out, if that is between the two shares of the observed ones that follow."""
LEAST, MOST = 0.05, 0.15
FEW, MOST_OF_FEW = 90, 0.4
"""Of few observed entries more are held out: the quantile of a dozen is a guess."""
SHAPED = 0.1
"""Share held out in the shape of gaps, at least: parts of gaps are shallower than gaps."""
CLUSTERED = 0.2
"""Excess of missing neighbours of missing entries over what the propensities explain, from which there are gaps."""
TUNING = 1 / 3
"""Share of the entries held out that choose the scale, and then do not calibrate."""


class Split(NamedTuple):
    """Observed entries in three parts, and what the calibration entries weigh.

    Attributes
    ----------
    train, tuning, calibration : bool arrays of shape (m, n)
    odds : float64 array of shape (m, n)
        Of being missing.
    is_shaped : bool
        Whether what is held out has the shape of the gaps.
    """

    train: NDArray[np.bool_]
    tuning: NDArray[np.bool_]
    calibration: NDArray[np.bool_]
    odds: NDArray[np.float64]
    is_shaped: bool

    @property
    def missing(self) -> NDArray[np.bool_]:
        """The entries that were not observed."""
        return ~(self.train | self.tuning | self.calibration)


def split(
    seen: NDArray[np.bool_], propensity: Propensity, *, is_shaped: bool | None, fraction: float | None, seed: int
) -> Split:
    """Split the observed entries.

    Parameters
    ----------
    seen : bool array of shape (m, n)
    propensity : Propensity
        Looked at where what is held out is scattered.
    is_shaped : bool, optional
        By default the pattern decides.
    fraction : float in (0, 1), optional
        Share of the observed entries to hold out.
    seed : int

    Returns
    -------
    Split

    Raises
    ------
    ValueError
        If fewer than 10 entries are observed, or `fraction` is out of range.

    Examples
    --------
    >>> from matmend.trust.propensity import Uniform
    >>> parts = split(np.arange(400).reshape(20, 20) % 3 > 0, Uniform(), is_shaped=False, fraction=0.3, seed=0)
    >>> [int(part.sum()) for part in parts[:3]]
    [186, 26, 54]
    """
    num_seen = int(seen.sum())
    if num_seen < 10:
        raise ValueError(f"Expected 10 observed entries or more, got {num_seen}: some must be set aside to calibrate.")
    if fraction is not None and not 0 < fraction < 1:
        raise ValueError(f"fraction: expected a share in (0, 1), got {fraction!r}; 0.1 holds out every tenth entry.")
    shaped = has_gaps(seen, propensity(seen)) if is_shaped is None else is_shaped
    share = fraction
    if share is None:
        share = max(float(np.clip(ASKED / num_seen, LEAST, MOST)), min(FEW / num_seen, MOST_OF_FEW))
        share = max(share, SHAPED) if shaped else share
    rng = np.random.default_rng([seed, 0])
    if shaped:
        held = matched_holdout(seen, share, seed=seed)[1]
    else:
        held = np.zeros_like(seen)
        held.flat[rng.choice(np.flatnonzero(seen), max(2, round(share * num_seen)), replace=False)] = True
    entries = rng.permutation(np.flatnonzero(held))
    tuning = np.zeros_like(seen)
    tuning.flat[entries[: int(TUNING * entries.size)]] = True
    calibration = held & ~tuning
    kept = seen & ~calibration
    odds = np.ones(seen.shape) if shaped else odds_missing(propensity, kept, kept.sum() / num_seen)
    return Split(seen & ~held, tuning, calibration, odds, shaped)


def has_gaps(seen: NDArray[np.bool_], p: NDArray[np.float64]) -> bool:
    """Tell whether missing entries lie together more than rows, columns and chance explain.

    Parameters
    ----------
    seen : bool array of shape (m, n)
    p : array of shape (m, n)
        Probability of being observed.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> scattered, hole = rng.random((40, 40)) < 0.7, np.ones((40, 40), bool)
    >>> hole[10:20, 10:20] = False
    >>> [has_gaps(mask, np.full(mask.shape, mask.mean())) for mask in (scattered, hole)]
    [False, True]
    """
    missing = ~seen
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        rows = slice(down, None), slice(None, missing.shape[0] - down)
        cols = (slice(max(right, 0), missing.shape[1] + min(right, 0)), slice(max(-right, 0), missing.shape[1] - right))
        ahead, behind = (missing[row, col] for row, col in zip(rows, cols, strict=True))
        if not behind.any():
            continue
        expected = float(1 - p[rows[0], cols[0]][behind].mean())
        if float(ahead[behind].mean()) - expected >= CLUSTERED * (1 - expected):
            return True
    return False
