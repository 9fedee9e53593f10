"""Figure 4 of Bai, Zhao & Zhang 2024: the observed entries of a 3 x 3 matrix of rank 1 fall into two blocks.

``M = (1, 2, 3)' (2, 1, 1/2)``; observed are one entry and the 2 x 2 block of the other rows and columns, in (a) to (d)
and (f) to (h) the entry (1, 1). The paper's matrix, learning rate and steps are not known to us; the panels are rebuilt
from its caption. The factors are 3 x 3 and start from N(0, var); plain gradient descent on 1/2 the sum of the squared
residuals, learning rate 0.05. Claims, whose formulas are derived here:

* ``A``, ``B`` and ``W_aug = [A; B']`` gain rank together, to rank 2, although rank 1 would do: the run stands still
  where one block is learned and the other is 0 (g), and there the loss is half the square of the other block, while
  ``M`` itself, of rank 1, has none;
* this holds for all 9 patterns (e), and greedy learning ends at rank 2 with exact zeros across the blocks (h);
* the nuclear norm of what is learned is the least one, ``|M_11| + sigma``, up to an excess proportional to var (slope 1
  to 0.1 on logarithmic scales; relative excess below 1e-6 from var = 1e-8 on);
* across the blocks ``W_12 = c sqrt(M_11 sigma) v_2``, ``W_21 = c sqrt(M_11 sigma) u_2`` with one number ``|c| <= 1``
  (f): the pairs collapse on the line ``W_12 / W_21 = v_2 / u_2`` (at var 1e-16 to 1e-7) and touch the completions of
  rank 1, ``W_12 W_21 = M_11 M_22``, at its ends only;
* ``c`` is the cosine between ``A_1(0)' u_1 + B_1(0) v_1`` and ``A_2(0)' u_2 + B_2(0) v_2`` of the initial factors, to
  1e-8 in each of 400 runs at var 1e-16 (i), and so uniform on [-1, 1] (Kolmogorov-Smirnov, p > 0.05).

What does not show: where the two blocks are of nearly equal strength the run does not stand still between them; the
patterns without a plateau that stands out by a decade are printed. From var 1e-4 to 1e-8 the last digits take a million
steps, as the singular values that should vanish decay like a power of time: up to 1e-8 of the nuclear norm is missing
or too much for that reason.

``python -m experiments.connectivity.fig4_disconnected`` takes less than a minute, ``--quick`` a quarter of one. No data
are needed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax
from scipy.stats import kstest

from experiments._harness import cells, main
from experiments.connectivity._fig4_panels import draw
from experiments.connectivity._problems import RANK_ONE as M
from matmend.dynamics import (
    Plateau,
    Trace,
    descend,
    greedy,
    minimum_nuclear_norm,
    plateaus,
    trace_of_descent,
    with_factors,
)
from matmend.observation import Masked
from matmend.problem import Problem
from matmend.representation import DeepFactorization, Gaussian
from matmend.solve import solve_many

RTOL = 1e-3
"""Singular values below this share of the largest are no rank."""


@dataclass(frozen=True)
class Config:
    """What is run."""

    variances: tuple[float, ...]
    runs: int  # at each variance
    seeds: int  # at the variance of (i)
    variance: float = 1e-16  # of the curves and of (i)
    rate: float = 0.05
    steps: int = 1600  # of the curves
    max_steps: int = 1_000_000
    seed: int = 0


def paper() -> Config:
    """Return variances from 1 to 1e-16."""
    return Config(variances=tuple(10.0**-k for k in range(0, 17, 2)), runs=10, seeds=400)


def quick() -> Config:
    """Return a few variances and seeds."""
    return Config(variances=(1e-2, 1e-4, 1e-8, 1e-16), runs=10, seeds=60, max_steps=200_000)


def pattern(i: int, j: int) -> np.ndarray:
    """Observe (i, j) and the block of the other rows and columns."""
    return (np.arange(3) == i)[:, None] == (np.arange(3) == j)


def block_vectors() -> tuple[float, np.ndarray, np.ndarray]:
    """Return the singular value and vectors of the observed 2 x 2 block of the pattern (1, 1)."""
    u, sigma, vt = np.linalg.svd(M[1:, 1:])
    sign = np.sign(u[0, 0])
    return float(sigma[0]), sign * u[:, 0], sign * vt[0]


def compute(config: Config, folder: Path | None = None) -> dict[str, Any]:
    """Follow the 9 patterns, train from all variances, and compare with the references."""
    jax.config.update("jax_enable_x64", True)
    todo: dict[str, Callable[[], Any]] = {
        "patterns": partial(_patterns, config),
        "variances": partial(_variances, config),
        "cosines": partial(_cosines, config),
    }
    sigma, u, v = block_vectors()
    return {"cells": cells(folder, config, todo), "M": M.tolist(), "sigma": sigma, "u": u.tolist(), "v": v.tolist()}


def check(result: dict[str, Any]) -> None:
    """Assert the claims, and print what does not show."""
    done = result["cells"]
    lanes, sweep, cosines = done["patterns"], done["variances"], done["cosines"]
    for lane in lanes:
        name, gap = f"({lane['entry'][0]}, {lane['entry'][1]}) by itself", lane["greedy"]["gap"][0]
        assert lane["final_ranks"] == [2, 2, 2, 2], f"{name}: ranks {lane['final_ranks']} at the end"
        assert lane["greedy"]["rank"] == 2, f"{name}: greedy learning ended at another rank"
        assert lane["greedy"]["across"] == 0, f"{name}: greedy learning put something across the blocks"
        passed = [p for p in lane["plateaus"] if p["ranks"][0] == 1]
        print(f"{name}: strengths {lane['strengths'][0]:.2f} and {lane['strengths'][1]:.2f}, gap {gap:.2f}", end="; ")
        print("no plateau at rank 1" if not passed else f"plateau at loss {passed[0]['loss']:.4f}")
        for plateau in lane["plateaus"]:
            assert len(set(plateau["ranks"])) == 1, f"{name}: the factors do not gain rank together"
        for plateau in passed:
            assert abs(plateau["loss"] / (lane["strengths"][1] ** 2 / 2) - 1) < 1e-2, f"{name}: another saddle"
        assert passed or gap > 0.8, f"{name}: a plateau is missing"
    first = lanes[0]
    assert [p["ranks"][0] for p in first["plateaus"]] == [0, 1], "(b) to (d): the rank did not grow by one at a time"

    least = result["M"][0][0] + result["sigma"]
    assert abs(sweep["least"] / least - 1) < 1e-7, (
        f"Douglas-Rachford finds {sweep['least']}, the closed form is {least}"
    )
    variance, excess = np.asarray(sweep["variance"]), np.mean(sweep["excess"], axis=1)
    W12, W21 = np.asarray(sweep["W12"]), np.asarray(sweep["W21"])
    (u2, _), (v2, _) = result["u"], result["v"]
    off = np.max(np.abs(W12 * u2 - W21 * v2), axis=1) / np.hypot(u2, v2)
    for row in zip(variance, excess, off, np.mean(sweep["steps"], axis=1), strict=True):
        print("var {:.0e}: excess of the nuclear norm {:.1e}, off the line {:.1e}, {:.0f} steps".format(*row))
    assert set(np.ravel(sweep["rank"])) == {2}, "a run ended at another rank"
    small = (variance <= 1e-2) & (variance >= 1e-8)
    slope = np.polyfit(np.log(variance[small]), np.log(excess[small]), 1)[0]
    print(f"excess proportional to var^{slope:.3f}")
    assert abs(slope - 1) < 0.1, "the excess is not proportional to the variance"
    assert np.max(np.asarray(sweep["excess"])[variance <= 1e-8]) < 1e-6 * least, "the nuclear norm is not the least"
    assert off[variance <= 1e-16].max() < 1e-7, "the pairs are not on the line"
    strength = np.sqrt(result["M"][0][0] * result["sigma"])
    assert (np.abs(W12[variance <= 1e-8]) <= strength * v2 + 1e-6).all(), "|c| > 1"

    c, predicted = np.asarray(cosines["learned"]), np.asarray(cosines["predicted"])
    error = float(np.max(np.abs(c - predicted)))
    p = float(kstest(c, "uniform", args=(-1, 2)).pvalue)
    print(f"c of {len(c)} runs: predicted to {error:.1e}, standard deviation {np.std(c):.3f}, uniform with p = {p:.2f}")
    assert error < 1e-8, "the initial factors do not tell c"
    assert p > 0.05, "c is not uniform"


def _patterns(config: Config) -> list[dict[str, Any]]:
    """Follow one run of each of the 9 patterns, all as one batch."""
    entries = [(i, j) for i in range(3) for j in range(3)]
    masks = np.stack([pattern(*entry) for entry in entries])
    deep = DeepFactorization(depth=2, initialization=Gaussian(std=config.variance**0.5))
    problems = [Problem(Masked.from_array(M, mask, normalizer=2.0), deep) for mask in masks]  # L = 1/2 sum of squares
    runs = solve_many(
        problems,
        optax.sgd(config.rate),
        keys=[jax.random.key(config.seed)] * len(problems),
        max_steps=config.steps,
        every=2,
        record=with_factors,
    )
    together = np.broadcast_to(M, (len(masks), 3, 3))
    found = greedy(together, masks)
    rows = []
    for lane, (entry, problem, run) in enumerate(zip(entries, problems, runs, strict=True)):
        traced = trace_of_descent(problem, run.record, learning_rate=config.rate)
        rest = np.delete(np.delete(M, entry[0], axis=0), entry[1], axis=1)
        rows.append(
            {
                "entry": [entry[0] + 1, entry[1] + 1],
                "strengths": sorted([float(M[entry]), float(np.linalg.norm(rest))], reverse=True),
                "greedy": {
                    "X": found.X[lane].tolist(),
                    "rank": int(found.rank[lane]),
                    "gap": found.gap[lane].tolist(),
                    "across": float(np.max(np.abs(found.X[lane][~masks[lane]]))),
                },
                **_closely(traced, plateaus(traced, rtol=RTOL)),
            }
        )
    return rows


def _closely(traced: Trace, passed: list[Plateau]) -> dict[str, Any]:
    return {
        "step": (traced.times / traced.learning_rate).round().tolist(),
        "loss": traced.loss.tolist(),
        "A": traced.sigma_A.tolist(),
        "B": traced.sigma_B.tolist(),
        "W_aug": traced.sigma_augmented.tolist(),
        "final_ranks": [int(ranks[-1]) for ranks in traced.ranks(rtol=RTOL)],
        "plateaus": [
            {
                "step": p.time / traced.learning_rate,
                "loss": p.loss,
                "X": p.X.tolist(),
                "ranks": [p.rank, p.rank_A, p.rank_B, p.rank_augmented],
            }
            for p in passed
        ],
    }


def _variances(config: Config) -> dict[str, Any]:
    """Train from every variance, all runs as one batch."""
    rng = np.random.default_rng(config.seed)
    shape = (len(config.variances), config.runs)
    stds = np.repeat(np.sqrt(config.variances), config.runs)[:, None, None]
    start = tuple(stds * rng.normal(size=(len(stds), 3, 3)) for _ in range(2))
    mask = pattern(0, 0)
    done = _descend(config, start)
    X = np.asarray(done.X).reshape(*shape, 3, 3)
    sigma = np.linalg.svd(X, compute_uv=False)
    least = minimum_nuclear_norm(M, mask)
    return {
        "variance": list(config.variances),
        "W12": X[..., 0, 1].tolist(),
        "W21": X[..., 1, 0].tolist(),
        # At var 1 singular values of the tail reach a tenth of the first; in the limit there are two.
        "rank": np.sum(sigma > RTOL * sigma[..., :1], axis=-1)[np.asarray(config.variances) <= 1e-8].tolist(),
        "least": float(least.norm),
        "excess": (sigma.sum(axis=-1) - (M[0, 0] + block_vectors()[0])).tolist(),
        "steps": np.asarray(done.steps).reshape(shape).tolist(),
        "loss": np.asarray(done.loss).reshape(shape).tolist(),
    }


def _cosines(config: Config) -> dict[str, Any]:
    """Predict c from the factors at the start, and read it off the learned matrix."""
    rng = np.random.default_rng(config.seed + 1)
    start = tuple(config.variance**0.5 * rng.normal(size=(config.seeds, 3, 3)) for _ in range(2))
    X = np.asarray(_descend(config, start).X)
    B, A = start
    sigma, u, v = block_vectors()
    one = A[:, 0] + B[:, :, 0]
    two = np.einsum("bik,i->bk", A[:, 1:], u) + B[:, :, 1:] @ v
    predicted = np.sum(one * two, axis=1) / (np.linalg.norm(one, axis=1) * np.linalg.norm(two, axis=1))
    learned = X[:, 0, 1:] @ v / np.sqrt(M[0, 0] * sigma)
    return {"predicted": predicted.tolist(), "learned": learned.tolist()}


def _descend(config: Config, start: tuple[np.ndarray, ...]) -> Any:
    values = np.broadcast_to(M, (len(start[0]), 3, 3))
    return descend(values, pattern(0, 0), start, learning_rate=config.rate, tol=1e-18, max_steps=config.max_steps)


if __name__ == "__main__":
    main("connectivity-fig4", paper=paper, quick=quick, compute=compute, check=check, draw=draw)
