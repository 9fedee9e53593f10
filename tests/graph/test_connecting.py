"""Entries that connect a mask."""

import numpy as np
from _graphs import masks, power_law_entries, side_by_side
from hypothesis import given, settings

from matmend.graph import ObservationGraph, connecting_entries


def with_entries(graph, rows, cols):
    return ObservationGraph.from_entries(
        np.concatenate([graph.rows, rows]), np.concatenate([graph.cols, cols]), graph.shape
    )


@settings(deadline=None, max_examples=200)
@given(masks())
def test_one_entry_less_than_there_are_components_connects_them(mask):
    graph = ObservationGraph.from_mask(mask)
    rows, cols = connecting_entries(graph)
    assert rows.size == cols.size == graph.num_components - 1
    assert not mask[rows, cols].any()
    assert list(zip(rows, cols, strict=True)) == sorted(set(zip(rows, cols, strict=True)))
    after = with_entries(graph, rows, cols)
    assert after.is_connected
    assert set(zip(rows, cols, strict=True)) <= set(zip(after.cuts.bridge_rows, after.cuts.bridge_cols, strict=True))


def test_a_large_mask_is_connected():
    graph = ObservationGraph.from_entries(*power_law_entries(30_000, 20_000, 60_000, seed=5), (30_000, 20_000))
    assert graph.num_components > 5000
    assert with_entries(graph, *connecting_entries(graph)).is_connected


def test_components_are_attached_where_most_is_known():
    large = np.array([[1, 1, 0], [1, 1, 1], [0, 0, 1], [0, 1, 1]], dtype=bool)  # most entries: row 1, columns 1 and 2
    small = np.array([[1, 0], [1, 1]], dtype=bool)  # most entries: row 1
    lone_row, lone_col = np.zeros((1, 0), dtype=bool), np.zeros((0, 1), dtype=bool)
    graph = ObservationGraph.from_mask(side_by_side([large, small, lone_row, lone_col]))
    rows, cols = connecting_entries(graph)
    assert list(zip(rows, cols, strict=True)) == [(1, 5), (5, 1), (6, 1)]
