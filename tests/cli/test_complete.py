"""The command line as a person meets it: files in, files out, one line and exit code 2 for what cannot be used."""

import json
import os
import signal
import sys
import threading
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from matmend.datasets import load_sample
from matmend.masks import random_mask

FAST = ("--steps", "60", "--depth", "2", "--quiet")


def test_observed_pixels_stay_and_missing_ones_come_near_the_truth(matmend, damaged):
    folder, X, seen = damaged
    code, out, err = matmend(
        "complete", folder / "photo.png", "--mask", folder / "mask.png", "-o", folder / "out.png", "--steps", "4000",
        "--quiet",
    )  # fmt: skip
    assert (code, out, err) == (0, "", "")
    mended = np.asarray(Image.open(folder / "out.png"))
    assert mended.dtype == np.uint8
    assert mended.shape == X.shape
    np.testing.assert_array_equal(mended[seen], X[seen])
    error = np.abs(mended.astype(float) - X)[~seen].mean()
    floor = np.abs(X[seen].mean() - X.astype(float))[~seen].mean()
    assert error < 0.6 * floor


def test_colour_16_bit_png_keeps_depth_and_mode(matmend, tmp_path):
    X = np.rint(65535 * load_sample("astronaut", size=64)[:20, :28].astype(float)).astype(np.uint16)
    seen = random_mask(X.shape[:2], 0.2, seed=0)
    (tmp_path / "deep.png").write_bytes(imagecodecs.png_encode(np.where(seen[..., None], X, 0).astype(np.uint16)))
    Image.fromarray((seen * 255).astype(np.uint8)).save(tmp_path / "mask.png")
    code, _, err = matmend(
        "complete", tmp_path / "deep.png", "-m", tmp_path / "mask.png", "--missing", "black", *FAST
    )  # fmt: skip
    assert (code, err) == (0, "")
    mended = imagecodecs.png_decode((tmp_path / "deep-mended.png").read_bytes())
    assert mended.dtype == np.uint16
    assert mended.shape == X.shape
    np.testing.assert_array_equal(mended[seen], X[seen])
    assert len(np.unique(mended[~seen] % 256)) > 20  # not 8 bits blown up


def test_alpha_is_a_mask_and_becomes_opaque(matmend, tmp_path):
    rgba = np.zeros((16, 16, 4), np.uint8)
    rgba[..., :3] = np.linspace(30, 220, 16)[:, None, None]
    rgba[..., 3] = 255
    rgba[4:7, 5:9] = 0
    Image.fromarray(rgba).save(tmp_path / "clear.png")
    code, _, err = matmend("complete", tmp_path / "clear.png", *FAST)
    assert (code, err) == (0, "")
    mended = np.asarray(Image.open(tmp_path / "clear-mended.png"))
    assert mended.shape == (16, 16, 4)
    assert (mended[..., 3] == 255).all()
    outside = np.ones((16, 16), bool)
    outside[4:7, 5:9] = False
    np.testing.assert_array_equal(mended[outside], rgba[outside])


def test_nan_in_a_float_tiff_is_a_mask(matmend, tmp_path):
    X = np.outer(np.linspace(-3, 5, 18), np.ones(14)).astype(np.float32)
    X[3, 4] = X[10, 2] = np.nan
    X[7, 7] = 1e6  # beside it the others have hardly a digit left
    tifffile.imwrite(tmp_path / "heat.tif", X)
    code, _, err = matmend("complete", tmp_path / "heat.tif", *FAST)
    assert (code, err) == (0, "")
    mended = tifffile.imread(tmp_path / "heat-mended.tif")
    assert mended.dtype == np.float32
    assert np.isfinite(mended).all()
    seen = ~np.isnan(X)
    np.testing.assert_array_equal(mended[seen], X[seen])


