"""Figure 3 of Bai, Zhao & Zhang 2024: one entry of a 4 x 4 matrix of rank 3 is hidden; the rank is learned in steps.

The paper's matrices, learning rate and steps are not known to us; the panels are rebuilt from its caption. There are
two matrices, both with singular values 5, 2 and 1: a random one, and an even one, whose 16 cofactors of size 3 x 3 are
all 2.5. The factors start from N(0, var); plain gradient descent on 1/2 the sum of the squared residuals, learning
rate 0.05. Claims:

* the rank grows by one at a time, in ``W``, ``A``, ``B`` and ``W_aug = [A; B']`` together: at every point where the run
  almost stands still the four ranks are equal (0, 1, 2), and at the end they are 3;
* there ``W`` is the best fit of its rank to the observed entries, to 5e-3 in the Frobenius norm; of all 16 patterns of
  both matrices, the loss on a plateau of rank 1 is that of the best fit, to 0.2 %;
* the run leaves along the top singular pair of the residual (cosine > 0.99999) when linear theory says, to 0.1 %;
* ``sigma_4`` of the learned matrix is proportional to var: slope 1 to 0.02 on logarithmic scales;
* of the even matrix all 16 patterns that hide one entry end at rank 3 from 60 starts, at std 1e-8 and at 1e-16.

What does not hold: of the random matrix the patterns of the smallest cofactors (below 0.5) end at rank 4, more of them
from larger starts; at std 1e-4 this befalls some runs of the even matrix too. The hidden entry is then determined but
weakly: the run creeps along a valley of rank 3, and in the many thousand steps that this takes the fourth direction,
which grows all the time, arrives. Nor is a plateau of rank 2 always at the best fit of rank 2, or to be seen. Which
patterns, and how often, is printed and kept in the result.

``python -m experiments.connectivity.fig3_connected`` takes about a minute, ``--quick`` a third of one. No data are
needed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax

from experiments._harness import cells, main
from experiments.connectivity._fig3_panels import draw
from experiments.connectivity._problems import random_matrix
from matmend.dynamics import Plateau, Trace, best_rank_k, descend, plateaus, trace_of_descent, with_factors
from matmend.observation import Masked
from matmend.problem import Problem
from matmend.representation import DeepFactorization, Gaussian
from matmend.solve import LossBelow, losses, solve_many

RTOL = 1e-3
CLOSE_STEPS = 4000
"""The steps of which every fourth is recorded."""


@dataclass(frozen=True)
class Config:
    """What is run."""

    variances: tuple[float, ...]
    stds: tuple[float, ...]  # of the counts of patterns
    patterns: tuple[tuple[int, int], ...]  # hidden entries, the first one that of the panels (d) to (h)
    seeds: int
    max_steps: int
    draws: int = 20  # of the factors at each variance
    starts: int = 20  # of every search for a best fit
    std: float = 1e-8  # of the curves
    rate: float = 0.05
    seed: int = 0


def paper() -> Config:
    """Return all 16 patterns."""
    return Config(
        variances=tuple(10.0**-k for k in range(17)),
        stds=(1e-4, 1e-8, 1e-16),
        patterns=tuple(divmod(k, 4) for k in range(16)),
        seeds=60,
        max_steps=300_000,
    )


def quick() -> Config:
    """Return three patterns that are learned soon."""
    return Config(
        variances=(1e-2, 1e-4, 1e-8),
        stds=(1e-8,),
        patterns=((0, 0), (0, 2), (1, 0)),
        seeds=2,
        max_steps=CLOSE_STEPS,
        starts=4,
    )


def even_matrix() -> np.ndarray:
    """Singular values 5, 2, 1; the null vectors have four equal entries, so all cofactors are of one size."""
    rng = np.random.default_rng(0)
    Q1, Q2 = (np.linalg.qr(np.c_[np.ones(4), rng.normal(size=(4, 3))])[0][:, 1:] for _ in range(2))
    return Q1 @ np.diag([5.0, 2.0, 1.0]) @ Q2.T


MATRICES: dict[str, Callable[[], np.ndarray]] = {"random": random_matrix, "even": even_matrix}


def compute(config: Config, folder: Path | None = None) -> dict[str, Any]:
    """Run the sweep over variances, the run of the spectra, and all patterns of both matrices."""
    jax.config.update("jax_enable_x64", True)
    todo: dict[str, Callable[[], Any]] = {
        "curves": partial(_curves, config),
        "variances": partial(_variances, config),
        "counts": partial(_counts, config),
    }
    return {"cells": cells(folder, config, todo), "M": random_matrix().tolist()}


def check(result: dict[str, Any]) -> None:
    """Assert the claims, and print what does not hold."""
    run, sweep = result["cells"]["curves"]["run"], result["cells"]["variances"]
    for plateau in run["plateaus"]:
        ranks = plateau["ranks"]
        print(
            f"plateau at step {plateau['step']:.0f}: ranks of W, A, B, W_aug {ranks}, distance to the best fit "
            f"{plateau['distance']:.1e}; escape after t = {plateau['observed']:.4f}, predicted "
            f"{plateau['predicted']:.4f}, 1 - cosine {1 - plateau['cosine']:.1e}"
        )
        assert len(set(ranks)) == 1, "the factors do not gain rank together"
        assert plateau["distance"] < 5e-3, "the plateau is not the best fit of its rank"
        assert plateau["cosine"] > 0.99999, "the escape goes elsewhere"
        assert abs(plateau["observed"] / plateau["predicted"] - 1) < 1e-3, "the escape comes at another time"
    assert [plateau["ranks"][0] for plateau in run["plateaus"]] == [0, 1, 2], "the rank did not grow by one at a time"
    assert run["final_ranks"] == [3, 3, 3, 3], f"the ranks at the end are {run['final_ranks']}"

    slope, factor = sigma_4_of_variance(sweep)
    print(f"sigma_4 = {factor:.2f} var^{slope:.4f}")
    assert abs(slope - 1) < 0.02, f"sigma_4 is not proportional to the variance: slope {slope}"
    print("steps by variance:", {f"{v:.0e}": s for v, s in zip(sweep["variance"], sweep["steps"], strict=True)})

    for row in result["cells"]["counts"]:
        failed = {pattern: f"sigma_4 {s:.2g}, cofactor {c:.2g}" for pattern, s, c in row["rank 4"]}
        print(
            f"{row['matrix']} matrix, std {row['std']:g}: {row['rank 3']} of {row['runs']} runs end at rank 3, "
            f"{row['converged']} converged; more than rank 3 in a run or more: {failed or 'none'}"
        )
        if row["matrix"] == "even":
            assert row["std"] > 1e-8 or row["rank 3"] == row["runs"], "a pattern of the even matrix ended at rank 4"
        else:
            assert all(c < 0.5 for *_, c in row["rank 4"]), "a well determined entry was missed"
    for name, lanes in result["cells"]["curves"]["patterns"].items():
        for lane in lanes:
            where = f"{name} matrix, {tuple(lane['hidden'])} hidden"
            if missing := {1, 2} - {plateau["rank"] for plateau in lane["plateaus"]}:
                print(f"{where}: no plateau that stands out by a decade at rank {sorted(missing)}")
            for plateau in lane["plateaus"]:
                excess = plateau["excess"] / plateau["loss"]
                assert plateau["rank"] > 1 or excess < 2e-3, f"{where}: a plateau of rank 1 is not the best fit"
                if excess > 2e-3:
                    print(
                        f"{where}: the plateau of rank {plateau['rank']} has a loss of {plateau['loss']:.4f}, the best "
                        f"fit {plateau['loss'] - plateau['excess']:.4f}"
                    )


def sigma_4_of_variance(sweep: dict[str, Any]) -> tuple[float, float]:
    """Fit ``sigma_4 = factor * var^slope`` where the start is small and rounding smaller."""
    variance, sigma = np.asarray(sweep["variance"]), np.asarray(sweep["sigma"])
    within = (variance <= 1e-2) & (variance >= 1e-12)
    slope, log_factor = np.polyfit(np.log(variance[within]), np.log(sigma[within, 3]), 1)
    return float(slope), float(np.exp(log_factor))


def _mask(hidden: tuple[int, int]) -> np.ndarray:
    mask = np.ones((4, 4), dtype=bool)
    mask[hidden] = False
    return mask


def _problem(M: np.ndarray, hidden: tuple[int, int], std: float) -> Problem:
    deep = DeepFactorization(depth=2, initialization=Gaussian(std=std))
    return Problem(Masked.from_array(M, _mask(hidden), normalizer=2.0), deep)  # L = 1/2 sum of squares


def _variances(config: Config) -> dict[str, Any]:
    """Take the median spectrum of the learned matrix for every variance."""
    rng = np.random.default_rng(config.seed)
    stds = np.repeat(np.sqrt(config.variances), config.draws)
    # The same draws at every scale: what varies along the curves is the scale alone.
    unit = rng.normal(size=(2, config.draws, 4, 4))
    start = tuple(stds[:, None, None] * np.tile(Z, (len(config.variances), 1, 1)) for Z in unit)
    M = np.broadcast_to(random_matrix(), (len(stds), 4, 4))
    done = descend(
        M, _mask(config.patterns[0]), start, learning_rate=config.rate, tol=1e-22, max_steps=config.max_steps
    )
    sigma = np.linalg.svd(np.asarray(done.X), compute_uv=False).reshape(-1, config.draws, 4)
    steps = np.asarray(done.steps).reshape(-1, config.draws)
    return {
        "variance": list(config.variances),
        "sigma": np.median(sigma, axis=1).tolist(),
        "steps": np.median(steps, axis=1).tolist(),
    }


def _curves(config: Config) -> dict[str, Any]:
    """Run every pattern of both matrices, all as one batch; judge the plateaus, and keep one run closely."""
    todo = [(name, hidden) for name in MATRICES for hidden in config.patterns]
    problems = [_problem(MATRICES[name](), hidden, config.std) for name, hidden in todo]
    keys, descent = [jax.random.key(config.seed)] * len(problems), optax.sgd(config.rate)
    settings: dict[str, Any] = {"keys": keys, "stop": LossBelow(1e-20)}
    near = solve_many(problems, descent, max_steps=CLOSE_STEPS, every=4, record=with_factors, **settings)
    far = near
    if config.max_steps > CLOSE_STEPS:  # the same runs, from the start: the first part is the same to the bit
        far = solve_many(problems, descent, max_steps=config.max_steps, every=1000, record=losses, **settings)
    M, masks = np.stack([MATRICES[name]() for name, _ in todo]), np.stack([_mask(hidden) for _, hidden in todo])
    best = {k: best_rank_k(M, masks, k, starts=config.starts) for k in range(3)}
    run, patterns = {}, {name: [] for name in MATRICES}
    for lane, (name, hidden) in enumerate(todo):
        traced = trace_of_descent(problems[lane], near[lane].record, learning_rate=config.rate)
        passed = plateaus(traced, rtol=RTOL, best=lambda k, lane=lane: best[k].X[lane])
        run = run or _closely(traced, passed)
        tail = far[lane].record["step"] > near[lane].record["step"][-1]
        sigma = np.linalg.svd(np.asarray(far[lane].X.dense()), compute_uv=False)
        patterns[name].append(
            {
                "hidden": [hidden[0] + 1, hidden[1] + 1],
                "step": np.r_[near[lane].record["step"], far[lane].record["step"][tail]].tolist(),
                "loss": np.r_[near[lane].record["loss"], far[lane].record["loss"][tail]].tolist(),
                "rank": int(np.sum(sigma > RTOL * sigma[0])),
                "plateaus": [
                    {"rank": plateau.rank, "loss": plateau.loss, "excess": plateau.excess, "gap": plateau.gap}
                    for plateau in passed
                ],
            }
        )
    return {"run": run, "patterns": patterns}


def _closely(traced: Trace, passed: list[Plateau]) -> dict[str, Any]:
    return {
        "step": (traced.times / traced.learning_rate).round().tolist(),
        "loss": traced.loss.tolist(),
        "gradient_norm": traced.gradient_norm.tolist(),
        "W": traced.sigma.tolist(),
        "A": traced.sigma_A.tolist(),
        "B": traced.sigma_B.tolist(),
        "W_aug": traced.sigma_augmented.tolist(),
        "final_ranks": [int(ranks[-1]) for ranks in traced.ranks(rtol=RTOL)],
        "plateaus": [
            {
                "step": plateau.time / traced.learning_rate,
                "ranks": [plateau.rank, plateau.rank_A, plateau.rank_B, plateau.rank_augmented],
                "loss": plateau.loss,
                "distance": plateau.distance,
                "sigma_residual": plateau.sigma_residual.tolist(),
                "cosine": plateau.cosine,
                "observed": plateau.observed_duration,
                "predicted": plateau.predicted_duration,
            }
            for plateau in passed
        ],
    }


def _counts(config: Config) -> list[dict[str, Any]]:
    """Count the patterns that end at rank 3, over seeds and initial scales, all as one batch."""
    patterns = config.patterns
    shape = (len(MATRICES), len(config.stds), len(patterns), config.seeds)
    matrix, std, pattern, _ = (index.ravel() for index in np.indices(shape))
    rng = np.random.default_rng(config.seed)
    scale = np.asarray(config.stds)[std][:, None, None]
    start = tuple(scale * rng.normal(size=(len(std), 4, 4)) for _ in range(2))
    M = np.stack([build() for build in MATRICES.values()])
    masks = np.stack([_mask(hidden) for hidden in patterns])
    done = descend(M[matrix], masks[pattern], start, learning_rate=config.rate, tol=1e-18, max_steps=config.max_steps)
    sigma = np.linalg.svd(np.asarray(done.X), compute_uv=False).reshape(*shape, 4)
    rank = np.sum(sigma > RTOL * sigma[..., :1], axis=-1)
    converged = np.asarray(done.has_converged).reshape(shape)
    rows = []
    for i, name in enumerate(MATRICES):
        U, s, Vh = np.linalg.svd(M[i])
        cofactors = np.prod(s[:3]) * np.abs(np.outer(U[:, 3], Vh[3]))
        for j, value in enumerate(config.stds):
            failed = [k for k in range(len(patterns)) if (rank[i, j, k] > 3).any()]
            rows.append(
                {
                    "matrix": name,
                    "std": value,
                    "runs": int(rank[i, j].size),
                    "rank 3": int(np.sum(rank[i, j] == 3)),
                    "converged": int(np.sum(converged[i, j])),
                    "rank 4": [
                        [
                            f"({patterns[k][0] + 1}, {patterns[k][1] + 1}) in {int(np.sum(rank[i, j, k] > 3))}",
                            float(np.median(sigma[i, j, k, :, 3])),
                            float(cofactors[patterns[k]]),
                        ]
                        for k in failed
                    ],
                }
            )
    return rows


if __name__ == "__main__":
    main("connectivity-fig3", paper=paper, quick=quick, compute=compute, check=check, draw=draw)
