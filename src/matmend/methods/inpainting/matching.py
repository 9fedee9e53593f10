"""Validation by the pattern of what is missing: copies of the gaps where the picture looks as it does around them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from matmend.methods.inpainting.filler import Observed, Picture
from matmend.methods.inpainting.frequency import flipped
from matmend.methods.inpainting.gaps import THIN, Gap, Gaps, components, distances_to

BAND = 8
"""Pixels within this many steps of a gap are its surroundings."""
POSITIONS = 4000
"""Places that are compared for a gap."""
SAMPLES = 400
"""Pixels of the surroundings, and of the gap, that are looked at."""
COVERS = (0.85, 0.5, 0.25)
"""Share of a copy that has to be observed; the next one counts if nothing has that much."""
OVERLAP = 0.35
"""Share of a copy that another one may hide too."""
REMOTE = 0.48
"""Difference that a copy across the whole picture counts as having: what is near is more alike than it looks."""
APART = 10
"""Copies hidden at once are more than this many steps from each other."""
THIN_SHARE = 0.1
"""Share of the observed pixels that copies of thin gaps hide at most: more would make the picture harder to fill."""
CELL = 16
"""Thin gaps that are one large net are copied by squares of this side."""
SCATTERED = 1.5
"""Mean depth below which thin gaps are single pixels."""
ISLANDS = 30
"""Observed pixels inside of a gap from which on some of them can be hidden instead of a copy of it."""
PARTS = 8
"""Each part of them is hidden by itself,"""
MOST_PARTS = 4
"""and so many parts are."""
QUANTILES = (0.2, 0.4, 0.6, 0.8)


@dataclass(frozen=True, eq=False)
class Copy:
    """A copy of a gap at another place.

    Parameters
    ----------
    label : int
        That of the gap, as in ``Gaps.labels``.
    mask : int
        Which of the validation masks hides it.
    pixels : int array
        What it hides: places in a picture of which rows and columns are one axis, in increasing order.
    distance : float
        How far its surroundings are from looking like those of the gap; 0 for thin gaps, which lie anywhere.
    """

    label: int
    mask: int
    pixels: NDArray[np.intp]
    distance: float


@dataclass(frozen=True, eq=False)
class Validation:
    """Observed pixels to hide.

    Parameters
    ----------
    hidden : tuple of int32 arrays of shape (h, w)
        One for each validation mask: 0, or the label of the gap of which the pixel is in a copy. Where pixels that a
        gap surrounds are hidden instead, the gap has its label too: what fills it has seen these pixels.
    copies : tuple of Copy
    """

    hidden: tuple[NDArray[np.int32], ...]
    copies: tuple[Copy, ...]

    def shown(self, observed: Observed) -> list[Observed]:
        """Return what stays observed, for each mask."""
        return [observed & (hidden == 0) for hidden in self.hidden]


def matched_validation(
    picture: Picture, observed: Observed, gaps: Gaps, *, copies: int = 8, thin_masks: int = 2, seed: int = 0
) -> Validation:
    """Hide copies of the gaps in the observed part of a picture.

    Copies of a deep gap, mirrored and turned, are placed where the surroundings look like its own, in contrast and
    in roughness; a thin gap is copied to wherever a cyclic shift of the mirrored mask brings it. Where scattered pixels
    are all that is observed, the gap around them fits nowhere: then some of these are hidden, an eighth at a time.

    Parameters
    ----------
    picture : float32 array of shape (h, w, c)
        Missing pixels are not read.
    observed : bool array of shape (h, w)
    gaps : Gaps
    copies : int, default 8
        Of each deep gap with a label of its own, if there is room.
    thin_masks : int, default 2
        Masks with copies of thin gaps.
    seed : int, default 0
        Fixes mirrors and shifts of thin gaps.

    Returns
    -------
    Validation
        Copies are packed into few masks, as every mask costs a run of every candidate.

    Examples
    --------
    >>> from matmend.methods.inpainting.gaps import find_gaps
    >>> picture = np.random.default_rng(0).random((80, 90, 1), np.float32)
    >>> observed = np.ones((80, 90), bool)
    >>> observed[20:35, 30:50] = observed[60] = False
    >>> validation = matched_validation(picture, observed, find_gaps(observed), copies=4)
    >>> [sum(copy.label == label for copy in validation.copies) for label in (1, -1)]
    [4, 2]
    >>> all((observed | (hidden == 0)).all() for hidden in validation.hidden)
    True
    """
    roughness = _roughness(picture, observed)
    grey = np.where(observed, picture.mean(axis=2), 0)
    todo = []
    seen: set[int] = set()
    surrounding: set[int] = set()
    for gap in gaps.deep:
        if gap.label not in seen:
            places = _places(grey, roughness, observed, gaps, gap, copies)
            if not places and (places := _islands(gaps, gap, copies, seed)):
                surrounding.add(gap.label)
            todo += [(gap.label, *place) for place in places]
            seen.add(gap.label)
    hidden, done = _packed(todo, observed.shape)
    for copy in done:
        if copy.label in surrounding:
            hidden[copy.mask][gaps.labels == copy.label] = copy.label
    done += _thin_copies(observed, gaps.thin, hidden, thin_masks, seed)
    return Validation(tuple(hidden), tuple(done))


def _roughness(picture: Picture, observed: Observed) -> NDArray[np.float64]:
    """Return the standard deviation of the observed pixels around each."""
    weight = np.maximum(ndimage.gaussian_filter(observed.astype(np.float64), 2.0), 1e-3)
    variance = np.zeros(observed.shape)
    for channel in np.moveaxis(picture, 2, 0):
        values = np.where(observed, channel, 0).astype(np.float64)
        mean = ndimage.gaussian_filter(values, 2.0) / weight
        variance += np.maximum(ndimage.gaussian_filter(values**2, 2.0) / weight - mean**2, 0)
    return np.sqrt(variance / picture.shape[2])


def _places(
    grey: NDArray, roughness: NDArray, observed: Observed, gaps: Gaps, gap: Gap, count: int
) -> list[tuple[float, NDArray[np.intp]]]:
    """Return distance and pixels of the copies that look most like the gap, the best first."""
    h, w = observed.shape
    pads = [(BAND, BAND), (BAND, BAND)]
    known, rough, level = np.pad(observed, pads), np.pad(roughness, pads), np.pad(grey, pads)
    shapes = _distinct_flips(gap.pixels)
    start = np.array([[gap.box[0].start, gap.box[1].start]])
    wanted = _features(known, rough, level, start, _sample(_ring(gap.pixels)))[0]
    middle = start + np.array(gap.pixels.shape) / 2
    # With next to nothing observed around the gap all places look alike, and the nearest ones are taken.
    is_known = bool(np.isfinite(wanted).all())
    found = []
    for number, shape in enumerate(shapes):
        if shape.shape[0] > h or shape.shape[1] > w:
            continue
        corners = _grid(h - shape.shape[0] + 1, w - shape.shape[1] + 1, POSITIONS // len(shapes))
        cover = known[_moved(corners + BAND, _sample(shape))].mean(axis=1)
        features = _features(known, rough, level, corners, _sample(_ring(shape)))
        away = np.hypot(*(corners + np.array(shape.shape) / 2 - middle).T) / max(h, w)
        apart = np.sqrt(((features - wanted) ** 2).mean(axis=1)) if is_known else 0.0
        distances = apart + REMOTE * away
        found += [(d, c, number, *p) for d, c, p in zip(distances, cover, corners.tolist(), strict=True) if d < np.inf]
    found.sort()
    for least in COVERS:
        kept = _greedy([place for place in found if place[1] >= least], shapes, observed, count)
        if kept:
            return kept
    return []


def _islands(gaps: Gaps, gap: Gap, count: int, seed: int) -> list[tuple[float, NDArray[np.intp]]]:
    """Return parts of the pixels that a gap surrounds: three of four neighbours or more are in it."""
    inside = np.zeros(gaps.labels.shape, np.int32)
    inside[gap.box] = gap.pixels
    neighbours = ndimage.convolve(inside, np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]]), mode="mirror")
    pixels = np.flatnonzero((gaps.labels == 0) & (neighbours >= 3))
    if len(pixels) < ISLANDS:
        return []
    parts = np.array_split(np.random.default_rng(seed).permutation(pixels), PARTS)
    return [(0.0, np.sort(part)) for part in parts[: min(count, MOST_PARTS)]]


def _greedy(
    found: list, shapes: list[NDArray[np.bool_]], observed: Observed, count: int
) -> list[tuple[float, NDArray[np.intp]]]:
    kept: list[tuple[float, NDArray[np.intp]]] = []
    taken: list[NDArray[np.bool_]] = []
    for distance, _, number, row, col in found:
        if len(kept) >= count:
            break
        shape = shapes[number]
        here = slice(row, row + shape.shape[0]), slice(col, col + shape.shape[1])
        hides = shape & observed[here]
        if not hides.any() or any((hides & other[here]).sum() >= OVERLAP * shape.sum() for other in taken):
            continue
        mask = np.zeros_like(observed)
        mask[here] = hides
        taken.append(mask)
        kept.append((float(distance), np.flatnonzero(mask)))
    return kept


def _features(
    known: Observed, rough: NDArray, level: NDArray, corners: NDArray[np.intp], ring: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Describe what lies around a shape at each corner: roughness in quantiles, and contrast."""
    at = _moved(corners, ring)
    seen = known[at]
    count = seen.sum(axis=1)
    ordered = np.sort(np.where(seen, rough[at], np.inf), axis=1)
    ranks = np.minimum((np.array(QUANTILES) * count[:, None]).astype(int), np.maximum(count - 1, 0)[:, None])
    total = np.maximum(count, 1)
    values = np.where(seen, level[at], 0)
    mean = values.sum(axis=1) / total
    spread = np.sqrt((np.where(seen, values - mean[:, None], 0) ** 2).sum(axis=1) / total)
    features = [np.log(np.take_along_axis(ordered, ranks, axis=1) + 0.005), np.log(spread + 0.01)[:, None]]
    # Too little of the surroundings says nothing.
    is_enough = count >= 0.25 * len(ring)
    return np.where(is_enough[:, None], np.concatenate(features, axis=1), np.inf)


