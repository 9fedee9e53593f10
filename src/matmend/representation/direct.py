"""``X`` itself as the parameter: no implicit bias, the baseline of every comparison."""

import jax
from jax.typing import DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray

from matmend._types import Shape
from matmend.matrix import Dense
from matmend.representation.base import AbstractRepresentation


class Direct(AbstractRepresentation):
    """Every entry of ``X`` is a parameter of its own.

    Parameters
    ----------
    scale : float, default 0.0
        Standard deviation of the Gaussian entries at the start.

    Examples
    --------
    >>> import jax, jax.numpy as jnp
    >>> X = Direct()
    >>> X(X.init((2, 3), key=jax.random.key(0), dtype=jnp.float32)).shape
    (2, 3)
    """

    scale: float = 0.0

    def init(self, shape: Shape, *, key: PRNGKeyArray, dtype: DTypeLike) -> Float[Array, "m n"]:
        """Draw the entries."""
        return self.scale * jax.random.normal(key, shape, dtype)

    def __call__(self, params: Float[Array, "m n"]) -> Dense:
        """Return the parameter as a matrix."""
        return Dense(params)
