"""A picture from its own patches: what stays, what is expected, and what is refused. Nearly all in one size: each size
of a picture is compiled for."""

from functools import partial

import numpy as np
import pytest
from scipy import ndimage

from matmend.datasets import load_sample
from matmend.masks import random_mask
from matmend.methods import registry
from matmend.methods.inpainting import complete_picture, completing
from matmend.methods.inpainting.completing import preset_for
from matmend.methods.inpainting.gaps import find_gaps
from matmend.methods.inpainting.presets import FAST, PRESETS

SHAPE = (48, 56)


def texture(shape=SHAPE, channels=None, seed=0):
    """Stripes that bend, and a little soft noise, roughly from 0 to 1; channels differ in brightness and phase."""
    y, x = np.indices(shape)
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 1.5)
    planes = [
        0.5 + 0.3 * np.sin((x + 0.3 * y) / 1.7 + k / 3) * np.cos(y / 9) + 0.1 * k + 0.3 * noise
        for k in range(channels or 1)
    ]
    return planes[0] if channels is None else np.stack(planes, axis=2)


def scattered(share, shape=SHAPE, seed=1):
    return np.random.default_rng(seed).random(shape) > share


def with_hole(mask):
    mask = mask.copy()
    mask[14:32, 20:40] = False
    return mask


fast = partial(complete_picture, preset="fast")
HALF = scattered(0.5)


