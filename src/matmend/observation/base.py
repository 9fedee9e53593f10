"""The contract of a measurement ``A`` of equation (1), and the checks that all of them make."""

from abc import abstractmethod

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PRNGKeyArray
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

    def total(self, X: AbstractMatrix, fidelity: Fidelity) -> Scalar:
        """``sum_e weights_e f(A(X)_e, values_e)``; by default from all predictions at once."""
        return jnp.sum(self.weights * fidelity(self.predict(X), self.values))

    def loss(self, X: AbstractMatrix, fidelity: Fidelity) -> Scalar:
        """``sum_e weights_e f(A(X)_e, values_e) / normalizer``."""
        return self.total(X, fidelity) / self.normalizer


def observed_part(
    array: np.ndarray,
    mask: ArrayLike | None,
    weights: ArrayLike | None,
    normalizer: float | None,
    dtype: DTypeLike | None,
) -> tuple[Array, Array, Array]:
    """Check values given with a mask, and move them to the device.

    Parameters
    ----------
    array : array
        Unobserved values may hold anything, NaN included.
    mask : bool array of the same shape, optional
        True where observed. By default everything that is not NaN.
    weights, normalizer, dtype
        As in [`Masked.from_array`][matmend.observation.Masked.from_array].

    Returns
    -------
    values, weights : arrays like ``array``
        Both 0 where nothing was observed.
    normalizer : array of no axes

    Raises
    ------
    ValueError
        If shapes disagree, nothing is observed, an observed value is not finite, or ``dtype`` is not floating.
    """
    array = array.astype(floating(array.dtype, dtype))
    seen = ~np.isnan(array) if mask is None else np.asarray(mask, dtype=bool)
    if seen.shape != array.shape:
        raise ValueError(f"The mask must have the shape of the values, {array.shape}, got {seen.shape}.")
    if not seen.any():
        raise ValueError("No entry is observed: there is nothing to complete the matrix from.")
    if not np.isfinite(array[seen]).all():
        raise ValueError(
            f"{int((~np.isfinite(array[seen])).sum())} observed values are NaN or infinite: "
            "mark them as missing in the mask, or leave the mask out to treat NaN as missing."
        )
    w = seen.astype(array.dtype)
    if weights is not None:
        w = checked_weights(np.broadcast_to(np.asarray(weights, dtype=array.dtype), array.shape), seen) * w
    total = w.sum() if normalizer is None else normalizer
    # Unobserved values become 0 so that no NaN can reach a gradient through 0 * NaN.
    return (
        jnp.asarray(np.where(seen, array, 0)),
        jnp.asarray(w),
        jnp.asarray(np.asarray(total, dtype=array.dtype)),
    )


def floating(found: np.dtype, wanted: DTypeLike | None) -> np.dtype:
    """Choose the dtype of values: the one asked for, else their own, else float32."""
    if wanted is not None:
        if not np.issubdtype(np.dtype(wanted), np.floating):
            raise ValueError(f"Values are held in floating point, got dtype={np.dtype(wanted)}.")
        return np.dtype(wanted)
    return found if np.issubdtype(found, np.floating) else np.dtype(np.float32)


def checked_weights(weights: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Refuse weights of observed values that are negative or not finite; the others become 0."""
    used = weights[seen]
    if not (np.isfinite(used).all() and (used >= 0).all() and used.any()):
        raise ValueError("Weights must be finite and non-negative, and at least one must be above 0.")
    return np.where(seen, weights, 0)
