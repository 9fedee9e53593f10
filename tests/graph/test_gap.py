"""The spectral gap, against closed forms and dense decompositions."""

import warnings

import numpy as np
import pytest
from _graphs import masks, path_mask, power_law_entries, ring_mask, side_by_side
from hypothesis import given, settings
from scipy import sparse

from matmend.graph import ObservationGraph, gap, spectral_gap


def dense_gap(mask):
    if min(mask.shape) < 2:
        return 1.0
    N = mask / np.sqrt(np.outer(mask.sum(axis=1), mask.sum(axis=0)))
    return 1 - np.linalg.svd(N, compute_uv=False)[1]


def hypercube_entries(d):
    """Vertices are the numbers below 2^d, of even parity as rows, and of odd parity as columns; edges flip one bit."""
    number = np.arange(2**d)
    parity = np.bitwise_count(number) % 2
    place = np.where(parity == 0, np.cumsum(parity == 0), np.cumsum(parity == 1)) - 1
    even = number[parity == 0]
    flipped = even[:, None] ^ (1 << np.arange(d))
    return np.repeat(place[even], d), place[flipped].ravel()


@pytest.mark.parametrize("is_dense", [True, False])
@pytest.mark.parametrize("n", [2, 3, 8, 30, 120])  # the last one needs restarts
def test_rings(n, is_dense, monkeypatch):
    monkeypatch.setattr(gap, "DENSE", 10**6 if is_dense else 0)
    assert spectral_gap(ObservationGraph.from_mask(ring_mask(n))) == pytest.approx(1 - np.cos(np.pi / n), abs=1e-7)


@pytest.mark.parametrize("num_vertices", [4, 7, 12])
def test_paths(num_vertices):
    expected = 1 - np.cos(np.pi / (num_vertices - 1))
    assert spectral_gap(ObservationGraph.from_mask(path_mask(num_vertices))) == pytest.approx(expected, abs=1e-12)


def test_a_hypercube_of_100_000_entries():
    d = 14
    graph = ObservationGraph.from_entries(*hypercube_entries(d))
    assert graph.shape == (2 ** (d - 1), 2 ** (d - 1))
    assert graph.num_observed == d * 2 ** (d - 1)
    assert spectral_gap(graph) == pytest.approx(2 / d, abs=1e-10)


def test_all_but_the_diagonal():
    n = 600
    assert n * n > gap.DENSE
    graph = ObservationGraph.from_mask(~np.eye(n, dtype=bool))
    assert spectral_gap(graph) == pytest.approx((n - 2) / (n - 1), abs=1e-9)


@pytest.mark.parametrize("shape", [(3, 4), (600, 500), (1, 9), (9, 1)])
def test_full_is_one(shape):
    assert spectral_gap(ObservationGraph.from_mask(np.ones(shape, dtype=bool))) == pytest.approx(1, abs=1e-7)


@pytest.mark.parametrize("is_dense", [True, False])
@settings(deadline=None, max_examples=80)
@given(mask=masks())
def test_gap_is_that_of_the_dense_matrix(mask, is_dense):
    graph = ObservationGraph.from_mask(mask)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gap, "DENSE", 10**6 if is_dense else 0)
        gaps = [spectral_gap(graph, p) for p in range(graph.num_components)]
        whole = spectral_gap(graph)
    for p, found in enumerate(gaps):
        block = mask[graph.row_labels == p][:, graph.col_labels == p]
        assert found == pytest.approx(dense_gap(block), abs=1e-7)
        assert 0 < found <= 1
    assert whole == (gaps[0] if graph.is_connected else 0)


def test_a_large_component_of_a_large_graph():
    m, n = 5000, 3000
    graph = ObservationGraph.from_entries(*power_law_entries(m, n, 60_000, seed=4), (m, n))
    largest = int(np.argmax(graph.components.num_entries))
    assert not graph.is_connected
    inside = graph.row_labels[graph.rows] == largest
    rows, cols = graph.rows[inside], graph.cols[inside]
    weights = 1 / np.sqrt(graph.row_degrees[rows] * graph.col_degrees[cols])
    sigma = sparse.linalg.svds(
        sparse.coo_array((weights, (rows, cols)), shape=(m, n)), k=2, return_singular_vectors=False, random_state=0
    )
    assert max(sigma) == pytest.approx(1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = spectral_gap(graph, largest, max_products=3000)
    assert found == pytest.approx(1 - min(sigma), abs=1e-8)
    assert found == spectral_gap(graph, largest, max_products=3000)  # to the bit


def test_a_gap_that_was_not_reached_is_an_upper_bound():
    n = 3000
    graph = ObservationGraph.from_entries(np.tile(np.arange(n), 2), np.append(np.arange(n), np.roll(np.arange(n), 1)))
    with pytest.warns(RuntimeWarning, match=r"only known to be at most .* after 50 products"):
        found = spectral_gap(graph, max_products=50)
    assert 1 - np.cos(np.pi / n) < found < 0.1


def test_a_weak_link_is_seen():
    blocks = [np.ones((10, 10), dtype=bool)] * 2
    mask = side_by_side(blocks)
    assert spectral_gap(ObservationGraph.from_mask(mask)) == 0
    mask[0, 10] = True
    one = spectral_gap(ObservationGraph.from_mask(mask))
    mask[:10, 10] = True
    assert 0 < one < 0.02 < spectral_gap(ObservationGraph.from_mask(mask))


def test_there_must_be_such_a_component():
    with pytest.raises(ValueError, match=r"expected a label in 0\.\.2, got 3"):
        spectral_gap(ObservationGraph.from_mask(np.eye(3, dtype=bool)), 3)
