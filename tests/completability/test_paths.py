"""Rank one by products along paths, and the variance of what several paths say."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matmend.completability import EntryClass, determined_entries, entry_classes, rank_one
from matmend.graph import ObservationGraph


def everywhere(shape):
    return tuple(index.ravel() for index in np.indices(shape))


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.sampled_from([0.1, 0.3, 0.6]), st.integers(0, 2**32 - 1))
def test_exact_where_determined_and_nan_elsewhere(m, n, density, seed):
    rng = np.random.default_rng(seed)
    mask = rng.random((m, n)) < density
    X = np.outer(*(np.exp(rng.normal(size=size)) * rng.choice([-1, 1], size) for size in (m, n)))
    graph = ObservationGraph.from_mask(mask)
    found = rank_one(graph, X[graph.rows, graph.cols])
    predicted = found.predict(*everywhere((m, n))).reshape(m, n)
    determined = determined_entries(mask, 1)
    np.testing.assert_array_equal(np.isfinite(predicted), determined)
    np.testing.assert_allclose(predicted[determined], X[determined], rtol=1e-9)
    assert found.num_conflicts == 0


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 6), st.integers(2, 6), st.integers(0, 2**32 - 1))
def test_zeros_are_zeros_of_whole_rows_or_columns(m, n, seed):
    rng = np.random.default_rng(seed)
    u, v = rng.integers(-2, 3, m).astype(float), rng.integers(-2, 3, n).astype(float)
    X, mask = np.outer(u, v), rng.random((m, n)) < 0.6
    graph = ObservationGraph.from_mask(mask)
    found = rank_one(graph, X[graph.rows, graph.cols])
    predicted = found.predict(*everywhere((m, n))).reshape(m, n)
    known = np.isfinite(predicted)
    np.testing.assert_allclose(predicted[known], X[known], rtol=1e-12, atol=0)
    assert found.num_conflicts == 0
    # where a zero entry meets a column that is not zero, the row is zero, in every column
    must = (mask & (X == 0))[:, (mask & (X != 0)).any(axis=0)].any(axis=1)
    assert (predicted[must] == 0).all()


def test_the_long_path_of_a_staircase():
    size = 300
    mask = np.eye(size, dtype=bool) | np.eye(size, k=1, dtype=bool)
    rng = np.random.default_rng(0)
    X = np.outer(rng.uniform(0.5, 2, size), rng.uniform(0.5, 2, size)) * np.sign(
        np.outer(np.arange(size) - 9.5, np.ones(size))
    )
    graph = ObservationGraph.from_mask(mask)
    found = rank_one(graph, X[graph.rows, graph.cols])
    np.testing.assert_allclose(found.predict([size - 1], [0]), X[size - 1, 0], rtol=1e-10)
    np.testing.assert_allclose(found.resistance([size - 1], [0]), [2 * size - 1], rtol=1e-9)
    assert np.isnan(found.log_variance)


@pytest.mark.parametrize("seed", range(3))
def test_resistance_is_that_of_the_network(seed):
    mask = np.random.default_rng(seed).random((6, 7)) < 0.5
    graph = ObservationGraph.from_mask(mask)
    found = rank_one(graph, np.ones(graph.num_observed))
    rows, cols = everywhere((6, 7))
    ours = found.resistance(rows, cols)
    network = nx.Graph()
    network.add_nodes_from(range(13))
    network.add_edges_from((int(i), 6 + int(j)) for i, j in zip(graph.rows, graph.cols, strict=True))
    for i, j, value in zip(rows.tolist(), cols.tolist(), ours, strict=True):
        if not nx.has_path(network, i, 6 + j):
            assert value == np.inf
            continue
        part = network.subgraph(nx.node_connected_component(network, i))
        assert value == pytest.approx(nx.resistance_distance(part, i, 6 + j), rel=1e-8)


def test_several_paths_average_the_noise_as_resistance_says():
    rng = np.random.default_rng(3)
    m, n, noise, repeats = 6, 5, 0.01, 200
    mask = rng.random((m, n)) < 0.7
    graph = ObservationGraph.from_mask(mask)
    assert graph.is_connected
    truth = np.outer(rng.uniform(1, 2, m), -rng.uniform(1, 2, n))
    i, j = np.nonzero(~mask)
    errors, variances = [], []
    resistance = rank_one(graph, truth[graph.rows, graph.cols]).resistance(i, j)
    for _ in range(repeats):
        values = truth[graph.rows, graph.cols] * np.exp(noise * rng.standard_normal(graph.num_observed))
        found = rank_one(graph, values)
        errors.append(np.log(found.predict(i, j) / truth[i, j]))
        variances.append(found.log_variance)
    ratio = np.mean(np.square(errors), axis=0) / (noise**2 * resistance)
    np.testing.assert_allclose(ratio, 1, atol=4.5 * np.sqrt(2 / repeats))
    redundant = graph.num_observed - (m + n - 1)
    assert np.mean(variances) == pytest.approx(noise**2, rel=4.5 * np.sqrt(2 / (redundant * repeats)))


def test_contradictions_are_counted():
    graph = ObservationGraph.from_mask(np.ones((2, 2), dtype=bool))
    assert rank_one(graph, [1, 1, 1, 0]).num_conflicts == 1
    assert rank_one(graph, [1, 1, 1, -1]).num_conflicts == 1
    assert rank_one(graph, [1, 1, -1, -1]).num_conflicts == 0


@pytest.mark.parametrize("values", [[1.0], [1.0, np.nan], [[1.0, 2.0]]])
def test_values_must_fit_the_graph(values):
    with pytest.raises(ValueError, match="values: expected 2 finite numbers"):
        rank_one(ObservationGraph.from_mask(np.eye(2, dtype=bool)), values)


def test_classes_of_entries_partition_the_matrix():
    mask = np.zeros((5, 6), dtype=bool)
    mask[:2, :2] = mask[2:4, 2:5] = True
    mask[0, 0] = False
    found = entry_classes(ObservationGraph.from_mask(mask), *everywhere((5, 6))).reshape(5, 6)
    expected = np.full((5, 6), EntryClass.CROSS_COMPONENT)
    expected[:2, :2] = expected[2:4, 2:5] = EntryClass.IN_COMPONENT
    expected[4] = expected[:, 5] = EntryClass.ISOLATED
    np.testing.assert_array_equal(found, expected)
