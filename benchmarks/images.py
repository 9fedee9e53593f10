"""Pictures with gaps: error, seconds and memory of matmend beside the tools people use, in the same run.

``python -m benchmarks.images --peers-python PATH --out FOLDER`` fills, with every method,

* ``--pictures papers`` (default): Barbara, Cameraman and baboon as in the AIR-Net paper, 240 x 240 and gray, with its
  three patterns: 30 % of the pixels at random (one mask for each of ``--seeds``, medians), two patches, texture. The
  files come from the folder that ``MATMEND_DATA`` names;
* ``--pictures held-out``: pictures that ship with scikit-image, gray and colour, with half of the pixels missing at
  random, scratches, writing, and two blocks: the program was not developed on them.

Each method runs in a process of its own, on the same cores. Seconds are those of one call; what comes before, imports
and for matmend a first call that compiles, is the column *first*. Results are clipped to [0, 1]. NMAE is the mean
absolute error at missing pixels over the range of the truth; PSNR and SSIM (scikit-image) are of the whole picture,
with what was observed put back.

The peers live in an environment of their own::

    python -m venv peers
    peers/bin/pip install opencv-contrib-python-headless scikit-image scipy pyinpaint scico bm3d

BM3D is licensed for non-commercial use only. Networks that were trained on other pictures need weights: not here.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks._images_ours import OURS
from benchmarks._images_peers import METHODS
from benchmarks._images_pictures import PICTURES, Case
from benchmarks.ratings import machine
from matmend.io import atomic_write
from matmend.metrics import nmae, psnr, ssim

HERE = Path(__file__).resolve().parent
FIGURES = ("nmae", "psnr", "ssim", "seconds", "first_seconds", "peak_mb")
Row = dict[str, Any]


class Program(NamedTuple):
    """A method and how its process is started."""

    method: str
    command: list[str]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--pictures", choices=list(PICTURES), default="papers")
    parser.add_argument("--cases", nargs="+", help="only those whose name contains one of these")
    parser.add_argument("--methods", nargs="+", help="only those whose name contains one of these")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4], help="of masks drawn at random")
    parser.add_argument("--peers-python", help="the interpreter that has the peers; without it, matmend alone")
    parser.add_argument("--threads", type=int, default=len(_cores()), help="for every method")
    parser.add_argument("--limit", type=float, default=1800, help="seconds that a process may take")
    parser.add_argument("--keep", action="store_true", help="keep the filled pictures, in FOLDER/filled")
    parser.add_argument("--out", type=Path, required=True, help="folder for images.json and images.md")
    arguments = parser.parse_args()
    programs = [Program(name, [sys.executable, "-m", "benchmarks._images_ours"]) for name in OURS]
    if arguments.peers_python:
        command = [arguments.peers_python, str(HERE / "_images_peers.py")]
        programs += [Program(name, command) for name in METHODS]
    programs = [program for program in programs if _wanted(program.method, arguments.methods)]
    cases = [case for case in PICTURES[arguments.pictures](arguments.seeds) if _wanted(case.name, arguments.cases)]
    if not (programs and cases):
        parser.error("nothing to do: no method, or no case, has such a name")
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, set(_cores()[: arguments.threads]))  # all processes inherit it
    arguments.out.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    for case in cases:
        for program in programs:
            row = {"case": case.name, "seed": case.seed, "method": program.method}
            row |= run(program, case, arguments.threads, arguments.limit, arguments.out if arguments.keep else None)
            rows.append(row)
            told = row.get("failed") or f"{row['nmae']:.4f}  {row['seconds']:.2f} s  {row['remark']}"
            print(f"{case.name}, seed {case.seed}: {program.method}: {told}", file=sys.stderr, flush=True)
        # After every case, so that a long run that is ended leaves what it has.
        write(arguments.out, arguments.pictures, machine(arguments.threads), rows)
    print((arguments.out / "images.md").read_text(encoding="utf-8"))


def run(program: Program, case: Case, threads: int, limit: float, keep: Path | None) -> Row:
    """Fill one picture in a process of its own and judge the result."""
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}
    with tempfile.TemporaryDirectory() as folder:
        job, out = Path(folder, "job.npz"), Path(folder, "out")
        np.savez(job, picture=np.where(case.observed[..., None], case.truth, np.float32(0)), observed=case.observed)
        command = [*program.command, program.method, str(job), str(out), "--threads", str(threads)]
        started = time.perf_counter()
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, cwd=HERE.parent, env=environment, timeout=limit
            )
        except subprocess.TimeoutExpired:
            return {"failed": f"took more than {limit:g} s"}
        whole = time.perf_counter() - started
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if line.strip()]
            return {"failed": (lines or [f"ended with {done.returncode}"])[-1][:200]}
        with np.load(out.with_suffix(".npz")) as file:
            filled = file["picture"]
        row: Row = json.loads(out.with_suffix(".json").read_text(encoding="utf-8"))
    if not np.isfinite(filled).all():
        return {"failed": "left pixels that are not finite"}
    filled = np.clip(filled, 0, 1)
    if keep is not None:
        target = keep / "filled"
        target.mkdir(exist_ok=True)
        name = re.sub(r"[^a-z0-9]+", "-", f"{case.name} {case.seed} {program.method}".lower())
        np.savez_compressed(target / f"{name}.npz", filled=filled, truth=case.truth, observed=case.observed)
    changed = float(np.abs(filled - case.truth)[case.observed].max())
    filled = np.where(case.observed[..., None], case.truth, filled)  # as anybody would who knows them
    return row | judged(filled, case) | {"process_seconds": whole, "greatest_change_of_observed": changed}


def judged(filled: np.ndarray, case: Case) -> dict[str, float]:
    """Compare with the truth."""
    return {
        "nmae": nmae(filled, case.truth, case.observed),
        "psnr": psnr(filled, case.truth),
        "ssim": ssim(filled, case.truth),
    }


def write(folder: Path, pictures: str, where: str, rows: list[Row]) -> None:
    """Write rows and tables."""
    report = {"pictures": pictures, "machine": where, "rows": rows}
    for file, text in (("images.json", json.dumps(report, indent=1)), ("images.md", page(pictures, where, rows))):
        with atomic_write(folder / file, overwrite=True) as path:
            path.write_text(text, encoding="utf-8")


def page(pictures: str, where: str, rows: list[Row]) -> str:
    """Write the tables as Markdown."""
    cases, found = list(dict.fromkeys(row["case"] for row in rows)), medians(rows)
    order = sorted(found, key=lambda method: _mean(found[method], cases, "nmae"))
    versions = {name: version for row in rows for name, version in row.get("versions", {}).items()}
    named = ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
    seeds = sorted({row["seed"] for row in rows if row["seed"] is not None})
    lines = [f"Pictures: {pictures}; masks at random with seeds {seeds}, medians. {where}; {named}.", ""]
    lines += [f"| NMAE | {' | '.join(cases)} | mean | s | first, s | MB |", "|---" * (len(cases) + 5) + "|"]
    best = {
        case: min((figures[case]["nmae"] for figures in found.values() if case in figures), default=0) for case in cases
    }
    for method in order:
        figures = found[method]
        cells = [
            _cell(figures, case, "nmae", 4, bold=case in figures and figures[case]["nmae"] == best[case])
            for case in cases
        ]
        cells += [_number(_mean(figures, cases, "nmae"), 4)]
        cells += [_spread(figures, "seconds"), _spread(figures, "first_seconds")]
        cells += [f"{max(figure['peak_mb'] for figure in figures.values()):.0f}" if figures else ""]
        lines.append(f"| {method} | {' | '.join(cells)} |")
    lines += ["", *against_peers(found, cases)]
    for name, places in (("PSNR", 2), ("SSIM", 4)):
        lines += ["", f"| {name} | {' | '.join(cases)} | mean |", "|---" * (len(cases) + 2) + "|"]
        for method in order:
            cells = [_cell(found[method], case, name.lower(), places) for case in cases]
            cells.append(_number(_mean(found[method], cases, name.lower()), places))
            lines.append(f"| {method} | {' | '.join(cells)} |")
    failed = [row for row in rows if "failed" in row]
    if failed:
        lines += ["", "Failed:", ""]
        lines += [f"- {row['method']}, {row['case']}, seed {row['seed']}: {row['failed']}" for row in failed]
    changed = sorted({row["method"] for row in rows if row.get("greatest_change_of_observed", 0) > 1e-6})
    if changed:
        lines += ["", f"Not exact at observed pixels: {', '.join(changed)}."]
    return "\n".join(lines) + "\n"


def against_peers(found: dict[str, dict[str, Row]], cases: list[str]) -> list[str]:
    """Say in how many cases each of our methods is ahead of the best peer, and where not."""
    ours = [method for method in found if method in OURS]
    bars: dict[str, tuple[float, str]] = {}
    for case in cases:
        peers = [(found[m][case]["nmae"], m) for m in found if m not in OURS and case in found[m]]
        if peers:
            bars[case] = min(peers)
    if not (ours and bars):
        return []
    lines = [
        "Best peer: " + "; ".join(f"{case} {bar:.4f} ({method})" for case, (bar, method) in bars.items()) + ".",
        "",
    ]
    for method in ours:
        there = [case for case in bars if case in found[method]]
        behind = [case for case in there if found[method][case]["nmae"] >= bars[case][0]]
        words = f"- {method}: ahead of the best peer in {len(there) - len(behind)} of {len(there)} cases"
        lines.append(words + (f"; not in {', '.join(behind)}." if behind else "."))
    return lines


def medians(rows: list[Row]) -> dict[str, dict[str, Row]]:
    """Join the seeds: method -> case -> figures. A case with a failure is left out."""
    found: dict[str, dict[str, Row]] = {}
    for method in dict.fromkeys(row["method"] for row in rows):
        found[method] = {}
        for case in dict.fromkeys(row["case"] for row in rows):
            here = [row for row in rows if row["method"] == method and row["case"] == case]
            if here and not any("failed" in row for row in here):
                found[method][case] = {name: statistics.median(row[name] for row in here) for name in FIGURES}
    return found


def _cell(figures: dict[str, Row], case: str, name: str, places: int, *, bold: bool = False) -> str:
    if case not in figures:
        return "failed"
    text = _number(figures[case][name], places)
    return f"**{text}**" if bold else text


def _number(value: float, places: int) -> str:
    return f"{value:.{places}f}" if np.isfinite(value) else ""


def _mean(figures: dict[str, Row], cases: list[str], name: str) -> float:
    """Return the mean over all cases, infinite if one is missing."""
    return statistics.fmean(figures[case][name] for case in cases) if len(figures) == len(cases) else float("inf")


def _spread(figures: dict[str, Row], name: str) -> str:
    values = [figure[name] for figure in figures.values()]
    return f"{min(values):.2f}-{max(values):.2f}" if values else ""


def _wanted(name: str, parts: list[str] | None) -> bool:
    return not parts or any(part in name for part in parts)


def _cores() -> list[int]:
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))


if __name__ == "__main__":
    main()
