"""``matmend complete --intervals`` on a picture: between which values every missing pixel lies."""

import contextlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from matmend.cli.inputs import plain
from matmend.cli.intervals import Holds, Widths, containing, facts
from matmend.cli.progress import telling_of_ctrl_c
from matmend.io import Picture, is_lossy
from matmend.methods import Completion
from matmend.trust import Intervals, intervals


@dataclass(frozen=True, eq=False)
class Bounds:
    """Two pictures, and what there is to report of them.

    Parameters
    ----------
    sides : dict
        ``"lower"`` and ``"upper"``, float arrays of shape (h, w, c) in [0, 1].
    report : dict
    intervals : Intervals
        With the same bounds, in the shape of what the method was given.
    """

    sides: dict[str, NDArray[np.floating]]
    report: dict[str, Any]
    intervals: Intervals


def without_loss(target: Path) -> Path:
    """Return where a picture goes that must not be changed by its format: JPEG would move the bounds.

    Examples
    --------
    >>> without_loss(Path("photo.jpg")).name, without_loss(Path("scan.tif")).name
    ('photo.png', 'scan.tif')
    """
    return target.with_suffix(".png") if is_lossy(target) else target


def intervals_of(
    picture: Picture,
    completion: Completion,
    truth: NDArray[np.floating] | None,
    *,
    method: str,
    settings: dict[str, Any],
    coverage: float,
    seed: int,
    visible: bool,
) -> Bounds:
    """Set pixels aside, complete the picture without them, and return bounds that contain the mended picture.

    Parameters
    ----------
    picture : Picture
    completion : Completion
        Of the whole picture.
    truth : array of shape (h, w, c), optional
    method, settings : str, dict
        As they made the completion.
    coverage : float
    seed : int
    visible : bool
        Whether to show that it goes on.

    Returns
    -------
    Bounds
        Clipped to the full range; both are the value at observed pixels.
    """
    seen = completion.mask
    known = plain(picture).astype(completion.completed.dtype, copy=False)
    status = Console(stderr=True).status("calibrating intervals") if visible else contextlib.nullcontext()
    with telling_of_ctrl_c(), status:
        found = intervals(known, seen, method=method, coverage=coverage, seed=seed, settings=settings)
    filled = np.clip(completion.completed, 0, 1)
    lower, upper = containing(np.clip(found.lower, 0, 1), np.clip(found.upper, 0, 1), filled)
    widths = Widths()
    widths.add(lower[~seen], upper[~seen])
    report = facts(widths, coverage, found.calibration, Holds.IN_GAPS if found.is_shaped else Holds.BY_CHANCE)
    shape = picture.pixels.shape
    sides = {"lower": lower.reshape(shape), "upper": upper.reshape(shape)}
    if truth is not None:
        slack = 1e-6  # of float32, in which both were read
        is_within = (sides["lower"] - slack <= truth) & (truth <= sides["upper"] + slack)
        report["covered"] = float(is_within[~seen].mean())
    return Bounds(sides, report, replace(found, lower=lower, upper=upper))
