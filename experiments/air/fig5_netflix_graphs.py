"""Figure 5 of AIR-Net (Li & Wang 2021, arXiv:2110.07557): the graphs learned from ratings, beside the true ones.

Syn-Netflix with 70 % of its ratings missing (the figure's share is not published); learned similarities of users and of
items at steps 1000, 4000 and 10,000, and the graphs that made the data. AIR-Net does not see those. The paper: in the
end the learned graphs are highly similar to the real ones.

Claims, in numbers. For users and for items, of all pairs,

* a pair within a community weighs more than a pair across two: with probability 0.9 or more at step 1000 (AUC; 0.5 is
  chance), 0.999 or more at step 10,000;
* the share of the weight that lies within communities grows from step to step, up to 0.95 or more: it is chance at
  first, about 0.1, the share of the pairs;
* effectively, a row has as many neighbours at last as its community has other members, within a third.

Unlike those of a picture (Figure 1) these graphs do not vanish: rows of a community are equal, so their similarity
costs nothing. The energy ``R_r + R_c`` does vanish.

``python -m experiments.air.fig5_netflix_graphs`` needs the data in the folder that ``MATMEND_DATA`` names, or downloads
them, and takes about a minute. ``--quick`` makes up small data of the same kind.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from experiments._harness import main
from experiments.air._curves import STORE, curves, energy, graphs, run_of
from experiments.air._data import Cell
from experiments.air._graphs import (
    communities,
    heat_maps,
    num_neighbors,
    same_community_auc,
    share_inside,
)
from experiments.air._records import packed, unpacked

SIDES = ("users", "items")


@dataclass(frozen=True)
class Config:
    """What is run."""

    cell: Cell
    steps: tuple[int, int, int]
    early_auc: float = 0.9


def paper() -> Config:
    """Return the paper's setting."""
    return Config(Cell("syn-netflix", "70"), (1000, 4000, 10_000))


def quick() -> Config:
    """Return a setting of seconds."""
    return Config(Cell("ratings", "50"), (200, 500, 2000), early_auc=0.7)


def compute(config: Config, folder: Path | None = None) -> dict[str, Any]:
    """Train, and compare the graphs with the true communities."""
    run = run_of("air", config.cell)
    curve = curves([run], folder)[run.name]
    dataset = config.cell.dataset()
    found: dict[str, Any] = {}
    for index, (side, truth) in enumerate(zip(SIDES, (dataset.row_graph, dataset.col_graph), strict=True)):
        assert truth is not None, "these data have graphs"
        community = communities(np.asarray(truth, dtype=np.float64))
        sizes = np.bincount(community)[community]
        found[side] = {
            "truth": packed(truth),
            "communities": int(community.max()) + 1,
            "others": float(np.median(sizes)) - 1,
            "chance": float((sizes - 1).mean() / (len(sizes) - 1)),
            "learned": [_measured(graphs(curve, step)[index], community, step) for step in config.steps],
        }
    R = energy(curve)
    return {"graphs": found, "energy": (R[[curve["step"].index(step) for step in config.steps]] / R[1:].max()).tolist()}


def _measured(A: np.ndarray, community: np.ndarray, step: int) -> dict[str, Any]:
    return {
        "step": step,
        "auc": same_community_auc(A, community),
        "inside": share_inside(A, community),
        "neighbors": num_neighbors(A),
        "graph": packed(A),
    }


def check(result: dict[str, Any]) -> None:
    """Assert the claims."""
    print(f"R / peak: {np.round(result['energy'], 4).tolist()}")
    for side, found in result["graphs"].items():
        print(f"{side}: {found['communities']} communities, {found['others']:.0f} others in one")
        for row in found["learned"]:
            print(
                f"  step {row['step']:6d}: AUC {row['auc']:.4f}, {row['inside']:.3f} of the weight within communities "
                f"(chance {found['chance']:.3f}), {row['neighbors']:.1f} neighbours"
            )
        first, _, last = found["learned"]
        inside = [found["chance"], *(row["inside"] for row in found["learned"])]
        assert (np.diff(inside) > 0).all(), f"{side}: the weight does not gather: {inside}"
        assert inside[-1] > 0.95, f"{side}: the weight does not gather: {inside}"
        assert first["auc"] > result["config"]["early_auc"], f"{side}: nothing of the communities yet: {first['auc']}"
        assert last["auc"] > 0.999, f"{side}: not the communities: {last['auc']}"
        assert abs(last["neighbors"] / found["others"] - 1) < 1 / 3, f"{side}: {last['neighbors']} neighbours"
    assert result["energy"][-1] < 0.05, f"the energy does not vanish: {result['energy']}"


def draw(result: dict[str, Any]) -> Figure:
    """Draw the true graphs, and the learned ones."""
    rows = []
    for side, letter in zip(SIDES, "rc", strict=True):
        found = result["graphs"][side]
        truth = unpacked(found["truth"]).astype(float)
        learned = [
            (
                f"$t = {row['step']:,}$\nAUC {row['auc']:.4f}, {row['inside']:.0%} within communities",
                unpacked(row["graph"]).astype(float),
            )
            for row in found["learned"]
        ]
        # On the scale of the learned ones, of which a row has weight 1.
        rows.append(
            (f"$L_{letter}$, similarity of {side}", [("true graph", truth / truth.sum(axis=1).max()), *learned])
        )
    return heat_maps(rows, low=1e-3, high=0.1)


if __name__ == "__main__":
    main("air-fig5", paper=paper, quick=quick, compute=compute, check=check, draw=draw, store=STORE)
