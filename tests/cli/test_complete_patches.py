"""``matmend complete`` as it is without options: from the picture's own patches."""

import json

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from matmend.cli.mend import Training
from matmend.datasets import load_sample
from matmend.masks import random_mask
from matmend.methods.inpainting.presets import FAST, PRESETS


@pytest.fixture
def quick(monkeypatch):
    """The best preset, with its name and the work of the fast one."""
    monkeypatch.setitem(PRESETS, "best", FAST)


@pytest.fixture
def clear(tmp_path):
    """A 32 x 40 colour picture with a hole and scattered pixels, all of them transparent."""
    rgb = np.round(255 * load_sample("astronaut", size=64)[12:44, 10:50]).astype(np.uint8)
    seen = random_mask(rgb.shape[:2], 0.1, seed=3)
    seen[8:24, 12:28] = False
    rgba = np.dstack([np.where(seen[..., None], rgb, 0), np.where(seen, 255, 0)]).astype(np.uint8)
    Image.fromarray(rgba).save(tmp_path / "clear.png")
    Image.fromarray(rgb).save(tmp_path / "truth.png")
    return tmp_path, rgb, seen


def test_colour_with_an_alpha_hole_by_default(matmend, clear, quick):
    folder, rgb, seen = clear
    code, out, err = matmend("complete", folder / "clear.png")
    assert (code, out) == (0, "")
    err = " ".join(err.split())
    assert "Method patches," in err
    assert "Filled by scattered and thin gaps by Gaussians of 8 x 8 patches; gap 1: " in err
    assert "Expected error (RMS)" in err
    assert "measured on pixels held out in the shape of what is missing." in err
    assert f"Mended picture: {folder / 'clear-mended.png'}" in err
    mended = np.asarray(Image.open(folder / "clear-mended.png"))
    assert mended.shape == (*rgb.shape[:2], 4)
    assert mended.dtype == np.uint8
    assert (mended[..., 3] == 255).all()
    np.testing.assert_array_equal(mended[seen][:, :3], rgb[seen])
    error = np.abs(mended[..., :3].astype(float) - rgb)[~seen].mean()
    floor = np.abs(rgb[seen].mean(axis=0) - rgb.astype(float))[~seen].mean()
    assert error < 0.5 * floor


def test_json_has_what_scripts_read(matmend, clear, quick):
    folder, _, seen = clear
    code, out, err = matmend("complete", folder / "clear.png", "--truth", folder / "truth.png", "--json")
    assert (code, err) == (0, "")
    report = json.loads(out)
    keys = {"output", "missing", "method", "preset", "seed", "ended", "is_partial", "expected_rmse", "seconds", "nmae"}
    assert keys <= set(report)
    assert (report["method"], report["preset"], report["is_partial"]) == ("patches", "best", False)
    assert {report[name] for name in ("depth", "steps", "weight", "holdout", "stop")} == {None}
    assert report["missing"] == pytest.approx(1 - seen.mean())
    assert "gap 1: " in report["ended"]
    assert report["rmse"] / 3 < report["expected_rmse"] < 3 * report["rmse"]


def test_the_fast_preset(matmend, damaged):
    folder, X, seen = damaged
    code, out, _ = matmend(
        "complete", folder / "photo.png", "-m", folder / "mask.png", "-o", folder / "out.png", "--preset", "fast",
        "--json",
    )  # fmt: skip
    assert code == 0
    report = json.loads(out)
    assert (report["method"], report["preset"]) == ("patches", "fast")
    np.testing.assert_array_equal(np.asarray(Image.open(folder / "out.png"))[seen], X[seen])


def test_a_jpeg_says_that_observed_pixels_change_and_a_page_is_called_one(matmend, damaged):
    folder, X, seen = damaged
    asked = ("complete", folder / "photo.png", "-m", folder / "mask.png", "--method", "mean")
    code, _, err = matmend(*asked, "-o", folder / "out.jpg", "--report", folder / "page.html")
    assert code == 0
    assert (np.asarray(Image.open(folder / "out.jpg")) != X)[seen].any()
    assert "JPEG: it is compressed anew, which changes observed pixels a little" in err
    assert f"Page: {folder / 'page.html'}" in err
    assert "Figure" not in err
    assert "JPEG" not in matmend(*asked, "-o", folder / "out.png")[2]


