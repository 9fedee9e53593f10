"""What every method takes and returns."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Completion:
    """A completed array and how it came about.

    Attributes
    ----------
    X_hat : array of shape (m, n) or (m, n, c)
        The model's value of every entry, observed or not.
    mask : bool array of shape (m, n)
        True where observed.
    completed : array like ``X_hat``
        The observed values untouched, the others from ``X_hat``.
    method, settings : str, dict
        What was run.
    step, steps : int
        The iterate that ``X_hat`` is, and how many were made.
    message : str
        Why the run ended.
    is_partial : bool
        True if the run was interrupted or broke off on a non-finite loss.
    expected_rmse : float or None
        Root mean squared error on the entries set aside, in units of the data: the error to expect on missing entries
        that are *scattered like them*. None without held-out entries.
    record : dict of arrays
        Curves of the training.
    laplacians : dict of arrays
        The learned Laplacians, ``"row"`` and ``"col"``; empty when none was learned.
    seconds : float
        Wall time, compilation included.
    """

    X_hat: np.ndarray
    mask: np.ndarray
    completed: np.ndarray
    method: str
    settings: dict[str, Any]
    step: int
    steps: int
    message: str
    is_partial: bool
    expected_rmse: float | None
    record: dict[str, Any]
    laplacians: dict[str, np.ndarray] = field(default_factory=dict)
    seconds: float = 0.0

    def following(self, choice: "Completion") -> "Completion":
        """Return this completion as the refit of one that chose its settings: with its curves and expected error."""
        return replace(
            self,
            settings={**choice.settings, "refit": True},
            message=choice.message,
            steps=choice.steps,
            expected_rmse=choice.expected_rmse,
            record=choice.record,
        )


Method = Callable[..., Completion]
"""``complete(observed, mask=None, *, seed=0, **settings) -> Completion``, the one form of all methods."""


def finished(
    array: np.ndarray,
    seen: np.ndarray,
    X_hat: np.ndarray,
    *,
    method: str,
    settings: dict[str, Any],
    started: float,
    steps: int = 0,
    message: str = "all steps were made",
) -> Completion:
    """Wrap up what a method found that trains no [`Problem`][matmend.problem.Problem].

    Parameters
    ----------
    array, seen : arrays
        As [`checked`][matmend.methods.completion.checked] returned them.
    X_hat : array like ``array``
        The method's value of every entry.
    method, settings : str, dict
    started : float
        `time.perf_counter()` at the beginning.
    steps : int
        Iterations made.
    message : str
        Why the method ended.

    Returns
    -------
    Completion

    Examples
    --------
    >>> import numpy as np
    >>> array, seen = checked(np.array([[1.0, np.nan]]), None)
    >>> finished(array, seen, np.full((1, 2), 3.0), method="three", settings={}, started=0.0).completed.tolist()
    [[1.0, 3.0]]
    """
    X_hat = X_hat.astype(array.dtype, copy=False)
    return Completion(
        X_hat=X_hat,
        mask=seen,
        completed=filled(array, seen, X_hat),
        method=method,
        settings=settings,
        step=steps,
        steps=steps,
        message=message,
        is_partial=False,
        expected_rmse=None,
        record={},
        seconds=time.perf_counter() - started,
    )


def filled(array: np.ndarray, seen: np.ndarray, X_hat: np.ndarray) -> np.ndarray:
    """Take the observed entries from ``array`` and the others from ``X_hat``."""
    return np.where(seen if array.ndim == 2 else seen[..., None], array, X_hat)


def checked(observed: ArrayLike, mask: ArrayLike | None) -> tuple[np.ndarray, np.ndarray]:
    """Check what a method is given.

    Parameters
    ----------
    observed : array of shape (m, n), or (m, n, c) with channels
        Floating point data are taken as they are, anything else as float32, whole numbers that this would round (above
        2**24) as float64.
    mask : bool array of shape (m, n), optional
        True where observed; by default where no channel is NaN.

    Returns
    -------
    array : floating-point array like ``observed``
    seen : bool array of shape (m, n)

    Raises
    ------
    ValueError
        If shapes do not fit, everything or nothing is missing, or an observed value is not finite.

    Examples
    --------
    >>> checked([[1, 2]], [[True, False]])[1].tolist()
    [[True, False]]
    """
    array = np.asarray(observed)
    if array.ndim not in (2, 3):
        raise ValueError(
            f"Expected a matrix (m, n) or a picture (m, n, channels), got an array of shape {array.shape}."
        )
    if not np.issubdtype(array.dtype, np.floating):
        is_large = np.issubdtype(array.dtype, np.integer) and (array.astype(np.float32) != array).any()
        array = array.astype(np.float64 if is_large else np.float32)
    if mask is None:
        mask = ~(np.isnan(array) if array.ndim == 2 else np.isnan(array).any(axis=2))
    seen = np.asarray(mask, dtype=bool)
    if seen.shape != array.shape[:2]:
        raise ValueError(f"The mask must have shape {array.shape[:2]} like the array, got {seen.shape}.")
    if not seen.any():
        raise ValueError("Everything is missing: there is nothing to complete the array from.")
    if seen.all():
        raise ValueError("Nothing is missing: there is nothing to complete.")
    wrong = ~np.isfinite(array) & (seen if array.ndim == 2 else seen[..., None])
    if wrong.any():
        raise ValueError(
            f"{int(wrong.sum())} values that the mask calls observed are NaN or infinite: mark "
            "those entries as missing."
        )
    return array, seen


def side_by_side(array: np.ndarray) -> np.ndarray:
    """Lay the channels of a picture side by side, ``[X_1 | ... | X_c]``; a matrix stays as it is.

    Examples
    --------
    >>> side_by_side(np.zeros((4, 5, 3))).shape
    (4, 15)
    """
    if array.ndim == 2:
        return array
    return array.transpose(0, 2, 1).reshape(array.shape[0], -1)


def channels_apart(matrix: np.ndarray, channels: int | None) -> np.ndarray:
    """Undo [`side_by_side`][matmend.methods.completion.side_by_side]; None is for what had no axis of channels.

    Examples
    --------
    >>> channels_apart(np.zeros((4, 15)), 3).shape
    (4, 5, 3)
    """
    if channels is None:
        return matrix
    return matrix.reshape(matrix.shape[0], channels, -1).transpose(0, 2, 1)