@pytest.mark.parametrize("method", ["air", "dmf", "rdmf"])
def test_json_report_and_figures(matmend, damaged, method):
    folder, _, _ = damaged
    graphs = ("--graphs", folder / "graphs.png") if method == "air" else ()
    code, out, err = matmend(
        "complete", folder / "photo.png", "-m", folder / "mask.png", "-o", folder / "out.png", "--method", method,
        "--steps", "60", "--truth", folder / "truth.png", "--plot", folder / "curves.png", "--panel",
        folder / "panel.pdf", *graphs, "--json", "--float64", "--device", "cpu", "--depth", "2",
    )  # fmt: skip
    assert (code, err) == (0, "")
    report = json.loads(out)
    assert report["method"] == method
    assert report["steps_made"] == 60
    assert 0 < report["nmae"] < 1
    assert report["expected_rmse"] > 0
    for name in ("curves.png", "panel.pdf", *(("graphs.png",) if graphs else ())):
        assert (folder / name).stat().st_size > 2000


def test_words_for_people(matmend, damaged):
    folder, _, _ = damaged
    code, _, err = matmend(
        "complete", folder / "photo.png", "-m", folder / "mask.png", "-o", folder / "out.png", "--steps", "60"
    )
    assert code == 0
    assert f"{1 - damaged[2].mean():.2%} missing" in err
    assert "white pixels" in err
    assert "Expected error" in err
    assert f"Mended picture: {folder / 'out.png'}" in err


def test_brackets_in_names_are_printed(matmend, damaged):
    folder, _, _ = damaged
    odd = folder / "photo[red] [x]"
    odd.mkdir()
    code, _, err = matmend("complete", odd / "nowhere.png")
    assert code == 2
    assert str(odd / "nowhere.png") in err
    output = odd / "out[bold].png"
    code, _, err = matmend("complete", folder / "photo.png", "-m", folder / "mask.png", "-o", output, "--steps", "20")
    assert code == 0
    assert f"Mended picture: {output}" in err
    assert output.exists()


def test_a_large_picture_is_announced(matmend, damaged, monkeypatch):
    from matmend.cli import mend

    folder, _, _ = damaged
    arguments = ("complete", folder / "photo.png", "-m", folder / "mask.png", "--steps", "20", "--overwrite")
    assert "Large picture" not in matmend(*arguments)[2]
    monkeypatch.setattr(mend, "LARGE", 500)
    assert "Large picture" in matmend(*arguments)[2]


def test_same_seed_same_file_other_seed_another(matmend, damaged):
    folder, _, _ = damaged
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        matmend(
            "complete", folder / "photo.png", "-m", folder / "mask.png", "-o", folder / f"{name}.tif", "--seed", seed,
            *FAST,
        )  # fmt: skip
    a, b, c = ((folder / f"{name}.tif").read_bytes() for name in "abc")
    assert a == b
    assert a != c


