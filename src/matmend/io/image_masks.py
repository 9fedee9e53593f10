"""Masks drawn as images: which pixels are observed, whichever way round they were drawn."""

import os
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from matmend.io.image_decoding import Raster, decode
from matmend.io.npy import map_array

AUTO_LIMIT = 0.4
"""The greatest fraction of missing pixels for which "auto" trusts a reading: near one half it would be a guess."""

NEARLY, WEAK, STRONG = 1 / 16, 1 / 8, 1 / 4
"""Fractions of the scale: noise of JPEG beside a stroke, mostly; what it rarely reaches; what it does not reach."""


def read_mask(
    path: str | os.PathLike[str], shape: tuple[int, int], *, missing: Literal["auto", "white", "black"] = "auto"
) -> tuple[NDArray[np.bool_], Literal["white", "black"]]:
    """Read a mask of observed pixels from an image file.

    Both conventions are in use: white is missing for scikit-image and OpenCV, black is missing in the AIR-Net paper.
    Only the pure colour counts as observed, so that the soft edge of a brush is missing too: with ``missing="white"``
    exactly black, with ``missing="black"`` exactly white. A paper that is not quite pure counts as pure. JPEG puts
    faint noise around every stroke, which stays when the file is saved as PNG later: there a pixel is missing if it is
    1/8 of the scale away from the pure colour and belongs to a mark that is 1/4 away somewhere.

    Parameters
    ----------
    path : str or path-like
        An image of any mode, or a ``.npy`` file of booleans where True is observed. Colours are read as the gray
        0.299 R + 0.587 G + 0.114 B; an image whose values are all 0 and 1 counts 1 as white. Alpha is ignored, unless
        the colours are constant and alpha varies: then alpha is the drawing, its transparent parts are its black.
    shape : tuple of int
        Height and width that the mask must have.
    missing : {"auto", "white", "black"}, default="auto"
        The colour of missing pixels. "auto" takes the reading with fewer of them; a drawing in alpha is missing where
        transparent, and a ``.npy`` file is missing where False (for it, "white" turns this round).

    Returns
    -------
    observed : numpy.ndarray of bool, shape (h, w)
        True where the pixel is observed.
    polarity : {"white", "black"}
        The colour that was taken as missing.

    Raises
    ------
    ValueError
        If the file cannot be read, has another size, or "auto" finds more than 40 % missing and will not guess.

    Examples
    --------
    >>> import tempfile
    >>> from matmend.io.images import write_picture
    >>> from matmend.io.image_storage import Storage
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     drawing = np.zeros((2, 4, 1))
    ...     drawing[0, 0] = 1.0
    ...     write_picture(f"{folder}/mask.png", drawing, Storage(bands="gray"))
    ...     observed, polarity = read_mask(f"{folder}/mask.png", (2, 4))
    >>> polarity, int(np.count_nonzero(~observed))
    ('white', 1)
    """
    if missing not in ("auto", "white", "black"):
        raise ValueError(f'expected missing to be "auto", "white" or "black", got {missing!r}')
    path = Path(path)
    if path.suffix.lower() == ".npy":
        observed = _read_array(path, shape)
        return (~observed, "white") if missing == "white" else (observed, "black")
    raster = decode(path)
    _check_shape(raster.colors.shape[:2], shape, path)
    drawing, full, is_alpha = _drawing(raster, path)
    lossy = raster.storage.lossy and not is_alpha
    levels = drawing.astype(np.int32 if full > 255 else np.int16)
    if missing != "auto":
        return _observed(levels if missing == "white" else full - levels, full, lossy=lossy), missing
    by_polarity = {"white": _observed(levels, full, lossy=lossy), "black": _observed(full - levels, full, lossy=lossy)}
    chosen = _choose(by_polarity, path, candidates=("black",) if is_alpha else ("white", "black"))
    return by_polarity[chosen], chosen


def _observed(away: NDArray[Any], full: int, *, lossy: bool) -> NDArray[np.bool_]:
    """Tell the observed pixels by how far they are away from the pure colour, which is at most `full`."""
    near = away[away <= full * NEARLY]
    paper = int(np.bincount(near).argmax()) if near.size else 0
    marked, core = away > paper, away > full * STRONG
    if full > 1 and not lossy and core.any():
        # Soft edges fade away from a stroke; faint specks that touch none are left by JPEG.
        faint = marked & (away <= full * NEARLY)
        specks = int(np.count_nonzero(faint & ~_touching(marked, core)))
        lossy = specks >= max(16, 0.02 * int(np.count_nonzero(faint)))
    if lossy:
        marked = _touching(away > full * WEAK, core)
    return ~marked


