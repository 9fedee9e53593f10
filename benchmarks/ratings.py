"""Ratings: error, seconds and memory of matmend beside cmfrec, Surprise and LIBMF, on the same entries in the same run.

``python -m benchmarks.ratings --peers-python PATH --out FOLDER`` runs, on each data set of ``--data``,

* ``ml100k``: MovieLens-100K, fold u1 (``MATMEND_DATA`` or a download); the error is over all 20,000 entries held out,
  the 32 of films that nobody has rated included;
* ``1m``, ``10m``, ``25m``: `matmend.datasets.power_law_ratings` of the sizes of MovieLens, seed 0, and a tenth more
  entries held out.

Every method is fitted in a process of its own, on the same cores; it sees the held-out places and not their values, and
what it predicts is clipped to the range of the training entries, whoever it is. *fit* is the seconds of the fit that
makes the predictions; *search* those of choosing its settings before, by a tenth of the training entries, with the
number of fits; *peak* the memory of the process, data included. With ``--repeats`` the methods take turns and seconds
are medians, with the least and the most.

The peers are no dependencies of matmend and live in an environment of their own::

    python -m venv peers
    peers/bin/pip install "cmfrec==3.5.1.post14" scikit-surprise pandas
    CFLAGS="-O3 -march=native -DUSEAVX" peers/bin/pip install libmf

cmfrec is compiled on installation (-O3, -march=native, OpenMP) and takes OpenBLAS from SciPy; Surprise has one thread.
implicit reads only implicit feedback, rsparse is R, Spark needs Java, LensKit (behind cmfrec in the table of cmfrec's
README) brings PyTorch: they are not here.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._ratings_ours import OURS
from matmend.datasets import load_movielens_fold, power_law_ratings
from matmend.io import Ratings, atomic_write

HERE = Path(__file__).resolve().parent
SIZES = {"1m": (6040, 3706, 1_000_209), "10m": (69_878, 10_677, 10_000_054), "25m": (162_541, 59_047, 25_000_095)}
PEERS = {
    "ml100k": [
        "Surprise BaselineOnly",
        "Surprise SVD",
        "Surprise KNNBaseline, items",
        "Surprise SVD++",
        "cmfrec, default",
        "cmfrec, tuned",
        "cmfrec, tuned, implicit features",
        "cmfrec, tuned, implicit features, scaled lambda",
    ],
    "1m": ["cmfrec, default", "cmfrec, tuned", "LIBMF, tuned"],
    "10m": ["cmfrec, default", "cmfrec, tuned on a tenth of the rows", "LIBMF, tuned on a tenth of the rows"],
    "25m": ["cmfrec, default", "cmfrec, tuned on a tenth of the rows", "LIBMF, tuned on a tenth of the rows"],
}
Row = dict[str, Any]


def data(name: str) -> tuple[Ratings, Ratings, str]:
    """Return the entries to learn from, those held out, and what there is to know about them."""
    if name == "ml100k":
        split = load_movielens_fold("u1")
        return split.train, split.heldout, "MovieLens-100K, u1"
    sample = power_law_ratings(*SIZES[name], seed=0)
    heldout = sample.heldout
    floor = rmse(sample.expected(heldout.rows, heldout.cols), heldout.values)
    return sample.train, heldout, f"generated, {name}, seed 0; the truth itself has RMSE {floor:.4f}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", nargs="+", default=list(PEERS), choices=list(PEERS))
    parser.add_argument("--peers-python", help="the interpreter that has the peers; without it, matmend alone")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="for every method")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--methods", nargs="+", help="only those whose name contains one of these")
    parser.add_argument("--out", type=Path, required=True, help="folder for ratings.json and ratings.md")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[: arguments.threads]))  # all processes inherit it
    report: dict[str, Any] = {"machine": machine(arguments.threads), "data": {}}
    page = [report["machine"]]
    for name in arguments.data:
        ours = [sys.executable, "-m", "benchmarks._ratings_ours"]
        names = [(method, ours) for method, _ in OURS]
        if arguments.peers_python:
            peers = [arguments.peers_python, str(HERE / "_ratings_peers.py")]
            names += [(method, peers) for method in PEERS[name]]
        if arguments.methods:
            names = [pair for pair in names if any(part in pair[0] for part in arguments.methods)]
        about, rows = measured(name, names, arguments.threads, arguments.repeats)
        report["data"][name] = {"about": about, "rows": rows}
        page += ["", f"## {about}", "", *table(rows)]
        print("\n".join(page[-len(rows) - 5 :]), flush=True)
        # After every data set, so that a long run that is ended leaves what it has.
        for file, text in (("ratings.json", json.dumps(report, indent=1)), ("ratings.md", "\n".join(page) + "\n")):
            with atomic_write(arguments.out / file, overwrite=True) as path:
                path.write_text(text, encoding="utf-8")


def measured(name: str, methods: list[tuple[str, list[str]]], threads: int, repeats: int) -> tuple[str, list[Row]]:
    """Let each method predict the held-out entries of one data set, in turns."""
    train, heldout, about = data(name)
    m, n = train.shape
    about += f": {m:,} x {n:,}, {train.values.size:,} to learn from, {heldout.values.size:,} held out"
    runs: dict[str, list[Row]] = {method: [] for method, _ in methods}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "train.npz")
        entries = {"rows": train.rows, "cols": train.cols, "values": train.values}
        places = {"test_rows": heldout.rows, "test_cols": heldout.cols, "shape": np.array(train.shape)}
        np.savez(path, allow_pickle=False, **entries, **places)
        values, bounds = heldout.values, (train.values.min(), train.values.max())
        del train, entries, places
        for _ in range(repeats):
            for method, program in methods:
                runs[method].append(run(method, program, path, values, bounds, threads))
    return about, [summary(method, rows) for method, rows in runs.items()]


def run(
    method: str, program: list[str], path: Path, values: np.ndarray, bounds: tuple[np.float32, np.float32], threads: int
) -> Row:
    """Run one method in a process of its own and judge what it predicts."""
    out = path.with_name("out")
    blas = f"--xla_cpu_multi_thread_eigen={'true' if threads > 1 else 'false'} intra_op_parallelism_threads={threads}"
    # cmfrec runs BLAS inside of its own threads: more there would only be in each other's way.
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": "1", "XLA_FLAGS": blas}
    command = [*program, method, str(path), str(out), "--threads", str(threads)]
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=HERE.parent, env=environment)
    seconds = time.perf_counter() - started
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"ended with {done.returncode}"]
        return {"failed": lines[-1]}
    with np.load(out.with_suffix(".npz")) as file:
        predictions = np.clip(file["predictions"], *bounds)
    row: Row = json.loads(out.with_suffix(".json").read_text(encoding="utf-8"))
    mae = float(np.mean(np.abs(predictions.astype(np.float64) - values)))
    return row | {"rmse": rmse(predictions, values), "mae": mae, "process_seconds": seconds}


def summary(method: str, runs: list[Row]) -> Row:
    """Join the repeats of one method: the first one's answer, medians of the seconds."""
    failed = [run["failed"] for run in runs if "failed" in run]
    if failed:
        return {"method": method, "failed": failed[0]}
    times = {field: [run[field] for run in runs] for field in ("fit_seconds", "search_seconds", "process_seconds")}
    medians = {field: statistics.median(seconds) for field, seconds in times.items()}
    return {"method": method} | runs[0] | medians | {f"all_{field}": seconds for field, seconds in times.items()}


