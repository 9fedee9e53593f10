"""Stopping a run and going on with it: to the same bits, also through a file, a callback or a refresh."""

import io
from typing import Any

import equinox as eqx
import jax
import jax.extend.core
import jax.numpy as jnp
import numpy as np
import pytest
from _small import VALUES, assert_same_bits, small_problem
from numpy.typing import DTypeLike

from matmend._types import Scalar, Shape
from matmend.matrix import AbstractMatrix
from matmend.regularizer import AbstractRegularizer, TotalVariation
from matmend.solve import (
    EnergyDecay,
    HeldoutRise,
    LossBelow,
    Result,
    Solution,
    State,
    adam,
    init,
    never,
    solve,
)

KEY = jax.random.key(3)


def through_a_file(state: State, like: State) -> State:
    file = io.BytesIO()
    eqx.tree_serialise_leaves(file, state)
    file.seek(0)
    return eqx.tree_deserialise_leaves(file, like)


def joined(*solutions: Solution) -> dict[str, Any]:
    return jax.tree.map(lambda *columns: np.concatenate(columns), *(solution.record for solution in solutions))


@pytest.mark.parametrize("batch_size", [None, 6])
def test_solved_in_two_parts_through_a_file_equals_solved_in_one(batch_size: int | None):
    problem, optim, stop = small_problem(), adam(1e-2), HeldoutRise(patience=500)
    arguments: dict[str, Any] = {"key": KEY, "every": 20, "stop": stop, "batch_size": batch_size}
    whole = solve(problem, optim, max_steps=120, **arguments)
    half = solve(problem, optim, max_steps=60, **arguments)
    assert half.result == Result.max_steps
    loaded = through_a_file(half.state, eqx.filter_eval_shape(init, problem, optim, key=KEY, stop=stop))
    assert_same_bits(loaded, half.state)
    rest = solve(problem, optim, max_steps=120, state=loaded, **{**arguments, "key": jax.random.key(99)})
    assert_same_bits(rest.state, whole.state)
    assert rest.record["step"].tolist() == [80, 100, 120]
    assert_same_bits(joined(half, rest), whole.record)


def test_max_steps_is_counted_from_the_start_and_none_are_made_beyond():
    problem, optim = small_problem(), adam(1e-2)
    first = solve(problem, optim, key=KEY, max_steps=7, every=5)
    assert first.record["step"].tolist() == [0, 5, 7]
    for max_steps in (7, 3, 0):
        again = solve(problem, optim, key=KEY, max_steps=max_steps, every=5, state=first.state)
        assert_same_bits(again.state, first.state)
        assert again.result == Result.max_steps
        assert again.record["step"].tolist() == []
    nothing = solve(problem, optim, key=KEY, max_steps=0)
    assert nothing.record["step"].tolist() == [0]
    assert nothing.result == Result.max_steps
    onward = solve(problem, optim, key=KEY, max_steps=7, every=5, state=nothing.state)
    assert onward.record["step"].tolist() == [5, 7]
    assert_same_bits(onward.state, first.state)


def test_a_state_prepared_by_hand_is_recorded_from_its_start():
    problem, optim = small_problem(), adam(1e-2)
    state = eqx.tree_at(lambda s: s.params.representation, init(problem, optim, key=KEY), jnp.asarray(VALUES))
    solution = solve(problem, optim, key=KEY, max_steps=5, every=5, state=state)
    assert solution.record["step"].tolist() == [0, 5]
    assert solution.record["fidelity"][0] == 0
    nothing = solve(problem, optim, key=KEY, max_steps=0, state=state)
    assert nothing.result == Result.max_steps
    assert nothing.record["step"].tolist() == [0]


