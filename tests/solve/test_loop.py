"""`solve`: one compilation, same seed same bits, the best iterate, and losses that are not finite."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from _small import VALUES, assert_same_bits, small_problem
from jax.extend.core import jaxprs_in_params

from matmend._types import Shape
from matmend.matrix import AbstractMatrix, Dense
from matmend.observation import Masked
from matmend.problem import Problem, Terms
from matmend.regularizer import AdaptiveLaplacian, TotalVariation
from matmend.representation import AbstractRepresentation, DeepFactorization, Direct
from matmend.solve import (
    LossBelow,
    Result,
    State,
    adam,
    init,
    losses,
    run,
    solve,
)
from matmend.solve import loop as loop_module
from matmend.transform import Transpose

KEY = jax.random.key(3)


# --- one program ----------------------------------------------------------------------------------------------------


class Counted(AbstractRepresentation):
    """Entries as they are; every trace (or evaluation) of it counts."""

    calls = [0]  # noqa: RUF012 (not a field: a counter outside of the frozen description)

    def init(self, shape: Shape, *, key: Any, dtype: Any) -> jax.Array:
        return jnp.zeros(shape, dtype) + jax.random.uniform(key)

    def __call__(self, params: jax.Array) -> AbstractMatrix:
        self.calls[0] += 1
        return Dense(params)


def test_another_seed_data_mask_weight_length_or_rate_object_in_use_compiles_nothing_anew():
    def train(seed: int, weight: float, max_steps: int, shape: Shape = (4, 3), rate: float = 1e-2) -> int:
        rng = np.random.default_rng(seed)
        observed = Masked.from_array(rng.normal(size=shape), rng.random(shape) < 0.8)
        problem = Problem(observed, Counted(), weight * TotalVariation())
        before = Counted.calls[0]
        solution = solve(
            problem, adam(rate), key=jax.random.key(seed), max_steps=max_steps, every=5, stop=LossBelow(0.0)
        )
        assert int(solution.state.step) == max_steps
        solve(problem, adam(rate), key=KEY, max_steps=max_steps + 7, every=5, stop=LossBelow(0.0), state=solution.state)
        return Counted.calls[0] - before

    assert train(0, 0.1, 23) > 0
    assert train(1, 0.2, 40) == 0
    assert train(2, 0.0, 3) == 0
    assert train(0, 0.1, 23, shape=(3, 4)) > 0
    assert train(0, 0.1, 23, rate=2e-2) > 0
    assert train(3, 0.3, 23, rate=2e-2) == 0


def primitives(jaxpr: Any) -> set[str]:
    found = set()
    for eqn in jaxpr.eqns:
        found.add(eqn.primitive.name)
        for inner in jaxprs_in_params(eqn.params):
            found |= primitives(inner)
    return found


def test_nothing_leaves_the_device_between_two_records(monkeypatch: pytest.MonkeyPatch):
    problem, optim = small_problem(), adam(1e-2)
    state = init(problem, optim, key=KEY)

    def block(state: State, record: Any = losses) -> Any:
        return run(problem, optim, state, blocks=2, every=5, record=record)

    def talkative(problem: Problem, state: State, terms: Terms) -> dict[str, Any]:
        jax.debug.callback(print, state.step)
        return losses(problem, state, terms)

    def talks(record: Any) -> bool:
        names = primitives(jax.make_jaxpr(lambda s: block(s, record))(state).jaxpr)
        assert {"while", "scan"} <= names
        return any("callback" in name or name in ("infeed", "outfeed", "device_put") for name in names)

    assert talks(talkative)
    assert not talks(losses)
    compiled, state = jax.jit(block), jax.device_put(state)
    compiled(state)
    with jax.transfer_guard("disallow"):
        ended, record = compiled(state)
    assert record["step"].tolist() == [5, 10]
    assert int(ended.step) == 10

    counts = {"programs": 0, "fetches": 0}
    program, fetch = loop_module._run, jax.device_get

    def counted_program(*args: Any, **kwargs: Any) -> Any:
        counts["programs"] += 1
        return program(*args, **kwargs)

    def counted_fetch(tree: Any) -> Any:
        counts["fetches"] += 1
        return fetch(tree)

    monkeypatch.setattr(loop_module, "_run", counted_program)
    monkeypatch.setattr(jax, "device_get", counted_fetch)
    assert solve(problem, optim, key=KEY, max_steps=23, every=5).record["step"].tolist() == [0, 5, 10, 15, 20, 23]
    assert counts == {"programs": 6, "fetches": 6}


def test_solve_equals_run_bit_by_bit():
    problem, optim = small_problem(), adam(1e-2)
    solution = solve(problem, optim, key=KEY, max_steps=20, every=5)
    start = eqx.filter_jit(init)(problem, optim, key=KEY)
    state, record = eqx.filter_jit(run)(problem, optim, start, blocks=4, every=5, max_steps=20)
    assert_same_bits(solution.state, state)
    assert_same_bits(jax.tree.map(lambda column: column[1:], solution.record), jax.tree.map(np.asarray, record))


def test_same_seed_same_bits_in_float32_on_a_picture():
    i, j = np.mgrid[0:64, 0:64] / 64
    picture = (0.5 + 0.5 * np.sin(5 * i + 3 * j)).astype(np.float32)
    problem = Problem(
        Masked.from_array(picture, np.random.default_rng(0).random((64, 64)) < 0.5),
        DeepFactorization(depth=3),
        1e-4 * AdaptiveLaplacian() + 1e-4 * AdaptiveLaplacian(Transpose()),
    )
    one, two, other = (
        solve(problem, adam(1e-2), key=jax.random.key(seed), max_steps=120, every=40) for seed in (0, 0, 1)
    )
    assert one.record["loss"][-1] < 0.5 * one.record["loss"][0]
    assert_same_bits((one.state, one.record), (two.state, two.record))
    assert not np.array_equal(one.X.dense(), other.X.dense())


# --- the best iterate and non-finite losses -------------------------------------------------------------------------


def with_params(problem: Problem, state: State, terms: Terms) -> dict[str, Any]:
    return {**losses(problem, state, terms), "params": state.params}


def spiked(rate: float, spike: float, at: int) -> optax.GradientTransformation:
    return optax.sgd(lambda count: jnp.where(jnp.asarray(count) >= at, spike, rate))


@pytest.mark.parametrize("heldout", [True, False])
def test_the_best_iterate_is_the_recorded_one_of_least_score(heldout: bool):
    # Held out: the minimum is on the way. Not held out: the learning rate blows up late and loses what was found.
    problem = small_problem()
    problem = problem if heldout else Problem(problem.observation, problem.representation, problem.regularizer)
    solution = solve(problem, spiked(0.3, 50.0, 42), key=KEY, max_steps=50, every=4, record=with_params)
    score = solution.record["heldout" if heldout else "fidelity"]
    best = int(np.argmin(score))
    assert 0 < best < len(score) - 1
    assert score[-1] > 10 * score[best]
    assert int(solution.state.best.step) == solution.record["step"][best] == 4 * best
    assert solution.state.best.score == score[best]
    assert_same_bits(solution.state.best.params, jax.tree.map(lambda x: x[best], solution.record["params"]))
    assert_same_bits(solution.X_best.dense(), problem.matrix(solution.state.best.params).dense())
    assert_same_bits(solution.X.dense(), problem.matrix(solution.params).dense())


def test_a_non_finite_loss_raises_or_is_reported_with_a_finite_best_iterate():
    problem, optim = small_problem(), spiked(0.3, 1e200, 13)
    with pytest.raises(FloatingPointError, match=r"^Step \d+: the loss became NaN or infinite; try a smaller"):
        solve(problem, optim, key=KEY, max_steps=50, every=10)
    solution = solve(problem, optim, key=KEY, max_steps=50, every=10, throw=False)
    assert solution.result == Result.nonfinite
    assert solution.message == Result[Result.nonfinite]
    assert solution.record["step"].tolist() == [0, 10, int(solution.state.step)]
    assert 13 < int(solution.state.step) < 20
    assert not np.isfinite(solution.record["loss"][-1])
    assert np.isfinite(solution.X_best.dense()).all()
    assert int(solution.state.best.step) in (0, 10)
    # There is no way on: the same state, continued, says the same again.
    with pytest.raises(FloatingPointError):
        solve(problem, optim, key=KEY, max_steps=60, every=10, state=solution.state)


def test_a_start_that_is_not_finite_is_told_before_any_step():
    problem = Problem(Masked.from_array(VALUES.astype(np.float32)), Direct(scale=1e30))
    for max_steps in (0, 5):
        solution = solve(problem, adam(1e-2), key=KEY, max_steps=max_steps, throw=False)
        assert solution.result == Result.nonfinite
        assert solution.record["step"].tolist() == [0]
