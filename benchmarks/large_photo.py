"""A photograph of 12 megapixels with dust and scratches, mended, killed on the way and gone on with.

``python -m benchmarks.large_photo FOLDER`` makes a colour photograph of 4000 x 3000 pixels in FOLDER (copies of
scikit-image's astronaut, mirrored, turned and of different brightness, so that no two tiles are the same), damages it,
and runs ``matmend complete --checkpoint`` on it in a process of its own. At ``--kill-at`` of the tiles the process is
killed; ``matmend resume`` does the rest. Printed are seconds by the clock and of all cores, the peak memory of both
processes, the size of what was kept, and the error. ``--whole`` runs the command undisturbed as well, and compares the
files byte for byte. No peer is timed: those of ``benchmarks.images`` that come near in error take hours for this.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.ratings import machine
from matmend.datasets import load_sample
from matmend.masks import dust_mask, scratch_mask

PROGRAM = [sys.executable, "-c", "from matmend.cli import main; main()"]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, help="new or empty")
    parser.add_argument("--size", type=int, nargs=2, default=(4000, 3000), metavar=("WIDTH", "HEIGHT"))
    parser.add_argument("--kill-at", type=float, default=0.5, help="share of the tiles")
    parser.add_argument("--whole", action="store_true", help="run undisturbed as well")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    if any(arguments.folder.iterdir()):
        parser.error(f"expected a new or empty folder, but {arguments.folder} holds something")
    os.chdir(arguments.folder)
    width, height = arguments.size
    print(machine(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1))
    missing = make(width, height)
    print(f"{width} x {height} pixels, colour, {missing:.2%} missing")
    asked = ["complete", "photo.png", "-m", "mask.png", "--json"]
    killed = run([*asked, "-o", "mended.png", "--checkpoint", "kept"], kill_at=arguments.kill_at)
    told("killed", killed)
    kept = sorted(Path("kept").glob("snapshot-*.mmend"))
    print(f"kept: {len(kept)} snapshots, {sum(path.stat().st_size for path in kept) / 1e6:.0f} MB")
    resumed = run(["resume", "kept", "--json"])
    told("resumed", resumed)
    truth, mended, mask = (np.asarray(Image.open(f"{name}.png")) for name in ("truth", "mended", "mask"))
    off = (mended[mask > 0].astype(np.float64) - truth[mask > 0]) / 255
    rmse, expected = float(np.sqrt((off**2).mean())), resumed["report"]["expected_rmse"]
    print(f"error on missing pixels: mean {np.abs(off).mean():.4f}, RMS {rmse:.4f}; expected RMS {expected:.4f}")
    if arguments.whole:
        told("undisturbed", run([*asked, "-o", "whole.png"]))
        same = Path("whole.png").read_bytes() == Path("mended.png").read_bytes()
        print(f"the same bytes: {'yes' if same else 'NO'}")


def make(width: int, height: int) -> float:
    """Write truth, photograph and mask; return the share that is missing."""
    rng = np.random.default_rng(0)
    base = load_sample("astronaut", size=512)
    rows = []
    for _ in range(-(-height // 512)):
        row = [np.rot90(base[:, :: rng.choice([-1, 1])], int(rng.integers(4))) for _ in range(-(-width // 512))]
        rows.append(np.concatenate([tile ** rng.uniform(0.7, 1.4) for tile in row], axis=1))
    truth = np.round(255 * np.concatenate(rows, axis=0)[:height, :width]).astype(np.uint8)
    seen = dust_mask((height, width), missing=0.02, seed=0) & scratch_mask((height, width), count=60, seed=1)
    Image.fromarray(truth).save("truth.png")
    Image.fromarray(np.where(seen[..., None], truth, 0)).save("photo.png")
    Image.fromarray(np.where(seen, 0, 255).astype(np.uint8)).save("mask.png")
    return float((~seen).mean())


def run(command: list[str], *, kill_at: float | None = None) -> dict:
    """Run matmend; return seconds by the clock and of the processors, peak memory in GB, and its report."""
    read, write = os.pipe()
    log = os.open("log", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    begun = time.perf_counter()
    program = [*PROGRAM, "-v", *command]
    child = os.posix_spawn(
        sys.executable, program, os.environ,
        file_actions=[(os.POSIX_SPAWN_DUP2, write, 1), (os.POSIX_SPAWN_DUP2, log, 2)],
    )  # fmt: skip
    os.close(write)
    done, usage, status = 0, None, 0
    while not done:
        done, status, usage = os.wait4(child, os.WNOHANG)
        if kill_at is not None and _share_done() >= kill_at:
            os.kill(child, 9)
            kill_at = None
        time.sleep(0.05)
    with os.fdopen(read, encoding="utf-8") as file:
        out = file.read()
    assert usage is not None
    ended = os.waitstatus_to_exitcode(status)
    assert ended in (0, -9), f"{command} ended with {ended}: {Path('log').read_text()[-2000:]}"
    return {
        "seconds": time.perf_counter() - begun,
        "processor": usage.ru_utime + usage.ru_stime,
        "peak": usage.ru_maxrss / 2**20,
        "report": json.loads(out) if ended == 0 else None,
    }


def told(name: str, found: dict) -> None:
    """Print a line about a process."""
    print(
        f"{name}: {found['seconds']:.0f} s by the clock, {found['processor']:.0f} s of the processors, peak "
        f"{found['peak']:.2f} GB"
    )


def _share_done() -> float:
    """Read from the log how many of the tiles are done."""
    lines = [
        line for line in Path("log").read_text(encoding="utf-8").splitlines() if "tile " in line and " of " in line
    ]
    if not lines:
        return 0.0
    done, total = lines[-1].split("tile ")[1].split(" of ")
    return int(done) / int(total.split()[0])


if __name__ == "__main__":
    main()
