"""Which solver reaches the best held-out error of ratings first: Adam on batches, on all entries, or sweeps.

``python -m benchmarks.ratings_solvers`` fits one model, ``mean + b_i + c_j + <u_i, v_j>`` with the same ridge on both
factors, in one process, by

* ``batches``: Adam on entries drawn anew for every step, its rate annealed to 0;
* ``all``: Adam on all entries at once, its rate annealed to 0;
* ``squares``: alternating least squares, `matmend.solve.alternate` at temperature 0;
* ``draws``: the mean of draws from the posterior by the same sweeps, at temperature 1. Its ridges are learned.

Rate, batch size, number of steps and ridge are chosen on a tenth of the observed entries set aside; then all are fitted
anew to all observed entries, in turn, `--repeats` times over, and judged by entries that no choice has seen; the best
error is that of the best moment of a run, for all four; that at the end is printed, too. Seconds are those of steps or
sweeps: neither compilation nor the judging is counted, nor arranging the entries, nor the search, which `draws` does
not need. Printed are, for every solver, the seconds to each level of error (median of the repeats) and the best error;
`--figure` draws error against seconds.
"""

import argparse
import itertools
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from matmend.datasets import load_movielens_fold, power_law_ratings
from matmend.matrix import AbstractMatrix
from matmend.observation import ArrangedEntries, Entries
from matmend.problem import Problem
from matmend.regularizer import FactorPrior
from matmend.representation import Biased, DeepFactorization
from matmend.solve import Schedule, SweepData, alternate, annealed_adam, init, step
from matmend.solve.optimizers import Optimizer

Curve = list[tuple[float, float]]
"""Seconds so far, held-out root mean square error."""


class Ratings(NamedTuple):
    """Entries to fit and entries to judge by, in units of the standard deviation of the former."""

    fit: Entries
    judge: Entries
    unit: float


class Setting(NamedTuple):
    """What a solver is run with; 0 for what it does not have."""

    ridge: float
    rate: float = 0.0
    batch: int = 0
    passes: int = 0


def ratings(train: tuple[np.ndarray, ...], test: tuple[np.ndarray, ...], shape: tuple[int, int]) -> Ratings:
    """Centre and scale by what may be known."""
    mean, unit = float(train[2].mean()), float(train[2].std())
    made = [
        Entries.from_triplets(i, j, ((y - mean) / unit).astype(np.float32), shape=shape) for i, j, y in (train, test)
    ]
    return Ratings(made[0], made[1], unit)


def load(name: str, seed: int) -> tuple[Ratings, Ratings]:
    """Return the ratings to choose settings on and those to report."""
    if name == "movielens":
        fold = load_movielens_fold("u1")
        parts, shape = (fold.train, fold.heldout), fold.train.shape
        train, test = ((part.rows, part.cols, part.values) for part in parts)
    elif name == "generated":
        sample = power_law_ratings(6040, 3706, 1_000_209, seed=seed)
        train, test = ((part.rows, part.cols, part.values) for part in (sample.train, sample.heldout))
        shape = sample.shape
    else:
        with np.load(name) as file:
            train = tuple(file[key] for key in ("rows", "cols", "values"))
            test = tuple(file[f"test_{key}"] for key in ("rows", "cols", "values"))
            m, n = file["shape"].tolist()
            shape = (m, n)
    inner = np.random.default_rng(seed).random(train[0].size) < 0.1
    searched = ratings(tuple(x[~inner] for x in train), tuple(x[inner] for x in train), shape)
    return searched, ratings(train, test, shape)


@eqx.filter_jit
def error(X: AbstractMatrix, entries: Entries) -> jax.Array:
    """Root mean square error."""
    return jnp.sqrt(jnp.mean((entries.predict(X) - entries.values) ** 2))


@eqx.filter_jit
def steps(problem: Problem, optim: Optimizer, state: Any, count: jax.Array, batch: int | None) -> Any:
    """Make steps without a record."""
    return jax.lax.fori_loop(0, count, lambda _, s: step(problem, optim, s, batch_size=batch), state)


