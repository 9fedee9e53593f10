"""First the picture at half its size, where gaps are narrower; then the details."""

from dataclasses import dataclass, field
from typing import Protocol

import jax
import numpy as np
from numpy.typing import NDArray

from matmend.methods.inpainting.filler import Filler, Observed, Picture, blocks, put_back
from matmend.methods.inpainting.gaussians import PatchGaussians

LITTLE = 1e-3
"""Weight of an estimated pixel in the mean of four where an observed one has 1: it counts where nothing else does."""


class Refiner(Filler, Protocol):
    """A filler that can go on from an estimate of another."""

    @property
    def start(self) -> Filler:
        """What makes its first estimate."""
        ...

    def refined(self, picture: Picture, observed: Observed, start: Picture) -> Picture:
        """Fill a picture, from a first estimate of it."""
        ...


@dataclass(frozen=True)
class CoarseFirst:
    """Fill the picture at half its size, and start from there: for gaps wider than a patch.

    Parameters
    ----------
    coarse : Refiner, default patches of 8, every second, in small groups
        Fills the small pictures.
    fine : Refiner, default patches of 12
        Fills the picture itself.
    levels : int, default 1
        How often the picture is halved.

    Notes
    -----
    Both start from `fine.start`, halved for the small picture. What the coarse filler changes there is
    interpolated linearly and added to the start of the fine one, so that what the start knows of the details is kept.

    Examples
    --------
    >>> stripes = np.tile(np.array([0.2, 0.8, 0.5, 0.6], np.float32), (48, 12))[..., None]
    >>> observed = np.ones((48, 48), bool)
    >>> observed[20:30, 20:30] = False
    >>> filled = CoarseFirst(fine=PatchGaussians(size=8))(stripes, observed)
    >>> bool(np.abs(filled - stripes).max() < 0.05)
    True
    """

    coarse: Refiner = field(default_factory=lambda: PatchGaussians(stride=2, neighbors=100, rounds=8))
    fine: Refiner = field(default_factory=lambda: PatchGaussians(size=12))
    levels: int = 1

    def __post_init__(self) -> None:
        if self.levels < 1:
            raise ValueError(f"levels: expected at least 1, got {self.levels!r}; for none use the fine filler itself.")

    @property
    def name(self) -> str:
        """What it is, in words."""
        return f"{self.fine.name}, after {self.coarse.name} at 1/{2**self.levels} of the size"

    @property
    def start(self) -> Filler:
        """What makes the first estimate."""
        return self.fine.start

    def __call__(self, picture: Picture, observed: Observed) -> Picture:
        """Fill a picture, see [`Filler`][matmend.methods.inpainting.filler.Filler]."""
        return self.refined(picture, observed, self.start(picture, observed))

    def refined(self, picture: Picture, observed: Observed, start: Picture) -> Picture:
        """Fill a picture, from a first estimate of it."""
        start = self._corrected(put_back(start, picture, observed), observed, self.levels)
        return self.fine.refined(picture, observed, start)

    def _corrected(self, start: Picture, observed: Observed, levels: int) -> Picture:
        small, known = halved(start, observed)
        if levels == 0 or known.all() or not known.any():
            return start
        filled = self.coarse.refined(small, known, self._corrected(small, known, levels - 1))
        h, w, c = start.shape
        change = jax.image.resize(filled - small, (2 * small.shape[0], 2 * small.shape[1], c), "linear")
        return put_back(start + np.asarray(change)[:h, :w], start, observed)


def halved(picture: Picture, observed: Observed) -> tuple[Picture, NDArray[np.bool_]]:
    """Mean of every four pixels, observed ones first; observed where at least two of them are.

    Odd rows and columns at the end are repeated.

    Examples
    --------
    >>> small, known = halved(np.array([[[1.0], [3.0], [5.0]]], np.float32), np.array([[True, True, False]]))
    >>> small.ravel().tolist(), known.tolist()
    ([2.0, 5.0], [[True, False]])
    """
    seen = observed[..., None]
    weights = np.where(seen, np.float32(1), np.float32(LITTLE))

    def four(x: Picture) -> Picture:
        return blocks(x, 2).sum(axis=(1, 3))

    known = four(seen.astype(np.float32))[..., 0] >= 2
    return four(picture * weights) / four(weights), known
