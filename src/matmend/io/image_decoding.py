"""From an image file to the numbers stored in it, and no exception but `ValueError`."""

import io
import logging
import math
import os
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from matmend.io.image_storage import EXIF_PREFIX, Storage

PIXEL_LIMIT = 2**27
"""Images with more pixels are refused by their header: decoding them would take gigabytes (a decompression bomb)."""

FREE_PIXELS = 2**24
"""Pixels that an image of any length may have."""
PIXELS_PER_BYTE = 1000
"""Pixels for each byte of the file that larger ones may have: deflate stores at most some 1030 bytes in one."""

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "PNG"), (b"\xff\xd8\xff", "JPEG"), (b"BM", "BMP"), (b"II*\0", "TIFF"), (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"), (b"MM\0+", "TIFF"),
)  # fmt: skip
_FULL_SCALE = {"bool": 1.0, "uint8": 255.0, "uint16": 65535.0}
_LOSSY_TIFF = {6, 7, 33003, 33004, 33005, 34712, 34887, 34892, 50001, 50002}  # JPEG, JPEG 2000, LERC, WebP, JPEG XL

# Without a handler, Python prints these libraries' remarks on broken files to stderr; what matters we raise.
for _name in ("PIL", "imagecodecs", "tifffile"):
    logging.getLogger(_name).addHandler(logging.NullHandler())


class _RefusalError(Exception):
    """A sentence for the user, as opposed to whatever a library raised."""


@dataclass(frozen=True, eq=False)
class Raster:
    """The colours of an image as stored, (h, w, 1) or (h, w, 3) without alpha, and how they were stored."""

    colors: NDArray[Any]
    storage: Storage


def decode(path: str | os.PathLike[str]) -> Raster:
    """Read an image file.

    Parameters
    ----------
    path : str or path-like
        A PNG, JPEG, TIFF, BMP or WebP file.

    Returns
    -------
    Raster
        For floating point images, `storage.value_range` is still (0, 1): the reader decides on the range.

    Raises
    ------
    ValueError
        If there is no such file, or it is not an image that can be read whole.

    Examples
    --------
    >>> decode("not-there.png")
    Traceback (most recent call last):
        ...
    ValueError: expected an image file, but not-there.png is not there: check the path
    """
    path = Path(path)
    data = _read_bytes(path)
    format_ = next((name for magic, name in _MAGIC if data.startswith(magic)), None)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        format_ = "WEBP"
    if format_ is None:
        came = "starts like none of these" if data else "is empty"
        raise ValueError(f"expected a PNG, JPEG, TIFF, BMP or WebP image, but {path} {came}: convert or replace it")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if format_ == "PNG":
                return _decode_png(data, path)
            return _decode_tiff(data, path) if format_ == "TIFF" else _decode_pillow(data, path, format_)
    except _RefusalError as error:
        raise ValueError(str(error)) from None
    except Image.DecompressionBombError as error:
        raise ValueError(f"expected an image of at most {PIXEL_LIMIT} pixels, but {path} has more: crop it") from error
    except Exception as error:  # three libraries on damaged bytes: what they raise has no common base class
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ValueError(
            f"expected a whole {format_} image, but {path} is damaged or of an unsupported kind ({reason}): "
            "open it in an image editor and save it as PNG"
        ) from error


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise ValueError(f"expected an image file, but {path} is not there: check the path") from error
    except IsADirectoryError as error:
        raise ValueError(f"expected an image file, but {path} is a folder: name a file in it") from error
    except OSError as error:
        raise ValueError(f"expected a readable image file, but {path} gave '{error.strerror}': check it") from error


def _check_size(width: int, height: int, path: Path, length: int) -> None:
    if width < 1 or height < 1:
        raise _RefusalError(f"expected an image with pixels, but {path} is {height} x {width}: replace the file")
    if width * height > PIXEL_LIMIT:
        raise _RefusalError(
            f"expected an image of at most {PIXEL_LIMIT} pixels, but {path} is {height} x {width}: crop it first"
        )
    if width * height > max(FREE_PIXELS, PIXELS_PER_BYTE * length):
        raise _RefusalError(
            f"expected an image, but {path} states {height} x {width} pixels in {length:,} bytes: replace the file"
        )


