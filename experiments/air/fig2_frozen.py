"""Figure 2 of AIR-Net (Li & Wang 2021, arXiv:2110.07557): graphs that go on learning, against graphs taken from a step.

Baboon under three patterns. A run of AIR-Net gives the graphs of rows and columns at steps 4000, 7000 and 9000 (so the
text; the caption says 3000, 7000, 9000). Three more runs start from scratch, from the same start and with the same
settings, with these graphs given and not trained. The paper: learning graphs are best in the end under all patterns;
fixed ones converge faster; of the fixed ones, those of step 9000 are best on random pixels, those of 7000 otherwise.

Claims, in numbers (NMAE on the missing pixels):

* random: learning graphs end at 0.0795, as good as the best fixed ones (step 9000: 0.0797), and 18 % and 43 % better
  than those of steps 7000 and 4000;
* random: the graphs of step 9000 come within a tenth of that in half as many steps, those of 4000 and 7000 never;
* texture: what does not hold is that learning graphs are best, or those of step 7000 the best fixed ones. Learning
  graphs end at 0.1206, after 0.1100 at step 8600: they vanish too far. Those of step 9000, fixed, end at 0.1102, those
  of 7000 at 0.1189;
* after a fifth of the steps all fixed graphs are ahead of the learning ones.

For patches the run prints whether learning graphs are best and which fixed ones are; that is not asserted.

``python -m experiments.air.fig2_frozen`` needs the authors' image in the folder that ``MATMEND_DATA`` names and takes
about ten minutes on one core; it goes on where it was interrupted. ``--quick`` runs a small picture.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from experiments._harness import main
from experiments.air._curves import STORE, Curve, Run, curves, run_of
from experiments.air._data import Cell
from experiments.air._panels import finish, grid, without_graphs

INKS = ("#1f5fa8", "#c9a227", "#2f855a", "#c2410c")
WORDS = {"30": "30 % random", "patch": "patches", "texture": "texture"}
EARLY = 0.2
"""Share of the steps at which speed is compared."""


@dataclass(frozen=True)
class Config:
    """What is run."""

    cells: tuple[Cell, ...]
    frozen: tuple[int, ...]

    @property
    def is_paper(self) -> bool:
        """True for the authors' image."""
        return self.cells[0].data == "baboon"


def paper() -> Config:
    """Return the paper's setting."""
    return Config(tuple(Cell("baboon", missing) for missing in WORDS), (4000, 7000, 9000))


def quick() -> Config:
    """Return a setting of seconds."""
    return Config((Cell("camera", "30"),), (5000,))


def compute(config: Config, folder: Path | None = None, workers: int = 1) -> dict[str, Any]:
    """Train, with graphs that learn and with fixed ones."""
    runs = {cell.name: _runs(cell, config.frozen) for cell in config.cells}
    found = curves([run for all_runs in runs.values() for run in all_runs], folder, workers)
    return {
        "patterns": {name: [_kept(run, found[run.name]) for run in all_runs] for name, all_runs in runs.items()},
        "is paper": config.is_paper,
    }


def _runs(cell: Cell, frozen: tuple[int, ...]) -> list[Run]:
    learning = run_of("air", cell)
    return [learning, *(replace(learning, frozen_at=step) for step in frozen)]


def _kept(run: Run, curve: Curve) -> dict[str, Any]:
    return {"frozen at": run.frozen_at, **without_graphs(curve)}


def first_below(curve: dict[str, Any], level: float) -> float:
    """Return the step of the first record at or below a level; infinity if there is none.

    >>> first_below({"step": [0, 100, 200], "nmae": [0.5, 0.2, 0.1]}, 0.2)
    100.0
    """
    below = np.asarray(curve["nmae"]) <= level
    return float(curve["step"][int(np.argmax(below))]) if below.any() else float("inf")


def check(result: dict[str, Any]) -> None:
    """Assert the claims."""
    for name, (learning, *fixed) in result["patterns"].items():
        early = int(EARLY * (len(learning["step"]) - 1))
        level = 1.1 * learning["summary"]["final"]
        for curve in (learning, *fixed):
            what = "learning graphs" if curve["frozen at"] is None else f"graphs of step {curve['frozen at']}"
            s = curve["summary"]
            print(
                f"{name:16s} {what:22s} last {s['final']:.4f}, least {s['least']:.4f} at {s['at']:.0f}; "
                f"{curve['nmae'][early]:.4f} at step {curve['step'][early]}, within 10 % of the end of learning "
                f"graphs at step {first_below(curve, level):.0f}"
            )
        best = min(fixed, key=lambda curve: curve["summary"]["final"])
        ratio = learning["summary"]["final"] / best["summary"]["final"]
        print(f"{name}: best fixed graphs are those of step {best['frozen at']}; learning / best fixed: {ratio:.3f}")
        behind = [curve["frozen at"] for curve in fixed if curve["nmae"][early] >= learning["nmae"][early]]
        assert not behind, f"{name}: the graphs of {behind} are not ahead at step {learning['step'][early]}"
        if name.endswith("-30"):
            assert ratio < 1.02, f"{name}: learning graphs are not as good as the best fixed ones"
        if name == "baboon-texture":
            assert best["frozen at"] == 9000, f"{name}: the best fixed graphs are those of {best['frozen at']}"
            assert ratio > 1.05, f"{name}: the paper's claim holds after all, learning / best fixed: {ratio}"
        if name == "baboon-30":
            assert best["frozen at"] == 9000, f"{name}: the best fixed graphs are those of {best['frozen at']}"
            reached = {curve["frozen at"]: first_below(curve, level) for curve in (learning, *fixed)}
            assert reached[9000] < reached[None] / 2, f"{name}: graphs of 9000 are not faster: {reached}"
            assert reached[4000] == reached[7000] == float("inf"), f"{name}: graphs of 4000, 7000 get there: {reached}"


def draw(result: dict[str, Any]) -> Figure:
    """Draw the curves, a panel per pattern."""
    figure, axes = grid(1, len(result["patterns"]))
    for index, (place, (name, found)) in enumerate(zip(axes[0], result["patterns"].items(), strict=True)):
        for curve, ink in zip(found, INKS, strict=False):
            at = curve["frozen at"]
            label = "AIR-Net" if at is None else f"fixed $L_r({at})$, $L_c({at})$"
            label += f": {curve['summary']['final']:.4f}"
            place.plot(curve["step"], curve["nmae"], color=ink, linewidth=1.5, label=label)
        data, missing = name.split("-")
        finish(place, f"{data.capitalize()}, {WORDS[missing]}", is_left=index == 0)
    return figure


if __name__ == "__main__":
    main("air-fig2", paper=paper, quick=quick, compute=compute, check=check, draw=draw, store=STORE)
