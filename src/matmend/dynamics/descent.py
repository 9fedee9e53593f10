"""Plain gradient descent on very many tiny factorizations at once: what studies of the dynamics consist of."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int
from numpy.typing import ArrayLike, DTypeLike

from matmend.dynamics._lanes import run_lanes
from matmend.dynamics._products import MOST
from matmend.dynamics.growing import Chain

BLOCK = 10_000
"""Steps between two looks from the host, at which problems that have ended are taken out of the batch."""
LANES = 1000
"""Problems that are trained side by side. Not a power of two, of which the cache would hold only a few rows."""

Factors = tuple[Float[Array, "b _ _"], ...]
_Lanes = tuple[Float[Array, "_ _ b"], ...]


class Descent(eqx.Module):
    """Where gradient descent ended, for a batch of b problems.

    Attributes
    ----------
    factors : tuple of arrays of shape (b, ., .)
        ``factors[0]`` is applied first: X = factors[-1] ... factors[0].
    loss : array of shape (b,)
        ``L = 1/2 sum_Omega (X_ij - M_ij)^2`` at these factors.
    steps : int array of shape (b,)
        Steps made by each problem.
    has_converged : bool array of shape (b,)
        The loss is below the problem's tolerance. Where it is neither this nor NaN, ``max_steps`` were made.
    """

    factors: Factors
    loss: Float[Array, " b"]
    steps: Int[Array, " b"]
    has_converged: Bool[Array, " b"]

    @property
    def X(self) -> Float[Array, "b m n"]:  # noqa: N802 (the field's symbol for the matrix)
        """The products."""
        return functools.reduce(lambda X, W: W @ X, self.factors)


def descend(
    values: ArrayLike,
    mask: ArrayLike,
    factors: tuple[ArrayLike, ...],
    *,
    learning_rate: float = 0.05,
    tol: ArrayLike = 1e-22,
    max_steps: int = 1_000_000,
) -> Descent:
    r"""Minimise ``L = 1/2 sum_Omega (X_ij - M_ij)^2`` over the factors of b matrices by plain gradient descent.

    .. math:: W_l \leftarrow W_l - \eta\, (W_{L-1} \cdots W_{l+1})^T R\, (W_{l-1} \cdots W_0)^T,
        \quad R = P_\Omega(X - M)

    Parameters
    ----------
    values : array of shape (b, m, n)
        What is observed; other entries may hold anything, NaN included.
    mask : bool array of shape (b, m, n) or (m, n)
        True where observed.
    factors : tuple of arrays of shape (b, ., .)
        The start; ``factors[0]``, of shape (b, ., n), is applied first. At least two.
    learning_rate : float, default 0.05
        η. For depth 2 stable below ``1 / sigma_1(M)``; time of the gradient flow is ``steps * learning_rate``.
    tol : float or array of shape (b,), default 1e-22
        A problem ends when its loss is below this.
    max_steps : int, default 1,000,000

    Returns
    -------
    Descent

    Raises
    ------
    ValueError
        If shapes do not fit, a side is above 16 (larger matrices: `solve_many`), or an observed value is not finite.

    Notes
    -----
    [`solve_many`][matmend.solve.solve_many] trains any `Problem` with any optimizer; this function knows one loss and
    one rule, and is several times faster on tiny matrices. On the device the axis of problems comes last, so that every
    operation runs along memory over problems, and products are sums of outer products, which the compiler fuses.
    Problems that have ended make room for others every 10,000 steps. A problem's result does not depend on what else is
    in the batch, beyond rounding.

    The loss of Bai, Zhao & Zhang is, as far as is known, a mean: their rates are ``2 / |Omega|`` times ours.

    References
    ----------
    Bai, Zhao & Zhang 2024, arXiv:2405.13721. ``benchmarks/tiny_batches.py`` measures the speed.

    Examples
    --------
    >>> import jax, numpy as np
    >>> jax.config.update("jax_enable_x64", True)
    >>> M = np.outer([1.0, 3.0], [1.0, 2.0])[None]
    >>> start = tuple(1e-4 * np.random.default_rng(seed).normal(size=(1, 2, 2)) for seed in (0, 1))
    >>> done = descend(M, M != 1, start)
    >>> round(float(done.X[0, 0, 0]), 3), bool(done.has_converged[0])
    (1.0, True)
    """
    Y, seen, start = _checked(values, mask, factors)
    num_problems = len(Y)
    if not learning_rate > 0 or not np.all(np.asarray(tol) >= 0) or max_steps < 0:
        raise ValueError(
            "Expected learning_rate > 0, tol >= 0 and max_steps >= 0, got "
            f"{learning_rate!r}, {tol!r} and {max_steps!r}."
        )

    def each(number: ArrayLike, dtype: DTypeLike = Y.dtype) -> np.ndarray:
        return np.broadcast_to(np.asarray(number, dtype=dtype), (num_problems,))

    given = (Y, seen.astype(Y.dtype), each(learning_rate), each(tol), each(max_steps, np.int32))
    state = (start, each(np.inf), each(0, np.int32))
    end, loss, steps = run_lanes(_block, given, state, max_lanes=LANES)
    return Descent(
        factors=tuple(jnp.asarray(W) for W in end),
        loss=jnp.asarray(loss),
        steps=jnp.asarray(steps),
        has_converged=jnp.asarray(loss < np.asarray(tol)),
    )


def _checked(
    values: ArrayLike, mask: ArrayLike, factors: tuple[ArrayLike, ...]
) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, ...]]:
    """Return values (0 where not observed), mask and factors."""
    array, seen = np.asarray(values), np.asarray(mask, dtype=bool)
    if array.ndim != 3 or seen.shape not in (array.shape, array.shape[1:]):
        raise ValueError(
            "Expected values of shape (b, m, n) and a mask of the same shape or of shape (m, n), got "
            f"{array.shape} and {seen.shape}."
        )
    b, m, n = array.shape
    dtype = array.dtype if np.issubdtype(array.dtype, np.floating) else np.dtype(np.float64)
    seen = np.broadcast_to(seen, array.shape)
    if not np.isfinite(array[seen]).all():
        raise ValueError("An observed value is NaN or infinite: take it out of the mask.")
    start = [np.asarray(W, dtype=dtype) for W in factors]
    sizes = [n, *(W.shape[1] for W in start if W.ndim == 3)]
    if len(start) < 2 or any(W.ndim != 3 for W in start) or sizes[-1] != m:
        raise ValueError(f"Expected at least two factors of shape (b, ., .), the first of n = {n} columns, the last of "
                         f"m = {m} rows, got shapes {[W.shape for W in start]}.")  # fmt: skip
    for W, inner in zip(start, sizes, strict=False):
        if W.shape[0] != b or W.shape[2] != inner:
            raise ValueError(
                f"The factors do not form a chain for {b} problems: shapes {[W.shape for W in start]} from the first "
                f"applied to the last, for n = {n} columns."
            )
    if max(sizes) > MOST:
        raise ValueError(
            f"Sides up to {MOST} are meant here, got sizes {sizes}: train larger matrices by matmend.solve.solve_many."
        )
    return np.where(seen, array, 0).astype(dtype), seen, tuple(start)


@jax.jit
def _block(given: tuple[Array, ...], state: tuple[Factors, Array, Array]) -> tuple[tuple[Factors, Array, Array], Array]:
    """Make up to `BLOCK` steps; a problem below its tolerance, or with all its steps made, rests."""
    M, P, learning_rate, tol, max_steps = (jnp.moveaxis(leaf, 0, -1) for leaf in given)
    factors, _, steps = jax.tree.map(lambda leaf: jnp.moveaxis(leaf, 0, -1), state)

    def residual_and_loss(X: Array) -> tuple[Array, Array]:
        R = P * (M - X)
        return R, 0.5 * jnp.sum(R**2, axis=(0, 1))

    chain = Chain(depth=len(factors))

    def step(carry: tuple[Array, _Lanes, Array, Array]) -> tuple[Array, _Lanes, Array, Array]:
        i, factors, _, steps = carry
        R, loss = residual_and_loss(chain.product(factors))
        moves = (loss >= tol) & (steps < max_steps)  # false for a loss of NaN too
        eta = jnp.where(moves, learning_rate, 0)[None, None]
        moved = tuple(W + eta * V for W, V in zip(factors, chain.velocity(factors, R), strict=True))
        return i + 1, moved, moves, steps + moves.astype(steps.dtype)

    def goes_on(carry: tuple[Array, _Lanes, Array, Array]) -> Array:
        return (carry[0] < BLOCK) & jnp.any(carry[2])

    start = (jnp.int32(0), factors, jnp.ones(M.shape[-1], bool), steps)
    _, factors, _, steps = jax.lax.while_loop(goes_on, step, start)
    loss = residual_and_loss(chain.product(factors))[1]
    rests = ~((loss >= tol) & (steps < max_steps))
    return (tuple(jnp.moveaxis(W, -1, 0) for W in factors), loss, steps), rests
