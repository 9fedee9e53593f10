import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.measure import label, regionprops

from matmend.masks import dead_columns_mask, dust_mask, scratch_mask, text_mask

shapes = st.tuples(st.integers(1, 40), st.integers(1, 40))
seeds = st.integers(0, 2**32 - 1)
MAKERS = [
    lambda shape: scratch_mask(shape, seed=0),
    text_mask,
    lambda shape: dust_mask(shape, seed=0),
    lambda shape: dead_columns_mask(shape, seed=0),
]


def missing_share(mask):
    return np.count_nonzero(~mask) / mask.size


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("shape", [(3,), (3, 4, 3), (0, 4), (3, -1), (2.5, 4)])
def test_shape_must_be_two_positive_integers(make, shape):
    with pytest.raises(ValueError, match=r"shape: expected two positive integers"):
        make(shape)


@pytest.mark.parametrize("make", MAKERS)
def test_boolean_same_twice_and_neither_full_nor_empty(make):
    mask = make((120, 90))
    assert mask.shape == (120, 90)
    assert mask.dtype == np.bool_
    assert np.array_equal(mask, make((120, 90)))
    assert 0.5 < mask.mean() < 1


@pytest.mark.parametrize("make", [scratch_mask, dust_mask, dead_columns_mask])
def test_seeds_differ(make):
    assert not np.array_equal(make((90, 90), seed=1), make((90, 90), seed=2))


# scratches


def test_scratches_are_long_and_thin():
    mask = scratch_mask((200, 150), count=1, width=3, tilt=10, seed=4)
    (region,) = regionprops(label(~mask, connectivity=2))
    assert region.axis_major_length > 10 * region.axis_minor_length
    assert abs(np.rad2deg(region.orientation)) < 15
    assert scratch_mask((20, 30), count=0, seed=0).all()


@settings(deadline=None)
@given(shapes, st.integers(0, 4), st.floats(0, 90), seeds)
def test_more_scratches_hide_more_of_the_same_picture(shape, count, tilt, seed):
    fewer, more = (scratch_mask(shape, count=k, width=1, tilt=tilt, seed=seed) for k in (count, count + 1))
    assert not (more & ~fewer).any()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"count": -1}, "count: expected"),
        ({"count": 1.5}, "count: expected"),
        ({"width": 0.5}, "width: expected"),
        ({"width": 500}, "width: expected"),
        ({"tilt": 91}, "tilt: expected"),
    ],
)
def test_scratches_say_what_they_expect(options, words):
    with pytest.raises(ValueError, match=words):
        scratch_mask((30, 30), seed=0, **options)


# text


def test_text_runs_from_border_to_border_in_lines():
    mask = text_mask((128, 200), height=16, spacing=2)
    rows = (~mask).any(axis=1)
    assert np.count_nonzero(np.diff(rows.astype(int)) == 1) >= 4  # four lines with room between them
    columns = np.flatnonzero((~mask).any(axis=0))
    assert columns[0] < 20
    assert columns[-1] > 180
    assert 0.03 < missing_share(mask) < 0.3


def test_one_line_in_the_middle_and_bold_hides_more():
    thin, bold = (text_mask((60, 200), "matmend ", height=20, spacing=5, bold=k) for k in (0, 2))
    rows = np.flatnonzero((~thin).any(axis=1))
    assert 15 < rows[0] < rows[-1] < 45
    assert not (bold & ~thin).any()
    assert missing_share(bold) > 1.5 * missing_share(thin)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"text": "  "}, "text: expected"),
        ({"height": 3}, "height: expected"),
        ({"height": 12.5}, "height: expected"),
        ({"spacing": 0.5}, "spacing: expected"),
        ({"bold": -1}, "bold: expected"),
    ],
)
def test_text_says_what_it_expects(options, words):
    with pytest.raises(ValueError, match=words):
        text_mask((60, 60), **options)


def test_text_of_which_nothing_is_seen():
    with pytest.raises(ValueError, match="nothing of"):
        text_mask((1, 1), ".", height=100)


# dust


@settings(deadline=None)
@given(shapes, st.floats(0, 0.5), st.floats(1, 10), seeds)
def test_dust_hides_the_share_that_was_asked_for(shape, missing, size, seed):
    mask = dust_mask(shape, missing=missing, size=size, seed=seed)
    assert np.count_nonzero(~mask) == round(missing * mask.size)


def test_specks_are_small_and_apart():
    regions = regionprops(label(~dust_mask((300, 300), missing=0.01, size=6, seed=0), connectivity=2))
    assert len(regions) > 50
    assert max(region.area for region in regions) < 100
    assert sorted(region.area for region in regions)[len(regions) // 2] < 15


@pytest.mark.parametrize(
    ("options", "words"), [({"missing": 0.6}, "missing: expected"), ({"size": 0}, "size: expected")]
)
def test_dust_says_what_it_expects(options, words):
    with pytest.raises(ValueError, match=words):
        dust_mask((30, 30), seed=0, **options)


# dead columns


@settings(deadline=None)
@given(shapes, st.floats(0, 0.9), st.integers(1, 3), seeds)
def test_whole_columns_are_dead(shape, missing, width, seed):
    mask = dead_columns_mask(shape, missing=missing, width=min(width, shape[1]), partial=0.0, seed=seed)
    assert np.array_equal(mask.all(axis=0), mask.any(axis=0))
    assert np.count_nonzero(~mask[0]) == round(missing * shape[1])


def test_in_part_means_from_a_row_to_the_last():
    mask = dead_columns_mask((50, 100), missing=0.3, partial=1.0, seed=1)
    dead = ~mask[-1]
    assert np.count_nonzero(dead) == 30
    assert (np.diff(mask.astype(int), axis=0) <= 0).all()
    assert mask[0].sum() > 90
    wide = dead_columns_mask((5, 99), missing=1 / 3, width=3, partial=0.0, seed=1)
    runs = np.diff(np.flatnonzero(np.diff(np.concatenate([[True], wide[0], [True]]).astype(int))))[::2]
    assert (runs % 3 == 0).all()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"missing": 0.95}, "missing: expected"),
        ({"width": 0}, "width: expected"),
        ({"width": 31}, "width: expected"),
        ({"partial": 2}, "partial: expected"),
    ],
)
def test_dead_columns_say_what_they_expect(options, words):
    with pytest.raises(ValueError, match=words):
        dead_columns_mask((30, 30), seed=0, **options)
