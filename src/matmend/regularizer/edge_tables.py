"""Tables of neighbours: given graphs as tables, their listing by target, and what stays when neighbours change."""

from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import sparse

MIN_SEGMENT = 8
"""Least number of slots in a row of the table of incoming edges."""


def keep_slots(
    old: Int[np.ndarray, "k s"], logits: Float[np.ndarray, "k s"], new: Int[np.ndarray, "k s"]
) -> tuple[Int[np.ndarray, "k s"], Float[np.ndarray, "k s"]]:
    """Put new neighbours into the slots of those that went; who stays keeps slot and logit.

    Parameters
    ----------
    old, new : int array of shape (k, s)
        Without repetitions in a row; -1 marks an empty slot.
    logits : array of shape (k, s)
        Those of `old`.

    Returns
    -------
    neighbors : int32 array of shape (k, s)
    logits : array of shape (k, s)
        A new edge gets the mean over the edges of its node that stay or, where none stays, over all that stay: for
        every normalization that is a softmax, the geometric mean of their affinities.

    Examples
    --------
    >>> import numpy as np
    >>> neighbors, logits = keep_slots(np.array([[5, 7]]), np.array([[1.0, 3.0]]), np.array([[7, 2]]))
    >>> neighbors.tolist(), logits.tolist()
    ([[2, 7]], [[3.0, 3.0]])
    """
    stays, is_new = is_among(old, new), (new >= 0) & ~is_among(new, old)
    overall = logits[stays].mean(dtype=float) if stays.any() else 0.0
    num_staying = stays.sum(axis=1)
    sums = np.where(stays, logits, 0).sum(axis=1, dtype=float)
    neutral = np.where(num_staying > 0, sums / np.maximum(num_staying, 1), overall)
    neighbors = np.where(stays, old, -1)
    # In every row, the i-th slot that came free and the i-th newcomer.
    free, newcomers = (np.argsort(~flags, axis=1, kind="stable") for flags in (~stays, is_new))
    row, i = np.nonzero(np.arange(new.shape[1]) < is_new.sum(axis=1)[:, None])
    neighbors[row, free[row, i]] = new[row, newcomers[row, i]]
    return neighbors.astype(np.int32), np.where(stays, logits, neutral[:, None]).astype(logits.dtype)


def is_among(a: Int[np.ndarray, "k s"], b: Int[np.ndarray, "k t"]) -> Bool[np.ndarray, "k s"]:
    """Say which nodes of a row of ``a`` are in the same row of ``b``; -1 never is."""
    if not a.size or not b.size:
        return np.zeros(a.shape, bool)
    row = np.arange(len(a))[:, None] * np.int64(len(a))
    known = np.sort((row + b)[b >= 0])
    keys = row + a
    at = np.searchsorted(known, keys)
    return (a >= 0) & (np.append(known, -1)[at] == keys)


