"""The measurement ``A`` of equation (1): which entries of ``X`` were seen, and what they were."""

from abc import abstractmethod

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray
from numpy.typing import ArrayLike, DTypeLike

from matmend._types import Fidelity, Scalar, Shape
from matmend.matrix import AbstractMatrix


class AbstractObservation(eqx.Module):
    """Observed values, their weights, and how a matrix predicts them.

    Attributes
    ----------
    values, weights : arrays of one shape
        What was measured and how much each measurement counts; a weight of 0 takes it out.
    normalizer : array of no axes
        What the weighted losses are divided by. The sum of the weights makes the loss a mean over what was observed
        (the default); AIR-Net's code divides by ``m n``, all entries, whatever share of them was seen.
    """

    shape: eqx.AbstractVar[Shape]
    values: eqx.AbstractVar[Array]
    weights: eqx.AbstractVar[Array]
    normalizer: eqx.AbstractVar[Array]

    @abstractmethod
    def predict(self, X: AbstractMatrix) -> Array:
        """Return ``A(X)``, of the shape of ``values``."""

    @abstractmethod
    def batch(self, key: PRNGKeyArray, size: int) -> "AbstractObservation":
        """Draw ``size`` entries with replacement; the loss of the draw is an unbiased estimate of the whole."""

    def loss(self, X: AbstractMatrix, fidelity: Fidelity) -> Scalar:
        """``sum_e weights_e f(A(X)_e, values_e) / normalizer``."""
        return jnp.sum(self.weights * fidelity(self.predict(X), self.values)) / self.normalizer


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
        array = array.astype(_floating(array.dtype, dtype))
        seen = ~np.isnan(array) if mask is None else np.asarray(mask, dtype=bool)
        if seen.shape != array.shape:
            raise ValueError(f"The mask must have the matrix's shape {array.shape}, got {seen.shape}.")
        if not seen.any():
            raise ValueError("No entry is observed: there is nothing to complete the matrix from.")
        if not np.isfinite(array[seen]).all():
            raise ValueError(
                f"{int((~np.isfinite(array[seen])).sum())} observed values are NaN or infinite: "
                "mark them as missing in the mask, or leave the mask out to treat NaN as missing."
            )
        w = seen.astype(array.dtype)
        if weights is not None:
            w = _checked_weights(np.broadcast_to(np.asarray(weights, dtype=array.dtype), array.shape), seen) * w
        total = w.sum() if normalizer is None else normalizer
        # Unobserved values become 0 so that no NaN can reach a gradient through 0 * NaN.
        m, n = array.shape
        return cls(
            shape=(m, n),
            values=jnp.asarray(np.where(seen, array, 0)),
            weights=jnp.asarray(w),
            normalizer=jnp.asarray(np.asarray(total, dtype=array.dtype)),
        )

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
        v = v.astype(_floating(v.dtype, dtype))
        if not np.isfinite(v).all():
            raise ValueError(f"{int((~np.isfinite(v)).sum())} values are NaN or infinite: leave those entries out.")
        w = np.ones_like(v) if weights is None else np.asarray(weights, dtype=v.dtype)
        if w.shape != v.shape:
            raise ValueError(f"Expected one weight per value ({v.size}), got shape {w.shape}.")
        w = _checked_weights(w, np.ones(v.shape, dtype=bool))
        order = np.lexsort((j, i))
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


def _floating(found: np.dtype, wanted: DTypeLike | None) -> np.dtype:
    if wanted is not None:
        if not np.issubdtype(np.dtype(wanted), np.floating):
            raise ValueError(f"Values are held in floating point, got dtype={np.dtype(wanted)}.")
        return np.dtype(wanted)
    return found if np.issubdtype(found, np.floating) else np.dtype(np.float32)


def _checked_weights(weights: np.ndarray, seen: np.ndarray) -> np.ndarray:
    used = weights[seen]
    if not (np.isfinite(used).all() and (used >= 0).all() and used.any()):
        raise ValueError("Weights must be finite and non-negative, and at least one must be above 0.")
    return np.where(seen, weights, 0)
