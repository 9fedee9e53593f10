"""Entries given as a list, of a matrix that may be too large to form."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray
from numpy.typing import ArrayLike, DTypeLike

from matmend._types import Shape
from matmend.matrix import AbstractMatrix
from matmend.observation.base import AbstractObservation, checked_weights, floating


class Entries(AbstractObservation):
    """Entries given as a list ``(row, column, value)``: ratings and other sparse data.

    Build it with [`Entries.from_triplets`][]. Nothing of size ``m n`` is ever formed.

    Examples
    --------
    >>> from matmend.fidelity import squared
    >>> from matmend.matrix import LowRank
    >>> observation = Entries.from_triplets([0, 1], [1, 0], [3.0, 4.0], shape=(2, 2))
    >>> float(observation.loss(LowRank(jnp.zeros((2, 1)), jnp.zeros((2, 1))), squared))
    12.5
    """

    rows: Int[Array, " e"]
    cols: Int[Array, " e"]
    values: Float[Array, " e"]
    weights: Float[Array, " e"]
    normalizer: Float[Array, ""]
    shape: Shape = eqx.field(static=True)

    @classmethod
    def from_triplets(
        cls,
        rows: ArrayLike,
        cols: ArrayLike,
        values: ArrayLike,
        *,
        shape: Shape | None = None,
        weights: ArrayLike | None = None,
        normalizer: float | None = None,
        dtype: DTypeLike | None = None,
    ) -> "Entries":
        """Observe a list of entries, sorted here by row, then by column.

        Parameters
        ----------
        rows, cols : integer arrays of shape (e,)
            0-based indices. A pair may occur twice; then both count.
        values : array of shape (e,)
        shape : (m, n), optional
            By default the smallest that holds all entries.
        weights : array of shape (e,), optional
            Non-negative; 1 by default.
        normalizer : float, optional
            Divides the loss; the sum of the weights by default.
        dtype : dtype, optional
            By default that of ``values`` if they are floating point, else float32.

        Raises
        ------
        ValueError
            If lengths disagree, an index is out of range, nothing is observed, a value is not finite, or ``dtype`` is
            not floating.
        """
        i, j, v = np.asarray(rows), np.asarray(cols), np.asarray(values)
        if not (i.ndim == j.ndim == v.ndim == 1 and i.size == j.size == v.size):
            raise ValueError(
                f"Expected rows, cols and values of one common length, got shapes {i.shape}, {j.shape}, {v.shape}."
            )
        if v.size == 0:
            raise ValueError("No entry is observed: there is nothing to complete the matrix from.")
        if not (np.issubdtype(i.dtype, np.integer) and np.issubdtype(j.dtype, np.integer)):
            raise ValueError(f"Row and column indices are integers counted from 0, got dtypes {i.dtype}, {j.dtype}.")
        m, n = (int(i.max()) + 1, int(j.max()) + 1) if shape is None else shape
        if i.min() < 0 or j.min() < 0 or i.max() >= m or j.max() >= n:
            raise ValueError(
                f"Indices must lie in a {m} x {n} matrix, got rows {i.min()}..{i.max()} "
                f"and columns {j.min()}..{j.max()}."
            )
        v = v.astype(floating(v.dtype, dtype))
        if not np.isfinite(v).all():
            raise ValueError(f"{int((~np.isfinite(v)).sum())} values are NaN or infinite: leave those entries out.")
        if weights is None:
            w = np.ones_like(v)
        else:
            w = np.asarray(weights, dtype=v.dtype)
            if w.shape != v.shape:
                raise ValueError(f"Expected one weight per value ({v.size}), got shape {w.shape}.")
            w = checked_weights(w, np.ones(v.shape, dtype=bool))
        order = np.argsort(i.astype(np.int64) * n + j)
        total = w.sum() if normalizer is None else normalizer
        return cls(
            shape=(m, n),
            rows=jnp.asarray(i[order].astype(np.int32)),
            cols=jnp.asarray(j[order].astype(np.int32)),
            values=jnp.asarray(v[order]),
            weights=jnp.asarray(w[order]),
            normalizer=jnp.asarray(np.asarray(total, dtype=v.dtype)),
        )

    def predict(self, X: AbstractMatrix) -> Float[Array, " e"]:
        """Read the listed entries of ``X``."""
        return X.at(self.rows, self.cols)

    def batch(self, key: PRNGKeyArray, size: int) -> "Entries":
        """Draw entries uniformly."""
        e = self.values.shape[0]
        pick = jax.random.randint(key, (size,), 0, e, dtype=jnp.int32)
        return Entries(
            shape=self.shape,
            rows=self.rows[pick],
            cols=self.cols[pick],
            values=self.values[pick],
            weights=self.weights[pick],
            normalizer=self.normalizer * (size / e),
        )
