"""Factors at which the tangent space is looked at: generic ones, or those that a model has learned."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

NOTHING = 1e-12
"""Rows of a factor below this share of the longest one are taken for rows of zeros."""


def generic_factors(shape: tuple[int, int], rank: int, seed: int) -> tuple[Array, Array]:
    """Draw U (m, r) and V (n, r) with rows uniform on the unit sphere; for r = 1 they are signs."""
    rng = np.random.default_rng(seed)
    U, V = rng.standard_normal((shape[0], rank)), rng.standard_normal((shape[1], rank))
    return unit_rows(U), unit_rows(V)


def learned_factors(factors: tuple[ArrayLike, ArrayLike], shape: tuple[int, int], rank: int) -> tuple[Array, Array]:
    r"""Bring learned factors of width d >= r to the form in which their tangent space is computed.

    The tangent space :math:`\{A V^T + U B^T\}` of the rank-r matrices at :math:`X = U V^T` depends on the column spaces
    of U and V only, and a non-zero scaling of rows and columns of X maps tangent spaces onto each other entry by entry.
    So both column spaces get orthonormal bases and then every row the length 1, which changes neither a rank nor
    whether an entry is determined, and takes the condition of X out of the computation.

    Parameters
    ----------
    factors : pair of arrays (..., m, d), (..., n, d)
        ``X = U @ V.T``; of wider factors the r leading singular directions of X are used. Leading axes are a batch.
    shape : (m, n)
    rank : int

    Returns
    -------
    U, V : arrays, shapes (..., m, r), (..., n, r)

    Raises
    ------
    ValueError
        If shapes do not fit, a value is not finite, or X has a rank below r.
    """
    try:
        U, V = (np.asarray(factor, dtype=np.float64) for factor in factors)
    except (TypeError, ValueError) as error:
        raise ValueError("factors: expected a pair of real arrays (m, d), (n, d) with X = U @ V.T.") from error
    fits = U.ndim >= 2 and V.ndim >= 2 and U.shape[:-2] == V.shape[:-2] and (U.shape[-2], V.shape[-2]) == tuple(shape)
    if not fits or U.shape[-1] != V.shape[-1] or U.shape[-1] < rank:
        m, n = shape
        raise ValueError(
            f"factors: expected U ({m}, d), V ({n}, d) with d >= {rank} and X = U @ V.T, got {U.shape}, {V.shape}; "
            "the second factor is transposed: for X = A @ B pass (A, B.T)."
        )
    if not (np.isfinite(U).all() and np.isfinite(V).all()):
        raise ValueError("factors: expected finite numbers, got NaN or infinite ones; did the training diverge?")
    (Q_left, R_left), (Q_right, R_right) = np.linalg.qr(U), np.linalg.qr(V)
    left, sigma, right = np.linalg.svd(R_left @ R_right.swapaxes(-1, -2))
    if (sigma[..., rank - 1] <= NOTHING * sigma[..., 0]).any():
        raise ValueError(f"factors: expected a product of rank {rank} at least, got a lower one; ask for a lower rank.")
    return unit_rows(Q_left @ left[..., :rank]), unit_rows(Q_right @ right.swapaxes(-1, -2)[..., :rank])


def unit_rows(factor: Array) -> Array:
    """Scale every row to length 1; rows of zeros stay."""
    length = np.linalg.norm(factor, axis=-1, keepdims=True)
    is_row = length > NOTHING * length.max(axis=-2, keepdims=True)
    return np.where(is_row, factor / np.where(is_row, length, 1), 0)


def checked_rank(rank: int, shape: tuple[int, int]) -> int:
    """Return the rank if it is in 1 .. min(m, n)."""
    if rank != int(rank) or not 1 <= rank <= min(shape):
        raise ValueError(
            f"rank: expected a whole number in 1..{min(shape)} for a {shape[0]} x {shape[1]} matrix, got {rank}; no "
            "matrix of this shape has another rank, apart from 0."
        )
    return int(rank)
