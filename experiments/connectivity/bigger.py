"""Connectivity at 100 x 100 and 1000 x 1000: blocks that are glued together by a few entries.

Bai, Zhao & Zhang 2024 (arXiv:2405.13721) show what connectivity does on matrices of 3 x 3 and 4 x 4. Here a matrix of
rank 5 is observed on four diagonal blocks, and on a growing number of glue entries at random places between them.
Gradient descent on two factors of inner size 100, Gaussian start of standard deviation 1e-8. Claims, in numbers:

* *complete blocks, nothing between*: the nuclear norm is the sum of the blocks' norms, hence the least one, to 1e-6 of
  it, and the rank is 20, the sum of the blocks' ranks, where 5 would do;
* *80 % of each block*: every block is completed on its own (error inside below 1e-3), and the rank is 20 too;
* *three entries connect the blocks*, and hardly anything changes: the error between blocks stays above 50 %. Connected
  is not enough at rank 5: each block can still be turned by any invertible 5 x 5 matrix, so 3 x 25 = 75 glue entries
  are needed to determine the rest. The Jacobian says so before training;
* *with so many* the error between blocks still is above 50 %, at both sizes: determined, but weakly. It is below 5 %
  with 600 of the 7,500 places between blocks at 100 x 100, and with 19,200 of 750,000 at 1000 x 1000. At 100 x 100 the
  rank is 5 or 6 with 1,200; at 1000 x 1000 singular values above 1e-3 of the largest are still left over.

The glue entries of one size are nested. At 100 x 100 all numbers of glue entries and all seeds are one batch.

``python -m experiments.connectivity.bigger --workers 2`` takes about half an hour, ``--quick`` (40 x 40, rank 2)
some seconds.
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
from matmend.completability import jacobian_rank
from matmend.graph import ObservationGraph
from matmend.observation import Masked
from matmend.problem import Problem
from matmend.representation import DeepFactorization, Gaussian
from matmend.solve import LossBelow, solve_many

BLOCKS = 4
RANK_TOL = 1e-3
INKS = {"complete": "#c2410c", "most": "#1f5fa8"}
WORDS = {"complete": "complete blocks", "most": "80 % of each block"}


@dataclass(frozen=True)
class Size:
    """One size of matrix and what is tried on it."""

    side: int
    rank: int
    glue: tuple[int, ...]
    seeds: int
    max_steps: int
    width: int = 100


@dataclass(frozen=True)
class Config:
    """What is run."""

    sizes: tuple[Size, ...]
    std: float = 1e-8
    every: int = 250
    tol: float = 1e-16  # of the loss, sigma_1(M) being 1


def paper() -> Config:
    """Return both sizes."""
    return Config(
        (
            Size(100, 5, (0, 3, 25, 75, 150, 300, 600, 1200), seeds=3, max_steps=20_000),
            Size(1000, 5, (0, 3, 75, 300, 1200, 4800, 19200), seeds=1, max_steps=4_000),
        )
    )


def quick() -> Config:
    """Return a small size."""
    return Config((Size(40, 2, (0, 3, 12, 240), seeds=1, max_steps=6_000, width=40),))


def compute(config: Config, folder: Path | None = None, workers: int = 1) -> dict[str, Any]:
    """Train every size and every number of glue entries."""
    todo = {}
    for size in config.sizes:
        for share in WORDS:
            if size.side <= 100:
                todo[f"{size.side}-{share}"] = partial(_train, config, size, share, size.glue)
            else:  # a lane of a thousand rows is work enough
                for glue in size.glue:
                    todo[f"{size.side}-{share}-{glue}"] = partial(_train, config, size, share, (glue,))
    done = cells(folder, config, todo, workers=workers)
    rows: list[dict[str, Any]] = [row for cell in done.values() for row in cell]
    return {"rows": rows}


def make(size: Size, share: str, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the matrix, the mask of its blocks, and the places between blocks in the order in which they are glued."""
    rng = np.random.default_rng(seed)
    M = rng.normal(size=(size.side, size.rank)) @ rng.normal(size=(size.rank, size.side))
    M /= np.linalg.norm(M, 2)
    block = np.arange(size.side) * BLOCKS // size.side
    inside = block[:, None] == block
    mask = inside if share == "complete" else inside & (rng.random(M.shape) < 0.8)
    between = np.argwhere(~inside)
    order = rng.permutation(len(between))
    # The first entries connect: each joins a block to the one before.
    first = [
        next(k for k in order if block[between[k, 0]] == p and block[between[k, 1]] == p - 1) for p in range(1, BLOCKS)
    ]
    rest = order[~np.isin(order, first)]
    return M, mask, between[np.concatenate([first, rest])]


def _train(config: Config, size: Size, share: str, glue: tuple[int, ...]) -> list[dict[str, Any]]:
    jax.config.update("jax_enable_x64", True)
    cases = [(count, seed) for count in glue for seed in range(size.seeds)]
    problems, masks, matrices = [], [], []
    for count, seed in cases:
        M, mask, between = make(size, share, seed)
        mask = mask.copy()
        mask[tuple(between[:count].T)] = True
        # The normalizer 2 makes the loss half the sum of the squares.
        observation = Masked.from_array(M, mask, normalizer=2.0)
        deep = DeepFactorization(depth=2, width=size.width, initialization=Gaussian(std=config.std))
        problems.append(Problem(observation, deep))
        masks.append(mask)
        matrices.append(M)
    done = solve_many(
        problems,
        optax.sgd(0.7),  # sigma_1(M) = 1
        keys=[jax.random.key(seed) for _, seed in cases],
        max_steps=size.max_steps,
        every=config.every,
        stop=LossBelow(config.tol),
    )
    return [
        {"side": size.side, "share": share, "glue": count, "seed": seed}
        | _judged(np.asarray(solution.X.dense()), M, mask, size)
        | {"loss": float(solution.record["fidelity"][-1]), "steps": int(solution.state.step)}
        for (count, seed), solution, M, mask in zip(cases, done, matrices, masks, strict=True)
    ]


