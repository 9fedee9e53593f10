"""Greedy low-rank learning: one rank after the other, each from the strongest direction of what is left to learn."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool
from numpy.typing import ArrayLike

from matmend.dynamics._lanes import as_batch, run_lanes
from matmend.dynamics.growing import AbstractGrowing, Chain, Factors

BLOCK = 2_000
"""Steps between two looks from the host, at which problems that have ended are taken out of the batch."""
LANES = 512
"""Problems that are trained side by side."""


@dataclass(frozen=True, eq=False)
class Greedy:
    """What greedy learning found, level by level; level k is rank k, and level 0 the zero matrix.

    A problem that needs fewer levels than another of its batch repeats its last one, with 0 steps.

    Attributes
    ----------
    X : array of shape (..., m, n)
        The last level.
    factors : tuple of arrays of shape (..., ., .)
        Of X; ``factors[0]`` is applied first, as wide as there are levels.
    rank : int array of shape (...)
        The number of levels made.
    saddles : array of shape (..., levels, m, n)
        X at every level.
    loss : array of shape (..., levels)
        ``1/2 sum of squares`` over the observed entries.
    sigma : array of shape (..., levels)
        ``sigma_1(R)`` of the residual ``R = P o (M - X)``, the rate at which the next direction grows (of ``U U'`` the
        largest eigenvalue).
    gap : array of shape (..., levels)
        ``sigma_2(R) / sigma_1(R)``; near 1 the next direction is not unique. 0 where nothing is left.
    steps : int array of shape (..., levels)
    converged : bool array of shape (..., levels)
        Whether the level ended at a critical point (or without loss), rather than at the step limit.
    growth : array of shape (..., levels)
        ``max |X| / max |P o M|``. Some tens with ``converged`` False: the least loss of this rank seems to be
        approached at infinity only.
    is_complete : bool array of shape (...)
        Whether the observed entries were met.
    """

    X: np.ndarray
    factors: tuple[np.ndarray, ...]
    rank: np.ndarray
    saddles: np.ndarray
    loss: np.ndarray
    sigma: np.ndarray
    gap: np.ndarray
    steps: np.ndarray
    converged: np.ndarray
    growth: np.ndarray
    is_complete: np.ndarray


def greedy(
    observed: ArrayLike,
    mask: ArrayLike,
    *,
    model: AbstractGrowing | None = None,
    max_rank: int | None = None,
    tol: float = 1e-6,
    eps: float = 1e-8,
    learning_rate: float = 0.5,
    precision: float = 1e-18,
    gradient_tol: float = 1e-11,
    max_steps: int = 300_000,
) -> Greedy:
    r"""Learn matrices greedily: the limit of gradient flow from a vanishing start, as far as the theory reaches.

    From rank 0 on: the residual ``R = P o (M - X)`` has a first singular pair ``(u, v)`` with singular value ``sigma``;
    the factors get ``u`` and ``v'`` as a new column and row, ``eps^{1/L}`` times each, and gradient descent on

    .. math:: \tfrac12 \|P \circ (M - X)\|_F^2

    takes them to the next critical point. It ends when ``sigma`` is 0.

    Parameters
    ----------
    observed : array of shape (..., m, n)
        Leading axes are problems, all run together. What is not observed is not looked at.
    mask : bool array of shape (..., m, n) or (m, n)
        True where observed.
    model : AbstractGrowing, default ``Chain(depth=2)``
        ``Chain(depth)`` or ``Symmetric()``.
    max_rank : int, optional
        Most levels, by default ``min(m, n)``.
    tol : float, default 1e-6
        The observed entries are met when ``sigma_1(R) <= tol * sigma_1(P o M)``.
    eps : float, default 1e-8
        Size of the product at the start of a level, in units of ``sigma_1(P o M)``.
    learning_rate : float in (0, 1), default 0.5
        In units of the largest one that is certainly stable, ``1 / max(sigma_1(P o M), |A|_F^2, |B|_F^2)`` for two
        factors.
    precision : float, default 1e-18
        A level ends when its loss is below ``precision * |P o M|^2``,
    gradient_tol : float, default 1e-11
        or when no entry of the gradient is larger, for data scaled to ``sigma_1(P o M) = 1``.
    max_steps : int, default 300,000
        Most steps of a level.

    Returns
    -------
    Greedy

    Raises
    ------
    ValueError
        If shapes do not fit, an observed value is not finite, a setting cannot be used or JAX is not in 64-bit mode.

    Notes
    -----
    The factors are as wide as the level: rounding can then never leave the level. Right after a direction was appended
    the gradient is as small as ``eps^{1/L}``, so it is not looked at before the new direction has had the time to grow,
    ``log(1 / sqrt(eps)) / sigma`` for two factors.

    The direction is looked for in one component of the observation graph, the one with the largest ``sigma``. Rounding
    would otherwise give it entries of 1e-17 in the others, which later levels can make large. So what lies across
    components is exactly 0: of all completions this is the one that small random starts give on average, not the one
    that any of them gives. For chains of three factors or more this block structure is that of the greedy start;
    gradient flow from a random start couples the components (Shin & Yun 2026).

    Li, Luo & Lyu state the algorithm for ``U U'``; ``A B`` is their reduction, and more factors are derived here.

    References
    ----------
    Li, Luo & Lyu 2021, "Towards Resolving the Implicit Bias of Gradient Descent for Matrix Factorization: Greedy
    Low-Rank Learning", arXiv:2012.09839; Bai, Zhao & Zhang 2024, arXiv:2405.13721.

    Examples
    --------
    >>> import jax
    >>> jax.config.update("jax_enable_x64", True)  # a program may do so, this library never does
    >>> found = greedy(np.outer([1.0, 2.0, 3.0], [2.0, 1.0, 0.5]), ~np.eye(3, dtype=bool))
    >>> int(found.rank), found.X.diagonal().round(3).tolist()
    (1, [2.0, 2.0, 1.5])
    """
    model = Chain() if model is None else model
    M, P, axes = as_batch(observed, mask)
    b, m, n = M.shape
    most = min(m, n) if max_rank is None else max_rank
    if most != int(most) or not 0 <= most <= min(m, n):
        raise ValueError(f"max_rank: expected a whole number from 0 to min(m, n) = {min(m, n)}, got {max_rank!r}.")
    if not (0 < learning_rate < 1 and 0 < eps < 1 and tol >= 0 and max_steps >= 1):
        raise ValueError(
            "Expected 0 < learning_rate < 1, 0 < eps < 1, tol >= 0 and max_steps >= 1, got "
            f"{learning_rate!r}, {eps!r}, {tol!r} and {max_steps!r}."
        )
    scale = np.linalg.norm(M, ord=2, axis=(1, 2))
    scale = np.where(scale > 0, scale, 1.0)
    unit = M / scale[:, None, None]
    largest = np.max(np.abs(unit), axis=(1, 2))
    least_loss = precision * np.sum(unit**2, axis=(1, 2))
    factors, labels = model.empty(unit, P), _labels(model, P)
    X, rank, steps, converged = np.zeros_like(unit), np.zeros(b, int), np.zeros(b, int), np.ones(b, dtype=bool)
    levels: list[tuple[np.ndarray, ...]] = []
    while True:
        R = np.where(P, unit - X, 0.0)
        rates, u, v = _direction(model, R, *labels)
        is_left = rates[:, 0] > tol
        levels.append(
            (
                X * scale[:, None, None],
                np.sum(R**2, axis=(1, 2)) / 2 * scale**2,
                rates[:, 0] * scale,
                np.where(is_left, rates[:, 1] / np.where(is_left, rates[:, 0], 1), 0),
                steps,
                converged,
                np.max(np.abs(X), axis=(1, 2)) / np.where(largest > 0, largest, 1),
            )
        )
        if len(levels) > most or not is_left.any():
            break
        factors = model.append(factors, u, v, np.where(is_left, eps ** (1 / model.depth), 0.0))
        here = np.flatnonzero(is_left)
        end = _to_critical_point(
            model,
            (unit[here], P[here], _time_to_grow(eps, model.depth) / rates[here, 0], least_loss[here]),
            tuple(W[here] for W in factors),
            (learning_rate, gradient_tol, max_steps),
        )
        for W, new in zip(factors, end.factors, strict=True):
            W[here] = new
        rank, steps, converged = rank + is_left, np.zeros(b, int), converged.copy()
        X[here], steps[here], converged[here] = end.X, end.steps, end.converged
    root = scale[:, None, None] ** (1 / model.depth)
    saddles, *curves = (
        np.stack(part, axis=1).reshape(*axes, len(levels), *part[0].shape[1:]) for part in zip(*levels, strict=True)
    )
    return Greedy(
        saddles[..., -1, :, :],
        tuple((W * root).reshape(*axes, *W.shape[1:]) for W in factors),
        rank.reshape(axes),
        saddles,
        *curves,
        is_complete=~is_left.reshape(axes),
    )


class _Level(NamedTuple):
    factors: Factors
    X: Any
    time: Any
    steps: Any
    converged: Any


def _to_critical_point(
    model: AbstractGrowing, given: tuple[np.ndarray, ...], factors: Factors, limits: tuple[float, float, int]
) -> _Level:
    b = len(given[0])
    state = _Level(factors, np.zeros_like(given[0]), np.zeros(b), np.zeros(b, np.int32), np.zeros(b, dtype=bool))
    learning_rate, gradient_tol, max_steps = limits
    every = np.full(b, learning_rate), np.full(b, gradient_tol), np.full(b, max_steps, np.int32)
    return run_lanes(lambda g, s: _steps(model, g, s), (*given, *every), state, max_lanes=LANES)


@eqx.filter_jit
def _steps(model: AbstractGrowing, given: tuple[Array, ...], state: _Level) -> tuple[_Level, Bool[Array, " b"]]:
    """Make up to `BLOCK` steps of gradient descent, problems last."""
    (M, P, burn_in, least_loss, rate, gradient_tol, max_steps), start = jax.tree.map(
        lambda leaf: jnp.moveaxis(leaf, 0, -1), (given, state)
    )
    depth = model.depth

    def largest(arrays: Factors) -> Array:
        return jnp.max(jnp.stack([jnp.max(jnp.abs(W), axis=(0, 1)) for W in arrays]), axis=0)

    def step(carry: tuple[Array, _Level]) -> tuple[Array, _Level]:
        i, s = carry
        R = jnp.where(P, M - model.product(s.factors), 0)
        velocity = model.velocity(s.factors, R)
        has_met = jnp.sum(R**2, axis=(0, 1)) / 2 <= least_loss
        rests = (largest(velocity) <= gradient_tol) & (s.time >= burn_in)
        converged = has_met | rests
        # The curvature is at most that of `depth` equal factors of the largest Frobenius norm.
        squares = jnp.max(jnp.stack([jnp.sum(W**2, axis=(0, 1)) for W in s.factors]), axis=0)
        eta = rate * 2 / depth / jnp.maximum(1, squares ** (depth - 1))
        eta = jnp.where(converged | (s.steps >= max_steps), 0, eta)
        moved = tuple(W + eta[None, None] * V for W, V in zip(s.factors, velocity, strict=True))
        return i + 1, _Level(moved, s.X, s.time + eta, s.steps + (eta > 0).astype(s.steps.dtype), converged)

    def goes_on(carry: tuple[Array, _Level]) -> Array:
        i, s = carry
        return (i < BLOCK) & jnp.any(~s.converged & (s.steps < max_steps))

    _, end = jax.lax.while_loop(goes_on, step, (jnp.int32(0), start))
    end = end._replace(X=model.product(end.factors))
    finished = end.converged | (end.steps >= max_steps)
    return jax.tree.map(lambda leaf: jnp.moveaxis(leaf, -1, 0), end), finished


def _time_to_grow(eps: float, depth: int) -> float:
    """Return when ``da/dt = a^(L-1)`` reaches 1 from ``eps^(1/L)``."""
    a = eps ** (1 / depth)
    return -np.log(a) if depth == 2 else (a ** (2 - depth) - 1) / (depth - 2)


def _labels(model: AbstractGrowing, P: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    # Problems of a sweep often share a mask.
    masks, which = np.unique(P.reshape(len(P), -1), axis=0, return_inverse=True)
    rows, cols = zip(*(model.labels(mask.reshape(P.shape[1:])) for mask in masks), strict=True)
    return np.stack(rows)[which.ravel()], np.stack(cols)[which.ravel()]


def _direction(
    model: AbstractGrowing, R: np.ndarray, rows: np.ndarray, cols: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the two largest rates, and the first pair with exact zeros outside one component."""
    rates, u, _ = model.direction(R)
    here = np.arange(len(R))
    first = rows[here, np.argmax(np.abs(u), axis=1)][:, None]
    of_row, of_col = rows == first, cols == first
    _, u, v = model.direction(np.where(of_row[:, :, None] & of_col[:, None, :], R, 0.0))
    return rates, np.where(of_row, u, 0.0), np.where(of_col, v, 0.0)
