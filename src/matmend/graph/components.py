"""Connected components of bipartite graphs with many edges and few vertices."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph

Ints = NDArray[np.int32]
Counts = NDArray[np.int64]

PIECE = 1 << 22
"""Edges that are worked on at once: what bounds the memory of temporary arrays."""


def pieces(rows: Ints, cols: Ints) -> Iterator[tuple[Ints, Ints]]:
    """Cut a list of entries into short ones, as views."""
    for start in range(0, rows.size, PIECE):
        yield rows[start : start + PIECE], cols[start : start + PIECE]


def row_starts(num_rows: int, rows: Ints) -> Counts:
    """Where the entries of each row start in a list sorted by row, shape (num_rows + 1,)."""
    return np.searchsorted(rows, np.arange(num_rows + 1, dtype=np.int32))  # the dtype of rows: no copy is made of them


def component_labels(num_vertices: int, edges: Iterable[tuple[Ints, Ints]]) -> Ints:
    """Label the vertices of an undirected graph by component, numbered by their least vertex.

    Every piece of the edges is first mapped to the components found so far. In a graph with many more edges than
    vertices nearly all later edges lie inside one of them and drop out, so scipy (which needs 24 bytes per edge) sees
    few. Pieces should not be much smaller than the number of vertices: each costs as much as there are vertices.

    Parameters
    ----------
    num_vertices : int
    edges : iterable of (tails, heads), int32 arrays of shape (e_k,)
        The edges in pieces.

    Returns
    -------
    int32 array, shape (num_vertices,)
        0 .. number of components - 1.
    """
    labels = np.arange(num_vertices, dtype=np.int32)
    for tails, heads in edges:
        u, v = labels[tails], labels[heads]
        joins = u != v
        u, v = u[joins], v[joins]
        if u.size:
            size = int(labels.max()) + 1
            graph = sparse.coo_array((np.ones(u.size), (u, v)), shape=(size, size))
            labels = csgraph.connected_components(graph, directed=False)[1].astype(np.int32, copy=False)[labels]
    # scipy numbers components by their first vertices too, but does not promise it.
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(first.size, dtype=np.int32)
    rank[np.argsort(first)] = np.arange(first.size, dtype=np.int32)
    return rank[inverse]


@dataclass(frozen=True, eq=False)
class ComponentTable:
    """What the components are made of; component p is entry p of every array.

    Attributes
    ----------
    num_rows, num_cols : int64 arrays, shape (c,)
        An isolated row is a component of 1 row and 0 columns, an isolated column one of 0 rows and 1 column.
    num_entries : int64 array, shape (c,)
        Observed entries.
    """

    num_rows: Counts
    num_cols: Counts
    num_entries: Counts

    @property
    def density(self) -> NDArray[np.float64]:
        """Share of observed entries among all pairs of a row and a column of the component; 1 if there is no pair."""
        pairs = self.num_rows * self.num_cols
        return np.where(pairs > 0, self.num_entries / np.maximum(pairs, 1), 1.0)

    @property
    def is_complete(self) -> NDArray[np.bool_]:
        """True where every row is observed in every column: a complete bipartite graph, isolated vertices included."""
        return self.num_entries == self.num_rows * self.num_cols

    @property
    def is_isolated(self) -> NDArray[np.bool_]:
        """True for single rows and columns of which nothing is observed."""
        return self.num_entries == 0
