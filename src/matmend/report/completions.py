"""From a completed picture or table to its report."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from matmend.graph import ObservationGraph
from matmend.io import Ratings
from matmend.report import judging, learning, outcome, ratings
from matmend.report.contents import Report
from matmend.report.verdict import Subject

LARGEST_LEARNED = 2**24
"""Entries of a learned Laplacian above which it is not shown."""


def of_completion(
    completion: Any,
    observed: NDArray[Any],
    mask: ArrayLike | None,
    *,
    title: str,
    kind: str | None,
    names: outcome.Names,
    notes: Sequence[str],
    num_bytes: int | None,
    scores: Sequence[Any],
    reason: str,
    measure: str,
    column_errors: ArrayLike | None,
    intervals: Any,
    verdict: bool,
    rank: int | None,
    command: str,
    seed: int | None,
    facts: Mapping[str, str],
    tell: Callable[[str], None],
) -> Report:
    """Make the report; [`Report.of_completion`][matmend.report.Report.of_completion] says what is what."""
    array = floating(observed)
    seen = np.asarray(completion.mask if mask is None else mask, dtype=bool)
    if array.shape != completion.completed.shape or seen.shape != array.shape[:2]:
        raise ValueError(
            f"Expected an array of shape {completion.completed.shape} like the completion, and a mask of its first two "
            f"axes, got {array.shape} and {seen.shape}: give what the method was given."
        )
    for side, called in enumerate(names):
        if called is not None and len(called) != seen.shape[side]:
            which = ("rows", "columns")[side]
            raise ValueError(f"Expected {seen.shape[side]} names of {which}, one for each, got {len(called)}.")
    data = outcome.Data.of(array, seen, kind, names)
    parts: dict[str, Any] = {
        "given": outcome.given(data, notes=notes, num_bytes=num_bytes, facts=facts),
        "result": outcome.result(completion, data, column_errors),
        "choice": judging.choice(completion.method, completion.settings, completion, reason, seed),
        "again": outcome.again(command, seed),
    }
    if verdict:
        image = array if data.is_picture else None
        graph, word = ObservationGraph.from_mask(seen), "picture" if data.is_picture else "table"
        subject = Subject(title, word, graph, row_names=names[0], col_names=names[1], image=image)
        parts["verdict"] = judging.verdict(subject, rank, tell)
    tell("curves and singular values")
    parts["training"] = learning.training(completion.record, completion.step if completion.steps else None)
    whole = np.asarray(completion.X_hat)
    flat = whole if whole.ndim == 2 else whole.transpose(0, 2, 1).reshape(len(whole), -1)
    parts["spectrum"] = learning.spectrum(flat, is_standardised=data.has_units)
    tell("learned graphs")
    learned = {name: L for name, L in completion.laplacians.items() if np.size(L) <= LARGEST_LEARNED}
    parts["graphs"] = learning.graphs(learned, names, ("row", "column"))
    if intervals is not None:
        parts["intervals"] = judging.intervals(intervals, data)
    if scores:
        parts["comparison"] = judging.comparison(scores, measure)
    return Report(title=title, is_partial=completion.is_partial, **parts)


def of_comparison(
    scores: Sequence[Any],
    observed: Any,
    mask: ArrayLike | None,
    *,
    title: str,
    kind: str | None,
    measure: str,
    left_out: Mapping[str, str],
    num_bytes: int | None,
    command: str,
    seed: int | None,
) -> Report:
    """Make the report; [`Report.of_comparison`][matmend.report.Report.of_comparison] says what is what."""
    if not scores:
        raise ValueError("Expected the scores of one method at least, got none: compare some first.")
    pictures: list[Any] = []
    if isinstance(observed, Ratings):
        given = ratings.given(observed, ("user", "item"), (), num_bytes)
    else:
        array = floating(np.asarray(observed))
        is_known = ~np.isnan(array) if array.ndim == 2 else ~np.isnan(array).any(axis=2)
        seen = np.asarray(is_known if mask is None else mask, dtype=bool)
        data = outcome.Data.of(array, seen, kind, (None, None))
        given = outcome.given(data, notes=(), num_bytes=num_bytes, facts={})
        pictures = outcome.made_by(scores, data)
    found = judging.comparison(scores, measure, left_out=left_out, pictures=pictures)
    return Report(title=title, given=given, comparison=found, again=outcome.again(command, seed))


def floating(array: NDArray[Any]) -> NDArray[Any]:
    """Return floating-point data as they are, and anything else as float64."""
    return array if np.issubdtype(array.dtype, np.floating) else array.astype(np.float64)
