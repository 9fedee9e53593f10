"""What fills thin gaps, and what is offered for deep ones: quickly, or as well as possible."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from matmend.methods.inpainting.coarse import CoarseFirst
from matmend.methods.inpainting.filler import Filler, Observed, Picture
from matmend.methods.inpainting.frequency import FrequencySelective
from matmend.methods.inpainting.gaussians import PatchGaussians
from matmend.methods.inpainting.peeling import Peeling
from matmend.methods.inpainting.smooth import TotalVariation


@dataclass(frozen=True)
class Mean:
    """The mean of several estimates: their errors partly cancel.

    Parameters
    ----------
    fillers : tuple of Filler

    Examples
    --------
    >>> Mean((TotalVariation(), Peeling())).name
    'the mean of total variation and peeling'
    """

    fillers: tuple[Filler, ...]

    @property
    def name(self) -> str:
        """What it is, in words."""
        names = [filler.name for filler in self.fillers]
        return f"the mean of {', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]

    def __call__(self, picture: Picture, observed: Observed) -> Picture:
        """Fill a picture."""
        found = [filler(picture, observed) for filler in self.fillers]
        return np.stack(found).mean(axis=0, dtype=np.float32)


@dataclass(frozen=True)
class Preset:
    """How a picture is filled.

    Parameters
    ----------
    thin : Filler
        For scattered pixels and gaps of a few pixels across.
    judge : Filler
        A quick stand-in for it, to measure what error to expect.
    deep : tuple of Filler
        Candidates for deep gaps; copies of the gaps elsewhere in the picture choose the mixture.
    """

    thin: Filler
    judge: Filler
    deep: tuple[Filler, ...]


QUICK = PatchGaussians(rounds=4, searches=(0, 2))
COARSE = PatchGaussians(neighbors=100, stride=2, rounds=8)

FAST = Preset(QUICK, QUICK, (CoarseFirst(PatchGaussians(neighbors=100, rounds=4, searches=(0, 2)), QUICK),))
BEST = Preset(
    Mean((PatchGaussians(6, 3), PatchGaussians(8), PatchGaussians(10))),
    PatchGaussians(8),
    (
        CoarseFirst(COARSE, PatchGaussians(12)),
        TotalVariation(),
        FrequencySelective(64, 0.8, 5),
        FrequencySelective(64, 0.6, 60),
        Peeling(2, 40, 17, 0.3),
        Peeling(3, 15, 15, 0.1),
    ),
)
PresetName = Literal["fast", "best"]
PRESETS: dict[PresetName, Preset] = {"fast": FAST, "best": BEST}
