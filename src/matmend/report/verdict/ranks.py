"""The numbers of a verdict that belong to a rank: what is determined, up to where, what is to be added."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from matmend.completability import Determinability, advise, determinability, upper_bound_rank
from matmend.graph import ObservationGraph, connecting_entries
from matmend.report.verdict.findings import LARGE, SHOWN, named
from matmend.report.verdict.subject import Subject

BUDGET = 15.0
"""Seconds after which no further rank is looked at."""
UNKNOWNS = 3000
"""Unknowns of a dense factorization: more would take more than some seconds."""
OPERATIONS = 1e9
"""Most multiplications of an iteration at one rank, which stands in where a factorization would be too large."""
LARGEST_OF_LARGE = 20
"""Rank beyond which large masks are not looked at: factors and their products would take gigabytes."""
LADDER = (1, 2, 3, 5, 10, 20, 50, 100, 200, 500)

Tell = Callable[[str], None]


def sensible_rank(shape: tuple[int, int]) -> int:
    """Return the rank to look at if none is given: 10, in small matrices a quarter of the shorter side.

    Examples
    --------
    >>> sensible_rank((943, 1682)), sensible_rank((20, 30)), sensible_rank((4, 4))
    (10, 5, 1)
    """
    return max(1, min(10, min(shape) // 4))


def ladder(subject: Subject, rank: int, *, tell: Tell) -> tuple[list[dict[str, Any]], Determinability]:
    """Look at several ranks, that of interest first, while time remains.

    Parameters
    ----------
    subject : Subject
    rank : int
    tell : callable
        Is told what is being done.

    Returns
    -------
    list of dict
        One for each rank, ascending. ``can_rows`` and ``can_cols`` count the rows and columns that have as many entries
        as the rank, once all others are taken away: outside of these nothing that is missing is determined. So
        ``at_most`` is an upper bound for ``determined``, the share of what is missing that is determined, which is None
        where time did not suffice.
    Determinability
        That at `rank`.
    """
    graph, begun = subject.graph, time.monotonic()
    highest = min(*graph.shape, max(rank, int(graph.core_numbers.max(initial=1))))
    ranks = sorted({rank, *(r for r in LADDER if r <= highest)})
    tell(f"what is determined at rank {rank}")
    found = at_rank(graph, rank)
    rungs = {rank: _rung(subject, found)}
    for r in ranks:
        if r in rungs:
            continue
        if r == 1:
            rungs[r] = _rank_one(subject)
        elif time.monotonic() - begun < BUDGET and (graph.num_observed <= LARGE or r < rank):
            tell(f"what is determined at rank {r}")
            rungs[r] = _rung(subject, at_rank(graph, r))
        else:
            rungs[r] = _bounds(subject, r)
    return [rungs[r] for r in ranks], found


def at_rank(graph: ObservationGraph, rank: int) -> Determinability:
    """Return what is determined at a rank, as far as seconds allow; if they do not, it is not settled."""
    steps = int(np.clip(OPERATIONS / (graph.num_observed * rank**2), 1, 2000))
    return determinability(graph, rank, exact_limit=UNKNOWNS, max_iterations=steps)


def _bounds(subject: Subject, rank: int) -> dict[str, Any]:
    graph = subject.graph
    rows, cols = graph.core(rank)
    is_row, is_col = np.zeros(graph.shape[0], bool), np.zeros(graph.shape[1], bool)
    is_row[rows], is_col[cols] = True, True
    of_rows, of_cols = (
        np.bincount(labels, minlength=graph.num_components).astype(np.int64)
        for labels in (graph.row_labels[rows], graph.col_labels[cols])
    )
    hidden = int(of_rows @ of_cols) - int(np.count_nonzero(is_row[graph.rows] & is_col[graph.cols]))
    is_any = rank >= min(graph.shape)  # any values complete the matrix at full rank: nothing is determined
    at_most = 0.0 if is_any or not subject.num_missing else hidden / subject.num_missing
    return {
        "rank": rank, "completable": None, "deficit": None, "determined": None, "is_sampled": False, "at_most": at_most,
        "can_rows": int(rows.size), "can_cols": int(cols.size), "is_exact": None,
    }  # fmt: skip


def _rank_one(subject: Subject) -> dict[str, Any]:
    """Rank 1 needs no linear algebra: determined is what lies within a component."""
    bounds, deficit = _bounds(subject, 1), subject.graph.num_components - 1
    inside = int(subject.graph.components.num_rows @ subject.graph.components.num_cols)
    share = (inside - subject.graph.num_observed) / subject.num_missing if subject.num_missing else 1.0
    return bounds | {"completable": deficit == 0, "deficit": deficit, "determined": share, "is_exact": True}


def _rung(subject: Subject, found: Determinability) -> dict[str, Any]:
    bounds = _bounds(subject, found.rank)
    if not found.is_settled:
        return bounds
    m, n = subject.graph.shape
    share = 1.0 if found.is_completable or not subject.num_missing else found.share()
    return bounds | {
        "completable": found.is_completable,
        "deficit": found.deficit if found.is_counted else None,
        "determined": share,
        "is_sampled": not found.is_completable and m * n > 1_000_000,
        "is_exact": found.is_exact,
    }


def largest_rank(subject: Subject, rungs: list[dict[str, Any]], *, tell: Tell) -> dict[str, Any]:
    """Return the largest rank at which all of the largest component is determined, and what keeps it from being larger.

    Parameters
    ----------
    subject : Subject
    rungs : list of dict
        What [`ladder`][] found, which is not looked at again.
    tell : callable

    Returns
    -------
    dict
        ``at_least`` and ``at_most``, which are equal unless time did not suffice; ``rows`` and ``cols`` of that
        component; ``holding_back``: rows and columns with too few entries for one rank more, once others like them are
        taken away.
    """
    tell("the largest rank at which everything is determined")
    main, rows, cols = main_part(subject.graph)
    begun = time.monotonic()
    known, top = 1, upper_bound_rank(main)
    if subject.graph.is_connected:  # what is determined at one rank is so at all lower ones
        known = max([known, *(rung["rank"] for rung in rungs if rung["completable"])])
        top = min([top, *(rung["rank"] - 1 for rung in rungs if rung["completable"] is False)])
    ceiling = tried = top  # the bound is often reached: it comes first, then halves of what is between
    while known < ceiling and time.monotonic() - begun < BUDGET / 2:
        found = at_rank(main, tried if main.num_observed <= LARGE else min(tried, LARGEST_OF_LARGE))
        if found.is_completable:
            known = found.rank
        else:
            ceiling = found.rank - 1
            top = ceiling if found.is_settled else top
        tried = (known + ceiling + 1) // 2
    (m, n), numbers = main.shape, main.core_numbers
    weak = (numbers <= top) & (top < min(m, n))
    return {
        "at_least": known,
        "at_most": top,
        "rows": int(rows.size),
        "cols": int(cols.size),
        "holding_back": {
            "rows": named(subject, "row", rows[weak[:m]]),
            "cols": named(subject, "col", cols[weak[m:]]),
        },
    }


def main_part(graph: ObservationGraph) -> tuple[ObservationGraph, np.ndarray, np.ndarray]:
    """Return the component with most entries as a graph of its own, and its rows and columns."""
    if graph.is_connected:
        return graph, np.arange(graph.shape[0]), np.arange(graph.shape[1])
    p = int(np.argmax(graph.components.num_entries))
    rows, cols = np.flatnonzero(graph.row_labels == p), np.flatnonzero(graph.col_labels == p)
    is_in = graph.row_labels[graph.rows] == p
    i, j = np.searchsorted(rows, graph.rows[is_in]), np.searchsorted(cols, graph.cols[is_in])
    return ObservationGraph.from_entries(i, j, (rows.size, cols.size)), rows, cols


def observe_next(subject: Subject, found: Determinability, *, tell: Tell) -> dict[str, Any]:
    """Return entries to be observed next: those that connect, then those that raise the rank of the Jacobian.

    Returns
    -------
    dict
        ``connecting``: how many entries connect the mask; ``needed``: how many at least determine everything at the
        rank looked at, None if that was not counted; ``entries``: the first of both, by name.
    """
    graph, rank = subject.graph, found.rank
    connecting = graph.num_components - 1
    needed = found.deficit if found.is_settled and found.is_counted else None
    is_quick = graph.num_observed <= LARGE and found.is_settled and (found.is_exact or needed == 0)
    if needed == 0:
        rows = cols = np.zeros(0, dtype=np.int64)
    elif is_quick:
        tell("what to observe next")
        advice = advise(graph, rank, SHOWN)
        rows, cols = advice.rows, advice.cols
    else:
        rows, cols = (index[:SHOWN] for index in connecting_entries(graph))
    names = [
        {"row": subject.row_name(int(i)), "col": subject.col_name(int(j)), "connects": k < connecting}
        for k, (i, j) in enumerate(zip(rows, cols, strict=True))
    ]
    return {"rank": rank, "connecting": connecting, "needed": needed, "entries": names}