def by_target(neighbors: Int[np.ndarray, "k s"]) -> tuple[Int[np.ndarray, "_ w"], Int[np.ndarray, " e"]]:
    """List the edges by target, see [`EdgeSet`][matmend.regularizer.edge_energy.EdgeSet].

    The shapes depend on the shape of the table alone, so that a rebuilt graph needs no new compilation. An edge from a
    node to itself has no energy and is left out.

    Examples
    --------
    >>> import numpy as np
    >>> incoming, owners = by_target(np.array([[1], [-1]]))
    >>> incoming[:, 0].tolist(), owners.tolist()
    ([-1, 0], [])
    """
    k, s = neighbors.shape
    width = max(s, MIN_SEGMENT)
    num_further = k * s // width
    incoming = np.full((k + num_further, width), -1, np.int32)
    owners = np.full(num_further, k, np.int32)
    flat = neighbors.reshape(-1)
    edges = np.flatnonzero((flat >= 0) & (flat != np.repeat(np.arange(k), s)))
    edges = edges[np.argsort(flat[edges], kind="stable")]
    targets = flat[edges]
    segment, slot = np.divmod(ranks(targets), width)
    further = np.maximum(-(-np.bincount(targets, minlength=k) // width) - 1, 0)
    first = k + np.cumsum(further) - further
    incoming[np.where(segment == 0, targets, first[targets] + segment - 1), slot] = edges
    owners[: further.sum()] = np.repeat(np.arange(k), further)
    return incoming, owners


def as_table(graph: Any) -> Int[np.ndarray, "k g"]:
    """Turn a given graph into a table of neighbours, without repetitions and without the nodes themselves.

    Parameters
    ----------
    graph : sparse matrix of shape (k, k), or int array of shape (k, g)
        Row ``i`` has, in its places other than 0, or by name, the neighbours of node ``i``; -1 names none.

    Returns
    -------
    int32 array of shape (k, g')
        Ascending, filled from the left with -1 at the end.

    Raises
    ------
    ValueError
        If it is neither, or names nodes that do not exist.

    Examples
    --------
    >>> import numpy as np
    >>> as_table(np.array([[1, 0], [-1, -1], [1, 0]])).tolist()
    [[1, -1], [-1, -1], [0, 1]]
    """
    if sparse.issparse(graph):
        if graph.shape[0] != graph.shape[1]:
            raise ValueError(f"A sparse graph is a square matrix, got shape {graph.shape}.")
        k, (rows, cols) = graph.shape[0], sparse.csr_array(graph).nonzero()
    else:
        table = np.asarray(graph)
        if table.ndim != 2 or not np.issubdtype(table.dtype, np.integer):
            raise ValueError(
                f"A graph is a sparse k x k matrix or an integer array of neighbours (k, g), got an array of "
                f"{table.dtype} and shape {table.shape}: wrap a dense matrix into scipy.sparse.csr_array."
            )
        k = len(table)
        if table.size and not -1 <= table.min() <= table.max() < k:
            raise ValueError(
                f"Neighbours among {k} nodes are 0 to {k - 1}, or -1 for none; got {table.min()} to {table.max()}."
            )
        rows = np.repeat(np.arange(k), table.shape[1])[table.reshape(-1) >= 0]
        cols = table[table >= 0]
    keys = np.unique(rows[rows != cols] * np.int64(k) + cols[rows != cols])
    rows, cols = np.divmod(keys, k)
    table = np.full((k, np.bincount(rows, minlength=1).max(initial=0)), -1, np.int32)
    table[rows, ranks(rows)] = cols
    return table


def as_graph(neighbors: Int[np.ndarray, "k s"], affinity: Float[np.ndarray, "k s"]) -> sparse.csr_array:
    """Turn affinities ``W`` on a table of neighbours into the graph ``(W + W') / 2`` with a zero diagonal.

    Examples
    --------
    >>> import numpy as np
    >>> as_graph(np.array([[0, 1], [-1, 0]]), np.array([[0.5, 0.5], [0.0, 1.0]])).toarray().tolist()
    [[0.0, 0.75], [0.75, 0.0]]
    """
    k = len(neighbors)
    rows, slots = np.nonzero((neighbors >= 0) & (neighbors != np.arange(k)[:, None]))
    W = sparse.csr_array((affinity[rows, slots], (rows, neighbors[rows, slots])), shape=(k, k))
    return sparse.csr_array((W + W.T) / 2)


def ranks(groups: Int[np.ndarray, " e"]) -> Int[np.ndarray, " e"]:
    """Position within the group, for sorted groups.

    Examples
    --------
    >>> ranks(np.array([4, 4, 7])).tolist()
    [0, 1, 0]
    """
    if not groups.size:
        return np.zeros(0, int)
    starts = np.flatnonzero(np.append(True, groups[1:] != groups[:-1]))
    return np.arange(groups.size) - np.repeat(starts, np.diff(np.append(starts, groups.size)))
