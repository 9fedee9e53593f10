"""Building observation graphs; components; the three classes of masks."""

import itertools
import tracemalloc
from collections import Counter
from math import comb
from typing import Any

import networkx as nx
import numpy as np
import pytest
from _graphs import masks, power_law_entries, side_by_side, to_networkx
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.sparse import csgraph

from matmend.graph import MaskClass, ObservationGraph, components

NAN = np.nan
CLASSES = (MaskClass.CONNECTED, MaskClass.COMPLETE_BIPARTITE, MaskClass.OTHER)


def ints(values, dtype: Any = np.int32) -> Any:
    return np.array(values, dtype=dtype)


def same(a, b):
    return a.shape == b.shape and np.array_equal(a.rows, b.rows) and np.array_equal(a.cols, b.cols)


@settings(deadline=None)
@given(masks(), st.integers(0, 2**32 - 1))
def test_all_ways_to_build_a_graph_agree(mask, seed):
    graph = ObservationGraph.from_mask(mask)
    rng = np.random.default_rng(seed)
    rows, cols = np.nonzero(mask)
    assert graph.shape == mask.shape
    assert graph.rows.dtype == graph.cols.dtype == np.int32
    assert np.array_equal(graph.rows, rows)  # numpy lists them by row, then by column
    assert np.array_equal(graph.cols, cols)
    assert np.array_equal(graph.row_degrees, mask.sum(axis=1))
    assert np.array_equal(graph.col_degrees, mask.sum(axis=0))
    assert np.array_equal(graph.isolated_rows, np.flatnonzero(~mask.any(axis=1)))
    assert np.array_equal(graph.isolated_cols, np.flatnonzero(~mask.any(axis=0)))
    assert same(graph, ObservationGraph.from_array(np.where(mask, rng.standard_normal(mask.shape), NAN)))
    pick = rng.permutation(np.concatenate([np.arange(rows.size), rng.integers(0, max(rows.size, 1), rows.size)]))
    assert same(graph, ObservationGraph.from_entries(rows[pick], cols[pick], mask.shape))
    for kind in (sparse.csc_array, sparse.coo_matrix):
        assert same(graph, ObservationGraph.from_sparse(kind(mask.astype(float))))
    assert same(graph, ObservationGraph(mask.shape, graph.rows, graph.cols))


def test_entries_give_the_smallest_shape_and_stored_zeros_are_observed():
    graph = ObservationGraph.from_entries(np.array([4, 0, 4], dtype=np.uint8), [1, 6, 1])
    assert (graph.shape, graph.num_observed) == ((5, 7), 2)
    assert ObservationGraph.from_sparse(sparse.coo_array(([0.0], ([1], [1])), shape=(3, 2))).num_observed == 1
    assert ObservationGraph.from_entries([], [], (2, 3)).num_components == 5
    assert ObservationGraph.from_array(np.zeros((2, 3), dtype=int)).num_observed == 6


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: ObservationGraph.from_mask(np.ones((2, 2))), "mask: expected a bool array .* got float64"),
        (lambda: ObservationGraph.from_mask(np.ones(3, dtype=bool)), r"mask: expected a bool array .* got bool \(3,\)"),
        (lambda: ObservationGraph.from_mask(np.ones((0, 3), dtype=bool)), "expected two positive integers"),
        (lambda: ObservationGraph.from_array([["a"]]), "X: expected an array of numbers"),
        (lambda: ObservationGraph.from_array([1.0, NAN]), "X: expected an array of numbers"),
        (lambda: ObservationGraph.from_entries([0], [0, 1]), "one common length"),
        (lambda: ObservationGraph.from_entries([], []), r"pass shape=\(m, n\)"),
        (lambda: ObservationGraph.from_entries([0.0], [1.0]), "integers counted from 0, got dtypes float64"),
        (lambda: ObservationGraph.from_entries([0, -1], [0, 0]), "count from 0, got some down to -1"),
        (lambda: ObservationGraph.from_entries([2], [0], (2, 2)), "rows up to 2"),
        (lambda: ObservationGraph.from_entries([0], [0], (2, 0)), "expected two positive integers"),
        (lambda: ObservationGraph.from_entries([2**31], [0]), "at most 2147483647 rows and columns together"),
        (lambda: ObservationGraph.from_sparse(np.eye(2)), "Expected a sparse matrix of scipy"),
        (lambda: ObservationGraph((2, 2), ints([0], np.int64), ints([0], np.int64)), "expected int32 arrays"),
        (lambda: ObservationGraph((2, 2), ints([1, 0]), ints([0, 0])), "from_entries sorts any list"),
        (lambda: ObservationGraph((2, 2), ints([1, 1]), ints([1, 1])), "without repetition"),
        (lambda: ObservationGraph((2, 2), ints([0, 1]), ints([2, 0])), "indices within 2 x 2"),
        (lambda: ObservationGraph((2, 2), ints([-1, 1]), ints([0, 0])), "indices within 2 x 2"),
    ],
)
def test_bad_input_is_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


