"""Gradient flow ``params' = -grad objective(params)``, integrated to high accuracy in float64."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Int
from numpy.typing import ArrayLike

from matmend._types import Params, Scalar
from matmend.problem import Problem, ProblemParams
from matmend.representation import DeepFactorization

Objective = Callable[[Params], Scalar]


def _nothing(params: Params) -> tuple[()]:
    del params
    return ()


class Trajectory(eqx.Module):
    """A flow at the times asked for.

    Attributes
    ----------
    times : array of shape (t,)
    params : pytree
        Every array of the parameters with a leading axis of length t, those that were held fixed included: a function
        of the parameters is mapped over the times by `jax.vmap` or `jax.lax.map`.
    loss : array of shape (t,)
        The objective.
    conserved : pytree
        What the flow should conserve, evaluated at every time; ``()`` where nothing is known.
    num_steps : int array of no axes
        Steps that the integrator took, rejected ones included.
    """

    times: Float[Array, " t"]
    params: Params
    loss: Float[Array, " t"]
    conserved: Any
    num_steps: Int[Array, ""]

    def at(self, index: int) -> Params:
        """Return the parameters at ``times[index]``."""
        return jax.tree.map(lambda leaf: leaf[index], self.params)

    @property
    def drift(self) -> Float[Array, " t"]:
        """``max |Q(t) - Q(0)|`` over all entries of the conserved ``Q``.

        An error of the integration that can be seen from outside; 0 where nothing is known to be conserved.
        """
        drift = jnp.zeros_like(self.times)
        for Q in jax.tree.leaves(self.conserved):
            if Q.size:
                drift = jnp.maximum(drift, jnp.max(jnp.abs(Q - Q[:1]).reshape(len(Q), -1), axis=1))
        return drift


def flow(
    objective: Objective,
    params: Params,
    times: ArrayLike,
    *,
    trained: Any = True,
    conserved: Callable[[Params], Any] = _nothing,
    rtol: float = 1e-9,
    atol: float = 1e-12,
    max_steps: int = 100_000,
) -> Trajectory:
    """Follow ``params' = -grad objective(params)`` from ``params`` at ``times[0]``.

    Parameters
    ----------
    objective : callable ``params -> scalar``
        Any differentiable function; only its reverse-mode derivative is used. An `eqx.Module` with arrays in it is
        compiled once for all values of the arrays, a lambda anew for every one.
    params : pytree of float64 arrays
    times : array of shape (t,)
        At least two, increasing.
    trained : pytree of bool, default True
        What flows: True or False for every array of ``params``, or for a whole branch of it. The rest is held fixed.
    conserved : callable ``params -> pytree of arrays``, optional
        What the flow should conserve, see [`Trajectory.drift`][].
    rtol, atol : float
        Tolerances of each step, relative and absolute.
    max_steps : int, default 100_000

    Returns
    -------
    Trajectory

    Raises
    ------
    ValueError
        If the times do not increase, an array is not float64, or nothing is trained.
    RuntimeError
        If ``max_steps`` were not enough.

    Notes
    -----
    Dormand and Prince's pair of orders 8 and 7 with PI control of the step. Steps end exactly at the times asked for:
    interpolating between steps would cost the last digits, on which differences in time depend. An objective with
    kinks (total variation, absolute residuals) makes the steps vanishingly small once the flow has reached a kink.

    References
    ----------
    Prince & Dormand 1981, doi:10.1016/0771-050X(81)90010-3; Kidger 2021, arXiv:2202.02435 (diffrax).

    Examples
    --------
    >>> import jax, jax.numpy as jnp
    >>> jax.config.update("jax_enable_x64", True)  # a program may do so, this library never does
    >>> decay = flow(lambda x: jnp.sum(x**2) / 2, jnp.array([1.0]), [0.0, 1.0])
    >>> round(float(decay.params[-1, 0]), 6)  # exp(-1)
    0.367879
    """
    moving, held = eqx.partition(params, trained)
    if not jax.tree.leaves(moving):
        raise ValueError("Nothing is trained: `trained` is False for every array, or there are no parameters.")
    dtypes = {str(jnp.result_type(leaf)) for leaf in jax.tree.leaves(moving)}
    if dtypes != {"float64"}:
        raise ValueError(
            f"A gradient flow is integrated in float64, got {', '.join(sorted(dtypes))}: call "
            '`jax.config.update("jax_enable_x64", True)` first and make the observed values float64.'
        )
    asked = np.asarray(times, dtype=np.float64)
    if asked.ndim != 1 or len(asked) < 2 or not np.all(np.diff(asked) > 0):
        raise ValueError(f"The times are a list of at least two increasing numbers, got {times!r}.")
    return _integrate(
        objective, moving, held, conserved, jnp.asarray(asked), jnp.asarray(rtol), jnp.asarray(atol), max_steps
    )


@eqx.filter_jit
def _integrate(
    objective: Objective,
    moving: Params,
    held: Params,
    conserved: Callable[[Params], Any],
    times: Float[Array, " t"],
    rtol: Scalar,
    atol: Scalar,
    max_steps: int,
) -> Trajectory:
    # One vector: the integrator then compiles faster, and takes no offence at branches without parameters.
    start, unravel = ravel_pytree(moving)

    def velocity(t: Any, y: Float[Array, " d"], args: Any) -> Float[Array, " d"]:
        del t, args
        return -jax.grad(lambda y: objective(eqx.combine(unravel(y), held)))(y)

    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(velocity),
        diffrax.Dopri8(),
        t0=times[0],
        t1=times[-1],
        dt0=None,
        y0=start,
        saveat=diffrax.SaveAt(ts=times),
        stepsize_controller=diffrax.ClipStepSizeController(
            diffrax.PIDController(rtol=rtol, atol=atol, pcoeff=0.3, icoeff=0.4), step_ts=times
        ),
        max_steps=max_steps,
    )
    fixed = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (len(times), *jnp.shape(leaf))), held)
    assert solution.ys is not None  # asked for by `saveat`
    params = eqx.combine(jax.vmap(unravel)(solution.ys), fixed)
    loss, quantities = jax.lax.map(lambda p: (objective(p), conserved(p)), params)
    return Trajectory(times, params, loss, quantities, solution.stats["num_steps"])


class _Loss(eqx.Module):
    """The objective of a problem as a function that is compiled once for all problems of one structure."""

    problem: Problem

    def __call__(self, params: ProblemParams) -> Scalar:
        return self.problem.objective(params)[0]


def gradient_flow(
    problem: Problem,
    params: ProblemParams,
    times: ArrayLike,
    *,
    trained: Any = True,
    rtol: float = 1e-9,
    atol: float = 1e-12,
    max_steps: int = 100_000,
) -> Trajectory:
    """Follow the gradient flow of a problem's objective, the limit of gradient descent at small learning rates.

    Parameters
    ----------
    problem : Problem
        With float64 values.
    params : ProblemParams
        As `problem.init` made them, at ``times[0]``.
    times : array of shape (t,)
        At least two, increasing.
    trained : pytree of bool, default True
        What flows. ``ProblemParams(True, False)`` trains the matrix under fixed graphs (Theorem 1 of AIR-Net),
        ``ProblemParams(False, True)`` the graphs of a fixed matrix (Theorem 2).
    rtol, atol, max_steps
        As in [`flow`][matmend.dynamics.flow].

    Returns
    -------
    Trajectory
        Of a deep factorization the conserved quantities are [`imbalance`][matmend.dynamics.imbalance].

    Raises
    ------
    ValueError, RuntimeError
        As [`flow`][matmend.dynamics.flow] does.

    References
    ----------
    Li & Wang 2021, sections 3.1 and 3.2, arXiv:2110.07557; Arora, Cohen, Hu & Luo 2019, arXiv:1905.13655.

    Examples
    --------
    >>> import jax, numpy as np
    >>> jax.config.update("jax_enable_x64", True)
    >>> from matmend.observation import Masked
    >>> from matmend.representation import Balanced
    >>> deep = DeepFactorization(depth=2, initialization=Balanced(std=0.1))
    >>> problem = Problem(Masked.from_array(np.ones((3, 3))), deep)
    >>> trajectory = gradient_flow(problem, problem.init(key=jax.random.key(0)), [0.0, 10.0, 100.0])
    >>> bool(trajectory.loss[-1] < 1e-4 and trajectory.drift[-1] < 1e-9)
    True
    """
    is_deep = isinstance(problem.representation, DeepFactorization)
    return flow(
        _Loss(problem),
        params,
        times,
        trained=trained,
        conserved=_imbalance_of_representation if is_deep else _nothing,
        rtol=rtol,
        atol=atol,
        max_steps=max_steps,
    )


def imbalance(factors: Sequence[Float[Array, "_ _"]]) -> tuple[Float[Array, "_ _"], ...]:
    """``W[l+1]' W[l+1] - W[l] W[l]'`` for ``l = 0 ... L-2``, conserved along every flow of a function of the product.

    All are 0 where the factors are balanced (Assumption 1 of AIR-Net), as [`Balanced`][matmend.representation.Balanced]
    draws them.

    Parameters
    ----------
    factors : sequence of arrays
        ``factors[l]`` is ``W[l]``.

    Returns
    -------
    tuple of square arrays
        ``L - 1`` of them, one for each inner size.

    References
    ----------
    Arora, Cohen & Hazan 2018, arXiv:1802.06509; Li & Wang 2021, Assumption 1, arXiv:2110.07557.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> imbalance([jnp.array([[2.0, 0.0]]), jnp.array([[3.0]])])[0].tolist()
    [[5.0]]
    """
    return tuple(ahead.T @ ahead - behind @ behind.T for behind, ahead in pairwise(factors))


def _imbalance_of_representation(params: ProblemParams) -> tuple[Float[Array, "_ _"], ...]:
    return imbalance(params.representation)
