import os
import signal
import socket
import subprocess
import sys
import textwrap
import time

import jax
import numpy as np

from matmend.observation import Entries
from matmend.problem import Problem
from matmend.regularizer import FactorPrior
from matmend.representation import DeepFactorization
from matmend.solve import Checkpoints, Schedule, SweepData, alternate

PROGRAM = textwrap.dedent(
    """
    import sys
    from pathlib import Path

    import numpy as np

    from matmend.cli.cluster import joined, mesh_of
    from tests.solve.test_processes import train

    folder = Path(sys.argv[1])
    with joined(num_devices=1) as place:
        mesh = mesh_of("all", "cpu", place)
        run = train(20, mesh)
        np.save(folder / f"X-{place.process}.npy", np.asarray(run.X.U) @ np.asarray(run.X.V).T)
        train(10**6, mesh, folder / "kept", is_writer=place.is_first)  # until it is killed
    """
)


def train(num_sweeps, mesh=None, kept=None, *, is_writer=True, on_sweep=()):
    rng = np.random.default_rng(0)
    rows, cols = np.divmod(rng.choice(40 * 30, 500, replace=False), 30)
    values = (np.sin(rows) * np.cos(cols) + np.cos(rows)).astype(np.float32)
    entries = Entries.from_triplets(rows, cols, values, shape=(40, 30), normalizer=1.0)
    return alternate(
        Problem(
            entries,
            DeepFactorization(depth=2, width=2),
            FactorPrior(0, 2, ridge=0.1) + FactorPrior(1, 2, ridge=0.1),
        ),
        SweepData.from_entries(entries, mesh),
        key=jax.random.key(0),
        schedule=Schedule(temperature=0.0, max_sweeps=num_sweeps, patience=10**6),
        on_sweep=on_sweep,
        checkpoint=None if kept is None else Checkpoints(kept, every_seconds=0.1, is_writer=is_writer),
    )


def start(folder, count):
    (folder / "program.py").write_text(PROGRAM)
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    told = {"MATMEND_COORDINATOR": f"127.0.0.1:{port}", "MATMEND_PROCESSES": str(count)}
    path = os.pathsep.join(p for p in sys.path if p)
    return [
        subprocess.Popen(
            [sys.executable, str(folder / "program.py"), str(folder)],
            env={**os.environ, **told, "MATMEND_PROCESS": str(k), "PYTHONPATH": path},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for k in range(count)
    ]


def test_two_processes_find_what_one_finds_and_one_goes_on_when_the_other_is_killed(tmp_path):
    programs = start(tmp_path, 2)
    try:
        while len(list(tmp_path.glob("kept/snapshot-*.mmend"))) < 2:
            assert all(program.poll() is None for program in programs), [p.communicate()[1] for p in programs]
            time.sleep(0.02)
        programs[1].send_signal(signal.SIGKILL)
        told = programs[0].communicate(timeout=60)[1]
    finally:
        for program in programs:
            program.kill()
            program.communicate()
    # Now and then the collective hangs with one end gone, and JAX ends the program when heartbeats are missed.
    ours, of_jax = "matmend: process 0 of 2 ends: another one was lost", "another task died"
    assert programs[0].returncode != 0
    assert ours in told or of_jax in told

    # This process has other settings of JAX: bits may differ.
    alone = train(20).X
    X = np.asarray(alone.U) @ np.asarray(alone.V).T
    for k in (0, 1):
        np.testing.assert_allclose(np.load(tmp_path / f"X-{k}.npy"), X, rtol=0, atol=1e-4 * abs(X).max())

    found = Checkpoints(tmp_path / "kept").whereabouts()
    assert found is not None
    sweeps = []
    train(10**6, kept=tmp_path / "kept", on_sweep=[lambda run, row: sweeps.append(row["sweep"]) or True])
    assert sweeps == [found[1]["sweep"] + 1]
    assert sweeps[0] > 2
