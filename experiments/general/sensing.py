"""Matrix sensing: a low-rank matrix from random Gaussian measurements, by deep factorization alone.

``y_k = <A_k, X>`` with ``A_k`` Gaussian, ``k = 1 ... q``, and ``q`` less than the number of entries of ``X``, so that
infinitely many matrices fit. Descent on a factorization of full width from a small start finds the one of low rank,
without being told the rank and without a regularizer (implicit bias: Arora et al. 2019, arXiv:1905.13655).

Claims, in numbers (30 x 30, rank 2, hence 116 degrees of freedom; 3 matrices for every ``q``; errors relative in the
Frobenius norm):

* from at least twice as many measurements as degrees of freedom (250, 300, 400, 600) every matrix is recovered: error
  below 0.02 (here at most 0.009), and exactly two singular values above 2 % of the largest;
* least squares of least norm, what descent on ``X`` itself from 0 ends at, misses ``sqrt(1 - q / 900)``, the part of
  ``X`` outside the span of the ``A_k``: 0.85 at 250 and still 0.57 at 600, within 0.1;
* nearer to the degrees of freedom the bias is not enough: at 200 errors are 0.01 to 0.06, at 150 and below the
  factorization fits another matrix and may be worse than least squares.

``python -m experiments.general.sensing`` takes about two minutes, ``--quick`` seconds (one matrix of rank 1).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
from matplotlib.figure import Figure

from experiments._harness import cells, main
from matmend.observation import Linear, Sensing
from matmend.problem import Problem
from matmend.representation import DeepFactorization, Gaussian
from matmend.solve import adam, solve

ENOUGH, RECOVERED = 2.0, 0.02
"""Measurements per degree of freedom from which on an error below the second is claimed."""


@dataclass(frozen=True)
class Config:
    """What is run."""

    size: int
    rank: int
    counts: tuple[int, ...]
    steps: int
    seeds: tuple[int, ...]
    depth: int = 3
    std: float = 3e-3
    learning_rate: float = 1e-3

    @property
    def freedom(self) -> int:
        """Degrees of freedom of a square matrix of the rank."""
        return self.rank * (2 * self.size - self.rank)


def paper() -> Config:
    """Return the full setting."""
    return Config(size=30, rank=2, counts=(100, 150, 200, 250, 300, 400, 600), steps=20_000, seeds=(0, 1, 2))


def quick() -> Config:
    """Return a setting of seconds."""
    return Config(size=15, rank=1, counts=(90,), steps=6_000, seeds=(0,))


def compute(config: Config, folder: Path | None = None) -> dict[str, Any]:
    """Recover every matrix from every number of measurements, by both methods."""
    todo = {
        f"q{count}-seed{seed}": lambda count=count, seed=seed: _cell(config, count, seed)
        for count in config.counts
        for seed in config.seeds
    }
    return {"cells": cells(folder, config, todo), "freedom": config.freedom}


def check(result: dict[str, Any]) -> None:
    """Assert the claims."""
    config, done = result["config"], result["cells"]
    entries = config["size"] ** 2
    for name, cell in done.items():
        print(
            f"{name:12s} relative error: factorization {cell['dmf']:.1e} (rank {cell['rank']}), "
            f"least squares {cell['least_squares']:.3f}"
        )
    for cell in done.values():
        expected = np.sqrt(1 - cell["count"] / entries)
        assert abs(cell["least_squares"] - expected) < 0.1, f"least squares: {cell['least_squares']}, {expected}"
        if cell["count"] >= ENOUGH * result["freedom"]:
            assert cell["dmf"] < RECOVERED, f"not recovered from {cell['count']} measurements: {cell['dmf']}"
            assert cell["rank"] == config["rank"], f"rank {cell['rank']} from {cell['count']} measurements"


def draw(result: dict[str, Any]) -> Figure:
    """Draw the errors against the number of measurements, and singular values of one recovery."""
    config, done = result["config"], list(result["cells"].values())
    figure = Figure(figsize=(10, 3.8), layout="constrained")
    errors, spectrum = figure.subplots(1, 2)
    for method, label, colour in (
        ("dmf", "deep factorization", "#1f5fa8"),
        ("least_squares", "least squares of least norm", "#c2410c"),
    ):
        counts = [cell["count"] for cell in done]
        errors.plot(counts, [cell[method] for cell in done], "o", color=colour, alpha=0.5)
        middle = {q: np.median([cell[method] for cell in done if cell["count"] == q]) for q in sorted(set(counts))}
        errors.plot(list(middle), list(middle.values()), color=colour, label=label)
    entries = config["size"] ** 2
    q = np.linspace(min(config["counts"]), min(max(config["counts"]), entries - 1), 100)
    errors.plot(q, np.sqrt(1 - q / entries), ":", color="0.4", label="sqrt(1 - q / number of entries)")
    errors.axvline(result["freedom"], color="0.7", linewidth=1, label="degrees of freedom")
    errors.set(yscale="log", ylim=(5e-6, 3), xlabel="number of measurements q", ylabel="relative error")
    errors.legend(frameon=False, loc="center right", bbox_to_anchor=(1.0, 0.62))
    shown = done[-1]
    for name, label, style in (("sigma_dmf", "deep factorization", "o"), ("sigma_true", "truth", "+")):
        spectrum.plot(np.arange(1, 9), shown[name][:8], style, label=label)
    spectrum.plot(np.arange(1, 9), shown["sigma_least_squares"][:8], "x", color="#c2410c", label="least squares")
    spectrum.set(xlabel="k", ylabel="k-th singular value", title=f"q = {shown['count']}")
    spectrum.legend(frameon=False)
    for axes in (errors, spectrum):
        axes.grid(alpha=0.25)
    return figure


def _cell(config: Config, count: int, seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    n, r = config.size, config.rank
    X = rng.normal(size=(n, r)) @ rng.normal(size=(r, n))
    X *= n / np.linalg.norm(X)  # entries of mean square 1
    matrices = rng.normal(size=(count, n, n)) / n  # and so are the measurements
    values = np.einsum("kij,ij->k", matrices, X)

    observation = Linear.from_values(Sensing(matrices), values, shape=(n, n), dtype=np.float32)
    problem = Problem(observation, DeepFactorization(config.depth, initialization=Gaussian(0.0, config.std)))
    solution = solve(problem, adam(config.learning_rate), key=jax.random.key(seed), max_steps=config.steps, every=500)
    found = {
        "dmf": np.asarray(solution.X_best.dense(), dtype=np.float64),  # the iterate that fits best
        "least_squares": np.linalg.lstsq(matrices.reshape(count, -1), values)[0].reshape(n, n),
    }
    sigma = {name: np.linalg.svd(X_hat, compute_uv=False) for name, X_hat in (*found.items(), ("true", X))}
    return {
        "count": count,
        **{name: float(np.linalg.norm(X_hat - X) / np.linalg.norm(X)) for name, X_hat in found.items()},
        "rank": int((sigma["dmf"] > 0.02 * sigma["dmf"][0]).sum()),
        **{f"sigma_{name}": values[:8].tolist() for name, values in sigma.items()},
    }


if __name__ == "__main__":
    main("general-sensing", paper=paper, quick=quick, compute=compute, check=check, draw=draw)
