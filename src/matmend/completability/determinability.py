"""What the observed entries determine at a rank: the whole matrix, or which of its entries."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from matmend.completability.adjacency import Adjacency
from matmend.completability.factors import Array, checked_rank, generic_factors, learned_factors
from matmend.completability.motions import Motions, find_motions
from matmend.graph import ObservationGraph

Bools = NDArray[np.bool_]

EXACT_LIMIT = 6000
"""Unknowns of the smaller side that a factorization takes: 290 MB and some seconds."""
NUM_MOTIONS = 2
"""One random motion tells entries apart almost surely; a second makes sure."""
BLIND = 1e-6
"""An entry is determined if the motions of its row and column cancel in it to this share."""
CHUNK = 1 << 18
"""Entries looked at together."""
DENSE = 1 << 28
"""Most entries of a dense mask."""


@dataclass(frozen=True, eq=False, repr=False)
class Determinability:
    r"""Which entries the observed ones determine among the matrices of rank r, up to finitely many values.

    A motion :math:`(\dot U, \dot V)` in the null space of the Jacobian of the observed entries is a direction
    :math:`\dot X = \dot U V^T + U \dot V^T` in which they stay as they are. Entry (k, l) is determined iff
    :math:`\dot X_{kl} = 0` for all motions, which a random one decides almost surely. So two random motions answer
    for every entry, and nothing of size m x n is stored.

    Attributes
    ----------
    graph : ObservationGraph
    rank : int
        r.
    jacobian_rank : int
        Rank of the Jacobian J of the observed entries with respect to the factors; if not `is_counted`, an upper bound.
    is_exact : bool
        True if it comes from the graph and from factorizations; False if conjugate gradients had a part in it.
    is_counted : bool
        False if a part that is not determined was too large to be counted out.
    is_settled : bool
        False if an iteration ran out of steps: entries called undetermined may be determined then.
    margin : float
        By what factor the pivots that counted as non-zero exceed those that did not; infinite if the graph alone
        decided. Below 1e3 the verdict is doubtful.
    U, V : arrays, shapes (m, r), (n, r)
        The factors at which this holds, rows of length 1.
    U_moves, V_moves : arrays, shapes (s, m, r), (s, n, r)
        Motions that leave r vertices of every component at rest.
    """

    graph: ObservationGraph
    rank: int
    jacobian_rank: int
    is_exact: bool
    is_counted: bool
    is_settled: bool
    margin: float
    U: Array
    V: Array
    U_moves: Array
    V_moves: Array

    @property
    def deficit(self) -> int:
        """``r (m + n - r) - jacobian_rank``: independent entries to be observed until all are determined."""
        return self.rank * (sum(self.graph.shape) - self.rank) - self.jacobian_rank

    @property
    def is_completable(self) -> bool:
        """True if all entries are determined up to finitely many values."""
        return self.deficit == 0

    def determined(self, rows: ArrayLike, cols: ArrayLike) -> Bools:
        """Whether entries are determined.

        Parameters
        ----------
        rows, cols : int arrays, shape (k,)

        Returns
        -------
        bool array, shape (k,)
        """
        i, j = checked_entries(rows, cols, self.graph.shape)
        if self.is_completable:
            return np.ones(i.shape, dtype=bool)
        answer = np.zeros(i.shape, dtype=bool)
        for start in range(0, i.size, CHUNK):
            part = slice(start, start + CHUNK)
            answer[part] = self._determined(i[part], j[part])
        return answer

    def mask(self) -> Bools:
        """Whether each entry is determined, shape (m, n); for matrices that fit into memory."""
        m, n = self.graph.shape
        if m * n > DENSE:
            raise ValueError(f"mask: expected at most {DENSE} entries, got {m} x {n}; ask determined(rows, cols).")
        return self.determined(*(index.ravel() for index in np.indices((m, n)))).reshape(m, n)

    def share(self, num: int = 1_000_000, seed: int = 0) -> float:
        """Share of the hidden entries that is determined: of all, or of as many random ones as asked for.

        Parameters
        ----------
        num : int, default 1_000_000
            Random entries that are looked at if the matrix has more; their standard error is below 0.5 / sqrt(num).
        seed : int, default 0

        Returns
        -------
        float
            NaN if nothing is hidden.
        """
        m, n = self.graph.shape
        flat = np.arange(m * n) if m * n <= num else np.random.default_rng(seed).integers(m * n, size=num)
        rows, cols = np.divmod(flat, n)
        is_hidden = ~self._observed(rows, cols)
        if not is_hidden.any():
            return float("nan")
        return float(np.mean(self.determined(rows[is_hidden], cols[is_hidden])))

    def changes(self, rows: ArrayLike, cols: ArrayLike) -> Array:
        """``dX`` of the motions at some entries, shape (s, k): 0 where observed, and where determined."""
        i, j = checked_entries(rows, cols, self.graph.shape)
        change = np.empty((len(self.U_moves), i.size))
        for k, (U_move, V_move) in enumerate(zip(self.U_moves, self.V_moves, strict=True)):
            change[k] = np.einsum("kr,kr->k", U_move[i], self.V[j]) + np.einsum("kr,kr->k", self.U[i], V_move[j])
        return change

    def _determined(self, i: NDArray[np.int64], j: NDArray[np.int64]) -> Bools:
        change = self.changes(i, j)
        size = np.linalg.norm(self.U_moves[:, i], axis=2) + np.linalg.norm(self.V_moves[:, j], axis=2)
        # components move freely against each other, so an entry between two is fixed only if its row or column is 0
        apart = self.graph.row_labels[i] != self.graph.col_labels[j]
        no_row, no_col = ~self.U[i].any(axis=1), ~self.V[j].any(axis=1)
        is_open = apart & ~no_row & ~no_col
        # between two zeros the derivative is 0, and only one of them that cannot move keeps the product where it is
        is_open |= no_row & no_col & self.U_moves[:, i].any(axis=(0, 2)) & self.V_moves[:, j].any(axis=(0, 2))
        return ((np.abs(change) <= BLIND * size).all(axis=0) & ~is_open) | self._observed(i, j)

    def _observed(self, i: NDArray[np.int64], j: NDArray[np.int64]) -> Bools:
        if not self.graph.num_observed:
            return np.zeros(i.shape, dtype=bool)
        n = self.graph.shape[1]
        place = np.minimum(np.searchsorted(self._keys, i * n + j), self._keys.size - 1)
        return self._keys[place] == i * n + j

    @cached_property
    def _keys(self) -> NDArray[np.int64]:
        return self.graph.rows.astype(np.int64) * self.graph.shape[1] + self.graph.cols


def determinability(
    graph: ObservationGraph,
    rank: int,
    *,
    factors: tuple[ArrayLike, ArrayLike] | None = None,
    seed: int = 0,
    exact_limit: int = EXACT_LIMIT,
    max_iterations: int = 2000,
    num_motions: int = NUM_MOTIONS,
) -> Determinability:
    r"""Say which entries are determined by the observed ones among the matrices of rank r (algorithm A8).

    The mask is finitely completable iff the rank of J, whose row (i, j) has V_j in the block of U_i and U_i in the
    block of V_j, is :math:`r (m + n - r)`, the dimension of the rank-r matrices; entry (k, l) is determined iff its
    row lies in the row space of J. "Determined" is up to finitely many values: a unique one needs more.

    Parameters
    ----------
    graph : ObservationGraph
    rank : int
        r, in 1 .. min(m, n).
    factors : pair of arrays (m, d), (n, d), d >= r, optional
        Learned ones, ``X = U @ V.T`` (for ``X = A @ B`` pass ``(A, B.T)``): the answer is then that for matrices near
        X. By default random ones, whose answer holds for almost all matrices of rank r.
    seed : int, default 0
        Of the random factors and motions.
    exact_limit : int, default 6000
        Unknowns that a factorization takes, see `is_exact`; memory is 8 times its square.
    max_iterations : int, default 2000
        Of conjugate gradients, above that size.
    num_motions : int, default 2
        Random motions to be computed.

    Returns
    -------
    Determinability

    Raises
    ------
    ValueError
        If the rank is out of range or the factors do not fit.

    Notes
    -----
    Pins, closure and peeling (`reduction`) leave a core, each connected piece of which is solved by a factorization of
    its Schur complement on the smaller side, or by conjugate gradients (`pieces`). Time of the first part is
    proportional to the number of entries.

    References
    ----------
    Singer & Cucuringu 2010, arXiv:0902.3846; Kiraly, Theran & Tomioka 2015, arXiv:1211.4116; the reductions are
    derived here.

    Examples
    --------
    >>> graph = ObservationGraph.from_mask(np.array([[1, 1, 0], [1, 0, 0], [0, 0, 1]]) == 1)
    >>> found = determinability(graph, 1)
    >>> found.jacobian_rank, found.deficit
    (4, 1)
    >>> found.determined([1, 2], [1, 0])
    array([ True, False])
    """
    rank = checked_rank(rank, graph.shape)
    m, n = graph.shape
    if factors is None:
        U, V = generic_factors((m, n), rank, seed)
    else:
        U, V = learned_factors(factors, (m, n), rank)
    found: Motions = find_motions(
        Adjacency.of(graph),
        np.concatenate([U, V]),
        graph.labels,
        is_generic=factors is None,
        exact_limit=exact_limit,
        max_iterations=max_iterations,
        num=num_motions,
        seed=seed,
    )
    return Determinability(
        graph=graph,
        rank=rank,
        jacobian_rank=rank * (m + n) - found.nullity,
        is_exact=found.is_exact,
        is_counted=found.is_counted,
        is_settled=found.is_settled,
        margin=found.margin,
        U=U,
        V=V,
        U_moves=found.moves[:, :m],
        V_moves=found.moves[:, m:],
    )


def jacobian_rank(
    graph: ObservationGraph, rank: int, *, factors: tuple[ArrayLike, ArrayLike] | None = None, seed: int = 0
) -> int:
    """Rank of the Jacobian of the observed entries at rank r; see [`determinability`][]."""
    return determinability(graph, rank, factors=factors, seed=seed).jacobian_rank


def checked_entries(
    rows: ArrayLike, cols: ArrayLike, shape: tuple[int, int]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the indices as int64 arrays of one axis if they lie in the matrix."""
    i, j = np.asarray(rows), np.asarray(cols)
    if i.size == 0 and j.size == 0:
        i, j = i.astype(np.int64), j.astype(np.int64)
    if i.ndim != 1 or i.shape != j.shape or i.dtype.kind not in "iu" or j.dtype.kind not in "iu":
        raise ValueError(
            f"rows, cols: expected two int arrays of one length, got {i.dtype} {i.shape}, {j.dtype} {j.shape}; "
            "np.nonzero(~mask) gives the hidden entries."
        )
    if i.size and (i.min() < 0 or j.min() < 0 or i.max() >= shape[0] or j.max() >= shape[1]):
        raise ValueError(f"rows, cols: expected indices in a {shape[0]} x {shape[1]} matrix, counted from 0.")
    return i.astype(np.int64), j.astype(np.int64)
