"""Writing and reading pictures without matmend, for the tests that read and write them."""

from typing import Any

import imagecodecs
import numpy as np
import tifffile
from PIL import Image


def save(path, values, **options):
    """Write stored numbers of shape (h, w, channels) without matmend."""
    values = np.ascontiguousarray(values[:, :, 0] if values.shape[2] == 1 else values)
    if path.suffix == ".png" and not options:
        path.write_bytes(imagecodecs.png_encode(values))
    elif path.suffix == ".tif":
        channels = 1 if values.ndim == 2 else values.shape[2]
        defaults = {"photometric": "rgb" if channels > 2 else "minisblack", "metadata": None}
        if channels > 1:
            defaults["planarconfig"] = "contig"
        if channels in (2, 4):
            defaults["extrasamples"] = ["unassalpha"]
        tifffile.imwrite(path, values, **(defaults | options))
    else:
        defaults: dict[str, Any] = {"lossless": True, "exact": True} if path.suffix == ".webp" else {}
        Image.fromarray(values).save(path, **(defaults | options))
    return path


def load(path):
    """Read stored numbers of shape (h, w, channels) without matmend."""
    if path.suffix == ".png":
        values = imagecodecs.png_decode(path.read_bytes())
    elif path.suffix == ".tif":
        values = tifffile.imread(path)
    else:
        values = np.asarray(Image.open(path))
    return values[:, :, np.newaxis] if values.ndim == 2 else values