@settings(deadline=None)
@given(masks())
def test_components_are_those_of_networkx(mask):
    graph, m = ObservationGraph.from_mask(mask), mask.shape[0]
    found = list(nx.connected_components(to_networkx(mask)))
    labels = np.concatenate([graph.row_labels, graph.col_labels])
    assert labels.dtype == np.int32
    assert graph.num_components == len(found) == labels.max() + 1
    for label, vertices in enumerate(sorted(found, key=min)):  # numbered by their first vertices
        assert set(np.flatnonzero(labels == label)) == vertices
        rows, cols = [v for v in vertices if v < m], [v - m for v in vertices if v >= m]
        block = mask[np.ix_(rows, cols)]
        table = graph.components
        assert (table.num_rows[label], table.num_cols[label]) == block.shape
        assert table.num_entries[label] == block.sum()
        assert table.density[label] == (block.mean() if block.size else 1)
        assert table.is_complete[label] == block.all()
        assert table.is_isolated[label] == (len(vertices) == 1)
    assert graph.is_connected == (len(found) == 1)


def test_components_found_in_pieces_are_the_same(monkeypatch):
    rows, cols = power_law_entries(400, 300, 900, seed=0)
    graph = ObservationGraph.from_entries(rows, cols, (400, 300))
    monkeypatch.setattr(components, "PIECE", 7)
    again = ObservationGraph(graph.shape, graph.rows, graph.cols)
    assert 20 < graph.num_components < 500
    assert np.array_equal(graph.labels, again.labels)


def orbits(d):
    """Masks of d x d up to the order of rows and columns: {mask as bits: how many there are like it}."""
    place = np.arange(d * d).reshape(d, d)
    every = np.arange(2 ** (d * d), dtype=np.int64)
    least = every.copy()
    for p in itertools.permutations(range(d)):
        for q in itertools.permutations(range(d)):
            new = np.zeros_like(every)
            for source, target in enumerate(place[np.ix_(p, q)].ravel()):
                new |= ((every >> source) & 1) << int(target)
            np.minimum(least, new, out=least)
    return dict(zip(*np.unique(least, return_counts=True), strict=True))


def counts_by_class(d, **settings):
    """{number of entries: (connected, complete bipartite, other)} over all masks of d x d."""
    counts = Counter()
    for bits, how_many in orbits(d).items():
        mask = ((bits >> np.arange(d * d)) & 1).astype(bool).reshape(d, d)
        counts[mask.sum(), ObservationGraph.from_mask(mask).kind(**settings)] += how_many
    return {n: tuple(int(counts[n, kind]) for kind in CLASSES) for n in range(d * d + 1)}


def test_classes_of_all_4_by_4_masks():
    counts = counts_by_class(4)
    assert all(sum(counts[n]) == comb(16, n) for n in range(17))
    expected = {
        7: (4**3 * 4**3, 96, 7248),  # connected: the spanning trees of K_{4,4}
        8: (8424, 78, 4368),
        9: (9552, 16, 1872),
        10: (7464, 16, 528),
        11: (4272, 0, 96),
        12: (1812, 8, 0),
    } | {n: (comb(16, n), 0, 0) for n in range(13, 17)}
    assert {n: counts[n] for n in expected} == expected


def test_classes_of_all_3_by_3_masks_with_5_entries():
    assert counts_by_class(3)[5] == (81, 9, 36)
    # The 36 have 5 of the 6 entries of two rows or of two columns: connected where the third does not count.
    assert counts_by_class(3, count_isolated=False)[5] == (81 + 36, 9, 0)


def test_a_mask_without_entries_is_disconnected():
    graph = ObservationGraph.from_mask(np.zeros((2, 3), dtype=bool))
    assert graph.kind() == graph.kind(count_isolated=False) == MaskClass.COMPLETE_BIPARTITE


@settings(deadline=None)
@given(masks())
def test_leaving_out_isolated_vertices_is_cutting_them_off(mask):
    if not mask.any():
        return
    kept = mask[mask.any(axis=1)][:, mask.any(axis=0)]
    assert ObservationGraph.from_mask(mask).kind(count_isolated=False) == ObservationGraph.from_mask(kept).kind()


def test_nothing_of_the_size_of_the_matrix_is_formed():
    m, n = 100_000, 50_000  # 5 GB as a mask
    rows, cols = power_law_entries(m, n, 100_000, seed=1)
    tracemalloc.start()
    graph = ObservationGraph.from_entries(rows, cols, (m, n))
    assert graph.num_components > 1000
    assert graph.cuts.num_blocks > 1000
    assert graph.core_numbers.max() > 2
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50e6
    adjacency = sparse.coo_array((np.ones(rows.size), (rows, m + cols)), shape=(m + n, m + n))
    num, labels = csgraph.connected_components(adjacency, directed=False)
    assert graph.num_components == num
    assert len(np.unique(graph.labels * np.int64(num) + labels)) == num  # the same partition


def test_text():
    graph = ObservationGraph.from_mask(side_by_side([np.ones((1, 2), dtype=bool)] * 2))
    assert repr(graph) == "ObservationGraph(2 x 4, 4 observed)"
    assert graph.kind().value == "disconnected, every component complete"
