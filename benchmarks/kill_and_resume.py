"""Kill a command at random moments and resume it until it is finished: nothing reported is lost, the result the same.

``python -m benchmarks.kill_and_resume`` starts the real command on a small picture, saving after every block, ends it
by SIGKILL at 50 seeded moments, and goes on with ``matmend resume``. Moments are of four kinds, drawn by lot: anywhere
between the start of the program and its end (which mostly is starting), in training, and, by watching the program's
files, in the midst of writing a snapshot or the result. Asserted are

* that the run can be gone on with every time (killed before it had begun: begun again),
* that the newest snapshot that was reported as saved is there and whole, and at most one block was made since,
* that the file in the end has the bytes of that of an undisturbed run without checkpoints.

Another command, with its own files: ``--inputs FOLDER --command "complete ratings.csv -o {output}" --suffix .npz``.
"""

import argparse
import collections
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

PICTURE = "complete photo.png --mask mask.png --steps 2000 -o {output}"
AIMS = {"anywhere": 0.3, "training": 0.3, "writing a snapshot": 0.3, "writing the result": 0.1}
MOST_BLOCKS = 16
"""Blocks that a program may make before it is killed in training or writing."""


@dataclass
class Tally:
    """What was seen."""

    kills: collections.Counter = field(default_factory=collections.Counter)
    found: collections.Counter = field(default_factory=collections.Counter)
    lost: list[int] = field(default_factory=list)
    runs: int = 0
    leftovers: int = 0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--command", default=PICTURE, help="arguments of matmend, with {output} for the file it writes")
    parser.add_argument("--suffix", default=".png", help="of the file it writes")
    parser.add_argument("--inputs", type=Path, help="folder with the files that the command reads")
    parser.add_argument("--no-cache", action="store_true", help="compile anew in every program")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    arguments, rest = parser.parse_known_args()
    if arguments.child is not None:
        return _observed(arguments.child, rest)
    with tempfile.TemporaryDirectory() as folder:
        _measure(Path(folder), arguments)
    return None


def _measure(folder: Path, arguments: argparse.Namespace) -> None:
    if arguments.inputs is None:
        _picture(folder)
    else:
        shutil.copytree(arguments.inputs, folder, dirs_exist_ok=True)
    environment = dict(os.environ)
    if not arguments.no_cache:
        environment |= {
            "JAX_COMPILATION_CACHE_DIR": str(folder / "cache"),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        }

    def start(log: Path, *command: str) -> subprocess.Popen[bytes]:
        program = [sys.executable, "-m", "benchmarks.kill_and_resume", "--child", str(log), "--", *command]
        path = os.pathsep.join([str(Path(__file__).resolve().parents[1]), environment.get("PYTHONPATH", "")])
        return subprocess.Popen(program, cwd=folder, env={**environment, "PYTHONPATH": path}, stderr=subprocess.PIPE)

    def asked(output: str) -> list[str]:
        return shlex.split(arguments.command.format(output=output))

    output = f"whole{arguments.suffix}"
    seconds = []
    for _ in range(2):  # the second one with a warm cache tells how long it takes
        (folder / output).unlink(missing_ok=True)
        begun = time.perf_counter()
        _ended(start(folder / "log", *asked(output)))
        seconds.append(time.perf_counter() - begun)
    whole = (folder / output).read_bytes()
    print(f"undisturbed: {seconds[-1]:.1f} s, {len(whole):,} bytes; seed {arguments.seed}: {arguments.command}")

    rng, tally = np.random.default_rng(arguments.seed), Tally()
    while tally.kills.total() < arguments.kills:
        tally.runs += 1
        name = f"run{tally.runs}"
        kept, made = folder / name, folder / output.replace("whole", name)
        new = [*asked(made.name), "--checkpoint", name, "--checkpoint-every", "0"]
        while True:
            log = folder / f"{name}-{tally.kills.total()}.log"
            program = start(log, *(["resume", name] if (kept / "run.json").exists() else new))
            if tally.kills.total() >= arguments.kills:
                break
            aim = str(rng.choice(list(AIMS), p=list(AIMS.values())))
            if not _kill(program, log, aim, rng, seconds[-1]):
                break
            tally.kills[aim] += 1
            _look(kept, log, tally)
        _ended(program)
        assert made.read_bytes() == whole, f"run {tally.runs} ended with other bytes than the undisturbed one"
    print(f"{tally.kills.total()} kills in {tally.runs} runs, each finished with the bytes of the undisturbed one")
    for title, counter in (("aimed at", tally.kills), ("found at", tally.found)):
        print(f"{title}: " + ", ".join(f"{name} {count}" for name, count in counter.most_common()))
    lost = collections.Counter(tally.lost)
    print(f"blocks lost: {dict(sorted(lost.items()))}; temporary files left behind and cleaned: {tally.leftovers}")


