"""What the learned matrices are compared with: the completions of least nuclear norm and of least rank.

Both are for small matrices, many at once: leading axes are problems, and what a problem gets does not depend on those
beside it. All losses are ``1/2 sum of squares over the observed entries``.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float
from numpy.typing import ArrayLike

from matmend.dynamics._lanes import as_batch, run_lanes
from matmend.dynamics.best_fit import ACCEPTED, BOUND, fit_many

GAMMA = 0.5
"""Threshold of a Douglas-Rachford step in units of ``sigma_1(P o M)``."""


@dataclass(frozen=True, eq=False)
class LeastNuclearNorm:
    """Completions of least nuclear norm.

    Attributes
    ----------
    X : array of shape (..., m, n)
        Agrees with the observed entries to the last bit.
    norm : array of shape (...)
        ``|X|_*``.
    gap : array of shape (...)
        No completion has a nuclear norm below ``norm - gap``: the difference to a lower bound that was computed.
    converged : bool array of shape (...)
        Whether ``gap <= tol * norm``.
    steps : int array of shape (...)
    """

    X: np.ndarray
    norm: np.ndarray
    gap: np.ndarray
    converged: np.ndarray
    steps: np.ndarray


@dataclass(frozen=True, eq=False)
class LeastRank:
    """Completions of least rank.

    Attributes
    ----------
    rank : int array of shape (...)
    X : array of shape (..., m, n)
        A completion of that rank; seldom the only one.
    loss : array of shape (..., min(m, n) + 1)
        The least loss found at rank 0, 1, ..., min(m, n), with entries that stay bounded.
    infimum : array of shape (..., min(m, n) + 1)
        The least loss found, bounded or not.
    at_infinity : bool array of shape (..., min(m, n) + 1)
        Whether the infimum at this rank seems to be approached only by matrices that grow without bound.
    """

    rank: np.ndarray
    X: np.ndarray
    loss: np.ndarray
    infimum: np.ndarray
    at_infinity: np.ndarray


def minimum_nuclear_norm(
    observed: ArrayLike, mask: ArrayLike, *, tol: float = 1e-8, max_steps: int = 20_000
) -> LeastNuclearNorm:
    r"""Complete by the matrix of least nuclear norm.

    .. math:: \min_X \|X\|_* \quad \text{such that} \quad P \circ X = P \circ M

    by Douglas-Rachford splitting: ``X = P o M + (1 - P) o Z``, ``Y = S_gamma(2 X - Z)``, ``Z += Y - X``, where
    ``S_gamma`` makes every singular value smaller by ``gamma`` (or 0).

    Parameters
    ----------
    observed : array of shape (..., m, n)
        What is not observed is not looked at.
    mask : bool array of shape (..., m, n) or (m, n)
        True where observed.
    tol : float, default 1e-8
        Ends the iteration when the relative gap is below.
    max_steps : int, default 20,000

    Returns
    -------
    LeastNuclearNorm

    Raises
    ------
    ValueError
        If shapes do not fit, an observed value is not finite or JAX is not in 64-bit mode.

    Notes
    -----
    The minimiser is often not unique, the norm is. The lower bound is the dual's: for every ``D`` on the observed
    entries with ``|D|_2 <= 1`` a completion has ``|X|_* >= <M, D>``, and ``D = P o (2 X - Z - Y) / gamma``, scaled
    down if need be, comes at no cost. ``gamma`` is half the largest singular value of ``P o M``, so that results
    are homogeneous; singular vectors are eigenvectors of the smaller Gram matrix, which at singular values above
    ``gamma`` costs no digits.

    References
    ----------
    Fazel 2002, "Matrix Rank Minimization with Applications", Stanford; Lions & Mercier 1979, doi:10.1137/0716071.

    Examples
    --------
    >>> import jax
    >>> jax.config.update("jax_enable_x64", True)  # a program may do so, this library never does
    >>> least = minimum_nuclear_norm([[3.0, np.nan], [np.nan, -2.0]], np.eye(2, dtype=bool))
    >>> round(float(least.norm), 6), bool(least.converged)
    (5.0, True)
    """
    M, P, axes = as_batch(observed, mask)
    wide = M.shape[1] <= M.shape[2]
    if not wide:
        M, P = M.transpose(0, 2, 1), P.transpose(0, 2, 1)
    scale = np.linalg.norm(M, ord=2, axis=(1, 2)) if M.size else np.ones(len(M))
    scale = np.where(scale > 0, scale, 1.0)
    unit = M / scale[:, None, None]
    count = len(M)
    start = _Splitting(unit.copy(), unit.copy(), np.zeros(count), np.full(count, np.inf), np.zeros(count, np.int64))
    limits = np.full(count, tol), np.full(count, max_steps)
    end: _Splitting = run_lanes(_split, (unit, P, *limits), start)
    X = np.where(P, M, end.X * scale[:, None, None])
    return LeastNuclearNorm(
        X=(X if wide else X.transpose(0, 2, 1)).reshape(*axes, *np.shape(observed)[-2:]),
        norm=(end.norm * scale).reshape(axes),
        gap=(end.gap * scale).reshape(axes),
        converged=(end.gap <= tol * end.norm).reshape(axes),
        steps=end.steps.reshape(axes),
    )


class _Splitting(NamedTuple):
    Z: Any
    X: Any
    norm: Any
    gap: Any
    steps: Any


@jax.jit
@jax.vmap
def _split(given: tuple[Array, Array, Array, Array], state: _Splitting) -> tuple[_Splitting, Bool[Array, ""]]:
    M, P, tol, max_steps = given

    def shrunk(V: Float[Array, "m n"]) -> Float[Array, "m n"]:
        squares, U = jnp.linalg.eigh(V @ V.T)
        sigma = jnp.sqrt(jnp.maximum(squares, GAMMA**2))
        return U @ ((1 - GAMMA / sigma)[:, None] * (U.T @ V))

    def step(_: Any, Z: Float[Array, "m n"]) -> Float[Array, "m n"]:
        X = jnp.where(P, M, Z)
        return Z + shrunk(2 * X - Z) - X

    before = jax.lax.fori_loop(0, 49, step, state.Z)
    X = jnp.where(P, M, before)
    Y = shrunk(2 * X - before)
    D = jnp.where(P, 2 * X - before - Y, 0) / GAMMA
    D = D / jnp.maximum(1, jnp.linalg.svd(D, compute_uv=False)[0])
    norm = jnp.sum(jnp.linalg.svd(X, compute_uv=False))
    new = _Splitting(before + Y - X, X, norm, norm - jnp.sum(M * D), state.steps + 50)
    was_done = state.gap <= tol * state.norm
    new = jax.tree.map(lambda a, b: jnp.where(was_done, a, b), state, new)
    return new, (new.gap <= tol * new.norm) | (new.steps >= max_steps)


def minimum_rank(
    observed: ArrayLike, mask: ArrayLike, *, starts: int = 20, max_steps: int = 250, seed: int = 0
) -> LeastRank:
    """Find the least rank at which the observed entries can be met by bounded matrices.

    A rank is accepted if some start of [`best_rank_k`][matmend.dynamics.best_rank_k] ends at a loss below
    ``1e-10 |P o M|^2`` with entries below 50 times the largest observed one.

    Parameters
    ----------
    observed, mask
        As in [`minimum_nuclear_norm`][matmend.dynamics.minimum_nuclear_norm].
    starts, max_steps, seed
        As in [`best_rank_k`][matmend.dynamics.best_rank_k].

    Returns
    -------
    LeastRank

    Raises
    ------
    ValueError
        As [`best_rank_k`][matmend.dynamics.best_rank_k].

    Notes
    -----
    An upper bound found by search: a rank whose completions no start has found is missed. The bound on the entries
    leaves out ranks at which the loss has infimum 0 and no minimum, as [[*, 1], [1, 0]] at rank 1.

    References
    ----------
    Bai, Zhao & Zhang 2024, arXiv:2405.13721, compare with the minimum rank; how they compute it is not known to us.
    Razin & Cohen 2020, arXiv:2005.06398 (the example).

    Examples
    --------
    >>> import jax
    >>> jax.config.update("jax_enable_x64", True)
    >>> int(minimum_rank([[1.0, 2.0], [3.0, np.nan]], [[True, True], [True, False]]).rank)
    1
    >>> found = minimum_rank([[np.nan, 1.0], [1.0, 0.0]], [[False, True], [True, True]])
    >>> int(found.rank), found.at_infinity.tolist()
    (2, [False, True, False])
    """
    M, P, axes = as_batch(observed, mask)
    _, m, n = M.shape
    fits = [fit_many(M, P, k, starts, max_steps, seed) for k in range(min(m, n) + 1)]
    squares = np.sum(M**2, axis=(1, 2))
    largest = np.max(np.abs(M), axis=(1, 2))
    accepted = np.stack(
        [(fit.loss <= ACCEPTED * squares) & (np.max(np.abs(fit.X), axis=(1, 2)) <= BOUND * largest) for fit in fits]
    )
    rank = np.argmax(accepted, axis=0)  # the first; the last is always accepted
    X = np.stack([fit.X for fit in fits])[rank, np.arange(len(M))]
    per_rank = (
        np.stack(part, axis=-1) for part in zip(*((f.loss, f.infimum, f.at_infinity) for f in fits), strict=True)
    )
    return LeastRank(rank.reshape(axes), X.reshape(*axes, m, n), *(part.reshape(*axes, -1) for part in per_rank))
