"""Held-out entries: a part of the observed ones, at random or in the shape of what is missing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.ndimage import distance_transform_edt
from skimage.measure import label

from matmend.masks import holdout_split, matched_holdout, patch_mask, random_mask, scribble_mask

shapes = st.tuples(st.integers(1, 12), st.integers(1, 12))
seeds = st.integers(0, 2**32 - 1)
AIR_SEED = 20210909
observed_masks = hnp.arrays(np.bool_, shapes)
fractions = st.floats(0.01, 0.99)


def spare_entries(mask):
    """Observed entries that are not the only one of their row or column."""
    return mask & (mask.sum(axis=1, keepdims=True) > 1) & (mask.sum(axis=0, keepdims=True) > 1)


@settings(deadline=None, max_examples=300)
@given(observed_masks, fractions, seeds)
def test_holdout_is_a_partition_that_empties_no_row_or_column(mask, fraction, seed):
    before = mask.copy()
    if not spare_entries(mask).any():
        with pytest.raises(ValueError, match="mask: expected an entry whose row and column have others"):
            holdout_split(mask, fraction, seed=seed)
        return
    train, heldout = holdout_split(mask, fraction, seed=seed)
    assert np.array_equal(mask, before)
    assert np.array_equal(train | heldout, mask)
    assert not (train & heldout).any()
    for axis in (0, 1):
        assert np.array_equal(train.any(axis=axis), mask.any(axis=axis))
    num_asked = max(1, round(fraction * np.count_nonzero(mask)))
    num_held = np.count_nonzero(heldout)
    assert 1 <= num_held <= num_asked
    if num_held < num_asked:
        assert not spare_entries(train).any()  # no further entry could have been held out
    again = holdout_split(mask, fraction, seed=seed)
    assert np.array_equal(again[0], train)
    assert np.array_equal(again[1], heldout)


def test_holdout_of_an_image_mask_has_exactly_the_share_asked_for():
    mask = random_mask((240, 240), 0.3, seed=AIR_SEED)
    train, heldout = holdout_split(mask, 0.1, seed=0)
    assert np.count_nonzero(heldout) == round(0.1 * np.count_nonzero(mask))
    assert not np.array_equal(heldout, holdout_split(mask, 0.1, seed=1)[1])
    assert np.count_nonzero(train) + np.count_nonzero(heldout) == np.count_nonzero(mask)


def test_every_entry_of_a_full_matrix_is_held_out_equally_often():
    num_draws, fraction = 2000, 0.25
    full = np.ones((4, 4), dtype=bool)
    counts = sum(holdout_split(full, fraction, seed=seed)[1].astype(int) for seed in range(num_draws))
    spread = np.sqrt(num_draws * fraction * (1 - fraction))
    assert np.abs(counts - num_draws * fraction).max() < 4.5 * spread


def test_holdout_stops_where_each_column_keeps_its_last_entry():
    train, heldout = holdout_split(np.ones((2, 30), dtype=bool), 0.9, seed=0)
    assert np.count_nonzero(heldout) == 30  # of 54 asked for
    assert (train.sum(axis=0) == 1).all()
    assert train.any(axis=1).all()


@pytest.mark.parametrize("mask", [np.eye(4, dtype=bool), np.zeros((3, 3), dtype=bool), np.ones((1, 5), dtype=bool)])
def test_holdout_refuses_when_every_entry_is_needed(mask):
    with pytest.raises(ValueError, match="hold out nothing"):
        holdout_split(mask, 0.5, seed=0)


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.2, 10, float("nan")])
@pytest.mark.parametrize("split", [holdout_split, matched_holdout])
def test_holdout_asks_for_a_fraction(split, fraction):
    with pytest.raises(ValueError, match=r"fraction: expected a share in \(0, 1\)"):
        split(np.ones((3, 3), dtype=bool), fraction, seed=0)


@pytest.mark.parametrize("mask", [np.ones((3, 3)), np.ones(3, dtype=bool), np.ones((2, 2, 3), dtype=bool)])
@pytest.mark.parametrize("split", [holdout_split, matched_holdout])
def test_holdout_asks_for_a_boolean_matrix(split, mask):
    with pytest.raises(ValueError, match=r"mask: expected booleans \(m, n\)"):
        split(mask, 0.5, seed=0)


# in the shape of what is missing


@settings(deadline=None, max_examples=150)
@given(observed_masks, fractions, seeds)
def test_matched_holdout_is_a_partition_of_the_share_asked_for(mask, fraction, seed):
    before = mask.copy()
    num_observed = np.count_nonzero(mask)
    if num_observed < 2:
        with pytest.raises(ValueError, match="seen: expected two observed entries or more"):
            matched_holdout(mask, fraction, seed=seed)
        return
    train, heldout = matched_holdout(mask, fraction, seed=seed)
    assert np.array_equal(mask, before)
    assert np.array_equal(train | heldout, mask)
    assert not (train & heldout).any()
    assert np.count_nonzero(heldout) == min(max(1, round(fraction * num_observed)), num_observed - 1)
    again = matched_holdout(mask, fraction, seed=seed)
    assert np.array_equal(again[0], train)
    assert np.array_equal(again[1], heldout)


def depth(heldout, train):
    """Distance of the held-out entries to the nearest entry that one may train on."""
    return np.asarray(distance_transform_edt(~train))[heldout]


def piece_sizes(heldout, connectivity):
    pieces = np.asarray(label(heldout, connectivity=connectivity))
    return np.bincount(pieces.ravel())[1:]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("mask", [patch_mask((240, 240)), patch_mask((60, 50), [((5, 17), (36, 46))])])
def test_holes_stay_holes(mask, seed):
    train, heldout = matched_holdout(mask, 0.1, seed=seed)
    _, scattered = holdout_split(mask, 0.1, seed=seed)
    true_depth = depth(~mask, mask).mean()  # of what is missing
    assert depth(heldout, train).mean() > 0.6 * true_depth
    assert depth(scattered, mask & ~scattered).mean() < 0.5 * true_depth


def test_a_hole_that_fits_is_laid_down_whole():
    mask = patch_mask((40, 40), [((10, 16), (10, 16))])
    share = 36 / np.count_nonzero(mask)
    whole = 0
    for seed in range(40):
        _, heldout = matched_holdout(mask, share, seed=seed)
        rows, cols = np.nonzero(heldout)
        assert rows.size == 36
        whole += np.ptp(rows) == np.ptp(cols) == 5
    chance = (35 / 40) ** 2 - 11 * 11 / 1600  # not over a border, and not over the hole that is there
    assert whole > 40 * chance - 4 * np.sqrt(40 * chance * (1 - chance))


@pytest.mark.parametrize("thickness", [1, 3])
def test_strokes_stay_strokes(thickness):
    mask = scribble_mask((120, 120), missing=0.1, thickness=thickness, seed=1)
    _, heldout = matched_holdout(mask, 0.08, seed=0)
    sizes = piece_sizes(heldout, 2)
    assert np.average(sizes, weights=sizes) > 40  # most entries are in long pieces


@pytest.mark.parametrize("axis", [0, 1])
def test_whole_lines_stay_whole_lines(axis):
    mask = np.moveaxis(np.indices((60, 60))[0] % 3 > 0, 0, axis)
    _, heldout = matched_holdout(mask, 0.1, seed=0)
    assert np.isin(heldout.sum(axis=1 - axis), (0, 60)).all()


@pytest.mark.parametrize("missing", [0.05, 0.3, 0.5, 0.9])
def test_scattered_entries_stay_scattered(missing):
    """Held-out entries have as many neighbours to train on as missing ones have observed ones, less the held-out."""
    mask = random_mask((300, 300), missing, seed=2)
    train, heldout = matched_holdout(mask, 0.1, seed=0)
    beside = np.roll(train, 1, axis=0)[heldout].mean()
    expected = 0.9 * (1 - missing)
    assert beside == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / heldout.sum()))
    quarters = [part.reshape(2, 150, 2, 150).sum(axis=(1, 3)) for part in (heldout, mask)]
    np.testing.assert_allclose(quarters[0] / quarters[1], 0.1, atol=0.03)  # spread over all of the matrix


def test_a_single_missing_entry_and_none_hide_single_entries():
    for mask in (np.arange(10_000).reshape(100, 100) != 5050, np.ones((100, 100), bool)):
        _, heldout = matched_holdout(mask, 0.05, seed=0)
        assert piece_sizes(heldout, 1).max() < 10


def test_the_order_of_flips_and_shifts_reaches_every_entry_alike():
    mask = patch_mask((6, 7), [((0, 2), (0, 1))])
    counts = np.sum([matched_holdout(mask, 0.05, seed=seed)[1] for seed in range(600)], axis=0)
    per_entry = counts[mask]
    assert np.all(counts[~mask] == 0)
    assert per_entry.min() > 0.5 * per_entry.mean()
    assert per_entry.max() < 2 * per_entry.mean()
