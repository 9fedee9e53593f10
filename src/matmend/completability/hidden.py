"""Hidden entries by what the graph says about their row and column."""

import enum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from matmend.completability.determinability import checked_entries
from matmend.graph import ObservationGraph


class EntryClass(enum.IntEnum):
    """Where an entry lies in the observation graph."""

    IN_COMPONENT = 0
    """Its row and its column are in one component."""
    CROSS_COMPONENT = 1
    """They are in two components, both with observed entries: no observed entry says anything about it."""
    ISOLATED = 2
    """Nothing is observed in its row or in its column."""


def entry_classes(graph: ObservationGraph, rows: ArrayLike, cols: ArrayLike) -> NDArray[np.int8]:
    """Class of each entry asked for.

    Parameters
    ----------
    graph : ObservationGraph
    rows, cols : int arrays, shape (k,)

    Returns
    -------
    int8 array, shape (k,)
        Values of `EntryClass`.

    Raises
    ------
    ValueError
        If the indices do not lie in the matrix.

    Examples
    --------
    >>> graph = ObservationGraph.from_mask(np.array([[1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0]]) == 1)
    >>> [EntryClass(k).name for k in entry_classes(graph, [1, 1, 1], [1, 2, 3])]
    ['IN_COMPONENT', 'CROSS_COMPONENT', 'ISOLATED']
    """
    i, j = checked_entries(rows, cols, graph.shape)
    classes = np.where(graph.row_labels[i] == graph.col_labels[j], EntryClass.IN_COMPONENT, EntryClass.CROSS_COMPONENT)
    classes[(graph.row_degrees[i] == 0) | (graph.col_degrees[j] == 0)] = EntryClass.ISOLATED
    return classes.astype(np.int8)
