import numpy as np
import pytest

from matmend.methods.inpainting.coarse import CoarseFirst, halved
from matmend.methods.inpainting.gaussians import PatchGaussians

SMALL = PatchGaussians(size=4, stride=2, neighbors=24, window=6, rounds=2, searches=(0,))


def test_halved_is_the_mean_of_four_and_observed_from_two_on():
    picture = np.arange(16, dtype=np.float32).reshape(4, 4, 1)
    observed = np.ones((4, 4), bool)
    observed[0, :2] = False
    observed[2:, 2:] = False
    small, known = halved(picture, observed)
    np.testing.assert_allclose(small[..., 0], [[4.5, 4.5], [10.5, 12.5]], atol=0.01)
    assert known.tolist() == [[True, True], [True, False]]


@pytest.mark.parametrize("levels", [1, 2])
@pytest.mark.parametrize("shape", [(24, 24), (25, 30), (3, 5), (2, 2)])
def test_any_size_is_filled(shape, levels):
    rng = np.random.default_rng(0)
    picture, observed = rng.random((*shape, 3), dtype=np.float32), np.ones(shape, bool)
    observed[shape[0] // 3 :, shape[1] // 3 :] = False
    observed[-1, -1] = True
    filled = CoarseFirst(SMALL, SMALL, levels)(picture, observed)
    assert filled.shape == picture.shape
    assert np.all(np.isfinite(filled))
    assert np.array_equal(filled[observed], picture[observed])


def test_without_deep_gaps_it_is_the_fine_filler():
    """Where at least two of every four pixels are observed, the small picture has no gap."""
    rng = np.random.default_rng(0)
    picture, observed = rng.random((20, 20, 1), dtype=np.float32), np.ones((20, 20), bool)
    observed[::2, ::2] = False
    assert np.array_equal(CoarseFirst(SMALL, SMALL)(picture, observed), SMALL(picture, observed))


def test_a_wide_gap_in_a_slow_texture():
    i, j = np.arange(64)[:, None], np.arange(64)
    picture = (0.5 + 0.3 * np.sin(np.pi * (i + j) / 8)).astype(np.float32)[..., None]
    observed = np.ones((64, 64), bool)
    observed[22:42, 24:40] = False
    plain = PatchGaussians(size=6, stride=3, neighbors=60)
    coarse = CoarseFirst(PatchGaussians(size=6, stride=2, neighbors=60), plain)
    errors = [np.abs(filler(picture, observed) - picture)[~observed].mean() for filler in (plain, coarse)]
    assert errors[1] < 0.02
    assert errors[1] < errors[0]


def test_at_least_one_level():
    with pytest.raises(ValueError, match="at least 1, got 0"):
        CoarseFirst(SMALL, SMALL, levels=0)