def _ring(shape: NDArray[np.bool_]) -> NDArray[np.bool_]:
    wide = np.pad(shape, BAND)
    return np.logical_and(ndimage.binary_dilation(wide, iterations=BAND), ~wide)


def _sample(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    places = np.argwhere(mask)
    # Evenly in reading order; a step prime to the width of a gap would be better by chance only.
    return places[np.unique(np.linspace(0, len(places) - 1, min(len(places), SAMPLES)).astype(int))]


def _moved(corners: NDArray[np.intp], places: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    return corners[:, :1] + places[:, 0], corners[:, 1:] + places[:, 1]


def _grid(rows: int, cols: int, most: int) -> NDArray[np.intp]:
    step = max(2, int(np.ceil(np.sqrt(rows * cols / max(most, 1)))))
    return np.stack(np.meshgrid(np.arange(0, rows, step), np.arange(0, cols, step), indexing="ij"), -1).reshape(-1, 2)


def _distinct_flips(shape: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    distinct: list[NDArray[np.bool_]] = []
    for flip in range(8):
        other = flipped(shape, flip)
        if not any(np.array_equal(other, one) for one in distinct):
            distinct.append(other)
    return distinct


def _packed(todo: list, shape: tuple[int, ...]) -> tuple[list[NDArray[np.int32]], list[Copy]]:
    """Put each copy into the first mask where it is far enough from the others."""
    hidden: list[NDArray[np.int32]] = []
    blocked: list[NDArray[np.bool_]] = []
    copies = []
    for label, distance, pixels in todo:
        number = next((i for i, mask in enumerate(blocked) if not mask.ravel()[pixels].any()), len(hidden))
        if number == len(hidden):
            hidden.append(np.zeros(shape, np.int32))
            blocked.append(np.zeros(shape, bool))
        hidden[number].ravel()[pixels] = label
        blocked[number] |= distances_to(hidden[number] != 0) <= APART
        copies.append(Copy(label, number, pixels, distance))
    return hidden, copies


def _thin_copies(
    observed: Observed, thin: NDArray[np.bool_], hidden: list[NDArray[np.int32]], count: int, seed: int
) -> list[Copy]:
    """Add copies of the thin gaps to the first masks."""
    if not thin.any():
        return []
    rng = np.random.default_rng(seed)
    copies = []
    for number in range(count):
        if number == len(hidden):
            hidden.append(np.zeros(observed.shape, np.int32))
        # Rows and columns are swapped only in squares, where the copy has the shape of the picture.
        flip = int(rng.integers(8 if observed.shape[0] == observed.shape[1] else 4))
        shift = [int(rng.integers(n)) for n in observed.shape]
        moved = np.roll(flipped(thin, flip), shift, (0, 1)) & observed & (hidden[number] == 0)
        pixels = np.flatnonzero(_limited(moved, thin, THIN_SHARE * observed.sum(), rng))
        if len(pixels):
            hidden[number].ravel()[pixels] = THIN
            copies.append(Copy(THIN, number, pixels, 0.0))
    return copies


def _limited(moved: NDArray[np.bool_], thin: NDArray[np.bool_], most: float, rng: np.random.Generator) -> NDArray:
    """Keep whole pieces up to a number of pixels."""
    if moved.sum() <= most:
        return moved
    if distances_to(~thin)[thin].mean() < SCATTERED:
        return moved & (rng.random(moved.shape) < most / moved.sum())
    numbers, pieces = components(moved)
    areas = np.bincount(numbers.ravel(), minlength=pieces + 1)
    if areas[1:].max() > most / 4:
        rows, cols = (np.arange(n) // CELL for n in moved.shape)
        numbers = np.where(moved, 1 + rows[:, None] * (cols[-1] + 1) + cols, 0)
        areas = np.bincount(numbers.ravel())
    order = 1 + rng.permutation(len(areas) - 1)
    keep = np.zeros(len(areas), bool)
    # The first piece always, lest nothing is left.
    keep[order[np.cumsum(areas[order]) <= max(most, areas[order[0]])]] = True
    return keep[numbers] & moved
