from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from matmend.methods.inpainting import gaussians
from matmend.methods.inpainting.gaussians import PatchGaussians

QUICK = PatchGaussians(size=4, stride=2, neighbors=24, window=6, rounds=3, searches=(0, 1))


def texture(h, w):
    """Waves of eight pixels, the same in every period."""
    i, j = np.arange(h)[:, None], np.arange(w)
    return (0.5 + 0.2 * np.sin(np.pi * i / 4) + 0.2 * np.cos(np.pi * (i + j) / 4)).astype(np.float32)[..., None]


def with_gaps(shape, part=0.3, seed=0):
    return np.random.default_rng(seed).random(shape) >= part


def spoiled(picture, observed):
    """What is missing must not be read."""
    return np.where(observed[..., None], picture, np.float32(1e6))


def test_a_repeated_texture_comes_back():
    picture, observed = texture(40, 48), np.ones((40, 48), bool)
    observed[16:22, 20:27] = False
    filled = PatchGaussians(size=8, stride=4, neighbors=30)(spoiled(picture, observed), observed)
    assert np.abs(filled - picture).max() < 0.02
    assert np.abs(filled - picture)[~observed].mean() < 0.005


def test_it_is_far_better_than_its_start():
    i, j = np.arange(48)[:, None], np.arange(48)
    picture = (0.5 + 0.4 * np.sin(np.pi * (3 * i + 5 * j) / 8)).astype(np.float32)[..., None]
    observed, method = with_gaps((48, 48)), PatchGaussians(neighbors=60)
    error, first = (np.abs(f(picture, observed) - picture)[~observed].mean() for f in (method, method.start))
    assert error < first / 5


def test_observed_pixels_stay_and_the_range_is_kept():
    rng = np.random.default_rng(0)
    picture, observed = rng.random((20, 23, 3), dtype=np.float32), with_gaps((20, 23))
    before = picture.copy()
    filled = QUICK(picture, observed)
    assert filled.dtype == np.float32
    assert np.array_equal(filled[observed], picture[observed])
    assert np.array_equal(picture, before)
    assert np.all(filled <= picture[observed].max(axis=0))
    assert np.all(filled >= picture[observed].min(axis=0))


def test_missing_pixels_are_not_read():
    picture, observed = texture(20, 22), with_gaps((20, 22))
    assert np.array_equal(QUICK(picture, observed), QUICK(spoiled(picture, observed), observed))


def test_threads_do_not_change_a_bit(monkeypatch):
    rng = np.random.default_rng(0)
    picture, observed = rng.random((30, 31, 1), dtype=np.float32), with_gaps((30, 31))
    monkeypatch.setattr(gaussians, "MANY", 1)  # several parts
    found = []
    for cores in (1, 3):
        with ThreadPoolExecutor(cores) as pool:
            monkeypatch.setattr(gaussians, "workers", lambda pool=pool: pool)
            found.append(QUICK(picture, observed))
    assert np.array_equal(*found)


def test_the_parts_do_not_matter(monkeypatch):
    picture, observed = texture(30, 31), with_gaps((30, 31))
    expected = QUICK(picture, observed)
    monkeypatch.setattr(gaussians, "MANY", 1)
    np.testing.assert_allclose(QUICK(picture, observed), expected, rtol=0, atol=1e-5)


def test_gray_stored_as_colour_is_as_gray():
    picture, observed = texture(24, 24), with_gaps((24, 24))
    gray, colour = QUICK(picture, observed), QUICK(np.repeat(picture, 3, axis=2), observed)
    np.testing.assert_allclose(colour, np.repeat(gray, 3, axis=2), rtol=0, atol=2e-4)


def test_colours_keep_to_one_another():
    """Where the channels go together, they do so in the gaps."""
    gray, observed = texture(32, 32), with_gaps((32, 32))
    picture = np.concatenate([gray, 1 - gray, 0.5 * gray], axis=2)
    filled = QUICK(picture, observed)
    assert np.abs(filled - picture).max() < 0.1
    np.testing.assert_allclose(filled[..., 1], 1 - filled[..., 0], rtol=0, atol=1e-3)


@pytest.mark.parametrize("shape", [(2, 2), (1, 9), (3, 3), (3, 30), (5, 4), (9, 17)])
def test_small_pictures(shape):
    picture, observed = texture(*shape), with_gaps(shape, 0.3, seed=1)
    observed[0, 0] = True
    filled = QUICK(picture, observed)
    assert np.all(np.isfinite(filled))
    assert np.array_equal(filled[observed], picture[observed])


def test_the_start_stays_where_no_patch_fits():
    picture, observed = texture(2, 7), np.array([[True] * 6 + [False]] * 2)
    assert np.array_equal(QUICK(picture, observed), QUICK.start(picture, observed))


@pytest.mark.parametrize("part", [0.9, 0.99])
def test_few_observed_pixels(part):
    picture, observed = texture(24, 24), with_gaps((24, 24), part)
    observed[3, 4] = True
    assert np.all(np.isfinite(QUICK(picture, observed)))


def test_nothing_missing():
    picture = texture(12, 12)
    filled = QUICK(picture, np.ones((12, 12), bool))
    assert np.array_equal(filled, picture)
    assert filled is not picture


def test_flat_pictures_stay_flat():
    picture = np.full((20, 20, 3), 0.25, np.float32)
    assert np.array_equal(QUICK(picture, with_gaps((20, 20))), picture)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": 0, "stride": 0}, "at least 1, got 0"),
        ({"size": 4, "stride": 5}, "4 with a stride of 5 leave pixels out"),
        ({"searches": (1, 3)}, r"put 0 into searches, got \(1, 3\)"),
        ({"ridge": (0.0, 1e-4)}, "ridge is positive"),
        ({"trust": 2.0}, "trust from 0 to 1"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        PatchGaussians(**settings)


def test_methods_print_and_compare():
    assert PatchGaussians(size=6) == PatchGaussians(6) != PatchGaussians()
    assert "size=6" in repr(PatchGaussians(size=6))
