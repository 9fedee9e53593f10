"""What all experiments share: the command line, progress, resuming cell by cell, results written whole."""

import argparse
import hashlib
import json
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import jax
from matplotlib.figure import Figure

from matmend import plots
from matmend.io import atomic_write

Result = dict[str, Any]


def cells(folder: Path | None, config: Any, todo: dict[str, Callable[[], Any]]) -> dict[str, Any]:
    """Compute every cell of an experiment, or read it from where an earlier, interrupted run left it.

    A stored cell belongs to the configuration that made it; another configuration computes its own.
    """
    digest = hashlib.sha256(repr(config).encode()).hexdigest()[:12]
    done: dict[str, Any] = {}
    for number, (name, compute) in enumerate(todo.items(), start=1):
        stored = None if folder is None else folder / f"{name}-{digest}.json"
        if stored is not None and stored.exists():
            done[name] = json.loads(stored.read_text())
            print(f"[{number}/{len(todo)}] {name}: read from {stored}", flush=True)
            continue
        started = time.perf_counter()
        done[name] = compute()
        print(f"[{number}/{len(todo)}] {name}: {time.perf_counter() - started:.1f} s", flush=True)
        if stored is not None:
            stored.parent.mkdir(parents=True, exist_ok=True)
            write_json(stored, done[name])
    return done


def write_json(path: Path, content: Any) -> None:
    """Write JSON, whole or not at all."""
    with atomic_write(path, overwrite=True) as temporary:
        temporary.write_text(json.dumps(content, indent=1))


def main(
    name: str,
    *,
    paper: Callable[[], Any],
    quick: Callable[[], Any],
    compute: Callable[[Any, Path | None], Result],
    check: Callable[[Result], None],
    draw: Callable[[Result], Figure],
) -> None:
    """Run an experiment from the command line: ``--quick`` for the small version, ``--out`` for the folder."""
    parser = argparse.ArgumentParser(prog=name)
    parser.add_argument("--quick", action="store_true", help="a small version that takes seconds")
    parser.add_argument("--out", type=Path, default=Path("results"), help="folder of results (default: results)")
    parser.add_argument("--fresh", action="store_true", help="do not reuse cells of an earlier run")
    arguments = parser.parse_args()
    config = quick() if arguments.quick else paper()
    folder = arguments.out / (f"{name}-quick" if arguments.quick else name)
    if arguments.fresh and folder.is_dir():
        for stored in (folder / "cells").glob("*.json"):
            stored.unlink()
    result = compute(config, folder / "cells")
    result["config"] = asdict(config) if is_dataclass(config) and not isinstance(config, type) else repr(config)
    result["machine"] = f"{platform.machine()}, {jax.devices()[0].device_kind}, jax {jax.__version__}"
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "result.json", result)
    plots.save(draw(result), folder / "figure.png", overwrite=True)
    print(f"wrote {folder}/result.json and {folder}/figure.png", flush=True)
    check(result)
    print("all claims hold")
