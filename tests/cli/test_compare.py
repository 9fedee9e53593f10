"""``matmend compare`` as a person meets it."""

import json
import os
import signal

import numpy as np
import pytest
from PIL import Image

from matmend import methods
from matmend.masks import matched_holdout
from matmend.methods import Completion

QUICK = "mean,zeros,knn,iterative_svd"


def test_the_report_is_that_of_the_pixels(matmend, damaged):
    """The error of the mean is known by hand: from the held-out pixels and the mean of the others."""
    folder, X, seen = damaged
    X = X / np.float32(255)
    code, out, err = matmend(
        "compare", folder / "photo.png", "-m", folder / "mask.png", "--methods", QUICK, "--seed", "3", "--truth",
        folder / "truth.png", "--json", "-o", folder / "report.json", "--panel", folder / "panel.png",
    )  # fmt: skip
    assert (code, err) == (0, "")
    report = json.loads(out)
    assert report == json.loads((folder / "report.json").read_text())
    assert report["missing"] == pytest.approx(1 - seen.mean())
    scores = {score["method"]: score for score in report["scores"]}
    assert set(scores) == set(QUICK.split(","))
    errors = [score["nmae"] for score in report["scores"]]
    assert errors == sorted(errors)
    train, held = matched_holdout(seen, 0.1, seed=3)
    mean = X[train].mean()
    assert scores["mean"]["nmae"] == pytest.approx(np.abs(mean - X[held]).mean() / np.ptp(X[seen]), rel=1e-5)
    assert scores["mean"]["rmse"] == pytest.approx(np.sqrt(np.mean((mean - X[held]) ** 2)), rel=1e-5)
    assert scores["mean"]["true_nmae"] == pytest.approx(np.abs(mean - X[~seen]).mean() / np.ptp(X), rel=1e-5)
    assert np.asarray(Image.open(folder / "panel.png")).size > 10_000


