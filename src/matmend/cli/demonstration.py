"""``matmend demo``: the main job on a picture that everybody has."""

from pathlib import Path

import numpy as np

from matmend.cli.console import literal, say
from matmend.cli.mend import Request, Training, mend
from matmend.cli.settings import is_trained
from matmend.datasets import load_sample
from matmend.io import Storage, write_picture
from matmend.masks import random_mask


def demonstrate(folder: Path, *, size: int, missing: float, training: Training, quiet: bool = False) -> None:
    """Damage scikit-image's `camera`, mend it by ``matmend complete``, and compare with the original.

    Parameters
    ----------
    folder : Path
        Made if it does not exist. Files of an earlier demonstration in it are replaced.
    size : int
        Side of the picture in pixels.
    missing : float
        Share of the pixels taken away.
    training : Training
    quiet : bool

    Raises
    ------
    ValueError
        If the folder cannot be made or written to.
    """
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file; the demonstration needs a folder: choose another with --folder.")
    folder.mkdir(parents=True, exist_ok=True)
    truth = load_sample("camera", size=size)[..., None]
    mask = random_mask((size, size), missing, seed=training.seed)
    gray = Storage(bands="gray")
    write_picture(folder / "truth.png", truth, gray, overwrite=True)
    write_picture(folder / "damaged.png", np.where(mask[..., None], truth, 0), gray, overwrite=True)
    write_picture(folder / "mask.png", mask[..., None].astype(np.float32), gray, overwrite=True)
    if not quiet:
        here = literal(folder)
        say(
            f"The same by hand: [bold]matmend complete {here}/damaged.png --mask {here}/mask.png --missing black "
            "-o mended.png[/]"
        )
    mend(
        Request(
            folder / "damaged.png",
            folder / "mended.png",
            folder / "mask.png",
            "black",
            truth=folder / "truth.png",
            plot=folder / "curves.png" if is_trained(training.method) else None,
            panel=folder / "panel.png",
            graphs=folder / "laplacians.png" if training.method == "air" else None,
            overwrite=True,
        ),
        training,
        quiet=quiet,
    )
