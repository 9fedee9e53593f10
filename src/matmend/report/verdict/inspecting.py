"""All numbers of a verdict, put together."""

from typing import Any

from matmend.completability import Determinability
from matmend.report.verdict.findings import bias, connectivity, trouble
from matmend.report.verdict.ranks import Tell, ladder, largest_rank, observe_next, sensible_rank
from matmend.report.verdict.subject import Subject


def inspected(
    subject: Subject, rank: int | None = None, *, tell: Tell = lambda words: None
) -> tuple[dict[str, Any], Determinability]:
    """Return what can and what cannot be recovered from what is observed.

    Parameters
    ----------
    subject : Subject
    rank : int, optional
        Rank to look at closely; by default 10, in small matrices a quarter of the shorter side.
    tell : callable
        Is told what is being done.

    Returns
    -------
    dict
        Plain numbers, words and lists.
    Determinability
        That at the rank.

    Raises
    ------
    ValueError
        If there is no such rank.

    Examples
    --------
    >>> import numpy as np
    >>> from matmend.graph import ObservationGraph
    >>> mask = np.arange(42).reshape(6, 7) % 6 > 0
    >>> report, found = inspected(Subject("small.csv", "table", ObservationGraph.from_mask(mask)))
    >>> report["observed"], report["missing"], report["connectivity"]["components"], found.rank
    (35, 7, 1, 1)
    """
    graph = subject.graph
    smaller = min(graph.shape)
    chosen = sensible_rank(graph.shape) if rank is None else rank
    if not 1 <= chosen <= smaller:
        raise ValueError(f"--rank: expected 1 to {smaller}, the smaller side of {subject.name}, got {chosen}.")
    tell("components, bridges and cores")
    links, found_trouble = connectivity(subject), trouble(subject)
    rungs, found = ladder(subject, chosen, tell=tell)
    report = {
        "input": subject.name,
        "kind": subject.kind,
        "shape": list(graph.shape),
        "observed": graph.num_observed,
        "missing": subject.num_missing,
        "row_word": subject.row_word,
        "col_word": subject.col_word,
        "positions_from": 1,
        "notes": subject.notes,
        "rank": chosen,
        "connectivity": links,
        "trouble": found_trouble,
        "ranks": rungs,
        "largest_rank": largest_rank(subject, rungs, tell=tell),
        "observe_next": observe_next(subject, found, tell=tell),
        "bias": bias(subject),
    }
    return report, found
