"""Gaps filled layer by layer from the border inward, each pixel by the centres of the patches most like its own."""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int
from numpy.typing import NDArray
from scipy import ndimage

from matmend.methods.inpainting.filler import Observed, Picture, put_back
from matmend.methods.inpainting.workers import workers

CHUNK = 128
"""Pixels that one compiled call fills."""
BATCH = 8
"""Pixels that are worked on at once within a call."""
MULTIPLE = 64
"""Pictures are padded to multiples of this, so that windows of nearly equal size share what was compiled."""
INFINITY_BITS = 0x7F800000
"""Infinity in single precision, read as a whole number."""


@dataclass(frozen=True)
class Peeling:
    """Fill the pixels next to known ones by non-local means, then those next to them, to the middle of the gaps.

    The patch around such a pixel is compared, where it is known, with all patches in a window around it; the pixel
    gets the mean of the centres of the most similar ones. The mean of many is what the absolute and squared error
    ask for, not what looks sharpest.

    Parameters
    ----------
    radius : int >= 1, default 2
        A patch has side ``2 * radius + 1``; its pixels count by a Gaussian of this width.
    neighbors : int >= 1, default 40
        Patches that are averaged.
    window : int >= 1, default 17
        Patches are looked for up to so many rows and columns away.
    penalty : float >= 0, default 0.3
        What a pixel that the other patch lacks counts as, in grey levels.

    References
    ----------
    Efros and Leung, "Texture synthesis by non-parametric sampling", doi:10.1109/ICCV.1999.790383; Buades, Coll and
    Morel, "A non-local algorithm for image denoising", doi:10.1109/CVPR.2005.38.

    Examples
    --------
    >>> board = (np.indices((20, 20)).sum(axis=0) % 2).astype(np.float32)
    >>> observed = np.ones((20, 20), bool)
    >>> observed[8:12, 7:13] = False
    >>> filled = Peeling(window=8)(board[..., None], observed)[..., 0]
    >>> bool((filled == board).all())
    True
    """

    radius: int = 2
    neighbors: int = 40
    window: int = 17
    penalty: float = 0.3

    def __post_init__(self) -> None:
        for setting in ("radius", "neighbors", "window"):
            value = getattr(self, setting)
            if value != int(value) or value < 1:
                usual = getattr(type(self), setting)
                raise ValueError(f"{setting}: expected a whole number >= 1, got {value!r}; {usual} is usual.")
        if not 0 <= self.penalty < np.inf:
            raise ValueError(f"penalty: expected a number >= 0, got {self.penalty!r}; 0.3 suits pictures in [0, 1].")

    @property
    def name(self) -> str:
        """What it is, in words."""
        return "peeling"

    def __call__(self, picture: Picture, observed: Observed) -> Picture:
        """Fill a picture, see [`Filler`][matmend.methods.inpainting.filler.Filler]."""
        if observed.all():
            return picture.copy()
        h, w = observed.shape
        margin = self.window + self.radius
        pads = [(margin, margin + -n % MULTIPLE) for n in (h, w)]
        X = np.pad(np.where(observed[..., None], picture, 0), [*pads, (0, 0)])
        known = np.pad(observed, pads)
        todo = np.pad(~observed, pads)
        while todo.any():
            layer = np.argwhere(np.logical_and(ndimage.binary_dilation(known), todo))
            rows, cols = layer.T
            X[rows, cols] = self._layer(X, known, layer)
            known[rows, cols] = True
            todo[rows, cols] = False
        return put_back(X[margin : margin + h, margin : margin + w], picture, observed)

    def _layer(self, X: Picture, known: Observed, layer: NDArray[np.intp]) -> NDArray[np.float32]:
        values, seen = jnp.asarray(X), jnp.asarray(known, jnp.float32)
        # The last pixel is repeated to fill the last chunk.
        padded = np.pad(layer, [(0, -len(layer) % CHUNK), (0, 0)], mode="edge").astype(np.int32)
        penalty = np.float32(self.penalty)

        def means(places: NDArray[np.int32]) -> NDArray[np.float32]:
            return np.asarray(_means(values, seen, places, self.neighbors, penalty, self.radius, self.window))

        return np.concatenate(list(workers().map(means, np.split(padded, len(padded) // CHUNK))))[: len(layer)]


@partial(jax.jit, static_argnames=("radius", "window"))
def _means(
    X: Float[Array, "h w c"],
    known: Float[Array, "h w"],
    places: Int[Array, "b 2"],
    neighbors: int,
    penalty: Float[Array, ""],
    radius: int,
    window: int,
) -> Float[Array, "b c"]:
    margin = radius + window
    side = 2 * margin + 1
    span = 2 * window + 1
    channels = X.shape[2]
    side_of_patch = 2 * radius + 1
    offsets = np.arange(-radius, radius + 1)
    falloff = jnp.asarray(np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * radius**2)), X.dtype)

    def mean(place: Int[Array, "2"]) -> Float[Array, " c"]:
        corner = place - margin
        around = jax.lax.dynamic_slice(X, (corner[0], corner[1], jnp.zeros((), corner.dtype)), (side, side, channels))
        seen = jax.lax.dynamic_slice(known, corner, (side, side))

        def compare(at: Array, sums: tuple[Array, Array]) -> tuple[Array, Array]:
            distances, total = sums
            i, j = at // side_of_patch, at % side_of_patch
            weight = seen[window + i, window + j] * falloff[i, j]
            has = jax.lax.dynamic_slice(seen, (i, j), (span, span))
            others = jax.lax.dynamic_slice(around, (i, j, jnp.zeros_like(i)), (span, span, channels))
            apart = ((others - around[window + i, window + j]) ** 2).mean(axis=2)
            return distances + weight * (has * apart + (1 - has) * penalty**2), total + weight

        # Not unrolled, which would take longer to compile and no less to run.
        sums = jnp.zeros((span, span), X.dtype), jnp.zeros((), X.dtype)
        distances, total = jax.lax.fori_loop(0, side_of_patch**2, compare, sums)
        inner = slice(radius, radius + span)
        is_known = seen[inner, inner] > 0
        is_near = is_known & _smallest(jnp.where(is_known, distances / total, jnp.inf), neighbors)
        weights = is_near.astype(X.dtype)
        return (weights[..., None] * around[inner, inner]).sum(axis=(0, 1)) / weights.sum()

    with jax.numpy_rank_promotion("allow"):
        return jax.lax.map(mean, places, batch_size=BATCH)


def _smallest(values: Float[Array, "m n"], count: int) -> Array:
    """Return which values are among the smallest, equal ones included: bisection is quicker than sorting here."""
    # Single-precision numbers >= 0 are in the order of their bits.
    bits = jax.lax.bitcast_convert_type(values, jnp.int32)

    def halve(_: Array, bounds: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = bounds
        middle = low + (high - low) // 2
        is_enough = (bits <= middle).sum(dtype=jnp.int32) >= count
        return jnp.where(is_enough, low, middle + 1), jnp.where(is_enough, middle, high)

    start = jnp.zeros((), jnp.int32), jnp.full((), INFINITY_BITS, jnp.int32)
    return bits <= jax.lax.fori_loop(0, 31, halve, start)[1]
