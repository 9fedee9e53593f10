"""What the rows of a completed table say of new rows."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.extmath import randomized_svd

Floats = NDArray[np.floating]
Bools = NDArray[np.bool_]

MOST_VECTORS = 100
"""Right singular vectors that are kept at most."""
MOST_EXACT = 1000
"""Length of the shorter side beyond which the first singular vectors are looked for at random."""
MOST_JUDGED = 500
"""Rows that ridges are judged on at most."""
HIDDEN = 0.2
"""Share of their observed entries that is hidden from them."""
RIDGES = (1.0, 0.3, 0.1, 0.03, 0.01, 1e-3, 1e-4)
"""Shares of the mean variance of the columns that are tried as the ridge."""
UNJUDGED = 0.1
"""The ridge where there are too few rows to judge it."""


class RowModel(Protocol):
    """What fills the missing entries of a row from its observed ones."""

    def conditional(self, values: Floats, seen: Bools, /) -> Floats:
        """Return rows of shape (m, n), filled; what is not seen is not looked at."""
        ...


@dataclass(frozen=True, eq=False)
class Subspace:
    r"""Rows as a mean and combinations of fixed vectors.

    .. math:: \hat x = \mu + B' a, \quad a = \arg\min_a \|x_o - \mu_o - B_o' a\|^2 + \rho \|a\|^2

    which is the conditional mean of a normal distribution with covariance ``B'B + ridge I``.

    Attributes
    ----------
    mean : array of shape (n,)
    vectors : array of shape (k, n)
        Right singular vectors, each times its singular value divided by the square root of the number of rows.
    ridge : float
    """

    mean: Floats
    vectors: Floats
    ridge: float

    def conditional(self, values: Floats, seen: Bools, /) -> Floats:
        """Return the rows, filled.

        Examples
        --------
        >>> line = Subspace(np.zeros(2), np.array([[1.0, 3.0]]), 0.0)
        >>> line.conditional(np.array([[2.0, np.nan]]), np.array([[True, False]]))
        array([[2., 6.]])
        """
        deviations = np.where(seen, values - self.mean, 0.0)
        filled = np.where(seen, values, self.mean)
        gaps = np.flatnonzero(~seen.all(axis=1) & seen.any(axis=1))
        if not gaps.size:
            return filled
        # Rows with the same gaps share a system.
        which = np.unique(np.packbits(seen[gaps], axis=1), axis=0, return_inverse=True)[1]
        order = np.argsort(which.ravel(), kind="stable")
        for rows in np.split(gaps[order], np.cumsum(np.bincount(which.ravel()))[:-1]):
            known = seen[rows[0]]
            B = self.vectors[:, known]
            # The smaller of two equivalent systems; the pseudo-inverse, since without a ridge they may be singular.
            if known.sum() < len(B):
                pulls = B @ np.linalg.pinv(B.T @ B + self.ridge * np.eye(int(known.sum())), hermitian=True)
            else:
                pulls = np.linalg.pinv(B @ B.T + self.ridge * np.eye(len(B)), hermitian=True) @ B
            found = deviations[rows][:, known] @ pulls.T @ self.vectors[:, ~known]
            filled[np.ix_(rows, ~known)] = self.mean[~known] + found
        return filled


def subspace_of(completed: Floats, seen: Bools, *, seed: int) -> Subspace:
    """Learn from a completed table how its rows hang together.

    Parameters
    ----------
    completed : array of shape (m, n)
    seen : bool array of shape (m, n)
        True where observed: what the ridge is judged on.
    seed : int

    Returns
    -------
    Subspace
        Of at most 100 vectors. The ridge is the one of least error on observed entries of half of the rows, hidden from
        them, with vectors of the other half.

    Examples
    --------
    >>> X = np.outer(np.arange(1.0, 31.0), [1.0, 2.0, 3.0])
    >>> model = subspace_of(X, X > 0, seed=0)
    >>> model.conditional(np.array([[5.0, 0.0, 0.0]]), np.array([[True, False, False]])).round(1)
    array([[ 5., 10., 15.]])
    """
    m, n = completed.shape
    values = completed.astype(np.float64)
    ridge = UNJUDGED
    if m >= 8 and n > 1:
        rng = np.random.default_rng(seed)
        order = rng.permutation(m)
        judged = np.sort(order[: min(m // 2, MOST_JUDGED)])
        hidden = seen[judged] & (rng.random((judged.size, n)) < HIDDEN)
        if hidden.any():
            half = _subspace(values[np.sort(order[judged.size :])], 0.0, seed)
            units = values.std(axis=0)
            units[units == 0] = 1.0
            errors = [_error(half, share, values[judged], seen[judged] & ~hidden, hidden, units) for share in RIDGES]
            ridge = RIDGES[int(np.argmin(errors))]
    return _subspace(values, ridge, seed)


def _error(half: Subspace, share: float, values: Floats, shown: Bools, hidden: Bools, units: Floats) -> float:
    model = Subspace(half.mean, half.vectors, share * _variance(half.vectors))
    off = (model.conditional(values, shown) - values) / units
    return float(np.mean(off[hidden] ** 2))


def _variance(vectors: Floats) -> float:
    return float(np.sum(vectors**2)) / vectors.shape[1] or 1.0


def _subspace(values: Floats, share: float, seed: int) -> Subspace:
    mean = values.mean(axis=0)
    rank = min(MOST_VECTORS, *values.shape)
    if min(values.shape) <= MOST_EXACT:
        _, sigma, V = np.linalg.svd(values - mean, full_matrices=False)
    else:
        _, sigma, V = randomized_svd(values - mean, rank, random_state=seed)
    vectors = (sigma[:, None] * V)[:rank] / np.sqrt(len(values))
    return Subspace(mean, vectors, share * _variance(vectors))
