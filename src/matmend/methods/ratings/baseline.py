"""What any model has to beat: a mean, and an offset for every row and every column."""

import numpy as np
from numpy.typing import NDArray

DAMPING = 5.0
"""Ratings of 0 that are added to each row and column, so that one rating does not say all."""


def baseline_error(
    rows: NDArray[np.int32],
    cols: NDArray[np.int32],
    values: NDArray[np.floating],
    shape: tuple[int, int],
    is_held: NDArray[np.bool_],
) -> float:
    """Return the root mean square error of [`baseline`][matmend.methods.ratings.baseline.baseline].

    Examples
    --------
    >>> rows, cols = np.divmod(np.arange(12), 4)
    >>> baseline_error(rows, cols, np.ones(12), (3, 4), np.arange(12) == 5)
    0.0
    """
    residual = values[is_held] - baseline(rows, cols, values, shape, is_held)
    return float(np.sqrt(np.mean(residual.astype(np.float64) ** 2)))


def baseline(
    rows: NDArray[np.int32],
    cols: NDArray[np.int32],
    values: NDArray[np.floating],
    shape: tuple[int, int],
    is_held: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Fit ``mean + b_i + c_j`` to the entries that are not held out; return what it predicts for those that are.

    Examples
    --------
    >>> rows, cols = np.divmod(np.arange(12), 4)
    >>> baseline(rows, cols, np.full(12, 3.0), (3, 4), np.arange(12) == 5).tolist()
    [3.0]
    """
    i, j, y = rows[~is_held], cols[~is_held], values[~is_held]
    mean = float(np.mean(y, dtype=np.float64))
    b, c = np.zeros(shape[0]), np.zeros(shape[1])
    row_counts = np.bincount(i, minlength=shape[0]) + DAMPING
    col_counts = np.bincount(j, minlength=shape[1]) + DAMPING
    for _ in range(2):
        c = np.bincount(j, y - mean - b[i], minlength=shape[1]) / col_counts
        b = np.bincount(i, y - mean - c[j], minlength=shape[0]) / row_counts
    return mean + b[rows[is_held]] + c[cols[is_held]]
