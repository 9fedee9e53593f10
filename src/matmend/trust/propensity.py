"""How likely each entry was to be observed: models of missingness, each a function of the mask."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import expit, logit

LEAST = 1e-4
"""Estimated probabilities are at least this: nobody can say from one mask that an entry is never observed."""
SWEEPS = 60
LOW_RANK_SWEEPS = 15


class Propensity(Protocol):
    """A model of missingness: ``(mask) -> probabilities``, both of shape (m, n)."""

    def __call__(self, mask: NDArray[np.bool_], /) -> NDArray[np.float64]:
        """Estimate how likely each entry was to be True."""
        ...


@dataclass(frozen=True)
class Uniform:
    """Every entry is observed with the same probability.

    Examples
    --------
    >>> Uniform()(np.array([[True, False], [False, False]])).tolist()
    [[0.25, 0.25], [0.25, 0.25]]
    """

    def __call__(self, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Estimate the probabilities."""
        return np.full(mask.shape, np.clip(mask.mean(), LEAST, 1 - LEAST))


@dataclass(frozen=True)
class RowsColumns:
    """Rows and columns differ: ``logit p_ij = c + a_i + b_j``.

    Notes
    -----
    The offsets have Gaussian priors whose variances are estimated too (Laplace's approximation within EM): where rows
    do not differ by more than chance, the offsets go to 0 and the model to `Uniform`.

    Examples
    --------
    >>> mask = np.random.default_rng(0).random((60, 400)) < np.linspace(0.1, 0.9, 60)[:, None]
    >>> p = RowsColumns()(mask)
    >>> bool(abs(p.mean(axis=1) - np.linspace(0.1, 0.9, 60)).max() < 0.06), bool(p.std(axis=1).max() < 0.03)
    (True, True)
    """

    def __call__(self, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Estimate the probabilities."""
        common, a, b = _offsets(mask)
        return np.clip(expit(common + a[:, None] + b), LEAST, 1 - LEAST)


@dataclass(frozen=True)
class LowRank:
    """Groups of rows miss other columns than others: ``logit p_ij = c + a_i + b_j + u_i v_j'``.

    Parameters
    ----------
    rank : int, default 3
        Columns of u and v.
    ridge : float, default 1
        Weight of ``(|u|^2 + |v|^2) / 2`` in the logistic loss.

    Notes
    -----
    One-bit matrix completion of the mask itself, as Gui, Barber & Ma do with a bound on the nuclear norm.

    References
    ----------
    Davenport, Plan, van den Berg & Wootters 2014, "1-bit matrix completion", arXiv:1209.3672.

    Examples
    --------
    >>> groups = np.kron([[0.8, 0.2], [0.2, 0.8]], np.ones((40, 50)))
    >>> p = LowRank(1)(np.random.default_rng(0).random(groups.shape) < groups)
    >>> bool(np.abs(p - groups).mean() < 0.06)
    True
    """

    rank: int = 3
    ridge: float = 1.0

    def __post_init__(self) -> None:
        """Refuse settings out of range."""
        if self.rank < 1 or not self.ridge > 0:
            raise ValueError(f"Expected rank >= 1 and ridge > 0, got rank={self.rank}, ridge={self.ridge}.")

    def __call__(self, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Estimate the probabilities."""
        common, a, b = _offsets(mask)
        offset = common + a[:, None] + b
        left, sigma, right = np.linalg.svd(mask - expit(offset), full_matrices=False)
        k = min(self.rank, sigma.size)
        # The slope of the logit is at least 4: a start of the right size.
        u, v = 2 * left[:, :k] * np.sqrt(sigma[:k]), 2 * right[:k].T * np.sqrt(sigma[:k])
        for _ in range(LOW_RANK_SWEEPS):
            u = self._newton(mask, offset, u, v)
            v = self._newton(mask.T, offset.T, v, u)
        return np.clip(expit(offset + u @ v.T), LEAST, 1 - LEAST)

    def _newton(
        self, mask: NDArray[np.bool_], offset: NDArray[np.float64], u: NDArray[np.float64], v: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Make one Newton step for every row of u, shortened where it is long."""
        p = expit(offset + u @ v.T)
        gradient = (mask - p) @ v - self.ridge * u
        pairs = v[:, :, None] * v[:, None, :]
        curvature = np.tensordot(p * (1 - p), pairs, axes=1) + self.ridge * np.eye(v.shape[1])
        step = np.linalg.solve(curvature, gradient[:, :, None])[:, :, 0]
        length = np.linalg.norm(step, axis=1, keepdims=True)
        return u + step * np.minimum(1, 3 / np.maximum(length, 1e-12))


@dataclass(frozen=True)
class LocalDensity:
    """Neighbouring entries are alike: the share observed nearby, for pictures and fields.

    Parameters
    ----------
    width : float, default 8
        Standard deviation of the Gaussian window, in entries.

    Notes
    -----
    This is for missingness that varies smoothly over the picture. In a hole no model of this kind helps.

    Examples
    --------
    >>> mask = np.random.default_rng(0).random((64, 256)) < np.linspace(0.2, 0.8, 256)
    >>> bool(np.abs(LocalDensity()(mask)[:, 64:192] - np.linspace(0.2, 0.8, 256)[64:192]).max() < 0.12)
    True
    """

    width: float = 8.0

    def __post_init__(self) -> None:
        """Refuse settings out of range."""
        if not 0 < self.width < np.inf:
            raise ValueError(f"width: expected a number of entries above 0, got {self.width!r}; 8 is usual.")

    def __call__(self, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Estimate the probabilities."""
        smooth = ndimage.gaussian_filter(mask.astype(np.float64), self.width, mode="reflect")
        return np.clip(smooth, LEAST, 1 - LEAST)


def odds_missing(propensity: Propensity, train: NDArray[np.bool_], share: float) -> NDArray[np.float64]:
    """Estimate the odds ``(1 - p) / p`` of being missing rather than observed, from the training entries alone.

    Parameters
    ----------
    propensity : Propensity
    train : bool array of shape (m, n)
    share : float in (0, 1]
        Share of the observed entries that the training entries are: each is one with ``share * p``.

    Returns
    -------
    float64 array of shape (m, n)
        Between `LEAST` and its inverse.

    Examples
    --------
    >>> train = np.arange(100).reshape(10, 10) < 40
    >>> odds_missing(Uniform(), train, 0.8)[0, 0].round(6).item()
    1.0
    """
    p = np.minimum(propensity(train) / share, 1.0)
    return np.clip((1 - p) / p, LEAST, 1 / LEAST)


def _offsets(mask: NDArray[np.bool_]) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    m, n = mask.shape
    common = float(logit(np.clip(mask.mean(), LEAST, 1 - LEAST)))
    a, b = np.zeros(m), np.zeros(n)
    row_variance = col_variance = 1.0
    for _ in range(SWEEPS):
        p = expit(common + a[:, None] + b)
        common += float(np.clip((mask - p).sum() / (p * (1 - p)).sum(), -1, 1))
        p = expit(common + a[:, None] + b)
        a, row_variance = _step(a, (mask - p).sum(axis=1), (p * (1 - p)).sum(axis=1), row_variance)
        p = expit(common + a[:, None] + b)
        b, col_variance = _step(b, (mask - p).sum(axis=0), (p * (1 - p)).sum(axis=0), col_variance)
    return common, a, b


def _step(
    x: NDArray[np.float64], gradient: NDArray[np.float64], curvature: NDArray[np.float64], variance: float
) -> tuple[NDArray[np.float64], float]:
    """Make a Newton step of offsets with a prior, and estimate the prior's variance anew."""
    curvature = curvature + 1 / variance
    x = x + np.clip((gradient - x / variance) / curvature, -2, 2)
    return x, max(float(np.mean(x**2 + 1 / curvature)), 1e-8)
