"""Ranks at which a mask is completable: a quick upper bound, and the largest one."""

import numpy as np

from matmend.completability.adjacency import Adjacency
from matmend.completability.determinability import EXACT_LIMIT, determinability
from matmend.completability.reduction import FREE, Reduction
from matmend.graph import ObservationGraph


def upper_bound_rank(graph: ObservationGraph) -> int:
    r"""Largest r that passes what is necessary for completability and can be counted.

    Peeled vertices (at most r neighbours left, repeatedly) add these neighbours to the rank of the Jacobian, and a
    connected piece of the rest, with e entries between m' rows and n' columns, adds at most e and at most the dimension
    of the m' x n' matrices of rank r. If this is below :math:`r (m + n - r)`, the mask is not completable at rank r.
    That takes in the count of the entries, the least degrees and the connectivity of the mask and of its cores.

    Parameters
    ----------
    graph : ObservationGraph

    Returns
    -------
    int
        In 0 .. min(m, n); 0 if the graph is not connected. Above it no rank is completable; below it may be so or not.

    Notes
    -----
    Time proportional to the number of entries for each rank that is tried, which begins at the least degree.

    References
    ----------
    Singer & Cucuringu 2010, arXiv:0902.3846 (counting); the cores are derived here.

    Examples
    --------
    >>> upper_bound_rank(ObservationGraph.from_mask(~np.eye(4, dtype=bool)))
    2
    """
    m, n = graph.shape
    if not graph.is_connected:
        return 0
    adjacency = Adjacency.of(graph)
    rank = min(m, n, int(graph.row_degrees.min()), int(graph.col_degrees.min()))
    while rank * (m + n - rank) > graph.num_observed:
        rank -= 1
    while _most(adjacency, rank) < rank * (m + n - rank):
        rank -= 1
    return rank


def largest_completable_rank(graph: ObservationGraph, *, seed: int = 0, exact_limit: int = EXACT_LIMIT) -> int:
    r"""Largest rank at which the mask is finitely completable.

    A motion at rank r - 1, with a column of zeros added to both factors, is one at rank r: so what is determined at
    rank r is determined at every lower rank (derived here), and the rank is found by bisection below
    [`upper_bound_rank`][].

    Parameters
    ----------
    graph : ObservationGraph
    seed : int, default 0
    exact_limit : int, default 6000
        As in [`determinability`][].

    Returns
    -------
    int
        0 if the graph is not connected.

    References
    ----------
    Kiraly, Theran & Tomioka 2015, arXiv:1211.4116.

    Examples
    --------
    >>> largest_completable_rank(ObservationGraph.from_mask(~np.eye(5, dtype=bool)))
    2
    """
    top = upper_bound_rank(graph)
    known, tried = 0, 1
    while known < top:
        tried = min(tried, top)
        if determinability(graph, tried, seed=seed, exact_limit=exact_limit).is_completable:
            known, tried = tried, 2 * tried if top > 2 * tried else (tried + top + 1) // 2
        else:
            top = tried - 1
            tried = (known + top + 1) // 2
    return known


def _most(adjacency: Adjacency, rank: int) -> int:
    """Upper bound of the rank of the Jacobian."""
    reduction = Reduction(adjacency, np.zeros((adjacency.size, rank)), is_generic=True)
    reduction.reduce(np.zeros(0, dtype=np.int64))
    is_core = reduction.state == FREE
    most = rank * int(np.count_nonzero(~is_core)) - reduction.nullity
    for vertices in adjacency.pieces(is_core):
        # each has more than r neighbours here, so the piece has more than r rows and columns
        most += min(int(reduction.num_left[vertices].sum()) // 2, rank * (vertices.size - rank))
    return most
