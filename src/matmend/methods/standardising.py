"""A method on columns of mean 0 and standard deviation 1, whatever their units."""

import time
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from matmend.methods.completion import Completion, Method, checked, filled
from matmend.methods.yardstick import column_mean, column_spread


def standardised(method: Method) -> Method:
    """Return the method that works on standardised columns and gives its result in the units of the data.

    Low rank and distances mean little across columns of which one is in millions and another in thousandths.

    Parameters
    ----------
    method : Method
        A function ``complete(observed, mask, *, seed, **settings)``.

    Returns
    -------
    Method
        Of the same form, for matrices. Mean and standard deviation are those of the entries it is shown. What a
        completion says in units of the data (``expected_rmse``, ``record``) is left out: it would be in others.

    Examples
    --------
    >>> from matmend.methods import registry
    >>> X = np.array([[1.0, np.nan], [3.0, 4e6], [5.0, 8e6]])
    >>> standardised(registry["zeros"])(X).completed[0]  # 0 standard deviations from the mean
    array([1.e+00, 6.e+06])
    """

    def complete(observed: ArrayLike, mask: ArrayLike | None = None, *, seed: int = 0, **settings: Any) -> Completion:
        started = time.perf_counter()
        array, seen = checked(observed, mask)
        if array.ndim != 2:
            raise ValueError(f"Expected a matrix (m, n), got shape {array.shape}: channels have one unit as they are.")
        mean, spread = column_mean(array, seen), column_spread(array, seen)
        known = np.where(seen, (array - mean) / spread, np.nan).astype(array.dtype)
        done = method(known, seen, seed=seed, **settings)
        X_hat = (done.X_hat * spread + mean).astype(array.dtype)
        return Completion(
            X_hat, seen, filled(array, seen, X_hat), done.method, done.settings, done.step, done.steps, done.message,
            done.is_partial, expected_rmse=None, record={}, laplacians=done.laplacians,
            seconds=time.perf_counter() - started,
        )  # fmt: skip

    return complete
