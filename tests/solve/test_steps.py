"""`init`, `step` and `run`: against hand-written gradients, under vmap, and in each dtype."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import matmend.solve as ms
from matmend.fidelity import Huber, squared
from matmend.observation import Entries, Masked
from matmend.problem import Problem, ProblemParams
from matmend.regularizer import AdaptiveLaplacian, GivenLaplacian
from matmend.representation import DeepFactorization, Direct, Gaussian
from matmend.solve import AnyOf, EnergyDecay, HeldoutRise, LossBelow, Result, State, adam
from matmend.transform import Transpose

KEY = jax.random.key(7)
init, step, run = ms.init, eqx.filter_jit(ms.step), eqx.filter_jit(ms.run)


def observed_matrix(
    seed: int, shape: tuple[int, int] = (6, 5), dtype: Any = np.float64
) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(shape[0], 2)) @ rng.normal(size=(2, shape[1]))
    mask = rng.random(shape) < 0.7
    mask[0], mask[:, 0] = True, True
    return X.astype(dtype), mask


def air_problem(
    seed: int = 0, weight: float = 0.05, shape: tuple[int, int] = (6, 5), dtype: Any = np.float64, heldout: bool = False
) -> Problem:
    X, mask = observed_matrix(seed, shape, dtype)
    return Problem(
        Masked.from_array(X, mask, normalizer=float(X.size)),
        DeepFactorization(depth=2, initialization=Gaussian(std=0.3)),
        weight * AdaptiveLaplacian() + weight * AdaptiveLaplacian(Transpose()),
        heldout=Masked.from_array(X, ~mask) if heldout else None,
    )


def plain_problem(dtype: Any = np.float64, heldout: bool = False) -> Problem:
    air = air_problem(dtype=dtype, heldout=heldout)
    return Problem(air.observation, air.representation, heldout=air.heldout)


def hand_written_loss(problem: Problem, weight: float, params: ProblemParams) -> jax.Array:
    """Equation (1) entry by entry: no matrix product of the package, no custom derivative."""
    observation = problem.observation
    (W0, W1), (row_logits, col_logits) = params.representation, params.regularizer
    X = W1 @ W0
    loss = jnp.sum(observation.weights * (X - observation.values) ** 2) / X.size
    for logits, rows in ((row_logits, X), (col_logits, X.T)):
        P = jnp.exp(-logits) / jnp.sum(jnp.exp(-logits), axis=1, keepdims=True)
        difference = rows[:, None, :] - rows[None, :, :]
        # sum_{i<j} (P_ij + P_ji) / 2 |x_i - x_j|^2 = sum_ij P_ij |x_i - x_j|^2 / 2
        loss = loss + weight * jnp.sum(P * jnp.sum(difference**2, axis=-1)) / 2
    return loss


def assert_trees_close(actual: Any, wanted: Any, rtol: float) -> None:
    assert jax.tree.structure(actual) == jax.tree.structure(wanted)
    for a, w in zip(jax.tree.leaves(actual), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(a, w, rtol=rtol, atol=rtol)


def assert_trees_equal(actual: Any, wanted: Any) -> None:
    assert jax.tree.structure(actual) == jax.tree.structure(wanted)
    for a, w in zip(jax.tree.leaves(actual), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_array_equal(a, w)


def test_three_steps_equal_hand_written_optax_steps():
    weight, optim = 0.05, optax.adam(1e-2)
    problem = air_problem(weight=weight)
    state = init(problem, optim, key=KEY)
    by_hand = jax.jit(jax.value_and_grad(lambda p: hand_written_loss(problem, weight, p)))
    params, opt_state = state.params, optim.init(state.params)  # pyright: ignore[reportArgumentType]
    for made in range(3):
        state = step(problem, optim, state)
        loss, grads = by_hand(params)
        with jax.numpy_dtype_promotion("standard"):
            updates, opt_state = optim.update(grads, opt_state, params)
        params = jax.tree.map(jnp.add, params, updates)
        assert int(state.step) == made + 1
        # The terms of a state are those at the parameters before its latest step.
        np.testing.assert_allclose(state.terms.loss, loss, rtol=1e-12)
        assert_trees_close(state.params, params, 1e-11)
        assert_trees_close(state.opt_state, opt_state, 1e-11)
        assert bool(state.is_running)


def test_init_draws_the_parameters_of_the_problem_and_leaves_the_rest_unset():
    problem = air_problem(heldout=True)
    state = init(problem, adam(1e-2), key=KEY)
    params_key, later_key = jax.random.split(KEY)
    assert_trees_close(state.params, problem.init(key=params_key), 1e-15)
    assert_trees_equal(state.key_data, jax.random.key_data(later_key))
    assert int(state.step) == 0
    assert np.isnan(state.terms.loss)
    assert len(state.terms.energies) == 2
    assert state.terms.heldout is not None
    assert np.isposinf(state.best.score)


def test_a_batch_step_equals_a_full_step_on_the_drawn_entries():
    problem, optim = plain_problem(), optax.sgd(1e-2)
    state = init(problem, optim, key=KEY)
    batch_key, later_key = jax.random.split(state.key)
    drawn = problem.observation.batch(batch_key, 8)
    assert isinstance(drawn, Entries)
    on_batch = eqx.tree_at(lambda p: p.observation, problem, drawn)
    actual, wanted = step(problem, optim, state, batch_size=8), step(on_batch, optim, state)
    assert_trees_close(actual.params, wanted.params, 1e-14)
    assert_trees_equal(actual.key_data, jax.random.key_data(later_key))
    assert_trees_equal(wanted.key_data, state.key_data)  # a full step draws nothing
    assert not np.allclose(actual.params.representation[0], step(problem, optim, state).params.representation[0])


@pytest.mark.parametrize("batch_size", [None, 7])
def test_run_equals_a_loop_of_steps(batch_size: int | None):
    make = air_problem if batch_size is None else plain_problem
    problem, optim = make(heldout=True), adam(1e-2)
    stop = AnyOf((EnergyDecay(), HeldoutRise(patience=5), LossBelow(1e-12)))
    start = init(problem, optim, key=KEY, stop=stop)
    state, record = run(
        problem, optim, start, blocks=4, every=3, stop=stop, batch_size=batch_size
    )  # fmt: skip
    looped, losses = start, []
    for made in range(1, 13):
        looped = step(problem, optim, looped, stop=stop, batch_size=batch_size)
        if made % 3 == 0:
            losses.append(problem.objective(looped.params)[0])
    assert bool(looped.is_running)
    assert int(state.step) == 12
    assert record["step"].tolist() == [3, 6, 9, 12]
    np.testing.assert_allclose(record["loss"], jnp.stack(losses), rtol=1e-12)
    assert_trees_equal(state.key_data, looped.key_data)
    for part in ("params", "opt_state", "terms", "stop_state"):
        assert_trees_close(getattr(state, part), getattr(looped, part), 1e-12)


def test_run_ends_at_max_steps_and_then_repeats_the_last_record():
    problem, optim = plain_problem(), adam(1e-2)
    start = init(problem, optim, key=KEY)
    state, record = run(problem, optim, start, blocks=4, every=3, max_steps=5)
    assert record["step"].tolist() == [3, 5, 5, 5]
    assert record["loss"][1] == record["loss"][3]
    assert state.result == Result.max_steps
    # The largest block that an int32 can say: the sum with the step must not wrap around.
    onward = eqx.tree_at(lambda s: s.result, state, Result.running)
    state, _ = run(problem, optim, onward, blocks=1, every=2**31 - 1, max_steps=jnp.asarray(9, jnp.int32))
    assert int(state.step) == 9
    # A limit that is already behind ends the run where it is.
    state, record = run(problem, optim, onward, blocks=1, every=3, max_steps=2)
    assert record["step"].tolist() == [5]
    assert state.result == Result.max_steps


def test_a_step_with_non_finite_loss_leaves_the_parameters():
    optim = adam(1e-2)
    problem = plain_problem()
    good = step(problem, optim, init(problem, optim, key=KEY))
    poisoned = eqx.tree_at(lambda p: p.observation.values, problem, problem.observation.values.at[0, 0].set(np.nan))
    state = step(poisoned, optim, good)
    assert state.result == Result.nonfinite
    assert np.isnan(state.terms.loss)
    assert_trees_equal((state.params, state.step), (good.params, good.step))


def test_the_last_step_of_a_run_is_checked_too():
    # The loss before the only step is finite, the parameters after it are not.
    problem = Problem(Masked.from_array(np.ones((2, 2), np.float32)), Direct())
    optim = optax.sgd(3e38)
    state, _ = run(problem, optim, init(problem, optim, key=KEY), blocks=1, every=1, max_steps=1)
    assert np.isfinite(state.terms.loss)
    assert state.result == Result.nonfinite


def stack(*trees: Any) -> Any:
    def leaves(*xs: Any) -> Any:
        return jnp.stack(xs) if eqx.is_array(xs[0]) else xs[0]

    return jax.tree.map(leaves, *trees)


def lane(tree: Any, i: int) -> Any:
    return jax.tree.map(lambda x: x[i] if eqx.is_array(x) else x, tree)


def test_vmap_over_problems_equals_single_runs_and_a_nan_lane_spoils_no_other():
    optim, stop = adam(2e-2), LossBelow(0.05)
    problems = [air_problem(seed, weight) for seed, weight in enumerate([0.0, 1e-3, 1e-2, 0.1, 1e-3, 1e-4])]
    broken = 4
    values = problems[broken].observation.values.at[0, 0].set(np.nan)
    problems[broken] = eqx.tree_at(lambda p: p.observation.values, problems[broken], values)
    keys = jax.random.split(KEY, len(problems))

    starts = [init(problem, optim, key=key, stop=stop) for problem, key in zip(problems, keys, strict=True)]

    def train(problem: Problem, start: State) -> tuple[State, Any]:
        return ms.run(problem, optim, start, blocks=4, every=30, max_steps=110, stop=stop)

    states, records = eqx.filter_jit(eqx.filter_vmap(train))(stack(*problems), stack(*starts))
    single = eqx.filter_jit(train)
    ends = {}
    for i, problem in enumerate(problems):
        state, record = single(problem, starts[i])
        many, many_record = lane(states, i), lane(records, i)
        ends[i] = int(many.step)
        assert int(many.step) == int(state.step)
        assert many.result == state.result
        np.testing.assert_array_equal(many_record["step"], record["step"])
        if i == broken:
            assert many.result == Result.nonfinite
            assert int(many.step) == 0
            assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((many.params, many.best.params)))
            continue
        for name in ("loss", "fidelity", "energies"):
            assert_trees_close(many_record[name], record[name], 1e-12)
        assert_trees_close(many.params, state.params, 1e-12)
        assert_trees_close(many.best.params, state.best.params, 1e-12)
        assert int(many.best.step) == int(state.best.step)
    # Each lane ended by itself: the test sees more than one step and more than one reason.
    assert len(set(ends.values())) >= 4
    assert {bool(lane(states, i).result == Result.loss_reached) for i in ends} == {True, False}
    assert {bool(lane(states, i).result == Result.max_steps) for i in ends} == {True, False}


@pytest.mark.parametrize(("dtype", "batch_size"), [(np.float32, None), (np.float32, 6), (np.float64, 6)])
def test_the_dtype_of_the_values_is_kept_in_every_leaf(dtype: Any, batch_size: int | None):
    X, mask = observed_matrix(3, dtype=dtype)
    problem = Problem(
        Masked.from_array(X, mask),
        DeepFactorization(depth=3),
        0.1 * AdaptiveLaplacian() + 0.5 * (0.2 * GivenLaplacian(np.ones((6, 6)))),
        fidelity=Huber(delta=0.5),
        heldout=Masked.from_array(X, ~mask),
    )
    optim = optax.adam(optax.cosine_decay_schedule(1e-2, 100))
    stop = AnyOf((EnergyDecay(), HeldoutRise(), LossBelow(1e-9)))
    start = init(problem, optim, key=KEY, stop=stop)
    state, record = run(problem, optim, start, blocks=2, every=2, stop=stop, batch_size=batch_size)
    assert int(state.step) == 4
    floating = [leaf for leaf in jax.tree.leaves((state, record)) if jnp.issubdtype(leaf.dtype, jnp.floating)]
    assert len(floating) > 20
    assert {leaf.dtype for leaf in floating} == {np.dtype(dtype)}
    assert [leaf.dtype for leaf in jax.tree.leaves(start)] == [leaf.dtype for leaf in jax.tree.leaves(state)]
    assert not any(leaf.weak_type for leaf in jax.tree.leaves(state) if eqx.is_inexact_array(leaf))


@pytest.mark.parametrize(
    "optim",
    [
        optax.sgd(1e-2, momentum=0.9),
        optax.adamw(1e-3),
        optax.inject_hyperparams(optax.adam)(1e-2),
        optax.chain(optax.clip_by_global_norm(1.0), optax.adam(optax.exponential_decay(1e-2, 10, 0.9))),
        optax.MultiSteps(optax.adam(1e-3), 2).gradient_transformation(),
        optax.apply_if_finite(optax.rmsprop(1e-3), 5),
    ],
    ids=["momentum", "adamw", "injected", "clipped", "accumulated", "if-finite"],
)
def test_any_optax_transformation_trains_float32_under_strict_promotion(optim: optax.GradientTransformation):
    problem = plain_problem(np.float32)
    start = init(problem, optim, key=KEY)
    state, _ = run(problem, optim, start, blocks=1, every=4)
    assert {leaf.dtype for leaf in jax.tree.leaves(state.params)} == {np.dtype(np.float32)}
    assert [leaf.dtype for leaf in jax.tree.leaves(start)] == [leaf.dtype for leaf in jax.tree.leaves(state)]
    assert problem.objective(state.params)[0] < problem.objective(start.params)[0]


def test_legacy_uint32_keys_work_as_typed_ones_do():
    problem, optim = Problem(plain_problem().observation, Direct(0.1)), adam(1e-2)
    old, new = (
        run(problem, optim, init(problem, optim, key=key), blocks=1, every=3, batch_size=5)[0].params
        for key in (jax.random.PRNGKey(7), KEY)
    )
    assert_trees_equal(old, new)


def test_the_gradient_is_that_of_the_fidelity_given():
    # One plain gradient step from 0 on one observed entry of 3: squared moves by 6 lr, Huber(1) by 1 lr.
    for fidelity, wanted in ((squared, 0.6), (Huber(1.0), 0.1)):
        values = np.array([[3.0, np.nan]])
        problem = Problem(Masked.from_array(values), Direct(), fidelity=fidelity)
        optim = optax.sgd(0.1)
        state = step(problem, optim, init(problem, optim, key=KEY))
        np.testing.assert_allclose(state.params.representation, [[wanted, 0.0]], rtol=1e-14)
