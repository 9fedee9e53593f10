"""Pure pieces of the loop: they can be jitted, vmapped over problems, and sharded."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Int, PRNGKeyArray

from matmend._types import Scalar
from matmend.problem import Problem, ProblemParams, Terms
from matmend.solve.record import RecordFn, Row, losses
from matmend.solve.state import Best, Result, State
from matmend.solve.stop import AbstractStop, never

_NO_LIMIT = 2**31 - 1


def init(
    problem: Problem, optim: optax.GradientTransformation, *, key: PRNGKeyArray, stop: AbstractStop = never
) -> State:
    """Draw the parameters and set up everything that training changes.

    Parameters
    ----------
    problem : Problem
    optim : optax.GradientTransformation
    key : PRNG key
    stop : AbstractStop, default never
        The rule that the run will use; its memory is part of the state.

    Returns
    -------
    State
    """
    params_key, key = jax.random.split(key)
    params = problem.init(key=params_key)
    like = jax.eval_shape(lambda p: problem.objective(p)[1], params)
    terms = jax.tree.map(lambda leaf: jnp.full(leaf.shape, jnp.nan, leaf.dtype), like)
    best = Best(params, jnp.full_like(terms.loss, jnp.inf), jnp.zeros((), jnp.int32))
    return State(
        params=params,
        opt_state=optim.init(eqx.filter(params, eqx.is_inexact_array)),
        key_data=jax.random.key_data(key),
        step=jnp.zeros((), jnp.int32),
        terms=terms,
        stop_state=stop.init(terms),
        result=Result.running,
        best=best,
        key_impl=str(jax.random.key_impl(key)),
    )


def step(
    problem: Problem,
    optim: optax.GradientTransformation,
    state: State,
    *,
    stop: AbstractStop = never,
    batch_size: int | None = None,
) -> State:
    """Make one step of gradient-based optimization on all parameters at once.

    A non-finite loss ends the run with ``Result.nonfinite``: the parameters stay as they were.
    Parameters that are no floating-point numbers (indices of a graph's edges, say) are left to
    [`refresh`][matmend.regularizer.AbstractRegularizer.refresh].

    Parameters
    ----------
    problem : Problem
    optim : optax.GradientTransformation
    state : State
    stop : AbstractStop, default never
    batch_size : int, optional
        Entries drawn for this step; all by default.

    Returns
    -------
    State
    """
    key_data, observation = state.key_data, problem.observation
    if batch_size is not None:
        batch_key, key = jax.random.split(state.key)
        key_data = jax.random.key_data(key)
        observation = observation.batch(batch_key, batch_size)

    trained, fixed = eqx.partition(state.params, eqx.is_inexact_array)

    def objective(trained: ProblemParams) -> tuple[Scalar, Terms]:
        return problem.objective(eqx.combine(trained, fixed), observation)

    (loss, terms), grads = jax.value_and_grad(objective, has_aux=True)(trained)
    # Optax mixes its own constants into the arrays; under strict promotion that alone needs relaxing.
    with jax.numpy_dtype_promotion("standard"):
        updates, opt_state = optim.update(grads, state.opt_state, trained)
    params = eqx.combine(optax.apply_updates(trained, updates), fixed)
    stop_state, result = stop(state.stop_state, state.step, terms)
    finite = jnp.isfinite(loss)
    return State(
        params=_select(finite, params, state.params),
        # The optimizer's memory is of no use to a run that has ended; keeping it as well would double this cost.
        opt_state=opt_state,
        key_data=key_data,
        step=state.step + finite.astype(state.step.dtype),
        terms=terms,
        stop_state=stop_state,
        result=Result.where(finite, result, Result.nonfinite),
        best=state.best,
        key_impl=state.key_impl,
    )


def run(
    problem: Problem,
    optim: optax.GradientTransformation,
    state: State,
    *,
    blocks: int,
    every: int,
    max_steps: int | Int[Array, ""] = _NO_LIMIT,
    stop: AbstractStop = never,
    record: RecordFn = losses,
    batch_size: int | None = None,
) -> tuple[State, Row]:
    """Make up to ``blocks * every`` steps on the device, with a record after each block.

    Nothing leaves the device before the end: a scan over blocks, inside it a loop over steps that ends early on the
    stop rule, on a non-finite loss and at ``max_steps``. Under `eqx.filter_vmap` every problem of a batch stops by
    itself. After the end of a run the remaining records repeat the last one.

    Parameters
    ----------
    problem : Problem
    optim : optax.GradientTransformation
    state : State
    blocks, every : int
        Number of records and of steps between two.
    max_steps : int or int array of no axes
        Step at which the run ends; an array costs no new compilation.
    stop : AbstractStop, default never
        The one that the state was made with.
    record : callable, default losses
    batch_size : int, optional

    Returns
    -------
    state : State
    record : dict
        Every entry of `record` with a first axis of length ``blocks``.
    """

    def block(state: State, _: None) -> tuple[State, Row]:
        best = state.best
        end = state.step + jnp.minimum(every, max_steps - state.step)

        # The best iterate does not change inside the loop, so it is not carried through it.
        def unfinished(light: State) -> Array:
            return light.is_running & (light.step < end)

        def advance(light: State) -> State:
            return _with_best(step(problem, optim, _with_best(light, best), stop=stop, batch_size=batch_size), None)

        light = jax.lax.while_loop(unfinished, advance, _with_best(state, None))
        terms = problem.objective(light.params)[1]
        finite = jnp.isfinite(terms.loss)
        score = terms.fidelity if terms.heldout is None else terms.heldout
        better = finite & (score < best.score)
        new_best = _select(better, Best(light.params, score, light.step), best)
        at_limit = light.is_running & (light.step >= max_steps)
        result = Result.where(at_limit, Result.max_steps, light.result)
        # The last step's own outcome is seen here only.
        result = Result.where(finite, result, Result.nonfinite)
        state = eqx.tree_at(lambda s: s.result, _with_best(light, new_best), result)
        return state, record(problem, state, terms)

    return jax.lax.scan(block, state, None, length=blocks)


def _with_best(state: State, best: Best | None) -> State:
    return eqx.tree_at(lambda s: s.best, state, best, is_leaf=lambda x: x is None)


def _select(condition: Bool[Array, ""], new: Any, old: Any) -> Any:
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), new, old)
