"""Entries of a small dense matrix, given with a mask."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray
from numpy.typing import ArrayLike, DTypeLike

from matmend._types import Shape
from matmend.matrix import AbstractMatrix
from matmend.observation.base import AbstractObservation, observed_part
from matmend.observation.entries import Entries


class Masked(AbstractObservation):
    """Entries of a small dense matrix, given with a mask: images and tiny matrices under `vmap`.

    Build it with [`Masked.from_array`][], which checks what it is given and moves it to the device once.

    Examples
    --------
    >>> import numpy as np
    >>> from matmend.fidelity import squared
    >>> from matmend.matrix import Dense
    >>> observation = Masked.from_array(np.array([[1.0, np.nan], [3.0, 4.0]]))
    >>> float(observation.loss(Dense(jnp.zeros((2, 2))), squared))  # (1 + 9 + 16) / 3
    8.666...
    """

    values: Float[Array, "m n"]
    weights: Float[Array, "m n"]
    normalizer: Float[Array, ""]
    shape: Shape = eqx.field(static=True)

    @classmethod
    def from_array(
        cls,
        values: ArrayLike,
        mask: ArrayLike | None = None,
        *,
        weights: ArrayLike | None = None,
        normalizer: float | None = None,
        dtype: DTypeLike | None = None,
    ) -> "Masked":
        """Observe a dense array through a mask.

        Parameters
        ----------
        values : array of shape (m, n)
            Unobserved entries may hold anything, NaN included.
        mask : bool array of shape (m, n), optional
            True where observed. By default everything that is not NaN.
        weights : array of shape (m, n), optional
            Non-negative weights of the observed entries; 1 by default.
        normalizer : float, optional
            Divides the loss; the sum of the weights by default.
        dtype : dtype, optional
            By default that of ``values`` if they are floating point, else float32.

        Raises
        ------
        ValueError
            If shapes disagree, nothing is observed, an observed value is not finite, or ``dtype`` is not floating.
        """
        array = np.asarray(values)
        if array.ndim != 2:
            raise ValueError(f"Expected a matrix (two axes), got an array of shape {array.shape}.")
        held, w, total = observed_part(array, mask, weights, normalizer, dtype)
        m, n = array.shape
        return cls(shape=(m, n), values=held, weights=w, normalizer=total)

    def predict(self, X: AbstractMatrix) -> Float[Array, "m n"]:
        """Return all of ``X``; the weights hide what was not observed."""
        return X.dense()

    def batch(self, key: PRNGKeyArray, size: int) -> "Entries":
        """Draw cells of the matrix uniformly; unobserved ones count with weight 0."""
        m, n = self.shape
        row_key, col_key = jax.random.split(key)
        rows = jax.random.randint(row_key, (size,), 0, m, dtype=jnp.int32)
        cols = jax.random.randint(col_key, (size,), 0, n, dtype=jnp.int32)
        return Entries(
            shape=self.shape,
            rows=rows,
            cols=cols,
            values=self.values[rows, cols],
            weights=self.weights[rows, cols],
            normalizer=self.normalizer * (size / (m * n)),
        )
