import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from matmend.patches import Lines, box_sums, corners_of, most_neighbors, nearest, patches_at


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 8])
def test_box_sums_are_those_of_a_uniform_filter(size):
    x = np.random.default_rng(0).random((8, 13))
    middle = size // 2  # of the box that the filter centres on a pixel
    means = ndimage.uniform_filter(x, size)[middle : middle + 9 - size, middle : middle + 14 - size]
    expected = size**2 * means
    np.testing.assert_allclose(box_sums(x, size), expected, rtol=1e-12)


def test_corners_cover_every_pixel_and_end_at_the_border():
    seen = np.zeros((11, 14), int)
    for i, j in corners_of(seen.shape, 4, 3):
        assert seen[i : i + 4, j : j + 4].shape == (4, 4)
        seen[i : i + 4, j : j + 4] += 1
    assert seen.min() == 1


def test_patches_are_read_row_by_row():
    found = patches_at(jnp.arange(30.0), 6, jnp.asarray([[0, 9]], jnp.int32), 2)
    assert found.tolist() == [[[0, 1, 6, 7], [9, 10, 15, 16]]]


def brute_force(planes, weights, corner, size, window):
    """Distances to all patches in the window, by their places."""
    h, w = weights.shape
    i, j = corner
    found = {}
    for a in range(max(0, i - window), min(h - size, i + window) + 1):
        for b in range(max(0, j - window), min(w - size, j + window) + 1):
            here, there = (np.s_[..., k : k + size, m : m + size] for k, m in ((i, j), (a, b)))
            both = weights[here] * weights[there]
            found[a * w + b] = np.sum(both * np.sum((planes[here] - planes[there]) ** 2, axis=0)) / (both.sum() + 1e-6)
    return found


@pytest.mark.parametrize(("channels", "size", "window"), [(1, 3, 4), (3, 2, 3), (2, 4, 20)])
def test_nearest_are_those_of_brute_force(channels, size, window):
    rng = np.random.default_rng(0)
    planes, weights = rng.random((channels, 12, 15)), rng.choice([0.1, 1.0], (12, 15))
    corners = corners_of((12, 15), size, 2)  # those at the borders, too
    count = min(9, most_neighbors((12, 15), size, window))
    neighbors, distances = nearest(
        Lines.of(planes), Lines.of(weights[None]), corners, size=size, window=window, count=count
    )
    for corner, places, found in zip(corners, np.asarray(neighbors), np.asarray(distances), strict=True):
        expected = brute_force(planes, weights, corner, size, window)
        np.testing.assert_allclose(found, sorted(expected.values())[:count], rtol=1e-10, atol=1e-14)
        np.testing.assert_allclose(found, [expected[int(k)] for k in places], rtol=1e-10, atol=1e-14)
        assert places[0] == corner[0] * 15 + corner[1]
        assert len(set(places.tolist())) == count


def test_what_is_not_trusted_does_not_count():
    x = np.zeros((1, 1, 6))
    x[0, 0, 3:] = 7
    weights = Lines.of(np.array([[[1.0, 1, 1, 0, 0, 0]]]))
    _, distances = nearest(Lines.of(x), weights, np.zeros((1, 2), np.int32), size=1, window=5, count=6)
    assert distances.tolist() == [[0.0] * 6]


@pytest.mark.parametrize("shape", [(9, 14), (4, 30)])
def test_most_neighbors_is_the_number_at_a_corner(shape):
    weights = np.ones(shape)
    for window in (1, 3, 40):
        assert most_neighbors(shape, 4, window) == len(brute_force(weights[None], weights, (0, 0), 4, window))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: box_sums(np.ones((3, 9)), 4), "4 x 4 do not fit into 3 x 9"),
        (lambda: corners_of((3, 9), 4, 1), "4 x 4 do not fit into a picture of 3 x 9"),
        (
            lambda: nearest(
                Lines.of(np.ones((1, 4, 4))),
                Lines.of(np.ones((1, 4, 4))),
                np.zeros((1, 2), np.int32),
                size=2,
                window=1,
                count=5,
            ),
            "4 patches of 2 x 2 are within 1, got count=5",
        ),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
