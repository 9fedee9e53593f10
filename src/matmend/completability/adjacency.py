"""Rows and columns as one list of vertices with their neighbours: what the reductions walk along."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from matmend.completability.factors import Array
from matmend.graph import ObservationGraph
from matmend.graph.components import component_labels, pieces

Ints = NDArray[Any]
Bools = NDArray[np.bool_]

SPAN = 1e-10
"""Eigenvalues of a Gram matrix of unit vectors above this count: singular values above 1e-5."""


@dataclass(frozen=True, eq=False)
class Adjacency:
    """Neighbours of every vertex; vertices 0 .. m-1 are the rows, m .. m+n-1 the columns.

    Attributes
    ----------
    graph : ObservationGraph
    indptr, indices : int arrays
        The neighbours of v are ``indices[indptr[v]:indptr[v + 1]]``.
    """

    graph: ObservationGraph
    indptr: Ints
    indices: Ints

    @classmethod
    def of(cls, graph: ObservationGraph) -> "Adjacency":
        """Read it from the graph, which has its entries by row already."""
        m = graph.shape[0]
        starts = np.concatenate([[0], np.cumsum(graph.row_degrees)])
        by_row = sparse.csr_array((np.ones(graph.num_observed, np.int8), graph.cols, starts), shape=graph.shape)
        by_col = by_row.tocsc()
        indptr = np.concatenate([starts, starts[-1] + by_col.indptr[1:].astype(np.int64)])
        return cls(graph, indptr, np.concatenate([graph.cols + np.int32(m), by_col.indices.astype(np.int32)]))

    @property
    def size(self) -> int:
        """Number of vertices, m + n."""
        return self.indptr.size - 1

    @property
    def num_rows(self) -> int:
        """The first of the vertices, m."""
        return self.graph.shape[0]

    @property
    def degrees(self) -> Ints:
        """Number of neighbours of every vertex."""
        return np.diff(self.indptr)

    def neighbours(self, vertices: Ints) -> tuple[Ints, Ints]:
        """All neighbours of the vertices in one array, and where those of each begin, shape (q + 1,)."""
        lengths = self.indptr[vertices + 1] - self.indptr[vertices]
        starts = np.concatenate([[0], np.cumsum(lengths)])
        where = np.repeat(self.indptr[vertices] - starts[:-1], lengths) + np.arange(starts[-1])
        return self.indices[where], starts

    def pieces(self, chosen: Bools) -> list[Ints]:
        """Split the chosen vertices by what connects them when all others are left out."""
        if not chosen.any():
            return []
        heads = self.indices[: self.graph.num_observed]  # the rows come first, and their neighbours are the columns
        parts = ((u[both], v[both]) for u, v in pieces(self.graph.rows, heads) for both in [chosen[u] & chosen[v]])
        labels = component_labels(self.size, parts)
        vertices = np.flatnonzero(chosen)
        order = np.argsort(labels[vertices], kind="stable")
        ordered = vertices[order]
        return np.split(ordered, np.flatnonzero(np.diff(labels[ordered])) + 1)

    def between(self, vertices: Ints, others: Ints) -> sparse.csr_array:
        """Edges from the vertices to the others as a matrix of ones, shape (len(vertices), len(others))."""
        position = np.full(self.size, -1, dtype=np.int64)
        position[others] = np.arange(others.size)
        found, starts = self.neighbours(vertices)
        cols = position[found]
        inside = cols >= 0
        counts = np.concatenate([[0], np.cumsum(inside)])[starts]
        return sparse.csr_array((np.ones(counts[-1]), cols[inside], counts), shape=(vertices.size, others.size))

    def grams(self, vertices: Ints, factor: Array, counted: Bools) -> Array:
        """Sum z z' over the counted neighbours of each vertex, z their rows of the factor, shape (q, r, r)."""
        found, starts = self.neighbours(vertices)
        r = factor.shape[1]
        weights = sparse.csr_array((counted[found].astype(float), found, starts), shape=(vertices.size, self.size))
        return (weights @ (factor[:, :, None] * factor[:, None, :]).reshape(-1, r * r)).reshape(-1, r, r)

    def local_ranks(self, vertices: Ints, factor: Array, counted: Bools) -> Ints:
        """Dimension that the rows of the factor at the counted neighbours of each vertex span."""
        return np.count_nonzero(np.linalg.eigvalsh(self.grams(vertices, factor, counted)) > SPAN, axis=1)