def _judged(X: np.ndarray, M: np.ndarray, mask: np.ndarray, size: Size) -> dict[str, Any]:
    block = np.arange(size.side) * BLOCKS // size.side
    inside = block[:, None] == block
    sigma = np.linalg.svd(X, compute_uv=False)
    of_blocks = sum(np.linalg.norm(M[np.ix_(block == p, block == p)], "nuc") for p in range(BLOCKS))
    graph = ObservationGraph.from_mask(mask)
    free = size.rank * (2 * size.side - size.rank)

    def error(part: np.ndarray) -> float:
        return float(np.linalg.norm((X - M)[part]) / np.linalg.norm(M[part])) if part.any() else 0.0

    return {
        "rank": int(np.sum(sigma > RANK_TOL * sigma[0])),
        "nuclear": float(sigma.sum() / of_blocks),
        "inside": error(inside & ~mask),
        "between": error(~inside & ~mask),
        "components": graph.num_components,
        "deficit": free - jacobian_rank(graph, size.rank),
    }


def _median(result: dict[str, Any], value: str, **where: Any) -> float:
    rows = [row[value] for row in result["rows"] if all(row[name] == wanted for name, wanted in where.items())]
    return float(np.median(rows))


def check(result: dict[str, Any]) -> None:
    """Assert the claims."""
    for size in result["config"]["sizes"]:
        rank, needed = size["rank"], (BLOCKS - 1) * size["rank"] ** 2
        for share in WORDS:
            for glue in size["glue"]:
                here = {"side": size["side"], "share": share, "glue": glue}
                names = ("rank", "nuclear", "inside", "between", "components", "deficit", "steps")
                row = {name: _median(result, name, **here) for name in names}
                print(f"{size['side']}, {share}, {glue} glue entries: " + ", ".join(
                    f"{name} {value:.4g}" for name, value in row.items()
                ))  # fmt: skip
                assert row["deficit"] == max(needed - glue, 0), "the Jacobian counts otherwise"
                assert row["components"] == (BLOCKS if glue == 0 else 1)
                if glue == 0:
                    assert row["rank"] == BLOCKS * rank, "the ranks of the blocks do not add up"
                    assert row["inside"] < 1e-3, "a block is not completed"
                    assert abs(row["nuclear"] - 1) < (1e-6 if share == "complete" else 1e-3), "nor do their norms"
                elif glue <= needed:
                    assert row["between"] > 0.5, "so few entries hold"
                if glue == max(size["glue"]):
                    assert row["between"] < 0.05, "much glue does not hold"
                    assert row["rank"] <= rank + 1 or size["side"] > 100, "much glue does not lower the rank"


def draw(result: dict[str, Any]) -> Figure:
    """Draw error between blocks, rank, and nuclear norm over the number of glue entries."""
    sizes = result["config"]["sizes"]
    figure = Figure(figsize=(15, 4 * len(sizes)), layout="constrained")
    for line, size in zip(figure.subplots(len(sizes), 3, squeeze=False), sizes, strict=True):
        places = np.arange(len(size["glue"]))
        needed = (BLOCKS - 1) * size["rank"] ** 2
        views = {
            "between": "relative error between blocks",
            "rank": "rank",
            "nuclear": "nuclear norm / sum of the blocks'",
        }
        for axes, (value, title) in zip(line, views.items(), strict=True):
            for share, ink in INKS.items():
                here = {"side": size["side"], "share": share}
                medians = [_median(result, value, **here, glue=glue) for glue in size["glue"]]
                axes.plot(places, medians, "o-", color=ink, label=WORDS[share])
                for row in result["rows"]:
                    if row["side"] == size["side"] and row["share"] == share:
                        axes.plot(size["glue"].index(row["glue"]), row[value], ".", color=ink, alpha=0.4)
            where = np.interp(needed, size["glue"], places)
            axes.axvline(where, color="0.4", linestyle="--", linewidth=1)
            axes.axvline(np.interp(BLOCKS - 1, size["glue"], places), color="0.4", linestyle=":", linewidth=1)
            axes.set_xticks(places, size["glue"])
            axes.set_xlabel("observed entries between blocks")
            axes.set_title(f"{size['side']} x {size['side']}, rank {size['rank']}: {title}", fontsize=11)
            plain(axes)
        line[0].set_yscale("log")
        line[1].set_ylim(0, 1.1 * BLOCKS * size["rank"])
        line[0].legend(frameon=False, loc="lower left")
    figure.suptitle("Blocks glued by a few entries: connected from the dotted line on, completable from the dashed one")
    return figure


if __name__ == "__main__":
    main("connectivity-bigger", paper=paper, quick=quick, compute=compute, check=check, draw=draw)
