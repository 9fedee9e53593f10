"""Figure 6 of AIR-Net (Li & Wang 2021, arXiv:2110.07557): ratings and interactions, and true error against the step.

First row: the matrices Syn-Netflix, IC and GPCR. Second row: NMAE of deep matrix factorization (DMF) and AIR-Net with
70 % (Syn-Netflix; the figure's share is not published) and 20 % of the entries missing. The paper: AIR-Net avoids
over-fitting here, too.

Claims, in numbers (NMAE on the missing entries, of the iterate of least observed loss, which needs no truth):

* AIR-Net is better than DMF on all three;
* on IC and GPCR DMF over-fits from the start: it ends at more than 1.5 times the error of an answer of nothing but
  zeros (0.0378 and 0.0290), and AIR-Net below those, within 10 % of the best of its own trajectory;
* on Syn-Netflix there is no over-fitting to avoid: both end within 10 % of their best, but for single jumps of Adam's,
  which the choice of the iterate takes out.

``python -m experiments.air.fig6_curves`` needs the data in the folder that ``MATMEND_DATA`` names and takes some five
minutes on one core, or none after Figure 3, whose runs these are. ``--quick`` makes up small data of both kinds.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from experiments._harness import main
from experiments.air._curves import STORE, curves, run_of
from experiments.air._data import Cell
from experiments.air._panels import draw_pair, finish, grid, without_graphs
from experiments.air.fig3_curves import TITLES


@dataclass(frozen=True)
class Config:
    """What is run."""

    cells: tuple[Cell, ...]


def paper() -> Config:
    """Return the paper's setting."""
    return Config((Cell("syn-netflix", "70"), Cell("ic", "20"), Cell("gpcr", "20")))


def quick() -> Config:
    """Return a setting of seconds."""
    return Config((Cell("interactions", "20"),))


def compute(config: Config, folder: Path | None = None, workers: int = 1) -> dict[str, Any]:
    """Train with both methods."""
    runs = {(method, cell): run_of(method, cell) for cell in config.cells for method in ("air", "dmf")}
    found = curves(list(runs.values()), folder, workers)
    result: dict[str, Any] = {"cells": {}}
    for cell in config.cells:
        X_true, mask = cell.load()
        missing = X_true[~mask]
        result["cells"][cell.name] = {
            **{method: without_graphs(found[runs[method, cell].name]) for method in ("air", "dmf")},
            "zeros": float(np.abs(missing).mean() / np.ptp(X_true)),
            "X_true": X_true.round(4).tolist(),
        }
    return result


def check(result: dict[str, Any]) -> None:
    """Assert the claims."""
    is_paper = "gpcr-20" in result["cells"]
    for name, found in result["cells"].items():
        for method in ("air", "dmf"):
            s = found[method]["summary"]
            print(
                f"{name:16s} {method}: kept {s['kept']:.5f}, last {s['final']:.5f}, least {s['least']:.5f} at step "
                f"{s['at']:.0f}; zeros {found['zeros']:.5f}"
            )
        air, dmf, zeros = found["air"]["summary"], found["dmf"]["summary"], found["zeros"]
        assert air["kept"] < dmf["kept"], f"{name}: AIR is not better than DMF"
        if name.startswith("syn"):
            assert dmf["kept"] < 1.1 * dmf["least"], f"{name}: DMF over-fits"
        else:
            assert dmf["kept"] > 1.5 * zeros, f"{name}: DMF does not over-fit"
        if is_paper:
            assert air["kept"] < 1.1 * air["least"], f"{name}: AIR over-fits"
            assert air["kept"] < zeros, f"{name}: AIR is no better than zeros"


def draw(result: dict[str, Any]) -> Figure:
    """Draw the matrices and the curves."""
    cells = result["config"]["cells"]
    figure, axes = grid(2, len(cells))
    for index, ((above, below), cell) in enumerate(zip(axes.T, cells, strict=True)):
        found = result["cells"][f"{cell['data']}-{cell['missing']}"]
        X = np.array(found["X_true"])
        is_binary = set(np.unique(X)) == {0.0, 1.0}
        shown = above.imshow(X, cmap="Greys" if is_binary else "viridis", interpolation="nearest", aspect="auto")
        above.set_title(f"{TITLES[cell['data']]}, {X.shape[0]} x {X.shape[1]}", fontsize=11)
        above.tick_params(labelsize=8)
        if not is_binary:
            figure.colorbar(shown, ax=above, shrink=0.85)
        draw_pair(below, found["air"], found["dmf"])
        if is_binary:
            below.axhline(found["zeros"], color="0.4", linestyle=":", label=f"all zeros: {found['zeros']:.2g}")
        finish(below, f"{cell['missing']} % missing", is_left=index == 0)
    return figure


if __name__ == "__main__":
    main("air-fig6", paper=paper, quick=quick, compute=compute, check=check, draw=draw, store=STORE)
