"""Cores, against networkx and against what they say about completion."""

import networkx as nx
import numpy as np
import pytest
from _graphs import masks, power_law_entries, ring_mask, to_networkx
from hypothesis import given, settings
from hypothesis import strategies as st

from matmend.graph import ObservationGraph, cores


@settings(deadline=None, max_examples=200)
@given(masks())
def test_cores_are_those_of_networkx(mask):
    network, graph, m = to_networkx(mask), ObservationGraph.from_mask(mask), mask.shape[0]
    expected = nx.core_number(network)
    assert list(graph.core_numbers) == [expected[v] for v in range(sum(mask.shape))]
    for k in range(5):
        rows, cols = graph.core(k)
        assert [*rows, *(cols + m)] == sorted(nx.k_core(network, k))


@pytest.mark.parametrize("piece", [cores.PIECE, 50])
def test_cores_of_a_large_graph(piece, monkeypatch):
    monkeypatch.setattr(cores, "PIECE", piece)
    m, n = 3000, 2000
    rows, cols = power_law_entries(m, n, 30_000, seed=3)
    graph = ObservationGraph.from_entries(rows, cols, (m, n))
    network = nx.Graph()
    network.add_nodes_from(range(m + n))
    network.add_edges_from(zip(rows.tolist(), (m + cols).tolist(), strict=True))
    expected = nx.core_number(network)
    assert max(expected.values()) > 10
    assert list(graph.core_numbers) == [expected[v] for v in range(m + n)]


def test_known_cores():
    assert set(ObservationGraph.from_mask(ring_mask(6)).core_numbers) == {2}
    assert set(ObservationGraph.from_mask(np.ones((3, 7), dtype=bool)).core_numbers) == {3}
    rows, cols = ObservationGraph.from_mask(np.ones((3, 7), dtype=bool)).core(4)
    assert rows.size == cols.size == 0


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 2, 3]))
def test_what_is_outside_the_core_cannot_be_determined(seed, r):
    """The Jacobian row of such an entry is not a combination of those of the observed ones."""
    rng = np.random.default_rng(seed)
    m, n = rng.integers(r + 1, r + 5, 2)
    mask = rng.random((m, n)) < rng.uniform(0.3, 0.9)
    A, B = rng.standard_normal((m, r)), rng.standard_normal((r, n))
    J = np.zeros((m, n, (m + n) * r))
    for i, j in np.ndindex(m, n):
        J[i, j, i * r : (i + 1) * r] = B[:, j]
        J[i, j, (m + j) * r : (m + j + 1) * r] = A[i]
    rows, cols = ObservationGraph.from_mask(mask).core(r)
    inside = np.zeros_like(mask)
    inside[np.ix_(rows, cols)] = True
    rank = np.linalg.matrix_rank(J[mask]) if mask.any() else 0
    for i, j in np.argwhere(~mask & ~inside):
        assert np.linalg.matrix_rank(np.vstack([J[mask], J[i, j]])) == rank + 1
