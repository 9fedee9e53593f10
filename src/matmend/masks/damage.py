"""Gaps that people have: scratches and dust on film and prints, writing over a picture, dead columns of a sensor."""

import numpy as np
from numpy.typing import NDArray

from matmend.masks.patterns import checked_shape

WORDS = "The quick brown fox jumps over the lazy dog, 0123456789 times. "
"""What `text_mask` writes by default: every letter and digit."""

_HEIGHTS = (6, 400)  # of letters, in pixels


def scratch_mask(
    shape: tuple[int, int], *, count: int = 8, width: float = 2.0, tilt: float = 10.0, seed: int
) -> NDArray[np.bool_]:
    """Scratches of old film: long, thin, nearly vertical lines that waver, of different lengths and widths.

    A scratch has a middle, uniform in the picture; a length, uniform from 0.3 to 1.2 times its height; an angle to the
    vertical; and a slow waver of one or two pixels about its line. Its width is uniform from 1 to `width` pixels.

    Parameters
    ----------
    shape : (int, int)
        (m, n), both at least 1.
    count : int, >= 0
        Number of scratches.
    width : float, >= 1
        The greatest width in pixels.
    tilt : float in [0, 90]
        The greatest angle to the vertical in degrees; 90 lets them run anywhere.
    seed : int
        Seed of `numpy.random.default_rng`.

    Returns
    -------
    bool array, shape (m, n)
        True = observed.

    Raises
    ------
    ValueError
        If an argument is out of range.

    See Also
    --------
    scribble_mask : curved strokes of one width up to a given share of missing pixels.

    Examples
    --------
    >>> scratch_mask((100, 80), count=3, seed=0).mean().round(2)
    np.float64(0.97)
    """
    rows, cols = checked_shape(shape)
    if count != int(count) or count < 0:
        raise ValueError(f"count: expected a number of scratches >= 0, got {count!r}; 8 is an old film.")
    if not 1 <= width <= max(rows, cols, 1):
        raise ValueError(
            f"width: expected pixels from 1 to the size of the picture, got {width!r}; 2 is a fine scratch."
        )
    if not 0 <= tilt <= 90:
        raise ValueError(f"tilt: expected degrees in [0, 90], got {tilt!r}; 10 is nearly vertical.")
    rng = np.random.default_rng(seed)
    mask = np.ones((rows, cols), dtype=bool)
    for _ in range(int(count)):
        middle = rng.uniform(0, (rows, cols))
        length, angle = rng.uniform(0.3, 1.2) * rows, np.deg2rad(rng.uniform(-tilt, tilt))
        along = np.linspace(-length / 2, length / 2, 2 * int(np.ceil(length)) + 2)
        waver = rng.uniform(0.5, 2) * np.sin(2 * np.pi * (along / rng.uniform(40, 160) + rng.uniform()))
        direction, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
        path = middle + along[:, None] * direction + waver[:, None] * across
        _stamp(mask, path, rng.uniform(1, width) / 2)
    return mask