def _touching(marked: NDArray[np.bool_], core: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Keep the connected marks, corners included, in which there is a pixel of the core."""
    labels, num_marks = cast("tuple[NDArray[np.int32], int]", ndimage.label(marked, np.ones((3, 3), bool)))
    kept = np.zeros(num_marks + 1, bool)
    kept[labels[core & marked]] = True
    return kept[labels]


def _choose(
    by_polarity: dict[str, NDArray[np.bool_]], path: Path, *, candidates: tuple[Literal["white", "black"], ...]
) -> Literal["white", "black"]:
    fraction = {name: 1 - np.count_nonzero(observed) / observed.size for name, observed in by_polarity.items()}
    best = min(candidates, key=fraction.__getitem__)
    if fraction[best] > AUTO_LIMIT:
        raise ValueError(
            f"expected a mask of which the smaller part is missing, but {path} has {fraction['white']:.1%} missing if "
            f"white is missing and {fraction['black']:.1%} if black is: pass missing='white' or missing='black'"
        )
    return best


def _check_shape(came: tuple[int, ...], shape: tuple[int, int], path: Path) -> None:
    if tuple(came) != tuple(shape):
        size = " x ".join(map(str, came))
        raise ValueError(
            f"expected a mask of {shape[0]} x {shape[1]} pixels (height x width) like the picture, "
            f"but {path} is {size}: redraw it at that size"
        )


def _drawing(raster: Raster, path: Path) -> tuple[NDArray[Any], int, bool]:
    """Tell the gray drawing, the value that is white in it, and whether it was drawn in alpha."""
    colors, alpha = raster.colors, raster.storage.alpha
    if alpha is not None and (colors == colors[0, 0]).all() and (alpha != alpha[0, 0]).any():
        return _integers(alpha, path), _white(alpha, lossy=False), True
    gray = to_gray(_integers(colors, path))
    return gray, _white(colors, lossy=raster.storage.lossy), False


def _integers(values: NDArray[Any], path: Path) -> NDArray[Any]:
    if values.dtype.kind != "f":
        return values
    if not ((values >= 0) & (values <= 1)).all():  # False for NaN too
        raise ValueError(f"expected a mask with values from 0 to 1, but {path} has others: save it as an 8-bit image")
    return np.rint(values.astype(np.float64) * 65535).astype(np.uint16)


def _white(values: NDArray[Any], *, lossy: bool) -> int:
    if values.dtype.kind == "f":
        return 65535
    is_label = values.dtype == np.bool_ or (
        values.max() == 1 and not lossy
    )  # 0 and 1 in bytes: a saved boolean array, not two blacks
    return 1 if is_label else int(np.iinfo(values.dtype).max)


def to_gray(colors: NDArray[Any]) -> NDArray[Any]:
    """Reduce integer colours to gray, to the last bit as Pillow's ``convert("L")`` does.

    Parameters
    ----------
    colors : numpy.ndarray of shape (h, w, 1) or (h, w, 3)
        Booleans or integers of 8 or 16 bits.

    Returns
    -------
    numpy.ndarray of shape (h, w)
        0.299 R + 0.587 G + 0.114 B, rounded, of the same type.

    Examples
    --------
    >>> to_gray(np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8))
    array([[ 76, 150,  29]], dtype=uint8)
    """
    if colors.shape[2] == 1:
        return colors[:, :, 0]
    weights = np.array([19595, 38470, 7471], np.uint32)  # in 1/65536; they sum to 65536, so 65535 does not overflow
    wide = colors.astype(np.uint32)
    total = wide[:, :, 0] * weights[0] + wide[:, :, 1] * weights[1] + wide[:, :, 2] * weights[2]
    return ((total + np.uint32(0x8000)) >> np.uint32(16)).astype(colors.dtype)


def _read_array(path: Path, shape: tuple[int, int]) -> NDArray[np.bool_]:
    try:
        # mapped, not read: a wrong size is refused by the header, a file cut short by its length
        array = map_array(path)
    except FileNotFoundError as error:
        raise ValueError(f"expected a mask file, but {path} is not there: check the path") from error
    except Exception as error:  # numpy's parser raises whatever the damaged header leads it to
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ValueError(
            f"expected a mask saved by numpy.save, but {path} is not one ({reason}): save it again"
        ) from error
    _check_shape(array.shape, shape, path)
    if array.dtype != np.bool_:
        raise ValueError(
            f"expected a boolean mask (True = observed), but {path} holds {array.dtype}: save mask.astype(bool)"
        )
    return np.array(array)
