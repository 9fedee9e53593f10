"""The numbers of a verdict that need no rank: what hangs together, and where the trouble is."""

import warnings
from typing import Any

import numpy as np

from matmend.bias import predict_bias
from matmend.graph import spectral_gap
from matmend.report.verdict.subject import Subject
from matmend.report.verdict.words import some, spans

LARGE = 2_000_000
"""Observed entries above which only what takes seconds is computed."""
SHOWN = 10
"""Most rows, columns and entries named in a list."""


def connectivity(subject: Subject) -> dict[str, Any]:
    """Return components, isolated rows and columns, and how many entries no rank determines.

    Missing entries between two components are determined at no rank; a fully unobserved row or column is a component of
    its own.
    """
    graph = subject.graph
    table = graph.components
    pairs = table.num_rows * table.num_cols
    order = np.lexsort((-pairs, -table.num_entries))
    order = order[~table.is_isolated[order]]
    (m, n), inside = graph.shape, int(pairs.sum())
    return {
        "class": graph.kind().value,
        "class_without_isolated": graph.kind(count_isolated=False).value,
        "components": graph.num_components,
        "components_with_entries": int(order.size),
        "isolated_rows": int(graph.isolated_rows.size),
        "isolated_cols": int(graph.isolated_cols.size),
        "between_components": m * n - inside,
        "largest": [
            {
                "rows": int(table.num_rows[p]),
                "cols": int(table.num_cols[p]),
                "entries": int(table.num_entries[p]),
                "density": float(table.density[p]),
                "a_row": subject.row_name(int(np.argmax(graph.row_labels == p))),
                "a_col": subject.col_name(int(np.argmax(graph.col_labels == p))),
            }
            for p in order[:SHOWN].tolist()
        ],
        "spectral_gap": None if graph.num_observed > LARGE else _gap(subject, int(order[0])),
    }


def _gap(subject: Subject, component: int) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # digits that nobody is shown
        return spectral_gap(subject.graph, component)


def trouble(subject: Subject) -> dict[str, Any]:
    """Return the rows, columns and entries that are isolated, hold things together, or have the fewest neighbours."""
    graph = subject.graph
    cuts = graph.cuts
    by_size = np.argsort(-cuts.bridge_sizes, kind="stable")
    return {
        "isolated_rows": named(subject, "row", graph.isolated_rows),
        "isolated_cols": named(subject, "col", graph.isolated_cols),
        "bridges": {
            "count": int(cuts.bridge_rows.size),
            "count_of_ends": int(np.count_nonzero(cuts.bridge_sizes == 1)),
            "examples": [
                {
                    "row": subject.row_name(int(cuts.bridge_rows[b])),
                    "col": subject.col_name(int(cuts.bridge_cols[b])),
                    "cuts_off": int(cuts.bridge_sizes[b]),
                }
                for b in by_size[:SHOWN]
            ],
        },
        "cut_rows": named(subject, "row", cuts.cut_rows),
        "cut_cols": named(subject, "col", cuts.cut_cols),
        "least_rows": _least(subject, "row", graph.row_degrees),
        "least_cols": _least(subject, "col", graph.col_degrees),
    }


def named(subject: Subject, side: str, positions: np.ndarray) -> dict[str, Any]:
    """Return how many rows ("row") or columns ("col") these are, what the first are called, and the list in words."""
    name, names = (subject.row_name, subject.row_names) if side == "row" else (subject.col_name, subject.col_names)
    examples = [name(int(i)) for i in positions[:SHOWN]]
    listed = spans(positions) if names is None else some(examples[:8], positions.size)
    return {"count": int(positions.size), "examples": examples, "listed": listed}


def _least(subject: Subject, side: str, degrees: np.ndarray) -> dict[str, Any]:
    """Return the least number of entries above 0 and who has it."""
    least = int(degrees[degrees > 0].min())
    positions = np.flatnonzero(degrees == least)
    return {"entries": least, **named(subject, side, positions)}


def bias(subject: Subject) -> dict[str, Any]:
    """Return what a factorization of two factors from a small initialization will tend to."""
    predicted = predict_bias(subject.graph, depth=2, init_scale=1e-3, optimizer="gradient_flow")
    return {"bias": predicted.bias.value, "reason": predicted.reason, "warnings": list(predicted.warnings)}
