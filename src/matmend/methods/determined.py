"""How many of the entries that methods are judged by the others determine at all."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from matmend.completability import determinability
from matmend.graph import ObservationGraph

RANKS = 1, 10
"""The ranks that are looked at; in small matrices a quarter of the shorter side instead of 10."""
MOST_UNKNOWNS = 1500
"""Unknowns of the shorter side up to which the answer is computed; above it is bounded from the graph's cores."""
MOST_ASKED = 100_000
"""Held-out entries that are asked about; of more, so many evenly spread."""


@dataclass(frozen=True)
class Determined:
    """What low rank determines of the held-out entries.

    Attributes
    ----------
    shares : dict of int -> float
        The share of them that the shown entries determine at a rank.
    bounded : tuple of int
        The ranks for which the share is an upper bound, to save time.
    """

    shares: dict[int, float]
    bounded: tuple[int, ...]


def determined_share(shown: ArrayLike, held: ArrayLike) -> Determined:
    """Tell what share of the held-out entries the shown ones determine, at rank 1 and at rank 10.

    An error on entries that are not determined says how well a method guesses; no amount of fitting finds them.

    Parameters
    ----------
    shown, held : bool arrays of shape (m, n)

    Returns
    -------
    Determined
        At rank 1, an entry is determined if its row and column are connected; at higher ranks
        [`determinability`][matmend.completability.determinability] tells. In large matrices being in the core of the
        graph, which is necessary, has to do.

    Examples
    --------
    >>> held = np.zeros((8, 8), bool)
    >>> held[0, :7] = held[1:, 7] = True  # the first row and the last column have one entry in common, and no other
    >>> determined_share(~held, held).shares[1]
    0.0
    """
    shown, held = np.asarray(shown, dtype=bool), np.asarray(held, dtype=bool)
    rows, cols = np.nonzero(held)
    if rows.size > MOST_ASKED:
        some = np.linspace(0, rows.size - 1, MOST_ASKED).astype(np.intp)
        rows, cols = rows[some], cols[some]
    return determined_entries(ObservationGraph.from_mask(shown), rows, cols)


def determined_entries(graph: ObservationGraph, rows: NDArray[np.integer], cols: NDArray[np.integer]) -> Determined:
    """Do the same for a list of entries.

    Examples
    --------
    >>> determined_entries(ObservationGraph.from_mask(~np.eye(8, dtype=bool)), np.arange(8), np.arange(8))
    Determined(shares={1: 1.0, 2: 1.0}, bounded=())
    """
    shares: dict[int, float] = {}
    bounded: list[int] = []
    short = min(graph.shape)
    for rank in dict.fromkeys(min(rank, max(1, short // 4)) for rank in RANKS):
        if rank == 1:
            is_determined = graph.row_labels[rows] == graph.col_labels[cols]
        elif rank * short <= MOST_UNKNOWNS:
            is_determined = determinability(graph, rank).determined(rows, cols)
        else:
            stays = graph.core_numbers >= rank
            is_determined = stays[rows] & stays[graph.shape[0] + np.asarray(cols)]
            bounded.append(rank)
        shares[rank] = float(np.mean(is_determined))
    return Determined(shares, tuple(bounded))
