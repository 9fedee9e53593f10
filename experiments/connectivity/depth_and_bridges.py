"""What counts as connected in practice: weak bridges, and depth, which couples what the graph does not.

No figure of Bai, Zhao & Zhang 2024 (arXiv:2405.13721), but what a user of their result has to know. Gradient descent on
``1/2 sum (X - M)^2`` from Gaussian factors, 8 seeds.

*A weak bridge.* A 3 x 3 matrix of rank 1, entry (1, 1) and the block of rows and columns 2 and 3 observed, and (1, 2),
which alone connects the two: the completion is unique. With row 1 made smaller, u_1 = 1, 0.3, 0.1, 0.01, claims:

* the smaller the bridge, the larger the error of training from one start, and from the smallest bridge it is above
  50 % at every start that float64 has: the mask is connected, the training does not know;
* at u_1 = 1 smaller starts make the error as small as one likes: below 1e-3 from 1e-8.

*Depth.* Of a 2 x 2 matrix only the diagonal is observed, (1, 1): least nuclear norm and rank 2 for two factors. Claims:

* depth 2: sigma_2 / sigma_1 is anywhere between 0 and 1, and does not depend on the size of the start (to 1 %);
* depth 3 and 4: it goes to 0 with the start, below 0.02 in all seeds from the smallest start: low rank, as Shin & Yun
  2026 have it;
* so it does for the blocks of Figure 4 (1 and 2 x 2 of a 3 x 3 matrix of rank 1). Two factors find the least nuclear
  norm and rank 2. Three and four go to rank 1 and *keep* the least nuclear norm, to 1 %: of all completions of rank 1,
  a hyperbola, they take the one of least norm. The two aims do not conflict on complete blocks, where singular vectors
  can be aligned at no cost.

``python -m experiments.connectivity.depth_and_bridges`` takes about a minute on one core, ``--quick`` some seconds.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
from matplotlib.figure import Figure

from experiments._axes import plain
from experiments._harness import cells, main
from experiments.connectivity._problems import BLOCKS, RANK_ONE, gaussian_factors
from matmend.dynamics import descend

INKS = {2: "#1f5fa8", 3: "#2f855a", 4: "#c2410c"}
BRIDGED = np.array([[1, 1, 0], [0, 1, 1], [0, 1, 1]], dtype=bool)


@dataclass(frozen=True)
class Config:
    """What is run."""

    bridges: tuple[float, ...]
    bridge_stds: tuple[float, ...]
    deep: tuple[tuple[int, tuple[float, ...]], ...]  # depth: standard deviations
    seeds: int
    max_steps: int
    learning_rate: float = 0.05


def paper() -> Config:
    """Return the whole."""
    return Config(
        bridges=(1.0, 0.3, 0.1, 0.01),
        bridge_stds=(1e-1, 1e-2, 1e-4, 1e-8, 1e-16),
        deep=((2, (1e-1, 1e-2, 1e-4, 1e-8)), (3, (0.3, 0.1, 0.03, 0.01)), (4, (0.3, 0.2, 0.15, 0.1))),
        seeds=8,
        max_steps=2_000_000,
    )


def quick() -> Config:
    """Return two of each."""
    return Config((1.0, 0.01), (1e-2, 1e-8), ((2, (1e-2, 1e-4)), (3, (0.1, 0.03))), seeds=4, max_steps=100_000)


def compute(config: Config, folder: Path | None = None) -> dict[str, Any]:
    """Train everything."""
    jax.config.update("jax_enable_x64", True)
    todo = {"bridges": partial(_bridges, config)}
    for depth, stds in config.deep:
        todo[f"diagonal-{depth}"] = partial(_deep, config, np.eye(2), np.eye(2, dtype=bool), depth, stds)
        todo[f"blocks-{depth}"] = partial(_deep, config, _rank_one(1.0) / 2, BLOCKS, depth, stds)
    return {"cells": cells(folder, config, todo)}


def _rank_one(u_1: float) -> np.ndarray:
    return RANK_ONE * [[u_1], [1.0], [1.0]]


def _bridges(config: Config) -> list[dict[str, Any]]:
    cases = [(u_1, std, seed) for u_1 in config.bridges for std in config.bridge_stds for seed in range(config.seeds)]
    M = np.stack([_rank_one(u_1) for u_1, _, _ in cases])
    starts = [gaussian_factors(1, 3, std, seed=seed) for _, std, seed in cases]
    start = tuple(np.concatenate(parts) for parts in zip(*starts, strict=True))
    done = descend(M, BRIDGED, start, learning_rate=config.learning_rate, tol=1e-16, max_steps=config.max_steps)
    error = np.max(np.abs(np.asarray(done.X) / M - 1), axis=(1, 2))
    return [
        {"bridge": u_1, "std": std, "seed": seed, "error": error, "converged": converged}
        for (u_1, std, seed), error, converged in zip(cases, error.tolist(), done.has_converged.tolist(), strict=True)
    ]


def _deep(config: Config, M: np.ndarray, mask: np.ndarray, depth: int, stds: tuple[float, ...]) -> list[dict[str, Any]]:
    cases = [(std, seed) for std in stds for seed in range(config.seeds)]
    starts = [gaussian_factors(1, len(M), std, depth=depth, seed=seed) for std, seed in cases]
    start = tuple(np.concatenate(parts) for parts in zip(*starts, strict=True))
    many = np.repeat(M[None], len(cases), axis=0)
    done = descend(many, mask, start, learning_rate=config.learning_rate, tol=1e-18, max_steps=config.max_steps)
    sigma = np.linalg.svd(np.asarray(done.X), compute_uv=False)
    # Complete blocks: the least nuclear norm is the sum of those of the blocks, here all of rank 1.
    parts = [M[:1, :1], M[1:, 1:]]
    least = sum(np.linalg.norm(part) for part in parts)
    return [
        {"std": std, "seed": seed, "ratio": ratio, "excess": excess, "converged": converged, "steps": steps}
        for (std, seed), ratio, excess, converged, steps in zip(
            cases,
            (sigma[:, 1] / sigma[:, 0]).tolist(),
            (sigma.sum(axis=1) / least - 1).tolist(),
            done.has_converged.tolist(),
            done.steps.tolist(),
            strict=True,
        )
    ]


def _by(rows: list[dict[str, Any]], value: str, reduce: Any, **where: Any) -> float:
    return float(reduce([row[value] for row in rows if all(row[name] == wanted for name, wanted in where.items())]))


def check(result: dict[str, Any]) -> None:
    """Assert the claims."""
    config, done = result["config"], result["cells"]
    bridges = done["bridges"]
    unconverged = sum(not row["converged"] for rows in done.values() for row in rows)
    print(f"{unconverged} of {sum(map(len, done.values()))} runs did not reach their tolerance")
    for u_1 in config["bridges"]:
        errors = [_by(bridges, "error", np.median, bridge=u_1, std=std) for std in config["bridge_stds"]]
        print(f"bridge {u_1:g}: median error " + ", ".join(f"{e:.1e}" for e in errors) + f" at {config['bridge_stds']}")
    for std in config["bridge_stds"]:
        errors = [_by(bridges, "error", np.median, bridge=u_1, std=std) for u_1 in config["bridges"]]
        assert errors == sorted(errors), f"a smaller bridge has a smaller error from a start of {std}"
        assert errors[-1] > 0.5, f"the smallest bridge carries from a start of {std}"
    assert _by(bridges, "error", max, bridge=1.0, std=1e-8) < 1e-3, "a strong bridge does not carry"
    for depth, stds in config["deep"]:
        rows, blocks = done[f"diagonal-{depth}"], done[f"blocks-{depth}"]
        most = [_by(rows, "ratio", max, std=std) for std in stds]
        excess = [_by(blocks, "excess", np.median, std=std) for std in stds]
        ratio = [_by(blocks, "ratio", max, std=std) for std in stds]
        print(f"depth {depth}, starts {stds}: greatest sigma_2 / sigma_1 of the diagonal {_list(most)}; of the blocks "
              f"{_list(ratio)}, median nuclear excess {_list(excess)}")  # fmt: skip
        if depth == 2:
            small = [np.array([row["ratio"] for row in rows if row["std"] == std]) for std in stds[-2:]]
            assert np.max(np.abs(small[0] - small[1])) < 0.01, "two factors: the ratio depends on the start's size"
            assert max(most) > 0.3, "two factors couple the diagonal"
            assert abs(excess[-1]) < 1e-6, "two factors do not find the least nuclear norm"
        else:
            assert most == sorted(most, reverse=True), "smaller starts do not give lower rank"
            assert most[-1] < 0.02, "the diagonal is not coupled"
            assert ratio[-1] < 0.05, "the blocks are not coupled"
            assert abs(excess[-1]) < 0.01, "the nuclear norm is not the least one"


def _list(numbers: list[float]) -> str:
    return "(" + ", ".join(f"{number:.2g}" for number in numbers) + ")"


def draw(result: dict[str, Any]) -> Figure:
    """Draw errors over the start for each bridge, and rank and nuclear norm over the start for each depth."""
    config, done = result["config"], result["cells"]
    figure = Figure(figsize=(16, 4.6), layout="constrained")
    first, second, third = figure.subplots(1, 3)
    shades = np.linspace(0.15, 0.75, len(config["bridges"]))
    for shade, u_1 in zip(shades, config["bridges"], strict=True):
        rows = [row for row in done["bridges"] if row["bridge"] == u_1]
        ink = (0.1, 0.25 + 0.5 * shade, 0.75, 1.0 - 0.5 * shade)
        first.loglog([row["std"] for row in rows], [row["error"] for row in rows], ".", color=ink, alpha=0.4)
        medians = [_by(rows, "error", np.median, std=std) for std in config["bridge_stds"]]
        first.loglog(config["bridge_stds"], medians, "-", color=ink, label=f"row 1 times {u_1:g}")
    first.set(title="a connected mask with a weak bridge", ylabel="greatest relative error of an entry")
    for depth, stds in config["deep"]:
        for axes, name, value in ((second, "diagonal", "ratio"), (third, "blocks", "excess")):
            rows = done[f"{name}-{depth}"]
            numbers = np.maximum([row[value] for row in rows], 1e-12)
            axes.loglog([row["std"] for row in rows], numbers, ".", color=INKS[depth], alpha=0.45)
            medians = [_by(rows, value, lambda v: max(np.median(v), 1e-12), std=std) for std in stds]
            axes.loglog(stds, medians, "-", color=INKS[depth], label=f"{depth} factors")
    second.set(title="only the diagonal of 2 x 2 observed", ylabel=r"$\sigma_2 / \sigma_1$ of the learned matrix")
    third.set(title="complete blocks of 1 and 2 x 2", ylabel="nuclear norm above the least one (relative)")
    for axes in (first, second, third):
        axes.invert_xaxis()
        axes.set_xlabel("standard deviation of the start")
        axes.legend(frameon=False)
        plain(axes)
    return figure


if __name__ == "__main__":
    main("connectivity-depth", paper=paper, quick=quick, compute=compute, check=check, draw=draw)
