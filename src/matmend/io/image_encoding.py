"""From stored numbers to the bytes of an image file, in their own depth and with their metadata."""

import io
import zlib
from typing import Any

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from matmend.io.image_storage import EXIF_PREFIX, Storage

_JPEG_SEGMENT = 65533  # a JPEG segment can hold no longer EXIF block
_PNG_HEADER_END = 33  # signature and IHDR come first in every PNG


def encode(values: NDArray[Any], storage: Storage, format_: str) -> bytes:
    """Encode an image.

    Parameters
    ----------
    values : numpy.ndarray of shape (h, w, channels)
        The numbers to store, alpha last where there is one, of type `storage.dtype`.
    storage : Storage
        Bands, alpha and metadata.
    format_ : str
        What `target_format` told.

    Returns
    -------
    bytes
        The whole file. Every format but JPEG is written without loss.

    Examples
    --------
    >>> encode(np.zeros((1, 1, 1), np.uint8), Storage(bands="gray"), "PNG")[1:4]
    b'PNG'
    """
    values = np.ascontiguousarray(values[:, :, 0] if values.shape[2] == 1 else values)
    if format_ == "PNG":
        return _encode_png(values, storage)
    if format_ == "TIFF":
        return _encode_tiff(values, storage)
    options: dict[str, Any] = {}
    if storage.dpi is not None and format_ != "WEBP":
        options["dpi"] = storage.dpi
    if storage.icc_profile is not None and format_ != "BMP":
        options["icc_profile"] = storage.icc_profile
    exif = b"" if storage.exif is None else EXIF_PREFIX + storage.exif.removeprefix(EXIF_PREFIX)
    if exif and format_ != "BMP" and not (format_ == "JPEG" and len(exif) > _JPEG_SEGMENT):
        options["exif"] = exif
    if format_ == "JPEG":
        options |= {"quality": 95, "subsampling": 0}  # 4:4:4: colours keep the resolution that was completed
    if format_ == "WEBP":
        options |= {"lossless": True, "exact": True}  # exact: colours stay under transparent pixels too
    return _save(values, format_, options)


def _save(values: NDArray[Any], format_: str, options: dict[str, Any]) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(values).save(stream, format_, **options)
    return stream.getvalue()


def _encode_png(values: NDArray[Any], storage: Storage) -> bytes:
    data = _save(values, "PNG", {}) if values.dtype == np.bool_ else bytes(imagecodecs.png_encode(values))
    # Pillow has no 16-bit colour and imagecodecs no metadata, so the metadata go in here, for every depth alike
    chunks = b""
    if storage.icc_profile is not None:
        chunks += _chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(storage.icc_profile))
    if storage.dpi is not None:
        x, y = (round(value / 0.0254) for value in storage.dpi)
        chunks += _chunk(b"pHYs", x.to_bytes(4) + y.to_bytes(4) + b"\1")  # 1: per metre
    if storage.exif is not None:
        chunks += _chunk(b"eXIf", storage.exif.removeprefix(EXIF_PREFIX))
    return data[:_PNG_HEADER_END] + chunks + data[_PNG_HEADER_END:]


def _chunk(name: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4) + name + content + zlib.crc32(name + content).to_bytes(4)


def _encode_tiff(values: NDArray[Any], storage: Storage) -> bytes:
    stream = io.BytesIO()
    # of EXIF only the orientation: a TIFF keeps the rest in a directory of its own, not as one block
    orientation = [(274, 3, 1, storage.orientation, True)] if storage.orientation != 1 else []
    tifffile.imwrite(
        stream,
        values,
        photometric="rgb" if storage.bands == "rgb" else "minisblack",
        planarconfig="contig" if values.ndim == 3 else None,
        extrasamples=None if storage.alpha is None else ["unassalpha"],
        compression="zlib",
        resolution=storage.dpi,
        resolutionunit=None if storage.dpi is None else "INCH",
        iccprofile=storage.icc_profile,
        extratags=orientation,
        metadata=None,  # no note on shape: the tags say it all
        software=False,
    )
    return stream.getvalue()
