"""Floors: what a method has to beat to have learned anything."""

import time
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from matmend.methods.completion import Completion, checked, finished


def zeros(observed: ArrayLike, mask: ArrayLike | None = None, *, seed: int = 0) -> Completion:
    """Complete an array by zeros.

    On data that are nearly all zero, such as drug-target interactions, few methods are much better in NMAE.

    Parameters
    ----------
    observed, mask
        As in [`complete_with`][matmend.methods.complete_with].
    seed : int
        Taken as by all methods; nothing here is random.

    Returns
    -------
    Completion

    Raises
    ------
    ValueError
        If the array or mask cannot be used; the message says why.

    Examples
    --------
    >>> import numpy as np
    >>> zeros([[1.0, np.nan], [3.0, 4.0]]).completed
    array([[1., 0.], [3., 4.]])
    """
    del seed
    started = time.perf_counter()
    array, seen = checked(observed, mask)
    return finished(array, seen, np.zeros_like(array), method="zeros", settings={}, started=started)


def mean(
    observed: ArrayLike, mask: ArrayLike | None = None, *, axis: Literal[0, 1] | None = None, seed: int = 0
) -> Completion:
    """Complete an array by the mean of what was observed.

    Parameters
    ----------
    observed, mask
        As in [`complete_with`][matmend.methods.complete_with]. Channels are averaged one by one.
    axis : 0, 1 or None, default None
        As in NumPy: 0 averages over the rows and gives every column its mean, 1 gives every row its mean, None takes
        the mean of all. A column or row of which nothing was observed gets the mean of all.
    seed : int
        Taken as by all methods; nothing here is random.

    Returns
    -------
    Completion

    Raises
    ------
    ValueError
        If the array, the mask or `axis` cannot be used; the message says why.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[1.0, np.nan], [3.0, 5.0]])
    >>> [mean(X, axis=axis).completed[0, 1].item() for axis in (None, 0, 1)]
    [3.0, 5.0, 1.0]
    """
    del seed
    started = time.perf_counter()
    if axis not in (None, 0, 1):
        raise ValueError(f"axis: expected 0 (column means), 1 (row means) or None (mean of all), got {axis!r}.")
    array, seen = checked(observed, mask)
    X_hat = np.broadcast_to(_means(array, seen, axis), array.shape)
    return finished(array, seen, X_hat, method="mean", settings={"axis": axis}, started=started)


def with_means_where_unseen(
    X_hat: NDArray[np.floating], array: NDArray[np.floating], seen: NDArray[np.bool_]
) -> NDArray[np.floating]:
    """Fill rows and columns of which nothing was observed by means, as neighbours and low rank know nothing of them.

    An entry of such a column gets the mean of its row, one of such a row the mean of its column, and one of both the
    mean of all; channels are averaged one by one.

    Parameters
    ----------
    X_hat, array : arrays of shape (m, n) or (m, n, c)
        What a method found, and what it was given.
    seen : bool array, shape (m, n)

    Returns
    -------
    array like ``X_hat``

    Examples
    --------
    >>> import numpy as np
    >>> seen = np.array([[True, True, False], [False, False, False]])
    >>> with_means_where_unseen(np.zeros((2, 3)), np.array([[1.0, 3.0, 9.0], [9.0, 9.0, 9.0]]), seen)
    array([[0., 0., 2.], [1., 3., 2.]])
    """
    channels = (1,) * (array.ndim - 2)
    empty_row = ~seen.any(axis=1).reshape(-1, 1, *channels)
    empty_col = ~seen.any(axis=0).reshape(1, -1, *channels)
    # The mean of an empty row or column is that of all: an entry of both gets it either way.
    fill = np.where(empty_row, _means(array, seen, 0), _means(array, seen, 1))
    return np.where(empty_row | empty_col, fill, X_hat)


def _means(array: np.ndarray, seen: np.ndarray, axis: int | None) -> np.ndarray:
    where = np.broadcast_to(seen if array.ndim == 2 else seen[..., None], array.shape)
    values = np.where(where, array, 0).astype(np.float64)
    overall = values.sum(axis=(0, 1), keepdims=True) / seen.sum()
    if axis is None:
        return overall
    count = where.sum(axis=axis, keepdims=True)
    return np.where(count > 0, values.sum(axis=axis, keepdims=True) / np.maximum(count, 1), overall)
