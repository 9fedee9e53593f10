"""Nearest neighbours: an entry is the weighted mean of that entry in the rows (or columns) most alike."""

import time
from dataclasses import replace
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.impute import KNNImputer

from matmend.masks import holdout_split
from matmend.methods.completion import Completion, channels_apart, checked, finished, side_by_side
from matmend.methods.floors import with_means_where_unseen

CANDIDATES = (1, 2, 3, 5, 8, 12, 20)
"""The numbers of neighbours that are tried when none is given."""
EQUAL = 1e-6
"""Root mean squared difference, in units of the largest deviation from the mean, up to which rows are called equal."""


def complete(
    observed: ArrayLike,
    mask: ArrayLike | None = None,
    *,
    k: int | None = 5,
    axis: Literal[0, 1] | None = 0,
    holdout: float = 0.05,
    seed: int = 0,
) -> Completion:
    r"""Complete an array by its nearest rows or columns.

    .. math:: \hat X_{ij} = \frac{\sum_{r \in N(i, j)} X_{rj} / d_{ir}^2}{\sum_{r \in N(i, j)} 1 / d_{ir}^2}

    with N(i, j) the k rows nearest to row i among those of which entry j was observed, and d² the mean squared
    difference over the entries that both rows have. Rows equal to row i (but for rounding) count alone. Computed by
    scikit-learn's ``KNNImputer``.

    Parameters
    ----------
    observed, mask
        As in [`complete_with`][matmend.methods.complete_with]. Rows are compared over all channels at once,
        ``[X_1 | ... | X_c]``, and so are columns.
    k : int or None, default 5
        Number of neighbours, fewer where fewer have the entry; None tries 1, 2, 3, 5, 8, 12 and 20 on held-out entries.
    axis : 0, 1 or None, default 0
        What is averaged over: 0 rows, 1 columns; None tries both on held-out entries.
    holdout : float in (0, 1), default 0.05
        Share of the observed entries set aside for choosing. The result is then made from all of them.
    seed : int
        Fixes the choice of held-out entries.

    Returns
    -------
    Completion
        ``X_hat`` has the observed values where observed. With `k` or `axis` None there is an ``expected_rmse``, the
        error of the choice on the held-out entries.

    Raises
    ------
    ValueError
        If the array, the mask or a setting cannot be used; the message says why.

    Notes
    -----
    Weights 1/d² are those of fancyimpute's KNN, which measures better than 1/d and equal weights. Where row i shares
    entries with none of the rows that have entry j, the mean of column j is taken; a column of which nothing was
    observed gets the means of the rows (``KNNImputer`` drops it, or fills it by 0). Which of equally near rows are
    taken (in 0/1 data many are) is left to scikit-learn.

    The choice is made for entries that are missing like the held-out ones, *scattered*: for holes and blocks it tends
    to too few neighbours.

    References
    ----------
    Troyanskaya et al., "Missing value estimation methods for DNA microarrays", doi:10.1093/bioinformatics/17.6.520.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[1.0, 2.0, np.nan], [1.0, 2.0, 3.0], [9.0, 8.0, 7.0]])
    >>> complete(X, k=1).completed[0]
    array([1., 2., 3.])
    """
    started = time.perf_counter()
    if k is not None and (k != int(k) or k < 1):
        raise ValueError(f"k: expected a whole number >= 1 or None, got {k!r}; 5 is usual, None lets the data choose.")
    if axis not in (None, 0, 1):
        raise ValueError(f"axis: expected 0 (rows), 1 (columns) or None (the data choose), got {axis!r}.")
    array, seen = checked(observed, mask)
    num_neighbors, along, expected = k, axis, None
    if num_neighbors is None or along is None:
        num_neighbors, along, expected = _chosen(array, *holdout_split(seen, holdout, seed=seed), k, axis)
    X_hat = _imputed(array, seen, int(num_neighbors), along)
    done = finished(
        array,
        seen,
        with_means_where_unseen(X_hat, array, seen),
        method="knn",
        settings={"k": int(num_neighbors), "axis": along, "holdout": holdout, "seed": seed},
        started=started,
        message="all entries have their neighbours",
    )
    return replace(done, expected_rmse=expected)


def _chosen(
    array: np.ndarray, train: np.ndarray, held: np.ndarray, k: int | None, axis: int | None
) -> tuple[int, int, float]:
    """Return k and axis of least error on the held-out entries, and the error; what is given stays."""
    errors: dict[tuple[int, int], float] = {}
    for axis_tried in (0, 1) if axis is None else (axis,):
        for k_tried in CANDIDATES if k is None else (int(k),):
            X = _imputed(array, train, k_tried, axis_tried)
            errors[k_tried, axis_tried] = float(np.sqrt(np.mean((X[held] - array[held]) ** 2)))
    k, axis = best = min(errors, key=errors.__getitem__)
    return k, axis, errors[best]


def _imputed(array: np.ndarray, seen: np.ndarray, k: int, axis: int) -> NDArray[np.float64]:
    """Return the completed array; what no row has is the mean of all."""
    Y = array.astype(np.float64)
    # scikit-learn expands |x - y|^2: without a large common value, and with entries of at most 1, we know what the
    # rounding of a distance is, and no square overflows.
    centre = Y[seen].mean()
    scale = np.abs(Y[seen] - centre).max() or 1.0
    Y = np.where(seen if array.ndim == 2 else seen[..., None], (Y - centre) / scale, np.nan)
    matrix = side_by_side(Y.swapaxes(0, axis))
    smallest = EQUAL * np.sqrt(matrix.shape[1])
    imputer = KNNImputer(
        n_neighbors=k,
        weights=partial(_inverse_squares, smallest),  # pyright: ignore[reportArgumentType] (a callable is documented)
        keep_empty_features=True,
    )
    filled = channels_apart(imputer.fit_transform(matrix), None if array.ndim == 2 else array.shape[2])
    return filled.swapaxes(0, axis) * scale + centre


def _inverse_squares(smallest: float, distances: NDArray[np.float64]) -> NDArray[np.float64]:
    is_equal = distances <= smallest
    weights = 1 / np.maximum(distances, smallest) ** 2
    has_equal = is_equal.any(axis=1)
    weights[has_equal] = is_equal[has_equal]
    return weights
