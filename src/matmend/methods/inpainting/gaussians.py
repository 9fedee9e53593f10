"""Gaussian models of groups of similar patches: gaps get their mean given what is observed of each patch."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array
from numpy.typing import NDArray

from matmend.methods.inpainting.filler import Filler, Observed, Picture, put_back
from matmend.methods.inpainting.smooth import Biharmonic
from matmend.methods.inpainting.workers import workers
from matmend.patches import Lines, aggregated, box_sums, corners_of, estimated_patches, most_neighbors, nearest

MANY = 640 * 1024
"""Numbers in the patches of all groups that a thread works on at once: 2.5 MB, about what a processor core caches."""


@dataclass(frozen=True)
class PatchGaussians:
    """Gaps from patches that look alike: each group is a Gaussian, each gap its mean given the rest of the patch.

    Parameters
    ----------
    size : int, default 8
        Side of a patch; smaller in pictures narrower than twice that.
    stride : int, default 4
        Steps from one patch to the next, at most `size`.
    neighbors : int, default 160
        Patches of a group; fewer where the window does not hold that many.
    window : int, default 15
        Rows and columns to each side in which similar patches are looked for.
    rounds : int, default 6
        How often the gaps are estimated, each time with groups made of the last estimates.
    searches : tuple of int, default (0, 1, 3)
        The rounds that look for similar patches anew.
    ridge : (float, float), default (1e-3, 1e-4)
        Variance of the noise in the first and in the last round, geometric in between, for pictures in [0, 1].
    spread : float, default 0.01
        What is added to it: this part of the mean variance of the pixels of a group.
    trust : float, default 0.1
        How much an estimated pixel counts in the comparison of patches, where an observed one counts 1.
    start : Filler, default ``Biharmonic()``
        The first estimate.

    Notes
    -----
    Only patches that touch a gap are estimated: others would change nothing. Colour is compared over all channels, then
    each of the decorrelated channels (principal axes of the observed colours) has Gaussians of its own in these groups.
    Patches are shared out to threads in parts of one shape and added up in one order, so the result
    does not depend on the number of threads.

    References
    ----------
    Lebrun, Buades & Morel 2013, A nonlocal Bayesian image denoising algorithm, doi:10.1137/120874989.
    Yu, Sapiro & Mallat 2012, Solving inverse problems with piecewise linear estimators, doi:10.1109/TIP.2011.2176743.

    Examples
    --------
    >>> rows = np.arange(20)
    >>> picture = (np.sin(rows)[:, None] * np.cos(rows))[..., None].astype(np.float32)
    >>> observed = np.random.default_rng(0).random((20, 20)) > 0.2
    >>> filled = PatchGaussians(size=5, stride=2)(picture, observed)
    >>> bool(np.abs(filled - picture).mean() < 0.01)
    True
    """

    size: int = 8
    stride: int = 4
    neighbors: int = 160
    window: int = 15
    rounds: int = 6
    searches: tuple[int, ...] = (0, 1, 3)
    ridge: tuple[float, float] = (1e-3, 1e-4)
    spread: float = 0.01
    trust: float = 0.1
    start: Filler = field(default_factory=Biharmonic)

    def __post_init__(self) -> None:
        smallest = min(self.size, self.stride, self.neighbors, self.window, self.rounds)
        if smallest < 1:
            raise ValueError(f"Sizes, strides and counts are at least 1, got {smallest}: {self}.")
        if self.stride > self.size:
            raise ValueError(
                f"Patches of {self.size} with a stride of {self.stride} leave pixels out: take a smaller one."
            )
        if 0 not in self.searches:
            raise ValueError(f"Groups are needed from the first round on: put 0 into searches, got {self.searches}.")
        if not (min(self.ridge) > 0 and self.spread >= 0 and 0 <= self.trust <= 1):
            raise ValueError(
                f"The ridge is positive, spread at least 0, trust from 0 to 1; got ridge={self.ridge}, "
                f"spread={self.spread}, trust={self.trust}."
            )

    @property
    def name(self) -> str:
        """What it is, in words."""
        return f"Gaussians of {self.size} x {self.size} patches"

    def __call__(self, picture: Picture, observed: Observed) -> Picture:
        """Fill a picture."""
        return self.refined(picture, observed, self.start(picture, observed))

    def refined(self, picture: Picture, observed: Observed, start: Picture) -> Picture:
        """Fill a picture, from a first estimate of it.

        Parameters
        ----------
        picture : float32 array of shape (h, w, c)
        observed : bool array of shape (h, w)
        start : float32 array of shape (h, w, c)
            Read where `picture` is not observed.
        """
        estimate = put_back(start, picture, observed)
        # A patch is at most half as long as the picture, so that there are others to learn from.
        size = min(self.size, (min(observed.shape) + 1) // 2)
        if size < 2 or observed.all():
            return estimate
        window = min(self.window, max(observed.shape) - size)
        count = min(self.neighbors, most_neighbors(observed.shape, size, window))
        colours = _Colours.of(picture[observed])
        corners = _touching(observed, size, min(self.stride, size))
        parts = _parts(corners, min(16 * max(MANY // (16 * count * size**2), 1), 64))
        known = Lines.of(observed[None].astype(np.float32))
        weights = Lines.of(np.where(observed[None], np.float32(1), np.float32(self.trust)))
        spread, groups = np.float32(self.spread), []
        for turn, ridge in enumerate(np.geomspace(*self.ridge, self.rounds).astype(np.float32)):
            planes = colours.separated(estimate)
            lines = Lines.of(planes)

            def group(part: NDArray[np.int32], lines: Lines = lines) -> tuple[Array, Array]:
                found = nearest(lines, weights, part, size=size, window=window, count=count)
                return jax.block_until_ready(found)

            def estimated(
                part: NDArray[np.int32],
                group: tuple[Array, Array],
                lines: Lines = lines,
                ridge: np.float32 = ridge,
            ) -> NDArray[np.float32]:
                references = part[:, 0] * observed.shape[1] + part[:, 1]
                fit = partial(estimated_patches, ridge=ridge, spread=spread, size=size)
                seen, width = known.values[0], known.width
                return np.stack([np.stack(fit(line, seen, width, *group, references)) for line in lines.values])

            if turn in self.searches:
                groups = _shared(turn == 0, group, parts)
            found = np.concatenate(_shared(turn == 0, estimated, parts, groups), axis=2)[:, :, : len(corners)]
            estimate = put_back(colours.mixed(_assembled(found, corners, planes, size)), picture, observed)
        return estimate


def _shared(is_new: bool, work: Callable[..., Any], *arguments: list[Any]) -> list[Any]:
    """Have threads do what is to be done with all arguments; if it is new, the first alone, or all would compile it."""
    before = [work(*first) for first in list(zip(*arguments, strict=True))[:is_new]]
    return before + list(workers().map(work, *(rest[is_new:] for rest in arguments)))


def _touching(observed: Observed, size: int, stride: int) -> NDArray[np.int32]:
    """Corners of the patches in which something is missing."""
    corners = corners_of(observed.shape, size, stride)
    missing = box_sums((~observed).astype(np.float64), size)
    return corners[missing[corners[:, 0], corners[:, 1]] > 0]


def _parts(corners: NDArray[np.int32], length: int) -> list[NDArray[np.int32]]:
    """Cut corners into parts of one length, so that one compilation serves all; the last is filled up by its last."""
    short = -len(corners) % length
    return np.split(np.pad(corners, ((0, short), (0, 0)), mode="edge"), (len(corners) + short) // length)


def _assembled(
    found: NDArray[np.float32], corners: NDArray[np.int32], planes: NDArray[np.float32], size: int
) -> NDArray[np.floating]:
    """Planes of overlapping patches; where there is none, as they were."""
    shape = planes.shape[1:]
    places = corners[:, 0] * shape[1] + corners[:, 1]
    filled = np.stack([aggregated(means, precisions, places, shape, size) for means, precisions in found])
    return np.where(np.isnan(filled), planes, filled)


class _Colours(NamedTuple):
    """Principal axes of the observed colours, scaled so that gray stored as colour is as if stored as gray."""

    axes: NDArray[np.float32]

    @classmethod
    def of(cls, pixels: NDArray[np.float32]) -> "_Colours":
        c = pixels.shape[1]
        if c == 1:
            return cls(np.ones((1, 1), np.float32))
        centred = pixels.astype(np.float64) - pixels.mean(axis=0, dtype=np.float64)
        _, vectors = np.linalg.eigh(centred.T @ centred)
        return cls(vectors.T / np.sqrt(c))

    def separated(self, picture: Picture) -> NDArray[np.float32]:
        return np.einsum("kc,hwc->khw", self.axes, picture).astype(np.float32)

    def mixed(self, planes: NDArray[np.floating]) -> NDArray[np.floating]:
        return np.einsum("kc,khw->hwc", self.axes * len(self.axes), planes)
