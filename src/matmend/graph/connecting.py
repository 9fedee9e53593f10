"""What to observe next, so that a mask becomes connected."""

import numpy as np

from matmend.graph.components import Counts, Ints
from matmend.graph.observed import ObservationGraph


def connecting_entries(graph: ObservationGraph) -> tuple[Counts, Counts]:
    """Entries which, once observed too, make the mask connected: one less than there are components, as few as can do.

    Each component is attached to the largest one (by rows and columns): its row of most entries to the column of most
    entries there, or, if it is a single column, that column to the row of most entries there. Ties go to the first.

    Parameters
    ----------
    graph : ObservationGraph

    Returns
    -------
    rows, cols : int64 arrays, shape (num_components - 1,)
        By row and then by column; none of them is observed.

    Notes
    -----
    One entry joins two components at most, so fewer cannot do. Connected is what rank 1 needs, and each new entry is a
    bridge: where it is nearly zero it tells little about the other side, and at rank 2 or more further entries are
    needed.

    Examples
    --------
    >>> connecting_entries(ObservationGraph.from_array([[1, 2, np.nan], [np.nan, np.nan, 3], [4, 5, np.nan]]))
    (array([1]), array([0]))
    """
    m = graph.shape[0]
    if graph.num_observed == 0:  # no component has both sides: make one of the first row and the first column
        rows = np.concatenate([np.zeros(graph.shape[1], dtype=np.int64), np.arange(1, m)])
        cols = np.concatenate([np.arange(graph.shape[1]), np.zeros(m - 1, dtype=np.int64)])
        return rows, cols
    table = graph.components
    hub = np.argmax(table.num_rows + table.num_cols)
    # The first vertex of most entries of each component among its rows, and among its columns.
    best_row, best_col = (
        _best_of_each(labels, degrees, graph.num_components)
        for labels, degrees in ((graph.row_labels, graph.row_degrees), (graph.col_labels, graph.col_degrees))
    )
    others = np.flatnonzero(np.arange(graph.num_components) != hub)
    has_row = table.num_rows[others] > 0
    rows = np.where(has_row, best_row[others], best_row[hub])
    cols = np.where(has_row, best_col[hub], best_col[others])
    order = np.lexsort((cols, rows))
    return rows[order], cols[order]


def _best_of_each(labels: Ints, degrees: Counts, num_components: int) -> Counts:
    """First vertex of largest degree of each component; -1 where a component has none."""
    best = np.full(num_components, -1, dtype=np.int64)
    order = np.lexsort((-np.arange(degrees.size), degrees))  # ascending degree, later vertices first: the last one wins
    best[labels[order]] = order
    return best
