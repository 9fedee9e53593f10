"""What every method takes and returns, and the training that those of matmend's own share."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict

import jax
import numpy as np
from numpy.typing import ArrayLike

from matmend.masks import holdout_split
from matmend.observation import Masked
from matmend.problem import Problem
from matmend.regularizer import AbstractRegularizer, AdaptiveLaplacian, Sum, decompose
from matmend.representation import AbstractRepresentation
from matmend.solve import AbstractStop, AnyOf, HeldoutRise, Result, Solution, adam, never, solve, with_errors
from matmend.solve.loop import OnBlock


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


Method = Callable[..., Completion]
"""``complete(observed, mask=None, *, seed=0, **settings) -> Completion``, the one form of all methods."""


class Training(TypedDict, total=False):
    """The settings of training that all methods hand on to [`complete_with`][], where they are described."""

    seed: int
    steps: int
    every: int
    learning_rate: float
    holdout: float
    stop: AbstractStop | None
    on_block: Sequence[OnBlock]


def complete_with(
    observed: ArrayLike,
    mask: ArrayLike | None,
    representation: AbstractRepresentation,
    regularizer: Callable[[tuple[int, int], int], AbstractRegularizer] | None = None,
    *,
    method: str,
    settings: dict[str, Any] | None = None,
    natural_stop: AbstractStop = never,
    seed: int = 0,
    steps: int = 10_000,
    every: int = 100,
    learning_rate: float = 1e-3,
    holdout: float = 0.05,
    stop: AbstractStop | None = None,
    on_block: Sequence[OnBlock] = (),
) -> Completion:
    """Complete an array by training a composed problem, with a share of the entries held out.

    Parameters
    ----------
    observed : array of shape (m, n), or (m, n, c) with channels
        Floating point data are taken as they are, integers as float32. Channels are laid side by side as
        ``[X_1 | ... | X_c]`` and completed as one matrix.
    mask : bool array of shape (m, n), optional
        True where observed; by default where no channel is NaN.
    representation : AbstractRepresentation
    regularizer : callable ``((m, n), channels) -> AbstractRegularizer``, optional
        Called with the size of the picture; none by default.
    method, settings : str, dict
        The method's name and its own settings, for the result to tell.
    natural_stop : AbstractStop, default never
        The stop rule that belongs to the method.
    seed : int, default 0
        Fixes the start and the choice of held-out entries.
    steps, every : int
        Most steps of Adam, and steps between two records.
    learning_rate : float
    holdout : float, default 0.05
        Share of the observed entries set aside, 0 for none. The result is the recorded iterate of least held-out
        error or, without held-out entries, of least observed error: Adam's late jumps do no harm.
    stop : AbstractStop, optional
        By default the natural one or, where entries are held out, a rise of the error on them.
    on_block : sequence of callables, optional
        See [`solve`][matmend.solve.solve].

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
    >>> from matmend.representation import DeepFactorization
    >>> X = np.outer(np.arange(1, 9), np.arange(1, 9)) / 64
    >>> done = complete_with(X, X != X[2, 3], DeepFactorization(), method="deep", holdout=0.0, steps=3000)
    >>> bool(abs(done.completed[2, 3] - X[2, 3]) < 0.02)
    True
    """
    started = time.perf_counter()
    array, seen = _checked(observed, mask)
    m, n, channels = array.shape[0], array.shape[1], array.shape[2] if array.ndim == 3 else 1
    train, held = holdout_split(seen, holdout, seed=seed) if holdout else (seen, None)

    matrix = _side_by_side(array)
    problem = Problem(
        # AIR-Net's code divides the loss by the number of all entries, seen or not; the weights are tuned to that.
        Masked.from_array(matrix, np.tile(train, channels), normalizer=matrix.size),
        representation,
        Sum() if regularizer is None else regularizer((m, n), channels),
        heldout=None if held is None else Masked.from_array(matrix, np.tile(held, channels)),
    )
    if stop is None:
        stop = natural_stop if held is None else AnyOf((HeldoutRise(), natural_stop))
    solution = solve(
        problem, adam(learning_rate), key=jax.random.key(seed), max_steps=steps, every=every, stop=stop,
        record=with_errors, on_block=on_block, throw=False,
    )  # fmt: skip
    return _completion(
        solution,
        array,
        seen,
        channels,
        method=method,
        settings={
            **(settings or {}),
            "weights": [float(part.weight) for part in decompose(problem.regularizer, solution.params.regularizer)],
            "learning_rate": learning_rate,
            "holdout": holdout,
            "seed": seed,
        },
        started=started,
        held=held,
    )


def _completion(
    solution: Solution,
    array: np.ndarray,
    seen: np.ndarray,
    channels: int,
    *,
    method: str,
    settings: dict[str, Any],
    started: float,
    held: np.ndarray | None,
) -> Completion:
    best = solution.state.best
    X = np.asarray(solution.X_best.dense())
    X_hat = X if array.ndim == 2 else X.reshape(array.shape[0], channels, -1).transpose(0, 2, 1)
    observed = seen if array.ndim == 2 else seen[..., None]
    expected = None if held is None else float(np.sqrt(np.mean((X_hat[held] - array[held]) ** 2)))
    return Completion(
        X_hat=X_hat,
        mask=seen,
        completed=np.where(observed, array, X_hat),
        method=method,
        settings=settings,
        step=int(best.step),
        steps=int(solution.state.step),
        message=solution.message,
        is_partial=bool(solution.result == Result.interrupted) or bool(solution.result == Result.nonfinite),
        expected_rmse=expected,
        record=solution.record,
        laplacians=_laplacians(solution.problem, best.params.regularizer),
        seconds=time.perf_counter() - started,
    )


def _laplacians(problem: Problem, params: Any) -> dict[str, np.ndarray]:
    parts = decompose(problem.regularizer, params)
    learned = [
        np.asarray(part.regularizer.laplacian(part.params))
        for part in parts
        if isinstance(part.regularizer, AdaptiveLaplacian)
    ]
    return dict(zip(("row", "col"), learned, strict=False))


def _checked(observed: ArrayLike, mask: ArrayLike | None) -> tuple[np.ndarray, np.ndarray]:
    array = np.asarray(observed)
    if array.ndim not in (2, 3):
        raise ValueError(
            f"Expected a matrix (m, n) or a picture (m, n, channels), got an array of shape {array.shape}."
        )
    if not np.issubdtype(array.dtype, np.floating):
        array = array.astype(np.float32)
    per_pixel = np.isnan(array) if array.ndim == 2 else np.isnan(array).any(axis=2)
    seen = np.asarray(~per_pixel if mask is None else mask, dtype=bool)
    if seen.shape != array.shape[:2]:
        raise ValueError(f"The mask must have shape {array.shape[:2]} like the array, got {seen.shape}.")
    if not seen.any():
        raise ValueError("Everything is missing: there is nothing to complete the array from.")
    if seen.all():
        raise ValueError("Nothing is missing: there is nothing to complete.")
    if not np.isfinite(array[seen]).all():
        raise ValueError(
            f"{int((~np.isfinite(array[seen])).sum())} values that the mask calls observed are NaN or infinite: mark "
            "those entries as missing."
        )
    return array, seen


def _side_by_side(array: np.ndarray) -> np.ndarray:
    if array.ndim == 2:
        return array
    return array.transpose(0, 2, 1).reshape(array.shape[0], -1)
