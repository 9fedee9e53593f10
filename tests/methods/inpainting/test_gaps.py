import numpy as np
import pytest
from scipy import ndimage

from matmend.methods.inpainting.gaps import AREA, DEPTH, MAX_DEEP, THIN, find_gaps


def with_holes(*holes, shape=(120, 150)):
    observed = np.ones(shape, bool)
    for top, left, height, width in holes:
        observed[top : top + height, left : left + width] = False
    return observed


def test_deep_gaps_are_the_components_of_scipy():
    observed = with_holes((0, 0, 20, 30), (40, 50, 25, 14), (95, 20, 3, 100), (60, 100, 30, 30), (5, 90, 9, 9))
    gaps = find_gaps(observed)
    numbers = np.zeros(observed.shape, int)
    ndimage.label(~observed, output=numbers)
    depths = np.asarray(ndimage.distance_transform_edt(~observed))
    areas = np.bincount(numbers.ravel())
    expected = {}
    for number, box in enumerate(ndimage.find_objects(numbers), 1):
        depth = depths[numbers == number].max()
        if depth >= DEPTH and areas[number] >= AREA:
            expected[str(box)] = (areas[number], depth)
    assert {str(gap.box): (gap.area, gap.depth) for gap in gaps.deep} == expected
    assert [gap.area for gap in gaps.deep] == sorted((gap.area for gap in gaps.deep), reverse=True)
    np.testing.assert_array_equal(gaps.labels == 0, observed)
    for gap in gaps.deep:
        np.testing.assert_array_equal(gaps.labels[gap.box] == gap.label, gap.pixels)
    # The row of three pixels and the small square are thin.
    assert gaps.thin.sum() == 300 + 81
    assert gaps.kinds == [THIN, 1, 2, 3]


def test_of_a_net_with_a_hole_only_the_hole_is_deep():
    observed = with_holes((40, 60, 24, 24))
    observed[::10] = observed[:, ::10] = False
    gaps = find_gaps(observed)
    assert len(gaps.deep) == 1
    assert (gaps.labels[40:64, 60:84] == 1).all()
    assert gaps.deep[0].area < 900
    assert gaps.thin.sum() > 3000


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7])
def test_scattered_pixels_are_thin(share):
    observed = np.random.default_rng(0).random((240, 240)) >= share
    assert find_gaps(observed).kinds == [THIN]


def test_many_holes_share_labels_with_those_of_their_depth():
    sides = [30, 30, 30, 30, 14, 14, 14, 14, 13, 29]
    observed = with_holes(*[(40 * (k // 5) + 2, 40 * (k % 5) + 2, side, side) for k, side in enumerate(sides)],
                          shape=(90, 210))  # fmt: skip
    gaps = find_gaps(observed)
    assert len(gaps.deep) == 10
    assert gaps.kinds == list(range(1, MAX_DEEP + 1))
    last = gaps.deep[-1]
    assert last.area == 169
    assert next(gap for gap in gaps.deep if gap.label == last.label).depth == 7.0


def test_nothing_missing_and_everything_missing():
    assert find_gaps(np.ones((5, 6), bool)).kinds == []
    assert find_gaps(np.zeros((5, 6), bool)).kinds == [THIN]