def text_mask(
    shape: tuple[int, int], text: str = WORDS, *, height: int = 16, spacing: float = 2.0, bold: int = 0
) -> NDArray[np.bool_]:
    """Draw writing over a picture: lines of text from border to border, every pixel of a letter is missing.

    The text is repeated; each line begins where the one above ended.

    Parameters
    ----------
    shape : (int, int)
        (m, n), both at least 1.
    text : str
        What is written.
    height : int in [6, 400]
        Size of the font in pixels.
    spacing : float, >= 1
        Distance between lines, in heights. A great one leaves a single line, in the middle.
    bold : int in [0, 20]
        Pixels by which strokes are widened on each side: soft edges of letters are damaged too.

    Returns
    -------
    bool array, shape (m, n)
        True = observed.

    Raises
    ------
    ValueError
        If an argument is out of range, or nothing of the text can be seen.

    Notes
    -----
    The font is the one that Pillow brings; another version of FreeType may draw a few pixels differently.

    Examples
    --------
    >>> mask = text_mask((60, 200), "matmend ")
    >>> mask.shape, bool(mask.all())
    ((60, 200), False)
    """
    from PIL import Image, ImageDraw, ImageFont  # here: loading them takes a while

    rows, cols = checked_shape(shape)
    if not text.strip():
        raise ValueError(f"text: expected something to write, got {text!r}; leave it out for a sample.")
    if height != int(height) or not _HEIGHTS[0] <= height <= _HEIGHTS[1]:
        raise ValueError(f"height: expected whole pixels from {_HEIGHTS[0]} to {_HEIGHTS[1]}, got {height!r}.")
    if not spacing >= 1:
        raise ValueError(f"spacing: expected at least 1 height from line to line, got {spacing!r}; 2 is double.")
    if bold != int(bold) or not 0 <= bold <= 20:
        raise ValueError(f"bold: expected whole pixels from 0 to 20, got {bold!r}.")
    font = ImageFont.load_default(height)
    line = text.replace("\n", " ")
    page = Image.new("1", (cols, rows))
    draw = ImageDraw.Draw(page)
    draw.fontmode = "1"  # whole pixels, no soft edges
    step = spacing * height
    num_lines = max(1, int(rows // step))
    first = 0
    for k in range(num_lines):
        written = line[first % len(line) :] + line
        while draw.textlength(written, font) < cols:
            written += line
        middle = (k + 0.5) * rows / num_lines
        draw.text((2, middle), written, fill=1, font=font, anchor="lm", stroke_width=int(bold))
        num_seen = len(written)  # the next line goes on behind the last letter that can be seen
        while num_seen > 1 and draw.textlength(written[:num_seen], font) > cols:
            num_seen -= 1
        first += num_seen
    mask = ~np.asarray(page, dtype=bool)
    if mask.all():
        raise ValueError(
            f"text: nothing of {text!r} can be seen at height {height}; try letters of the Latin alphabet."
        )
    return mask


def dust_mask(shape: tuple[int, int], *, missing: float = 0.02, size: float = 4.0, seed: int) -> NDArray[np.bool_]:
    """Dust on a scan: small elliptic specks, many little ones and few of the greatest size.

    Diameters are log-uniform from 1 to `size` pixels, the two axes of a speck differ by a factor up to 2, its direction
    is uniform.

    Parameters
    ----------
    shape : (int, int)
        (m, n), both at least 1.
    missing : float in [0, 0.5]
        Share of missing pixels, met exactly up to rounding to a whole pixel: the last speck is cut there.
    size : float in [1, 100]
        The greatest diameter in pixels.
    seed : int
        Seed of `numpy.random.default_rng`.

    Returns
    -------
    bool array, shape (m, n)
        True = observed.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> int((~dust_mask((100, 120), missing=0.02, seed=0)).sum())
    240
    """
    rows, cols = checked_shape(shape)
    if not 0 <= missing <= 0.5:
        raise ValueError(f"missing: expected a share in [0, 0.5], got {missing!r}; to hide more, use random_mask.")
    if not 1 <= size <= 100:
        raise ValueError(f"size: expected a diameter in pixels in [1, 100], got {size!r}; 4 is dust, 20 is a stain.")
    rng = np.random.default_rng(seed)
    mask = np.ones((rows, cols), dtype=bool)
    num_left = round(missing * mask.size)
    reach = np.arange(-int(size) - 1, int(size) + 2)
    dr, dc = np.meshgrid(reach, reach, indexing="ij")
    while num_left > 0:
        center = rng.uniform(0, (rows, cols))
        long = np.exp(rng.uniform(0, np.log(size))) / 2
        short, angle = max(0.5, long / rng.uniform(1, 2)), rng.uniform(0, np.pi)
        pixel = np.floor(center).astype(int)
        y, x = pixel[0] + 0.5 + dr - center[0], pixel[1] + 0.5 + dc - center[1]
        inside = ((y * np.cos(angle) + x * np.sin(angle)) / long) ** 2 + (
            (x * np.cos(angle) - y * np.sin(angle)) / short
        ) ** 2 <= 1
        inside |= (dr == 0) & (dc == 0)  # a speck smaller than a pixel still hides one
        r, c = pixel[0] + dr[inside], pixel[1] + dc[inside]
        here = (r >= 0) & (r < rows) & (c >= 0) & (c < cols)
        r, c = r[here], c[here]
        fresh = np.flatnonzero(mask[r, c])[:num_left]
        mask[r[fresh], c[fresh]] = False
        num_left -= fresh.size
    return mask


def dead_columns_mask(
    shape: tuple[int, int], *, missing: float = 0.05, width: int = 1, partial: float = 0.3, seed: int
) -> NDArray[np.bool_]:
    """Dead columns of a sensor: nothing of them is read, or nothing from a defect down to the border.

    Parameters
    ----------
    shape : (int, int)
        (m, n), both at least 1. For dead rows, transpose.
    missing : float in [0, 0.9]
        Share of the columns that are dead; what is dead in part counts as a column.
    width : int, >= 1
        Dead columns that lie side by side. Groups may touch, so wider ones occur.
    partial : float in [0, 1]
        Share of the groups that are dead only from a row, uniform in the picture, to the last.
    seed : int
        Seed of `numpy.random.default_rng`.

    Returns
    -------
    bool array, shape (m, n)
        True = observed.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> mask = dead_columns_mask((4, 20), missing=0.1, partial=0.0, seed=0)
    >>> int((~mask.any(axis=0)).sum())
    2
    """
    rows, cols = checked_shape(shape)
    if not 0 <= missing <= 0.9:
        raise ValueError(f"missing: expected a share of the columns in [0, 0.9], got {missing!r}.")
    if width != int(width) or not 1 <= width <= cols:
        raise ValueError(f"width: expected whole columns from 1 to {cols}, got {width!r}; 1 is usual.")
    if not 0 <= partial <= 1:
        raise ValueError(f"partial: expected a share in [0, 1], got {partial!r}; 0 kills whole columns.")
    rng = np.random.default_rng(seed)
    mask = np.ones((rows, cols), dtype=bool)
    groups = rng.permutation(-(-cols // int(width)))  # every column is in one group, so no two hide the same one
    num_left = round(missing * cols)
    for group in groups:
        if num_left <= 0:
            break
        dead = np.arange(group * width, min((group + 1) * width, cols))[:num_left]
        first = rng.integers(rows) if rng.uniform() < partial else 0
        mask[first:, dead] = False
        num_left -= dead.size
    return mask


def _stamp(mask: NDArray[np.bool_], path: NDArray[np.float64], radius: float) -> None:
    """Hide the pixels whose middle is within `radius` of a point of the path, and those that the path goes through."""
    shape = np.array(mask.shape)
    reach = np.arange(-int(radius) - 1, int(radius) + 2)
    around = np.stack(np.meshgrid(reach, reach, indexing="ij"), axis=-1).reshape(-1, 2)
    pixels = np.floor(path).astype(np.int64)[:, None, :] + around
    near = ((pixels + 0.5 - path[:, None, :]) ** 2).sum(axis=-1) <= radius**2
    near |= (around == 0).all(axis=-1)
    hidden = pixels[near]
    hidden = hidden[((hidden >= 0) & (hidden < shape)).all(axis=-1)]
    mask[hidden[:, 0], hidden[:, 1]] = False
