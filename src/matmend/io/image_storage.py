"""How a picture lies in its file, and which file formats can hold it."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

EXIF_PREFIX = b"Exif\0\0"
"""What JPEG puts before the EXIF block, PNG does not, and WebP sometimes does."""

_ORIENTATION = 0x0112  # the EXIF and TIFF tag that says how to turn the stored rows for display


@dataclass(frozen=True, eq=False)
class Storage:
    """What it takes to write pixels back the way they were stored.

    Parameters
    ----------
    format : {"PNG", "JPEG", "TIFF", "BMP", "WEBP"}
        The file format that the picture came in; the format written follows the suffix of the target instead.
    bands : {"gray", "rgb"}
        The colour channels, alpha not counted.
    dtype : {"bool", "uint8", "uint16", "float16", "float32", "float64"}
        The numbers in the file; "bool" is a bilevel image.
    value_range : tuple of float
        The stored values that the pixels 0 and 1 stand for. Black and white for integers; for floating point the least
        and the greatest observed value, which are equal in a constant image.
    lossy : bool
        Whether the encoding changed the values, as JPEG does.
    alpha : numpy.ndarray of shape (h, w), optional
        The alpha plane as stored, of type `dtype`.
    colors : numpy.ndarray of shape (h, w, channels), optional
        Floating point colours as stored: scaling would round those that were not filled. Integers come back exactly
        without it.
    dpi : tuple of float, optional
        Horizontal and vertical resolution in pixels per inch.
    icc_profile, exif : bytes, optional
        Colour profile and camera data, passed on unread.

    Examples
    --------
    >>> Storage(bands="gray", dtype="uint16", value_range=(0, 65535)).kind
    '16-bit gray'
    """

    format: str = "PNG"
    bands: Literal["gray", "rgb"] = "rgb"
    dtype: str = "uint8"
    value_range: tuple[float, float] = (0.0, 255.0)
    lossy: bool = False
    alpha: NDArray[Any] | None = None
    colors: NDArray[Any] | None = None
    dpi: tuple[float, float] | None = None
    icc_profile: bytes | None = None
    exif: bytes | None = None

    @property
    def channels(self) -> int:
        """Number of colour channels, alpha not counted."""
        return 1 if self.bands == "gray" else 3

    @property
    def is_float(self) -> bool:
        """Whether the file holds floating point numbers."""
        return self.dtype.startswith("float")

    @property
    def kind(self) -> str:
        """Depth and bands in words, for messages."""
        depth = "1-bit" if self.dtype == "bool" else f"{8 * np.dtype(self.dtype).itemsize}-bit"
        return f"{depth}{' float' if self.is_float else ''} {self.bands}{'' if self.alpha is None else ' with alpha'}"

    @property
    def orientation(self) -> int:
        """The EXIF orientation, 1 (upright) to 8; 1 where none is given."""
        if self.exif is None:
            return 1
        tags = Image.Exif()
        try:
            tags.load(self.exif)
            value = tags.get(_ORIENTATION, 1)
        except Exception:  # camera data come from anywhere; a broken block says nothing about the orientation
            return 1
        return value if isinstance(value, int) and 1 <= value <= 8 else 1


@dataclass(frozen=True)
class _Holds:
    """What one file format can hold without loss of depth, bands or alpha."""

    format: str
    dtypes: tuple[str, ...]
    bands: tuple[str, ...] = ("gray", "rgb")
    has_alpha: bool = True
    has_orientation: bool = True


_PNG = _Holds("PNG", ("bool", "uint8", "uint16"))
_JPEG = _Holds("JPEG", ("uint8",), has_alpha=False)
_TIFF = _Holds("TIFF", ("bool", "uint8", "uint16", "float16", "float32", "float64"))
_BMP = _Holds("BMP", ("bool", "uint8"), has_alpha=False, has_orientation=False)
_WEBP = _Holds("WEBP", ("uint8",), bands=("rgb",))
_SUFFIXES = {
    ".png": _PNG, ".tif": _TIFF, ".tiff": _TIFF, ".jpg": _JPEG, ".jpeg": _JPEG, ".bmp": _BMP, ".webp": _WEBP,
}  # fmt: skip


def target_format(path: str | os.PathLike[str], storage: Storage) -> str:
    """Tell the file format that the suffix of a target asks for, if it can hold the picture.

    Parameters
    ----------
    path : str or path-like
        The image file to be written.
    storage : Storage
        Depth, bands and alpha that the file must hold.

    Returns
    -------
    str
        "PNG", "JPEG", "TIFF", "BMP" or "WEBP".

    Raises
    ------
    ValueError
        If the suffix is unknown, or its format would lose depth, bands, alpha or orientation.

    Examples
    --------
    >>> target_format("a.tif", Storage(dtype="uint16", value_range=(0, 65535)))
    'TIFF'
    """
    suffix = Path(path).suffix.lower()
    if suffix not in _SUFFIXES:
        came = f"the suffix {suffix}" if suffix else "no suffix"
        raise ValueError(f"expected an image suffix, one of {', '.join(_SUFFIXES)}, but {path} has {came}: choose one")
    able = [name for name, format_ in _SUFFIXES.items() if _can_hold(format_, storage)]
    if suffix not in able:
        turned = "" if storage.orientation == 1 else " turned by its EXIF orientation"
        raise ValueError(
            f"expected a format that can hold a {storage.kind} image{turned}, but {suffix} cannot: "
            f"write to {' or '.join(able)} instead of {path}"
        )
    return _SUFFIXES[suffix].format


def is_lossy(path: str | os.PathLike[str]) -> bool:
    """Tell whether the format that the suffix of a target asks for changes values.

    Examples
    --------
    >>> is_lossy("photo.JPG"), is_lossy("photo.webp")  # which is written without loss
    (True, False)
    """
    return _SUFFIXES.get(Path(path).suffix.lower()) is _JPEG


def _can_hold(format_: _Holds, storage: Storage) -> bool:
    return (
        storage.dtype in format_.dtypes
        and storage.bands in format_.bands
        and (format_.has_alpha or storage.alpha is None)
        and (format_.has_orientation or storage.orientation == 1)
    )