def _kill(program: subprocess.Popen[bytes], log: Path, aim: str, rng: np.random.Generator, seconds: float) -> bool:
    """Kill at a moment of the kind that is aimed at; False if the program ended before."""
    end = time.perf_counter() + rng.uniform(0, 1.1 * seconds)
    blocks = rng.integers(1, MOST_BLOCKS)
    has_come = {
        "anywhere": lambda: time.perf_counter() >= end,
        "training": lambda: _lines(log).count("block") >= blocks,
        "writing a snapshot": lambda: _lines(log).count("saving") >= blocks,
        "writing the result": lambda: "writing" in _lines(log),
    }[aim]
    little = rng.uniform(0, {"training": 0.05, "writing a snapshot": 0.006, "writing the result": 0.01}.get(aim, 0))
    while program.poll() is None:
        if has_come():
            time.sleep(little)
            program.send_signal(signal.SIGKILL)
            program.communicate()
            return program.returncode == -signal.SIGKILL
        time.sleep(5e-4)
    return False


def _look(kept: Path, log: Path, tally: Tally) -> None:
    """Check what the killed program left."""
    from matmend.solve.snapshot import read_snapshot

    lines = _lines(log)
    saved = [number for number, line in enumerate(lines) if line.startswith("saved")]
    tally.leftovers += len(list(kept.rglob(".matmend-*")))
    facts = _facts(kept)
    if not facts:
        assert not lines, "blocks were made before the run was kept"
        tally.found["before the run had begun"] += 1
        return
    is_over = facts["output"] is not None
    if is_over:
        assert Path(facts["output"]).exists()
    else:
        since, is_newer = lines, False
        if saved:
            path = Path(lines[saved[-1]].split(maxsplit=1)[1])
            newest = max(path.parent.glob("snapshot-*"))
            for snapshot in (path, newest):
                read_snapshot(snapshot)  # raises if it is not there or damaged
            since, is_newer = lines[saved[-1] + 1 :], newest != path
        # What was in its place but not reported yet is not lost.
        tally.lost.append(since.count("block") - is_newer)
        assert tally.lost[-1] in (0, 1), f"{since.count('block')} blocks were made since the last one was saved"
    last = lines[-1] if lines else "starting"
    kinds = {"saving": "writing a snapshot", "writing": "writing the result", "starting": "starting"}
    tally.found["finished, not ended" if is_over else kinds.get(last, "training")] += 1


def _observed(log: Path, command: list[str]) -> None:
    """Run the program as it is, with a line in the log for every block and before and after everything saved."""
    from matmend.cli import main as matmend
    from matmend.cli.resuming import KeptRun
    from matmend.solve import Checkpoints

    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    is_due, save, before_writing = Checkpoints.is_due, Checkpoints.save, KeptRun.before_writing

    def told_due(self: Checkpoints) -> bool:
        os.write(descriptor, b"block\n")
        return is_due(self)

    def told_save(self: Checkpoints, *arguments: object) -> Path:
        os.write(descriptor, b"saving\n")
        path = save(self, *arguments)  # pyright: ignore[reportArgumentType]
        os.write(descriptor, f"saved {path.absolute()}\n".encode())
        return path

    def told_writing(self: KeptRun, *arguments: object, **others: bool) -> None:
        before_writing(self, *arguments, **others)  # pyright: ignore[reportArgumentType]
        os.write(descriptor, b"writing\n")

    Checkpoints.is_due, Checkpoints.save = told_due, told_save  # pyright: ignore[reportAttributeAccessIssue]
    KeptRun.before_writing = told_writing  # pyright: ignore[reportAttributeAccessIssue]
    sys.argv = ["matmend", *(word for word in command if word != "--"), "--quiet"]
    matmend()


def _ended(program: subprocess.Popen[bytes]) -> None:
    told = program.communicate()[1].decode()
    # A program killed between its last line in run.json and its end has nothing left to resume.
    assert program.returncode == 0 or "is finished" in told, f"exit code {program.returncode}: {told}"


def _lines(log: Path) -> list[str]:
    return log.read_text().splitlines() if log.exists() else []


def _facts(kept: Path) -> dict:
    try:
        return json.loads((kept / "run.json").read_text())
    except FileNotFoundError:
        return {}


def _picture(folder: Path) -> None:
    from PIL import Image

    from matmend.datasets import load_sample
    from matmend.masks import random_mask

    X = np.round(255 * load_sample("camera", size=64)).astype(np.uint8)
    seen = random_mask(X.shape, 0.3, seed=1)
    Image.fromarray(np.where(seen, X, 0).astype(np.uint8)).save(folder / "photo.png")
    Image.fromarray(np.where(seen, 0, 255).astype(np.uint8)).save(folder / "mask.png")


if __name__ == "__main__":
    main()
