"""Images: the test images and the textural mask of the AIR-Net paper, and two free photographs that need no file.

The authors read their images with OpenCV. This module repeats its 8 bit arithmetic in integers (bilinear resize
without anti-aliasing, in colour, then gray), so that its arrays equal theirs bit for bit without OpenCV.
"""

import os

import numpy as np
from numpy.typing import NDArray

from matmend.datasets._cache import fetch, find_data_folder

__all__ = ["find_data_folder", "load_sample", "load_test_image", "load_textural_mask", "resize_bilinear", "to_gray"]

# The commit that added the pictures; they are the same in 2771c10, the last commit.
URL = "https://raw.githubusercontent.com/lizhemin15/AIR-Net/334a138105e72f78afda5323fab1abe94dd6c4e1/"
Picture = tuple[str, str, str]  # path in a data folder, path in the repository, SHA-256 of the file
TEST_IMAGES: dict[str, Picture] = {
    "barbara": (
        "images/Barbara.jpg",
        "train_pics/Barbara.jpg",
        "eb5df1fe8614d88d44f0ec3e8e809410193657ed45fdfae98fd7fd07a060fea2",
    ),
    "cameraman": (
        "images/Cameraman.jpg",
        "train_pics/Cameraman.jpg",
        "92686816d09821df8c0ff23433ec3028836a226db7214a0d29dfd88d66bcfe8d",
    ),
    "baboon": (
        "images/baboon.bmp",
        "train_pics/baboon.bmp",
        "8650f437b5186197a4f09475a685170a3ff619cfb60bd2702b9b07d168a390f2",
    ),
}
TEXTURAL_MASK: Picture = (
    "masks/mask.png",
    "masks/mask.png",
    "f2ae2113e147e382161d8ebecdd4c6df7e2de0576efe23a9fd8a0a2aad791c7b",
)


def load_test_image(name: str, *, folder: str | os.PathLike[str] | None = None, size: int = 240) -> NDArray[np.float32]:
    """Load a test image of the AIR-Net paper: ``to_gray(resize_bilinear(rgb, (size, size))) / 255`` in float32.

    Parameters
    ----------
    name : {"barbara", "cameraman", "baboon"}
        Which image.
    folder : path, optional
        The data folder, with ``images/Barbara.jpg``, ``images/Cameraman.jpg``, ``images/baboon.bmp``. By default
        the folder ``MATMEND_DATA`` (:func:`find_data_folder`), then a download into the user's cache.
    size : int, >= 1
        Height and width of the result; the paper has 240.

    Returns
    -------
    float32 array, shape (size, size)
        Gray values in [0, 1], multiples of 1/255.

    Raises
    ------
    ValueError
        If `name` or `size` is none of the above, or the file is not byte for byte the authors' one (SHA-256).
    FileNotFoundError
        If the file is not in `folder`, or cannot be downloaded.

    Notes
    -----
    The paper only says "240 x 240"; the rest is read off the code. ``baboon.bmp`` is 480 x 500, not the square USC-SIPI
    file, and is squeezed; an anti-aliased resize of it would differ by 5.3 gray levels on average.

    Source: github.com/lizhemin15/AIR-Net, commit 2771c10, ``train_pics/``. Licence: none stated; the rights of these
    classical test images are unclear. For research use only: never commit or redistribute them.

    References
    ----------
    arXiv:2110.07557, section 4.2.

    Examples
    --------
    >>> find_data_folder() is None or load_test_image("barbara").shape == (240, 240)
    True
    """
    if name not in TEST_IMAGES:
        raise ValueError(f"name: expected one of {', '.join(TEST_IMAGES)}, got {name!r}; load_sample has others.")
    if size < 1 or size != int(size):
        raise ValueError(f"size: expected a positive whole number of pixels, got {size!r}; the paper has 240.")
    return _unit(to_gray(resize_bilinear(_read_rgb(TEST_IMAGES[name], folder), (int(size), int(size)))))


def load_textural_mask(*, folder: str | os.PathLike[str] | None = None) -> NDArray[np.bool_]:
    """Load the textural mask of the AIR-Net paper: observed iff ``to_gray(resize_bilinear(rgb, (240, 240))) == 255``.

    Parameters
    ----------
    folder : path, optional
        The data folder, with ``masks/mask.png``. By default as in :func:`load_test_image`.

    Returns
    -------
    bool array, shape (240, 240)
        True = observed; 5444 pixels (9.45 %) are missing.

    Raises
    ------
    ValueError, FileNotFoundError
        As :func:`load_test_image`.

    Notes
    -----
    The file is RGBA and opaque; alpha is dropped. See :func:`matmend.masks.textural_mask` for the rule and
    :func:`matmend.masks.scribble_mask` for a pattern that needs no file. Source (``masks/mask.png``), licence and
    restriction to research use as in :func:`load_test_image`.

    References
    ----------
    arXiv:2110.07557, section 4.2.

    Examples
    --------
    >>> find_data_folder() is None or int((~load_textural_mask()).sum()) == 5444
    True
    """
    return to_gray(resize_bilinear(_read_rgb(TEXTURAL_MASK, folder), (240, 240))) == 255


