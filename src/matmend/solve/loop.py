"""The one loop on the host: blocks of compiled steps, and between them records, callbacks and refreshes."""

import logging
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import PRNGKeyArray

from matmend.matrix import AbstractMatrix
from matmend.problem import Problem, ProblemParams
from matmend.regularizer import is_refreshed
from matmend.solve.checkpoint import Checkpoints
from matmend.solve.processes import agreed, check_alike, mesh_in, replicated
from matmend.solve.record import RecordFn, Row, losses
from matmend.solve.state import Result, State
from matmend.solve.steps import init, run
from matmend.solve.stop import AbstractStop, never

_log = logging.getLogger(__name__)

OnBlock = Callable[[State, dict[str, Any]], bool | None]
"""Called after every record with the state and the newest row (numpy); returning True ends the run."""

_init = eqx.filter_jit(init)
_run = eqx.filter_jit(run)


class Solution(eqx.Module):
    """What a run found.

    Attributes
    ----------
    problem : Problem
    state : State
        The last state; hand it to [`solve`][] to go on.
    record : dict of numpy arrays
        One row per record, the first at step 0; of a continued run the rows made since.
    result : Result
        Why the run ended; ``message`` says it in words.
    """

    problem: Problem
    state: State
    record: dict[str, Any]

    @property
    def result(self) -> Result:
        """Why the run ended."""
        return self.state.result

    @property
    def message(self) -> str:
        """Why the run ended, in words."""
        return Result[self.result]

    @property
    def params(self) -> ProblemParams:
        """Parameters of the last iterate."""
        return self.state.params

    @property
    def X(self) -> AbstractMatrix:  # noqa: N802 (the field's symbol for the matrix)
        """The last iterate."""
        return self.problem.matrix(self.state.params)

    @property
    def X_best(self) -> AbstractMatrix:  # noqa: N802 (ditto)
        """The recorded iterate of least held-out loss or, without held-out entries, of least observed loss."""
        return self.problem.matrix(self.state.best.params)