def _check_pages(count: int, path: Path) -> None:
    if count > 1:
        raise _RefusalError(
            f"expected a single image, but {path} has {count} pages or frames: save one as its own file"
        )


def _raster(values: NDArray[Any], storage: Storage, *, has_alpha: bool) -> Raster:
    """Part the colours from alpha; `storage` brings what the pixel values do not say."""
    values = values[:, :, np.newaxis] if values.ndim == 2 else values
    colors, alpha = (values[:, :, :-1], values[:, :, -1]) if has_alpha else (values, None)
    dtype = values.dtype.name
    bands: Literal["gray", "rgb"] = "gray" if colors.shape[2] == 1 else "rgb"
    if colors.shape[2] not in (1, 3):
        raise ValueError(f"{colors.shape[2]} colour channels")
    value_range = (0.0, _FULL_SCALE.get(dtype, 1.0))
    return Raster(colors, replace(storage, bands=bands, dtype=dtype, value_range=value_range, alpha=alpha))


def _metadata(image: Image.Image, format_: str, *, lossy: bool = False) -> Storage:
    info = image.info
    # a CMYK profile says nothing about the RGB that we convert to
    profile = info.get("icc_profile") if image.mode != "CMYK" else None
    exif = info.get("exif", b"").removeprefix(EXIF_PREFIX)
    return Storage(
        format=format_, lossy=lossy, dpi=_dpi(info.get("dpi")), icc_profile=profile or None, exif=exif or None
    )


def _dpi(value: object) -> tuple[float, float] | None:
    """Drop resolutions that are no resolution: zero, infinite, or beyond what formats can write."""
    if not isinstance(value, tuple) or len(value) != 2:
        return None
    x, y = float(value[0]), float(value[1])
    return (x, y) if all(math.isfinite(v) and 1 <= v <= 65535 for v in (x, y)) else None


def _decode_png(data: bytes, path: Path) -> Raster:
    _check_size(int.from_bytes(data[16:20]), int.from_bytes(data[20:24]), path, len(data))
    with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
        _check_pages(getattr(image, "n_frames", 1), path)
        storage = _metadata(image, "PNG")
        is_bilevel = image.mode == "1" and "transparency" not in image.info
    # Pillow reduces 16-bit colour to 8 bits, and compares the transparent gray of 2- and 4-bit images unscaled
    values = np.asarray(imagecodecs.png_decode(data))
    if is_bilevel:
        values = values > 0
    return _raster(values, storage, has_alpha=values.ndim == 3 and values.shape[2] in (2, 4))


def _decode_pillow(data: bytes, path: Path, format_: str) -> Raster:
    with Image.open(io.BytesIO(data), formats=[format_]) as image:
        _check_size(*image.size, path, len(data))
        if format_ != "JPEG":  # the further images in a telephone's JPEG are its thumbnails and gain maps
            _check_pages(getattr(image, "n_frames", 1), path)
        image.load()
        lossy = format_ == "JPEG" or (format_ == "WEBP" and b"VP8L" not in data)
        return _from_pillow(image, _metadata(image, format_, lossy=lossy))


def _from_pillow(image: Image.Image, storage: Storage) -> Raster:
    mode = image.mode
    if mode in ("P", "PA"):
        mode = "RGBA" if image.has_transparency_data else "RGB"
    elif mode in ("CMYK", "YCbCr", "RGBX"):
        mode = "RGB"
    elif mode not in ("1", "L", "LA", "RGB", "RGBA"):
        raise ValueError(f"pixels of type {mode}")
    return _raster(np.asarray(image.convert(mode)), storage, has_alpha=mode.endswith("A"))


