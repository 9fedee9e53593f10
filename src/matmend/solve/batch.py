"""Several problems of one form as one batch: other seeds, masks or weights, one compiled program."""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import PRNGKeyArray

from matmend.problem import Problem
from matmend.regularizer import is_refreshed
from matmend.solve.loop import Solution
from matmend.solve.record import RecordFn, Row, losses
from matmend.solve.state import Result, State
from matmend.solve.steps import init, run
from matmend.solve.stop import AbstractStop, never

OnBatch = Callable[[State, dict[str, Any]], bool | None]
"""Called after every record with state and newest row, each with a first axis of problems; True ends the run."""


def solve_many(
    problems: Sequence[Problem],
    optim: optax.GradientTransformation,
    *,
    keys: Sequence[PRNGKeyArray],
    max_steps: int,
    every: int = 100,
    stop: AbstractStop = never,
    record: RecordFn | Sequence[RecordFn] = losses,
    on_block: Sequence[OnBatch] = (),
) -> list[Solution]:
    """Train several problems at once, each until its own end; the result is that of [`solve`][] on each of them.

    Parameters
    ----------
    problems : sequence of Problem
        Alike but for the numbers in them: same shapes, same parts. A weight is a number, a depth is not.
    optim : optax.GradientTransformation
    keys : sequence of PRNG keys
        One per problem.
    max_steps, every, stop
        As in [`solve`][]. The batch runs until its last problem has ended.
    record : callable, or one per problem
        Records that hold arrays (the truth, say) are `eqx.Module`s, one per problem.
    on_block : sequence of callables
        As in [`solve`][], but state and row have a first axis of problems.

    Returns
    -------
    list of Solution
        One per problem; its record ends with the problem's own end. A run that broke off on a non-finite loss has
        ``Result.nonfinite``: it spoils no other.

    Raises
    ------
    ValueError
        If there is no problem, the problems are not alike, or a regularizer has to be refreshed on the host.

    Examples
    --------
    >>> import jax, numpy as np
    >>> from matmend import DeepFactorization, Masked
    >>> from matmend.solve import adam
    >>> problems = [Problem(Masked.from_array(k * np.eye(3, dtype=np.float32)), DeepFactorization(depth=2)) for k in (1, 2)]
    >>> both = solve_many(problems, adam(1e-2), keys=jax.random.split(jax.random.key(0)), max_steps=2000)
    >>> [round(float(solution.X.dense()[1, 1]), 2) for solution in both]
    [1.0, 2.0]
    """  # noqa: E501 (one line of the example)
    if not problems or len(keys) != len(problems):
        raise ValueError(f"Expected one key per problem, got {len(problems)} problems and {len(keys)} keys.")
    records = [record] * len(problems) if callable(record) else list(record)
    if len(records) != len(problems):
        raise ValueError(f"Expected one record per problem ({len(problems)}), got {len(records)}.")
    together, recorder = _stacked(problems, "problems"), _stacked(records, "records")
    if is_refreshed(problems[0].regularizer):
        raise ValueError("A regularizer that is refreshed on the host cannot be trained in a batch: use solve.")

    state = _init_many(together, optim, jnp.stack([jax.random.key_data(key) for key in keys]), stop)
    rows: list[dict[str, Any]] = []

    def block(state: State, limit: int) -> State:
        state, row = _run_many(together, optim, state, every, jnp.asarray(limit, jnp.int32), stop, recorder)
        rows.append(jax.tree.map(lambda leaf: leaf[:, 0], jax.device_get(row)))
        return state

    # A block of no steps records the start with the program that all later blocks use.
    state = block(state, 0)
    if max_steps > 0:
        state = _turned(state, Result.max_steps, Result.running)
    asked = [callback(state, rows[-1]) for callback in on_block]
    while not any(asked) and bool(state.is_running.any()):
        state = block(state, max_steps)
        asked = [callback(state, rows[-1]) for callback in on_block]
    if any(asked):
        state = _turned(state, Result.running, Result.interrupted)
    return [_lane(problem, state, rows, index) for index, problem in enumerate(problems)]


@eqx.filter_jit
def _init_many(problems: Problem, optim: Any, keys: Any, stop: AbstractStop) -> State:
    def one(problem: Problem, key: Any) -> State:
        return init(problem, optim, key=jax.random.wrap_key_data(key), stop=stop)

    return eqx.filter_vmap(one, in_axes=(eqx.if_array(0), 0))(problems, keys)


@eqx.filter_jit
def _run_many(
    problems: Problem, optim: Any, state: State, every: int, limit: Any, stop: AbstractStop, record: RecordFn
) -> tuple[State, Row]:
    def one(problem: Problem, state: State, record: RecordFn) -> tuple[State, Row]:
        return run(problem, optim, state, blocks=1, every=every, max_steps=limit, stop=stop, record=record)

    return eqx.filter_vmap(one, in_axes=eqx.if_array(0))(problems, state, record)


def _turned(state: State, old: Result, new: Result) -> State:
    results = eqx.filter_vmap(lambda result: Result.where(result == old, new, result))(state.result)
    return eqx.tree_at(lambda s: s.result, state, results)


def _stacked(members: Sequence[Any], what: str) -> Any:
    arrays, rests = zip(*(eqx.partition(member, eqx.is_array) for member in members), strict=True)
    forms = {jax.tree.structure(member) for member in arrays}
    shapes = {tuple((leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(member)) for member in arrays}
    if len(forms) > 1 or len(shapes) > 1 or not all(eqx.tree_equal(rest, rests[0]) for rest in rests):
        raise ValueError(
            f"The {what} of a batch differ in more than numbers (shapes, dtypes, parts): solve them singly."
        )
    return eqx.combine(jax.tree.map(lambda *leaves: jnp.stack(leaves), *arrays), rests[0])


def _lane(problem: Problem, state: State, rows: list[dict[str, Any]], index: int) -> Solution:
    own = jax.tree.map(lambda leaf: leaf[index] if eqx.is_array(leaf) else leaf, state)
    record = jax.tree.map(lambda *leaves: np.stack([leaf[index] for leaf in leaves]), *rows)
    # After a problem's end the batch repeats its last row.
    num_rows = int(np.searchsorted(record["step"], int(own.step))) + 1 if "step" in record else len(rows)
    return Solution(problem, own, jax.tree.map(lambda leaf: leaf[:num_rows], record))
