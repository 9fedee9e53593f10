"""Which observed entries a completed one rests on."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from matmend.methods import Completion, registry
from matmend.methods.completion import checked, side_by_side

RIDGE = 1e-6
"""Of the least squares behind an influence where the method has none, in units of the mean singular value."""
ENERGY = 1e-6
"""Singular directions with a smaller share of the sum of squares are taken to be noise of the arithmetic."""


class Driver(NamedTuple):
    """An observed entry that a completed one rests on.

    Attributes
    ----------
    row, col : int
    value : float
        What was observed.
    weight : float
        How much the completed entry changes per unit of this one; with learned graphs, the weight of the neighbour,
        of which those of all neighbours in the graph sum to 1.
    """

    row: int
    col: int
    value: float
    weight: float


def drivers(
    observed: ArrayLike,
    mask: ArrayLike | None,
    entry: tuple[int, int],
    *,
    completion: Completion | None = None,
    count: int = 10,
) -> list[Driver]:
    r"""Find the observed entries that matter most for a completed one.

    Parameters
    ----------
    observed : array of shape (m, n)
    mask : bool array of shape (m, n) or None
        True where observed; None for where no value is NaN.
    entry : (int, int)
        Row and column.
    completion : Completion, optional
        By default that of `soft_impute`.
    count : int, default 10
        Most entries to return.

    Returns
    -------
    list of Driver
        The largest weights, by absolute value, first.

    Raises
    ------
    ValueError
        If the arrays do not fit, `entry` is outside, or `count` is below 1.

    Notes
    -----
    With learned Laplacians (`air`), the drivers are the neighbours in the graphs: entry (k, j) of row k for the row
    graph, (i, l) of column l for the column graph, with the weight of the edge divided by the sum of all edges of the
    node.

    Otherwise the completion is taken as a product ``A B'``, its singular vectors times the roots of its singular
    values, and the derivatives of

    .. math:: \hat x_{ij} = a_i' b_j, \quad a_i = \arg\min_a \sum_l (y_{il} - a' b_l)^2 + \lambda |a|^2

    by the observed entries of row i, B fixed, and likewise of column j, A fixed, are the weights. For `soft_impute`,
    whose factors are such ridge regressions with its shrinkage as the ridge, and up to its tolerance, this is exact;
    for other methods of low rank the ridge is tiny, and for those of full rank (patches, neighbours) it is a
    description, not what they did. That the other factor depends on the entries too is left out.

    Examples
    --------
    >>> X = np.outer([1.0, 2.0, 3.0], [1.0, 1.0, 2.0, 1.0])
    >>> [(driver.row, driver.col, round(driver.weight, 2)) for driver in drivers(X, X != X[1, 2], (1, 2))][3:]
    [(2, 2, 0.6), (0, 2, 0.2)]
    """
    array, seen = checked(observed, mask)
    if array.ndim != 2:
        raise ValueError(f"Expected a matrix (m, n), got an array of shape {array.shape}; take one channel of it.")
    i, j = (int(place) for place in entry)
    if not (0 <= i < array.shape[0] and 0 <= j < array.shape[1]):
        raise ValueError(
            f"entry: expected a row and a column of a {array.shape[0]} x {array.shape[1]} matrix, got {entry}."
        )
    if count < 1:
        raise ValueError(f"count: expected 1 or more, got {count}.")
    done = registry["soft_impute"](array, seen) if completion is None else completion
    if done.X_hat.shape != array.shape:
        raise ValueError(f"completion: expected one of shape {array.shape}, got {done.X_hat.shape}.")
    cols, rows = np.flatnonzero(seen[i]), np.flatnonzero(seen[:, j])
    if done.laplacians:
        row_weights, col_weights = (_neighbours(done.laplacians.get(side), k) for side, k in (("row", i), ("col", j)))
        of_cols = None if col_weights is None else col_weights[cols]
        of_rows = None if row_weights is None else row_weights[rows]
    else:
        A, B, ridge = _factors(done)
        of_cols, of_rows = row_influence(B, cols, j, ridge), row_influence(A, rows, i, ridge)
    found: list[Driver] = []
    if of_cols is not None:
        found += [Driver(i, int(k), float(array[i, k]), float(w)) for k, w in zip(cols, of_cols, strict=True)]
    if of_rows is not None:
        found += [Driver(int(k), j, float(array[k, j]), float(w)) for k, w in zip(rows, of_rows, strict=True)]
    others = [driver for driver in found if (driver.row, driver.col) != (i, j)]
    return sorted(others, key=lambda driver: -abs(driver.weight))[:count]


def row_influence(B: NDArray[np.floating], cols: NDArray[np.integer], j: int, ridge: float) -> NDArray[np.float64]:
    r"""Return the derivative of an entry by each observed one of its row, the column factors fixed.

    .. math:: \partial \hat x_{ij} / \partial y_{il} = b_j' (\sum_k b_k b_k' + \lambda I)^{-1} b_l

    Parameters
    ----------
    B : array of shape (n, r)
        Column factors.
    cols : int array of shape (k,)
        Observed columns of the row.
    j : int
    ridge : float
        Above 0.

    Returns
    -------
    float64 array of shape (k,)

    Examples
    --------
    >>> row_influence(np.array([[1.0], [1.0], [2.0]]), np.array([0, 1]), 2, 1e-12).round(3)
    array([1., 1.])
    """
    seen = B[cols].astype(np.float64)
    normal = seen.T @ seen + ridge * np.eye(B.shape[1])
    return seen @ np.linalg.solve(normal, B[j].astype(np.float64))


def _factors(done: Completion) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    u, sigma, vt = np.linalg.svd(side_by_side(done.X_hat).astype(np.float64), full_matrices=False)
    rank = max(1, int(np.sum(sigma**2 > ENERGY**2 * np.sum(sigma**2))))
    rank = min(rank, max(1, int(done.settings.get("rank") or rank)))
    root = np.sqrt(sigma[:rank])
    ridge = done.settings.get("shrinkage") or RIDGE * max(float(np.mean(sigma[:rank])), 1e-300)
    return u[:, :rank] * root, vt[:rank].T * root, float(ridge)


def _neighbours(laplacian: NDArray[np.floating] | None, k: int) -> NDArray[np.float64] | None:
    if laplacian is None:
        return None
    weights = -laplacian[k].astype(np.float64)
    weights[k] = 0.0
    return weights / max(float(weights.sum()), 1e-300)
