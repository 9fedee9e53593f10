"""Rank one: every entry of a component is a product of observed values along a path."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy.sparse import csgraph
from scipy.sparse.linalg import lsmr, splu

from matmend.completability.determinability import checked_entries
from matmend.completability.factors import Array
from matmend.graph import ObservationGraph


@dataclass(frozen=True, eq=False, repr=False)
class RankOne:
    r"""The rank-one matrix through the observed values, where they determine it.

    :math:`X_{kl} = \pm \exp(c_k - c_l)` for potentials c of rows and columns in one component of the graph of the
    non-zero entries, so that log |X_kl| is the sum of log |values| along a path, with alternating signs.

    Attributes
    ----------
    graph : ObservationGraph
        Of all observed entries.
    potentials : array, shape (m + n,)
    signs : array, shape (m + n,)
    labels : int array, shape (m + n,)
        Component of each vertex in the graph of the non-zero entries.
    is_zero : bool array, shape (m + n,)
        Rows and columns that must be zero: they have a zero entry with a column (row) that is not zero.
    edges : (int array, int array)
        Rows and columns of the non-zero entries.
    num_conflicts : int
        Observed entries that no rank-one matrix can have: zeros where row and column are not zero, and values whose
        sign contradicts the others.
    log_variance : float
        Mean square deviation of log |values| from the fit, per redundant entry; 0 for exact data, NaN if no entry is
        redundant.
    """

    graph: ObservationGraph
    potentials: Array
    signs: Array
    labels: NDArray[Any]
    is_zero: NDArray[np.bool_]
    edges: tuple[NDArray[Any], NDArray[Any]]
    num_conflicts: int
    log_variance: float

    def predict(self, rows: ArrayLike, cols: ArrayLike) -> Array:
        """Values of entries, shape (k,); NaN where the observed ones do not determine them."""
        i, j = self._vertices(rows, cols)
        sizes = np.full(i.shape, np.nan)
        joined = self.labels[i] == self.labels[j]
        sizes[joined] = np.exp(self.potentials[i[joined]] - self.potentials[j[joined]])
        return np.where(self.is_zero[i] | self.is_zero[j], 0.0, sizes * self.signs[i] * self.signs[j])

    def resistance(self, rows: ArrayLike, cols: ArrayLike) -> Array:
        """Variance of the logarithm of entries, in units of that of one observed logarithm.

        The effective resistance between row and column where every non-zero entry is a wire of resistance 1: the length
        of the path if there is one, less if there are several. Infinite where nothing is determined, 0 for zeros.
        """
        i, j = self._vertices(rows, cols)
        joined = (self.labels[i] == self.labels[j]) & ~self.is_zero[i] & ~self.is_zero[j]
        answer = np.full(i.shape, np.inf)
        answer[self.is_zero[i] | self.is_zero[j]] = 0
        u, v = i[joined], j[joined]
        place = self._place
        unit = np.zeros((int(place.max(initial=-1)) + 1, u.size))
        for vertex, sign in ((u, 1.0), (v, -1.0)):
            inner = np.flatnonzero(place[vertex] >= 0)
            unit[place[vertex[inner]], inner] += sign
        if self._solver is None:
            return answer
        answer[joined] = np.sum(unit * self._solver.solve(unit), axis=0)
        return answer

    @cached_property
    def _place(self) -> NDArray[np.int64]:
        """Position of each vertex among the unknowns; -1 for the first of each component, which is grounded."""
        _, first = np.unique(self.labels, return_index=True)
        inner = np.ones(self.labels.size, dtype=bool)
        inner[first] = False
        return np.where(inner, np.cumsum(inner) - 1, -1)

    @cached_property
    def _solver(self) -> Any:
        inner = np.flatnonzero(self._place >= 0)
        if not inner.size:
            return None
        B = _incidence(self.edges, self.graph.shape)[:, inner]
        return splu(sparse.csc_matrix(B.T @ B))

    def _vertices(self, rows: ArrayLike, cols: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        i, j = checked_entries(rows, cols, self.graph.shape)
        return i, j + self.graph.shape[0]


def rank_one(graph: ObservationGraph, values: ArrayLike) -> RankOne:
    """Complete at rank one: potentials along a spanning forest, then least squares of the logarithms.

    Parameters
    ----------
    graph : ObservationGraph
    values : array, shape (e,)
        Of the observed entries in the order of the graph: ``X[graph.rows, graph.cols]``.

    Returns
    -------
    RankOne

    Raises
    ------
    ValueError
        If there are not as many values as entries, or one is not finite.

    Notes
    -----
    Values of very different size, or noise that is not proportional to them, do not suit logarithms; a zero is taken
    for exact.

    References
    ----------
    Kiraly, Theran & Tomioka 2015, arXiv:1211.4116, section 4, combine paths with least variance; least squares over the
    whole component is that combination for independent errors of the logarithms.

    Examples
    --------
    >>> X = np.array([[2.0, -4.0], [3.0, np.nan]])
    >>> graph = ObservationGraph.from_array(X)
    >>> found = rank_one(graph, X[graph.rows, graph.cols])
    >>> found.predict([1], [1]).round(12), found.resistance([1], [1]).round(12)
    (array([-6.]), array([3.]))
    """
    y = np.asarray(values, dtype=np.float64)
    if y.shape != (graph.num_observed,) or not np.isfinite(y).all():
        raise ValueError(
            f"values: expected {graph.num_observed} finite numbers, one for each entry in the order of the graph, got "
            f"shape {y.shape}; X[graph.rows, graph.cols] has them."
        )
    (m, n), live = graph.shape, y != 0
    rows, cols, logs = graph.rows[live], graph.cols[live], np.log(np.abs(y[live]))
    has = np.zeros(m + n, dtype=bool)  # rows and columns with a non-zero entry
    has[rows] = has[cols + m] = True
    is_zero = np.zeros(m + n, dtype=bool)
    i, j = graph.rows[~live], graph.cols[~live] + m
    is_zero[i[has[j] & ~has[i]]] = True
    is_zero[j[has[i] & ~has[j]]] = True
    conflicts = np.count_nonzero(has[i] & has[j])
    adjacency = sparse.coo_array((np.ones(rows.size), (rows, cols + m)), shape=(m + n, m + n))
    count, labels = csgraph.connected_components(adjacency, directed=False)
    signed = sparse.csr_array((np.arange(1, rows.size + 1), (rows, cols)), shape=(m, n))
    potentials, signs = _along_forest(signed, (m, n), labels, logs, np.sign(y[live]))
    conflicts += np.count_nonzero(signs[rows] * signs[cols + m] != np.sign(y[live]))
    B = _incidence((rows, cols), (m, n))
    misfit = logs - B @ potentials
    # along the forest there is no misfit but rounding, so exact data keep their digits
    if np.abs(misfit).max(initial=0.0) > 1e-10:
        potentials = potentials + lsmr(B, misfit, atol=1e-13, btol=1e-13, maxiter=10 * (m + n))[0]
        misfit = logs - B @ potentials
    redundant = rows.size - (m + n - count)
    return RankOne(
        graph=graph,
        potentials=potentials,
        signs=signs,
        labels=labels,
        is_zero=is_zero,
        edges=(rows, cols),
        num_conflicts=int(conflicts),
        log_variance=float(misfit @ misfit) / redundant if redundant else float("nan"),
    )


def _incidence(edges: tuple[NDArray[Any], NDArray[Any]], shape: tuple[int, int]) -> sparse.csr_array:
    """Matrix that takes potentials to their differences along the edges."""
    rows, cols = edges
    pairs = np.stack([rows, cols + shape[0]], axis=1).ravel()
    signs = np.tile([1.0, -1.0], rows.size)
    return sparse.csr_array((signs, pairs, 2 * np.arange(rows.size + 1)), shape=(rows.size, sum(shape)))


def _along_forest(
    numbered: sparse.csr_array, shape: tuple[int, int], labels: NDArray[Any], logs: Array, signs: Array
) -> tuple[Array, Array]:
    """Sum the logarithms and multiply the signs from the root of each component to every vertex."""
    m, size = shape[0], sum(shape)
    _, first = np.unique(labels, return_index=True)
    # one more vertex next to the first of every component makes one tree of the forest
    rows, cols = np.repeat(np.arange(m), np.diff(numbered.indptr)), numbered.indices
    i = np.concatenate([rows, cols + m, np.full(first.size, size)])
    j = np.concatenate([cols + m, rows, first])
    tree = sparse.csr_array((np.ones(i.size), (i, j)), shape=(size + 1, size + 1))
    search: Any = csgraph.breadth_first_order(tree, size, directed=True)
    above = search[1].astype(np.int64)
    above[size] = size
    potentials, parity = np.zeros(size + 1), np.ones(size + 1)
    inner = np.flatnonzero(above[:size] != size)
    is_row = inner < m
    row = np.where(is_row, inner, above[inner])
    col = np.where(is_row, above[inner], inner) - m
    if not inner.size:
        return potentials[:size], parity[:size]
    edge = np.asarray(numbered[row, col]).ravel().astype(np.int64) - 1
    potentials[inner] = np.where(is_row, logs[edge], -logs[edge])
    parity[inner] = signs[edge]
    while (above != size).any():  # twice the distance every time
        potentials = potentials + potentials[above]
        parity = parity * parity[above]
        above = above[above]
    return potentials[:size], parity[:size]
