"""Ratings in the units and the order that training wants them in."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from matmend.io import Ratings
from matmend.observation import Entries


@dataclass(frozen=True, eq=False)
class StandardRatings:
    """Ratings of mean 0 and standard deviation 1, rows and columns renamed by falling numbers of entries.

    The factors of those that have most entries then lie side by side, and stay in the cache.

    Parameters
    ----------
    rows, cols : int32 arrays of shape (e,)
    values : float32 array of shape (e,)
    shape : (m, n)
    row_order, col_order : int arrays of shape (m,), (n,)
        ``row_order[i]`` is the old name of row i.
    offset, scale : float
        ``offset + scale * values`` are the ratings.
    """

    rows: NDArray[np.int32]
    cols: NDArray[np.int32]
    values: NDArray[np.float32]
    shape: tuple[int, int]
    row_order: NDArray[np.int64]
    col_order: NDArray[np.int64]
    offset: float
    scale: float

    @classmethod
    def of(cls, ratings: Ratings) -> "StandardRatings":
        """Rename and rescale."""
        values = ratings.values.astype(np.float32, copy=False)
        offset = float(np.mean(values, dtype=np.float64))
        scale = float(np.std(values, dtype=np.float64)) or 1.0
        orders, renamed = [], []
        for x, size in zip((ratings.rows, ratings.cols), ratings.shape, strict=True):
            order = np.argsort(-np.bincount(x, minlength=size), kind="stable")
            place = np.empty(size, np.int32)
            place[order] = np.arange(size, dtype=np.int32)
            orders.append(order)
            renamed.append(place[x])
        standard = (values - np.float32(offset)) / np.float32(scale)
        return cls(renamed[0], renamed[1], standard, ratings.shape, orders[0], orders[1], offset, scale)

    def entries(self, is_used: NDArray[np.bool_] | None = None) -> Entries:
        """Return the ratings as a sum to be made small, so that ridges are noise over signal.

        Those not used are there with weight 0: what is compiled for a part of the ratings serves for all of them.
        """
        weights = None if is_used is None else is_used.astype(np.float32)
        return Entries.from_triplets(
            self.rows, self.cols, self.values, shape=self.shape, weights=weights, normalizer=1.0
        )

    def chosen(self, is_chosen: NDArray[np.bool_]) -> Entries:
        """Return some of the ratings, and nothing of the others."""
        rows, cols, values = self.rows[is_chosen], self.cols[is_chosen], self.values[is_chosen]
        return Entries.from_triplets(rows, cols, values, shape=self.shape, normalizer=1.0)

    def graph(self, axis: int, graph: Any) -> sparse.csr_array | None:
        """Rename the nodes of a graph of the rows (``axis=0``) or of the columns."""
        order = self.row_order if axis == 0 else self.col_order
        if graph is None:
            return None
        found = sparse.csr_array(graph)
        if found.shape != (order.size, order.size):
            raise ValueError(
                f"Expected a graph of {order.size} {'rows' if axis == 0 else 'columns'}, a square matrix in the order "
                f"of the ratings' ids, got shape {found.shape}."
            )
        return sparse.csr_array(found[order][:, order])
