"""The program run in this process, and a picture for it to mend."""

import sys

import numpy as np
import pytest
from PIL import Image

from matmend.cli import main
from matmend.datasets import load_sample
from matmend.masks import random_mask


def run(monkeypatch, capsys, *arguments):
    """Run the program; return exit code, standard output and standard error."""
    monkeypatch.setattr(sys, "argv", ["matmend", *map(str, arguments)])
    code = 0
    try:
        main()
    except SystemExit as exit_:
        code = exit_.code or 0
    out, err = capsys.readouterr()
    return code, out, err


@pytest.fixture
def matmend(monkeypatch, capsys):
    return lambda *arguments: run(monkeypatch, capsys, *arguments)


@pytest.fixture
def damaged(tmp_path):
    """A 24 x 24 gray picture with 30 % missing, and its mask in the convention white = missing."""
    X = np.round(255 * load_sample("camera", size=64)[20:44, 10:34]).astype(np.uint8)
    seen = random_mask(X.shape, 0.3, seed=1)
    Image.fromarray(np.where(seen, X, 0).astype(np.uint8)).save(tmp_path / "photo.png")
    Image.fromarray(np.where(seen, 0, 255).astype(np.uint8)).save(tmp_path / "mask.png")
    Image.fromarray(X).save(tmp_path / "truth.png")
    return tmp_path, X, seen