def solve(
    problem: Problem,
    optim: optax.GradientTransformation,
    *,
    key: PRNGKeyArray,
    max_steps: int,
    every: int = 100,
    stop: AbstractStop = never,
    record: RecordFn = losses,
    on_block: Sequence[OnBlock] = (),
    batch_size: int | None = None,
    state: State | None = None,
    checkpoint: Checkpoints | None = None,
    throw: bool = True,
) -> Solution:
    """Train until a stop rule fires or ``max_steps`` are made.

    Parameters
    ----------
    problem : Problem
    optim : optax.GradientTransformation
        Reuse one object for many runs (see [`adam`][matmend.solve.adam]): a new one compiles anew.
    key : PRNG key
        Fixes every random choice; the same key on the same machine gives the same bits. A `state` has its own key.
    max_steps : int
        Counted from the start of the run, also when it is continued from a `state`.
    every : int, default 100
        Steps between two records; between them nothing leaves the device.
    stop : AbstractStop, default never
    record : callable, default losses
        What to keep, see [`matmend.solve.losses`][].
    on_block : sequence of callables ``(state, row) -> bool or None``
        Progress bars, checkpoints, live plots. Returning True ends the run with ``Result.interrupted``. An exception
        (``KeyboardInterrupt``, say) passes through.
    batch_size : int, optional
        Entries drawn for each step; all by default.
    state : State, optional
        Continue from here instead of starting anew. A run that its stop rule has ended stays ended.
    checkpoint : Checkpoints, optional
        Save state and record there after a block when it is due, when a callback ends the run, and at the end; and
        go on from the newest snapshot that is found there, before `state`. The callbacks see its last record again, and
        the solution has the bits, record included, that the undisturbed run would have had.
    throw : bool, default True
        Raise if the loss becomes non-finite. With False the solution is returned with ``Result.nonfinite``, and its
        best iterate is still finite.

    Returns
    -------
    Solution

    Raises
    ------
    ValueError
        If `max_steps`, `every` or `batch_size` is out of range, `state` was made with another stop rule, or what is
        found in `checkpoint` is of another problem.
    FloatingPointError
        If the loss became NaN or infinite and `throw` is True.

    Examples
    --------
    >>> import jax, numpy as np
    >>> from matmend import DeepFactorization, Masked, Problem
    >>> from matmend.solve import adam, solve
    >>> X_true = np.outer([1.0, 2.0, 3.0], [1.0, 1.0, 2.0]).astype(np.float32)
    >>> X_true[0, 2] = np.nan  # the rest determines this entry: 2
    >>> problem = Problem(Masked.from_array(X_true), DeepFactorization(depth=2))
    >>> solution = solve(problem, adam(1e-2), key=jax.random.key(0), max_steps=3000)
    >>> round(float(solution.X.dense()[0, 2]), 2)
    2.0
    >>> solution.message
    'all steps were made'
    """
    if max_steps < 0 or every < 1:
        raise ValueError(f"Expected max_steps >= 0 and every >= 1, got max_steps={max_steps}, every={every}.")
    if batch_size is not None and batch_size < 1:
        raise ValueError(f"A batch has at least one entry, got batch_size={batch_size}.")

    def block(state: State, limit: int) -> tuple[State, dict[str, Any]]:
        return _run(
            problem, optim, state, blocks=1, every=every, max_steps=jnp.asarray(limit, jnp.int32), stop=stop,
            record=record, batch_size=batch_size,
        )  # fmt: skip

    # Entries dealt to several devices are met there by everything else, the parameters among it.
    mesh = mesh_in(problem)
    problem = replicated(problem, mesh)
    rows: list[dict[str, Any]] = []
    saved: State | None = None

    def save(state: State) -> None:
        nonlocal saved
        if checkpoint is not None:
            checkpoint.save((state, _stacked(rows)), {"step": int(state.step), "rows": len(rows)})
            saved = state

    def shapes(info: dict[str, Any]) -> tuple[Any, Any]:
        like = eqx.filter_eval_shape(init, problem, optim, key=key, stop=stop)
        row = eqx.filter_eval_shape(block, like, 0)[1]
        return like, jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((info["rows"], *leaf.shape[1:]), leaf.dtype), row)

    def told(state: State) -> State:
        asked = [callback(state, rows[-1]) for callback in on_block]
        (is_asked,) = agreed(mesh, any(asked))
        return _ended(state, Result.interrupted) if is_asked and bool(state.is_running) else state

    def keep(state: State, stacked: dict[str, Any]) -> State:
        rows.append(_row(_to_numpy(stacked), 0))
        _log.debug("step %d: loss %s", int(state.step), rows[-1].get("loss"))
        after = told(state)
        if checkpoint is not None:
            is_due, is_over = agreed(
                mesh, after is not state or checkpoint.is_due(), checkpoint.termination.has_arrived
            )
            if is_due:
                checkpoint.termination.has_arrived |= is_over  # what ends one process ends all
                save(state)  # as it goes on, not as it was interrupted
        return after

    found = None if checkpoint is None else checkpoint.latest_of(shapes)
    if found is not None:
        (saved, record_so_far), info = found
        state = saved
        rows += [_row(_to_numpy(record_so_far), number) for number in range(info["rows"])]
    if state is None:
        state = _init(problem, optim, key=replicated(key, mesh), stop=stop)
    else:
        state = replicated(state, mesh)
        _check_memory(stop, state)
        if int(state.step) < max_steps and state.result in (Result.max_steps, Result.interrupted):
            state = _ended(state, Result.running)
    check_alike(mesh, int(state.step), "the step to go on from")
    if rows:
        state = told(state)

    if not rows and int(state.step) == 0 and np.isposinf(state.best.score):  # nothing recorded yet
        # A block of no steps records the start with the program that all later blocks use.
        state, stacked = block(state, 0)
        if max_steps > 0 and state.result == Result.max_steps:
            state = _ended(state, Result.running)
        state = keep(state, stacked)

    while bool(state.is_running) and int(state.step) < max_steps:
        state = keep(*block(_refreshed(problem, state), max_steps))

    if bool(state.is_running):
        state = _ended(state, Result.max_steps)
    if rows and state is not saved and state.result != Result.interrupted:
        save(state)
    _log.info("ended at step %d: %s", int(state.step), Result[state.result])
    if throw and state.result == Result.nonfinite:
        raise FloatingPointError(f"Step {int(state.step)}: {Result[Result.nonfinite]}.")
    if not rows:
        like = eqx.filter_eval_shape(block, state, 0)[1]
        return Solution(problem, state, jax.tree.map(lambda leaf: np.zeros((0, *leaf.shape[1:]), leaf.dtype), like))
    return Solution(problem, state, _stacked(rows))


def _check_memory(stop: AbstractStop, state: State) -> None:
    # The state holds the memory of its own rule; that of another is of another structure.
    if jax.tree.structure(eqx.filter_eval_shape(stop.init, state.terms)) != jax.tree.structure(state.stop_state):
        raise ValueError(
            f"The state was made with another stop rule than {stop}. Continue with the same one, or start the new rule "
            "afresh: eqx.tree_at(lambda s: (s.stop_state, s.result), state, (stop.init(state.terms), Result.running))."
        )


def _refreshed(problem: Problem, state: State) -> State:
    # Before a block, so that a state saved after one, or stopped there, goes on as if nothing had happened.
    if not is_refreshed(problem.regularizer):
        return state
    fresh = problem.regularizer.refresh(state.params.regularizer, problem.matrix(state.params))
    return eqx.tree_at(lambda s: s.params, state, state.params._replace(regularizer=fresh))


def _ended(state: State, result: Result) -> State:
    return eqx.tree_at(lambda s: s.result, state, result)


def _stacked(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return jax.tree.map(lambda *leaves: np.stack(leaves), *rows)


def _row(stacked: dict[str, Any], number: int) -> dict[str, Any]:
    return jax.tree.map(lambda leaf: leaf[number], stacked)


def _to_numpy(row: Row) -> dict[str, Any]:
    return jax.tree.map(np.asarray, jax.device_get(row))
