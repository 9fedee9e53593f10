"""Patterns of what is missing: at random, in patches, like writing, in scratches."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from skimage.draw import disk

Patch = tuple[tuple[int, int], tuple[int, int]]

AIR_PATCHES: tuple[Patch, ...] = (((70, 100), (150, 190)), ((200, 230), (200, 230)))
"""The two holes of the AIR-Net paper in a 240 x 240 image, ((row_start, row_stop), (col_start, col_stop)): 2100 px."""


def random_mask(shape: tuple[int, int], missing: float, *, seed: int) -> NDArray[np.bool_]:
    """Entries missing independently of each other: ``mask = u > missing``, u uniform in [0, 1).

    Parameters
    ----------
    shape : (int, int)
        (m, n), both at least 1.
    missing : float in [0, 1]
        The probability of being missing. The realised share differs a little from it.
    seed : int in [0, 2**32)
        The same mask comes out on every platform and NumPy version.

    Returns
    -------
    bool array, shape (m, n)
        True = observed.

    Raises
    ------
    ValueError
        If `shape` is not two positive integers, or `missing` or `seed` is out of range.

    Notes
    -----
    This is the authors' mask, bit for bit: their code seeds NumPy's *legacy* generator once (20210909) and draws
    ``random((240, 240)) > 0.3``. `numpy.random.default_rng` gives another mask for that seed, and its stream may change
    between versions of NumPy while that of `RandomState` is frozen (NEP 19). The generator is local here; a second mask
    drawn by the authors in the same process continues their stream, so only their first one is reproduced. The paper's
    "30 %" is the missing rate, which only the code tells.

    References
    ----------
    arXiv:2110.07557, section 4.2, and github.com/lizhemin15/AIR-Net.

    Examples
    --------
    >>> int((~random_mask((240, 240), 0.3, seed=20210909)).sum())  # the paper's: 29.97 % of the pixels
    17265
    """
    rows, cols = checked_shape(shape)
    if not 0 <= missing <= 1:
        raise ValueError(f"missing: expected a share in [0, 1], got {missing!r}; 0.3 hides 30 % of the entries.")
    return np.random.RandomState(seed).random_sample((rows, cols)) > missing


def patch_mask(shape: tuple[int, int], patches: Sequence[Patch] = AIR_PATCHES) -> NDArray[np.bool_]:
    """Rectangular holes: ``mask[r0:r1, c0:c1] = False`` for each patch ``((r0, r1), (c0, c1))``.

    Parameters
    ----------
    shape : (int, int)
        (m, n), both at least 1.
    patches : sequence of ((row_start, row_stop), (col_start, col_stop))
        Half-open ranges, ``0 <= start < stop <= size``; patches may overlap.

    Returns
    -------
    bool array, shape (m, n)
        True = observed.

    Raises
    ------
    ValueError
        If a patch is empty or sticks out of the matrix (where slicing would silently cut it).

    Notes
    -----
    The default is read off the authors' code, made for 240 x 240; the paper only shows the patches in a figure.

    References
    ----------
    arXiv:2110.07557, section 4.2, and github.com/lizhemin15/AIR-Net.

    Examples
    --------
    >>> patch_mask((2, 3), [((0, 1), (1, 3))]).astype(int)
    array([[1, 0, 0],
           [1, 1, 1]])
    """
    rows, cols = checked_shape(shape)
    mask = np.ones((rows, cols), dtype=bool)
    for (r0, r1), (c0, c1) in patches:
        if not (0 <= r0 < r1 <= rows and 0 <= c0 < c1 <= cols):
            raise ValueError(
                f"patches: expected 0 <= start < stop within {rows} rows and {cols} columns, got rows {r0}:{r1}, "
                f"columns {c0}:{c1}; pass patches that fit this shape (the default ones need 230 x 230 at least)."
            )
        mask[r0:r1, c0:c1] = False
    return mask


def textural_mask(gray: ArrayLike) -> NDArray[np.bool_]:
    """Read a mask off a gray picture: observed iff exactly white, ``mask = (gray == 255)``.

    Parameters
    ----------
    gray : uint8 array, shape (m, n)
        The picture of the pattern, dark where entries are missing.

    Returns
    -------
    bool array, shape (m, n)
        True = observed.

    Raises
    ------
    ValueError
        If `gray` is not a two-dimensional uint8 array.

    Notes
    -----
    The rule of the authors' code (gray / 255 == 1). Every pixel of a soft edge is missing under it: their picture
    misses 5444 of 57600 pixels, 9.45 %; a threshold at one half, as in their later code, would give 4.63 %.

    References
    ----------
    arXiv:2110.07557, section 4.2, and github.com/lizhemin15/AIR-Net.

    Examples
    --------
    >>> textural_mask(np.array([[255, 254, 0]], dtype=np.uint8))
    array([[ True, False, False]])
    """
    picture = np.asarray(gray)
    if picture.dtype != np.uint8 or picture.ndim != 2:
        got = f"dtype {picture.dtype} and shape {picture.shape}"
        raise ValueError(f"gray: expected a uint8 array (m, n), got {got}; convert it to 8 bit gray first.")
    return picture == 255


def scribble_mask(
    shape: tuple[int, int], *, missing: float = 0.1, thickness: int = 2, seed: int = 0
) -> NDArray[np.bool_]:
    r"""Scratches: random curved strokes are drawn over the matrix until a given share of it is missing.

    A stroke is the Bezier curve :math:`\sum_k \binom{3}{k} (1-t)^{3-k} t^k p_k`, drawn with a round brush; p_0 is
    uniform in the matrix, p_1, p_2, p_3 are uniform within half its height and half its width of p_0.

    Parameters
    ----------
    shape : (int, int)
        (m, n), both at least 1.
    missing : float in [0, 0.95]
        Share of missing entries, met exactly up to rounding to a whole entry: the last stroke ends there.
    thickness : int, >= 1
        Diameter of the brush in pixels.
    seed : int
        Seed of `numpy.random.default_rng`.

    Returns
    -------
    bool array, shape (m, n)
        True = observed.

    Raises
    ------
    ValueError
        If `shape`, `missing` or `thickness` is out of range.

    Notes
    -----
    Not in the paper: it stands in for the authors' textural mask, whose picture may not be redistributed.

    References
    ----------
    arXiv:2110.07557, section 4.2 (the "textural" missing pattern).

    Examples
    --------
    >>> int((~scribble_mask((100, 120), missing=0.1)).sum())
    1200
    """
    rows, cols = checked_shape(shape)
    if not 0 <= missing <= 0.95:
        raise ValueError(f"missing: expected a share in [0, 0.95], got {missing!r}; to hide more, use random_mask.")
    if thickness < 1 or thickness != int(thickness):
        raise ValueError(f"thickness: expected a whole number of pixels >= 1, got {thickness!r}; 2 is a fine pen.")
    rng = np.random.default_rng(seed)
    size = np.array([rows, cols])
    middle = (thickness - 1) / 2
    brush = np.stack(disk((middle, middle), thickness / 2), axis=-1) - int(middle)
    mask = np.ones(rows * cols, dtype=bool)
    num_left = round(missing * mask.size)
    while num_left > 0:
        start = rng.uniform(0, size)
        path = _bezier(np.vstack([start, start + rng.uniform(-0.5, 0.5, (3, 2)) * size]))
        stamps = (path[:, None, :] + brush).reshape(-1, 2)
        pixels = stamps[((stamps >= 0) & (stamps < size)).all(axis=1)] @ np.array([cols, 1])
        pixels = pixels[np.sort(np.unique(pixels, return_index=True)[1])]  # each once, in the order of the stroke
        fresh = pixels[mask[pixels]][:num_left]
        mask[fresh] = False
        num_left -= fresh.size
    return mask.reshape(rows, cols)


def checked_shape(shape: tuple[int, int]) -> tuple[int, int]:
    """Return the shape if it is two positive integers, or raise ValueError."""
    if len(shape) != 2 or any(size != int(size) or size < 1 for size in shape):
        raise ValueError(f"shape: expected two positive integers (m, n), got {shape!r}; colour images share one mask.")
    return int(shape[0]), int(shape[1])


def _bezier(points: NDArray[np.float64]) -> NDArray[np.int64]:
    """Pixels along a cubic Bezier curve; neighbours follow each other, as its speed is at most 3 max |p_k+1 - p_k|."""
    speed = 3 * np.linalg.norm(np.diff(points, axis=0), axis=1).max()
    t = np.linspace(0, 1, int(np.ceil(speed)) + 2)[:, None]
    return np.floor(np.hstack([(1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t**2, t**3]) @ points).astype(np.int64)
