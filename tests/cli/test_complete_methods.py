"""``matmend complete --method``: all methods are offered, and each is told what it does not take."""

import json
from typing import get_args

import numpy as np
import pytest
from PIL import Image

from matmend.cli.names import MethodName
from matmend.methods import registry
from matmend.methods.inpainting.opencv import has_opencv

OTHERS = ("knn", "iterative_svd", "soft_impute", "glrl", "pnmc", "biharmonic", "mean", "zeros")
"""Not trained step by step."""
OF_OPENCV = [
    pytest.param(name, marks=pytest.mark.skipif(not has_opencv(), reason="OpenCV is not installed"))
    for name in ("navier_stokes", "fsr")
]


@pytest.mark.parametrize("method", [*OTHERS, *OF_OPENCV])
def test_methods_without_training(matmend, damaged, method):
    folder, X, seen = damaged
    steps = ("--steps", "20") if method == "pnmc" else ()
    code, out, err = matmend(
        "complete", folder / "photo.png", "-m", folder / "mask.png", "-o", folder / "out.png", "--method", method,
        "--truth", folder / "truth.png", "--panel", folder / "panel.png", "--json", *steps,
    )  # fmt: skip
    assert (code, err) == (0, "")
    report = json.loads(out)
    assert (report["method"], report["depth"], report["weight"], report["stop"]) == (method, None, None, None)
    assert report["steps"] == {"iterative_svd": 200, "soft_impute": 500, "glrl": 200, "pnmc": 20}.get(method)
    assert report["holdout"] == (0.05 if method in ("soft_impute", "glrl") else None)
    assert report["nmae"] >= 0
    np.testing.assert_array_equal(np.asarray(Image.open(folder / "out.png"))[seen], X[seen])
    assert (folder / "panel.png").stat().st_size > 2000


def test_words_for_people_without_training(matmend, damaged):
    folder, _, _ = damaged
    code, _, err = matmend("complete", folder / "photo.png", "-m", folder / "mask.png", "--method", "knn")
    assert code == 0
    assert "Method knn" in err
    assert "step" not in err
    assert f"Mended picture: {folder / 'photo-mended.png'}" in err


@pytest.mark.parametrize(
    ("method", "option", "takers"),
    [
        ("knn", "--depth", "air, dmf, rdmf, dmf_de"),
        ("dmf", "--weight", "air, rdmf, dmf_de"),
        ("mean", "--steps", "air, dmf, rdmf, dmf_de, gaussian, iterative_svd, soft_impute, glrl, pnmc"),
        ("pnmc", "--stop", "air, dmf, rdmf, dmf_de"),
        ("iterative_svd", "--holdout", "air, dmf, rdmf, dmf_de, gaussian, soft_impute, glrl"),
        ("soft_impute", "--plot", "air, dmf, rdmf, dmf_de"),
        ("patches", "--plot", "air, dmf, rdmf, dmf_de"),
        ("patches", "--steps", "air, dmf, rdmf, dmf_de, gaussian, iterative_svd, soft_impute, glrl, pnmc"),
        ("air", "--preset", "patches"),
        ("fsr", "--preset", "patches"),
    ],
)
def test_an_option_that_a_method_does_not_take_is_refused(matmend, damaged, method, option, takers):
    folder, _, _ = damaged
    values = {"--stop": "none", "--plot": folder / "curves.png", "--weight": "0.5", "--holdout": "0.1"}
    value = (values | {"--preset": "fast"}).get(option, "3")
    code, out, err = matmend(
        "complete", folder / "photo.png", "-m", folder / "mask.png", "--method", method, option, value
    )
    assert (code, out) == (2, "")
    assert err == (f"matmend: Method {method} does not take {option}: leave it out, or use one that does: {takers}.\n")
    assert not (folder / "photo-mended.png").exists()


def test_all_methods_are_offered_in_their_order():
    assert get_args(MethodName) == tuple(registry)
