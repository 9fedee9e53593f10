"""Arrays as pictures on a page: photographs, heat maps, maps of classes; large ones are shown smaller."""

import base64
import io
from dataclasses import dataclass

import numpy as np
import PIL.Image
from numpy.typing import ArrayLike, NDArray

MISSING = (0.85, 0.10, 0.35)
"""Painted where an entry is missing: a colour that photographs rarely have and the scale below has not."""
SIDE = 512
"""Most pixels along a side of a photograph on the page."""
CELLS = 360
"""Most cells along a side of a heat map."""
LOWEST, TALLEST = 0.35, 1.15
"""Least and greatest height of a heat map divided by its width; longer matrices are squeezed."""
_SCALE = (
    (0.00, 0.14, 0.30), (0.19, 0.26, 0.42), (0.36, 0.38, 0.43), (0.49, 0.48, 0.47), (0.64, 0.60, 0.45),
    (0.81, 0.74, 0.39), (1.00, 0.91, 0.27),
)  # fmt: skip


@dataclass(frozen=True)
class Image:
    """A picture on the page.

    Parameters
    ----------
    png : bytes
    size : (int, int)
        Pixels across and down.
    alt : str
        What it shows, for those who do not see it.
    caption : str
    ratio : float
        Height of what is shown divided by its width.
    is_coarse : bool
        Whether its pixels are cells, to be shown with sharp edges.
    """

    png: bytes
    size: tuple[int, int]
    alt: str
    caption: str
    ratio: float
    is_coarse: bool = False

    @property
    def source(self) -> str:
        """All of it as an address."""
        return f"data:image/png;base64,{base64.b64encode(self.png).decode('ascii')}"


def photo(values: ArrayLike, seen: ArrayLike | None = None, *, alt: str, caption: str = "", most: int = SIDE) -> Image:
    """Return a picture as it is, missing pixels painted.

    Parameters
    ----------
    values : array of shape (h, w) or (h, w, c)
        Within 0..1; what is not is cut off.
    seen : bool array of shape (h, w), optional
        True where observed.
    alt, caption : str
    most : int
        Pixels along a side above which means of several are shown.

    Returns
    -------
    Image

    Examples
    --------
    >>> photo(np.ones((4, 6)), alt="white").size, photo(np.ones((40, 60)), alt="white", most=30).size
    ((6, 4), (30, 20))
    """
    x = np.clip(np.nan_to_num(np.asarray(values, dtype=np.float64)), 0, 1)
    x = x[..., None] if x.ndim == 2 else x
    x = np.repeat(x[..., :1], 3, axis=2) if x.shape[2] < 3 else x[..., :3]
    if seen is not None:
        x = np.where(np.asarray(seen, dtype=bool)[..., None], x, MISSING)
    h, w = x.shape[:2]
    number = max(1, round(h * min(1, most / max(h, w)))), max(1, round(w * min(1, most / max(h, w))))
    return colours(_means(x, number), alt=alt, caption=caption, ratio=h / w)


def heat(
    values: ArrayLike,
    seen: ArrayLike | None = None,
    *,
    alt: str,
    caption: str = "",
    limits: tuple[float, float] | None = None,
    missing: tuple[float, float, float] = MISSING,
    most: int = CELLS,
) -> Image:
    """Return a matrix as a heat map, from dark blue (least) to yellow (greatest), missing entries painted.

    Parameters
    ----------
    values : array of shape (m, n)
    seen : bool array of shape (m, n), optional
        True where observed; by default where a value is finite.
    alt, caption : str
    limits : (float, float), optional
        What is darkest and what is brightest; by default the least and the greatest value.
    missing : (float, float, float)
        Colour of what is not observed.
    most : int
        Cells along a side above which one shows the mean of several entries.

    Returns
    -------
    Image

    Examples
    --------
    >>> heat([[0.0, np.nan], [1.0, 0.5]], alt="small").size
    (2, 2)
    """
    x = np.asarray(values, dtype=np.float64)
    known = np.isfinite(x) if seen is None else np.asarray(seen, dtype=bool) & np.isfinite(x)
    low, high = limits or (float(x[known].min(initial=np.inf)), float(x[known].max(initial=-np.inf)))
    share = np.clip((np.where(known, x, low) - low) / ((high - low) or 1.0), 0, 1) if known.any() else np.zeros(x.shape)
    number = min(x.shape[0], most), min(x.shape[1], most)
    weight = _means(known.astype(np.float64)[..., None], number)
    mean = _means((share * known)[..., None], number) / np.maximum(weight, 1e-12)
    shown = weight * _coloured(mean[..., 0]) + (1 - weight) * np.array(missing)
    ratio = float(np.clip(x.shape[0] / x.shape[1], LOWEST, TALLEST))
    return colours(shown, alt=alt, caption=caption, ratio=ratio, is_coarse=True)


def colours(
    rgb: ArrayLike, *, alt: str, caption: str = "", ratio: float | None = None, is_coarse: bool = False
) -> Image:
    """Return colours as they are, an array of shape (h, w, 3) within 0..1."""
    pixels = np.round(255 * np.clip(np.asarray(rgb, dtype=np.float64), 0, 1)).astype(np.uint8)
    stream = io.BytesIO()
    PIL.Image.fromarray(pixels, "RGB").save(stream, "png", optimize=True)
    h, w = pixels.shape[:2]
    return Image(stream.getvalue(), (w, h), alt, caption, h / w if ratio is None else ratio, is_coarse)


def _coloured(share: NDArray[np.float64]) -> NDArray[np.float64]:
    places = np.linspace(0, 1, len(_SCALE))
    return np.stack([np.interp(share, places, [stop[c] for stop in _SCALE]) for c in range(3)], axis=-1)


def _means(x: NDArray[np.float64], number: tuple[int, int]) -> NDArray[np.float64]:
    """Return means over cells, so many down and across."""
    for axis in (0, 1):
        if x.shape[axis] > number[axis]:
            ends = np.arange(number[axis] + 1) * x.shape[axis] // number[axis]
            sums = np.add.reduceat(x, ends[:-1], axis=axis)
            x = sums / np.expand_dims(np.diff(ends), (1 - axis, 2))
    return x
