"""Bridges, cut vertices and blocks, against networkx and against what they mean."""

import networkx as nx
import numpy as np
import pytest
from _graphs import masks, path_mask, power_law_entries, ring_mask, side_by_side, to_networkx
from hypothesis import given, settings

from matmend.graph import ObservationGraph, components


def check_against_networkx(graph, network):
    m, cuts = graph.shape[0], graph.cuts
    bridges = sorted((min(edge), max(edge) - m) for edge in nx.bridges(network))
    assert list(zip(cuts.bridge_rows, cuts.bridge_cols, strict=True)) == bridges
    points = sorted(nx.articulation_points(network))
    assert [*cuts.cut_rows, *(cuts.cut_cols + m)] == points
    assert cuts.num_blocks == len(list(nx.biconnected_components(network)))
    return bridges


@settings(deadline=None, max_examples=300)
@given(masks())
def test_cuts_are_those_of_networkx(mask):
    network = to_networkx(mask)
    graph = ObservationGraph.from_mask(mask)
    bridges = check_against_networkx(graph, network)
    for (i, j), size in zip(bridges, graph.cuts.bridge_sizes, strict=True):
        v = mask.shape[0] + j
        network.remove_edge(i, v)
        assert size == min(len(nx.node_connected_component(network, u)) for u in (i, v))
        network.add_edge(i, v)


@settings(deadline=None)
@given(masks())
def test_losing_an_entry_disconnects_exactly_at_bridges(mask):
    graph = ObservationGraph.from_mask(mask)
    bridges = set(zip(graph.cuts.bridge_rows, graph.cuts.bridge_cols, strict=True))
    for entry in list(zip(*np.nonzero(mask), strict=True))[:10]:
        fewer = mask.copy()
        fewer[entry] = False
        lost = ObservationGraph.from_mask(fewer).num_components - graph.num_components
        assert lost == (entry in bridges)


@pytest.mark.parametrize("piece", [components.PIECE, 100])
def test_cuts_of_a_large_graph(piece, monkeypatch):
    monkeypatch.setattr(components, "PIECE", piece)
    m, n, num_draws = (6000, 4000, 40_000) if piece > 100 else (300, 200, 900)
    rows, cols = power_law_entries(m, n, num_draws, seed=2)
    graph = ObservationGraph.from_entries(rows, cols, (m, n))
    network = nx.Graph()
    network.add_edges_from(zip(rows.tolist(), (m + cols).tolist(), strict=True))
    assert len(check_against_networkx(graph, network)) > 50


def test_a_tree_of_100_000_levels():
    n = 50_000
    rows, cols = np.arange(n), np.arange(n)
    cuts = ObservationGraph.from_entries(np.append(rows, rows[1:]), np.append(cols, cols[:-1]), (n, n)).cuts
    assert cuts.bridge_rows.size == cuts.num_blocks == 2 * n - 1
    assert np.array_equal(
        np.sort(cuts.bridge_sizes), np.sort(np.minimum(np.arange(1, 2 * n), 2 * n - np.arange(1, 2 * n)))
    )
    assert cuts.cut_rows.size == cuts.cut_cols.size == n - 1  # all but the two ends, a row and a column


def test_two_rings_on_a_string():
    mask = side_by_side([ring_mask(3), path_mask(2), ring_mask(4)])
    assert ObservationGraph.from_mask(mask).cuts.num_blocks == 3
    mask[0, 3] = mask[3, 4] = True  # ring - column 3 - row 3 - ring
    cuts = ObservationGraph.from_mask(mask).cuts
    assert list(zip(cuts.bridge_rows, cuts.bridge_cols, cuts.bridge_sizes, strict=True)) == [
        (0, 3, 6),
        (3, 3, 7),
        (3, 4, 8),
    ]
    assert (list(cuts.cut_rows), list(cuts.cut_cols)) == ([0, 3], [3, 4])
    assert cuts.num_blocks == 5


def test_a_fully_observed_matrix_has_no_cuts():
    cuts = ObservationGraph.from_mask(np.ones((3, 4), dtype=bool)).cuts
    assert cuts.bridge_rows.size == cuts.cut_rows.size == cuts.cut_cols.size == 0
    assert cuts.num_blocks == 1
