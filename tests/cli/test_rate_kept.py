"""Ratings that were ended go on to the same file; several processes are one program."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys

import jax
import numpy as np
import pytest

from matmend.cli import progress
from matmend.cli.cluster import Place, launched, mesh_of
from matmend.methods.ratings import RatingsModel

PROGRAM = [sys.executable, "-c", "from matmend.cli import main; main()"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    jax.devices()  # the program makes devices of cores if there are none yet, for all tests after it
    rng = np.random.default_rng(0)
    lines = [f"{i},{j},{3 + i % 3 - j % 2}" for i in range(30) for j in rng.choice(20, 8, replace=False)]
    (tmp_path / "r.csv").write_text("\n".join(["user,item,rating", *lines]) + "\n")
    (tmp_path / "p.csv").write_text("user,item\n1,2\n1,99\n")
    return tmp_path


@pytest.fixture
def at_sweep(monkeypatch):
    """Send a signal once, after that many sweeps."""

    def arrange(number, sweeps):
        count, call = iter(range(1, 10**6)), progress.SweepWatch.__call__

        def told(self, run, row):
            if next(count) == sweeps:
                signal.raise_signal(number)
            return call(self, run, row)

        monkeypatch.setattr(progress.SweepWatch, "__call__", told)

    return arrange


def test_ended_twice_it_goes_on_to_the_same_file(matmend, folder, at_sweep):
    arguments = ("complete", "r.csv", "--predict", "p.csv", "--rank", "2", "--draws", "3", "--no-implicit")
    kept = ("--devices", "1", "-o", "out.csv", "--checkpoint", "kept", "--checkpoint-every", "0")
    assert matmend(*arguments, "--devices", "1", "-o", "whole.csv", "-q") == (0, "", "")
    at_sweep(signal.SIGTERM, 5)
    code, _, err = matmend(*arguments, *kept)
    assert code == 143
    assert "matmend resume kept" in err
    assert not (folder / "out.csv").exists()
    assert "go on with it by matmend resume" in matmend(*arguments, *kept)[2]
    at_sweep(signal.SIGINT, 2)
    code, _, err = matmend("resume", "kept")
    assert code == 0
    assert "complete ratings goes on after sweep 5" in err
    assert "Partial result" in err
    assert "replace it by the whole result: matmend resume" in err
    assert (folder / "out.csv").read_bytes() != (folder / "whole.csv").read_bytes()
    assert matmend("resume", "kept", "-q") == (0, "", "")
    assert (folder / "out.csv").read_bytes() == (folder / "whole.csv").read_bytes()
    assert "is finished" in matmend("resume", "kept")[2]


def test_of_two_processes_the_first_one_speaks_and_writes(folder):
    RatingsModel.of_factors(np.ones((30, 1)), np.ones((20, 1))).save(folder / "model.npz")
    asked = ["complete", "model.npz", "--predict", "p.csv", "-o", "out.csv", "--json"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    told = {**os.environ, "MATMEND_COORDINATOR": f"127.0.0.1:{port}", "MATMEND_PROCESSES": "2"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": folder}
    children = [
        subprocess.Popen([*PROGRAM, *asked], env={**told, "MATMEND_PROCESS": str(i)}, **pipes) for i in range(2)
    ]
    outs = [child.communicate(timeout=120)[0] for child in children]
    assert [child.returncode for child in children] == [0, 0]
    assert json.loads(outs[0])["pairs"] == 2
    assert outs[1] == ""
    assert (folder / "out.csv").is_file()


@pytest.mark.parametrize(
    ("process", "failed", "ends", "says"),
    [
        (0, [False, False, False], None, None),
        (0, [True, True, False], ValueError, "mine"),
        (1, [True, True, False], SystemExit, None),
        (1, [False, True, True], ValueError, "mine"),
        (0, [False, True, True], SystemExit, None),
    ],
)
def test_if_one_process_fails_all_end_and_one_says_why(monkeypatch, process, failed, ends, says):
    monkeypatch.setattr("jax.experimental.multihost_utils.process_allgather", lambda own: np.array(failed)[:, None])
    place = Place(process, 3)
    with contextlib.nullcontext() if ends is None else pytest.raises(ends, match=says), place.together():
        if failed[process]:
            raise ValueError("mine")


BAD = {
    "half of it": ({"MATMEND_COORDINATOR": "a:1"}, "all three of them"),
    "no port": ({"MATMEND_COORDINATOR": "a", "MATMEND_PROCESSES": "2", "MATMEND_PROCESS": "0"}, "ADDRESS:PORT"),
    "no number": ({"MATMEND_COORDINATOR": "a:1", "MATMEND_PROCESSES": "two", "MATMEND_PROCESS": "0"}, "a whole number"),
    "one too many": ({"MATMEND_COORDINATOR": "a:1", "MATMEND_PROCESSES": "2", "MATMEND_PROCESS": "2"}, "number 2"),
    "MPI without address": ({"PMI_SIZE": "2", "PMI_RANK": "1"}, "set MATMEND_COORDINATOR"),
}


@pytest.mark.parametrize("case", BAD)
def test_an_environment_that_makes_no_sense(case):
    environment, words = BAD[case]
    with pytest.raises(ValueError, match=words):
        launched(environment)


def test_a_program_of_its_own_is_not_joined():
    assert launched({"SLURM_JOB_ID": "7", "SLURM_NTASKS": "4", "SLURM_PROCID": "0"}) is None  # a shell in an allocation
    assert launched({"SLURM_STEP_NUM_TASKS": "1", "SLURM_PROCID": "0"}) is None


def test_the_mesh_has_the_devices_asked_for():
    mesh = mesh_of("all", "cpu", Place())
    assert (1 if mesh is None else mesh.size) == len(jax.devices("cpu"))
    with pytest.raises(ValueError, match="devices are asked for"):
        mesh_of("4096", "cpu", Place())
