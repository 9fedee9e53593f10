"""Heat maps, charts and the order of a learned graph."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from matmend.report.charts import Chart, Line, drawn, log_ticks, ticks
from matmend.report.clustering import clustered, most_alike, similarity
from matmend.report.images import heat, photo

finite = st.floats(-1e9, 1e9)


@given(finite, finite)
def test_ticks_hold_what_is_drawn(a, b):
    low, high = min(a, b), max(a, b)
    places, (first, last) = ticks(low, high)
    slack = 1e-6 * max(abs(low), abs(high), 1e-300)
    assert first - slack <= low
    assert high <= last + slack
    assert first < last
    assert 2 <= len(places) <= 9


@given(st.floats(-12, 12), st.floats(0, 12))
def test_ticks_by_factors_hold_what_is_drawn(low, width):
    places, (first, last) = log_ticks(low, low + width)
    assert first <= low + 1e-8
    assert low + width <= last + 1e-8
    assert first < last
    assert 2 <= len(places) <= 15


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), max_size=20), st.booleans())
def test_any_curve_can_be_drawn(values, is_log):
    line = Line.of("loss", np.arange(len(values)), values, is_log=is_log)
    svg = drawn(Chart("", "a curve", (line,), "step", "loss", is_log=is_log))
    assert "nan" not in svg
    assert "inf" not in svg
    assert svg.startswith("<svg")


def test_a_long_line_keeps_its_ends():
    line = Line.of("loss", np.arange(10_000), np.arange(10_000.0))
    assert len(line.x) <= 400
    assert (line.x[0], line.x[-1]) == (0.0, 9999.0)


def pixels(image):
    return np.asarray(Pillow.open(io.BytesIO(image.png)))


def test_a_heat_map_is_brighter_where_values_are_greater():
    shown = pixels(heat(np.arange(9.0).reshape(3, 3), alt="ramp")).astype(int).sum(axis=2).ravel()
    assert (np.diff(shown) > 0).all()


def test_missing_entries_are_painted():
    X = np.array([[0.0, np.nan], [np.nan, 1.0]])
    red = tuple(np.round(255 * np.array([0.85, 0.10, 0.35])).astype(int))
    shown = pixels(heat(X, alt="gaps"))
    assert tuple(shown[0, 1]) == red
    assert tuple(shown[1, 0]) == red
    assert tuple(shown[0, 0]) != red


@pytest.mark.parametrize("X", [np.full((3, 4), np.nan), np.full((3, 4), 2.0), np.ones((1, 1))])
def test_flat_and_empty_matrices_have_a_heat_map(X):
    assert heat(X, alt="flat").size == X.shape[::-1]


def test_large_ones_are_means():
    X = np.kron(np.array([[0.0, 1.0], [1.0, 0.0]]), np.ones((50, 50)))
    assert (pixels(heat(X, alt="blocks", most=2)) == pixels(heat([[0.0, 1.0], [1.0, 0.0]], alt="blocks"))).all()
    assert photo(np.ones((2000, 1000, 3)), alt="white").size == (256, 512)
    assert (pixels(photo(np.ones((2000, 1000)), alt="white")) == 255).all()


@pytest.mark.parametrize("seed", range(3))
def test_planted_groups_are_found(seed):
    rng = np.random.default_rng(seed)
    group = rng.permutation(np.repeat(np.arange(3), [5, 8, 11]))
    S = np.where(group[:, None] == group, 1.0, 1e-4) * np.exp(rng.normal(0, 0.2, (24, 24)))
    order, found = clustered(similarity(np.diag(np.full(24, 30.0)) - S))
    assert sorted(order) == list(range(24))
    assert np.count_nonzero(np.diff(group[order])) == 2
    assert len({*zip(group.tolist(), found.tolist(), strict=True)}) == 3
    assert (np.diff(found[order]) >= 0).all()


@pytest.mark.parametrize("k", [1, 2, 3])
def test_tiny_graphs_and_graphs_without_edges_keep_their_order(k):
    order, groups = clustered(np.zeros((k, k)))
    assert order.tolist() == list(range(k))
    assert groups.tolist() == [0] * k


def test_the_pairs_most_alike():
    S = np.array([[0, 2, 0], [2, 0, 5], [0, 5, 0]], float)
    assert most_alike(S, ["a", "b", "c"]) == [("b", "c", 5.0), ("a", "b", 2.0)]
