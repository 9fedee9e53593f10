"""Figure 5 of Bai, Zhao & Zhang 2024: where runs go from a critical point, disconnected and connected.

(a) The paper's sketch of its Figure 4, here with real runs. A rank-1 matrix of size 3 x 3 is observed at (1, 1) and in
rows 2-3, columns 2-3: two components that no observed entry connects. Every run from small factors first learns
the larger block and waits at one and the same critical point; then each learns the other block, with some cross
block ``c sqrt(M_11 sigma) u v'``. Runs of hidden width 1 stay on matrices of rank 1 and end at ``c = +-1``, the lowest
rank; runs of full width end at any ``c`` between, with rank 2. (b) The run of Figure 3 on its way from the critical
point of rank 1 to that of rank 2: the rows of ``A`` and the columns of ``B``, projected to a random plane. Claims:

* all runs of (a) come to within 0.01 of the critical point (relative to the larger block), and end at zero loss;
* runs of width 1 have ``sigma_2 = 0`` exactly, and end at ``|c| = 1`` to 1e-6; runs of full width end at rank 2;
* their ``c`` is the cosine between ``w_p = A_p(0)' u_p + B_p(0) v_p`` of the two components, to 1e-6: it is decided
  by the initial factors (derived here);
* in (b) the eight vectors lie on one line to 1e-3 of their length; they leave it along one common direction, and how
  far each moves is its entry of ``[u; v]``, the top singular pair of the residual (cosine > 0.99999).

``python -m experiments.connectivity.fig5_trajectories`` takes half a minute, ``--quick`` the same with fewer runs. No
data are needed.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from matplotlib.figure import Figure

from experiments._harness import cells, main
from experiments.connectivity._fig5_panels import draw_escape, draw_paths, draw_rank
from experiments.connectivity._problems import BLOCKS as MASK
from experiments.connectivity._problems import RANK_ONE as M
from experiments.connectivity._problems import Given, random_matrix
from matmend.dynamics import plateaus, trace_of_descent, with_factors
from matmend.observation import Masked
from matmend.problem import Problem
from matmend.representation import DeepFactorization
from matmend.solve import LossBelow, solve_many


@dataclass(frozen=True)
class Config:
    """What is run."""

    runs: int  # of full width
    std: float = 1e-8
    rate: float = 0.05
    max_steps: int = 2000
    seed: int = 0


def paper() -> Config:
    """Return 16 runs."""
    return Config(runs=16)


def quick() -> Config:
    """Return four runs."""
    return Config(runs=4)


def compute(config: Config, folder: Path | None = None) -> dict[str, Any]:
    """Run both parts."""
    jax.config.update("jax_enable_x64", True)
    return {"cells": cells(folder, config, {"paths": partial(_paths, config), "escape": partial(_escape, config)})}


def check(result: dict[str, Any]) -> None:
    """Assert the claims."""
    paths, escape = result["cells"]["paths"], result["cells"]["escape"]
    for path in paths:
        assert path["nearest"] < 0.01, f"a run passes the critical point at a distance of {path['nearest']}"
        assert path["loss"] < 1e-12, f"a run ended at loss {path['loss']}"
        assert abs(path["c"][-1] - path["c predicted"]) < 1e-6, "c is not what the initial factors say"
        if path["width"] == 1:
            assert max(path["sigma_2"]) < 1e-15, "a run of width 1 left the matrices of rank 1"
            assert abs(abs(path["c"][-1]) - 1) < 1e-6, "a run of width 1 did not end at the lowest rank"
        else:
            assert path["sigma_2"][-1] > 1e-3, "a run of full width ended at the lowest rank"
    full = [path for path in paths if path["width"] > 1]
    print(
        f"{len(full)} runs of full width: c from {min(p['c'][-1] for p in full):.3f} to "
        f"{max(p['c'][-1] for p in full):.3f}, missed by at most "
        f"{max(abs(p['c'][-1] - p['c predicted']) for p in paths):.1e}; nearest to the critical point "
        f"{max(p['nearest'] for p in paths):.1e}; sigma_2 at the end at least {min(p['sigma_2'][-1] for p in full):.3f}"
    )
    print(f"escape: off the line by {escape['off the line']:.1e}, 1 - cosine {1 - escape['cosine']:.1e}")
    assert escape["off the line"] < 1e-3, "the eight vectors do not lie on a line"
    assert escape["cosine"] > 0.99999, "the vectors do not move as the top singular pair says"


def draw(result: dict[str, Any]) -> Figure:
    """Draw the paths from the critical point, how far they are from rank 1, and the escape."""
    figure = Figure(figsize=(16.5, 5.8), layout="constrained")
    left, middle, right = figure.subfigures(1, 3, squeeze=False, width_ratios=(1.25, 0.95, 1.05))[0]
    left.suptitle("(a) disconnected: to the lowest rank (blue), and where runs go (red)", fontsize=12)
    middle.suptitle("distance of the same runs from rank 1", fontsize=12)
    right.suptitle("(b) connected: leaving the critical point of rank 1", fontsize=12)
    draw_paths(left.add_subplot(projection="3d"), result["cells"]["paths"])
    draw_rank(middle.subplots(), result["cells"]["paths"])
    draw_escape(right.add_subplot(projection="polar"), result["cells"]["escape"])
    return figure


def _paths(config: Config) -> list[dict[str, Any]]:
    """Run factors of width 1 and of full width as one batch: a column of zeros in both factors stays zero."""
    rng = np.random.default_rng(config.seed)
    starts = config.std * rng.normal(size=(config.runs + 2, 2, 3, 3))  # of A and of B'
    starts[:2, :, :, 1:] = 0
    u, sigma, vh = np.linalg.svd(M[1:, 1:])
    u, v = u[:, 0], vh[0]
    starts[1] = starts[0]
    # The other one of two mirror images: the first component with its sign changed.
    starts[1, 0, 0] *= -1
    starts[1, 1, 0] *= -1
    problems = [
        Problem(
            Masked.from_array(M, MASK, normalizer=2.0),
            DeepFactorization(depth=2, initialization=Given((jnp.asarray(B_t.T), jnp.asarray(A)))),
        )
        for A, B_t in starts
    ]
    runs = solve_many(
        problems, optax.sgd(config.rate), keys=[jax.random.key(0)] * len(problems), max_steps=config.max_steps,
        every=2, stop=LossBelow(1e-24), record=with_factors,
    )  # fmt: skip
    scale = np.sqrt(M[0, 0] * sigma[0])
    critical = np.zeros((3, 3))
    critical[1:, 1:] = M[1:, 1:]
    paths = []
    for lane, run in enumerate(runs):
        B, A = run.record["params"].representation
        W = A @ B
        A_0, B_0 = A[0], B[0]
        w_p, w_q = A_0[0] + B_0[:, 0], A_0[1:].T @ u + B_0[:, 1:] @ v
        predicted = w_p @ w_q / (np.linalg.norm(w_p) * np.linalg.norm(w_q))
        paths.append(
            {
                "width": 1 if lane < 2 else 3,
                "step": run.record["step"].tolist(),
                "first block": (W[:, 0, 0] / M[0, 0]).tolist(),
                "second block": (np.einsum("i,tij,j->t", u, W[:, 1:, 1:], v) / sigma[0]).tolist(),
                "c": ((W[:, 1:, 0] @ u + W[:, 0, 1:] @ v) / (2 * scale)).tolist(),
                "c predicted": float(predicted),
                "sigma_2": run.record["sigma"][:, 1].tolist(),
                "nearest": float(np.linalg.norm(W - critical, axis=(1, 2)).min() / sigma[0]),
                "loss": float(run.record["loss"][-1]),
            }
        )
    return paths


def _escape(config: Config) -> dict[str, Any]:
    """Project the rows of W_aug from the plateau of rank 1 to that of rank 2."""
    values, mask = random_matrix(), np.ones((4, 4), dtype=bool)
    mask[0, 0] = False
    rng = np.random.default_rng(config.seed)
    start = Given(tuple(jnp.asarray(config.std * rng.normal(size=(4, 4))) for _ in range(2)))
    problem = Problem(Masked.from_array(values, mask, normalizer=2.0), DeepFactorization(depth=2, initialization=start))
    (run,) = solve_many(
        [problem], optax.sgd(config.rate), keys=[jax.random.key(0)], max_steps=config.max_steps, every=2,
        stop=LossBelow(1e-22), record=with_factors,
    )  # fmt: skip
    traced = trace_of_descent(problem, run.record, learning_rate=config.rate)
    first, second = (plateau for plateau in plateaus(traced) if plateau.rank in (1, 2))
    S = traced.augmented[first.index : second.index + 1]
    plane = np.linalg.qr(np.random.default_rng(config.seed).normal(size=(4, 2)))[0]
    _, sigma, Vh = np.linalg.svd(S[0])
    return {
        "projected": (S @ plane).tolist(),
        "line": (Vh[0] @ plane).tolist(),
        "off the line": float(sigma[1] / sigma[0]),
        "cosine": first.cosine,
    }


if __name__ == "__main__":
    main("connectivity-fig5", paper=paper, quick=quick, compute=compute, check=check, draw=draw)
