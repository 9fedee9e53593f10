"""The best fit of a given rank to the observed entries of small matrices, by search from many starts."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float
from numpy.typing import ArrayLike

from matmend.dynamics._lanes import as_batch, run_lanes

BOUND = 50.0
"""A completion with entries larger than this many times the largest observed one counts as not attained."""
ACCEPTED = 1e-10
"""A loss below this many times ``|P o M|^2`` counts as zero."""


@dataclass(frozen=True, eq=False)
class BestFit:
    """The best fits of one rank that were found.

    Attributes
    ----------
    X : array of shape (..., m, n)
        The best of those starts that stayed bounded, or of all if none did.
    loss : array of shape (...)
        Its loss, ``1/2 sum of squares``.
    infimum : array of shape (...)
        The least loss over all starts, those included that ran away.
    at_infinity : bool array of shape (...)
        Whether ``infimum`` was approached only by matrices that grow without bound.
    """

    X: np.ndarray
    loss: np.ndarray
    infimum: np.ndarray
    at_infinity: np.ndarray


def best_rank_k(
    observed: ArrayLike, mask: ArrayLike, k: int, *, starts: int = 20, max_steps: int = 250, seed: int = 0
) -> BestFit:
    r"""Fit the observed entries by a matrix of rank at most k.

    .. math:: \min_{A, B} \tfrac12 \|P \circ (M - A B)\|_F^2, \qquad A \in R^{m \times k}, B \in R^{k \times n}

    by Levenberg-Marquardt from several starts: the truncated singular value decomposition of ``P o M``, and Gaussian
    factors.

    Parameters
    ----------
    observed, mask
        As in [`minimum_nuclear_norm`][matmend.dynamics.minimum_nuclear_norm].
    k : int from 0 to min(m, n)
    starts : int, default 20
    max_steps : int, default 250
        Most iterations from one start.
    seed : int
        Fixes the starts, the same for every problem.

    Returns
    -------
    BestFit

    Raises
    ------
    ValueError
        As [`minimum_nuclear_norm`][matmend.dynamics.minimum_nuclear_norm], and for a k that cannot be.

    Notes
    -----
    A search: there may be better fits that no start leads to, and with few observed entries most starts end in local
    minima. More than 50 times the largest observed entry counts as unbounded. The step is
    ``(dA, dB) = (Y B', A' Y)`` with ``(J J' + damping) Y = R`` on the observed entries, the Levenberg-Marquardt step
    written with a matrix of the size of the data, whatever k.

    References
    ----------
    Marquardt 1963, doi:10.1137/0111030.

    Examples
    --------
    >>> import jax
    >>> jax.config.update("jax_enable_x64", True)
    >>> fit = best_rank_k([[1.0, 2.0], [3.0, np.nan]], [[True, True], [True, False]], 1)
    >>> [round(float(x), 4) for x in (fit.loss, fit.X[1, 1])]
    [0.0, 6.0]
    >>> bool(best_rank_k([[np.nan, 1.0], [1.0, 0.0]], [[False, True], [True, True]], 1).at_infinity)
    True
    """
    M, P, axes = as_batch(observed, mask)
    _, m, n = M.shape
    if k != int(k) or not 0 <= k <= min(m, n):
        raise ValueError(f"k: expected a whole number from 0 to min(m, n) = {min(m, n)}, got {k!r}.")
    if starts < 1:
        raise ValueError(f"starts: expected a whole number >= 1, got {starts!r}; 20 is usual.")
    fit = fit_many(M, P, int(k), starts, max_steps, seed)
    return BestFit(
        fit.X.reshape(*axes, m, n), *(part.reshape(axes) for part in (fit.loss, fit.infimum, fit.at_infinity))
    )


def fit_many(M: np.ndarray, P: np.ndarray, k: int, starts: int, max_steps: int, seed: int) -> BestFit:
    """Do what `best_rank_k` does, for arrays of shape (problems, m, n) that were checked."""
    problems, m, n = M.shape
    squares = np.sum(M**2, axis=(1, 2))
    nowhere = np.zeros(problems, dtype=bool)
    if k == 0:
        return BestFit(np.zeros_like(M), squares / 2, squares / 2, nowhere)
    if k == min(m, n):
        return BestFit(M, np.zeros(problems), np.zeros(problems), nowhere)
    scale = np.where(squares > 0, np.sqrt(squares), 1.0)
    unit = M / scale[:, None, None]
    U, sigma, Vh = np.linalg.svd(unit, full_matrices=False)
    root = np.sqrt(sigma[:, None, :k])
    rng = np.random.default_rng(seed)
    A = np.repeat(rng.normal(size=(1, starts, m, k)), problems, axis=0)
    B = np.repeat(rng.normal(size=(1, starts, k, n)), problems, axis=0)
    typical = (np.maximum(P.sum(axis=(1, 2)), 1) * k) ** -0.25  # entries of A B like those of `unit`
    A, B = A * typical[:, None, None, None], B * typical[:, None, None, None]
    A[:, 0], B[:, 0] = U[:, :, :k] * root, root.transpose(0, 2, 1) * Vh[:, :k]
    lanes = problems * starts
    given = (
        np.repeat(unit, starts, axis=0),
        np.repeat(P, starts, axis=0),
        np.repeat(np.max(np.abs(unit), axis=(1, 2)), starts),
        np.full(lanes, max_steps),
    )
    start = _Fit(
        A.reshape(lanes, m, k),
        B.reshape(lanes, k, n),
        np.full(lanes, np.inf),
        np.full(lanes, 1e-2),
        np.zeros(lanes, np.int64),
    )
    end: _Fit = run_lanes(_fit, given, start)
    X = (end.A @ end.B).reshape(problems, starts, m, n)
    loss = end.loss.reshape(problems, starts)
    is_bounded = np.max(np.abs(X), axis=(2, 3)) <= BOUND * np.max(np.abs(unit), axis=(1, 2))[:, None]
    infimum = np.min(loss, axis=1)
    bounded_loss = np.min(np.where(is_bounded, loss, np.inf), axis=1)
    best = np.argmin(np.where(is_bounded | ~is_bounded.any(axis=1, keepdims=True), loss, np.inf), axis=1)
    here = np.arange(problems)
    return BestFit(
        X=X[here, best] * scale[:, None, None],
        loss=loss[here, best] * scale**2,
        infimum=infimum * scale**2,
        at_infinity=bounded_loss > (1 + 1e-6) * infimum + ACCEPTED,
    )


class _Fit(NamedTuple):
    A: Any
    B: Any
    loss: Any
    damping: Any
    steps: Any


@jax.jit
@jax.vmap
def _fit(given: tuple[Array, Array, Array, Array], state: _Fit) -> tuple[_Fit, Bool[Array, ""]]:
    M, P, largest, max_steps = given
    m, n = M.shape
    weight = P.astype(M.dtype).reshape(-1)
    both_seen = weight[:, None] * weight[None, :]
    eye_m, eye_n, eye = jnp.eye(m, dtype=M.dtype), jnp.eye(n, dtype=M.dtype), jnp.eye(m * n, dtype=M.dtype)

    def residual(A: Float[Array, "m k"], B: Float[Array, "k n"]) -> Float[Array, "m n"]:
        return jnp.where(P, M - A @ B, 0)

    def finished(s: _Fit) -> Bool[Array, ""]:
        R = residual(s.A, s.B)
        slope = jnp.maximum(jnp.max(jnp.abs(R @ s.B.T)), jnp.max(jnp.abs(s.A.T @ R)))
        has_run_away = jnp.max(jnp.abs(s.A @ s.B)) > 1e3 * BOUND * largest
        return (s.loss < 1e-28) | (slope < 1e-11) | has_run_away | (s.damping > 1e12) | (s.steps >= max_steps)

    def step(_: Any, s: _Fit) -> _Fit:
        R = residual(s.A, s.B)
        gram = both_seen * (jnp.kron(eye_m, s.B.T @ s.B) + jnp.kron(s.A @ s.A.T, eye_n))
        factor = jax.scipy.linalg.cho_factor(gram + s.damping * eye, lower=True)
        Y = jax.scipy.linalg.cho_solve(factor, R.reshape(-1)).reshape(m, n)
        A, B = s.A + Y @ s.B.T, s.B + s.A.T @ Y
        loss = jnp.sum(residual(A, B) ** 2) / 2
        is_better = loss < s.loss  # false for NaN, where the Cholesky factor does not exist
        new = _Fit(
            jnp.where(is_better, A, s.A),
            jnp.where(is_better, B, s.B),
            jnp.where(is_better, loss, s.loss),
            jnp.maximum(s.damping * jnp.where(is_better, 0.2, 4.0), 1e-14),
            s.steps + 1,
        )
        done = finished(s)
        return jax.tree.map(lambda a, b: jnp.where(done, a, b), s, new)

    state = state._replace(loss=jnp.sum(residual(state.A, state.B) ** 2) / 2)
    state = jax.lax.fori_loop(0, 10, step, state)
    return state, finished(state)
