"""What `matmend inspect` needs for 25 million ratings: seconds and memory.

``python -m benchmarks.large_masks FOLDER`` generates ratings of the size of MovieLens 25M (162,541 x 59,047, power-law
degrees, seed 0), writes them as ``.npz`` and as ``.csv`` into FOLDER (about 0.9 GB), inspects both files in a process
of its own each, and prints wall time, processor time and peak memory. No peer answers the same questions, so there is
no ratio here, and the seconds are those of the machine that is named.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv

SHAPE = (162_541, 59_047)


def ratings(num_entries: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw different entries, rows with probability ~ rank^-0.7, columns with rank^-1.5, and ratings from 0.5 to 5."""
    rng = np.random.default_rng(seed)
    m, n = SHAPE

    def draw(size: int, exponent: float, count: int) -> np.ndarray:
        share = np.cumsum((np.arange(size) + 10.0) ** -exponent)
        return np.searchsorted(share / share[-1], rng.random(count)).clip(0, size - 1)

    row_order, col_order = rng.permutation(m), rng.permutation(n)
    keys = np.empty(0, dtype=np.int64)
    while keys.size < num_entries:
        count = num_entries // 2
        more = row_order[draw(m, 0.7, count)].astype(np.int64) * n + col_order[draw(n, 1.5, count)]
        keys = np.unique(np.concatenate([keys, more]))
    keys = np.sort(rng.permutation(keys)[:num_entries])
    values = (rng.integers(1, 11, num_entries) / 2).astype(np.float32)
    return (keys // n).astype(np.int32), (keys % n).astype(np.int32), values


def write(folder: Path, num_entries: int) -> list[Path]:
    """Write both files, or find them from an earlier run."""
    paths = [folder / f"ratings-{num_entries}{suffix}" for suffix in (".npz", ".csv")]
    if not all(path.exists() for path in paths):
        folder.mkdir(parents=True, exist_ok=True)
        rows, cols, values = ratings(num_entries)
        np.savez(paths[0], rows=rows, cols=cols, values=values, shape=np.array(SHAPE))
        table = pa.table({"userId": rows + 1, "movieId": cols + 1, "rating": values})
        pyarrow.csv.write_csv(table, paths[1])
    return paths


def inspected(path: Path) -> tuple[dict, float, float, float]:
    """Run the command; return its report, wall and processor seconds, and the peak in GB of all commands so far."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    command = [sys.executable, "-c", "from matmend.cli import main; main()", "inspect", str(path), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return json.loads(done.stdout), seconds, processor, after.ru_maxrss / 2**20


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--entries", type=int, default=25_000_000)
    arguments = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}, numpy {np.__version__}")
    for path in write(arguments.folder, arguments.entries):
        report, seconds, processor, peak = inspected(path)
        links = report["connectivity"]
        print(
            f"{path.name}: {report['shape'][0]:,} x {report['shape'][1]:,}, {report['observed']:,} entries, "
            f"{links['components']:,} component(s); {seconds:.1f} s ({processor:.1f} s of processor), at most "
            f"{peak:.2f} GB"
        )


if __name__ == "__main__":
    main()
