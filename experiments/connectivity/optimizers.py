"""The theory is one of gradient flow: what momentum, Adam, rounding and weight decay make of it.

Two problems of Bai, Zhao & Zhang 2024 (arXiv:2405.13721), rebuilt: *connected*, a 4 x 4 matrix of rank 3 with one entry
hidden, where the fourth singular value sigma_4 should be as small as the start squared; *blocks*, a 3 x 3 matrix of
rank 1 of which complete blocks of 1 and 2 x 2 are observed, where the nuclear norm should be the least one. Gaussian
start of standard deviation 1e-8, 10 seeds, every optimizer in one batch. Medians; claims, in numbers:

* gradient descent and momentum: sigma_4 < 1e-12, nuclear norm above the least one by less than 1e-6 of it, and the
  factors stay balanced, ``|A' A - B B'| < 0.01``;
* Adam (rates 1e-3 and 1e-2): sigma_4 > 1e-4, and an imbalance above 1: no smaller start mends it, because Adam's steps
  are as large as its rate, however small the gradient;
* Adam with ``eps = 1`` divides by nearly 1, is momentum again, and comes back below 1e-4;
* float32 descends like float64 until rounding, 1e-7, takes the part of the start;
* weight decay shrinks: the observed entries are no longer met (loss above 1e-6).

``python -m experiments.connectivity.optimizers`` takes about a minute on one core, ``--quick`` some seconds.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax
from matplotlib.figure import Figure

from experiments._axes import plain
from experiments._harness import cells, main
from experiments.connectivity._problems import BLOCKS, RANK_ONE, random_matrix
from matmend.dynamics import imbalance
from matmend.observation import Masked
from matmend.problem import Problem
from matmend.representation import DeepFactorization, Gaussian
from matmend.solve import LossBelow, solve_many

OPTIMIZERS: dict[str, tuple[optax.GradientTransformation, str]] = {
    "gradient descent": (optax.sgd(0.05), "float64"),
    "momentum 0.9": (optax.sgd(0.005, momentum=0.9), "float64"),
    "Adam 1e-3": (optax.adam(1e-3), "float64"),
    "Adam 1e-2": (optax.adam(1e-2), "float64"),
    "Adam, eps = 1": (optax.adam(0.05, eps=1.0), "float64"),
    "descent in float32": (optax.sgd(0.05), "float32"),
    "weight decay 1e-2": (optax.chain(optax.add_decayed_weights(1e-2), optax.sgd(0.05)), "float64"),
}


@dataclass(frozen=True)
class Config:
    """What is run."""

    optimizers: tuple[str, ...]
    seeds: int
    max_steps: int
    std: float = 1e-8
    every: int = 500


def paper() -> Config:
    """Return all optimizers."""
    return Config(tuple(OPTIMIZERS), seeds=10, max_steps=40_000)


def quick() -> Config:
    """Return two optimizers."""
    return Config(("gradient descent", "Adam 1e-2"), seeds=3, max_steps=4_000)


def compute(config: Config, folder: Path | None = None) -> dict[str, Any]:
    """Train both problems by every optimizer."""
    jax.config.update("jax_enable_x64", True)
    todo = {
        f"{problem}: {name}": partial(_train, config, problem, name)
        for problem in ("connected", "blocks")
        for name in config.optimizers
    }
    return {"cells": cells(folder, config, todo)}


def _problem(name: str) -> tuple[np.ndarray, np.ndarray]:
    if name == "blocks":
        return RANK_ONE, BLOCKS
    mask = np.ones((4, 4), dtype=bool)
    mask[0, 0] = False
    return random_matrix(), mask


def _train(config: Config, name: str, optimizer: str) -> dict[str, Any]:
    M, mask = _problem(name)
    optim, dtype = OPTIMIZERS[optimizer]
    # The normalizer 2 makes the loss half the sum of the squares.
    observation = Masked.from_array(M, mask, normalizer=2.0, dtype=dtype)
    problem = Problem(observation, DeepFactorization(depth=2, initialization=Gaussian(std=config.std)))
    done = solve_many(
        [problem] * config.seeds,
        optim,
        keys=[jax.random.key(seed) for seed in range(config.seeds)],
        max_steps=config.max_steps,
        every=config.every,
        stop=LossBelow(1e-22 if dtype == "float64" else 1e-12),
    )
    X = np.stack([solution.X.dense() for solution in done]).astype(np.float64)
    sigma = np.linalg.svd(X, compute_uv=False)
    least = float(np.linalg.norm(M[0, 0]) + np.linalg.norm(M[1:, 1:]))  # of the blocks, both of rank 1
    residual = np.where(mask, X - M, 0)
    return {
        "tail": sigma[:, -1].tolist() if name == "connected" else sigma[:, 1].tolist(),
        "excess": (sigma.sum(axis=1) / least - 1).tolist() if name == "blocks" else None,
        "loss": (0.5 * np.sum(residual**2, axis=(1, 2))).tolist(),
        "imbalance": [float(np.linalg.norm(imbalance(solution.params.representation)[0], 2)) for solution in done],
        "steps": [int(solution.state.step) for solution in done],
    }


def _medians(result: dict[str, Any], name: str) -> dict[str, float]:
    connected, blocks = (result["cells"][f"{problem}: {name}"] for problem in ("connected", "blocks"))
    return {
        "sigma_4": float(np.median(connected["tail"])),
        "greatest sigma_4": float(np.max(connected["tail"])),
        "nuclear excess": float(np.median(np.abs(blocks["excess"]))),
        "imbalance": float(np.median(connected["imbalance"])),
        "loss": float(np.median(connected["loss"])),
        "steps": float(np.median(connected["steps"])),
    }


def check(result: dict[str, Any]) -> None:
    """Assert the claims."""
    rows = {name: _medians(result, name) for name in result["config"]["optimizers"]}
    for name, row in rows.items():
        print(f"{name:20s} " + ", ".join(f"{key} {value:.1e}" for key, value in row.items()))
    for name in ("gradient descent", "momentum 0.9"):
        if (row := rows.get(name)) is not None:
            assert row["sigma_4"] < 1e-12, f"{name}: a rank tail"
            assert row["nuclear excess"] < 1e-6, f"{name}: not the least nuclear norm"
            assert row["imbalance"] < 0.01, f"{name}: not balanced"
    for name in ("Adam 1e-3", "Adam 1e-2"):
        if (row := rows.get(name)) is not None:
            assert row["sigma_4"] > 1e-4, f"{name}: no rank tail"
            assert row["imbalance"] > 1, f"{name}: balanced"
    if (row := rows.get("Adam, eps = 1")) is not None:
        assert row["sigma_4"] < 1e-4, "Adam with a large eps leaves a rank tail"
    if (row := rows.get("descent in float32")) is not None:
        assert row["sigma_4"] < 1e-5, "float32 leaves a rank tail"
    if (row := rows.get("weight decay 1e-2")) is not None:
        assert row["loss"] > 1e-6, "weight decay does not shrink"


def draw(result: dict[str, Any]) -> Figure:
    """Draw the rank tail, the excess of the nuclear norm and the imbalance of every optimizer."""
    names = result["config"]["optimizers"]
    figure = Figure(figsize=(15, 0.55 * len(names) + 1.6), layout="constrained")
    panels = figure.subplots(1, 3, sharey=True)
    views = (
        ("connected", "tail", r"connected: $\sigma_4$ of the learned matrix"),
        ("blocks", "excess", "blocks: nuclear norm off the least one (relative)"),
        ("connected", "imbalance", r"connected: $\|A^T A - B B^T\|_2$"),
    )
    for axes, (problem, value, title) in zip(panels, views, strict=True):
        for place, name in enumerate(names):
            numbers = np.maximum(np.abs(result["cells"][f"{problem}: {name}"][value]), 1e-17)
            ink = "#c2410c" if name.startswith(("Adam 1", "weight")) else "#1f5fa8"
            axes.plot(numbers, np.full(len(numbers), place), "o", color=ink, alpha=0.35, markersize=6)
            axes.plot(np.median(numbers), place, "|", color=ink, markersize=18, markeredgewidth=2)
        axes.set_xscale("log")
        axes.set_title(title, fontsize=11)
        plain(axes)
    panels[0].set_yticks(range(len(names)), names)
    panels[0].invert_yaxis()
    return figure


if __name__ == "__main__":
    main("connectivity-optimizers", paper=paper, quick=quick, compute=compute, check=check, draw=draw)
