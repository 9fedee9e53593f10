import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.measure import label, regionprops

from matmend.masks import AIR_PATCHES, patch_mask, random_mask, scribble_mask, textural_mask

shapes = st.tuples(st.integers(1, 12), st.integers(1, 12))
seeds = st.integers(0, 2**32 - 1)
AIR_SEED = 20210909


# random


def test_random_mask_is_the_one_of_the_authors():
    mask = random_mask((240, 240), 0.3, seed=AIR_SEED)
    assert mask.dtype == np.bool_
    assert np.count_nonzero(~mask) == 17265


def test_random_mask_is_that_of_the_global_legacy_generator_which_it_leaves_alone():
    before = np.random.get_state()  # noqa: NPY002  the authors' script uses the legacy generator: it is the referee
    try:
        np.random.seed(AIR_SEED)  # noqa: NPY002  ditto
        mask = random_mask((30, 40), 0.3, seed=AIR_SEED)
        assert np.array_equal(mask, np.random.random((30, 40)) > 0.3)  # noqa: NPY002  ditto
    finally:
        np.random.set_state(before)  # noqa: NPY002  ditto


@settings(deadline=None)
@given(shapes, st.floats(0, 1), st.floats(0, 1), seeds)
def test_more_missing_means_fewer_observed_entries_of_the_same_draw(shape, p, q, seed):
    more, less = (random_mask(shape, rate, seed=seed) for rate in (max(p, q), min(p, q)))
    assert more.shape == shape
    assert not (more & ~less).any()


def test_random_mask_extremes_and_rate():
    assert random_mask((50, 50), 0.0, seed=0).all()
    assert not random_mask((50, 50), 1.0, seed=0).any()
    share = 1 - random_mask((400, 500), 0.7, seed=0).mean()
    assert abs(share - 0.7) < 4 * np.sqrt(0.7 * 0.3 / 200_000)


@pytest.mark.parametrize("missing", [-0.1, 1.5, 30, float("nan")])
def test_random_mask_asks_for_a_share(missing):
    with pytest.raises(ValueError, match=r"missing: expected a share in \[0, 1\]"):
        random_mask((3, 3), missing, seed=0)


@pytest.mark.parametrize("shape", [(3,), (3, 4, 3), (0, 4), (3, -1), (2.5, 4)])
@pytest.mark.parametrize("make", [lambda s: random_mask(s, 0.5, seed=0), patch_mask, scribble_mask])
def test_shape_must_be_two_positive_integers(make, shape):
    with pytest.raises(ValueError, match=r"shape: expected two positive integers"):
        make(shape)


# patches


def test_default_patches_hide_2100_pixels_where_the_paper_has_them():
    missing = ~patch_mask((240, 240))
    assert np.count_nonzero(missing) == 2100 == 30 * 40 + 30 * 30
    assert missing[70:100, 150:190].all()
    assert missing[200:230, 200:230].all()
    assert len(regionprops(label(missing))) == len(AIR_PATCHES)


def test_patches_may_overlap_and_be_none():
    assert np.count_nonzero(~patch_mask((5, 5), [((0, 3), (0, 3)), ((1, 4), (1, 4))])) == 9 + 9 - 4
    assert patch_mask((5, 5), []).all()


@pytest.mark.parametrize(
    "patch", [((0, 6), (0, 1)), ((-1, 2), (0, 1)), ((2, 2), (0, 1)), ((3, 1), (0, 1)), ((0, 1), (4, 8))]
)
def test_patches_must_lie_inside(patch):
    with pytest.raises(ValueError, match=r"within 5 rows and 7 columns, got rows"):
        patch_mask((5, 7), [patch])


def test_default_patches_do_not_fit_a_small_image():
    with pytest.raises(ValueError, match="need 230 x 230 at least"):
        patch_mask((128, 128))


# textural


def test_textural_mask_observes_pure_white_only():
    gray = np.arange(256, dtype=np.uint8).reshape(16, 16)
    mask = textural_mask(gray)
    assert np.count_nonzero(mask) == 1
    assert mask[15, 15]


@pytest.mark.parametrize(
    "gray", [np.ones((3, 3)), np.full((3, 3), 255), np.zeros((3, 3, 3), dtype=np.uint8), np.ones((3, 3), dtype=bool)]
)
def test_textural_mask_refuses_anything_but_8_bit_gray(gray):
    with pytest.raises(ValueError, match=r"gray: expected a uint8 array \(m, n\)"):
        textural_mask(gray)


# scribbles


@settings(deadline=None, max_examples=50)
@given(st.tuples(st.integers(1, 40), st.integers(1, 40)), st.floats(0, 0.95), st.integers(1, 5), seeds)
def test_scribble_mask_hides_the_share_asked_for_and_repeats(shape, missing, thickness, seed):
    mask = scribble_mask(shape, missing=missing, thickness=thickness, seed=seed)
    assert mask.shape == shape
    assert mask.dtype == np.bool_
    assert np.count_nonzero(~mask) == round(missing * mask.size)
    assert np.array_equal(mask, scribble_mask(shape, missing=missing, thickness=thickness, seed=seed))


@pytest.mark.parametrize("thickness", [1, 2, 3, 4])
def test_scribbles_are_connected_strokes_of_the_given_thickness(thickness):
    missing = ~scribble_mask((120, 160), missing=0.002 * thickness, thickness=thickness, seed=3)
    assert len(regionprops(label(missing, connectivity=2))) <= 5  # random dots of this share would make dozens
    runs = np.lib.stride_tricks.sliding_window_view(missing, (thickness, thickness)).all(axis=(2, 3))
    assert runs.any() or thickness >= 4  # a round brush of diameter 4 lacks the corners of a square
    wider = np.lib.stride_tricks.sliding_window_view(missing, (4 * thickness, 4 * thickness)).all(axis=(2, 3))
    assert not wider.any()


def test_scribbles_differ_by_seed_and_run_through_all_quarters():
    first, second = ~scribble_mask((200, 200)), ~scribble_mask((200, 200), seed=1)
    assert not np.array_equal(first, second)
    quarters = first.reshape(2, 100, 2, 100).mean(axis=(1, 3))
    assert (quarters > 0.01).all()


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"missing": 0.99}, r"missing: expected a share in \[0, 0.95\]"),
        ({"missing": -0.1}, r"missing: expected a share in \[0, 0.95\]"),
        ({"thickness": 0}, r"thickness: expected a whole number of pixels >= 1"),
        ({"thickness": 1.5}, r"thickness: expected a whole number of pixels >= 1"),
    ],
)
def test_scribble_mask_says_what_is_wrong(settings_, message):
    with pytest.raises(ValueError, match=message):
        scribble_mask((20, 20), **settings_)
