"""The null space of the Jacobian of a whole graph: its dimension, and random motions out of it."""

from dataclasses import dataclass

import numpy as np

from matmend.completability.adjacency import Adjacency, Ints
from matmend.completability.factors import Array
from matmend.completability.pieces import dense_motions, make_piece, projected_motions
from matmend.completability.reduction import FREE, HELD, PEELED, Reduction, reduced

STILL = 1e-6
"""A vertex of the core stands still if it moves by at most this share of the one that moves most."""
ROUNDING = 1e-10
"""A motion orthogonal to a row of the factors up to this share does not change the entry."""
GROUNDED = 0.1
"""Share of vertices with a held neighbour from which on a piece is solved next to what is held."""


@dataclass(frozen=True, eq=False)
class Motions:
    """Random motions dZ that change no observed entry, with the pins of every component at rest.

    Attributes
    ----------
    nullity : int
        Dimension of the null space, motions that change no entry included; a lower bound if `is_counted` is False.
    moves : array, shape (s, m + n, r)
    is_exact : bool
        False if some part of the verdict rests on an iteration.
    is_counted : bool
        False if a part that moves was too large to be counted out.
    is_settled : bool
        False if an iteration ran out of steps: vertices it had not brought to rest count as moving.
    margin : float
        Least pivot that counted, by the largest that did not.
    """

    nullity: int
    moves: Array
    is_exact: bool
    is_counted: bool
    is_settled: bool
    margin: float


def find_motions(
    adjacency: Adjacency,
    factor: Array,
    labels: Ints,
    *,
    is_generic: bool,
    exact_limit: int,
    max_iterations: int,
    num: int,
    seed: int,
) -> Motions:
    """Reduce the graph, solve what is left, and let what was peeled follow.

    Parameters
    ----------
    adjacency : Adjacency
    factor : array, shape (m + n, r)
        Z = [U; V] with rows of length 1 (or 0).
    labels : int array, shape (m + n,)
        Component of each vertex.
    is_generic : bool
    exact_limit : int
        Most unknowns of the smaller side of a piece that is solved by factorization; above, iterations say which of
        its vertices stand still, and what moves is then solved by factorization if it is small enough.
    max_iterations : int
    num : int
        s, number of motions.
    seed : int

    Returns
    -------
    Motions
    """
    rng = np.random.default_rng([seed, 1])
    reduction = reduced(adjacency, factor, labels, is_generic)
    moves = np.zeros((adjacency.size, num, factor.shape[1]))
    nullity, margin, is_settled, is_exact, is_counted = 0, np.inf, True, True, True
    while True:
        held_more = False
        large: list[tuple[Ints, Array]] = []
        small: list[Ints] = []
        for vertices in adjacency.pieces(reduction.state == FREE):
            if _small_side(adjacency, vertices) * factor.shape[1] <= exact_limit:
                small.append(vertices)
                continue
            is_exact = False
            still, moved, settled = _stand_still(reduction, vertices, labels, num, rng, max_iterations)
            if still.size:
                reduction.reduce(still)
                held_more = True
                break  # the pieces have changed
            large.append((vertices, moved))
            is_settled &= settled
        if not held_more:
            break
    for vertices in small:
        piece = make_piece(adjacency, factor, vertices, reduction.state == HELD, np.inf, 0)
        dimension, moves_large, moves_small, own_margin = dense_motions(piece, num, rng)
        nullity += dimension
        margin = min(margin, own_margin)
        moves[piece.large], moves[piece.small] = moves_large, moves_small
        moves[vertices] = _resting(moves[vertices])
    for vertices, moved in large:
        is_counted = False
        moves[vertices] = moved
        independent = int(np.linalg.matrix_rank(np.moveaxis(moved, 1, 0).reshape(num, -1), rtol=STILL))
        nullity += max(independent, _excess(adjacency, vertices, factor.shape[1], reduction))
    _follow(reduction, moves, rng)
    return Motions(
        nullity=reduction.nullity + nullity,
        moves=np.moveaxis(moves, 1, 0),
        is_exact=is_exact,
        is_counted=is_counted,
        is_settled=is_settled,
        margin=float(margin),
    )


def _small_side(adjacency: Adjacency, vertices: Ints) -> int:
    num_rows = int(np.count_nonzero(vertices < adjacency.num_rows))
    return min(num_rows, vertices.size - num_rows)


def _excess(adjacency: Adjacency, vertices: Ints, rank: int, reduction: Reduction) -> int:
    """Unknowns of a piece beyond its equations."""
    weights = np.zeros(adjacency.size)
    weights[vertices] = 0.5
    weights[reduction.state == HELD] = 1.0
    found, _ = adjacency.neighbours(vertices)
    return rank * vertices.size - int(weights[found].sum())


