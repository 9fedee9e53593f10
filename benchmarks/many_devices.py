"""The same result from 1, 2 and 4 devices and from 1, 2 and 4 processes; what is lost when one of them is killed.

``python -m benchmarks.many_devices`` makes generated ratings and, with each number of virtual devices and of processes
over loopback,

* 100 sweeps of least squares, with implicit feedback and without,
* a few draws from the posterior: the noise is drawn from one key, so they agree, too,
* 100 full-batch steps of Adam,

and prints by how much predictions of held-out entries differ from those of a single device, relative to the largest,
and the time of a sweep, compilation apart (the median). Then one of two processes is killed, and the run is gone on
with, by as many processes and by one alone. On one host several processes share the cores that one has: they are
slower, not faster.
"""

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

KINDS = ("least squares", "with implicit feedback", "draws", "Adam")
HEARTBEAT_SECONDS = 40


@dataclass(frozen=True)
class Config:
    """What is computed."""

    num_rows: int = 3_000
    num_cols: int = 2_000
    num_entries: int = 200_000
    rank: int = 14
    num_sweeps: int = 100
    num_draws: int = 10
    num_steps: int = 100
    setups: tuple[tuple[int, int], ...] = ((1, 1), (1, 2), (1, 4), (2, 1), (2, 2), (4, 1))
    """Processes, and devices of each."""

    @classmethod
    def quick(cls) -> "Config":
        """Small enough for CI."""
        return cls(300, 200, 6_000, 4, 20, 5, 20, ((1, 1), (1, 2), (2, 1)))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--skip-kill", action="store_true")
    parser.add_argument("--child", nargs=5, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    config = Config.quick() if arguments.quick else Config()
    if arguments.child is not None:
        task, folder, *numbers = arguments.child
        return _child(config, task, Path(folder), *map(int, numbers))
    with tempfile.TemporaryDirectory() as folder:
        _agreement(config, Path(folder), arguments.quick)
        if not arguments.skip_kill:
            _killing(Path(folder), arguments.quick)
    return None


def _agreement(config: Config, folder: Path, is_quick: bool) -> None:
    print(
        f"{config.num_rows:,} x {config.num_cols:,}, {config.num_entries:,} entries, rank {config.rank}, seed 0; "
        f"{config.num_sweeps} sweeps, {config.num_draws} draws, {config.num_steps} Adam steps; {_num_cores()} cores"
    )
    print("processes x devices   " + "".join(f"{kind:>32}" for kind in KINDS))
    print(" " * 22 + "".join(f"{'difference':>20}{'s a sweep':>12}" for _ in KINDS))
    alone = None
    for processes, devices in config.setups:
        for program in _started("agree", folder, processes, devices, is_quick=is_quick):
            _, told = program.communicate()
            assert program.returncode == 0, told
        found = [dict(np.load(folder / f"found-{k}.npz")) for k in range(processes)]
        for other in found[1:]:
            assert all(np.array_equal(other[f"{kind}"], found[0][f"{kind}"]) for kind in KINDS), "processes differ"
        alone = found[0] if alone is None else alone
        cells = []
        for kind in KINDS:
            difference = np.abs(found[0][kind] - alone[kind]).max() / np.abs(alone[kind]).max()
            assert difference <= 1e-4, (kind, processes, devices, difference)
            cells.append(f"{difference:>20.1e}{found[0][f'{kind} seconds']:>12.4f}")
        print(f"{processes:>9} x {devices:<10}" + "".join(cells), flush=True)


def _killing(folder: Path, is_quick: bool) -> None:
    whole = _kept(folder / "whole", 2, is_quick)
    for victim in (1, 0):
        for again in (2, 1):
            kept = folder / f"kept-{victim}-{again}"
            programs = _started("keep", kept, 2, 1, is_quick=is_quick)
            while len(list(kept.rglob("snapshot-*"))) < 2:
                assert programs[0].poll() is None, programs[0].communicate()[1]
                time.sleep(0.02)
            programs[victim].send_signal(signal.SIGKILL)
            begun = time.perf_counter()
            _, told = programs[1 - victim].communicate(timeout=60)
            seconds = time.perf_counter() - begun
            programs[victim].communicate()
            code = programs[1 - victim].returncode
            signs = ("matmend: process", "another task died")  # ours; JAX's, if it was heartbeats that told
            line = next(line for line in told.splitlines() if any(sign in line for sign in signs))
            result = _kept(kept, again, is_quick)
            difference = np.abs(result["X"] - whole["X"]).max() / np.abs(whole["X"]).max()
            print(
                f"\nprocess {victim} of 2 killed: the other ended after {seconds:.1f} s with code {code} and "
                f"{len(told.splitlines())} lines, among them\n  {line[:300]}\n  {again} resumed at sweep "
                f"{int(result['first'])} of {int(result['last'])}; difference {difference:.1e}",
                flush=True,
            )
            assert code != 0
            assert result["first"] > 1
            assert difference <= 1e-4


def _kept(folder: Path, processes: int, is_quick: bool) -> dict[str, Any]:
    for program in _started("keep", folder, processes, 1, is_quick=is_quick):
        _, told = program.communicate()
        assert program.returncode == 0, told
    return dict(np.load(folder / "found-0.npz"))


def _started(
    task: str, folder: Path, processes: int, devices: int, *, is_quick: bool = True
) -> list[subprocess.Popen[str]]:
    """Start the processes of one run: here is all that a launcher has to do."""
    folder.mkdir(exist_ok=True)
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    command = [sys.executable, "-m", "benchmarks.many_devices", *(["--quick"] if is_quick else []), "--child", task]
    environment = {
        **os.environ,
        "MATMEND_COORDINATOR": f"127.0.0.1:{port}",
        "MATMEND_PROCESSES": str(processes),
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).resolve().parents[1]), os.environ.get("PYTHONPATH", "")]),
    }
    return [
        subprocess.Popen(
            [*command, str(folder), str(processes), str(k), str(devices)],
            env={**environment, "MATMEND_PROCESS": str(k)},
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )
        for k in range(processes)
    ]  # fmt: skip