def load_sample(name: str = "camera", *, size: int = 256) -> NDArray[np.float32]:
    """Load a free photograph that ships inside scikit-image; no file, no network.

    Each pixel is the mean of a k x k block of the 512 x 512 original, k = 512 / size, rounded half up to 8 bit, / 255.

    Parameters
    ----------
    name : {"camera", "astronaut"}
        A gray or a colour photograph.
    size : int, a divisor of 512
        Height and width of the result.

    Returns
    -------
    float32 array, shape (size, size) for "camera", (size, size, 3) for "astronaut"
        Values in [0, 1], multiples of 1/255.

    Raises
    ------
    ValueError
        If `name` is unknown or `size` does not divide 512.

    Notes
    -----
    "camera" is not the classical Cameraman of the paper, which :func:`load_test_image` reads. Source and licence:
    `skimage.data.camera`, Lav Varshney, CC0; `skimage.data.astronaut`, Eileen Collins, NASA, public domain.

    Examples
    --------
    >>> load_sample().shape, load_sample("astronaut", size=64).shape
    ((256, 256), (64, 64, 3))
    """
    from skimage import data  # here: decoding PNG loads scikit-image's readers, half a second

    if name not in ("camera", "astronaut"):
        raise ValueError(f"name: expected camera or astronaut, got {name!r}; load_test_image has others.")
    if size < 1 or 512 % size:
        raise ValueError(f"size: expected a divisor of 512, got {size!r}; take 512, 256, 128, 64 or 32.")
    image = np.asarray(data.camera() if name == "camera" else data.astronaut())
    k = 512 // size
    sums = image.reshape(size, k, size, k, *image.shape[2:]).sum(axis=(1, 3), dtype=np.int64)
    return _unit(((2 * sums + k * k) // (2 * k * k)).astype(np.uint8))


def resize_bilinear(image: NDArray[np.uint8], shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Resize an 8 bit image (h, w, c) to ``shape`` as ``cv2.resize(image, shape[::-1])`` does, bit for bit.

    Bilinear, no anti-aliasing: output pixel i reads the input at ``(i + 1/2) * n_in / n_out - 1/2``, the border pixel
    repeated. Weights are multiples of 1/2048. Compared with OpenCV 5.0.0 (``imgproc/src/resize.cpp``; no code taken).

    Examples
    --------
    >>> resize_bilinear(np.array([[[0], [100], [200], [40]]], dtype=np.uint8), (1, 2)).ravel()
    array([ 50, 120], dtype=uint8)
    """
    top, bottom, w_top, w_bottom = _taps(image.shape[0], shape[0])
    left, right, w_left, w_right = _taps(image.shape[1], shape[1])
    pixels = image.astype(np.int64)
    across = (pixels[:, left] * w_left[:, None] + pixels[:, right] * w_right[:, None]) >> 4  # OpenCV cuts 4 bits here,
    upper = (across[top] * w_top[:, None, None]) >> 16  # 16 of each summand here,
    lower = (across[bottom] * w_bottom[:, None, None]) >> 16
    return ((upper + lower + 2) >> 2).astype(np.uint8)  # and rounds only the last 2


def to_gray(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Turn 8 bit colour (h, w, 3) into gray (h, w): 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601), rounded to 8 bit.

    ``(9798 R + 19235 G + 3735 B + 2**14) >> 15``: equal to ``cv2.cvtColor`` for all 2**24 colours; Pillow's
    ``convert("L")`` differs by 1 for 0.13 % of them.

    Examples
    --------
    >>> to_gray(np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]], dtype=np.uint8))
    array([[ 76, 150,  29, 255]], dtype=uint8)
    """
    return ((rgb.astype(np.int64) @ np.array([9798, 19235, 3735]) + (1 << 14)) >> 15).astype(np.uint8)


def _taps(num_in: int, num_out: int) -> tuple[NDArray[np.int64], ...]:
    """Find the two neighbours of each output pixel along one axis and their weights in 1/2048, in OpenCV's float32."""
    position = ((np.arange(num_out) + 0.5) * (num_in / num_out) - 0.5).astype(np.float32)
    first = np.floor(position).astype(np.int64)
    part = position - np.floor(position)
    weights = [np.rint(weight * np.float32(2048)).astype(np.int64) for weight in (np.float32(1) - part, part)]
    return np.clip(first, 0, num_in - 1), np.clip(first + 1, 0, num_in - 1), weights[0], weights[1]


def _unit(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    return image.astype(np.float32) / np.float32(255)


def _read_rgb(picture: Picture, folder: str | os.PathLike[str] | None) -> NDArray[np.uint8]:
    """Read a file of the authors, (h, w, 3), if its bytes are as expected."""
    from skimage.io import imread  # here: loading the readers takes half a second

    relative, published, sha256 = picture
    instead = "use load_sample() and masks.scribble_mask(), which need no files"
    path = fetch(relative, URL + published, sha256, folder=folder, instead=instead)
    return np.asarray(imread(path), dtype=np.uint8)[..., :3]