def test_table_and_winner(matmend, damaged, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    folder, _, _ = damaged
    code, out, err = matmend("compare", folder / "photo.png", "-m", folder / "mask.png", "--methods", "zeros, mean")
    assert code == 0
    lines = out.splitlines()
    assert max(map(len, lines)) <= 100
    assert [word for line in lines for word in ("mean", "zeros") if f" {word} " in line] == ["mean", "zeros"]
    assert "true" not in out
    assert "hidden in the shape of what is missing: mean." in err
    assert f"matmend complete {folder / 'photo.png'} --mask {folder / 'mask.png'} --method mean" in err
    assert matmend("compare", folder / "photo.png", "-m", folder / "mask.png", "--methods", "mean", "-q")[1:] == (
        "",
        "",
    )


def test_trained_methods_take_the_steps_and_all_methods_run_by_default(matmend, damaged, monkeypatch):
    folder, _, _ = damaged
    for slow in ("patches", "air", "rdmf", "dmf_de", "pnmc"):  # they take long to compile; air goes the way of dmf
        monkeypatch.setitem(methods.registry, slow, methods.registry["mean"])
    code, out, _ = matmend("compare", folder / "photo.png", "-m", folder / "mask.png", "--steps", "30", "--json")
    assert code == 0
    scores = {score["method"]: score for score in json.loads(out)["scores"]}
    assert set(scores) == set(methods.runnable())
    assert all(score["nmae"] is not None for score in scores.values())
    assert scores["dmf"]["message"] == "all steps were made"
    assert scores["dmf"]["nmae"] < scores["zeros"]["nmae"] * 1.5


def test_by_default_only_what_is_installed_runs_and_the_rest_says_what_it_needs(matmend, damaged, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    folder, _, _ = damaged
    for name in set(methods.registry) - {"fsr", "navier_stokes"}:
        monkeypatch.setitem(methods.registry, name, methods.registry["mean"])
    monkeypatch.setattr("matmend.methods.comparison.has_opencv", lambda: False)

    def missing(module):
        raise ImportError(module)

    monkeypatch.setattr("matmend.methods.inpainting.opencv.importlib.import_module", missing)
    arguments = ("compare", folder / "photo.png", "-m", folder / "mask.png")
    code, out, _ = matmend(*arguments, "--json")
    assert code == 0
    assert {score["method"] for score in json.loads(out)["scores"]} == set(methods.registry) - {"fsr", "navier_stokes"}
    code, out, _ = matmend(*arguments, "--methods", "fsr,mean", "--json")
    assert code == 0
    scores = {score["method"]: score for score in json.loads(out)["scores"]}
    assert scores["fsr"]["nmae"] is None
    assert 'pip install "matmend[images]"' in scores["fsr"]["message"]


def test_a_matrix_with_nan(matmend, tmp_path):
    X = np.outer(np.arange(1.0, 21.0), np.arange(1.0, 16.0))
    X[np.random.default_rng(0).random(X.shape) < 0.2] = np.nan
    np.save(tmp_path / "table.npy", X)
    arguments = ("compare", tmp_path / "table.npy", "--methods", "mean,soft_impute", "--panel", tmp_path / "p.png")
    code, out, err = matmend(*arguments)
    assert code == 0
    assert "20 rows, 15 columns, matrix" in err
    assert f"matmend complete {tmp_path / 'table.npy'} --method soft_impute" in err
    assert out.index("soft_impute") < out.index("mean")
    assert np.asarray(Image.open(tmp_path / "p.png")).size > 10_000


def test_ctrl_c_prints_what_is_finished(matmend, damaged, monkeypatch, request):
    folder, _, _ = damaged

    def interrupted(*arguments, **settings) -> Completion:
        os.kill(os.getpid(), signal.SIGINT)
        raise AssertionError("the signal comes first")

    monkeypatch.setitem(methods.registry, "knn", interrupted)
    # Where the tests themselves run in the background, the signal is ignored by inheritance.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    arguments = ("compare", folder / "photo.png", "-m", folder / "mask.png", "--methods")
    code, out, err = matmend(*arguments, "mean,knn,zeros")
    assert code == 0
    assert "mean" in out
    assert "zeros" not in out
    assert "1 of 3 methods are finished" in err
    assert matmend(*arguments, "knn,zeros")[0] == 130


def test_when_all_fail_the_reason_is_said(matmend, damaged, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    folder, _, _ = damaged

    def broken(*arguments, **settings) -> Completion:
        raise RuntimeError("out of [paper]")

    monkeypatch.setitem(methods.registry, "knn", broken)
    arguments = ("compare", folder / "photo.png", "-m", folder / "mask.png", "--methods")
    code, out, err = matmend(*arguments, "knn")
    assert code == 2
    assert "RuntimeError: out of [paper]" in out
    assert "No method could complete" in err
    code, out, _ = matmend(*arguments, "knn,zeros")
    assert code == 0
    assert out.index("zeros") < out.index("RuntimeError: out of [paper]")


BAD = {
    "unknown method": (lambda f: (f / "photo.png", "-m", f / "mask.png", "--methods", "mean,magic"), "magic"),
    "no method": (lambda f: (f / "photo.png", "-m", f / "mask.png", "--methods", ","), "No method was named"),
    "nothing missing": (lambda f: (f / "photo.png",), "Nothing is missing"),
    "truth of another size": (lambda f: (f / "photo.png", "-m", f / "mask.png", "--truth", f / "cube.npy"), "cube.npy"),
    "not a matrix": (lambda f: (f / "cube.npy",), "cube.npy"),
    "a pickle": (lambda f: (f / "pickle.npy",), "pickle.npy"),
    "no such matrix": (lambda f: (f / "nowhere.npy",), "nowhere.npy"),
    "existing report": (lambda f: (f / "photo.png", "-m", f / "mask.png", "-o", f / "truth.png"), "truth.png"),
    "unknown figure": (lambda f: (f / "photo.png", "-m", f / "mask.png", "--panel", f / "p.xyz"), "xyz"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gives_one_line_and_destroys_nothing(matmend, damaged, case):
    folder, _, _ = damaged
    np.save(folder / "cube.npy", np.zeros((2, 3, 4)))
    np.save(folder / "pickle.npy", np.array([{"a": 1}]), allow_pickle=True)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    arguments, word = BAD[case]
    code, out, err = matmend("compare", *arguments(folder))
    assert (code, out) == (2, "")
    assert word in err
    assert len([line for line in err.splitlines() if line.startswith("matmend:")]) == 1
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