def _child(config: Config, task: str, folder: Path, processes: int, k: int, devices: int) -> None:
    import jax

    from matmend.cli.cluster import joined, mesh_of

    with joined(num_devices=devices) as place:
        mesh = mesh_of("all", "cpu", place)
        found = _agree(config, mesh) if task == "agree" else _keep(config, folder, mesh, is_writer=place.is_first)
        np.savez(folder / f"found-{k}.npz", **found)
        assert jax.process_count() == processes


def _agree(config: Config, mesh: Any) -> dict[str, Any]:
    import jax
    import jax.numpy as jnp

    from matmend.matrix import LowRank
    from matmend.observation import ArrangedEntries
    from matmend.problem import Problem
    from matmend.regularizer import FactorPrior
    from matmend.representation import Biased, DeepFactorization, Gaussian
    from matmend.solve import Schedule, SweepData, adam, alternate, solve

    entries, held = _entries(config)
    data = SweepData.from_entries(entries, mesh)
    found: dict[str, Any] = {}

    def keep(kind: str, X: Any, seconds: list[float], per_call: int = 1) -> None:
        predicted = held.predict(LowRank(jnp.asarray(np.asarray(X.U)), jnp.asarray(np.asarray(X.V))))
        found[kind] = np.asarray(predicted)
        found[f"{kind} seconds"] = np.median(np.diff(seconds)[1:]) / per_call

    for kind in KINDS[:3]:
        temperature, count = (1.0, config.num_draws + 2) if kind == "draws" else (0.0, config.num_sweeps)
        seconds = [time.perf_counter()]
        run = alternate(
            _problem(config, entries, data, is_implicit=kind == KINDS[1]), data, key=jax.random.key(0),
            schedule=Schedule(temperature=temperature, warmup=2, max_sweeps=count, patience=count),
            on_sweep=[lambda run, row, seconds=seconds: seconds.append(time.perf_counter())],
        )  # fmt: skip
        keep(kind, run.X, seconds)
    factors = Biased(DeepFactorization(depth=2, width=config.rank, initialization=Gaussian(std=0.1)))
    width = config.rank + 2
    prior = FactorPrior(0, width, ridge=1e-6) + FactorPrior(1, width, ridge=1e-6)
    problem = Problem(ArrangedEntries.from_entries(entries, mesh=mesh), factors, prior)
    seconds, every = [time.perf_counter()], config.num_steps // 10
    solution = solve(
        problem, adam(1e-2), key=jax.random.key(0), max_steps=config.num_steps, every=every,
        on_block=[lambda state, row: seconds.append(time.perf_counter())],
    )  # fmt: skip
    keep(KINDS[3], solution.problem.matrix(solution.params), seconds, every)
    return found


def _keep(config: Config, folder: Path, mesh: Any, *, is_writer: bool) -> dict[str, Any]:
    import jax

    from matmend.solve import Checkpoints, Schedule, SweepData, alternate

    entries, _ = _entries(config)
    data = SweepData.from_entries(entries, mesh)
    sweeps: list[int] = []

    def count(run: Any, row: dict[str, Any]) -> None:
        sweeps.append(row["sweep"])
        time.sleep(0.1)  # something to kill

    run = alternate(
        _problem(config, entries, data, is_implicit=False), data, key=jax.random.key(0), on_sweep=[count],
        schedule=Schedule(temperature=1.0, warmup=5, max_sweeps=40, patience=40),
        checkpoint=Checkpoints(folder / "snapshots", every_seconds=0.5, is_writer=is_writer),
    )  # fmt: skip
    rows, cols = np.arange(0, config.num_rows, 7), np.arange(0, config.num_cols, 7)
    X = np.asarray(run.X.U)[rows] @ np.asarray(run.X.V)[cols].T
    return {"X": X, "first": sweeps[0], "last": sweeps[-1]}


def _entries(config: Config) -> tuple[Any, Any]:
    from matmend.datasets import power_law_ratings
    from matmend.observation import Entries

    sample = power_law_ratings(config.num_rows, config.num_cols, config.num_entries, seed=0)
    mean = np.float32(sample.mean)
    train, held = (
        Entries.from_triplets(x.rows, x.cols, x.values - mean, shape=x.shape) for x in (sample.train, sample.heldout)
    )
    return train, held


def _problem(config: Config, entries: Any, data: Any, *, is_implicit: bool) -> Any:
    from matmend.problem import Problem
    from matmend.regularizer import FactorPrior, Features, Sum
    from matmend.representation import Biased, DeepFactorization, Gaussian

    width = config.rank + 2
    sides = (data.by_row, data.by_col), (data.by_col, data.by_row)
    features = [Features.pattern(*side) if is_implicit else None for side in sides]
    ridge = 1.0 / entries.values.size  # the loss is a mean
    priors = tuple(FactorPrior(axis, width, ridge=ridge, features=features[axis]) for axis in (0, 1))
    return Problem(
        entries, Biased(DeepFactorization(depth=2, width=config.rank, initialization=Gaussian(std=0.1))), Sum(priors)
    )


def _num_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


if __name__ == "__main__":
    main()
