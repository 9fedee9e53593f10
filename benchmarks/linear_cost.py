"""What a sweep and a step cost as the number of ratings grows.

``python -m benchmarks.linear_cost`` generates ratings of 0.25 to 25 million entries (power-law degrees, seed 0), with
0.0065 rows for each entry and 12 columns for the square root of their number, about as the data sets of MovieLens have
grown, and times one sweep of alternating least squares and one step of Adam on all entries. The median of a few is
printed, with the spread, the seconds for a million entries, and the exponent of the cost: the slope of the logarithm of
seconds against that of entries, 1 if the cost is linear. Compilation, and arranging the entries (a column of its own),
are not in it. There is no peer: the question is the exponent, and the seconds are those of the machine that is named.
"""

import argparse
import os
import platform
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from matmend.datasets import power_law_ratings
from matmend.observation import ArrangedEntries, Entries
from matmend.problem import Problem
from matmend.regularizer import FactorPrior
from matmend.representation import Biased, DeepFactorization
from matmend.segments.sums import AXIS
from matmend.solve import SweepData, adam, init, step
from matmend.solve.processes import replicated
from matmend.solve.sweeps import start, sweep

MILLIONS = (0.25, 1.0, 4.0, 10.0, 25.0)


class Cost(NamedTuple):
    """Seconds at one number of entries."""

    num_entries: int
    shape: tuple[int, int]
    arranging: float
    sweep: list[float]
    step: list[float]
    peak: float


def entries(num_entries: int, seed: int) -> Entries:
    """Generate ratings, centred and scaled."""
    m, n = round(0.0065 * num_entries), round(12 * num_entries**0.5)
    made = power_law_ratings(m, n, num_entries, num_heldout=1, seed=seed).train
    values = (made.values - made.values.mean()) / made.values.std()
    return Entries.from_triplets(made.rows, made.cols, values, shape=(m, n))


def timed(advance: Callable[[Any], Any], state: Any, repeats: int) -> list[float]:
    """Call again and again on what the last call gave; the first two calls (compilation) are not counted."""
    seconds = []
    for _ in range(repeats + 2):
        began = time.perf_counter()
        state = jax.block_until_ready(advance(state))
        seconds.append(time.perf_counter() - began)
    return seconds[2:]


def measured(num_entries: int, rank: int, repeats: int, mesh: Mesh | None, seed: int = 0) -> Cost:
    """Time a sweep and a step."""
    listed = entries(num_entries, seed)
    began = time.perf_counter()
    data = SweepData.from_entries(listed, mesh)
    arranging = time.perf_counter() - began
    arranged = ArrangedEntries(
        rows=listed.rows, cols=listed.cols, values=listed.values, weights=listed.weights, normalizer=listed.normalizer,
        by_row=data.by_row, by_col=data.by_col, shape=listed.shape,
    )  # fmt: skip
    prior = FactorPrior(axis=0, width=rank + 2) + FactorPrior(axis=1, width=rank + 2)
    problem = Problem(arranged, Biased(DeepFactorization(depth=2, width=rank)), 10 / num_entries * prior)
    optim, key = adam(1e-2), jax.random.key(seed)
    # Everything is an argument: what a compiled function closes over is copied into it.
    swept = eqx.filter_jit(sweep)
    stepped = eqx.filter_jit(lambda problem, state: step(problem, optim, state))
    one = jnp.ones((), listed.values.dtype)
    states = [start(problem, key=key), init(problem, optim, key=key)]
    if mesh is not None:
        states = [eqx.combine(replicated(eqx.filter(s, eqx.is_array), mesh), s) for s in states]
    of_sweep = timed(lambda state: swept(problem.regularizer, data, state, one), states[0], repeats)
    of_step = timed(lambda state: stepped(problem, state), states[1], repeats)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return Cost(num_entries, listed.shape, arranging, of_sweep, of_step, peak)


def exponent(costs: list[Cost], name: str) -> float:
    """Slope of log seconds against log entries, by least squares."""
    sizes, seconds = [c.num_entries for c in costs], [statistics.median(getattr(c, name)) for c in costs]
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def main() -> None:
    """Measure, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--millions", type=float, nargs="+", default=MILLIONS, help="entries")
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--devices", type=int, default=1, help="made up of the cores of this machine")
    parser.add_argument("--figure", type=Path)
    arguments = parser.parse_args()
    mesh = None
    if arguments.devices > 1:
        # With fewer threads than devices XLA's devices can wait for each other for ever.
        os.environ.setdefault("NPROC", str(4 * arguments.devices))
        jax.config.update("jax_num_cpu_devices", arguments.devices)
        mesh = Mesh(np.array(jax.devices()[: arguments.devices]), (AXIS,))
    print(
        f"{platform.machine()}, {os.cpu_count()} CPUs, {arguments.devices} devices, jax {jax.__version__}, "
        f"rank {arguments.rank}, float32"
    )
    print(
        f"{'entries':>10} {'shape':>16} {'arranging':>10}  {'a sweep (least, most)':>27} per M  "
        f"{'a step (least, most)':>27} per M    peak"
    )
    costs = []
    for size in sorted(round(1e6 * millions) for millions in arguments.millions):
        cost = measured(size, arguments.rank, arguments.repeats, mesh)
        costs.append(cost)
        cells = [
            f"{statistics.median(s):9.3f} s ({min(s):.3f}, {max(s):.3f})  {statistics.median(s) / size * 1e6:.3f}"
            for s in (cost.sweep, cost.step)
        ]
        shape = f"{cost.shape[0]} x {cost.shape[1]}"
        print(f"{size:>10,} {shape:>16} {cost.arranging:8.1f} s  {'  '.join(cells)}  {cost.peak:.2f} GB", flush=True)
    if len(costs) > 1:
        print(f"exponents: sweep {exponent(costs, 'sweep'):.3f}, step {exponent(costs, 'step'):.3f}")
    if arguments.figure is not None:
        draw(costs, arguments.figure)


def draw(costs: list[Cost], path: Path) -> None:
    """Draw seconds against entries, both logarithmic, with lines of slope 1 through the middle."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.6, 3.4), layout="constrained")
    axes = figure.subplots()
    sizes = np.array([c.num_entries for c in costs])
    for name in ("sweep", "step"):
        seconds = np.array([statistics.median(getattr(c, name)) for c in costs])
        (line,) = axes.loglog(sizes, seconds, "o", label=f"a {name}: exponent {exponent(costs, name):.2f}")
        axes.loglog(sizes, sizes * np.exp(np.mean(np.log(seconds / sizes))), ":", color=line.get_color())
    axes.set(xlabel="observed entries", ylabel="seconds")
    axes.legend(title="dotted: linear")
    figure.savefig(path)


if __name__ == "__main__":
    main()
