"""What is observed of a picture or matrix, from its file and that of its mask."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from matmend.cli.names import Polarity
from matmend.io import Picture, read_mask, read_picture


@dataclass(frozen=True, eq=False)
class Data:
    """What a method is to be given.

    Parameters
    ----------
    values : float32 array of shape (m, n), or (m, n, 3) for a colour picture
    seen : bool array of shape (m, n)
        True where observed.
    polarity : str
        Colour that the mask paints missing pixels in, ``""`` without a mask.
    kind : str
        What was read, in words.
    """

    values: np.ndarray
    seen: np.ndarray
    polarity: str
    kind: str


def read_data(path: Path, mask: Path | None, missing: Polarity) -> Data:
    """Read a picture, or a matrix from a ``.npy`` file in which NaN is missing.

    Raises
    ------
    ValueError
        If a file cannot be used, or nothing or everything is missing.
    """
    if path.suffix.lower() != ".npy":
        picture = read_picture(path)
        seen, polarity = observed(path, picture.mask, picture.nan_mask, mask, missing)
        return Data(plain(picture), seen, polarity, picture.storage.kind)
    matrix = _read_matrix(path)
    is_nan = np.isnan(matrix)
    return Data(matrix, *observed(path, ~is_nan, is_nan, mask, missing), "matrix")


def read_truth(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """Read the truth, which must have the shape of the data.

    Raises
    ------
    ValueError
        If it has another one.
    """
    values = _read_matrix(path) if path.suffix.lower() == ".npy" else plain(read_picture(path))
    if values.shape != shape:
        raise ValueError(f"The truth must have the size and channels of the data, {shape}; {path} has {values.shape}.")
    return values


def plain(picture: Picture) -> np.ndarray:
    """Return the pixels, a gray picture's as a matrix."""
    return picture.pixels[..., 0] if picture.pixels.shape[2] == 1 else picture.pixels


def observed(
    path: Path, known: np.ndarray, is_nan: np.ndarray, mask: Path | None, missing: Polarity
) -> tuple[np.ndarray, str]:
    """Join what a file says is known with what is drawn in a mask; return the colour taken for missing as well.

    Raises
    ------
    ValueError
        If the mask calls observed what is NaN, or nothing or everything is missing.
    """
    seen, polarity = known, ""
    if mask is not None:
        drawn, polarity = read_mask(mask, (known.shape[0], known.shape[1]), missing=missing)
        if (num_nan := int((drawn & is_nan).sum())) > 0:
            raise ValueError(
                f"{path} has NaN in {num_nan} pixels that {mask} calls observed: mark them as "
                "missing in the mask, or leave --mask out to treat NaN as missing."
            )
        seen = seen & drawn
    if seen.all():
        raise ValueError(
            f"Nothing is missing in {path}: "
            + (f"{mask} marks no pixel; see --missing." if mask else "say what is with --mask MASK.")
        )
    if not seen.any():
        raise ValueError(
            f"Everything is missing in {path}: at least some pixels must be observed"
            + ("; does the mask's --missing colour have to be the other one?" if mask else ".")
        )
    return seen, polarity


def _read_matrix(path: Path) -> np.ndarray:
    try:
        matrix = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ValueError(f"{path}: expected a .npy file of numbers, but {error}.") from error
    if not isinstance(matrix, np.ndarray) or matrix.ndim != 2 or matrix.dtype.kind not in "biuf":
        found = f"{matrix.dtype} of shape {matrix.shape}" if isinstance(matrix, np.ndarray) else "several arrays"
        raise ValueError(f"{path}: expected a matrix (m, n) of real numbers, got {found}.")
    return matrix.astype(np.float32)
