"""``--checkpoint`` and ``matmend resume``: a run that was ended goes on, and nothing of the user's is lost."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from matmend.cli import progress
from matmend.cli.resuming import reopen
from matmend.datasets import load_sample
from matmend.masks import random_mask

SHORT = ("--steps", "400", "--depth", "2")
LONG = ("--steps", "6000", "--stop", "none")  # time enough to be killed in
PROGRAM = [sys.executable, "-c", "from matmend.cli import main; main()"]


@pytest.fixture
def begin(damaged, matmend):
    """Start the small run, in this program, with what else is asked."""
    folder, _, _ = damaged

    def run(*more, output="out.png"):
        return matmend(
            "complete", folder / "photo.png", "-m", folder / "mask.png", "-o", folder / output, *SHORT, *more
        )  # fmt: skip

    return run


@pytest.fixture
def kept(damaged):
    return ("--checkpoint", damaged[0] / "kept", "--checkpoint-every", "0")


@pytest.fixture
def at_block(monkeypatch):
    """Do something once, when that many blocks were made."""

    def arrange(blocks, do):
        count, call = iter(range(1, 10**6)), progress.Watch.__call__

        def told(self, state, row):
            if next(count) == blocks:
                do()
            return call(self, state, row)

        monkeypatch.setattr(progress.Watch, "__call__", told)

    return arrange


def ends(number):
    return lambda: signal.raise_signal(number)


def test_killed_it_goes_on_to_the_same_file(damaged, begin, matmend):
    folder, _, _ = damaged
    begin(*LONG, output="whole.png")
    asked = ["complete", "photo.png", "-m", "mask.png", "-o", "out.png", *SHORT, *LONG, "--checkpoint", "kept"]
    # The same switches as in this program (conftest.py), which goes on with the work of that one.
    switches = {"JAX_ENABLE_X64": "1", "JAX_NUMPY_DTYPE_PROMOTION": "strict", "JAX_NUMPY_RANK_PROMOTION": "raise"}
    with subprocess.Popen(
        [*PROGRAM, *asked, "--checkpoint-every", "0"],
        cwd=folder,
        env={**os.environ, **switches},
        stderr=subprocess.PIPE,
    ) as child:
        while child.poll() is None and not list(folder.glob("kept/training-1/snapshot-*.mmend")):
            time.sleep(0.001)
        child.kill()
        child.communicate()
    assert child.returncode == -signal.SIGKILL
    assert not (folder / "out.png").exists()
    code, _, err = matmend("resume", folder / "kept")  # from another folder than the command was given in
    assert code == 0
    assert "complete picture goes on after step" in err
    assert "of training 1" in err
    assert (folder / "out.png").read_bytes() == (folder / "whole.png").read_bytes()
    assert sorted(path.name for path in (folder / "kept").iterdir()) == [".lock", "run.json"]
    code, _, err = matmend("resume", folder / "kept")
    assert code == 2
    assert "is finished" in err
    assert str(folder / "out.png") in err
    assert "finished" in begin("--checkpoint", folder / "kept", output="other.png")[2]


def test_sigterm_saves_and_nothing_is_written_before_the_end(damaged, begin, kept, at_block, matmend):
    folder, _, _ = damaged
    begin(output="whole.png")
    at_block(2, ends(signal.SIGTERM))
    code, _, err = begin("--checkpoint", folder / "kept")
    assert code == 143
    assert f"matmend resume {folder / 'kept'}" in err
    assert not (folder / "out.png").exists()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    # The same command again is no new run, another one is not let in.
    assert "go on with it by matmend resume" in begin(*kept)[2]
    assert "another run, unfinished" in begin(*kept, "--seed", "1")[2]
    with reopen(folder / "kept"):
        assert "Another program is working" in matmend("resume", folder / "kept")[2]
    # What has appeared where the result belongs is not overwritten; with it gone, the run goes on.
    (folder / "out.png").write_text("mine")
    assert "out.png is there" in matmend("resume", folder / "kept")[2]
    assert (folder / "out.png").read_text() == "mine"
    (folder / "out.png").unlink()
    assert matmend("resume", folder / "kept", "-q") == (0, "", "")
    assert (folder / "out.png").read_bytes() == (folder / "whole.png").read_bytes()


def test_ctrl_c_writes_what_there_is_and_the_whole_result_replaces_it(damaged, begin, kept, at_block, matmend):
    folder, _, _ = damaged
    begin(output="whole.png")
    at_block(2, ends(signal.SIGINT))
    code, _, err = begin(*kept)
    assert code == 0
    assert "Partial result" in err
    assert f"replace it by the whole result: matmend resume {folder / 'kept'}" in err
    assert (folder / "out.png").read_bytes() != (folder / "whole.png").read_bytes()
    assert matmend("resume", folder / "kept", "-q") == (0, "", "")
    assert (folder / "out.png").read_bytes() == (folder / "whole.png").read_bytes()


@pytest.mark.filterwarnings("default:.*is damaged")
def test_inputs_must_be_there_unchanged_and_a_damaged_snapshot_is_named(damaged, begin, kept, at_block, matmend):
    folder, _, _ = damaged
    begin(output="whole.png")
    at_block(4, ends(signal.SIGTERM))
    assert begin(*kept)[0] == 143
    mask = (folder / "mask.png").read_bytes()
    for change, words in (
        ((folder / "mask.png").unlink, "is gone"),
        (lambda: (folder / "mask.png").write_bytes(mask[:-1]), "changed"),
    ):
        change()
        code, _, err = matmend("resume", folder / "kept")
        assert code == 2
        assert "mask.png, an input of the run" in err
        assert words in err
    (folder / "mask.png").write_bytes(mask)
    newest = max((folder / "kept" / "training-1").iterdir())
    newest.write_bytes(newest.read_bytes()[:-1])
    code, _, err = matmend("resume", folder / "kept")
    assert code == 0
    assert f"Warning: {newest} is damaged" in err
    assert (folder / "out.png").read_bytes() == (folder / "whole.png").read_bytes()


def test_a_folder_that_holds_no_run(damaged, begin, matmend):
    folder, _, _ = damaged
    assert "holds no run" in matmend("resume", folder)[2]
    assert "holds no run" in matmend("resume", folder / "nowhere")[2]
    assert "holds something else" in begin("--checkpoint", folder)[2]
    assert "holds something else" in begin("--checkpoint", folder / "photo.png")[2]
    (folder / "run.json").write_text("{")
    assert "run.json is damaged" in matmend("resume", folder)[2]
    (folder / "run.json").write_text('{"format": 2}')
    assert "another version of matmend" in matmend("resume", folder)[2]


def test_what_is_refused_before_anything_was_saved_leaves_the_folder_free(damaged, begin, kept):
    folder, _, _ = damaged
    code, _, err = begin(*kept, "--stop", "heldout", "--holdout", "0")
    assert code == 2
    assert "held-out" in err
    assert not (folder / "kept" / "run.json").exists()
    assert begin(*kept, "-q") == (0, "", "")


def test_a_method_without_parts_says_so_and_goes_its_way(damaged, matmend):
    folder, _, _ = damaged
    code, _, err = matmend(
        "complete", folder / "photo.png", "-m", folder / "mask.png", "--method", "mean", "--checkpoint", folder / "kept"
    )
    assert code == 0
    assert "method mean has no parts that could be saved" in err
    assert not (folder / "kept").exists()


@pytest.fixture
def photo(tmp_path):
    """A photograph of two tiles, with scratches."""
    X = np.tile(np.round(255 * load_sample("camera", size=128)), (1, 5))[:40, :600].astype(np.uint8)
    missing = ~random_mask(X.shape, 0.03, seed=0)
    Image.fromarray(np.where(missing, 0, X).astype(np.uint8)).save(tmp_path / "photo.png")
    Image.fromarray((255 * missing).astype(np.uint8)).save(tmp_path / "mask.png")
    return tmp_path


@pytest.mark.parametrize("is_kept", [True, False])
def test_a_large_photo_goes_on_tile_by_tile(photo, matmend, monkeypatch, is_kept):
    asked = ("complete", photo / "photo.png", "-m", photo / "mask.png")
    assert matmend(*asked, "-o", photo / "whole.png", "-q")[0] == 0

    def end(watch, done, total):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(progress.PartWatch, "__call__", end if not is_kept else lambda *told: ends(signal.SIGTERM)())
        keeping = ("--checkpoint", photo / "kept") if is_kept else ()
        code, _, err = matmend(*asked, "-o", photo / "out.png", *keeping)
    assert not (photo / "out.png").exists()
    if not is_kept:
        assert code == 130
        assert "nothing was written" in err
        return
    assert code == 143
    assert f"matmend resume {photo / 'kept'}" in err
    code, _, err = matmend("resume", photo / "kept")
    assert code == 0
    assert "goes on after tile 1" in err
    assert (photo / "out.png").read_bytes() == (photo / "whole.png").read_bytes()
