"""Figure 1 of AIR-Net (Li & Wang 2021, arXiv:2110.07557): what the graphs learn, from step to step.

Baboon with 30 % of its pixels missing at random; heat maps of the learned Laplacians of rows and columns at steps 4000,
7000 and 10,000. The paper: first blocks, of rows that are alike; then only the rows next to each other, as in total
variation; in the end the regularization vanishes.

Claims, in numbers, for both graphs:

* blocks: at step 4000 a row has many neighbours, effectively between a tenth and a half of all rows, most of their
  weight further than 2 rows away;
* the eyes: at step 4000 the columns of one eye are three times as much alike those of the other as columns are on
  average, and ten times as much as those of the nose between them;
* then neighbours: fewer at every later step, less than a tenth of all rows at 7000; the share of the weight that lies
  within 2 rows grows from less than a quarter to more than a third and at last to more than two thirds;
* then vanishing: what is left of a row's weight (1 in all, beside that for itself, which does not count) falls at every
  step, at last below a tenth, and ``R_r + R_c`` falls.

The energy falls to a quarter of its peak, not to zero: 10,000 steps are not the limit of Theorem 2.

``python -m experiments.air.fig1_laplacians`` needs the authors' image in the folder that ``MATMEND_DATA`` names and
takes about a minute. ``--quick`` runs a small picture, at other steps and without the bounds in numbers.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from experiments._harness import main
from experiments.air._curves import STORE, curves, energy, graphs, run_of
from experiments.air._data import Cell
from experiments.air._graphs import heat_maps, num_neighbors, share_near, weight_per_row
from experiments.air._records import packed, unpacked

SIDES = ("rows", "columns")
LEFT_EYE, NOSE, RIGHT_EYE = slice(70, 100), slice(105, 132), slice(138, 170)
"""Columns of Baboon, the cheeks below the eyes included."""


@dataclass(frozen=True)
class Config:
    """What is run."""

    cell: Cell
    steps: tuple[int, int, int]

    @property
    def is_paper(self) -> bool:
        """True for the authors' image."""
        return self.cell.data == "baboon"


def paper() -> Config:
    """Return the paper's setting."""
    return Config(Cell("baboon", "30"), (4000, 7000, 10_000))


def quick() -> Config:
    """Return a setting of seconds."""
    return Config(Cell("camera", "30"), (3000, 5000, 8000))


def compute(config: Config, folder: Path | None = None) -> dict[str, Any]:
    """Train and measure the graphs."""
    run = run_of("air", config.cell)
    curve = curves([run], folder)[run.name]
    R = energy(curve)
    found: dict[str, Any] = {side: [] for side in SIDES}
    for step in config.steps:
        for side, A in zip(SIDES, graphs(curve, step), strict=True):
            found[side].append(
                {
                    "step": step,
                    "nodes": len(A),
                    "neighbors": num_neighbors(A),
                    "near": share_near(A, 2),
                    "weight": weight_per_row(A),
                    "graph": packed(A),
                }
            )
    at = [curve["step"].index(step) for step in config.steps]
    eyes = {}
    if config.is_paper:
        A = graphs(curve, config.steps[0])[1]
        mean = A.sum() / (A.size - len(A))
        eyes = {name: float(A[LEFT_EYE, other].mean() / mean) for name, other in (("eye", RIGHT_EYE), ("nose", NOSE))}
    # From step 100 on: Adam's first steps overshoot, and the energy with them.
    return {"graphs": found, "energy": (R[at] / R[1:].max()).tolist(), "eyes": eyes, "is paper": config.is_paper}


def check(result: dict[str, Any]) -> None:
    """Assert the claims."""
    print(f"R / peak: {np.round(result['energy'], 3).tolist()}")
    assert is_falling(result["energy"]), "the energy does not fall"
    if eyes := result["eyes"]:
        print(
            f"columns of an eye, to the other eye {eyes['eye']:.2f} and to the nose {eyes['nose']:.2f} times the mean"
        )
        assert eyes["eye"] > max(3, 10 * eyes["nose"]), f"the eyes are not found alike: {eyes}"
    for side, rows in result["graphs"].items():
        neighbors, near, weight = ([row[name] for row in rows] for name in ("neighbors", "near", "weight"))
        for row in rows:
            print(
                f"{side:8s} step {row['step']:6d}: {row['neighbors']:5.1f} neighbours of {row['nodes']}, "
                f"{row['near']:.3f} of the weight within 2, weight of a row {row['weight']:.3f}"
            )
        assert is_falling(neighbors), f"{side}: neighbours do not get fewer: {neighbors}"
        assert is_falling([-share for share in near]), f"{side}: weight does not gather at neighbours: {near}"
        assert is_falling(weight), f"{side}: the weight does not fall: {weight}"
        assert neighbors[0] > 3 * neighbors[2], f"{side}: hardly fewer neighbours: {neighbors}"
        assert near[2] > 2 * near[0], f"{side}: the weight hardly gathers: {near}"
        if result["is paper"]:
            k = rows[0]["nodes"]
            assert k / 10 < neighbors[0] < k / 2, f"{side}: no blocks at first: {neighbors}"
            assert neighbors[1] < k / 10, f"{side}: not the neighbours at the second step: {neighbors}"
            assert near[0] < 1 / 4 < 1 / 3 < near[1] < 2 / 3 < near[2], f"{side}: does not gather at neighbours: {near}"
            assert weight[2] < 1 / 10, f"{side}: does not vanish: {weight}"


def is_falling(values: list[float]) -> bool:
    """Tell whether each value is less than the one before."""
    return bool((np.diff(values) < 0).all())


def draw(result: dict[str, Any]) -> Figure:
    """Draw the graphs."""
    rows = [
        (
            f"$L_{side[0]}$, similarity of {side}",
            [(f"$t = {row['step']:,}$\n{_words(row)}", unpacked(row["graph"]).astype(float)) for row in panels],
        )
        for side, panels in result["graphs"].items()
    ]
    first = rows[0][1][0][1]
    return heat_maps(rows, low=1 / len(first) / 4, high=0.1)


def _words(row: dict[str, Any]) -> str:
    return f"{row['neighbors']:.0f} neighbours, {row['near']:.0%} within 2, weight {row['weight']:.2f}"


if __name__ == "__main__":
    main("air-fig1", paper=paper, quick=quick, compute=compute, check=check, draw=draw, store=STORE)
