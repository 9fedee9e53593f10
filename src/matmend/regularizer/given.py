"""The Dirichlet energy of a graph that is known beforehand and not trained."""

import equinox as eqx
import jax.numpy as jnp
from jax.core import Tracer
from jax.typing import DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray
from numpy.typing import ArrayLike

from matmend._types import Scalar, Shape
from matmend.matrix import AbstractMatrix
from matmend.regularizer.base import AbstractRegularizer
from matmend.regularizer.dirichlet import check_power, laplacian, power_energy
from matmend.transform import AbstractTransform, Identity


def _checked_affinity(affinity: ArrayLike) -> Array:
    W = jnp.asarray(affinity)
    if W.ndim != 2 or W.shape[0] != W.shape[1]:
        raise ValueError(f"A graph's affinity is a square matrix, got shape {W.shape}.")
    # Inside `jit` and `vmap` there are no values to look at.
    if not isinstance(W, Tracer) and not bool(jnp.all(jnp.isfinite(W) & (W >= 0))):
        raise ValueError("A graph's affinities are finite and non-negative; clip or shift yours first.")
    return W if jnp.issubdtype(W.dtype, jnp.floating) else W.astype(float)


class GivenLaplacian(AbstractRegularizer):
    """``tr(T(X)' L^p T(X))`` with ``L`` of a given graph: user and item graphs, similarities, a frozen learned graph.

    Parameters
    ----------
    affinity : array of shape (k, k)
        Non-negative weights; the graph is their symmetric part without the diagonal.
    transform : AbstractTransform, default ``Identity()``
        ``T``; its rows are the graph's nodes.
    power : int, default 1
        ``p``, at least 1; see [`power_energy`][].

    References
    ----------
    Boyarski, Vedula & Bronstein 2019, arXiv:1911.07255.

    Examples
    --------
    >>> import jax.numpy as jnp, numpy as np
    >>> from matmend.matrix import Dense
    >>> path = GivenLaplacian(np.array([[0.0, 1.0], [1.0, 0.0]]))
    >>> float(path.energy((), Dense(jnp.array([[0.0], [2.0]]))))
    4.0
    """

    affinity: Float[Array, "k k"] = eqx.field(converter=_checked_affinity)
    transform: AbstractTransform = Identity()
    power: int = eqx.field(static=True, default=1, converter=check_power)

    def init(self, shape: Shape, *, key: PRNGKeyArray, dtype: DTypeLike) -> tuple[()]:
        """Check the graph's size; nothing is trained."""
        del key, dtype
        k, _ = self.transform.out_shape(shape)
        if k != self.affinity.shape[0]:
            raise ValueError(
                f"The graph has {self.affinity.shape[0]} nodes, but T(X) has {k} rows for an X of shape {shape}: "
                "pass the graph of the rows, or transpose the transform."
            )
        return ()

    def energy(self, params: tuple[()], X: AbstractMatrix) -> Scalar:
        """Return ``tr(T(X)' L^p T(X))``."""
        del params
        features, axis = self.transform(X).vectors()
        return power_energy(self.affinity.astype(features.dtype), features, axis, power=self.power)

    def laplacian(self, params: tuple[()] = ()) -> Float[Array, "k k"]:
        """Return ``L`` (not its power)."""
        del params
        return laplacian(self.affinity)