def _decode_tiff(data: bytes, path: Path) -> Raster:
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages.first
        if not isinstance(page.imagewidth, int) or not isinstance(page.imagelength, int):
            raise ValueError("more than one width or height")  # damaged tags can hold lists
        _check_size(page.imagewidth, page.imagelength, path, len(data))
        if page.nbytes > max(16 * FREE_PIXELS, 100 * len(data)):
            raise ValueError(f"it states {page.nbytes:,} bytes of pixels")
        # ImageJ counts the images of a large stack in its own note and keeps a single page
        _check_pages(max(len(file.pages), page.imagedepth, (file.imagej_metadata or {}).get("images", 1)), path)
        _check_parts(page, len(data))
        storage = _tiff_metadata(page)
        if page.photometric not in (0, 1, 2) or page.bitspersample in (2, 4):  # a palette, CMYK, YCbCr, packed gray
            with Image.open(io.BytesIO(data), formats=["TIFF"]) as image:
                image.load()
                profile = storage.icc_profile if image.mode != "CMYK" else None
                return _from_pillow(image, replace(storage, icc_profile=profile))
        return _from_tiff_page(page, storage)


def _check_parts(page: tifffile.TiffPage, length: int) -> None:
    """Refuse a TIFF some of whose strips or tiles are not there: tifffile would fill these with zeros."""
    starts, sizes = page.dataoffsets, page.databytecounts
    if not len(starts) == len(sizes) == math.prod(page.chunked) or 0 in sizes:
        raise ValueError("some of its strips or tiles are missing")
    if any(start + size > length for start, size in zip(starts, sizes, strict=True)):
        raise ValueError("the file ends before its pixels do")


def _from_tiff_page(page: tifffile.TiffPage, storage: Storage) -> Raster:
    extra = tuple(page.extrasamples)
    expected = 3 if page.photometric == 2 else 1
    if page.samplesperpixel - len(extra) != expected or len(extra) > 1 or 0 in extra:
        raise ValueError(f"{page.samplesperpixel} channels, of which {len(extra)} are extra and not declared as alpha")
    dtype = page.dtype
    is_plain = dtype is not None and page.bitspersample == (1 if dtype == np.bool_ else 8 * dtype.itemsize)
    if dtype is None or not is_plain or not (dtype.name in _FULL_SCALE or dtype.kind == "f"):
        raise ValueError(f"{page.bitspersample}-bit {dtype} numbers, not 1, 8 or 16 bits unsigned or floating point")
    values = page.asarray().astype(dtype.newbyteorder("="), copy=False)
    if page.axes == "SYX":
        values = np.moveaxis(values, 0, 2)
    raster = _raster(values, storage, has_alpha=bool(extra))
    if page.photometric == 0:  # "white is zero", as in scanned text
        raster = replace(raster, colors=_inverted(raster.colors))
    if 1 in extra and _is_partly_transparent(raster.storage):
        raise ValueError("colours multiplied by partial alpha, where straight alpha is needed")
    return raster


def _inverted(values: NDArray[Any]) -> NDArray[Any]:
    if values.dtype.kind == "f":
        raise ValueError("floating point numbers where white is zero")
    return ~values


def _is_partly_transparent(storage: Storage) -> bool:
    return storage.alpha is not None and not np.isin(storage.alpha, storage.value_range).all()


def _tiff_metadata(page: tifffile.TiffPage) -> Storage:
    dpi = page.get_resolution(2) if page.resolutionunit in (2, 3) else None
    profile = page.tags.valueof(34675)
    orientation = page.tags.valueof(274, default=1)
    exif = None
    if orientation != 1:  # as EXIF, so that every other format can carry it
        tags = Image.Exif()
        tags[274] = int(orientation)
        exif = tags.tobytes().removeprefix(EXIF_PREFIX)
    return Storage(
        format="TIFF",
        lossy=int(page.compression) in _LOSSY_TIFF,
        dpi=_dpi(dpi),
        icc_profile=profile if isinstance(profile, bytes) else None,
        exif=exif,
    )
