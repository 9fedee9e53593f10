"""Singular values of ``X`` and what they say about its rank."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from matmend._types import Scalar
from matmend.matrix import AbstractMatrix, LowRank


def singular_values(X: AbstractMatrix) -> Float[Array, " k"]:
    """``sigma_1 >= sigma_2 >= ...``, the singular values.

    Of a low-rank matrix only the ``r`` that can be other than 0, through two thin QR decompositions.

    Parameters
    ----------
    X : AbstractMatrix

    Returns
    -------
    array of shape (min(m, n),), or (r,) for thin factors

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from matmend.matrix import Dense
    >>> singular_values(Dense(jnp.diag(jnp.array([1.0, 3.0])))).tolist()
    [3.0, 1.0]
    """
    if isinstance(X, LowRank) and X.U.shape[1] <= min(X.shape):
        core = jnp.linalg.qr(X.U, mode="r") @ jnp.linalg.qr(X.V, mode="r").T
        return jnp.linalg.svd(core, compute_uv=False)
    return jnp.linalg.svd(X.dense(), compute_uv=False)


def effective_rank(sigma: Float[Array, " k"]) -> Scalar:
    """``exp(-sum_k p_k log p_k)`` with ``p = sigma / sum sigma``: the rank, counted softly.

    Parameters
    ----------
    sigma : array of shape (k,)
        Singular values, non-negative.

    Returns
    -------
    array of no axes
        From 1 (one singular value) to k (all equal); 0 for the zero matrix; NaN if a singular value is.

    References
    ----------
    Roy & Vetterli 2007, "The effective rank: a measure of effective dimensionality", EUSIPCO.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> round(float(effective_rank(jnp.array([2.0, 2.0, 0.0]))), 5)
    2.0
    """
    total = jnp.sum(sigma)
    p = sigma / jnp.where(total == 0, 1, total)
    entropy = -jnp.sum(p * jnp.log(jnp.where(p == 0, 1, p)))
    return jnp.where(total == 0, 0, jnp.exp(entropy))


def numerical_rank(sigma: Float[Array, " k"], *, rtol: float = 1e-3) -> Int[Array, ""]:
    """Count the singular values above ``rtol`` times the largest.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> int(numerical_rank(jnp.array([1.0, 0.5, 1e-6])))
    2
    """
    return jnp.sum(sigma > rtol * jnp.max(sigma))
