"""One method on one hold-out: its error, its time, its memory; whatever it does, the caller goes on."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matmend.methods.completion import Completion, Method
from matmend.methods.resident import Growth
from matmend.methods.yardstick import Yardstick
from matmend.metrics import rmse


@dataclass(frozen=True, eq=False)
class Trial:
    """How a method did on one hold-out.

    Attributes
    ----------
    errors : tuple of float or None
        By each of the yardsticks; None if the method failed.
    rmse : float or None
        In units of the data.
    seconds : float
    memory : int or None
        Bytes, see [`Growth`][matmend.methods.resident.Growth].
    message : str
        Why the method ended, or failed.
    completion : Completion or None
    """

    errors: tuple[float, ...] | None
    rmse: float | None
    seconds: float
    memory: int | None
    message: str
    completion: Completion | None = None


def attempt(
    method: Method,
    array: NDArray[Any],
    train: NDArray[np.bool_],
    held: NDArray[np.bool_],
    yardsticks: tuple[Yardstick, ...],
    *,
    seed: int,
    settings: Mapping[str, Any],
) -> Trial:
    """Run a method on the entries ``train`` and judge it by those ``held``.

    Parameters
    ----------
    method : Method
    array : array of shape (m, n) or (m, n, c)
        The method is shown NaN wherever ``train`` is False.
    train, held : bool arrays of shape (m, n)
    yardsticks : tuple of Yardstick
    seed : int
        Of the method.
    settings : mapping
        Of the method.

    Returns
    -------
    Trial
        Exceptions become its message; ``KeyboardInterrupt`` passes through.

    Examples
    --------
    >>> from matmend.methods.floors import mean
    >>> from matmend.methods.yardstick import by_range
    >>> X, held = np.array([[1.0, 3.0], [2.0, 1.5]]), np.array([[False, True], [False, False]])
    >>> attempt(mean, X, ~held, held, (by_range(X, ~held | held),), seed=0, settings={}).errors
    (0.75,)
    """
    shown = np.where(train if array.ndim == 2 else train[..., None], array, np.nan).astype(array.dtype, copy=False)
    started = time.perf_counter()
    growth = Growth()
    try:
        with growth:
            done = method(shown, train, seed=seed, **settings)
        errors = tuple(yardstick.error(done.X_hat, array, held) for yardstick in yardsticks)
        if not np.isfinite(errors).all():
            raise ValueError("the completion has values that are not finite.")
        return Trial(errors, rmse(done.X_hat[held], array[held]), done.seconds, growth.most, done.message, done)
    except Exception as error:  # whatever it is, the other methods still have something to say
        message = f"{type(error).__name__}: {error}"
        return Trial(None, None, time.perf_counter() - started, growth.most, message)
