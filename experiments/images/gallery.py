"""A gallery: photographs with the damage that people have, before, after, and as other tools would have it.

Two free photographs that ship with scikit-image, six kinds of damage: scattered pixels, dust, scratches, writing, dead
columns, and holes. Beside matmend's `patches` stand scikit-image's biharmonic inpainting and, where OpenCV is
installed (``pip install "matmend[images]"``), its Navier-Stokes and frequency-selective methods.

Claims, in numbers (NMAE on the missing pixels): the best preset beats every other tool that is installed, on all but
one of the pictures at most; the fast one beats biharmonic inpainting on all.

``python -m experiments.images.gallery`` takes some three minutes on four cores; ``--quick`` runs two small pictures
with the fast preset.
"""

import importlib.util
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from experiments._harness import cells, main
from experiments.air._records import packed, unpacked
from matmend.datasets import load_sample
from matmend.masks import dead_columns_mask, dust_mask, patch_mask, random_mask, scratch_mask, text_mask
from matmend.methods import registry
from matmend.metrics import nmae, psnr
from matmend.plots import MISSING_COLOUR

NAMES = {
    "best": "matmend, best",
    "fast": "matmend, fast",
    "biharmonic": "biharmonic",
    "navier_stokes": "Navier-Stokes",
    "fsr": "OpenCV FSR",
}
NEEDS_OPENCV = {"navier_stokes", "fsr"}


@dataclass(frozen=True)
class Case:
    """A photograph and what has happened to it."""

    photo: str
    damage: str
    size: int = 256

    @property
    def name(self) -> str:
        """What results are called."""
        return f"{self.photo}-{self.damage}-{self.size}"

    def load(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the truth and the mask."""
        X_true = load_sample(self.photo, size=self.size)
        shape, s = (self.size, self.size), self.size
        damages = {
            "pixels": lambda: random_mask(shape, 0.5, seed=1),
            "dust": lambda: dust_mask(shape, missing=0.04, size=8, seed=1),
            "scratches": lambda: scratch_mask(shape, count=10, width=4, seed=1),
            "writing": lambda: text_mask(shape),
            "columns": lambda: dead_columns_mask(shape, missing=0.05, seed=1),
            "holes": lambda: patch_mask(
                shape,
                [((s // 8, s // 4), (s // 8, s // 4)), ((5 * s // 8, 3 * s // 4), (5 * s // 8, 3 * s // 4))],
            ),
        }
        return X_true, damages[self.damage]()


@dataclass(frozen=True)
class Config:
    """What is run."""

    cases: tuple[Case, ...]
    methods: tuple[str, ...]


def _installed(*methods: str) -> tuple[str, ...]:
    has_opencv = importlib.util.find_spec("cv2") is not None
    return tuple(method for method in methods if has_opencv or method not in NEEDS_OPENCV)


def paper() -> Config:
    """Return the whole gallery."""
    damages = ("pixels", "dust", "scratches", "writing", "columns", "holes")
    cases = tuple(Case("astronaut" if k % 2 == 0 else "camera", damage) for k, damage in enumerate(damages))
    return Config(cases, _installed(*NAMES))


def quick() -> Config:
    """Return a setting of seconds."""
    return Config((Case("camera", "pixels", 64), Case("camera", "scratches", 64)), ("fast", "biharmonic"))


def compute(config: Config, folder: Path | None = None) -> dict[str, Any]:
    """Fill every picture by every method."""
    todo = {
        f"{method}-{case.name}": partial(_filled, method, case) for case in config.cases for method in config.methods
    }
    return {"cells": cells(folder, None, todo)}


def _filled(method: str, case: Case) -> dict[str, Any]:
    X_true, mask = case.load()
    name, settings = ("patches", {"preset": method}) if method in ("fast", "best") else (method, {})
    damaged = np.where(mask if X_true.ndim == 2 else mask[..., None], X_true, np.nan).astype(np.float32)
    done = registry[name](damaged, mask, **settings)
    completed = np.clip(done.completed, 0, 1)
    return {
        "nmae": nmae(completed, X_true, mask),
        "psnr": psnr(completed, X_true),
        "expected_rmse": done.expected_rmse,
        "rmse": float(np.sqrt(np.mean((completed - X_true)[~mask] ** 2))),
        "seconds": done.seconds,
        "message": done.message,
        "picture": [packed(plane) for plane in np.moveaxis(np.atleast_3d(completed), 2, 0)],
    }


def check(result: dict[str, Any]) -> None:
    """Assert the claims."""
    config, done = result["config"], result["cells"]
    beaten = []
    for asked in config["cases"]:
        case = Case(**asked)
        error = {method: done[f"{method}-{case.name}"]["nmae"] for method in config["methods"]}
        print(case.name, ", ".join(f"{NAMES[method]} {found:.4f}" for method, found in error.items()))
        assert error["fast"] < error["biharmonic"], f"{case.name}: the fast preset is behind biharmonic: {error}"
        if "best" in error:
            others = [found for method, found in error.items() if method not in ("fast", "best")]
            beaten += [case.name] if error["best"] > min(others) else []
    assert len(beaten) <= 1, f"another tool is better on {beaten}"


def draw(result: dict[str, Any]) -> Figure:
    """Draw what was given, what every method made of it, and the truth; the NMAE in the titles."""
    config, done = result["config"], result["cells"]
    columns = 2 + len(config["methods"])
    figure = Figure(figsize=(2.7 * columns, 2.9 * len(config["cases"])), layout="constrained")
    panels = figure.subplots(len(config["cases"]), columns, squeeze=False)
    for line, asked in zip(panels, config["cases"], strict=True):
        case = Case(**asked)
        X_true, mask = case.load()
        shown = {
            f"{case.damage}: {1 - mask.mean():.0%} missing": np.where(mask[..., None], _rgb(X_true), MISSING_COLOUR)
        }
        for method in config["methods"]:
            found = done[f"{method}-{case.name}"]
            planes = [unpacked(plane) for plane in found["picture"]]
            shown[f"{NAMES[method]} {found['nmae']:.4f}"] = _rgb(np.stack(planes, axis=2))
        shown["truth"] = _rgb(X_true)
        for axes, (title, picture) in zip(line, shown.items(), strict=True):
            axes.imshow(np.clip(picture, 0, 1), interpolation="nearest")
            axes.set_title(title, fontsize=10)
            axes.set_axis_off()
    return figure


def _rgb(picture: np.ndarray) -> np.ndarray:
    planes = np.atleast_3d(picture)
    return np.repeat(planes, 3, axis=2) if planes.shape[2] == 1 else planes


if __name__ == "__main__":
    main("images-gallery", paper=paper, quick=quick, compute=compute, check=check, draw=draw)