def table(rows: list[Row]) -> list[str]:
    """Write the rows as Markdown."""
    lines = ["| method | RMSE | MAE | fit, s | search, s (fits) | process, s | peak, MB | settings |", "|---" * 8 + "|"]
    for row in rows:
        if "failed" in row:
            lines.append(f"| {row['method']} | failed: {row['failed']} |" + " |" * 6)
            continue
        spread = row["all_fit_seconds"]
        fit = f"{row['fit_seconds']:.2f}" + (f" ({min(spread):.2f}-{max(spread):.2f})" if len(spread) > 1 else "")
        search = f"{row['search_seconds']:.1f} ({row['tried']})" if row["tried"] else "-"
        settings = ", ".join(f"{key}={value}" for key, value in row["settings"].items()) or "default"
        lines.append(
            f"| {row['method']} | {row['rmse']:.4f} | {row['mae']:.4f} | {fit} | {search} "
            f"| {row['process_seconds']:.1f} | {row['peak_mb']:.0f} | {settings} |"
        )
    return lines


def rmse(predictions: np.ndarray, values: np.ndarray) -> float:
    """Root of the mean squared error, in float64."""
    return float(np.sqrt(np.mean((predictions.astype(np.float64) - values) ** 2)))


def machine(threads: int) -> str:
    """Say where the numbers come from."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        model = names[0] if names else model
    return f"{model}, {threads} of {os.cpu_count()} cores, Python {platform.python_version()}, numpy {np.__version__}"


if __name__ == "__main__":
    main()
