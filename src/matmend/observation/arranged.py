"""Entries given as a list, arranged for gradients over all of them."""

import equinox as eqx
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Float, Int, PRNGKeyArray

from matmend._types import Fidelity, Scalar, Shape
from matmend.matrix import AbstractMatrix, LowRank
from matmend.observation.base import AbstractObservation
from matmend.observation.entries import Entries
from matmend.segments import Layout, total_loss


class ArrangedEntries(AbstractObservation):
    """The observation of [`Entries`][], with a loss whose gradient needs no array of entries times rank.

    Build it with [`ArrangedEntries.from_entries`][]. It is for steps on all entries, on one device or several; batches
    are those of `Entries`.

    Notes
    -----
    A matrix that is not held as thin factors is read as `Entries` reads it.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from matmend.fidelity import squared
    >>> observation = ArrangedEntries.from_entries(Entries.from_triplets([0, 1], [1, 0], [3.0, 4.0], shape=(2, 2)))
    >>> zero = jnp.zeros((2, 1))
    >>> float(observation.loss(LowRank(zero, zero), squared))
    12.5
    """

    rows: Int[Array, " e"]
    cols: Int[Array, " e"]
    values: Float[Array, " e"]
    weights: Float[Array, " e"]
    normalizer: Float[Array, ""]
    by_row: Layout
    by_col: Layout
    shape: Shape = eqx.field(static=True)

    @classmethod
    def from_entries(cls, entries: Entries, *, mesh: Mesh | None = None) -> "ArrangedEntries":
        """Arrange entries, and deal them to the devices of a mesh.

        Parameters
        ----------
        entries : Entries
        mesh : jax.sharding.Mesh, optional
            Of one axis, as a [`Layout`][matmend.segments.Layout] wants it.
        """
        listed = (entries.rows, entries.cols, entries.values, entries.weights)
        rows, cols, values, weights = (np.asarray(x) for x in listed)  # the layout is made on the host
        by_row, by_col = Layout.both_ways(rows, cols, values, entries.shape, weights=weights, mesh=mesh)
        return cls(
            rows=entries.rows,
            cols=entries.cols,
            values=entries.values,
            weights=entries.weights,
            normalizer=entries.normalizer,
            by_row=by_row,
            by_col=by_col,
            shape=entries.shape,
        )

    @property
    def entries(self) -> Entries:
        """The list."""
        return Entries(
            rows=self.rows,
            cols=self.cols,
            values=self.values,
            weights=self.weights,
            normalizer=self.normalizer,
            shape=self.shape,
        )

    def predict(self, X: AbstractMatrix) -> Float[Array, " e"]:
        """Read the listed entries of ``X``."""
        return self.entries.predict(X)

    def batch(self, key: PRNGKeyArray, size: int) -> Entries:
        """Draw entries uniformly."""
        return self.entries.batch(key, size)

    def total(self, X: AbstractMatrix, fidelity: Fidelity) -> Scalar:
        """``sum_e weights_e f(x_e, values_e)``, block by block."""
        if not isinstance(X, LowRank):
            return self.entries.total(X, fidelity)
        return total_loss((X.U, X.V), self.by_row, self.by_col, fidelity)
