"""The figure of what is observed: colours stand where the graph says."""

import numpy as np
import pytest

from matmend import plots
from matmend.completability import determinability
from matmend.graph import ObservationGraph
from matmend.plots import observed


def views(mask, rank, **options):
    graph = ObservationGraph.from_mask(mask)
    figure = plots.determinability(graph, determinability(graph, rank), **options)
    return [np.asarray(axes.images[0].get_array()) for axes in figure.axes[:3]]


def is_colour(view, colour):
    return np.isclose(view, colour).all(axis=-1)


def test_every_entry_has_the_colour_of_its_class():
    rng = np.random.default_rng(0)
    mask = np.zeros((12, 11), bool)
    mask[:5, :6] = rng.random((5, 6)) < 0.7
    mask[5:11, 6:10] = True
    graph = ObservationGraph.from_mask(mask)
    found = determinability(graph, 3)
    _, _, right = views(mask, 3)
    apart = graph.row_labels[:, None] != graph.col_labels[None, :]
    np.testing.assert_array_equal(is_colour(right, observed.OBSERVED_COLOUR), mask)
    np.testing.assert_array_equal(is_colour(right, observed.APART_COLOUR), apart)
    np.testing.assert_array_equal(is_colour(right, observed.DETERMINED_COLOUR), found.mask() & ~mask)
    assert is_colour(right, observed.OPEN_COLOUR).any()


def test_a_picture_shows_through_and_what_is_missing_is_painted():
    mask = np.ones((6, 8), bool)
    mask[2, 3] = mask[4] = False
    image = np.linspace(0, 1, 48).reshape(6, 8)
    left, middle, _ = views(mask, 1, image=image)
    np.testing.assert_allclose(left[mask], np.repeat(image[mask][:, None], 3, axis=1))
    np.testing.assert_array_equal(is_colour(left, plots.MISSING_COLOUR), ~mask)
    np.testing.assert_array_equal(is_colour(middle, observed.APART_COLOUR).all(axis=1), np.arange(6) == 5)  # comes last


def test_components_are_blocks_of_one_colour_in_the_order_of_their_size():
    mask = np.zeros((7, 7), bool)
    mask[np.ix_([0, 2], [1, 5])] = True
    mask[np.ix_([1, 3, 4, 5, 6], [0, 2, 3, 4, 6])] = True
    _, middle, _ = views(mask, 1)
    assert len(np.unique(middle[:5, :5].reshape(-1, 3), axis=0)) == 1
    assert len(np.unique(middle[5:, 5:].reshape(-1, 3), axis=0)) == 1
    assert (middle[:5, 5:] == 1).all()
    assert (middle[5:, :5] == 1).all()
    assert (middle[0, 0] != middle[6, 6]).any()


@pytest.mark.parametrize("shape", [(1000, 500), (30, 2000), (4000, 3)])
def test_cells_of_a_large_matrix_have_shares_as_colours(shape, monkeypatch):
    monkeypatch.setattr(observed, "CELLS", 50)
    rng = np.random.default_rng(0)
    mask = rng.random(shape) < 0.3
    mask[: shape[0] // 2, : shape[1] // 2] = True
    left, middle, right = views(mask, 1)
    assert left.shape == middle.shape == right.shape == (min(shape[0], 50), min(shape[1], 50), 3)
    for view in (left, middle, right):
        assert view.min() >= 0
        assert view.max() <= 1
    height, width = left.shape[:2]
    full = left[: height // 2, : width // 2, 0]
    np.testing.assert_allclose(full, 0, atol=1e-12)  # black: all observed
    assert left[height // 2 + 1 :, :, 0].mean() == pytest.approx(0.7, abs=0.03)


def test_most_entries_come_first_where_order_says_nothing():
    mask = np.tri(6, dtype=bool)
    left, _, _ = views(mask, 1, is_sorted=True)
    np.testing.assert_array_equal(left[..., 0] == 0, mask[::-1])
