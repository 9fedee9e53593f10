"""Feed damaged files to every reader: a right answer or a `ValueError`, never a crash, a hang or gigabytes.

``python -m benchmarks.fuzz_readers`` takes small valid files of each format, damages them (bit flips, cuts, splices,
numbers that matter in headers, words that matter in text, noise; also inside what is packed or has a checksum, made
whole again), and reads each. Input number i of a reader depends on ``--seed`` and i alone. Inputs are read in batches
by a process of their own, which may be ended by them; the next one goes on behind the bad input. Counted are

* right answers: what came back is what the reader promises (finite or NaN, two axes, positions within the shape);
* errors: a `ValueError` whose text begins with "expected";
* bad inputs, which are kept in the folder: any other exception or text, an answer that breaks a promise, a warning, the
  end of the process, more than 10 s of processor time, or more than 400 MB above what the process had before.

Run again, it goes on where it ended: ``--inputs 10000 --seed 0 --readers mat,png --folder results/fuzz``.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._fuzz_mutations import mutated
from benchmarks._fuzz_seeds import Target, targets

BATCH = 500
SECONDS = 10.0
STALLED = 60.0
"""Seconds without a sign after which a child is ended: on a busy machine a second of work takes longer."""
MOST_MEMORY = 400 * 2**20
ADDRESS_SPACE = 2**34


def make(target: Target, reader: str, seed: int, number: int) -> tuple[str, bytes]:
    """Return the suffix and the bytes of one damaged file."""
    rng = np.random.default_rng([seed, zlib.crc32(reader.encode()), number])
    suffix, data = target.seeds[int(rng.integers(len(target.seeds)))]
    if rng.random() < 0.02:
        return suffix, rng.bytes(int(rng.integers(2000)))
    others = [other for _, other in target.seeds]
    parts = target.parts(data)
    if parts and rng.random() < 0.6:
        part, whole = parts[int(rng.integers(len(parts)))]
        return suffix, whole(mutated(rng, part, others, target.words))
    return suffix, mutated(rng, data, others, target.words)


def is_right(answer: Any) -> bool:
    """Tell whether an answer holds what its reader promises."""
    if isinstance(answer, str):
        return answer in ("picture", "mask", "table", "ratings", "model")
    if isinstance(answer, list):  # pieces of pairs
        return all(len(users) == len(items) for users, items in answer)
    if isinstance(answer, tuple):  # a mask and its colour
        return answer[0].dtype == np.bool_ and answer[1] in ("white", "black")
    if hasattr(answer, "pixels"):
        return bool(np.isfinite(answer.pixels).all()) and answer.pixels.shape[:2] == answer.mask.shape
    if hasattr(answer, "rows"):
        m, n = answer.shape
        inside = ((answer.rows >= 0) & (answer.rows < m) & (answer.cols >= 0) & (answer.cols < n)).all()
        named = answer.row_ids is None or len(answer.row_ids) == m
        return bool(inside) and named and bool(np.isfinite(answer.values).all()) and answer.values.size > 0
    m, n = answer.values.shape
    named = (answer.row_names is None or len(answer.row_names) == m) and (
        answer.col_names is None or len(answer.col_names) == n
    )
    return answer.values.dtype == np.float64 and named and m * n > 0 and not bool(np.isinf(answer.values).any())


def judge(target: Target, path: Path) -> str:
    """Read a file; return "right", "refused" or what is bad."""
    found = "refused"
    for read in target.read:
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            try:
                if not is_right(read(path)):
                    return "an answer that breaks a promise"
                found = "right"
            except ValueError as error:
                if not str(error).startswith("expected"):
                    return f"a ValueError of a library: {str(error)[:200]}"
            except BaseException as error:
                return f"{type(error).__name__}: {str(error)[:200]}"
        if heard:
            return f"a warning: {str(heard[0].message)[:200]}"
    return found


def _peak() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    return 0


def work(reader: str, seed: int, start: int, stop: int) -> None:
    """Judge inputs `start` to `stop` and print a line for each, begun and done: the work of a child."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    target = targets()[reader]
    for _, data in target.seeds[:1]:  # load the libraries before memory is measured
        judge(target, _file(Path(tempfile.mkdtemp()), target.seeds[0][0], data))
    with tempfile.TemporaryDirectory() as folder:
        for number in range(start, stop):
            path = _file(Path(folder), *make(target, reader, seed, number))
            print(json.dumps({"begun": number}), flush=True)
            Path("/proc/self/clear_refs").write_text("5")  # the peak of memory begins anew
            before, begun = _peak(), time.process_time()
            found = judge(target, path)
            seconds, grown = time.process_time() - begun, _peak() - before
            if seconds > SECONDS:
                found = f"{seconds:.0f} s of processor time"
            if grown > MOST_MEMORY:
                found = f"{grown / 2**20:.0f} MB of memory"
            print(json.dumps({"done": number, "found": found}), flush=True)
            path.unlink()


