"""Pictures in and out: colours as numbers in [0, 1], what is missing as a mask, and back in the same depth."""

import os
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matmend.io.atomic import atomic_write, check_writable
from matmend.io.image_decoding import decode
from matmend.io.image_encoding import encode
from matmend.io.image_storage import Storage, target_format

_BAND = 256


@dataclass(frozen=True, eq=False)
class Picture:
    """An image, ready to be completed.

    Parameters
    ----------
    pixels : numpy.ndarray of float32, shape (h, w, c)
        The colour channels, 1 or 3 without alpha, scaled to [0, 1]. Finite everywhere: 0 where the file has NaN.
    mask : numpy.ndarray of bool, shape (h, w)
        True where the pixel is observed: alpha is not 0 and no channel is NaN.
    nan_mask : numpy.ndarray of bool, shape (h, w)
        True where the file has NaN in a colour channel, so that there is no value to take as observed.
    storage : Storage
        How to write pixels back as they were stored.
    """

    pixels: NDArray[np.float32]
    mask: NDArray[np.bool_]
    nan_mask: NDArray[np.bool_]
    storage: Storage

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.mask.shape[0], self.mask.shape[1]


def read_picture(path: str | os.PathLike[str]) -> Picture:
    """Read an image file.

    Parameters
    ----------
    path : str or path-like
        A PNG, JPEG, TIFF, BMP or WebP file: bilevel, 8 or 16 bits, gray or colour, with or without alpha; a palette and
        CMYK are read as RGB. A floating point TIFF is scaled by the least and the greatest value that it has outside
        missing pixels. Rows come in stored order: an EXIF orientation is kept, not applied.

    Returns
    -------
    Picture
        Pixels, mask and storage. Fed to `write_picture` unchanged, integers come back exactly, also those under
        transparent pixels, and floating point values to ``2**-24`` of their range plus one rounding of their type:
        exactly where `write_picture` is told that they were not filled.

    Raises
    ------
    ValueError
        If there is no such file, it is damaged or of an unsupported kind, has more than one page or frame, more than
        ``2**27`` pixels, or infinite values.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_picture(f"{folder}/dot.png", np.full((1, 2, 3), 0.2), Storage())
    ...     picture = read_picture(f"{folder}/dot.png")
    >>> picture.shape, picture.pixels[0, 0].tolist() == [np.float32(0.2)] * 3, picture.mask.all()
    ((1, 2), True, np.True_)
    """
    raster = decode(path)
    colors, storage = raster.colors, raster.storage
    nan_mask: NDArray[np.bool_] = np.any(np.isnan(colors), axis=2)  # all False for integers
    # a NaN in alpha is no opacity either, hence "not above" rather than "equal to" 0
    mask = ~nan_mask if storage.alpha is None else ~nan_mask & (storage.alpha > 0)
    if not storage.is_float:
        scaled = colors.astype(np.float32) / np.float32(storage.value_range[1])
        return Picture(scaled, mask, nan_mask, storage)
    if np.isinf(colors).any():
        raise ValueError(f"expected finite values or NaN, but {path} has infinite ones: set those to NaN")
    # under transparent pixels any value may lie, so these do not take part in the range; they are clipped into it
    observed = colors[mask].astype(np.float64)
    low, high = (float(observed.min()), float(observed.max())) if observed.size else (0.0, 1.0)
    span = high - low
    if not np.isfinite(span):
        raise ValueError(f"expected values whose range is finite, but {path} goes from {low} to {high}: scale it down")
    with np.errstate(invalid="ignore"):  # a signalling NaN complains when it is converted
        wide = np.nan_to_num(colors.astype(np.float64))
    scaled = np.clip((wide - low) / (span or 1.0), 0.0, 1.0)
    scaled[nan_mask] = 0.0
    storage = replace(storage, value_range=(low, high), colors=colors)
    return Picture(scaled.astype(np.float32), mask, nan_mask, storage)


def check_target(path: str | os.PathLike[str], storage: Storage, *, overwrite: bool = False) -> None:
    """Check that a picture can be written, before the work whose result it is.

    Parameters
    ----------
    path : str or path-like
        The image file to be written; its suffix chooses the format.
    storage : Storage
        How the pixels are to be stored.
    overwrite : bool, default=False
        Whether a file that is there may be replaced.

    Raises
    ------
    ValueError
        If the suffix is unknown or its format cannot hold the picture, or the file cannot be written there.

    Examples
    --------
    >>> check_target("result.jpg", Storage(dtype="uint16", value_range=(0, 65535)))
    Traceback (most recent call last):
        ...
    ValueError: expected a format that can hold a 16-bit rgb image, but .jpg cannot:
    write to .png or .tif or .tiff instead of result.jpg
    """
    target_format(path, storage)
    check_writable(path, overwrite=overwrite)


def with_gaps(storage: Storage, shape: tuple[int, int]) -> Storage:
    """Return how to store a picture of which some pixels stay missing.

    Parameters
    ----------
    storage : Storage
    shape : tuple of int
        Height and width.

    Returns
    -------
    Storage
        As it is if it holds floating point numbers, where NaN is missing, or alpha; otherwise with an opaque alpha.

    Raises
    ------
    ValueError
        If the picture is bilevel: such files have no transparency.

    Examples
    --------
    >>> with_gaps(Storage(bands="gray"), (2, 3)).kind
    '8-bit gray with alpha'
    """
    if storage.is_float or storage.alpha is not None:
        return storage
    if storage.dtype == "bool":
        raise ValueError("expected a picture that can have transparent pixels, but this one is 1-bit: make it 8-bit")
    return replace(storage, alpha=np.full(shape, storage.value_range[1], dtype=storage.dtype))


