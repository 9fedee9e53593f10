"""Large pictures piece by piece: bounded memory, one shape to compile for, no seams."""

import logging
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from matmend.methods.inpainting.filler import Observed, Picture, blocks, put_back
from matmend.methods.inpainting.keeping import KeptTiles

_log = logging.getLogger(__name__)

TILE = 512
"""Height and width of a tile in pixels."""

OVERLAP = 96
"""Pixels that neighbouring tiles share; their estimates are blended there."""

THIN_OVERLAP = 48
"""Enough where all gaps are thin: what fills them reads patches 15 pixels away. A fifth less is filled twice."""

FAR = 128
"""Pixels farther than this from all that is observed are taken from a smaller picture: a tile knows nothing of them."""

Fill = Callable[[Picture, Observed], Picture]
OnPart = Callable[[int, int], object]
"""Called with the number of parts done and that of all."""


def tiled(
    fill: Fill,
    picture: Picture,
    observed: Observed,
    *,
    tile: int = TILE,
    overlap: int = OVERLAP,
    on_part: Sequence[OnPart] = (),
    kept: KeptTiles | None = None,
) -> Picture:
    """Fill a picture tile by tile.

    Tiles without gaps cost nothing. Where two or more overlap their estimates are averaged with weights that fall to 0
    at the borders of the tiles. What is far from everything observed, in the middle of very large gaps, is filled in a
    smaller copy of the picture first.

    Parameters
    ----------
    fill : callable ``(picture, observed) -> picture``
    picture : float32 array of shape (h, w, c)
    observed : bool array of shape (h, w)
    tile, overlap : int
        Pixels; ``0 <= 2 overlap < tile``.
    on_part : sequence of callables ``(done, total)``
    kept : KeptTiles, optional
        What is done already is taken from there, and what gets done is kept there.

    Returns
    -------
    float32 array of shape (h, w, c)

    Raises
    ------
    ValueError
        If the tiles would not advance, or what is kept is of another picture.

    Examples
    --------
    >>> def ones(picture, observed):
    ...     return put_back(np.ones_like(picture), picture, observed)
    >>> picture, observed = np.indices((30, 50)).sum(0)[..., None].astype(np.float32) % 3, np.ones((30, 50), bool)
    >>> observed[3, 4:] = False
    >>> filled = tiled(ones, picture, observed, tile=16, overlap=4)
    >>> float(abs(filled[3, 4:] - 1).max()) < 1e-6, bool((filled[observed] == picture[observed]).all())
    (True, True)
    """
    if not 0 <= 2 * overlap < tile:
        raise ValueError(f"Expected 0 <= 2 overlap < tile, got overlap={overlap}, tile={tile}.")
    if max(observed.shape) <= tile:
        return fill(picture, observed)
    picture, observed_here = _with_far_parts(fill, picture, observed, tile)
    corners = [box for box in _boxes(observed.shape, tile, overlap) if not observed_here[box].all()]
    # In no order: what is learned on the first tiles is then learned from all over the picture.
    corners = [corners[k] for k in np.random.default_rng(0).permutation(len(corners))]
    total = np.zeros_like(picture)
    weight = np.zeros(observed.shape, np.float32)
    ramp = _ramp(tile, overlap)
    before = 0 if kept is None else kept.restore(total, weight, observed)
    for done, box in enumerate(corners[before:], before + 1):
        part = observed_here[box]
        estimate = fill(picture[box], part) if part.any() else picture[box]
        w = ramp[: part.shape[0], None] * ramp[None, : part.shape[1]]
        total[box] += w[..., None] * estimate
        weight[box] += w
        _log.info("tile %d of %d", done, len(corners))
        for callback in on_part:
            callback(done, len(corners))
        if kept is not None:
            kept.after(done, total, weight, observed)
    found = weight > 0
    np.divide(total, weight[..., None], out=total, where=found[..., None])
    np.copyto(total, picture, where=~found[..., None])
    return put_back(total, picture, observed)


def even_tile(shape: tuple[int, int], overlap: int = THIN_OVERLAP) -> int:
    """Return the least side of a tile with which a picture takes no more tiles than with the greatest.

    Examples
    --------
    >>> even_tile((1500, 2000)), even_tile((600, 600)), even_tile((100, 300))
    (439, 324, 300)
    """
    counts = [-(-max(length - overlap, 1) // (TILE - overlap)) for length in shape]
    return max(-(-(length + (count - 1) * overlap) // count) for length, count in zip(shape, counts, strict=True))


def _boxes(shape: tuple[int, int], tile: int, overlap: int) -> Iterator[tuple[slice, slice]]:
    """Cut a picture into tiles of one size, evenly spread, which overlap by at least so much."""
    starts = []
    for length in shape:
        count = -(-max(length - overlap, 1) // (tile - overlap))
        starts.append(np.linspace(0, max(length - tile, 0), count).round().astype(int).tolist())
    for top in starts[0]:
        for left in starts[1]:
            yield slice(top, min(top + tile, shape[0])), slice(left, min(left + tile, shape[1]))


def _ramp(tile: int, overlap: int) -> NDArray[np.float32]:
    """Weights along one side of a tile: rising over the overlap, 1, falling."""
    rise = (np.arange(overlap) + 1) / (overlap + 1)
    return np.concatenate([rise, np.ones(tile - 2 * overlap), rise[::-1]]).astype(np.float32)


def _with_far_parts(fill: Fill, picture: Picture, observed: Observed, tile: int) -> tuple[Picture, Observed]:
    """Fill what is far from everything observed, and count it as observed."""
    factor = -(-max(observed.shape) // tile)
    small_seen = reduced(observed[..., None].astype(np.float32), factor)[..., 0] > 0
    far_small = ndimage.distance_transform_edt(~small_seen) * factor > min(FAR, tile // 4)
    if not far_small.any():
        return picture, observed
    weighted = reduced(np.where(observed[..., None], picture, 0), factor)
    share = reduced(observed[..., None].astype(np.float32), factor)
    small = fill((weighted / np.maximum(share, 1e-6)).astype(np.float32), small_seen)
    h, w = observed.shape
    far = np.repeat(np.repeat(far_small, factor, 0), factor, 1)[:h, :w] & ~observed
    filled = picture.copy()
    for k in range(picture.shape[2]):
        zoomed = np.asarray(ndimage.zoom(small[..., k], factor, order=1, grid_mode=True, mode="nearest"))
        np.copyto(filled[..., k], zoomed[:h, :w], where=far)
    return filled, observed | far


def reduced(picture: Picture, factor: int) -> Picture:
    """Average blocks of ``factor x factor`` pixels; at the lower and right border the picture is continued.

    Examples
    --------
    >>> reduced(np.array([[[1.0], [3.0], [5.0]]], np.float32), 2).ravel().tolist()
    [2.0, 5.0]
    """
    return blocks(picture, factor).mean(axis=(1, 3), dtype=np.float32)