def model(data: Ratings, observation: Entries | ArrangedEntries, rank: int, ridge: float) -> Problem:
    """Return the model that all solvers fit; the loss is a mean over the entries."""
    prior = FactorPrior(axis=0, width=rank + 2) + FactorPrior(axis=1, width=rank + 2)
    return Problem(observation, Biased(DeepFactorization(depth=2, width=rank)), ridge / data.fit.values.size * prior)


def adam_curve(data: Ratings, observation: Any, rank: int, setting: Setting, seed: int, points: int = 40) -> Curve:
    """Train by Adam; the observation and the batch size say on what."""
    batch = setting.batch or None
    a_pass = max(data.fit.values.size // setting.batch, 1) if setting.batch else 1
    total = setting.passes * a_pass
    problem, optim = model(data, observation, rank, setting.ridge), annealed_adam(setting.rate, total, hold=0.3)
    start = init(problem, optim, key=jax.random.key(seed))
    jax.block_until_ready(steps(problem, optim, start, jnp.asarray(1), batch))  # compilation
    state, seconds, curve = start, 0.0, []
    for count in np.diff(np.linspace(0, total, min(points, total) + 1).astype(int)).tolist():
        began = time.perf_counter()
        state = jax.block_until_ready(steps(problem, optim, state, jnp.asarray(count), batch))
        seconds += time.perf_counter() - began
        curve.append((seconds, data.unit * float(error(problem.matrix(state.params), data.judge))))
    return curve


def sweep_curve(
    data: Ratings, arranged: SweepData, rank: int, ridge: float, seed: int, count: int, temperature: float
) -> Curve:
    """Alternate; the held-out error is that of the last sweep, or of the mean of the draws; its seconds count."""
    problem = model(data, data.fit, rank, ridge)
    problem = Problem(problem.observation, problem.representation, problem.regularizer, heldout=data.judge)
    schedule = Schedule(temperature=temperature, max_sweeps=count, patience=count)
    alternate(problem, arranged, key=jax.random.key(seed), schedule=schedule._replace(max_sweeps=1))  # compilation
    seconds: list[float] = []
    began = time.perf_counter()

    def on_sweep(run: Any, row: dict[str, Any]) -> None:
        del run, row
        seconds.append(time.perf_counter() - began)

    run = alternate(problem, arranged, key=jax.random.key(seed), schedule=schedule, on_sweep=[on_sweep])
    return [(at, data.unit * row["heldout"]) for at, row in zip(seconds, run.record, strict=True)]


def best(curve: Curve) -> float:
    """Least error on a curve; of one that is not finite, infinity."""
    errors = [e for _, e in curve]
    return min(errors) if np.isfinite(errors).all() else np.inf


def reached(curve: Curve, level: float) -> float:
    """Seconds until the error is no more than this."""
    return next((seconds for seconds, e in curve if e <= level), np.inf)


Solver = Callable[[Ratings, Setting, int], Curve]


def solvers(rank: int, sweeps: int) -> Iterator[tuple[str, Callable[[Ratings], Solver]]]:
    """Yield a name, and what makes a solver for data (arranging entries is done once, and not counted)."""

    def batches(data: Ratings) -> Solver:
        return lambda data, s, seed: adam_curve(data, data.fit, rank, s, seed)

    def everything(data: Ratings) -> Solver:
        observation = ArrangedEntries.from_entries(data.fit)
        return lambda data, s, seed: adam_curve(data, observation, rank, s, seed)

    def alternating(temperature: float) -> Callable[[Ratings], Solver]:
        def made(data: Ratings) -> Solver:
            arranged = SweepData.from_entries(data.fit)
            return lambda data, s, seed: sweep_curve(data, arranged, rank, s.ridge, seed, sweeps, temperature)

        return made

    yield from (("squares", alternating(0.0)), ("draws", alternating(1.0)), ("batches", batches), ("all", everything))


def candidates(name: str, size: int, ridge: float, *, quick: bool) -> list[Setting]:
    """Return settings to choose from; Adam takes the ridge that was best in least squares, whose minimum is its own."""
    if name == "draws":
        return [Setting(1.0)]
    if name == "squares":
        return [Setting(ridge) for ridge in ((8.0,) if quick else (0.5, 1.0, 2.0, 4.0, 8.0, 16.0))]
    if name == "batches":
        sizes = (size // 50,) if quick else (size // 400, size // 100)
        grid = itertools.product((0.01,) if quick else (0.001, 0.003, 0.01), sizes, (5,) if quick else (20,))
        return [Setting(ridge, rate, batch, passes) for rate, batch, passes in grid]
    grid = itertools.product((0.05,) if quick else (0.01, 0.02, 0.05), (20,) if quick else (100, 200))
    return [Setting(ridge, rate, 0, passes) for rate, passes in grid]


def main() -> None:
    """Choose settings, fit, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "data", nargs="*", default=["movielens", "generated"],
        help="movielens (100K, u1), generated (1 M), or an .npz of rows, cols, values, test_rows, ..., shape",
    )  # fmt: skip
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--sweeps", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="one setting each, a few steps")
    parser.add_argument("--figure", type=Path, help="draw the curves of the last repeat here")
    arguments = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} CPUs, jax {jax.__version__}, rank {arguments.rank}")
    curves = {name: compared(name, arguments) for name in arguments.data}
    if arguments.figure is not None:
        draw(curves, arguments.figure)


def compared(name: str, arguments: argparse.Namespace) -> dict[str, Curve]:
    """Print the table of one data set; return a curve for each solver."""
    searched, data = load(name, arguments.seed)
    print(f"\n{name}: {data.fit.values.size:,} entries of {data.fit.shape}, {data.judge.values.size:,} to judge by")
    makers = dict(solvers(arguments.rank, 3 if arguments.quick else arguments.sweeps))
    chosen: dict[str, Setting] = {}
    for solver, maker in makers.items():
        ridge = chosen["squares"].ridge if chosen else 0.0
        options = candidates(solver, data.fit.values.size, ridge, quick=arguments.quick)
        scores = dict.fromkeys(options, 0.0)
        began = time.perf_counter()
        if len(options) > 1:
            solve = maker(searched)
            scores = {option: best(solve(searched, option, arguments.seed)) for option in options}
        chosen[solver] = min(scores, key=scores.__getitem__)
        print(
            f"  {solver}: {chosen[solver]}, of {len(options)} tried in {time.perf_counter() - began:.0f} s", flush=True
        )
    made = {solver: maker(data) for solver, maker in makers.items()}
    runs: dict[str, list[Curve]] = {solver: [] for solver in made}
    for repeat in range(
        1 if arguments.quick else arguments.repeats
    ):  # in turn, so that the load of the machine meets all
        for solver, solve in made.items():
            runs[solver].append(solve(data, chosen[solver], arguments.seed + repeat))
    least = min(best(curve) for curves in runs.values() for curve in curves)
    levels = [round(least * factor, 4) for factor in (1.10, 1.05, 1.02, 1.01, 1.002)]
    columns = "".join(f"{level:>10.4f}" for level in levels)
    print(f"  held-out error, median of repeats: at the end    best (at s){columns}")
    for solver, found in runs.items():
        errors = statistics.median(best(curve) for curve in found)
        at = statistics.median(reached(curve, best(curve)) for curve in found)
        seconds = [statistics.median(reached(curve, level) for curve in found) for level in levels]
        cells = "".join(f"{s:>8.2f} s" if np.isfinite(s) else f"{'-':>10}" for s in seconds)
        last = statistics.median(curve[-1][1] for curve in found)
        print(f"  {solver:<34}{last:>11.4f}{errors:>8.4f} ({at:>5.1f} s){cells}", flush=True)
    return {solver: found[-1] for solver, found in runs.items()}


def draw(curves: dict[str, dict[str, Curve]], path: Path) -> None:
    """Draw held-out error against seconds."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2 * len(curves), 3.2), layout="constrained")
    for axes, (name, found) in zip(np.atleast_1d(figure.subplots(1, len(curves))), curves.items(), strict=True):
        least = min(map(best, found.values()))
        for solver, curve in found.items():
            axes.semilogx(*zip(*curve, strict=True), label=solver)
        axes.set(title=Path(name).stem, xlabel="seconds", ylabel="held-out RMSE", ylim=(0.995 * least, 1.12 * least))
        axes.legend()
    figure.savefig(path)


if __name__ == "__main__":
    main()
