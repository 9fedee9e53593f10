"""What all experiments share: the command line, progress, resuming cell by cell, results written whole."""

import argparse
import contextlib
import hashlib
import inspect
import json
import multiprocessing
import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import jax
from matplotlib.figure import Figure

from matmend import plots
from matmend.io import atomic_write

Result = dict[str, Any]


def cells(
    folder: Path | None, config: Any, todo: Mapping[str, Callable[[], Any]], *, workers: int = 1
) -> dict[str, Any]:
    """Compute every cell of an experiment, or read it from where an earlier, interrupted run left it.

    A stored cell belongs to the configuration that made it; another configuration computes its own. With several
    `workers` the cells are shared out among as many processes of one thread each, which for matrices of some hundred
    rows finishes more than one process of as many threads; the cells must then be picklable
    (`functools.partial` of functions of a module).
    """
    digest = hashlib.sha256(repr(config).encode()).hexdigest()[:12]
    stored = {name: None if folder is None else folder / f"{name}-{digest}.json" for name in todo}
    done: dict[str, Any] = {}
    for name, path in stored.items():
        if path is not None and path.exists():
            done[name] = json.loads(path.read_text())
    if done:
        print(f"{len(done)} of {len(todo)} cells read from {folder}", flush=True)
    missing = {name: compute for name, compute in todo.items() if name not in done}

    def keep(name: str, result: Any, seconds: float) -> None:
        done[name] = result
        print(f"[{len(done)}/{len(todo)}] {name}: {seconds:.1f} s", flush=True)
        if (path := stored[name]) is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_json(path, result)

    if workers == 1 or not missing:
        for name, compute in missing.items():
            keep(name, *_timed(compute))
    else:
        with _single_threaded_pool(min(workers, len(missing))) as pool:
            futures = {pool.submit(_timed, compute): name for name, compute in missing.items()}
            for future in as_completed(futures):
                keep(futures[future], *future.result())
    return {name: done[name] for name in todo}


def _timed(compute: Callable[[], Any]) -> tuple[Any, float]:
    started = time.perf_counter()
    result = compute()
    return result, time.perf_counter() - started


def _settle(counter: Any) -> None:
    # A core of its own, where the system lets a process choose: XLA makes a thread for every core it may use.
    if hasattr(os, "sched_setaffinity"):
        with counter.get_lock():
            place, counter.value = counter.value, counter.value + 1
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[place % len(cores)]})


@contextlib.contextmanager
def _single_threaded_pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    single = {
        "XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_multi_thread_eigen=false "
        "intra_op_parallelism_threads=1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    before = {name: os.environ.get(name) for name in single}
    # Threads are fixed when a library is first used: the new processes must start with these.
    os.environ.update(single)
    spawn = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=spawn, initializer=_settle, initargs=(spawn.Value("i", 0),))
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
    pool.shutdown()


def write_json(path: Path, content: Any) -> None:
    """Write JSON, whole or not at all."""
    with atomic_write(path, overwrite=True) as temporary:
        temporary.write_text(json.dumps(content, indent=1))


def main(
    name: str,
    *,
    paper: Callable[[], Any],
    quick: Callable[[], Any],
    compute: Callable[..., Result],
    check: Callable[[Result], None],
    draw: Callable[[Result], Figure],
    store: str | None = None,
) -> None:
    """Run an experiment from the command line: ``--quick`` for the small version, ``--out`` for the folder.

    `compute` takes the configuration, the folder of cells and, if it can share them out, ``workers``. Experiments with
    one `store` find each other's cells; by default each has its own.
    """
    parser = argparse.ArgumentParser(prog=name)
    parser.add_argument("--quick", action="store_true", help="a small version that takes seconds")
    parser.add_argument("--out", type=Path, default=Path("results"), help="folder of results (default: results)")
    parser.add_argument("--fresh", action="store_true", help="do not reuse cells of an earlier run")
    if "workers" in inspect.signature(compute).parameters:
        parser.add_argument("--workers", type=int, default=1, help="processes of one thread each (default: 1)")
    arguments = parser.parse_args()
    config = quick() if arguments.quick else paper()
    settings = {"workers": arguments.workers} if "workers" in arguments else {}
    suffix = "-quick" if arguments.quick else ""
    folder, stored = arguments.out / f"{name}{suffix}", arguments.out / f"{store or name}{suffix}" / "cells"
    if arguments.fresh and stored.is_dir():
        for cell in stored.glob("*.json"):
            cell.unlink()
    result = compute(config, stored, **settings)
    result["config"] = asdict(config) if is_dataclass(config) and not isinstance(config, type) else repr(config)
    result["machine"] = f"{platform.machine()}, {jax.devices()[0].device_kind}, jax {jax.__version__}"
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "result.json", result)
    plots.save(draw(result), folder / "figure.png", overwrite=True)
    print(f"wrote {folder}/result.json and {folder}/figure.png", flush=True)
    check(result)
    print("all claims hold")
