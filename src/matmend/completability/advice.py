"""What to observe next: entries that connect, then entries that fix what still moves."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from matmend.completability.determinability import Determinability, determinability
from matmend.completability.factors import Array, checked_rank
from matmend.graph import ObservationGraph, connecting_entries

Ints = NDArray[np.int64]

CANDIDATES = 1 << 20
"""Entries that are compared: all hidden ones that are not determined, or as many random ones."""
MEMORY = 1 << 26
"""Most numbers: those entries times the entries asked for."""
NOTHING = 1e-9
"""Leverages below this are rounding."""


@dataclass(frozen=True, eq=False)
class Advice:
    """Entries to be observed next, most useful first.

    Attributes
    ----------
    rows, cols : int arrays, shape (k,)
    reasons : tuple of k strings
    leverages : array, shape (k,)
        Share of the entry's row of the Jacobian that lies in the part of the null space looked at, in 0 .. 1; NaN for
        entries that connect components.
    """

    rows: Ints
    cols: Ints
    reasons: tuple[str, ...]
    leverages: Array


def advise(
    graph: ObservationGraph,
    rank: int,
    num: int = 10,
    *,
    factors: tuple[ArrayLike, ArrayLike] | None = None,
    seed: int = 0,
) -> Advice:
    r"""Say which hidden entries to observe next so that the matrix is determined at rank r.

    First the entries that connect the graph, then, one by one, the entry whose row of the Jacobian has the largest part
    in what is left of the null space (its leverage): each raises the rank of the Jacobian by 1, which is the most that
    an entry can do. After `deficit` many entries everything is determined.

    Parameters
    ----------
    graph : ObservationGraph
    rank : int
        r, in 1 .. min(m, n).
    num : int, default 10
        Entries asked for; fewer are given if fewer complete the mask.
    factors : pair of arrays (m, d), (n, d), optional
        Learned ones, as for [`determinability`][]. Entries of X = U @ V.T that are nearly zero are then avoided: an
        entry that connects two components by a small value teaches little in finite time.
    seed : int, default 0

    Returns
    -------
    Advice

    Raises
    ------
    ValueError
        If `num` is below 1, the rank is out of range or the factors do not fit.

    Notes
    -----
    Leverages are those of `num` random directions of the null space, which is all of it if `num` is at least the
    deficit. Of large matrices a million random entries at most are compared.

    References
    ----------
    Kiraly, Theran & Tomioka 2015, arXiv:1211.4116 (the Jacobian); the greedy choice is derived here.

    Examples
    --------
    >>> graph = ObservationGraph.from_mask(np.array([[1, 1, 0], [1, 1, 0], [0, 0, 1]]) == 1)
    >>> [reason.split(":")[0] for reason in advise(graph, 1).reasons]
    ['connects two components']
    """
    rank = checked_rank(rank, graph.shape)
    if num < 1:
        raise ValueError(f"num: expected the number of entries to propose, at least 1, got {num}.")
    rows, cols = (np.asarray(index[:num], dtype=np.int64) for index in connecting_entries(graph))
    reasons = [
        f"connects two components: nothing observed relates row {i} to column {j}"
        for i, j in zip(rows, cols, strict=True)
    ]
    leverages = np.full(rows.size, np.nan)
    if rows.size < num:
        joined = ObservationGraph.from_entries(
            np.concatenate([graph.rows, rows]), np.concatenate([graph.cols, cols]), graph.shape
        )
        found = determinability(joined, rank, factors=factors, seed=seed)
        wanted = min(num - rows.size, found.deficit)
        if wanted:
            found = determinability(joined, rank, factors=factors, seed=seed, num_motions=wanted)
            i, j, gains = _fixing(found, wanted, factors, seed)
            rows, cols = np.concatenate([rows, i]), np.concatenate([cols, j])
            leverages = np.concatenate([leverages, gains])
            reasons += [f"fixes what still moves at rank {rank}: leverage {gain:.2g}" for gain in gains]
    return Advice(rows, cols, tuple(reasons), leverages)


def _fixing(
    found: Determinability, num: int, factors: tuple[ArrayLike, ArrayLike] | None, seed: int
) -> tuple[Ints, Ints, Array]:
    """Choose entries greedily, each time taking out of the motions those that it forbids."""
    i, j = _candidates(found, min(CANDIDATES, MEMORY // num), np.random.default_rng([seed, 2]))
    changes = _orthonormal(found) @ found.changes(i, j)
    changes /= np.sqrt(2)  # a row of the Jacobian has two blocks of length 1
    weights = np.ones(i.size)
    if factors is not None:
        squares = np.einsum("kd,kd->k", np.asarray(factors[0])[i], np.asarray(factors[1])[j]) ** 2
        weights = (squares + 1e-3 * squares.mean()) / (squares + squares.mean() + np.finfo(float).tiny)
    chosen: list[int] = []
    gains: list[float] = []
    forbidden = np.zeros((changes.shape[0], 0))
    leverage = np.einsum("sk,sk->k", changes, changes)
    while len(chosen) < num and i.size:
        best = int(np.argmax(np.where(leverage > NOTHING, leverage * weights, 0)))
        if leverage[best] <= NOTHING:
            break
        chosen.append(best)
        gains.append(float(leverage[best]))
        direction = changes[:, best]
        for _ in range(2):  # twice is enough
            direction = direction - forbidden @ (forbidden.T @ direction)
        direction = direction / np.linalg.norm(direction)
        forbidden = np.column_stack([forbidden, direction])
        leverage -= (direction @ changes) ** 2
        leverage[best] = 0
    return i[chosen], j[chosen], np.array(gains)


def _orthonormal(found: Determinability) -> Array:
    """Coefficients that make the motions an orthonormal set."""
    s = found.U_moves.shape[0]
    moves = np.concatenate([found.U_moves.reshape(s, -1), found.V_moves.reshape(s, -1)], axis=1)
    return np.linalg.pinv(np.linalg.qr(moves.T, mode="r")).T


def _candidates(found: Determinability, most: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Hidden entries that are not determined: all, or random ones whose row or column moves."""
    m, n = found.graph.shape
    if m * n <= most:
        i, j = (index.ravel() for index in np.indices((m, n)))
    else:
        half = most // 2
        rows, cols = (np.flatnonzero(moves.any(axis=(0, 2))) for moves in (found.U_moves, found.V_moves))
        rows = rows if rows.size else np.arange(m)
        cols = cols if cols.size else np.arange(n)
        i = np.concatenate([rng.choice(rows, half), rng.integers(m, size=half)])
        j = np.concatenate([rng.integers(n, size=half), rng.choice(cols, half)])
        # every row and column that moves comes up at least once
        i = np.concatenate([i, rows, rng.integers(m, size=cols.size)])
        j = np.concatenate([j, rng.integers(n, size=rows.size), cols])
        i, j = np.divmod(np.unique(i * n + j), n)
    is_open = ~found.determined(i, j)
    return i[is_open], j[is_open]
