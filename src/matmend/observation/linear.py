"""Measurements by any linear operator: equation (1) of AIR-Net as it is stated."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray
from numpy.typing import ArrayLike, DTypeLike

from matmend._types import Shape
from matmend.matrix import AbstractMatrix
from matmend.observation.base import AbstractObservation, observed_part
from matmend.observation.operators import Operator, picked


class Linear(AbstractObservation):
    """``A(X)`` for a linear operator ``A``: sensing matrices, a blur, a coarser picture, one after another.

    Build it with [`Linear.from_values`][], which checks what it is given. The operator is part of the description, as
    a given graph is: its arrays are not trained.

    Examples
    --------
    >>> import jax.numpy as jnp, numpy as np
    >>> from matmend.fidelity import squared
    >>> from matmend.matrix import Dense
    >>> from matmend.observation import Subsample
    >>> observation = Linear.from_values(Subsample(2), np.array([[1.0, 3.0]]), shape=(2, 4))
    >>> float(observation.loss(Dense(jnp.zeros((2, 4))), squared))  # (1 + 9) / 2
    5.0
    """

    operator: Operator
    values: Float[Array, "*s"]
    weights: Float[Array, "*s"]
    normalizer: Float[Array, ""]
    shape: Shape = eqx.field(static=True)

    @classmethod
    def from_values(
        cls,
        operator: Operator,
        values: ArrayLike,
        *,
        shape: Shape,
        mask: ArrayLike | None = None,
        weights: ArrayLike | None = None,
        normalizer: float | None = None,
        dtype: DTypeLike | None = None,
    ) -> "Linear":
        """Observe what an operator measured.

        Parameters
        ----------
        operator : callable ``X -> A(X)``
            Linear in the dense ``X``. Its floating-point arrays, if it is a pytree such as those of
            `matmend.observation.operators`, are taken over in the dtype of the values.
        values : array of the shape of ``A(X)``
            Measurements that were not made may hold anything, NaN included.
        shape : (m, n)
            Of ``X``, which the values do not tell.
        mask : bool array like ``values``, optional
            True where measured. By default everything that is not NaN.
        weights : array like ``values``, optional
            Non-negative weights of the measurements; 1 by default.
        normalizer : float, optional
            Divides the loss; the sum of the weights by default.
        dtype : dtype, optional
            By default that of ``values`` if they are floating point, else float32.

        Raises
        ------
        ValueError
            If the operator gives another shape or dtype than that of ``values``, if it is not linear on three matrices
            drawn at random, and as in [`Masked.from_array`][matmend.observation.Masked.from_array].
        """
        held, w, total = observed_part(np.asarray(values), mask, weights, normalizer, dtype)
        operator = jax.tree.map(lambda leaf: leaf.astype(held.dtype) if _is_real(leaf) else leaf, operator)
        m, n = shape
        _check(operator, (m, n), held)
        return cls(operator=operator, shape=(m, n), values=held, weights=w, normalizer=total)

    def predict(self, X: AbstractMatrix) -> Float[Array, "*s"]:
        """Return ``A(X)``; the weights hide what was not measured."""
        return self.operator(X.dense())

    def batch(self, key: PRNGKeyArray, size: int) -> "Linear":
        """Draw measurements uniformly; those not made count with weight 0."""
        count = self.values.size
        index = jax.random.randint(key, (size,), 0, count, dtype=jnp.int32)
        return Linear(
            shape=self.shape,
            operator=picked(self.operator, index),
            values=self.values.reshape(-1)[index],
            weights=self.weights.reshape(-1)[index],
            normalizer=self.normalizer * (size / count),
        )


def _is_real(leaf: Any) -> bool:
    return eqx.is_array(leaf) and jnp.issubdtype(leaf.dtype, jnp.floating)


def _check(operator: Operator, shape: Shape, values: Array) -> None:
    like = jax.ShapeDtypeStruct(shape, values.dtype)
    try:
        found = eqx.filter_eval_shape(operator, like)
    except (TypeError, ValueError) as error:
        raise ValueError(f"The operator cannot be applied to a matrix of shape {shape}: {error}") from error
    made = f"{found.dtype} values of shape {found.shape}" if hasattr(found, "shape") else repr(found)
    wanted = f"{values.dtype} values of shape {values.shape}"
    if made != wanted:
        raise ValueError(
            f"Of a {values.dtype} matrix of shape {shape} the operator must make {wanted}, like those given; it makes "
            f"{made}."
        )
    # No test of finitely many points proves linearity, but what is not linear fails at random ones.
    X, Y = jnp.asarray(np.random.default_rng(0).normal(size=(2, *shape)), values.dtype)
    apply = eqx.filter_jit(operator)
    parts = apply(X) - 2 * apply(Y)
    error, size = float(jnp.max(jnp.abs(apply(X - 2 * Y) - parts))), float(jnp.max(jnp.abs(parts)))
    if not error <= 1e3 * float(jnp.finfo(values.dtype).eps) * size:
        raise ValueError(
            f"The operator is not linear: A(X - 2 Y) and A(X) - 2 A(Y) differ by {error:.1e} for random X and Y. "
            "An offset belongs into the values."
        )
