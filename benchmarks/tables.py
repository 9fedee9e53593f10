"""How well gaps of numeric tables are filled: matmend beside scikit-learn's imputers and fancyimpute.

``python -m benchmarks.tables --peers-python PATH --out FOLDER`` hides cells of tables that ship with scikit-learn in
three ways:

* ``20 %`` and ``50 %``: scattered cells;
* ``uneven``: in every other column half of the cells, the more often the greater the value in the column before,
  which is shown: missing at random, but not completely at random.

Errors are root mean squares over the hidden cells in units of the standard deviation of each column, of which column
means reach about 1; medians over ``--seeds``. Each method runs in a process of its own on the same cores. Seconds are
those of one call; the first one, with imports and compilation, is the column *first*.

scikit-learn's imputers run in the environment of matmend, which has it. fancyimpute 0.7 does not run with versions of
scikit-learn as new, and lives in one of its own::

    python -m venv peers
    peers/bin/pip install fancyimpute "scikit-learn<1.6"
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine

from benchmarks._tables_ours import OURS
from benchmarks._tables_peers import METHODS
from benchmarks.ratings import machine
from matmend.io import atomic_write
from matmend.masks import random_mask

HERE = Path(__file__).resolve().parent
Row = dict[str, Any]


TABLES: dict[str, Callable[[], Any]] = {
    "iris": lambda: load_iris(return_X_y=True)[0],
    "diabetes": lambda: load_diabetes(return_X_y=True, scaled=False)[0],
    "wine": lambda: load_wine(return_X_y=True)[0],
    "breast cancer": lambda: load_breast_cancer(return_X_y=True)[0],
}


def uneven(X: np.ndarray, seed: int) -> np.ndarray:
    """Hide cells of every other column, the more often the greater the value before; True is shown."""
    rng, seen = np.random.default_rng(seed), np.ones(X.shape, bool)
    for j in range(1, X.shape[1], 2):
        ranks = np.argsort(np.argsort(X[:, j - 1], kind="stable"))
        seen[:, j] = rng.random(len(X)) > ranks / len(X)
    return seen


PATTERNS: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "20 %": lambda X, seed: random_mask(X.shape, 0.2, seed=seed),
    "50 %": lambda X, seed: random_mask(X.shape, 0.5, seed=seed),
    "uneven": uneven,
}


def main() -> None:
    """Measure, print, and write ``tables.json`` and ``tables.md``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--tables", nargs="+", choices=list(TABLES), default=list(TABLES))
    parser.add_argument("--methods", nargs="+", help="only those whose name contains one of these")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4])
    parser.add_argument(
        "--peers-python", help="the interpreter that has the peers; without it, fancyimpute is left out"
    )
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="for every method")
    parser.add_argument("--limit", type=float, default=1800, help="seconds that a process may take")
    parser.add_argument("--out", type=Path, required=True, help="folder for tables.json and tables.md")
    arguments = parser.parse_args()
    programs = {name: [sys.executable, "-m", "benchmarks._tables_ours"] for name in OURS}
    for name in METHODS:
        python = arguments.peers_python if name.startswith("fancyimpute") else sys.executable
        if python:
            programs[name] = [python, str(HERE / "_tables_peers.py")]
    wanted = arguments.methods or [""]
    programs = {name: command for name, command in programs.items() if any(part in name for part in wanted)}
    arguments.out.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    for table in arguments.tables:
        X = np.asarray(TABLES[table](), np.float64)
        masks = {(pattern, seed): make(X, seed) for pattern, make in PATTERNS.items() for seed in arguments.seeds}
        for method, command in programs.items():
            rows += run(method, command, X, masks, arguments.threads, arguments.limit, table)
            print(f"{table}: {method}: {told(rows[-1])}", file=sys.stderr, flush=True)
        report = {"machine": machine(arguments.threads), "rows": rows}
        for file, text in (("tables.json", json.dumps(report, indent=1)), ("tables.md", page(report))):
            with atomic_write(arguments.out / file, overwrite=True) as path:
                path.write_text(text, encoding="utf-8")
    print((arguments.out / "tables.md").read_text(encoding="utf-8"))


