import numpy as np
import pytest
from scipy import ndimage

from matmend.methods.inpainting.peeling import Peeling


def test_a_periodic_texture_is_restored_exactly():
    tile = np.random.default_rng(0).random((5, 7, 3)).astype(np.float32)
    X = np.tile(tile, (9, 7, 1))
    observed = np.ones(X.shape[:2], bool)
    observed[14:26, 18:33] = False
    filled = Peeling(neighbors=1, window=10)(X, observed)
    np.testing.assert_allclose(filled, X, atol=1e-6)


def by_hand(X, known, place, radius, neighbors, window, penalty):
    """One pixel: the same in loops."""
    found = []
    for y in range(place[0] - window, place[0] + window + 1):
        for x in range(place[1] - window, place[1] + window + 1):
            if not (0 <= y < X.shape[0] and 0 <= x < X.shape[1] and known[y, x]):
                continue
            distance = 0.0
            for i in range(-radius, radius + 1):
                for j in range(-radius, radius + 1):
                    p, q = (place[0] + i, place[1] + j), (y + i, x + j)
                    inside = [all(0 <= a < n for a, n in zip(r, known.shape, strict=True)) for r in (p, q)]
                    if not (inside[0] and known[p]):
                        continue
                    apart = ((X[p] - X[q]) ** 2).mean() if inside[1] and known[q] else penalty**2
                    distance += apart * np.exp(-(i**2 + j**2) / (2 * radius**2))
            found.append((distance, X[y, x]))
    return np.mean([value for _, value in sorted(found, key=lambda pair: pair[0])[:neighbors]], axis=0)


@pytest.mark.parametrize(("channels", "neighbors", "radius"), [(1, 3, 1), (3, 7, 2)])
def test_a_layer_is_the_mean_of_the_nearest_patches(channels, neighbors, radius):
    rng = np.random.default_rng(5)
    X = rng.random((14, 12, channels)).astype(np.float32)
    observed = rng.random((14, 12)) < 0.8
    filled = Peeling(radius, neighbors, 4, 0.2)(X, observed)
    first = np.logical_and(ndimage.binary_dilation(observed), ~observed)
    alone = np.argwhere(first)
    assert len(alone) > 20
    for place in alone:
        expected = by_hand(X, observed, tuple(place), radius, neighbors, 4, 0.2)
        np.testing.assert_allclose(filled[tuple(place)], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("settings", "word"),
    [({"radius": 0}, "radius"), ({"neighbors": 0}, "neighbors"), ({"window": 0.5}, "window"), ({"penalty": -1.0}, "p")],
)
def test_settings_out_of_range_are_refused(settings, word):
    with pytest.raises(ValueError, match=f"{word}.*: expected"):
        Peeling(**settings)
