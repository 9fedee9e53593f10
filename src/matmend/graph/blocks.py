"""Bridges and cut vertices: the single entries, rows and columns that hold a mask together."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph

from matmend.graph.components import Counts, Ints, component_labels, pieces, row_starts


@dataclass(frozen=True, eq=False)
class Cuts:
    """Where one loss disconnects the mask.

    Attributes
    ----------
    bridge_rows, bridge_cols : int64 arrays, shape (b,)
        The bridges, by row and then by column: observed entries whose loss would disconnect their component. What is
        known on one side of a bridge tells about the other side through this single value only.
    bridge_sizes : int64 array, shape (b,)
        Rows and columns that each bridge would cut off (those on the smaller side); 1 for the only entry of a row or
        column.
    cut_rows, cut_cols : int64 arrays
        Rows and columns whose loss, with all their entries, would disconnect the rest of their component.
    num_blocks : int
        Blocks are maximal sets of entries any two of which lie on a common cycle, or single bridges.
    """

    bridge_rows: Counts
    bridge_cols: Counts
    bridge_sizes: Counts
    cut_rows: Counts
    cut_cols: Counts
    num_blocks: int


def find_cuts(shape: tuple[int, int], rows: Ints, cols: Ints, labels: Ints) -> Cuts:
    """Bridges, cut vertices and blocks of a bipartite graph in linear time (up to a logarithm in the vertices).

    The method of Tarjan and Vishkin, made for parallel machines, is a handful of array operations. Let T be a spanning
    tree, pre(v) the preorder number of v, size(v) the number of vertices of its subtree, and low(v), high(v) the least
    and largest preorder number next to that subtree. Each vertex w but the root stands for its tree edge to its parent
    v. Join v and w if ``low(w) < pre(v)`` or ``high(w) >= pre(v) + size(v)``, and join the ends of each edge outside T
    (in a breadth-first tree neither end is an ancestor of the other). The components of this graph are the blocks. A
    block of a single tree edge is a bridge; a vertex in two blocks is a cut vertex.

    Parameters
    ----------
    shape : (m, n)
    rows, cols : int32 arrays, shape (e,)
        Sorted by row, each entry once.
    labels : int32 array, shape (m + n,)
        Components of rows, then columns.

    Returns
    -------
    Cuts

    Notes
    -----
    There is no loop over vertices, edges or levels of the tree, so a band matrix, whose tree is as deep as the matrix
    is long, needs no more operations than a random one.

    References
    ----------
    R. E. Tarjan, U. Vishkin, An efficient parallel biconnectivity algorithm, SIAM J. Comput. 14 (1985) 862-874.
    """
    m, top = shape[0], sum(shape)  # top: a vertex above one vertex of each component: its edges close no cycle
    order, parent = _spanning_tree(shape, rows, cols, labels)
    pre, size = _preorder(order, parent)
    below = np.arange(top, dtype=np.int32)

    # Least and largest number next to each vertex, then next to each subtree, which is an interval of numbers.
    near = pre.copy(), pre.copy()
    for i, j in pieces(rows, cols):
        u, v = i.astype(np.intp), j.astype(np.intp) + m
        for number, ufunc in zip(near, (np.minimum, np.maximum), strict=True):
            ufunc.at(number, u, pre[v])
            ufunc.at(number, v, pre[u])
    at = np.argsort(pre)
    low, high = (
        _over_intervals(number[at], size[at], ufunc)[pre]
        for number, ufunc in zip(near, (np.minimum, np.maximum), strict=True)
    )
    above = parent[:top]
    joined = (low[:top] < pre[above]) | (high[:top] >= pre[above] + size[above])

    def edges():
        yield below[joined], above[joined].astype(np.int32)
        for i, j in pieces(rows, cols):
            j = j + np.int32(m)
            outside = (parent[i] != j) & (parent[j] != i)
            yield i[outside], j[outside]

    block = component_labels(top, edges())
    w = np.flatnonzero(above != top)
    num_edges = np.bincount(block[w], minlength=top)  # tree edges of each block

    # A vertex is in the block of its own tree edge and in those of its children's.
    places = np.unique(np.concatenate([w, above[w]]) * np.int64(top) + np.concatenate([block[w], block[w]]))
    cut = np.flatnonzero(np.bincount(places // top, minlength=top) > 1)

    w = w[num_edges[block[w]] == 1]
    bridge_rows, bridge_cols = np.minimum(w, above[w]), np.maximum(w, above[w]) - m
    bridge_sizes = np.minimum(size[w], np.bincount(labels)[labels[w]] - size[w])
    by_place = np.lexsort((bridge_cols, bridge_rows))
    return Cuts(
        bridge_rows=bridge_rows[by_place],
        bridge_cols=bridge_cols[by_place],
        bridge_sizes=bridge_sizes[by_place],
        cut_rows=cut[cut < m],
        cut_cols=cut[cut >= m] - m,
        num_blocks=int(np.count_nonzero(num_edges)),
    )


def _spanning_tree(
    shape: tuple[int, int], rows: Ints, cols: Ints, labels: Ints
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Breadth-first order and parents of a tree over all components, held together by one more vertex on top."""
    m, top = shape[0], sum(shape)
    first = np.unique(labels, return_index=True)[1]
    num_edges = rows.size + first.size
    indices = np.empty(num_edges, dtype=np.int32)
    np.add(cols, np.int32(m), out=indices[: rows.size])
    indices[rows.size :] = first
    starts = np.full(top + 2, rows.size, dtype=np.int64)
    starts[: m + 1] = row_starts(m, rows)
    starts[-1] = num_edges
    graph = sparse.csr_array((np.ones(num_edges), indices, starts), shape=(top + 1, top + 1))
    order, parent = csgraph.breadth_first_order(graph, top, directed=False)
    return order.astype(np.intp), parent.astype(np.intp)


def _preorder(order: NDArray[np.intp], parent: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Preorder numbers and subtree sizes, by ranking the tour that walks down and up each tree edge.

    Step v of the tour enters the subtree of v, step N + v leaves it. Counting the entries still to come from each step
    on takes log2(2 N) rounds of following the tour twice as far.
    """
    num, root = order.size, order[0]
    child, before = order[1:], order[:-1]
    is_first = parent[child] != parent[before]  # siblings are neighbours in breadth-first order
    is_first[:1] = True
    tour = np.empty(2 * num, dtype=np.intp)
    tour[:num] = np.arange(num, 2 * num)  # a leaf is left at once
    tour[parent[child[is_first]]] = child[is_first]
    tour[num + child] = num + parent[child]
    tour[num + before[~is_first]] = child[~is_first]
    tour[num + root] = num + root
    to_come = np.repeat(np.array([1, 0], dtype=np.intp), num)
    for _ in range(int(2 * num).bit_length()):
        to_come += to_come[tour]
        tour = tour[tour]
    return num - to_come[:num], to_come[:num] - to_come[num:]


def _over_intervals(values: NDArray[np.intp], lengths: NDArray[np.intp], ufunc: np.ufunc) -> NDArray[np.intp]:
    """``ufunc`` (minimum or maximum) over the intervals ``[i, i + lengths[i])``: two overlapping powers of 2 each."""
    result, width = values.copy(), 1
    while 2 * width <= values.size:
        values = ufunc(values[:-width], values[width:])
        width *= 2
        i = np.flatnonzero((lengths >= width) & (lengths < 2 * width))
        result[i] = ufunc(values[i], values[i + lengths[i] - width])
    return result
