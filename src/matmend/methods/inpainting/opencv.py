"""Fillers of OpenCV, to compare with and to start from: they need the optional extra ``images``."""

import importlib
import importlib.util
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matmend.methods.inpainting.filler import Observed, Picture, put_back

INSTALL = 'pip install "matmend[images]"'
"""How the optional extra is installed."""

_BLOCK = 16  # of frequency-selective reconstruction, in pixels


def has_opencv() -> bool:
    """Tell whether OpenCV can be imported, without importing it.

    Examples
    --------
    >>> isinstance(has_opencv(), bool)
    True
    """
    return importlib.util.find_spec("cv2") is not None


@dataclass(frozen=True)
class NavierStokes:
    """Continue the lines of equal brightness into the gap as a fluid would flow (``cv2.inpaint``, INPAINT_NS).

    Quick (milliseconds) and smooth; texture is lost.

    Parameters
    ----------
    radius : float, default=3
        Of the neighbourhood that is read around each pixel, in pixels.

    References
    ----------
    M. Bertalmio, A. L. Bertozzi, G. Sapiro, "Navier-Stokes, fluid dynamics, and image and video inpainting", CVPR 2001,
    https://doi.org/10.1109/CVPR.2001.990497

    Examples
    --------
    >>> NavierStokes(radius=5)
    NavierStokes(radius=5)
    """

    radius: float = 3.0

    def __post_init__(self) -> None:
        """Check the radius."""
        if not 0 < self.radius <= 100:
            raise ValueError(f"radius: expected pixels in (0, 100], got {self.radius!r}; 3 is usual.")

    @property
    def name(self) -> str:
        """What it is, in words."""
        return f"OpenCV Navier-Stokes, radius {self.radius:g}"

    def __call__(self, picture: Picture, observed: Observed) -> Picture:
        """Fill a picture; see `Filler`."""
        return _inpainted(picture, observed, self.radius)


@dataclass(frozen=True)
class FrequencyOpenCV:
    """Frequency-selective reconstruction in blocks of 16 pixels and less (``cv2.xphoto.inpaint``, INPAINT_FSR_FAST).

    Good on regular texture. Only its 8-bit path works, so estimates are multiples of 1/255 of the observed range, and
    many scattered gaps take long: a second for 240 x 240 pixels, a minute for 512 x 512.

    References
    ----------
    N. Genser, J. Seiler, F. Schilling, A. Kaup, "Signal and Loss Geometry Aware Frequency Selective Extrapolation for
    Error Concealment", PCS 2018, https://doi.org/10.1109/PCS.2018.8456259

    Examples
    --------
    >>> FrequencyOpenCV()
    FrequencyOpenCV()
    """

    @property
    def name(self) -> str:
        """What it is, in words."""
        return "OpenCV frequency-selective reconstruction"

    def __call__(self, picture: Picture, observed: Observed) -> Picture:
        """Fill a picture; see `Filler`."""
        cv2 = _opencv()
        if observed.all():
            return picture.copy()
        low, span = _range(picture, observed)
        levels, channels = _levels(picture, observed, low, span, 255, np.uint8), picture.shape[2]
        # Whole blocks: with a part of one at the border OpenCV leaves it out, or writes where it must not.
        (h, w), mask = observed.shape, np.where(observed, 255, 0).astype(np.uint8)
        margins = ((0, -h % _BLOCK), (0, -w % _BLOCK))
        levels, mask = np.pad(levels, (*margins, (0, 0)), mode="symmetric"), np.pad(mask, margins, mode="symmetric")
        # Three channels go together, blue first; any other number one by one.
        parts = [levels[..., ::-1]] if channels == 3 else [levels[..., k] for k in range(channels)]
        filled = []
        for part in parts:
            target = np.ascontiguousarray(part).copy()
            cv2.xphoto.inpaint(np.ascontiguousarray(part), mask, target, cv2.xphoto.INPAINT_FSR_FAST)
            filled.append(target[..., ::-1] if channels == 3 else target[..., None])
        estimate = np.concatenate(filled, axis=2)[:h, :w].astype(np.float32)
        return put_back(low + span * (estimate / np.float32(255)), picture, observed)


def _inpainted(picture: Picture, observed: Observed, radius: float) -> Picture:
    """Call ``cv2.inpaint`` channel by channel, in 16 bits: its path for float32 rounds to whole numbers."""
    cv2 = _opencv()
    if observed.all():
        return picture.copy()
    low, span = _range(picture, observed)
    levels = _levels(picture, observed, low, span, 65535, np.uint16)
    missing = np.where(observed, 0, 255).astype(np.uint8)
    channels = [
        cv2.inpaint(np.ascontiguousarray(levels[..., k]), missing, radius, cv2.INPAINT_NS)
        for k in range(levels.shape[2])
    ]
    estimate = np.stack(channels, axis=2).astype(np.float32) / np.float32(65535)
    return put_back(low + span * estimate, picture, observed)


def _range(picture: Picture, observed: Observed) -> tuple[np.float32, np.float32]:
    """Return the least observed value and the span to the greatest; 1 if there is none."""
    known = picture[observed]
    low, span = known.min(), known.max() - known.min()
    return low, span if span > 0 else np.float32(1)


def _levels(
    picture: Picture, observed: Observed, low: np.float32, span: np.float32, top: int, dtype: Any
) -> NDArray[Any]:
    """Round to whole numbers from 0 to `top`; missing pixels become 0, whatever stands there."""
    return np.where(observed[..., None], np.rint((picture - low) / span * top), 0).astype(dtype)


def _opencv() -> Any:
    try:
        cv2 = importlib.import_module("cv2")
    except ImportError as error:
        raise ValueError(f"expected OpenCV for this filler, but it is not installed: {INSTALL}") from error
    if not hasattr(cv2, "xphoto"):
        raise ValueError(f"expected OpenCV with its contributed modules, but this one has no xphoto: {INSTALL}")
    return cv2