def test_ctrl_c_leaves_a_usable_partial_result(matmend, damaged):
    folder, X, seen = damaged
    timer = threading.Timer(4.0, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    code, _, err = matmend(
        "complete", folder / "photo.png", "-m", folder / "mask.png", "-o", folder / "out.png", "--steps", "100000000",
        "--stop", "none",
    )  # fmt: skip
    timer.join()
    assert code == 0
    assert "Partial result: interrupted" in err
    mended = np.asarray(Image.open(folder / "out.png"))
    np.testing.assert_array_equal(mended[seen], X[seen])


BAD = {
    "missing file": (lambda f: ("nowhere.png",), "nowhere.png"),
    "no mask": (lambda f: (f / "photo.png",), "Nothing is missing"),
    "mask of another size": (lambda f: (f / "photo.png", "-m", f / "small.png"), "24"),
    "nothing missing": (lambda f: (f / "photo.png", "-m", f / "black.png"), "Nothing is missing"),
    "everything missing": (lambda f: (f / "photo.png", "-m", f / "black.png", "--missing", "black"), "Everything"),
    "NaN in observed pixels": (lambda f: (f / "nan.tif", "-m", f / "mask.png"), "NaN"),
    "unreadable image": (lambda f: (f / "broken.png", "-m", f / "mask.png"), "broken.png"),
    "not an image": (lambda f: (f / "text.png", "-m", f / "mask.png"), "text.png"),
    "no such folder": (lambda f: (f / "photo.png", "-m", f / "mask.png", "-o", f / "no" / "out.png"), "no"),
    "existing output": (lambda f: (f / "photo.png", "-m", f / "mask.png", "-o", f / "truth.png"), "truth.png"),
    "unknown output": (lambda f: (f / "photo.png", "-m", f / "mask.png", "-o", f / "out.xyz"), "xyz"),
    "unknown figure": (lambda f: (f / "photo.png", "-m", f / "mask.png", "--plot", f / "c.xyz"), "xyz"),
    "figure in no folder": (lambda f: (f / "photo.png", "-m", f / "mask.png", "--plot", f / "no" / "c.png"), "no"),
    "truth of another size": (lambda f: (f / "photo.png", "-m", f / "mask.png", "--truth", f / "small.png"), "truth"),
    "graphs without graphs": (
        lambda f: (f / "photo.png", "-m", f / "mask.png", "--method", "dmf", "--graphs", f / "g.png"),
        "--graphs",
    ),
    "weight without regularizer": (
        lambda f: (f / "photo.png", "-m", f / "mask.png", "--method", "dmf", "--weight", "1"),
        "--weight",
    ),
    "heldout rule without held-out entries": (
        lambda f: (f / "photo.png", "-m", f / "mask.png", "--stop", "heldout", "--holdout", "0"),
        "held-out",
    ),
    "no such method": (lambda f: (f / "photo.png", "-m", f / "mask.png", "--method", "magic"), "magic"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gives_one_line_and_destroys_nothing(matmend, damaged, case, monkeypatch):
    folder, _, _ = damaged
    Image.fromarray(np.zeros((5, 7), np.uint8)).save(folder / "small.png")
    Image.fromarray(np.zeros((24, 24), np.uint8)).save(folder / "black.png")
    X = np.ones((24, 24), np.float32)
    X[3] = np.nan
    tifffile.imwrite(folder / "nan.tif", X)
    (folder / "broken.png").write_bytes((folder / "photo.png").read_bytes()[:60])
    (folder / "text.png").write_text("no picture")
    monkeypatch.chdir(folder)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    arguments, word = BAD[case]
    code, out, err = matmend("complete", *arguments(folder), "--steps", "20")
    assert code == 2
    assert word in err
    assert "Traceback" not in err
    if case != "no such method":  # usage errors are typer's, in a box
        assert len([line for line in err.splitlines() if line.startswith("matmend:")]) == 1
        assert out == ""
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.skipif(sys.platform == "darwin", reason="a Mac may have a GPU that JAX can use")
def test_a_device_that_is_not_there_is_said(matmend, damaged):
    import jax

    if any(device.platform == "gpu" for device in jax.devices()):
        pytest.skip("this machine has a GPU, so nothing is to be refused")
    folder, _, _ = damaged
    code, _, err = matmend("complete", folder / "photo.png", "-m", folder / "mask.png", "--device", "gpu", *FAST)
    assert code == 2
    assert "No gpu" in err


def test_demo(matmend, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, err = matmend("demo", "--size", "64", "--steps", "300")
    assert code == 0
    assert "Mended picture: matmend-demo/mended.png" in err
    assert "NMAE" in err
    made = {path.name for path in Path("matmend-demo").iterdir()}
    assert made == {"truth.png", "damaged.png", "mask.png", "mended.png", "curves.png", "panel.png", "laplacians.png"}
    # A second demonstration replaces the first.
    assert matmend("demo", "--size", "64", "--steps", "60", "--quiet")[0] == 0


def test_demo_into_a_file_is_refused(matmend, tmp_path):
    (tmp_path / "file").write_text("mine")
    code, _, err = matmend("demo", "--folder", tmp_path / "file", "--steps", "20")
    assert code == 2
    assert "needs a folder" in err
    assert (tmp_path / "file").read_text() == "mine"


def test_version_and_help(matmend):
    code, out, _ = matmend("--version")
    assert code == 0
    assert out.startswith("matmend ")
    assert matmend("complete", "--help")[0] == 0


def test_help_does_not_start_jax():
    import subprocess

    program = "import sys\nfrom matmend.cli import app\nprint('jax' in sys.modules, 'matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
