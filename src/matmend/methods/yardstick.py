"""By what an error is measured: one unit for all entries, or the spread of each column."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Yardstick:
    r"""The error of a completion on held-out entries, as one number without a unit.

    .. math:: \left(\frac{1}{|H|} \sum_{(i,j) \in H} \left|\frac{\hat X_{ij} - Y_{ij}}{s_j}\right|^p\right)^{1/p}

    Parameters
    ----------
    name : str
        What the number is called.
    power : int
        p: 1 for the mean absolute error, 2 for the root of the mean square.
    scale : float array of shape (n,)
        s, the unit of each column.

    Examples
    --------
    >>> found, truth = np.array([[1.0, 30.0]]), np.array([[2.0, 10.0]])
    >>> Yardstick("MAE", 1, np.array([1.0, 10.0])).error(found, truth, np.ones((1, 2), bool))
    1.5
    """

    name: str
    power: int
    scale: NDArray[np.float64]

    def error(self, X_hat: Floats, array: Floats, held: Bools) -> float:
        """Return the error on the entries ``held``, shape (m, n); channels count alike."""
        scale = np.broadcast_to(self.scale, held.shape)[held]
        off = np.abs(X_hat[held].astype(np.float64) - array[held])
        off = off / (scale if array.ndim == 2 else scale[:, None])
        return float(np.mean(off**self.power) ** (1 / self.power))


def by_range(array: Floats, seen: Bools) -> Yardstick:
    """Mean absolute error, divided by the range of all that was observed (by 1 if it is all equal): NMAE.

    Examples
    --------
    >>> by_range(np.array([[1.0, 5.0]]), np.ones((1, 2), bool)).scale
    array([4., 4.])
    """
    known = array[seen].astype(np.float64)
    return Yardstick("NMAE", 1, np.full(array.shape[1], float(np.ptp(known)) or 1.0))


def by_spread(array: Floats, seen: Bools) -> Yardstick:
    """Root mean squared error, divided by the standard deviation of all that was observed.

    Examples
    --------
    >>> by_spread(np.array([[1.0, 5.0]]), np.ones((1, 2), bool)).scale
    array([2., 2.])
    """
    return Yardstick("RMSE/sd", 2, np.full(array.shape[1], float(array[seen].astype(np.float64).std()) or 1.0))


def by_column(array: Floats, seen: Bools) -> Yardstick:
    """Root mean squared error, each entry's divided by the standard deviation of what was observed of its column.

    No column decides by having large numbers: the mean of each column has an error of about 1. Columns that do not
    vary, or of which fewer than two entries are observed, have the median of the others' unit.

    Examples
    --------
    >>> by_column(np.array([[1.0, 50.0], [3.0, 10.0]]), np.ones((2, 2), bool)).scale
    array([ 1., 20.])
    """
    return Yardstick("RMSE/sd by column", 2, column_spread(array, seen))


def column_spread(array: Floats, seen: Bools) -> NDArray[np.float64]:
    """Return the standard deviation of what was observed of each column, shape (n,); never 0.

    Examples
    --------
    >>> column_spread(np.array([[1.0, 7.0], [3.0, 7.0]]), np.ones((2, 2), bool))
    array([1., 1.])
    """
    spread = _deviation(array, seen, column_mean(array, seen))
    return np.where(spread > 0, spread, float(np.median(spread[spread > 0])) if (spread > 0).any() else 1.0)


def column_mean(array: Floats, seen: Bools) -> NDArray[np.float64]:
    """Return the mean of what was observed of each column, shape (n,); that of all for a column without entries.

    Examples
    --------
    >>> column_mean(np.array([[1.0, np.nan], [3.0, np.nan]]), np.array([[True, False], [True, False]]))
    array([2., 2.])
    """
    total = np.where(seen, array, 0.0).sum(axis=0, dtype=np.float64)
    count = seen.sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), total.sum() / max(1, int(count.sum())))


def _deviation(array: Floats, seen: Bools, mean: NDArray[np.float64]) -> NDArray[np.float64]:
    count = seen.sum(axis=0)
    # In units of the largest deviation no square overflows, and a column that does not vary has a spread of exactly 0.
    off = np.where(seen, array - mean, 0.0)
    largest = np.abs(off).max(axis=0)
    is_constant = largest <= 1e-12 * np.abs(mean)
    unit = np.where(is_constant, 1.0, largest)
    squares = np.square(off / unit).sum(axis=0)
    return np.where(is_constant | (count < 2), 0.0, unit * np.sqrt(squares / np.maximum(count, 1)))
