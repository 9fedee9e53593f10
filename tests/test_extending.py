"""The code that docs/extending.md includes (the parts between the marks), run and held to the contracts."""

# ruff: noqa: E402 - imports stand where a reader of the page needs them

# --8<-- [start:regularizer]
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import PRNGKeyArray

from matmend._types import Scalar, Shape
from matmend.matrix import AbstractMatrix
from matmend.regularizer import AbstractRegularizer


class Range(AbstractRegularizer):
    """Square of what lies outside of ``[low, high]``, summed: for data that are known to be bounded."""

    low: float
    high: float

    def init(self, shape: Shape, *, key: PRNGKeyArray, dtype: DTypeLike) -> tuple[()]:
        """Nothing is trained."""
        return ()

    def energy(self, params: tuple[()], X: AbstractMatrix) -> Scalar:
        """Return the energy."""
        values = X.dense()
        return jnp.sum(jnp.maximum(values - self.high, 0) ** 2 + jnp.maximum(self.low - values, 0) ** 2)


# --8<-- [end:regularizer]
# --8<-- [start:method]
import time

import numpy as np
from numpy.typing import ArrayLike

from matmend.methods import Completion
from matmend.methods.completion import checked, finished


def medians(observed: ArrayLike, mask: ArrayLike | None = None, *, seed: int = 0) -> Completion:
    """Complete a matrix by the medians of its columns."""
    started = time.perf_counter()
    array, seen = checked(observed, mask)  # one message for everything that cannot be used
    columns = np.nanmedian(np.where(seen, array, np.nan), axis=0)
    X_hat = np.broadcast_to(columns, array.shape)
    return finished(array, seen, X_hat, method="medians", settings={}, started=started)


# --8<-- [end:method]
# --8<-- [start:stop]
from typing import Any

from jaxtyping import Array, Int

from matmend.problem import Terms
from matmend.solve import AbstractStop, Result


class Budget(AbstractStop):
    """Stop when the loss has been summed up to a budget."""

    budget: float

    def init(self, terms: Terms) -> Array:
        """Remember the sum."""
        return jnp.zeros_like(terms.loss)

    def __call__(self, state: Array, step: Int[Array, ""], terms: Terms) -> tuple[Array, Result]:
        """Add, and compare."""
        total = state + terms.loss
        return total, Result.where(total > self.budget, Result.loss_reached, Result.running)


# --8<-- [end:stop]
# --8<-- [start:record]
from matmend.problem import Problem
from matmend.solve import State, losses


def with_largest(problem: Problem, state: State, terms: Terms) -> dict[str, Any]:
    """Record the losses and the largest entry."""
    return {**losses(problem, state, terms), "largest": jnp.max(problem.matrix(state.params).dense())}


def stop_when_large(state: State, row: dict[str, Any]) -> bool:
    """End the run when an entry passes 100."""
    return bool(row["largest"] > 100)


# --8<-- [end:record]

import jax
import pytest

from matmend.matrix import Dense

RNG = np.random.default_rng(0)
X_TRUE = np.clip(RNG.normal(size=(12, 2)) @ RNG.normal(size=(2, 10)), -1, 1).astype(np.float32)
MASK = RNG.random(X_TRUE.shape) < 0.6


def test_the_regularizer_is_what_it_says():
    X = jnp.array([[-0.5, 0.5], [1.0, 3.0]])
    assert float(Range(0.0, 1.0).energy((), Dense(X))) == pytest.approx(0.25 + 4)
    gradient = jax.grad(lambda X: Range(0.0, 1.0).energy((), Dense(X)))(X)
    np.testing.assert_allclose(gradient, [[-1, 0], [0, 4]])


def test_the_regularizer_trains():
    X, mask = X_TRUE, MASK
    # --8<-- [start:regularizer-used]
    from matmend import DeepFactorization, Masked, Problem
    from matmend.solve import adam, solve

    problem = Problem(Masked.from_array(X, mask), DeepFactorization(depth=2), 0.1 * Range(-1.0, 1.0))
    solution = solve(problem, adam(1e-2), key=jax.random.key(0), max_steps=500)
    # --8<-- [end:regularizer-used]
    free = solve(Problem(problem.observation, problem.representation), adam(1e-2), key=jax.random.key(0), max_steps=500)
    outside = [float(Range(-1.0, 1.0).energy((), found.X)) for found in (solution, free)]
    assert outside[0] < 0.1 * outside[1]


def test_the_method_goes_wherever_one_is_called():
    X, mask = X_TRUE, MASK
    # --8<-- [start:method-used]
    from matmend.trust import intervals

    bounds = intervals(X, mask, method=medians, coverage=0.9)
    # --8<-- [end:method-used]
    done = medians(X, mask)
    for j in range(X.shape[1]):
        np.testing.assert_allclose(done.completed[~mask[:, j], j], np.median(X[mask[:, j], j]))
    np.testing.assert_array_equal(done.completed[mask], X[mask])
    assert (bounds.lower <= bounds.upper).all()
    with pytest.raises(ValueError, match="Everything is missing"):
        medians(np.full((3, 3), np.nan))


def test_the_recipe_trains_with_held_out_entries():
    X, mask = X_TRUE, MASK
    # --8<-- [start:recipe]
    from matmend import DeepFactorization
    from matmend.methods import Recipe, complete_with

    bounded = Recipe("bounded", DeepFactorization(depth=2), lambda shape, channels: 0.1 * Range(-1.0, 1.0), steps=1000)
    done = complete_with(bounded, X, mask, scale=1.0)
    # --8<-- [end:recipe]
    assert done.method == "bounded"
    assert done.expected_rmse is not None
    constant = np.abs(X[mask].mean() - X)[~mask].mean()
    assert np.abs(done.X_hat - X)[~mask].mean() < constant


def test_the_stop_rule_ends_where_the_sum_says_and_goes_on_from_a_state():
    from matmend import DeepFactorization, Masked
    from matmend.solve import adam, solve

    problem, key = Problem(Masked.from_array(X_TRUE, MASK), DeepFactorization(depth=2)), jax.random.key(0)
    every_step = solve(problem, adam(1e-2), key=key, max_steps=100, every=1).record["loss"]
    budget = float(np.sum(every_step[:40]))
    expected = int(np.argmax(np.cumsum(every_step) > budget))  # terms of a step are those before it
    run = solve(problem, adam(1e-2), key=key, max_steps=100, every=100, stop=Budget(budget))
    assert run.result == Result.loss_reached
    assert abs(int(run.state.step) - expected) <= 1
    half = solve(problem, adam(1e-2), key=key, max_steps=20, stop=Budget(budget))
    again = solve(problem, adam(1e-2), key=key, max_steps=100, every=100, stop=Budget(budget), state=half.state)
    assert int(again.state.step) == int(run.state.step)


def test_the_record_is_kept_and_the_callback_ends_the_run():
    from matmend import DeepFactorization, Masked
    from matmend.solve import adam, solve

    problem = Problem(Masked.from_array(1000 * X_TRUE, MASK), DeepFactorization(depth=2))
    run = solve(
        problem, adam(0.1), key=jax.random.key(0), max_steps=5000, record=with_largest, on_block=[stop_when_large]
    )
    assert run.result == Result.interrupted
    assert (run.record["largest"][:-1] <= 100).all()
    assert run.record["largest"][-1] > 100
    assert run.record["largest"][-1] == pytest.approx(float(run.X.dense().max()))
