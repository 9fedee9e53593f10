"""The methods of inpainting in the one form of all methods: from an array with gaps to a completion."""

import time
from collections.abc import Sequence
from dataclasses import replace

from numpy.typing import ArrayLike

from matmend.methods.completion import Completion, checked, finished
from matmend.methods.inpainting.completing import complete_picture, normalised, observed_range, preset_for
from matmend.methods.inpainting.filler import Filler
from matmend.methods.inpainting.opencv import FrequencyOpenCV, NavierStokes
from matmend.methods.inpainting.presets import PresetName
from matmend.methods.inpainting.smooth import Biharmonic
from matmend.methods.inpainting.tiles import OnPart
from matmend.solve import Checkpoints


def patches(
    observed: ArrayLike,
    mask: ArrayLike | None = None,
    *,
    preset: PresetName | None = None,
    seed: int = 0,
    on_part: Sequence[OnPart] = (),
    checkpoint: Checkpoints | None = None,
) -> Completion:
    """Complete a picture from its own similar patches.

    The method form of [`complete_picture`][matmend.methods.inpainting.complete_picture].

    Parameters
    ----------
    observed, mask
        As in [`complete_with`][matmend.methods.complete_with]. A matrix is taken as a gray picture: neighbouring rows
        and columns are near each other.
    preset : {"fast", "best"}, optional
        About a second, or up to half a minute, for a picture of 240 x 240; best by default up to 512 x 512, then fast.
    seed : int
        Of the places where pieces of the picture are hidden to choose and to judge.
    on_part : sequence of callables ``(done, total)``
        Progress, for pictures of more than one tile.
    checkpoint : Checkpoints, optional
        Keeps tiles that are done, for pictures of more than one.

    Returns
    -------
    Completion
        ``settings["chosen"]`` says what fills which gaps.

    Raises
    ------
    ValueError
        If the array or mask cannot be used; the message says why.

    Examples
    --------
    >>> import numpy as np
    >>> y, x = np.indices((32, 32))
    >>> picture = np.sin(x / 2) * np.cos(y / 3)
    >>> mask = np.random.default_rng(0).random(picture.shape) > 0.2
    >>> completion = patches(picture, mask, preset="fast")
    >>> bool(abs(completion.completed - picture).max() < 0.05)
    True
    """
    started = time.perf_counter()
    array, seen = checked(observed, mask)
    found = complete_picture(array, seen, preset=preset, seed=seed, on_part=on_part, checkpoint=checkpoint)
    settings = {"preset": preset or preset_for(seen.shape), "chosen": found.message}
    completion = finished(
        array, seen, found.picture, method="patches", settings=settings, started=started, message=found.message
    )
    return replace(completion, expected_rmse=found.expected_rmse)


def biharmonic(observed: ArrayLike, mask: ArrayLike | None = None, *, seed: int = 0) -> Completion:
    """Complete a picture by scikit-image's biharmonic inpainting: the smoothest surface through what is observed.

    Parameters
    ----------
    observed, mask
        As in [`complete_with`][matmend.methods.complete_with].
    seed : int
        Taken as by all methods; nothing here is random.

    Returns
    -------
    Completion

    References
    ----------
    Damelin & Hoang 2018, arXiv:1707.06567.

    Examples
    --------
    >>> import numpy as np
    >>> ramp = np.add.outer(np.arange(8.0), np.arange(8.0))
    >>> mask = np.ones((8, 8), bool)
    >>> mask[4, 4] = False
    >>> round(float(biharmonic(ramp, mask).completed[4, 4]), 3)
    8.0
    """
    del seed
    return _by(Biharmonic(), "biharmonic", observed, mask)


def navier_stokes(
    observed: ArrayLike, mask: ArrayLike | None = None, *, radius: float = 3.0, seed: int = 0
) -> Completion:
    """Complete a picture by OpenCV's Navier-Stokes inpainting; needs ``pip install "matmend[images]"``.

    Values are rounded to 8 bit: that is what OpenCV does.

    Parameters
    ----------
    observed, mask
        As in [`complete_with`][matmend.methods.complete_with].
    radius : float, default 3
        In pixels.
    seed : int
        Taken as by all methods; nothing here is random.

    Returns
    -------
    Completion

    References
    ----------
    Bertalmio, Bertozzi & Sapiro 2001, doi:10.1109/CVPR.2001.990497.
    """
    del seed
    return _by(NavierStokes(radius), "navier_stokes", observed, mask, radius=radius)


def fsr(observed: ArrayLike, mask: ArrayLike | None = None, *, seed: int = 0) -> Completion:
    """Complete a picture by OpenCV's frequency-selective reconstruction; needs ``pip install "matmend[images]"``.

    Values are rounded to 8 bit: that is what OpenCV does.

    Parameters
    ----------
    observed, mask
        As in [`complete_with`][matmend.methods.complete_with].
    seed : int
        Taken as by all methods; nothing here is random.

    Returns
    -------
    Completion

    References
    ----------
    Genser, Seiler, Schilling & Kaup 2018, "Signal and loss geometry aware frequency selective extrapolation for error
    concealment", doi:10.1109/PCS.2018.8456259.
    """
    del seed
    return _by(FrequencyOpenCV(), "fsr", observed, mask)


def _by(filler: Filler, method: str, observed: ArrayLike, mask: ArrayLike | None, **settings: float) -> Completion:
    started = time.perf_counter()
    array, seen = checked(observed, mask)
    picture, back = normalised(array, seen, *observed_range(array, seen))
    return finished(array, seen, back(filler(picture, seen)), method=method, settings=dict(settings), started=started)
