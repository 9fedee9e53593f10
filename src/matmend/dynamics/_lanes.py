"""Many small iterations side by side, where each ends when it wants to."""

from collections import deque
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

SIZES = (8, 64, 512)
"""How many lanes a compiled block may have: few sizes, few compilations."""


def run_lanes(block: Callable[..., tuple[Any, Any]], given: Any, state: Any, *, max_lanes: int = SIZES[-1]) -> Any:
    """Call a block of steps on all problems until every one of them says that it is finished.

    A `vmap`ped ``while_loop`` runs all lanes until the slowest has ended. Here a lane that has ended makes room for a
    problem that waits, and once few are left the block is called with few lanes.

    Parameters
    ----------
    block : callable ``(given, state) -> (state, finished)``
        Some steps for a batch of lanes, jitted; ``finished`` is a bool array of shape (lanes,). A finished lane that
        is called again must not change.
    given, state : pytrees of arrays with a leading axis, one element for each problem
        What stays, and what the steps change.
    max_lanes : int, default 512

    Returns
    -------
    pytree of NumPy arrays like ``state``

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> halve = jax.jit(lambda limit, x: (jnp.where(x > limit, x / 2, x), x / 2 <= limit))
    >>> run_lanes(halve, np.array([1.0, 3.0]), np.array([16.0, 16.0])).tolist()
    [1.0, 2.0]
    """
    given = jax.tree.map(np.asarray, given)
    state = jax.tree.map(np.array, state)
    waiting = deque(range(len(jax.tree.leaves(state)[0])))
    active: list[int] = []
    while active or waiting:
        while waiting and len(active) < max_lanes:
            active.append(waiting.popleft())
        size = next((s for s in SIZES if len(active) <= s <= max_lanes), max_lanes)
        # Lanes that are left over repeat the first problem; what they find is thrown away.
        chosen = np.array(active + [active[0]] * (size - len(active)))
        new, finished = block(*jax.tree.map(lambda leaf, chosen=chosen: leaf[chosen], (given, state)))
        for old, computed in zip(jax.tree.leaves(state), jax.tree.leaves(new), strict=True):
            old[active] = np.asarray(computed)[: len(active)]
        active = [problem for problem, done in zip(active, np.asarray(finished).tolist(), strict=False) if not done]
    return state


def as_batch(observed: ArrayLike, mask: ArrayLike) -> tuple[np.ndarray, np.ndarray, tuple[int, ...]]:
    """Check problems that come with any number of leading axes.

    Parameters
    ----------
    observed : array of shape (..., m, n)
    mask : bool array of shape (..., m, n) or (m, n)

    Returns
    -------
    M : float64 array of shape (b, m, n)
        0 where not observed.
    P : bool array of shape (b, m, n)
    axes : tuple of int
        The leading axes, whose product is b.

    Raises
    ------
    ValueError
        If shapes do not fit, an observed value is not finite or JAX is not in 64-bit mode.

    Examples
    --------
    >>> import jax
    >>> jax.config.update("jax_enable_x64", True)
    >>> M, P, axes = as_batch([[1, np.nan]], [[True, False]])
    >>> M.tolist(), axes
    ([[[1.0, 0.0]]], ())
    """
    M = np.asarray(observed, dtype=np.float64)
    if M.ndim < 2 or 0 in M.shape[-2:]:
        raise ValueError(f"Expected a matrix or a batch of matrices (..., m, n), got an array of shape {M.shape}.")
    P = np.asarray(mask, dtype=bool)
    if P.shape not in (M.shape, M.shape[-2:]):
        raise ValueError(f"The mask must have shape {M.shape} or {M.shape[-2:]}, got {P.shape}.")
    P = np.broadcast_to(P, M.shape)
    if not np.isfinite(M[P]).all():
        raise ValueError("Values that the mask calls observed are NaN or infinite: mark those entries as missing.")
    if jnp.result_type(float) != jnp.float64:
        raise ValueError('This is computed in float64: call `jax.config.update("jax_enable_x64", True)` first.')
    shape = (-1, *M.shape[-2:])
    return np.where(P, M, 0.0).reshape(shape), P.reshape(shape), M.shape[:-2]