def rmse(found, picture, mask):
    return float(np.sqrt(np.mean((np.asarray(found.picture, float) - picture)[~mask] ** 2)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("channels", [None, 1, 3])
def test_observed_pixels_stay_bit_for_bit_and_missing_ones_come_near(channels, dtype):
    picture = texture(channels=channels).astype(dtype)
    found = fast(picture, HALF)
    assert found.picture.dtype == dtype
    assert found.picture.shape == picture.shape
    assert found.picture[HALF].tobytes() == picture[HALF].tobytes()
    spread = picture[HALF].std()
    assert rmse(found, picture, HALF) < 0.35 * spread
    # Estimates stay within the range of what is observed.
    assert found.picture.min() == picture[HALF].min()
    assert found.picture.max() == picture[HALF].max()


def test_whole_numbers_are_taken_as_they_are():
    picture = np.round(255 * np.clip(texture(channels=3), 0, 1)).astype(np.uint8)
    found = fast(picture, HALF)
    assert found.picture.dtype == np.float32
    np.testing.assert_array_equal(found.picture[HALF], picture[HALF])
    by_hand = fast(picture.astype(np.float32), HALF)
    np.testing.assert_array_equal(found.picture, by_hand.picture)
    assert found.expected_rmse is not None
    assert 1 < found.expected_rmse < 60  # in levels


@pytest.mark.parametrize(("scale", "offset"), [(1e4, -3e6), (1e-5, 0.0), (40.0, 273.0)])
def test_any_range_will_do(scale, offset):
    picture = texture()
    plain, moved = fast(picture, HALF), fast(offset + scale * picture, HALF)
    np.testing.assert_allclose((moved.picture - offset) / scale, plain.picture, atol=2e-3)
    assert plain.expected_rmse is not None
    assert plain.expected_mae is not None
    assert moved.expected_rmse == pytest.approx(scale * plain.expected_rmse, rel=0.02)
    assert moved.expected_mae == pytest.approx(scale * plain.expected_mae, rel=0.02)


def test_nan_marks_missing_and_what_is_hidden_is_not_read():
    picture = texture(channels=3)
    by_mask = fast(picture, HALF)
    one_channel = picture.copy()
    one_channel[~HALF, 1] = np.nan
    by_nan = fast(one_channel)
    assert by_nan.picture.tobytes() == by_mask.picture.tobytes()
    assert by_nan.expected_rmse == by_mask.expected_rmse
    hidden = np.where(HALF[..., None], picture, 1e30)
    assert fast(hidden, HALF).picture.tobytes() == by_mask.picture.tobytes()


def test_a_single_missing_pixel():
    picture = texture()
    mask = np.ones(SHAPE, bool)
    mask[20, 31] = False
    found = fast(picture, mask)
    assert abs(found.picture - picture).max() < 0.1
    assert found.expected_rmse is not None
    np.testing.assert_array_equal(found.picture[mask], picture[mask])


def test_a_single_missing_pixel_of_a_picture_larger_than_what_is_judged(monkeypatch):
    """What is judged is a part in which something is missing."""
    monkeypatch.setattr(completing, "JUDGED_SIDE", 20)
    picture, mask = texture(), np.ones(SHAPE, bool)
    mask[45, 50] = False
    assert fast(picture, mask).expected_rmse is not None


@pytest.mark.parametrize("share", [0.9, 0.97])
def test_of_a_picture_that_is_nearly_gone_something_comes_back(share):
    picture, mask = texture(), scattered(share)
    found = fast(picture, mask)
    np.testing.assert_array_equal(found.picture[mask], picture[mask])
    assert np.isfinite(found.picture).all()
    floor = float(np.sqrt(np.mean((picture[mask].mean() - picture)[~mask] ** 2)))
    assert rmse(found, picture, mask) < 1.2 * floor


@pytest.mark.parametrize("shape", [(1, 5), (5, 1), (2, 2), (3, 30), (30, 2)])
def test_the_smallest_pictures(shape):
    picture = np.random.default_rng(0).random(shape)
    for hidden in ((-1, -1), (slice(1, None), slice(None)) if shape[0] > 1 else (0, slice(1, None))):
        mask = np.ones(shape, bool)
        mask[hidden] = False
        found = fast(picture, mask)
        assert np.isfinite(found.picture).all()
        np.testing.assert_array_equal(found.picture[mask], picture[mask])


def test_one_observed_pixel_says_all_there_is():
    mask = np.zeros(SHAPE, bool)
    mask[10, 10] = True
    found = fast(texture(), mask)
    np.testing.assert_array_equal(found.picture, texture()[10, 10])


@pytest.mark.parametrize("value", [0.0, 3.0, -1e6])
def test_a_constant_picture_is_constant(value):
    found = fast(np.full(SHAPE, value), with_hole(HALF))
    np.testing.assert_array_equal(found.picture, value)
    assert found.expected_rmse == 0
    assert found.expected_mae == 0


CASES = {
    "half": scattered(0.5),
    "a tenth": scattered(0.1),
    "a hole": with_hole(np.ones(SHAPE, bool)),
    "a hole and scattered pixels": with_hole(scattered(0.2)),
}


@pytest.mark.parametrize("channels", [None, 3])
@pytest.mark.parametrize("case", CASES)
def test_the_expected_error_is_about_the_true_one(case, channels):
    """A hole is judged by itself even where the judgement of scattered pixels has been made."""
    picture, mask = 255 * texture(channels=channels), CASES[case]
    found = fast(picture, mask)
    true = rmse(found, picture, mask)
    assert found.expected_rmse is not None
    assert true / 2 < found.expected_rmse < 2 * true
    true_mae = abs(found.picture - picture)[~mask].mean()
    assert found.expected_mae is not None
    assert true_mae / 2 < found.expected_mae < 2 * true_mae


def test_the_message_says_what_fills_what():
    picture = texture()
    thin, deep, both = (fast(picture, CASES[case]).message for case in list(CASES)[1:])
    assert thin == "scattered and thin gaps by Gaussians of 8 x 8 patches"
    assert deep.startswith("gap 1: ")
    assert FAST.deep[0].name in deep
    assert "expected mean absolute error" in deep
    assert both.startswith(f"{thin}; gap 1: ")


def test_same_seed_same_bits():
    picture, mask = texture(channels=3), CASES["a hole and scattered pixels"]
    one, other = fast(picture, mask, seed=3), fast(picture, mask, seed=3)
    assert one.picture.tobytes() == other.picture.tobytes()
    assert (one.expected_mae, one.expected_rmse, one.message) == (
        other.expected_mae,
        other.expected_rmse,
        other.message,
    )


def test_what_was_given_is_not_written_to():
    picture, mask = texture(), with_hole(HALF)
    given, given_mask = picture.copy(), mask.copy()
    picture.setflags(write=False)
    mask.setflags(write=False)
    found = fast(picture, mask)
    np.testing.assert_array_equal(picture, given)
    np.testing.assert_array_equal(mask, given_mask)
    assert not np.shares_memory(found.picture, picture)


@pytest.mark.parametrize(
    ("observed", "mask", "words"),
    [
        (np.ones(3), None, "matrix"),
        (np.ones((4, 4)), np.ones((4, 5), bool), "mask must have shape"),
        (np.ones((4, 4)), np.ones((4, 4), bool), "Nothing is missing"),
        (np.full((4, 4), np.nan), None, "Everything is missing"),
        (np.full((4, 4), np.inf), np.eye(4) < 1, "NaN or infinite"),
    ],
)
def test_what_cannot_be_used_is_refused(observed, mask, words):
    with pytest.raises(ValueError, match=words):
        complete_picture(observed, mask)


def test_an_unknown_preset_is_refused_before_any_work():
    with pytest.raises(ValueError, match="presets fast, best, got 'good'"):
        complete_picture(texture(), HALF, preset="good")  # pyright: ignore[reportArgumentType] - that is the test


def test_the_default_goes_by_the_size(monkeypatch):
    assert [preset_for(shape) for shape in ((512, 512), (513, 40), (40, 513, 3))] == ["best", "fast", "fast"]
    monkeypatch.setitem(PRESETS, "best", FAST)
    picture = texture()
    assert complete_picture(picture, HALF).picture.tobytes() == fast(picture, HALF).picture.tobytes()


def test_the_best_preset_mixes_candidates_and_is_no_worse():
    picture, mask = texture(), CASES["a hole"]
    best = complete_picture(picture, mask, preset="best")
    np.testing.assert_array_equal(best.picture[mask], picture[mask])
    assert np.isfinite(best.picture).all()
    assert rmse(best, picture, mask) < 1.2 * rmse(fast(picture, mask), picture, mask)
    assert "gap 1: " in best.message


class TestTiles:
    """A picture larger than a tile, with tiles made small."""

    shape = (80, 112)
    tile = 48

    @pytest.fixture
    def case(self):
        mask = scattered(0.4, self.shape)
        mask[30:48, 60:80] = False
        return texture(self.shape), mask

    @pytest.fixture
    def small_tiles(self, monkeypatch):
        def use():
            for name, pixels in (("TILE", self.tile), ("OVERLAP", 16), ("THIN_OVERLAP", 16)):
                monkeypatch.setattr(completing, name, pixels)
            monkeypatch.setattr(completing, "even_tile", lambda shape: self.tile)

        return use

    def test_no_seams(self, case, small_tiles):
        picture, mask = case
        whole = fast(picture, mask)
        small_tiles()
        told = []
        found = fast(picture, mask, on_part=[lambda done, total: told.append((done, total))])
        assert np.isfinite(found.picture).all()
        assert found.picture[mask].tobytes() == picture[mask].tobytes()
        assert len(told) >= 4
        assert told == [(k + 1, len(told)) for k in range(len(told))]
        error, error_whole = rmse(found, picture, mask), rmse(whole, picture, mask)
        assert error < 1.25 * error_whole
        apart = (found.picture - whole.picture)[~mask]
        assert np.sqrt(np.mean(apart**2)) < error_whole
        # From one column to the next nothing jumps more than in the untiled result, wherever tiles begin and end.
        jumps, jumps_whole = (np.abs(np.diff(x - picture, axis=1)).mean(axis=0) for x in (found.picture, whole.picture))
        assert jumps.max() < 1.5 * jumps_whole.max()

    def test_the_expected_error_is_about_the_true_one(self, case, small_tiles):
        small_tiles()
        picture, mask = case
        found = fast(picture, mask)
        true = rmse(found, picture, mask)
        assert found.expected_rmse is not None
        assert true / 2 < found.expected_rmse < 2 * true
        assert "gap 1" in found.message

    def test_tiles_without_gaps_are_not_counted(self, small_tiles):
        small_tiles()
        picture, mask = texture(self.shape), np.ones(self.shape, bool)
        mask[3, 4] = False
        told = []
        found = fast(picture, mask, on_part=[lambda done, total: told.append((done, total))])
        assert told == [(1, 1)]
        assert abs(found.picture - picture).max() < 0.15


def test_where_scattered_pixels_are_all_there_is_the_mixture_is_chosen_by_them():
    X = load_sample("camera", size=128)[10:106, 10:106]
    seen = random_mask(X.shape, 0.95, seed=0)
    assert len(find_gaps(seen).deep) == 1
    found = complete_picture(X, seen, preset="best")
    true = np.abs(found.picture - X)[~seen].mean()
    assert true < np.abs(registry["biharmonic"](X, seen).completed - X)[~seen].mean()
    assert found.expected_mae is not None
    assert 0.7 < found.expected_mae / true < 1.5
