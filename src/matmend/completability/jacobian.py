"""Small masks, many at once: the Jacobian of the observed entries as dense matrices, by singular values."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from matmend.completability.factors import Array, checked_rank, generic_factors, learned_factors

SMALL = 1e-8
"""Singular values of a Jacobian below this share of the largest one count as 0."""
BLIND = 1e-6
"""An entry is determined if at most this share of its row of the Jacobian lies in the null space."""
CHUNK = 1 << 25
"""Numbers in one stack of Jacobians."""

Factors = tuple[ArrayLike, ArrayLike]


def jacobian(U: Array, V: Array) -> Array:
    r"""Jacobian of ``(U, V) -> U @ V.T``: row (i, j) has V_j in the block of U_i and U_i in the block of V_j.

    Parameters
    ----------
    U, V : arrays, shapes (..., m, r), (..., n, r)

    Returns
    -------
    array, shape (..., m, n, (m + n) r)
        ``J[i, j] @ concatenate([dU.ravel(), dV.ravel()])`` is ``dU[i] @ V[j] + U[i] @ dV[j]``.

    References
    ----------
    Singer & Cucuringu 2010, arXiv:0902.3846 (the completion matrix).

    Examples
    --------
    >>> jacobian(np.array([[2.0]]), np.array([[3.0], [5.0]]))[0]
    array([[3., 2., 0.],
           [5., 0., 2.]])
    """
    m, n = U.shape[-2], V.shape[-2]
    along_U = np.eye(m)[:, None, :, None] * V[..., None, :, None, :]
    along_V = np.eye(n)[None, :, :, None] * U[..., :, None, None, :]
    parts = [part.reshape(*U.shape[:-2], m, n, -1) for part in (along_U, along_V)]
    return np.concatenate(parts, axis=-1)


def jacobian_ranks(masks: ArrayLike, rank: int, *, factors: Factors | None = None, seed: int = 0) -> NDArray[np.int64]:
    """Rank of the Jacobian of the observed entries for every mask of a stack, by singular values.

    Parameters
    ----------
    masks : bool array, shape (..., m, n)
        True = observed. Meant for small m and n: a mask costs a singular value decomposition of (m n) x (r (m + n)).
    rank : int
        r, in 1 .. min(m, n).
    factors : pair of arrays (m, d), (n, d) or (..., m, d), (..., n, d), optional
        ``X = U @ V.T``, one for all masks or one each. By default generic factors.
    seed : int, default 0
        Of the generic factors.

    Returns
    -------
    int array, shape (...)
        At most ``r (m + n - r)``; equal to it where the mask is finitely completable at rank r.

    Raises
    ------
    ValueError
        If the masks are not boolean, or rank or factors do not fit them.

    References
    ----------
    Kiraly, Theran & Tomioka 2015, arXiv:1211.4116.

    Examples
    --------
    >>> jacobian_ranks(np.array([[[True, True], [True, False]], [[True, False], [False, True]]]), 1)
    array([3, 2])
    """
    ranks, _ = _by_singular_values(masks, rank, factors, seed)
    return ranks


def determined_entries(
    masks: ArrayLike, rank: int, *, factors: Factors | None = None, seed: int = 0
) -> NDArray[np.bool_]:
    """Which entries the observed ones determine at rank r up to finitely many values, for every mask of a stack.

    Parameters
    ----------
    masks, rank, factors, seed
        As in [`jacobian_ranks`][].

    Returns
    -------
    bool array, shape (..., m, n)
        True where the row of the entry lies in the row space of the Jacobian; always True where observed.

    Raises
    ------
    ValueError
        As [`jacobian_ranks`][].

    References
    ----------
    Kiraly, Theran & Tomioka 2015, arXiv:1211.4116.

    Examples
    --------
    >>> determined_entries(np.array([[True, True, False], [True, False, False]]), 1)
    array([[ True,  True, False],
           [ True,  True, False]])
    """
    _, determined = _by_singular_values(masks, rank, factors, seed)
    return determined


def _by_singular_values(
    masks: ArrayLike, rank: int, factors: Factors | None, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    seen = np.asarray(masks)
    if seen.ndim < 2 or seen.dtype != np.bool_ or 0 in seen.shape[-2:]:
        raise ValueError(
            f"masks: expected a bool array (..., m, n), True = observed, got {seen.dtype} {seen.shape}; "
            "compare first (masks == 1)."
        )
    *batch, m, n = seen.shape
    checked_rank(rank, (m, n))
    if factors is None:
        U, V = generic_factors((m, n), rank, seed)
    else:
        U, V = learned_factors(factors, (m, n), rank)
    if U.ndim > 2 and U.shape[:-2] != tuple(batch):
        raise ValueError(f"factors: expected one pair for each of the masks {batch}, or one pair, got {U.shape[:-2]}.")
    flat = seen.reshape(-1, m * n)
    size = m * n * (m + n) * rank
    step = max(1, CHUNK // size)
    ranks = np.zeros(len(flat), dtype=np.int64)
    determined = np.zeros(flat.shape, dtype=bool)
    U, V = (factor.reshape(-1, *factor.shape[-2:]) for factor in (U, V))
    for start in range(0, len(flat), step):
        part = slice(start, start + step)
        own = part if len(U) > 1 else slice(None)
        J = jacobian(U[own], V[own]).reshape(-1, m * n, (m + n) * rank)
        is_wide = m * n < (m + n) * rank  # only then is part of the null space left out of the thin decomposition
        _, sigma, right = np.linalg.svd(J * flat[part, :, None], full_matrices=is_wide)
        sigma = np.pad(sigma, [(0, 0), (0, right.shape[-1] - sigma.shape[-1])])
        is_null = sigma <= SMALL * np.maximum(sigma[:, :1], np.finfo(float).tiny)
        ranks[part] = np.count_nonzero(~is_null, axis=1)
        null = right * is_null[:, :, None]
        lengths = np.linalg.norm(J, axis=-1)
        blind = np.linalg.norm(J @ null.swapaxes(-1, -2), axis=-1) <= BLIND * lengths
        # where a row of U and one of V are 0, the derivative is; if both can move, their product can
        moves = np.linalg.norm(null.reshape(*null.shape[:2], m + n, rank), axis=(1, 3)) > BLIND
        is_open = (moves[:, :m, None] & moves[:, None, m:]).reshape(-1, m * n) & (lengths == 0)
        determined[part] = (blind & ~is_open) | flat[part]
    return ranks.reshape(batch), determined.reshape(*batch, m, n)
