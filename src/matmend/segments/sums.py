"""Sums over the entries of every row: products with a sparse matrix, normal equations, losses."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Float
from numpy.typing import NDArray

from matmend.segments.layout import Segments, cut_rows

AXIS = "devices"
"""Name of the axis of the mesh over which blocks are dealt."""


class Layout(eqx.Module):
    """The rows of a sparse matrix, cut into blocks that the devices of a mesh share.

    Parameters
    ----------
    classes : tuple of Segments
    num_rows, num_cols : int
    mesh : jax.sharding.Mesh, optional
        With one axis, `AXIS`; without a mesh everything runs on one device.

    Examples
    --------
    >>> import numpy as np
    >>> layout = Layout.from_entries(np.array([0, 0, 2]), np.array([1, 0, 1]), np.ones(3, np.float32), (3, 2))
    >>> layout.times(jnp.array([[1.0], [10.0]], jnp.float32)).tolist()
    [[11.0], [0.0], [10.0]]
    """

    classes: tuple[Segments, ...]
    num_rows: int = eqx.field(static=True)
    num_cols: int = eqx.field(static=True)
    mesh: Mesh | None = eqx.field(static=True, default=None)

    @classmethod
    def from_entries(
        cls,
        rows: NDArray[np.integer],
        cols: NDArray[np.integer],
        values: NDArray[np.floating],
        shape: tuple[int, int],
        *,
        weights: NDArray[np.floating] | None = None,
        mesh: Mesh | None = None,
    ) -> "Layout":
        """Arrange entries, and deal them to the devices of a mesh.

        Parameters
        ----------
        rows, cols : int arrays of shape (e,)
        values : float array of shape (e,)
        shape : (m, n)
        weights : float array of shape (e,), optional
            1 by default.
        mesh : jax.sharding.Mesh, optional
            Of several processes each makes the same call with all entries, and keeps what is its own.
        """
        rows, cols = rows.astype(np.int32, copy=False), cols.astype(np.int32, copy=False)
        weights = np.ones_like(values) if weights is None else weights
        cut = cut_rows(rows, cols, values, weights, shape[0], multiple=1 if mesh is None else mesh.size)
        return cls(tuple(jax.tree.map(lambda x: _deal(x, mesh), cut)), *shape, mesh)

    @classmethod
    def both_ways(
        cls,
        rows: NDArray[np.integer],
        cols: NDArray[np.integer],
        values: NDArray[np.floating],
        shape: tuple[int, int],
        *,
        weights: NDArray[np.floating] | None = None,
        mesh: Mesh | None = None,
    ) -> "tuple[Layout, Layout]":
        """Arrange entries by row, and once more by column: the layout of the matrix and that of its transpose."""
        m, n = shape
        # Sorting and copying leave Python to itself: two threads take half the time.
        with ThreadPoolExecutor(2) as pool:
            by_row = pool.submit(cls.from_entries, rows, cols, values, (m, n), weights=weights, mesh=mesh)
            by_col = pool.submit(cls.from_entries, cols, rows, values, (n, m), weights=weights, mesh=mesh)
        return by_row.result(), by_col.result()

    def rows(self, block: Callable[..., Any], *operands: Any) -> Any:
        """Call ``block(segments, *operands)`` on every block and put the results together by row.

        Parameters
        ----------
        block : callable
            Gets [`Segments`][] without the first axis; returns a pytree of arrays with first axis ``q``.
        operands : pytrees of arrays
            The same for all blocks and devices.

        Returns
        -------
        pytree of arrays with first axis ``num_rows``
        """

        def local(classes: tuple[Segments, ...], operands: Any) -> Any:
            parts = [(jax.lax.map(lambda s: block(s, *operands), segments), segments.ids) for segments in classes]
            flat = [jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), part) for part in parts]
            joined = jax.tree.map(lambda *xs: jnp.concatenate(xs), *flat)
            return joined if self.mesh is None else jax.lax.all_gather(joined, AXIS, tiled=True)

        if self.mesh is None:
            found, ids = local(self.classes, operands)
        else:
            shared, dealt = PartitionSpec(), PartitionSpec(AXIS)
            found, ids = jax.shard_map(
                local, mesh=self.mesh, in_specs=(dealt, shared), out_specs=shared, check_vma=False
            )(self.classes, operands)
        empty = jax.tree.map(lambda x: jnp.zeros((self.num_rows, *x.shape[1:]), x.dtype), found)
        return jax.tree.map(lambda e, x: e.at[ids].set(x, mode="drop"), empty, found)

    def times(
        self, V: Float[Array, "n r"], coefficient: Callable[[Segments], Array] | None = None
    ) -> Float[Array, "m r"]:
        """Multiply a sparse matrix with these entries by ``V``.

        Parameters
        ----------
        V : array of shape (n, r)
        coefficient : callable ``Segments -> array of shape (t, w)``, optional
            The entries; by default values times weights. `presence` gives ones.
        """
        coefficient = weighted_values if coefficient is None else coefficient

        def block(s: Segments, V: Array) -> Array:
            return of_owners(s, jnp.einsum("twr,tw->tr", V[s.members], coefficient(s)))

        return self.rows(block, V)


def weighted_values(s: Segments) -> Float[Array, "t w"]:
    """Return values times weights."""
    return s.values * s.weights


def presence(s: Segments) -> Float[Array, "t w"]:
    """Return 1 for every entry, 0 for padding."""
    return (s.weights > 0).astype(s.values.dtype)


def normal_equations(s: Segments, V: Float[Array, "n r"]) -> tuple[Float[Array, "q r r"], Float[Array, "q r"]]:
    """Return ``sum_j w_ij v_j v_j'`` and ``sum_j w_ij y_ij v_j`` of the rows of one block."""
    F = V[s.members]
    weighted = F * s.weights[..., None]
    # A product of matrices in this very form is twice as quick on a processor as the same sum by `einsum`.
    A = jnp.swapaxes(weighted, 1, 2) @ F
    h = (s.values[:, None, :] @ weighted)[:, 0]
    return of_owners(s, A), of_owners(s, h)


def of_owners(s: Segments, x: Float[Array, "t ..."]) -> Float[Array, "q ..."]:
    """Add up what belongs to the same row of a block."""
    return jax.ops.segment_sum(x, s.owners, s.ids.shape[-1], indices_are_sorted=True)


def _deal(x: NDArray[Any], mesh: Mesh | None) -> Array:
    if mesh is None:
        return jnp.asarray(x)
    sharding = NamedSharding(mesh, PartitionSpec(AXIS))
    return jax.make_array_from_callback(x.shape, sharding, lambda index: x[index])
