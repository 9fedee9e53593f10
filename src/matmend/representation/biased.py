"""A thin factorization with an offset for every row and every column."""

from typing import NamedTuple

import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray

from matmend._types import Params, Shape
from matmend.matrix import LowRank
from matmend.representation.base import AbstractRepresentation


class BiasedParams(NamedTuple):
    """Parameters of [`Biased`][]."""

    inner: Params
    row_bias: Float[Array, " m"]
    col_bias: Float[Array, " n"]


class Biased(AbstractRepresentation):
    """``X = U V' + b 1' + 1 c'``, held as ``[U, b, 1] [V, 1, c]'``.

    Parameters
    ----------
    inner : AbstractRepresentation
        Of thin factors: its matrix must be a [`LowRank`][matmend.matrix.LowRank].

    Raises
    ------
    ValueError
        If the inner matrix is held dense.

    Notes
    -----
    Biases are columns of the factors, so whatever reads a low-rank matrix (distances of a learned graph, systems of
    least squares) takes them in without a word about them.

    Examples
    --------
    >>> import jax
    >>> from matmend.representation import DeepFactorization
    >>> biased = Biased(DeepFactorization(depth=2, width=1))
    >>> params = biased.init((4, 3), key=jax.random.key(0), dtype=jnp.float32)
    >>> biased(params).U.shape, biased(params).ones
    ((4, 3), (2, 1))
    """

    inner: AbstractRepresentation

    def init(self, shape: Shape, *, key: PRNGKeyArray, dtype: DTypeLike) -> BiasedParams:
        """Draw the inner parameters; biases start at 0."""
        m, n = shape
        return BiasedParams(self.inner.init(shape, key=key, dtype=dtype), jnp.zeros(m, dtype), jnp.zeros(n, dtype))

    def __call__(self, params: BiasedParams) -> LowRank:
        """Return ``X``."""
        X = self.inner(params.inner)
        if not isinstance(X, LowRank):
            raise ValueError(
                f"Biases are columns of thin factors, but {type(self.inner).__name__} holds its {X.shape[0]} x "
                f"{X.shape[1]} matrix dense: give it is_thin=True, or sizes below m n / (m + n)."
            )
        r = X.U.shape[1]
        one = jnp.ones((), X.U.dtype)
        U = jnp.concatenate([X.U, params.row_bias[:, None], jnp.full((X.U.shape[0], 1), one)], axis=1)
        V = jnp.concatenate([X.V, jnp.full((X.V.shape[0], 1), one), params.col_bias[:, None]], axis=1)
        return LowRank(U, V, (r + 1, r))
