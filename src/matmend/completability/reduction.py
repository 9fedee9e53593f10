r"""What the graph alone decides about the null space of the Jacobian, before any linear algebra.

The null space of the Jacobian at (U, V), with Z = [U; V], consists of the motions dZ that change no observed entry:
``dU_i . V_j + U_i . dV_j = 0``. Three steps, derived here, each exact for generic factors, leave a core:

1. **Pins.** The motions (U G, -V G'), G any r x r matrix, change no entry at all. In every component, r rows (or r
   columns) are held: every motion differs by one such (U G, -V G') from one that does not move them. Fewer if the
   component has no r vertices on one side.
2. **Closure.** A vertex with r held neighbours cannot move: its r equations have only the solution 0. It is held too,
   and so on. This is bootstrap percolation, and often ends with everything held, which proves completability.
3. **Peeling.** A vertex with d <= r neighbours can follow any motion of the rest: it adds d to the rank of the
   Jacobian and r - d dimensions of free motion, and is set aside (the 0-extension of rigidity theory), repeatedly.

Learned factors are not generic: each step then looks at the vectors concerned, and leaves a vertex where it is if they
are not independent.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import qr

from matmend.completability.adjacency import SPAN, Adjacency, Ints
from matmend.completability.factors import Array

FREE, HELD, PEELED = 0, 1, 2


@dataclass(eq=False)
class Reduction:
    """The state of the three steps; vertices that are FREE at the end are the core.

    Attributes
    ----------
    adjacency : Adjacency
    factor : array, shape (m + n, r)
        Z = [U; V], rows of length 1.
    is_generic : bool
    state : int array, shape (m + n,)
        FREE, HELD or PEELED.
    rounds : list of int arrays
        Peeled vertices, in the order of peeling; those of one round lie on one side.
    nullity : int
        Dimension of the null space so far: r for every pin, and r - d for every peeled vertex.
    """

    adjacency: Adjacency
    factor: Array
    is_generic: bool
    state: NDArray[np.int8] = field(init=False)
    rounds: list[Ints] = field(default_factory=list)
    nullity: int = 0

    def __post_init__(self) -> None:
        size = self.adjacency.size
        self.state = np.full(size, FREE, dtype=np.int8)
        self._num_held = np.zeros(size, dtype=np.int64)  # held neighbours
        self.num_left = self.adjacency.degrees.copy()  # neighbours that are not peeled

    @property
    def rank(self) -> int:
        """The rank r of the matrices."""
        return self.factor.shape[1]

    def reduce(self, vertices: Ints) -> None:
        """Hold the vertices, then close and peel as far as it goes."""
        self._close(vertices)
        self._peel()

    def _close(self, vertices: Ints) -> None:
        while vertices.size:
            self.state[vertices] = HELD
            touched, times = self._tally(vertices)
            self._num_held[touched] += times
            ready = (self.state[touched] == FREE) & (self._num_held[touched] >= self.rank)
            vertices = self._confirmed(touched[ready], HELD, lambda _: self.rank)

    def _peel(self) -> None:
        rows_first = np.arange(self.adjacency.size) < self.adjacency.num_rows
        few = (self.state == FREE) & (self.num_left <= self.rank)
        waiting = [np.flatnonzero(few & rows_first), np.flatnonzero(few & ~rows_first)]
        side = 0
        while waiting[0].size or waiting[1].size:
            # vertices of one side are not neighbours of each other, so all of them go at once
            chosen = self._confirmed(np.unique(waiting[side]), None, lambda v: self.num_left[v])
            waiting[side] = chosen[:0]
            side = 1 - side
            if not chosen.size:
                continue
            self.state[chosen] = PEELED
            self.rounds.append(chosen)
            self.nullity += int(np.sum(self.rank - self.num_left[chosen]))
            touched, times = self._tally(chosen)
            self.num_left[touched] -= times
            ready = (self.state[touched] == FREE) & (self.num_left[touched] <= self.rank)
            waiting[side] = np.concatenate([waiting[side], touched[ready]])

    def _tally(self, vertices: Ints) -> tuple[Ints, Ints]:
        """Vertices next to the given ones, and to how many of them each."""
        found, _ = self.adjacency.neighbours(vertices)
        if found.size < self.adjacency.size // 4:
            return np.unique(found, return_counts=True)
        times = np.bincount(found, minlength=self.adjacency.size)
        touched = np.flatnonzero(times)
        return touched, times[touched]

    def _confirmed(self, vertices: Ints, counted: int | None, expected: Callable[[Ints], Ints | int]) -> Ints:
        """Keep those whose neighbours (held ones, or all that are not peeled) span the dimension expected."""
        if self.is_generic or not vertices.size:
            return vertices
        among = self.state != PEELED if counted is None else self.state == counted
        return vertices[self.adjacency.local_ranks(vertices, self.factor, among) == expected(vertices)]


def reduced(adjacency: Adjacency, factor: Array, labels: Ints, is_generic: bool) -> Reduction:
    """Pin every component, close and peel.

    Parameters
    ----------
    adjacency : Adjacency
    factor : array, shape (m + n, r)
        Z = [U; V], rows of length 1.
    labels : int array, shape (m + n,)
        Component of each vertex.
    is_generic : bool
        Whether any r rows of a factor may be taken for independent.

    Returns
    -------
    Reduction
    """
    reduction = Reduction(adjacency, factor, is_generic)
    pins = _pins(adjacency, labels, factor.shape[1]) if is_generic else _learned_pins(adjacency, labels, factor)
    reduction.nullity = pins.size * factor.shape[1]
    reduction.reduce(pins)
    return reduction


def _pins(adjacency: Adjacency, labels: Ints, rank: int) -> Ints:
    """Vertices of most neighbours, r on one side of every component; all of the larger side if none has r."""
    sides = (np.arange(adjacency.size) >= adjacency.num_rows).astype(np.int64)
    group = 2 * labels.astype(np.int64) + sides
    degrees = adjacency.degrees
    order = np.lexsort((-degrees, group))
    counts = np.bincount(group, minlength=2 * (int(labels.max()) + 1))
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    place = np.arange(order.size) - starts[group[order]]
    # the closure starts where pins share many neighbours: compare the r-th largest degrees of the two sides
    worst = np.full(counts.size, -1.0)
    is_last = place == rank - 1
    worst[group[order[is_last]]] = degrees[order[is_last]]
    score = np.where(counts >= rank, worst, counts / (adjacency.size + 1.0) - 2)
    best = np.repeat(2 * np.arange(counts.size // 2) + (score[1::2] > score[::2]), 2)
    return order[(place < rank) & (best[group[order]] == group[order])]


def _learned_pins(adjacency: Adjacency, labels: Ints, factor: Array) -> Ints:
    """Hold independent rows of U (or of V) in every component, as many as there are: pivoting finds them."""
    pins = [np.zeros(0, dtype=np.int64)]
    degrees = adjacency.degrees
    order = np.argsort(labels, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(labels[order])) + 1):
        best = members[:0]
        for side in (members[members < adjacency.num_rows], members[members >= adjacency.num_rows]):
            if not side.size:
                continue
            # a row of more neighbours starts a better closure; a tenth of independence is given up for it at most
            weights = 0.9 + 0.1 * degrees[side] / max(1, degrees[side].max())
            decomposition: Any = qr((factor[side] * weights[:, None]).T, mode="economic", pivoting=True)
            _, R, pivots = decomposition
            found = side[pivots[: np.count_nonzero(np.abs(np.diag(R)) > SPAN**0.5)]]
            if found.size > best.size or (found.size == best.size and _least(degrees, found) > _least(degrees, best)):
                best = found
        pins.append(best)
    return np.concatenate(pins)


def _least(degrees: Ints, vertices: Ints) -> int:
    return int(degrees[vertices].min(initial=np.iinfo(np.int64).max))
