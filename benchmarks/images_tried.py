"""What fills gaps of pictures, one part at a time: the figures behind the presets.

``python -m benchmarks.images_tried --out FOLDER`` lets variants of the fillers fill the nine cases of the AIR-Net paper
(``benchmarks.images``; random mask of seed 0) and writes ``tried.md``: NMAE on missing pixels, clipped to [0, 1].
The truth of these cases chose the settings, so this is a record of tuning and no evidence; that is
``benchmarks.images --pictures held-out``. The files come from the folder that ``MATMEND_DATA`` names.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks._images_pictures import papers
from benchmarks.ratings import machine
from matmend.io import atomic_write
from matmend.methods.inpainting.coarse import CoarseFirst
from matmend.methods.inpainting.filler import Filler
from matmend.methods.inpainting.frequency import FrequencySelective
from matmend.methods.inpainting.gaussians import PatchGaussians
from matmend.methods.inpainting.peeling import Peeling
from matmend.methods.inpainting.presets import COARSE, Mean
from matmend.methods.inpainting.smooth import Biharmonic, TotalVariation
from matmend.methods.inpainting.workers import available_cores
from matmend.metrics import nmae

USUAL = PatchGaussians()
LARGE = PatchGaussians(12)
DEEP, THIN = ("patch",), ("random", "texture")
EVERY = (*THIN, *DEEP)
VARIANTS: dict[str, tuple[Filler, tuple[str, ...]]] = {
    "biharmonic": (Biharmonic(), EVERY),
    "Gaussians, patches of 8": (USUAL, EVERY),
    "30 neighbours": (replace(USUAL, neighbors=30), THIN),
    "60 neighbours": (replace(USUAL, neighbors=60), THIN),
    "100 neighbours": (replace(USUAL, neighbors=100), THIN),
    "estimated pixels count as observed ones": (replace(USUAL, trust=1.0), THIN),
    "patches of 6": (PatchGaussians(6, 3), THIN),
    "patches of 10": (PatchGaussians(10), THIN),
    "mean of 6, 8 and 10": (Mean((PatchGaussians(6, 3), USUAL, PatchGaussians(10))), THIN),
    "four rounds, two searches": (replace(USUAL, rounds=4, searches=(0, 2)), EVERY),
    "ten rounds": (replace(USUAL, rounds=10), THIN),
    "window of 25": (replace(USUAL, window=25), THIN),
    "patches of 12": (LARGE, DEEP),
    "patches of 16, window of 25": (PatchGaussians(16, window=25), DEEP),
    "half the size first, then patches of 12": (CoarseFirst(COARSE, LARGE), DEEP),
    "a quarter and half the size first": (CoarseFirst(COARSE, LARGE, levels=2), DEEP),
    "frequency-selective, decay .6, 60 waves": (FrequencySelective(64, 0.6, 60), EVERY),
    "frequency-selective, decay .8, 5 waves": (FrequencySelective(64, 0.8, 5), DEEP),
    "peeling, patches of 5, 40 neighbours": (Peeling(2, 40, 17, 0.3), EVERY),
    "total variation": (TotalVariation(), EVERY),
}
"""Name, filler, and the gaps it is tried on."""


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--variants", nargs="+", help="only those whose name contains one of these")
    parser.add_argument("--out", type=Path, required=True, help="folder for tried.json and tried.md")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    kept = arguments.out / "tried.json"
    found: dict[str, dict[str, float]] = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    for name, (filler, gaps) in VARIANTS.items():
        if arguments.variants and not any(part in name for part in arguments.variants):
            continue
        # What an earlier run has found is not done again.
        found.setdefault(name, {}).update(measured(filler, gaps, found.get(name, {})))
        with atomic_write(kept, overwrite=True) as path:
            path.write_text(json.dumps(found, indent=1), encoding="utf-8")
    page = "\n".join([f"NMAE, random mask of seed 0. {machine(available_cores())}.", "", *table(found), ""])
    with atomic_write(arguments.out / "tried.md", overwrite=True) as path:
        path.write_text(page, encoding="utf-8")
    print(page)


def measured(filler: Filler, gaps: tuple[str, ...], known: dict[str, float]) -> dict[str, float]:
    """Fill all cases with such gaps; return the error by the name of the case."""
    errors = {}
    for case in papers([0]):
        if case.name in known or case.name.split()[1] not in gaps:
            continue
        picture = np.where(case.observed[..., None], case.truth, np.float32(0))
        filled = np.clip(filler(picture, case.observed), 0, 1)
        errors[case.name] = nmae(filled, case.truth, case.observed)
    return errors


def table(found: dict[str, dict[str, float]]) -> Iterator[str]:
    """Yield the lines of a table: Barbara, Cameraman and baboon in each cell."""
    yield "| | random | texture | two patches |"
    yield "|---|---|---|---|"
    for name, errors in found.items():
        cells = []
        for gaps in EVERY:
            here = [f"{error:.4f}".lstrip("0") for case, error in errors.items() if case.split()[1] == gaps]
            cells.append(" ".join(here))
        yield f"| {name} | {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