@pytest.mark.parametrize("after", [0, 10])
def test_a_callback_can_interrupt_and_the_run_goes_on_later(after: int):
    problem, optim = small_problem(), adam(1e-2)
    seen, states = [], []

    def interrupt(state: State, row: dict[str, Any]) -> bool:
        assert bool(state.is_running)
        assert isinstance(row["loss"], np.floating)
        seen.append(int(row["step"]))
        return row["step"] >= after

    stopped = solve(
        problem, optim, key=KEY, max_steps=20, every=5, on_block=[interrupt, lambda state, _: states.append(state)]
    )
    assert stopped.result == Result.interrupted
    assert int(stopped.state.step) == after
    assert seen == list(range(0, after + 1, 5))
    whole = solve(problem, optim, key=KEY, max_steps=20, every=5)
    # What the last callback was given, saved as a checkpoint, is as good as what is returned.
    like = eqx.filter_eval_shape(init, problem, optim, key=KEY)
    for state in (stopped.state, states[-1], through_a_file(stopped.state, like), through_a_file(states[-1], like)):
        rest = solve(problem, optim, key=KEY, max_steps=20, every=5, state=state)
        assert_same_bits(rest.state, whole.state)
        assert_same_bits(joined(stopped, rest), whole.record)
    # A checkpoint says "running"; with no step left to make, its run has ended.
    assert solve(problem, optim, key=KEY, max_steps=after, every=5, state=states[-1]).result == Result.max_steps
    # At its natural end a run is not interrupted any more.
    ended = solve(problem, optim, key=KEY, max_steps=5, every=5, on_block=[lambda state, row: row["step"] == 5])
    assert ended.result == Result.max_steps


def test_an_exception_of_a_callback_passes_through():
    def press(state: State, row: dict[str, Any]) -> None:
        if row["step"] == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        solve(small_problem(), adam(1e-2), key=KEY, max_steps=20, every=5, on_block=[press])


def test_a_run_ended_by_its_rule_stays_ended_until_given_another():
    problem, optim, stop = small_problem(), adam(1e-2), LossBelow(0.3)
    ended = solve(problem, optim, key=KEY, max_steps=1000, every=50, stop=stop)
    assert ended.result == Result.loss_reached
    assert bool(ended.result == Result.loss_reached) is True
    assert bool(ended.result == Result.running) is False
    again = solve(problem, optim, key=KEY, max_steps=2000, every=50, stop=stop, state=ended.state)
    assert_same_bits(again.state, ended.state)
    with pytest.raises(ValueError, match="made with another stop rule"):
        solve(problem, optim, key=KEY, max_steps=2000, stop=EnergyDecay(), state=ended.state)
    # As the message of the error advises:
    new = EnergyDecay(warmup=10_000)
    state = eqx.tree_at(
        lambda s: (s.stop_state, s.result), ended.state, (new.init(ended.state.terms), Result.running)
    )  # fmt: skip
    onward = solve(problem, optim, key=KEY, max_steps=int(ended.state.step) + 5, stop=new, state=state)
    assert onward.result == Result.max_steps
    assert int(onward.state.step) == int(ended.state.step) + 5


class Refreshed(AbstractRegularizer):
    """An energy that is a count kept in integer parameters, as indices of edges would be."""

    calls = [0]  # noqa: RUF012 (not a field)

    def init(self, shape: Shape, *, key: Any, dtype: DTypeLike) -> jax.Array:
        return jnp.zeros((), jnp.int32)

    def energy(self, params: jax.Array, X: AbstractMatrix) -> Scalar:
        entries = X.dense()
        return params.astype(entries.dtype) * (1 + jnp.sum(entries**2) * 0)

    def refresh(self, params: jax.Array, X: AbstractMatrix) -> jax.Array:
        assert isinstance(np.asarray(X.dense()), np.ndarray)  # on the host: no tracer
        self.calls[0] += 1
        return params + 1


def test_the_regularizer_is_refreshed_before_every_block_also_across_a_break():
    problem, optim = small_problem(0.1 * Refreshed() + 0.1 * TotalVariation()), adam(1e-2)
    Refreshed.calls[0] = 0
    whole = solve(problem, optim, key=KEY, max_steps=20, every=5)
    assert Refreshed.calls[0] == 4
    assert whole.record["energies"][0].tolist() == [0, 1, 2, 3, 4]
    # The parameters at the end are those of the last record.
    assert whole.params.regularizer[0].tolist() == 4
    assert whole.params.regularizer[0].dtype == jnp.int32
    first = solve(problem, optim, key=KEY, max_steps=10, every=5)
    rest = solve(problem, optim, key=KEY, max_steps=20, every=5, state=first.state)
    assert_same_bits(rest.state, whole.state)
    assert_same_bits(joined(first, rest), whole.record)


@pytest.mark.parametrize("wrong", [{"max_steps": -1}, {"every": 0}, {"batch_size": 0}])
def test_impossible_counts_are_refused(wrong: dict[str, Any]):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        solve(small_problem(), adam(1e-2), key=KEY, stop=never, **{"max_steps": 1, **wrong})
