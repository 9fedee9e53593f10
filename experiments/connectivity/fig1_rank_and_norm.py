"""Figure 1 of Bai, Zhao & Zhang 2024 (arXiv:2405.13721): connectivity decides between low rank and low nuclear norm.

Matrices of 4 x 4 and ranks 1 to 3, n = 4 to 15 observed entries at random positions (``2 r d - r^2`` = 7, 12, 15 are
the sizes at which a matrix of rank 1, 2, 3 can be reconstructed), 10 masks each: 360 problems. Each is trained by
gradient descent on two 4 x 4 factors from a Gaussian start, standard deviation 1e-8, and compared with the completion
of least rank (Levenberg-Marquardt from 20 starts) and of least nuclear norm (Douglas-Rachford). The paper's matrices,
learning rate and references are not known to us; these are our own.

Claims, in numbers, by class of the mask:

* *disconnected with complete bipartite components*: the nuclear norm is the least one, to 1e-6 of it, in every case;
* *connected*: the rank is the least one in 85 % of the cases or more, and by greedy low-rank learning, the limit of
  vanishing starts, in 94 % or more; the larger the start, the fewer;
* *other disconnected*: neither, in general; with unobserved rows and columns left out of the class, few reach the
  least rank.
* the Jacobian at the learned matrix tells which entries are right: the median error of hidden entries that it calls
  determined is at least 10^4 times smaller than of the others.

Which connected problems miss the least rank, and whether greedy learning repairs them, is printed and kept in the
result. ``python -m experiments.connectivity.fig1_rank_and_norm`` takes about three minutes on one core, ``--quick``
some seconds. No data are needed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
from matplotlib.figure import Figure

from experiments._axes import plain
from experiments._harness import cells, main
from experiments.connectivity._problems import Problems, gaussian_factors, random_problems
from matmend.completability import EntryClass, determined_entries, entry_classes
from matmend.dynamics import descend, greedy, minimum_nuclear_norm, minimum_rank
from matmend.graph import ObservationGraph

CLASSES = {
    "connected": ("connected", "#1f5fa8"),
    "complete": ("disconnected, complete blocks", "#c2410c"),
    "other": ("disconnected, other", "#2f855a"),
}
RANK_TOL = 1e-3
"""Singular values below this share of the largest are no rank."""


@dataclass(frozen=True)
class Config:
    """What is run."""

    repeats: int
    ranks: tuple[int, ...] = (1, 2, 3)
    counts: tuple[int, ...] = tuple(range(4, 16))
    stds: tuple[float, ...] = (1e-1, 1e-2, 1e-4, 1e-8, 1e-16)
    spread: int = 6  # seeds at the main start
    main: float = 1e-8
    tol: float = 1e-14
    max_steps: int = 1_000_000
    greedy_steps: int = 3_000_000  # of a level: a tenth of it leaves four problems on the way
    least_connected: float = 0.85
    least_greedy: float = 0.94


def paper() -> Config:
    """Return 10 masks for each rank and number of entries."""
    return Config(repeats=10)


def quick() -> Config:
    """Return few masks and a short training."""
    return Config(
        repeats=2, counts=(4, 9, 12, 15), stds=(1e-2, 1e-8), spread=2, max_steps=20_000, greedy_steps=20_000,
        least_connected=0.6, least_greedy=0.8,
    )  # fmt: skip


def problems_of(config: Config) -> Problems:
    """Draw the problems."""
    return random_problems(4, config.ranks, config.counts, config.repeats)


def compute(config: Config, folder: Path | None = None) -> dict[str, Any]:
    """Train all problems from all starts, greedily too, and find the references."""
    jax.config.update("jax_enable_x64", True)
    todo: dict[str, Callable[[], Any]] = {
        "references": partial(_references, config),
        "greedy": partial(_greedy, config),
        **{f"std-{std:g}": partial(_train, config, std, 0) for std in config.stds},
        **{f"seed-{seed}": partial(_train, config, config.main, seed) for seed in range(1, config.spread)},
    }
    done = cells(folder, config, todo)
    problems = problems_of(config)
    result = {
        "rank": problems.rank.tolist(),
        "num_observed": problems.num_observed.tolist(),
        "class": problems.kinds(count_isolated=True).tolist(),
        "class_without_isolated": problems.kinds(count_isolated=False).tolist(),
        **done,
    }
    result["determinability"] = _determinability(config, problems, done)
    return result


def _references(config: Config) -> dict[str, Any]:
    problems = problems_of(config)
    least_norm = minimum_nuclear_norm(problems.M, problems.mask)
    least_rank = minimum_rank(problems.M, problems.mask)
    return {
        "nuclear_norm": least_norm.norm.tolist(),
        "nuclear_gap": (least_norm.gap / least_norm.norm).tolist(),
        "rank": least_rank.rank.tolist(),
    }


def _greedy(config: Config) -> dict[str, Any]:
    problems = problems_of(config)
    found = greedy(problems.M, problems.mask, max_steps=config.greedy_steps)
    return {
        "rank": found.rank.tolist(),
        "is_complete": found.is_complete.tolist(),
        "growth": found.growth[:, -1].tolist(),
        "converged": found.converged[:, -1].tolist(),
    }


def _train(config: Config, std: float, seed: int) -> dict[str, Any]:
    problems = problems_of(config)
    start = gaussian_factors(len(problems.M), 4, std, seed=seed)
    done = descend(problems.M, problems.mask, start, tol=config.tol, max_steps=config.max_steps)
    X = np.asarray(done.X)
    sigma = np.linalg.svd(X, compute_uv=False)
    return {
        "rank": np.sum(sigma > RANK_TOL * sigma[:, :1], axis=1).tolist(),
        "nuclear_norm": sigma.sum(axis=1).tolist(),
        "loss": np.asarray(done.loss).tolist(),
        "steps": np.asarray(done.steps).tolist(),
        "converged": np.asarray(done.has_converged).tolist(),
        "X": X.tolist(),
    }


def _determinability(config: Config, problems: Problems, done: dict[str, Any]) -> dict[str, Any]:
    """Split the hidden entries of all problems by what the graph and the Jacobian at the learned matrix say of them."""
    runs = [done[f"std-{config.main:g}"], *(done[f"seed-{seed}"] for seed in range(1, config.spread))]
    X = np.array([run["X"] for run in runs])
    largest = np.abs(problems.M).max(axis=(1, 2), keepdims=True)
    error = np.abs(X[0] - problems.M) / largest
    spread = np.ptp(X, axis=0) / largest
    U, sigma, Vh = np.linalg.svd(X[0], full_matrices=False)
    ranks = np.array(runs[0]["rank"])
    determined = np.zeros_like(problems.mask)
    for rank in np.unique(ranks):
        own = ranks == rank
        root = np.sqrt(sigma[own, None, :rank])
        factors = U[own][..., :rank] * root, Vh[own].transpose(0, 2, 1)[..., :rank] * root
        determined[own] = determined_entries(problems.mask[own], int(rank), factors=factors)
    where = {"determined": ~problems.mask & determined, **_undetermined(problems, ~problems.mask & ~determined)}
    where["undetermined"] = ~problems.mask & ~determined
    is_lower = (ranks < problems.rank)[:, None, None]
    where["determined, at a lower rank than that of M"] = where["determined"] & is_lower
    where["determined, at that of M or higher"] = where["determined"] & ~is_lower
    return {
        name: {
            "count": int(part.sum()),
            "error": float(np.median(error[part])),
            "error_90": float(np.quantile(error[part], 0.9)),
            "spread": float(np.median(spread[part])),
            "errors": error[part].tolist(),
        }
        for name, part in where.items()
        if part.any()
    }


def _undetermined(problems: Problems, which: np.ndarray) -> dict[str, np.ndarray]:
    classes = np.full(which.shape, -1)
    for index, mask in enumerate(problems.mask):
        rows, cols = np.nonzero(which[index])
        classes[index, rows, cols] = entry_classes(ObservationGraph.from_mask(mask), rows, cols)
    return {
        "inside a component": classes == EntryClass.IN_COMPONENT,
        "across components": classes == EntryClass.CROSS_COMPONENT,
        "unobserved row or column": classes == EntryClass.ISOLATED,
    }


def summary(result: dict[str, Any], classes: str = "class") -> dict[str, dict[str, Any]]:
    """Count by class: least rank reached, by training and greedily, and the excess of the nuclear norm."""
    kinds, references = np.array(result[classes]), result["references"]
    run, levels = result[f"std-{result['config']['main']:g}"], result["greedy"]
    least_rank, least_norm = np.array(references["rank"]), np.array(references["nuclear_norm"])
    excess = np.array(run["nuclear_norm"]) / least_norm - 1
    found: dict[str, dict[str, Any]] = {}
    for kind in CLASSES:
        own = kinds == kind
        if own.any():
            found[kind] = {
                "count": int(own.sum()),
                "least rank": float(np.mean((np.array(run["rank"]) <= least_rank)[own])),
                "least rank, greedy": float(np.mean(_greedy_reaches(levels, least_rank)[own])),
                "median excess": float(np.median(excess[own])),
                "greatest excess": float(np.max(excess[own])),
                "excess < 1e-6": float(np.mean(excess[own] < 1e-6)),
                "excess < 1e-3": float(np.mean(excess[own] < 1e-3)),
            }
    return found


def _greedy_reaches(levels: dict[str, Any], least_rank: np.ndarray) -> np.ndarray:
    return (np.array(levels["rank"]) <= least_rank) & np.array(levels["is_complete"])


def exceptions(result: dict[str, Any]) -> list[dict[str, Any]]:
    """List the connected problems that do not reach the least rank."""
    run, levels = result[f"std-{result['config']['main']:g}"], result["greedy"]
    least_rank = np.array(result["references"]["rank"])
    missed = (np.array(run["rank"]) > least_rank) & (np.array(result["class"]) == "connected")
    repaired = _greedy_reaches(levels, least_rank)
    return [
        {
            "problem": int(index),
            "rank of M": result["rank"][index],
            "observed": result["num_observed"][index],
            "least rank": int(least_rank[index]),
            "learned": run["rank"][index],
            "loss": run["loss"][index],
            "greedy": levels["rank"][index],
            "repaired": bool(repaired[index]),
            "growth": levels["growth"][index],
        }
        for index in np.flatnonzero(missed)
    ]


def check(result: dict[str, Any]) -> None:
    """Assert the claims, and print the counts and the exceptions."""
    config = result["config"]
    for classes in ("class", "class_without_isolated"):
        print(f"{classes.replace('_', ' ')}:")
        for kind, row in summary(result, classes).items():
            print(f"  {kind:10s} " + ", ".join(f"{name} {value:.3g}" for name, value in row.items()))
    connected = np.array(result["class"]) == "connected"
    least_rank = np.array(result["references"]["rank"])
    for std in config["stds"]:
        reached = np.mean((np.array(result[f"std-{std:g}"]["rank"]) <= least_rank)[connected])
        print(f"  connected, start {std:g}: least rank in {reached:.2f}")
    missed = exceptions(result)
    repaired = sum(row["repaired"] for row in missed)
    print(f"connected problems that miss the least rank: {len(missed)}, of which greedy learning repairs {repaired}")
    for row in missed:
        if not row["repaired"]:
            print(f"  {row}")
    for name, row in result["determinability"].items():
        print(
            f"hidden entries, {name}: {row['count']}, median error {row['error']:.1e} (90 %: {row['error_90']:.1e}), "
            f"spread over seeds {row['spread']:.1e}"
        )
    table = summary(result)
    assert max(result["references"]["nuclear_gap"]) < 1e-6, "the least nuclear norms are not known well enough"
    assert table["complete"]["excess < 1e-6"] == 1.0, "a complete-bipartite problem is not of least nuclear norm"
    assert table["connected"]["least rank"] >= config["least_connected"], "too few reach the least rank"
    assert table["connected"]["least rank, greedy"] >= config["least_greedy"], "greedy learning reaches it too seldom"
    kinds = result["determinability"]
    assert kinds["undetermined"]["error"] > 1e4 * kinds["determined"]["error"], "determinability does not separate"


def draw(result: dict[str, Any]) -> Figure:
    """Draw learned against least nuclear norm and rank for each class, the role of the start, and determinability."""
    figure = Figure(figsize=(17, 8), layout="constrained")
    panels = figure.subplots(2, 4)
    kinds, counts = np.array(result["class"]), np.array(result["num_observed"])
    run, references, table = result[f"std-{result['config']['main']:g}"], result["references"], summary(result)
    shade = 0.3 + 0.7 * (counts - counts.min()) / np.ptp(counts)
    jitter = np.random.default_rng(0).uniform(-0.22, 0.22, size=(2, len(kinds)))
    for column, (kind, (title, ink)) in enumerate(CLASSES.items()):
        own = kinds == kind
        colours = [(*_rgb(ink), alpha) for alpha in shade[own]]
        for row, (name, wiggle) in enumerate((("nuclear_norm", 0.0 * jitter), ("rank", jitter))):
            axes = panels[row, column]
            least, learned = np.array(references[name])[own], np.array(run[name])[own]
            axes.scatter(least + wiggle[0, own], learned + wiggle[1, own], c=colours, s=28, linewidths=0)
            axes.axline((1, 1), slope=1, color="0.3", linewidth=0.9, zorder=0)
            axes.set_xlabel(f"least {name.replace('_', ' ')} of a completion")
            axes.set_ylabel(f"learned {name.replace('_', ' ')}")
        row = table.get(kind, {"count": 0, "excess < 1e-6": np.nan, "least rank": np.nan})
        panels[0, column].set_title(f"{title} ({row['count']})\nleast norm (1e-6): {row['excess < 1e-6']:.0%}")
        panels[1, column].set_title(f"least rank: {row['least rank']:.0%}")
        panels[1, column].set(xlim=(0.5, 4.5), ylim=(0.5, 4.5), xticks=range(1, 5), yticks=range(1, 5))
    _draw_starts(panels[0, 3], result)
    _draw_errors(panels[1, 3], result)
    for axes in panels.flat:
        plain(axes)
    figure.suptitle("What 4 x 4 factorizations learn from a start of 1e-8: darker means more observed entries")
    return figure


def _rgb(ink: str) -> tuple[float, float, float]:
    return tuple(int(ink[place : place + 2], 16) / 255 for place in (1, 3, 5))  # pyright: ignore[reportReturnType]


def _draw_starts(axes: Any, result: dict[str, Any]) -> None:
    stds, least_rank = result["config"]["stds"], np.array(result["references"]["rank"])
    kinds = np.array(result["class"])
    greedy_reaches = _greedy_reaches(result["greedy"], least_rank)
    for kind, (title, ink) in CLASSES.items():
        own = kinds == kind
        if not own.any():
            continue
        share = [np.mean(np.array(result[f"std-{std:g}"]["rank"])[own] <= least_rank[own]) for std in stds]
        axes.semilogx(stds, share, "o-", color=ink, label=title)
        axes.axhline(np.mean(greedy_reaches[own]), color=ink, linewidth=1, linestyle="--")
    axes.invert_xaxis()
    axes.set(xlabel="standard deviation of the start", ylim=(-0.02, 1.02))
    axes.set_title("share that reaches the least rank\n(dashed: greedy low-rank learning)")
    axes.legend(frameon=False, fontsize=9, loc="center right", bbox_to_anchor=(1, 0.27))


def _draw_errors(axes: Any, result: dict[str, Any]) -> None:
    inks = {"determined": "#1f5fa8", "inside a component": "#805ad5", "across components": "#c2410c",
            "unobserved row or column": "0.5"}  # fmt: skip
    for name, ink in inks.items():
        if (found := result["determinability"].get(name)) is not None:
            errors = np.sort(np.maximum(found["errors"], 1e-16))
            axes.step(errors, np.linspace(0, 1, len(errors)), color=ink, label=f"{name} ({found['count']})")
    axes.set_xscale("log")
    axes.set(xlabel="error / largest entry", ylim=(0, 1))
    axes.set_title("hidden entries with at most this error,\nby what the Jacobian says of them")
    axes.legend(frameon=False, fontsize=8, loc="upper left", handlelength=1)


if __name__ == "__main__":
    main("connectivity-fig1", paper=paper, quick=quick, compute=compute, check=check, draw=draw)