def run(
    method: str,
    command: list[str],
    X: np.ndarray,
    masks: dict[tuple[str, int], np.ndarray],
    threads: int,
    limit: float,
    table: str,
) -> list[Row]:
    """Fill a table with all masks in one process; return a row for each."""
    keys = [{"table": table, "pattern": pattern, "seed": seed, "method": method} for pattern, seed in masks]
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}
    with tempfile.TemporaryDirectory() as folder:
        job, out = Path(folder, "job.npz"), Path(folder, "out")
        np.savez(job, X=X, masks=np.stack(list(masks.values())))
        call = [*command, method, str(job), str(out), "--threads", str(threads)]
        try:
            done = subprocess.run(
                call, capture_output=True, text=True, check=False, cwd=HERE.parent, env=environment, timeout=limit
            )
        except subprocess.TimeoutExpired:
            return [key | {"failed": f"took more than {limit:g} s for {len(masks)} masks"} for key in keys]
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if line.strip()]
            return [key | {"failed": (lines or [f"ended with {done.returncode}"])[-1][:200]} for key in keys]
        with np.load(out.with_suffix(".npz")) as file:
            filled = file["filled"]
        report = json.loads(out.with_suffix(".json").read_text(encoding="utf-8"))
    rows = []
    for key, mask, found, seconds in zip(keys, masks.values(), filled, report["seconds"], strict=True):
        row = key | {"seconds": seconds, "first_seconds": report["first_seconds"], "versions": report["versions"]}
        rows.append(row | {"error": error(found, X, mask)})
    return rows


def error(filled: np.ndarray, X: np.ndarray, mask: np.ndarray) -> float:
    """Return the root mean square error at hidden cells, in units of the spread of each column."""
    if filled.shape != X.shape:
        return float("nan")
    spread = X.std(axis=0)
    return float(np.sqrt(np.mean(((filled - X) / np.where(spread > 0, spread, 1.0))[~mask] ** 2)))


def page(report: Row) -> str:
    """Write the tables as Markdown."""
    rows = report["rows"]
    cases = list(dict.fromkeys((row["table"], row["pattern"]) for row in rows))
    methods = list(dict.fromkeys(row["method"] for row in rows))
    median = {
        (method, case): statistics.median(found)
        for method in methods
        for case in cases
        if (
            found := [
                r["error"]
                for r in rows
                if r["method"] == method and (r["table"], r["pattern"]) == case and "error" in r
            ]
        )
    }
    best = {case: min(median[m, case] for m in methods if (m, case) in median) for case in cases}
    versions = {name: version for row in rows for name, version in row.get("versions", {}).items()}
    seeds = sorted({row["seed"] for row in rows})
    lines = [
        f"Error in standard deviations of each column, medians over masks of seeds {seeds}. {report['machine']}; "
        + ", ".join(f"{name} {version}" for name, version in sorted(versions.items())) + ".",
        "",
        f"| | {' | '.join(f'{table}, {pattern}' for table, pattern in cases)} | mean | s | first, s |",
        "|---" * (len(cases) + 4) + "|",
    ]  # fmt: skip
    means = {
        m: statistics.fmean(median[m, c] for c in cases) if all((m, c) in median for c in cases) else np.inf
        for m in methods
    }
    for method in sorted(methods, key=means.__getitem__):
        cells = []
        for case in cases:
            value = median.get((method, case))
            text = "failed" if value is None else f"{value:.3f}"
            cells.append(f"**{text}**" if value == best[case] else text)
        seconds = [row["seconds"] for row in rows if row["method"] == method and "seconds" in row]
        first = [row["first_seconds"] for row in rows if row["method"] == method and "seconds" in row]
        mean = f"{means[method]:.3f}" if np.isfinite(means[method]) else ""
        spans = [f"{min(x):.2f}-{max(x):.2f}" if x else "" for x in (seconds, first)]
        lines.append(f"| {method} | {' | '.join(cells)} | {mean} | {' | '.join(spans)} |")
    failed = dict.fromkeys(f"- {row['method']}, {row['table']}: {row['failed']}" for row in rows if "failed" in row)
    return "\n".join([*lines, *(["", "Failed:", "", *failed] if failed else [])]) + "\n"


def told(row: Row) -> str:
    """Say what came of the last mask."""
    return row.get("failed") or f"{row['error']:.3f}  {row['seconds']:.2f} s"


if __name__ == "__main__":
    main()