def _stand_still(
    reduction: Reduction, vertices: Ints, labels: Ints, num: int, rng: np.random.Generator, max_iterations: int
) -> tuple[Ints, Array, bool]:
    """Find the vertices of a large piece that no null vector moves, first with a part of its edges, then with all."""
    adjacency, factor = reduction.adjacency, reduction.factor
    held = reduction.state == HELD
    found, starts = adjacency.neighbours(vertices)
    touches = np.diff(np.concatenate([[0], np.cumsum(held[found])])[starts]) > 0
    is_afloat = bool(np.mean(touches) < GROUNDED)
    solved = vertices
    if is_afloat:
        component = (labels == labels[vertices[0]]) & (reduction.state != PEELED)
        solved = np.flatnonzero(component)
        held = np.zeros_like(held)
    moved = np.zeros((adjacency.size, num, factor.shape[1]))
    for keep in (3.0 * factor.shape[1] + 4, np.inf):
        piece = make_piece(adjacency, factor, solved, held, keep, int(rng.integers(2**31)))
        *found_moves, settled, is_zero = projected_motions(piece, num, rng, is_afloat, max_iterations)
        moved[piece.large], moved[piece.small] = found_moves
        if is_zero.all() and not piece.loose_large.any():
            return vertices, moved[vertices], True
        if is_afloat:
            _return_pins(moved, solved, reduction)
        moved[vertices] = _resting(moved[vertices])
        still = vertices[~moved[vertices].any(axis=(1, 2))]
        if still.size or keep == np.inf:
            break
    return still, moved[vertices], bool(settled.all())


def _return_pins(moved: Array, solved: Ints, reduction: Reduction) -> None:
    """Subtract the (U G, -V G') that moves the held vertices."""
    num_rows = reduction.adjacency.num_rows
    held = solved[reduction.state[solved] == HELD]
    rows, cols = held[held < num_rows], held[held >= num_rows]
    Z = reduction.factor
    all_rows, all_cols = solved[solved < num_rows], solved[solved >= num_rows]
    for k in range(moved.shape[1]):
        if rows.size >= cols.size:
            G = np.linalg.lstsq(Z[rows], moved[rows, k], rcond=None)[0]
        else:
            G = -np.linalg.lstsq(Z[cols], moved[cols, k], rcond=None)[0].T
        moved[all_rows, k] -= Z[all_rows] @ G
        moved[all_cols, k] += Z[all_cols] @ G.T


def _resting(moved: Array) -> Array:
    """Set to exactly 0 what moves by rounding only, so that chains of peeled vertices do not magnify it."""
    size = np.linalg.norm(moved, axis=2)
    return np.where((size > STILL * size.max(axis=0, initial=0.0))[:, :, None], moved, 0)


def _follow(reduction: Reduction, moves: Array, rng: np.random.Generator) -> None:
    """Extend the motions to the peeled vertices, last peeled first; what is free there moves at random."""
    adjacency, Z = reduction.adjacency, reduction.factor
    turn = np.full(adjacency.size, len(reduction.rounds))
    for place, vertices in enumerate(reduction.rounds):
        turn[vertices] = place
    for place in reversed(range(len(reduction.rounds))):
        vertices = reduction.rounds[place]
        found, starts = adjacency.neighbours(vertices)
        is_there = turn[found] > place
        counts = np.concatenate([[0], np.cumsum(is_there)])[starts]
        found = found[is_there]
        degrees = np.diff(counts)
        for d in np.unique(degrees):
            own = np.flatnonzero(degrees == d)
            group, near = vertices[own], found[counts[own][:, None] + np.arange(d)]
            moves[group] = _extension(Z[group], Z[near], moves[near], rng)


def _extension(z: Array, near: Array, near_moves: Array, rng: np.random.Generator) -> Array:
    """Solve ``near @ dz = -near_moves . z`` for dz (q, s, r); near is (q, d, r), d <= r."""
    q, d, r = near.shape
    s = near_moves.shape[2]
    wanted = -np.einsum("qdsr,qr->qds", near_moves, z)
    # what cancels must cancel exactly, or its rounding would pass for a motion of its own
    wanted[np.abs(wanted) <= ROUNDING * np.linalg.norm(near_moves, axis=3)] = 0
    Q, R = np.linalg.qr(near.swapaxes(1, 2), mode="complete")
    inside = np.linalg.solve(R[:, :d].swapaxes(1, 2), wanted) if d else np.zeros((q, 0, s))
    free = rng.standard_normal((q, r - d, s))
    return (Q @ np.concatenate([inside, free], axis=1)).swapaxes(1, 2)