def _file(folder: Path, suffix: str, data: bytes) -> Path:
    path = folder / f"input{suffix}"
    path.write_bytes(data)
    return path


def run_child(reader: str, seed: int, start: int, stop: int) -> tuple[list[str], str | None]:
    """Run a child; return what it found, in order, and how it ended if it did before its time."""
    command = [sys.executable, "-m", "benchmarks.fuzz_readers", "--child", reader, str(seed), str(start), str(stop)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stderr is not None
    noise: list[str] = []
    drain = threading.Thread(target=lambda: noise.extend(child.stderr or []), daemon=True)
    drain.start()
    found: list[str] = []
    sign, ended = time.monotonic(), threading.Event()

    def watch() -> None:
        while not ended.wait(1.0):
            if time.monotonic() - sign > STALLED:
                child.kill()
                return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    for line in child.stdout:
        sign = time.monotonic()
        if line.startswith('{"done"'):
            found.append(json.loads(line)["found"])
    code = child.wait()
    ended.set()
    watcher.join()
    drain.join(1.0)
    if len(found) == stop - start:
        return found, None
    why = f"no sign for {STALLED:.0f} s" if code == -9 else f"the process ended with {code}"
    return found, f"{why} {''.join(noise)[-200:]}".strip()


def run(reader: str, *, inputs: int, seed: int, folder: Path) -> dict[str, int]:
    """Judge inputs up to number `inputs`, from where an earlier run ended."""
    target, state = targets()[reader], folder / f"{reader.replace(' ', '_')}_{seed}.json"
    counts = json.loads(state.read_text()) if state.exists() else {"done": 0, "right": 0, "refused": 0, "bad": 0}
    while counts["done"] < inputs:
        start = counts["done"]
        found, ended = run_child(reader, seed, start, min(start + BATCH, inputs))
        found += [ended] if ended is not None else []
        for number, what in enumerate(found, start):
            counts[what if what in ("right", "refused") else "bad"] += 1
            if what not in ("right", "refused"):
                suffix, data = make(target, reader, seed, number)
                kept = folder / "bad" / f"{reader.replace(' ', '_')}_{seed}_{number}{suffix}"
                kept.parent.mkdir(exist_ok=True)
                kept.write_bytes(data)
                kept.with_name(f"{kept.name}.txt").write_text(what)
        counts["done"] = start + len(found)
        state.write_text(json.dumps(counts))
        print(f"{reader}: {counts['done']:,} of {inputs:,}, {counts['bad']} bad", file=sys.stderr, flush=True)
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--readers", help="names parted by commas, by default all")
    parser.add_argument("--folder", type=Path, default=Path("results/fuzz"))
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        reader, *numbers = arguments.child
        work(reader, *(int(number) for number in numbers))
        return
    arguments.folder.mkdir(parents=True, exist_ok=True)
    known = list(targets())
    wanted = known if arguments.readers is None else arguments.readers.split(",")
    if unknown := [name for name in wanted if name not in known]:
        parser.error(f"no reader {', '.join(unknown)}: there are {', '.join(known)}")
    rows = {name: run(name, inputs=arguments.inputs, seed=arguments.seed, folder=arguments.folder) for name in wanted}
    print(f"Python {sys.version.split()[0]}, NumPy {np.__version__}, {os.uname().machine}, seed {arguments.seed}")
    print(f"{'reader':<12} {'inputs':>8} {'right':>8} {'refused':>8} {'bad':>5}")
    for name, counts in rows.items():
        print(f"{name:<12} {counts['done']:>8,} {counts['right']:>8,} {counts['refused']:>8,} {counts['bad']:>5}")
    sys.exit(any(counts["bad"] for counts in rows.values()))


if __name__ == "__main__":
    main()
