"""The gaps of a picture: deep ones, each a case of its own, and the thin rest, which is one case."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from matmend.methods.inpainting.filler import Observed

DEPTH = 5.0
"""Missing pixels so far from every observed one make a gap deep."""
AREA = 150
"""Pixels that a deep gap has at least: some pixel of scattered ones lies far from observed ones by chance."""
MAX_DEEP = 8
"""Deep gaps with a label of their own; smaller ones share that of the one of these nearest in depth."""
THIN = -1
"""The label of all pixels in no deep gap."""

Box = tuple[slice, slice]


@dataclass(frozen=True, eq=False)
class Gap:
    """One deep gap.

    Parameters
    ----------
    label : int
        What its pixels are in ``Gaps.labels``: 1 for the largest.
    box : (slice, slice)
        The rows and columns it lies in.
    pixels : bool array of the shape of the box
        Which of them belong to it.
    depth : float
        The largest distance to an observed pixel.
    """

    label: int
    box: Box
    pixels: NDArray[np.bool_]
    depth: float

    @property
    def area(self) -> int:
        """The number of its pixels."""
        return int(self.pixels.sum())


@dataclass(frozen=True, eq=False)
class Gaps:
    """All gaps of a picture.

    Parameters
    ----------
    labels : int32 array of shape (h, w)
        0 where observed, `THIN`, or the label of a deep gap.
    deep : tuple of Gap
        From the largest to the smallest.
    """

    labels: NDArray[np.int32]
    deep: tuple[Gap, ...]

    @property
    def thin(self) -> NDArray[np.bool_]:
        """The missing pixels in no deep gap."""
        return self.labels == THIN

    @property
    def kinds(self) -> list[int]:
        """All labels that occur, the thin ones first."""
        return [int(label) for label in np.unique(self.labels) if label]


def find_gaps(observed: Observed) -> Gaps:
    """Tell the deep gaps from the thin ones.

    A connected component of missing pixels (four neighbours) with a pixel `DEPTH` away from all observed ones is
    deep, as a whole if what lies around such pixels is half of it; of a net of strokes with a hole in it only the
    hole is deep.

    Parameters
    ----------
    observed : bool array of shape (h, w)

    Returns
    -------
    Gaps

    Examples
    --------
    >>> observed = np.ones((40, 60), bool)
    >>> observed[5:25, 10:40] = observed[30:33] = False
    >>> gaps = find_gaps(observed)
    >>> [(gap.label, gap.area, gap.depth) for gap in gaps.deep]
    [(1, 600, 10.0)]
    >>> int(gaps.thin.sum())
    180
    """
    labels = np.where(observed, 0, THIN).astype(np.int32)
    if observed.all() or not observed.any():
        return Gaps(labels, ())
    depths = distances_to(observed)
    gaps = []
    for box, pixels in _pieces(_deep_parts(observed, depths)):
        if pixels.sum() >= AREA:
            gaps.append((box, pixels, float(depths[box][pixels].max())))
    # A stable sort: equal ones stay in reading order.
    gaps.sort(key=lambda gap: -int(gap[1].sum()))
    named = np.array([depth for _, _, depth in gaps[:MAX_DEEP]])
    deep = []
    for number, (box, pixels, depth) in enumerate(gaps):
        label = 1 + (number if number < MAX_DEEP else int(np.argmin(np.abs(np.log(named / depth)))))
        labels[box][pixels] = label
        deep.append(Gap(label, box, pixels, depth))
    return Gaps(labels, tuple(deep))


def components(pixels: NDArray[np.bool_]) -> tuple[NDArray[np.int32], int]:
    """Return the number of its connected component for each pixel, from 1 on, 0 elsewhere, and how many there are.

    Examples
    --------
    >>> numbers, count = components(np.array([[True, False, True, True]]))
    >>> numbers.tolist(), count
    ([[1, 0, 2, 2]], 2)
    """
    numbers = np.zeros(pixels.shape, np.int32)
    # With an array to write to, scipy returns the number alone.
    count = ndimage.label(pixels, output=numbers)
    return numbers, int(np.asarray(count))


def distances_to(pixels: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the distance of each pixel to the nearest of these.

    Examples
    --------
    >>> distances_to(np.array([[True, False, False, False, True]])).tolist()
    [[0.0, 1.0, 2.0, 1.0, 0.0]]
    """
    return np.asarray(ndimage.distance_transform_edt(~pixels))


def _deep_parts(observed: Observed, depths: NDArray[np.float64]) -> NDArray[np.bool_]:
    core = depths >= DEPTH
    if not core.any():
        return core
    # The corner of a square hole is this far from the nearest pixel of its core.
    near = ~observed & (distances_to(core) <= np.sqrt(2) * DEPTH)
    numbers, count = components(~observed)
    areas = np.bincount(numbers.ravel(), minlength=count + 1)
    areas_near = np.bincount(numbers[near], minlength=count + 1)
    is_whole = 2 * areas_near >= areas
    is_whole[0] = False
    return near | is_whole[numbers]


def _pieces(pixels: NDArray[np.bool_]) -> list[tuple[Box, NDArray[np.bool_]]]:
    numbers, _ = components(pixels)
    boxes = ndimage.find_objects(numbers)
    return [((box[0], box[1]), numbers[box] == number) for number, box in enumerate(boxes, 1)]
