"""Figure 3 of AIR-Net (Li & Wang 2021, arXiv:2110.07557): true error against the step, with and without learned graphs.

First row: Cameraman with 30, 50 and 70 % of the pixels missing at random (the figure's rates are not published),
texture, patches. Second row: Syn-Netflix (70 % missing), IC, GPCR (20 %). The paper: AIR-Net avoids the over-fitting of
deep matrix factorization (DMF) and performs better on all types of data and patterns.

Claims, in numbers (NMAE on the missing entries, of the iterate of least observed loss, which needs no truth and is
nearly always the last):

* AIR-Net is better than DMF in every panel;
* on pictures, IC and GPCR DMF over-fits: it ends at 1.2 times its least error or more. On Syn-Netflix it does not;
* AIR-Net ends within a quarter of its least error everywhere.

``python -m experiments.air.fig3_curves`` needs the data in the folder that ``MATMEND_DATA`` names and takes about ten
minutes on one core; it goes on where it was interrupted and shares runs with Figures 5 and 6. ``--quick`` runs a small
picture.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from experiments._harness import main
from experiments.air._curves import STORE, curves, run_of
from experiments.air._data import Cell
from experiments.air._panels import draw_pair, finish, grid, without_graphs

TITLES = {
    "cameraman": "Cameraman",
    "camera": "small picture",
    "syn-netflix": "Syn-Netflix",
    "ic": "IC",
    "gpcr": "GPCR",
    "ratings": "small ratings",
    "interactions": "small interactions",
}


@dataclass(frozen=True)
class Config:
    """What is run: panels in their order, each of one matrix."""

    panels: tuple[tuple[Cell, ...], ...]
    columns: int = 3


def paper() -> Config:
    """Return the paper's setting."""
    return Config(
        (
            tuple(Cell("cameraman", rate) for rate in ("30", "50", "70")),
            (Cell("cameraman", "texture"),),
            (Cell("cameraman", "patch"),),
            (Cell("syn-netflix", "70"),),
            (Cell("ic", "20"),),
            (Cell("gpcr", "20"),),
        )
    )


def quick() -> Config:
    """Return a setting of seconds."""
    return Config(((Cell("camera", "30"),),), columns=1)


def compute(config: Config, folder: Path | None = None, workers: int = 1) -> dict[str, Any]:
    """Train with both methods."""
    runs = {
        (method, cell): run_of(method, cell) for panel in config.panels for cell in panel for method in ("air", "dmf")
    }
    found = curves(list(runs.values()), folder, workers)
    return {
        "cells": {
            cell.name: {method: without_graphs(found[runs[method, cell].name]) for method in ("air", "dmf")}
            for panel in config.panels
            for cell in panel
        }
    }


def check(result: dict[str, Any]) -> None:
    """Assert the claims."""
    for name, pair in result["cells"].items():
        air, dmf = pair["air"]["summary"], pair["dmf"]["summary"]
        for method, found in (("AIR", air), ("DMF", dmf)):
            print(
                f"{name:16s} {method}: kept {found['kept']:.5f}, last {found['final']:.5f}, "
                f"least {found['least']:.5f} at step {found['at']:.0f}"
            )
        assert air["kept"] < dmf["kept"], f"{name}: AIR is not better than DMF"
        assert air["kept"] < 1.25 * air["least"], f"{name}: AIR over-fits"
        if not name.startswith("syn"):
            assert dmf["kept"] > 1.2 * dmf["least"], f"{name}: DMF does not over-fit"


def draw(result: dict[str, Any]) -> Figure:
    """Draw the curves, a panel per matrix and pattern."""
    panels = result["config"]["panels"]
    columns = result["config"]["columns"]
    figure, axes = grid(-(-len(panels) // columns), columns)
    for index, (place, panel) in enumerate(zip(axes.ravel(), panels, strict=True)):
        first = panel[0]
        for dash, cell in zip(("-", "--", ":"), panel, strict=False):
            pair = result["cells"][f"{cell['data']}-{cell['missing']}"]
            draw_pair(
                place, pair["air"], pair["dmf"], note=f", {cell['missing']} %" if len(panel) > 1 else "", dash=dash
            )
        missing = "random" if len(panel) > 1 else first["missing"] + (" %" if first["missing"].isdigit() else "")
        finish(place, f"({chr(97 + index)}) {TITLES[first['data']]}, {missing}", is_left=index % columns == 0)
    return figure


if __name__ == "__main__":
    main("air-fig3", paper=paper, quick=quick, compute=compute, check=check, draw=draw, store=STORE)