def write_picture(
    path: str | os.PathLike[str],
    pixels: NDArray[np.floating[Any]],
    storage: Storage,
    *,
    filled: NDArray[np.bool_] | None = None,
    missing: NDArray[np.bool_] | None = None,
    overwrite: bool = False,
) -> None:
    """Write an image file in the depth and bands that it was read in.

    Parameters
    ----------
    path : str or path-like
        The file to write; its suffix chooses the format: .png, .tif, .tiff, .jpg, .jpeg, .bmp or .webp. JPEG is written
        with quality 95 and full colour resolution, every other format without loss.
    pixels : numpy.ndarray of shape (h, w, c)
        Finite floating point values; what lies outside [0, 1] is clipped, then rounded to the depth of `storage`.
    storage : Storage
        How to store them: the one that `read_picture` gave, or a new one such as ``Storage(bands="gray")``. Resolution,
        colour profile and EXIF are kept where the format has a place for them.
    filled : numpy.ndarray of bool, shape (h, w), optional
        The pixels that were filled in, which become opaque; the others get the floating point colours of `storage`, if
        it has any. Without it alpha stays as it was.
    missing : numpy.ndarray of bool, shape (h, w), optional
        Pixels to store without a value: NaN in floating point, black and transparent otherwise (see `with_gaps`).
    overwrite : bool, default=False
        Whether a file that is there may be replaced.

    Raises
    ------
    ValueError
        If the target cannot be written (see `check_target`), or `pixels`, `filled` or `missing` do not fit
        `storage`.

    Examples
    --------
    >>> write_picture("result.xyz", np.zeros((2, 2, 3)), Storage())
    Traceback (most recent call last):
        ...
    ValueError: expected an image suffix, one of .png, .tif, .tiff, .jpg, .jpeg, .bmp, .webp,
    but result.xyz has the suffix .xyz: choose one
    """
    format_ = target_format(path, storage)
    pixels = np.asarray(pixels)
    _check_pixels(pixels, storage)
    values = _stored(pixels, storage)
    if filled is not None:
        _check_plane("filled", filled, pixels)
        if storage.colors is not None:
            np.copyto(values, storage.colors, where=~filled[:, :, np.newaxis])
    if storage.alpha is not None:
        alpha = storage.alpha.copy()
        if filled is not None:
            alpha[filled] = max(1.0, float(np.nanmax(alpha))) if storage.is_float else storage.value_range[1]
        values = np.concatenate([values, alpha[:, :, np.newaxis]], axis=2)
    if missing is not None:
        _check_plane("missing", missing, pixels)
        if not storage.is_float and storage.alpha is None and missing.any():
            raise ValueError(f"expected alpha for pixels without a value, but {path} has none: see with_gaps")
        values[missing, : storage.channels if storage.is_float else None] = np.nan if storage.is_float else 0
    with atomic_write(path, overwrite=overwrite) as temporary:
        temporary.write_bytes(encode(values, storage, format_))


def _check_pixels(pixels: NDArray[Any], storage: Storage) -> None:
    if pixels.ndim != 3 or pixels.shape[2] != storage.channels or pixels.size == 0 or pixels.dtype.kind != "f":
        raise ValueError(
            f"expected floating point pixels of shape (height, width, {storage.channels}) for a {storage.kind} image, "
            f"got {_described(pixels)}: scale them to [0, 1] and give them that shape"
        )
    if storage.alpha is not None and storage.alpha.shape != pixels.shape[:2]:
        raise ValueError(f"expected pixels of the size of their alpha, {storage.alpha.shape}, got {_described(pixels)}")
    if storage.colors is not None and storage.colors.shape != pixels.shape:
        raise ValueError(f"expected pixels of the shape read, {storage.colors.shape}, got {_described(pixels)}")
    missing = int(np.count_nonzero(~np.isfinite(pixels)))
    if missing:
        raise ValueError(f"expected finite pixels, got {missing} NaN or infinite values: complete the picture first")


def _check_plane(name: str, plane: NDArray[np.bool_], pixels: NDArray[Any]) -> None:
    if plane.shape != pixels.shape[:2] or plane.dtype != np.bool_:
        raise ValueError(f"expected {name} to be boolean of shape {pixels.shape[:2]}, got {_described(plane)}")


def _stored(pixels: NDArray[Any], storage: Storage) -> NDArray[Any]:
    low, high = storage.value_range
    stored = np.empty(pixels.shape, storage.dtype)
    for top in range(0, len(pixels), _BAND):  # in double precision a large picture would be several gigabytes
        rows = slice(top, top + _BAND)
        values = np.clip(pixels[rows].astype(np.float64), 0.0, 1.0) * (high - low) + low
        stored[rows] = values if storage.is_float else np.rint(values)
    return stored


def _described(array: NDArray[Any]) -> str:
    return f"{array.dtype} of shape {array.shape}"
