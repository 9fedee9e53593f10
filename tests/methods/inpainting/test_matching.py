import numpy as np
import pytest

from matmend.masks import random_mask
from matmend.methods.inpainting.frequency import flipped
from matmend.methods.inpainting.gaps import THIN, find_gaps
from matmend.methods.inpainting.matching import APART, matched_validation


def draw(shape=(120, 130), channels=3):
    rng = np.random.default_rng(0)
    X = np.full((*shape, channels), 0.5, np.float32)
    # Rough on the left, flat on the right.
    X[:, : shape[1] // 2] += rng.normal(0, 0.2, (shape[0], shape[1] // 2, channels)).astype(np.float32)
    X += rng.normal(0, 0.01, X.shape).astype(np.float32)
    observed = np.ones(shape, bool)
    observed[20:41, 15:30] = observed[20:30, 30:35] = False
    observed[70:90, 90:115] = False
    observed[100] = observed[105, ::3] = False
    return X, observed, find_gaps(observed)


def test_masks_hide_only_observed_pixels_in_the_shape_of_the_gap():
    X, observed, gaps = draw()
    validation = matched_validation(X, observed, gaps)
    shapes = {gap.label: gap.pixels for gap in gaps.deep}
    numbers = {label: sum(copy.label == label for copy in validation.copies) for label in gaps.kinds}
    assert numbers[1] >= 4
    assert numbers[2] >= 4
    assert numbers[THIN] == 2
    for copy in validation.copies:
        hidden = validation.hidden[copy.mask]
        assert observed.ravel()[copy.pixels].all()
        assert (hidden.ravel()[copy.pixels] == copy.label).all()
        if copy.label == THIN:
            continue
        rows, cols = np.divmod(copy.pixels, 130)
        # What lies on missing pixels is lost; the rest fits one of the flips.
        fits = []
        for flip in range(8):
            shape = flipped(shapes[copy.label], flip)
            for top in range(rows.max() - shape.shape[0] + 1, rows.min() + 1):
                for left in range(cols.max() - shape.shape[1] + 1, cols.min() + 1):
                    if top < 0 or left < 0:
                        continue
                    expected = np.zeros_like(observed)
                    here = slice(top, top + shape.shape[0]), slice(left, left + shape.shape[1])
                    if expected[here].shape == shape.shape:
                        expected[here] = shape
                        fits.append(np.array_equal(np.flatnonzero(expected & observed), copy.pixels))
        assert any(fits)
    for hidden in validation.hidden:
        assert (hidden[~observed] == 0).all()
    total = sum((hidden != 0).sum() for hidden in validation.hidden)
    assert total == sum(len(copy.pixels) for copy in validation.copies)
    for shown, hidden in zip(validation.shown(observed), validation.hidden, strict=True):
        np.testing.assert_array_equal(shown, observed & (hidden == 0))


def test_copies_lie_where_it_looks_alike():
    X, observed, gaps = draw()
    copies = [copy for copy in matched_validation(X, observed, gaps, copies=3).copies if copy.label != THIN]
    assert {copy.label for copy in copies} == set(range(1, len(gaps.deep) + 1))
    for copy in copies:
        cols = copy.pixels % 130
        is_rough = gaps.deep[copy.label - 1].box[1].start < 65
        assert (cols.mean() < 65) == is_rough


def test_copies_in_one_mask_are_apart():
    X, observed, gaps = draw()
    validation = matched_validation(X, observed, gaps)
    places = [np.stack(np.divmod(copy.pixels, 130), 1) for copy in validation.copies]
    distances = [
        np.linalg.norm(places[i][:, None] - places[j][None], axis=2).min()
        for i, first in enumerate(validation.copies)
        for j, second in enumerate(validation.copies[:i])
        if first.mask == second.mask and THIN not in (first.label, second.label)
    ]
    assert min(distances) > APART


def test_a_seed_fixes_everything():
    X, observed, gaps = draw()
    runs = [matched_validation(X, observed, gaps, seed=seed) for seed in (1, 1, 2)]
    same = [np.array_equal(a, b) for a, b in zip(runs[0].hidden, runs[1].hidden, strict=True)]
    assert all(same)
    assert any(not np.array_equal(a, b) for a, b in zip(runs[0].hidden, runs[2].hidden, strict=False))


def test_missing_pixels_are_not_read():
    X, observed, gaps = draw()
    other = np.where(observed[..., None], X, np.float32(7.0))
    first, second = (matched_validation(picture, observed, gaps) for picture in (X, other))
    assert all(np.array_equal(a, b) for a, b in zip(first.hidden, second.hidden, strict=True))


@pytest.mark.parametrize("share", [0.3, 0.7, 0.93])
def test_of_scattered_pixels_a_few_more_are_hidden(share):
    rng = np.random.default_rng(2)
    X = rng.random((90, 60, 1)).astype(np.float32)
    observed = rng.random((90, 60)) >= share
    validation = matched_validation(X, observed, find_gaps(observed))
    assert validation.hidden
    for hidden in validation.hidden:
        assert 0.02 < (hidden != 0).sum() / observed.sum() < 0.15


def test_large_nets_of_strokes_are_copied_by_squares():
    rng = np.random.default_rng(2)
    X = rng.random((200, 200, 1)).astype(np.float32)
    observed = np.ones((200, 200), bool)
    for start in range(0, 200, 12):
        observed[start : start + 4] = observed[:, start : start + 4] = False
    validation = matched_validation(X, observed, find_gaps(observed))
    assert validation.hidden
    for hidden in validation.hidden:
        assert 0.02 < (hidden != 0).sum() / observed.sum() < 0.12


@pytest.mark.parametrize("shape", [(5, 5), (1, 9), (30, 30)])
def test_small_pictures_and_gaps_as_large_as_they(shape):
    X = np.random.default_rng(0).random((*shape, 1)).astype(np.float32)
    for observed in (np.zeros(shape, bool), np.ones(shape, bool)):
        observed[0, 0] = not observed[0, 0]
        gaps = find_gaps(observed)
        validation = matched_validation(X, observed, gaps)
        for shown in validation.shown(observed):
            assert (shown <= observed).all()


def test_pixels_that_a_gap_surrounds_are_hidden_where_no_copy_of_it_fits():
    picture = np.random.default_rng(0).random((64, 64, 1), np.float32)
    observed = random_mask((64, 64), 0.97, seed=0)
    gaps = find_gaps(observed)
    assert [gap.label for gap in gaps.deep] == [1]  # all of them join
    validation = matched_validation(picture, observed, gaps, copies=16)
    assert len(validation.copies) == len(validation.hidden) == 4
    hidden = np.concatenate([copy.pixels for copy in validation.copies])
    assert observed.ravel()[hidden].all()
    assert len(set(hidden.tolist())) == len(hidden) > 40
    for copy, shown in zip(validation.copies, validation.shown(observed), strict=True):
        # What fills the gap must not have seen what is hidden: the gap itself is missing there as well.
        assert (validation.hidden[copy.mask][gaps.labels == 1] == 1).all()
        assert not shown.ravel()[copy.pixels].any()
        assert shown.sum() == observed.sum() - len(copy.pixels)
    # A hole proper surrounds nothing, and of one that fits nowhere there is no copy.
    hole = np.zeros((64, 64), bool)
    hole[:6] = True
    assert not matched_validation(picture, hole, find_gaps(hole)).copies
