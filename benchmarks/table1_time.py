"""Time to the quality of Table 1: matmend's AIR-Net against a plain PyTorch loop of 10,001 steps, on six image cells.

``python -m benchmarks.table1_time`` completes every image cell of the AIR-Net paper's Table 1 (seed 0), one after the
other and with the same threads,

* by matmend's defaults: two candidates, chosen by held-out pixels, and a refit;
* by the first candidate alone (two factors, decaying rates) with the refit: the schedule that replaces 10,001 steps;
* by AIR-Net written plainly in eager PyTorch, 10,001 steps, last iterate.

Seconds are whole calls, compilation included. Steps are counted in *step equivalents*, by matrix products: a step of
the paper's depth 3 has ten, one of depth 2 has seven; a refit counts like any other step.
"""

import argparse
import os
import platform
import time
from collections.abc import Callable
from typing import Any


def products(depth: int) -> int:
    """Count the matrix products of a step: ``depth - 1`` forward, twice as many backward, two for each graph.

    >>> products(2), products(3)
    (7, 10)
    """
    return 3 * (depth - 1) + 4


def equivalents(runs: list[tuple[int, int]]) -> float:
    """Turn ``(depth, steps)`` of all runs into steps of depth 3."""
    return sum(steps * products(depth) for depth, steps in runs) / products(3)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="for both sides")
    parser.add_argument("--torch-steps", type=int, default=10_001, help="fewer are timed and scaled up, without NMAE")
    parser.add_argument("--cells", nargs="+", help="such as barbara-30; all six by default")
    arguments = parser.parse_args()

    # Both sides take their threads from the cores they may use, and must be told before they start.
    os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[: arguments.threads]))
    import jax
    import torch

    torch.set_num_threads(arguments.threads)
    versions = f"jax {jax.__version__}, torch {torch.__version__}"
    print(f"{platform.machine()}, {arguments.threads} threads for both, {versions}\n")
    print("| cell | paper | defaults: NMAE | step equiv. | s | schedule: NMAE | step equiv. | s | torch: NMAE | s |")
    print("|---" * 10 + "|")
    totals = {"defaults": 0.0, "schedule": 0.0, "torch": 0.0}
    from experiments.air._data import IMAGES
    from experiments.air._table import PAPER

    for cell in IMAGES:
        if arguments.cells and cell.name not in arguments.cells:
            continue
        X, mask = cell.load()
        defaults = _timed(lambda X=X, mask=mask: _matmend(X, mask, number=2))
        schedule = _timed(lambda X=X, mask=mask: _matmend(X, mask, number=1))
        peer = _timed(lambda X=X, mask=mask: _torch(X, mask, arguments.torch_steps))
        whole = arguments.torch_steps >= 10_001
        seconds = peer[1] * (1 if whole else 10_001 / arguments.torch_steps)
        for name, value in (("defaults", defaults[1]), ("schedule", schedule[1]), ("torch", seconds)):
            totals[name] += value
        entries = [cell.name, f"{PAPER[cell.name]['air']:.4f}"]
        for (error, steps), wall in (defaults, schedule):
            entries += [f"{error:.4f}", f"{steps:.0f}", f"{wall:.1f}"]
        entries += [f"{peer[0]:.4f}" if whole else "-", f"{seconds:.1f}"]
        print("| " + " | ".join(entries) + " |", flush=True)
    print("\n" + ", ".join(f"{name}: {value:.1f} s" for name, value in totals.items()))
    for name in ("defaults", "schedule"):
        print(f"torch / {name}: {totals['torch'] / totals[name]:.2f}")


def _timed(call: Callable[[], Any]) -> tuple[Any, float]:
    started = time.perf_counter()
    result = call()
    return result, time.perf_counter() - started


def _matmend(X: Any, mask: Any, *, number: int) -> tuple[float, float]:
    from matmend.methods import air, complete_with
    from matmend.metrics import nmae

    made: list[tuple[int, int]] = []

    def count(state: Any, row: dict[str, Any]) -> None:
        depth, step = len(state.params.representation), int(row["step"])
        if step == 0:
            made.append((depth, 0))
        made[-1] = (depth, step)

    done = complete_with(air.candidates()[:number], X, mask, seed=0, refit=True, on_block=[count])
    return nmae(done.X_hat, X, mask), equivalents(made)


def _torch(X: Any, mask: Any, steps: int) -> float:
    from benchmarks._torch_air import make_step
    from matmend.metrics import nmae

    step = make_step(X, mask, weight=1e-4)
    step.run(steps)
    return nmae(step.completed(), X, mask)


if __name__ == "__main__":
    main()
