"""Cores: what is left when rows and columns with too few entries are taken away, again and again."""

import numpy as np
from scipy import sparse

from matmend.graph.components import PIECE, Counts, Ints, row_starts


def core_numbers(shape: tuple[int, int], rows: Ints, cols: Ints) -> Counts:
    """Largest k such that a vertex is in the k-core: rows first, then columns; 0 for isolated ones.

    All vertices of the least degree k are taken away at once, then those that this leaves with k neighbours or fewer,
    and so on until only larger degrees are left; these have core number k. Each edge is looked at twice in all.

    Parameters
    ----------
    shape : (m, n)
    rows, cols : int32 arrays, shape (e,)
        Sorted by row, each entry once.

    Returns
    -------
    int64 array, shape (m + n,)

    References
    ----------
    S. B. Seidman, Network structure and minimum degree, Social Networks 5 (1983) 269-287; V. Batagelj, M. Zaversnik, An
    O(m) algorithm for cores decomposition of networks, arXiv:cs/0310049 (here level by level instead of one at a time).
    """
    starts, neighbours = _neighbours(shape, rows, cols)
    degree = np.diff(starts)
    number = np.zeros(degree.size, dtype=np.int64)
    is_left = np.ones(degree.size, dtype=bool)
    left = np.arange(degree.size)
    while left.size:
        k = degree[left].min()
        leaving = left[degree[left] == k]
        while leaving.size:
            number[leaving] = k
            is_left[leaving] = False
            short = []
            for part in _portions(leaving, starts):
                touched = neighbours[_ranges(starts[part], starts[part + 1])].astype(np.intp)
                np.subtract.at(degree, touched, 1)
                short.append(touched[is_left[touched] & (degree[touched] <= k)])
            leaving = np.unique(np.concatenate(short))
        left = left[is_left[left]]
    return number


def _neighbours(shape: tuple[int, int], rows: Ints, cols: Ints) -> tuple[Counts, Ints]:
    """Neighbours of all vertices, one after the other, and where those of each vertex start."""
    m = shape[0]
    starts = row_starts(m, rows)
    by_row = sparse.csr_array((np.ones(rows.size, dtype=bool), cols, starts), shape=shape)
    by_col = by_row.tocsc()
    neighbours = np.empty(2 * rows.size, dtype=np.int32)
    np.add(cols, np.int32(m), out=neighbours[: rows.size])
    neighbours[rows.size :] = by_col.indices
    return np.concatenate([starts, by_col.indptr[1:].astype(np.int64) + rows.size]), neighbours


def _portions(vertices: Counts, starts: Counts) -> list[Counts]:
    """Cut a list of vertices where the neighbours would become too many to be looked at in one go."""
    total = np.cumsum(starts[vertices + 1] - starts[vertices])
    if total[-1] <= PIECE:
        return [vertices]
    return np.split(vertices, np.searchsorted(total, np.arange(PIECE, total[-1], PIECE)))


def _ranges(starts: Counts, stops: Counts) -> Counts:
    """``starts[0] .. stops[0] - 1, starts[1] .. stops[1] - 1, ...`` in one array."""
    lengths = stops - starts
    ends = np.cumsum(lengths)
    return np.arange(ends[-1] if ends.size else 0) + np.repeat(starts - ends + lengths, lengths)
