"""What a trained method is made of, and one array on its way through the training."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self, TypedDict

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

from matmend.masks import holdout_split
from matmend.methods.completion import Completion, channels_apart, checked, filled, side_by_side
from matmend.observation import Masked
from matmend.problem import Problem, Terms
from matmend.regularizer import AbstractRegularizer, AdaptiveLaplacian, Sum, decompose
from matmend.representation import AbstractRepresentation
from matmend.solve import (
    AbstractStop,
    AnyOf,
    Checkpoints,
    HeldoutRise,
    OnBlock,
    Optimizer,
    Result,
    Solution,
    State,
    adam,
    never,
    with_errors,
)


# Functions with names, so that recipes can be pickled, and estimators with them.
def _unregularized(shape: tuple[int, int], channels: int) -> AbstractRegularizer:
    del shape, channels
    return Sum()


def _usual(steps: int) -> Optimizer:
    del steps
    return adam(1e-3)


@dataclass(frozen=True)
class Recipe:
    """What a trained method is made of; the numbers of a run are [`Training`][matmend.methods.Training].

    Attributes
    ----------
    method : str
    representation : AbstractRepresentation
    regularizer : callable ``((m, n), channels) -> AbstractRegularizer``
        Called with the size of the picture; by default there is none.
    natural_stop : AbstractStop, default `never`
        The stop rule that belongs to the method.
    heldout_stop : AbstractStop, default `HeldoutRise()`
        The stop rule where entries are held out.
    tried_below : float, default inf
        As a candidate after others: tried only if the best held-out error so far (root mean square, the scale of the
        data being 1) is below this.
    steps : int, default 10_000
        Most steps.
    optimizer : callable ``steps -> Optax transformation``
        By default Adam of rate 1e-3, whatever the number of steps.
    settings : dict
        The method's own settings, for the result to tell.
    """

    method: str
    representation: AbstractRepresentation
    regularizer: Callable[[tuple[int, int], int], AbstractRegularizer] = _unregularized
    natural_stop: AbstractStop = never
    heldout_stop: AbstractStop = HeldoutRise()  # noqa: RUF009 (frozen)
    tried_below: float = float("inf")
    steps: int = 10_000
    optimizer: Callable[[int], Optimizer] = _usual
    settings: dict[str, Any] = field(default_factory=dict)


class Training(TypedDict, total=False):
    """The settings of training that all trained methods hand on to [`complete_with`][], where they are described."""

    seed: int
    steps: int | None
    every: int
    optimizer: Optimizer | None
    scale: float | None
    holdout: float
    refit: bool
    stop: AbstractStop | None
    on_block: Sequence[OnBlock]
    checkpoint: Checkpoints | None


class InUnits(eqx.Module):
    """Record the losses, and root mean squared errors in the units of data that were divided by ``scale``."""

    scale: Float[Array, ""]

    def __call__(self, problem: Problem, state: State, terms: Terms) -> dict[str, Any]:
        """Return the row."""
        row = with_errors(problem, state, terms)
        errors = {name: self.scale.astype(row[name].dtype) * row[name] for name in row if name.endswith("rmse")}
        return {**row, **errors}


@dataclass(frozen=True)
class Given:
    """What a method was given, checked."""

    array: np.ndarray
    seen: np.ndarray
    scale: float

    @classmethod
    def of(cls, observed: ArrayLike, mask: ArrayLike | None, scale: float | None) -> Self:
        """Check, and find the scale."""
        array, seen = checked(observed, mask)
        if scale is None:
            # The range; of a constant array its size, and of nothing but zeros no scale at all.
            known = array[seen]
            scale = float(np.ptp(known)) or float(np.abs(known).max()) or 1.0
        if not (np.isfinite(scale) and scale > 0):
            raise ValueError(f"scale is what is called 1 inside, a number above 0, got {scale}.")
        return cls(array, seen, scale)

    @property
    def channels(self) -> int | None:
        """Number of channels; None for a matrix."""
        return self.array.shape[2] if self.array.ndim == 3 else None


@dataclass(frozen=True)
class Task:
    """One array on its way through one training."""

    recipe: Recipe
    given: Given
    held: np.ndarray | None
    problem: Problem
    settings: dict[str, Any]

    @classmethod
    def of(cls, recipe: Recipe, given: Given, *, seed: int, holdout: float) -> Self:
        """Compose the problem, with some entries held out."""
        (m, n), channels = given.seen.shape, given.channels or 1
        train, held = holdout_split(given.seen, holdout, seed=seed) if holdout else (given.seen, None)
        matrix = side_by_side(given.array) / given.array.dtype.type(given.scale)
        problem = Problem(
            # AIR-Net's code divides the loss by the number of all entries, seen or not; the weights are tuned to that.
            Masked.from_array(matrix, np.tile(train, channels), normalizer=matrix.size),
            recipe.representation,
            recipe.regularizer((m, n), channels),
            heldout=None if held is None else Masked.from_array(matrix, np.tile(held, channels)),
        )
        settings = {**recipe.settings, "holdout": holdout, "scale": given.scale, "seed": seed}
        return cls(recipe, given, held, problem, settings)

    def finish(self, solution: Solution, started: float) -> Completion:
        """Take the best iterate back to the form and units of what was given."""
        best, array, held = solution.state.best, self.given.array, self.held
        X = np.asarray(solution.X_best.dense()) * array.dtype.type(self.given.scale)
        X_hat = channels_apart(X, self.given.channels)
        parts = decompose(self.problem.regularizer, best.params.regularizer)
        learned = [
            np.asarray(part.regularizer.laplacian(part.params))
            for part in parts
            if isinstance(part.regularizer, AdaptiveLaplacian)
        ]
        return Completion(
            X_hat=X_hat,
            mask=self.given.seen,
            completed=filled(array, self.given.seen, X_hat),
            method=self.recipe.method,
            settings={**self.settings, "weights": [float(part.weight) for part in parts]},
            step=int(best.step),
            steps=int(solution.state.step),
            message=solution.message,
            is_partial=bool(solution.result == Result.interrupted) or bool(solution.result == Result.nonfinite),
            expected_rmse=None if held is None else float(np.sqrt(np.mean((X_hat[held] - array[held]) ** 2))),
            record=solution.record,
            laplacians=dict(zip(_names(len(learned)), learned, strict=True)),
            seconds=time.perf_counter() - started,
        )

    def summary(self, solution: Solution) -> dict[str, Any]:
        """Say how this candidate did."""
        best = solution.state.best
        heldout_rmse = float(np.sqrt(best.score)) * self.given.scale
        return {**self.recipe.settings, "heldout_rmse": heldout_rmse, "step": int(best.step)}


def _names(count: int) -> tuple[str, ...]:
    # Rows and columns come first by convention; what is beyond them has no name of its own.
    return ("row", "col", *(f"graph{number}" for number in range(3, count + 1)))[:count]


def stop_rule(recipe: Recipe, holdout: float, asked: AbstractStop | None) -> AbstractStop:
    """Return the rule that was asked for, or the recipe's own."""
    if asked is not None:
        return asked
    return AnyOf((recipe.heldout_stop, recipe.natural_stop)) if holdout else recipe.natural_stop
