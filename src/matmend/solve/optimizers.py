"""Optimizers, made once per setting.

An Optax optimizer is a pair of fresh functions, and a compiled loop is found again by the identity of its functions: an
optimizer built anew for every run would compile the loop anew for every run.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from matmend.problem import ProblemParams

Optimizer = optax.GradientTransformation
"""Any Optax transformation; what is outside this package names it by this."""


def adam(learning_rate: float = 1e-3) -> optax.GradientTransformation:
    """Adam with the usual constants (0.9, 0.999, 1e-8), the optimizer of AIR-Net.

    Parameters
    ----------
    learning_rate : float, default 1e-3

    Returns
    -------
    optax.GradientTransformation
        The same object for the same learning rate.

    References
    ----------
    Kingma & Ba 2015, arXiv:1412.6980.

    Examples
    --------
    >>> adam(1e-3) is adam(1e-3)
    True
    """
    return _adam(float(learning_rate))


@functools.cache
def _adam(learning_rate: float) -> optax.GradientTransformation:
    # A function of its own: the cache tells `adam()` from `adam(1e-3)` and `adam(learning_rate=1e-3)`.
    return optax.adam(learning_rate)


def annealed_adam(
    learning_rate: float,
    steps: int,
    *,
    regularizer_rate: float | None = None,
    hold: float = 0.0,
    eps: float = 1e-8,
) -> optax.GradientTransformation:
    """Adam whose rates stay for a share of the steps, then go to 0 along half a cosine.

    Parameters
    ----------
    learning_rate : float
        Of the representation, at the start.
    steps : int
        Steps of the whole schedule.
    regularizer_rate : float, optional
        Of the parameters of the regularizer (the logits of learned graphs); by default as the others.
    hold : float, default 0
        Share of the steps before the decay, from 0 to 1.
    eps : float, default 1e-8
        Adam's own. Gradients of a mean over many entries that fit to many digits are smaller than that; then it is no
        longer a safeguard but a brake.

    Returns
    -------
    optax.GradientTransformation
        For the parameters of a [`Problem`][matmend.problem.Problem]; the same object for the same numbers.

    Notes
    -----
    A large rate makes a short run; it has to decay, because Adam's steps stay as long as its rate and a fit cannot be
    finer than they are.

    References
    ----------
    Loshchilov & Hutter 2017, "SGDR: Stochastic Gradient Descent with Warm Restarts", arXiv:1608.03983 (the cosine).

    Examples
    --------
    >>> annealed_adam(4e-3, 1000) is annealed_adam(4e-3, 1000)
    True
    """
    if not 0 <= hold <= 1:
        raise ValueError(f"hold is a share of the steps, from 0 to 1, got {hold}.")
    graph_rate = learning_rate if regularizer_rate is None else regularizer_rate
    return _annealed_adam(float(learning_rate), float(graph_rate), max(int(steps), 1), float(hold), float(eps))


@functools.lru_cache(maxsize=64)
def _annealed_adam(rate: float, graph_rate: float, steps: int, hold: float, eps: float) -> optax.GradientTransformation:
    held = int(hold * steps)

    def schedule(rate: float) -> optax.Schedule:
        decay = optax.cosine_decay_schedule(rate, max(steps - held, 1))
        return optax.join_schedules([optax.constant_schedule(rate), decay], [held])

    def labels(params: ProblemParams) -> ProblemParams:
        return ProblemParams(
            jax.tree.map(lambda _: "representation", params.representation),
            jax.tree.map(lambda _: "regularizer", params.regularizer),
        )

    return optax.multi_transform(
        {
            "representation": optax.adam(schedule(rate), eps=eps),
            "regularizer": optax.adam(schedule(graph_rate), eps=eps),
        },
        labels,
    )


class GroupRMSpropState(NamedTuple):
    """Mean of the squared norms of the gradient, and the number of steps it was taken over."""

    mean_square: Float[Array, ""]
    step: Int[Array, ""]


def group_rmsprop(learning_rate: float = 1e-3) -> optax.GradientTransformation:
    """RMSprop with one step size for all parameters: gradient descent at a speed that adapts.

    ``v <- beta v + (1 - beta) |g|^2``, ``step = -learning_rate g / (sqrt(v / (1 - beta^t)) + eps)`` with
    ``beta = 0.99``, ``eps = 1e-6`` and ``|g|`` the norm over all parameters. Unlike Adam it follows the path of
    gradient flow, which is what the theory of implicit bias speaks of.

    Parameters
    ----------
    learning_rate : float, default 1e-3
        Length of a step while the gradient keeps its norm.

    Returns
    -------
    optax.GradientTransformation
        The same object for the same learning rate.

    References
    ----------
    Arora, Cohen, Hu & Luo 2019, arXiv:1905.13655, whose code names it GroupRMSprop.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> optim = group_rmsprop(0.1)
    >>> gradient = jnp.array([3.0, 4.0])
    >>> step, _ = optim.update(gradient, optim.init(gradient))
    >>> [round(float(x), 3) for x in step]
    [-0.06, -0.08]
    """
    return _group_rmsprop(float(learning_rate))


@functools.cache
def _group_rmsprop(learning_rate: float, beta: float = 0.99, eps: float = 1e-6) -> optax.GradientTransformation:
    def init(params: optax.Params) -> GroupRMSpropState:
        dtype = jnp.result_type(*jax.tree.leaves(params))
        return GroupRMSpropState(jnp.zeros((), dtype), jnp.zeros((), jnp.int32))

    def update(
        updates: optax.Updates, state: GroupRMSpropState, params: optax.Params | None = None
    ) -> tuple[optax.Updates, GroupRMSpropState]:
        del params
        step = state.step + 1
        square = sum(jnp.vdot(g, g) for g in jax.tree.leaves(updates))
        mean_square = beta * state.mean_square + (1 - beta) * square
        norm = jnp.sqrt(mean_square / (1 - beta ** step.astype(mean_square.dtype)))
        factor = -learning_rate / (norm + eps)
        return jax.tree.map(lambda g: factor * g, updates), GroupRMSpropState(mean_square, step)

    # Optax's types know no state but its own union of trees.
    return optax.GradientTransformation(init, update)  # type: ignore[arg-type]