def test_an_unknown_preset_is_refused(matmend, damaged):
    folder, _, _ = damaged
    code, _, err = matmend("complete", folder / "photo.png", "-m", folder / "mask.png", "--preset", "good")
    assert code == 2
    assert "good" in err
    assert not (folder / "photo-mended.png").exists()


def test_16_bits_stay_16_bits(matmend, tmp_path):
    X = np.rint(65535 * load_sample("astronaut", size=64)[:24, :28].astype(float)).astype(np.uint16)
    seen = random_mask(X.shape[:2], 0.2, seed=0)
    (tmp_path / "deep.png").write_bytes(imagecodecs.png_encode(np.where(seen[..., None], X, 0).astype(np.uint16)))
    Image.fromarray((seen * 255).astype(np.uint8)).save(tmp_path / "mask.png")
    code, out, err = matmend(
        "complete", tmp_path / "deep.png", "-m", tmp_path / "mask.png", "--missing", "black", "--preset", "fast", "-q"
    )
    assert (code, out, err) == (0, "", "")
    mended = imagecodecs.png_decode((tmp_path / "deep-mended.png").read_bytes())
    assert mended.dtype == np.uint16
    assert mended.shape == X.shape
    np.testing.assert_array_equal(mended[seen], X[seen])
    assert len(np.unique(mended[~seen] % 256)) > 20  # not 8 bits blown up


@pytest.mark.parametrize("more", [("--float64",), ("--device", "cpu")])
def test_precision_and_device_can_be_asked_for(matmend, damaged, more):
    """Threads work in the precision and on the device of the command."""
    folder, X, seen = damaged
    code, _, err = matmend(
        "complete", folder / "photo.png", "-m", folder / "mask.png", "-o", folder / "out.png", "--method", "patches",
        "--preset", "fast", "-q", *more,
    )  # fmt: skip
    assert (code, err) == (0, "")
    np.testing.assert_array_equal(np.asarray(Image.open(folder / "out.png"))[seen], X[seen])


@pytest.mark.parametrize(
    ("asked", "method"),
    [
        ({}, "patches"),
        ({"seed": 3, "device": "cpu"}, "patches"),
        ({"preset": "best"}, "patches"),
        ({"shows_training": True}, "air"),
        ({"float64": True}, "air"),
        *(({name: value}, "air") for name, value in (("depth", 2), ("steps", 9), ("weight", 0.0), ("holdout", 0.0))),
        ({"stop": "none"}, "air"),
        ({"method": "mean", "steps": 9}, "mean"),
        ({"method": "patches", "steps": 9}, "patches"),
    ],
)
def test_what_only_training_has_asks_for_training(asked, method):
    made = Training.asked(**{"method": None, **asked})
    assert made.method == method
    for name in set(asked) - {"method", "shows_training"}:
        assert getattr(made, name) == asked[name]


def test_a_preset_and_steps_at_once_are_refused(matmend, damaged):
    folder, _, _ = damaged
    code, _, err = matmend(
        "complete", folder / "photo.png", "-m", folder / "mask.png", "--preset", "fast", "--steps", "20"
    )
    assert code == 2
    assert "does not take --preset: leave it out, or use one that does: patches." in " ".join(err.split())


def test_demo_by_default(matmend, tmp_path, quick):
    code, _, err = matmend("demo", "--size", "64", "--folder", tmp_path / "demo")
    assert code == 0
    assert "Method patches," in err
    assert "NMAE" in err
    made = {path.name for path in (tmp_path / "demo").iterdir()}
    assert made == {"truth.png", "damaged.png", "mask.png", "mended.png", "panel.png"}


def test_the_device_asked_for_is_that_of_all_threads():
    from concurrent.futures import ThreadPoolExecutor

    import jax

    from matmend.cli.device import on_device

    before = jax.config.values["jax_default_device"]
    with on_device("cpu"), ThreadPoolExecutor(1) as pool:
        assert (
            pool.submit(lambda: jax.config.values["jax_default_device"]).result() == jax.local_devices(backend="cpu")[0]
        )
    assert jax.config.values["jax_default_device"] == before
