"""Frequency-selective reconstruction: a block is continued by the few plane waves that explain what surrounds it."""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float, Int
from numpy.typing import NDArray
from scipy.ndimage import correlate, maximum_filter

from matmend.methods.inpainting.filler import Observed, Picture, put_back
from matmend.methods.inpainting.workers import workers

REACH = 4
"""Pixels up to this many blocks away count when blocks are ordered."""
MULTIPLE = 64
"""Pictures are padded to multiples of this, so that windows of nearly equal size share what was compiled."""


@dataclass(frozen=True)
class FrequencySelective:
    """Fill block by block, the best surrounded first, each by a sparse sum of plane waves fitted to its window.

    A wave is chosen greedily, the one that lowers the weighted squared error most (low frequencies preferred), and
    gets half of its best amplitude, as the waves are not orthogonal on what is observed. Weights fall off with the
    distance from the block. What was filled before serves the next blocks with less weight. Channels are filled one
    by one.

    Parameters
    ----------
    size : int, default 64
        Side of the square window, even: the period of the waves.
    decay : float in (0, 1), default 0.6
        What the weight falls by from one pixel to the next, counted from the middle of the block.
    iterations : int >= 1, default 60
        Waves for a block, with repetitions. Few give smooth fillings, many textures.
    reuse : float in [0, 1], default 0.5
        Weight of filled pixels, relative to observed ones.
    block : int >= 1, default 4
        Side of the blocks.
    step : float in (0, 1], default 0.5
        Share of the best amplitude that is taken.
    flip : int in 0 .. 7, default 0
        Mirror rows (1), columns (2), swap them (4) before filling, and undo it after: other blocks, another order.
    offset : (int, int), default (0, 0)
        Where the grid of blocks begins, in pixels up and left of the corner.

    References
    ----------
    Seiler and Kaup, "Complex-valued frequency selective extrapolation for fast image and video signal extrapolation",
    IEEE Signal Processing Letters 17(11), 2010; Seiler, Jonscher, Schöberl and Kaup, "Resampling images to a regular
    grid from a non-regular subset of pixel positions using frequency selective reconstruction",
    doi:10.1109/TIP.2015.2463084.

    Examples
    --------
    >>> wave = np.cos(2 * np.pi * np.arange(32) / 8).astype(np.float32) * np.ones((32, 1), np.float32)
    >>> observed = np.ones((32, 32), bool)
    >>> observed[12:18, 12:18] = False
    >>> filled = FrequencySelective(size=32, decay=0.8)(wave[..., None], observed)[..., 0]
    >>> bool(np.abs(filled - wave).max() < 0.01)
    True
    """

    size: int = 64
    decay: float = 0.6
    iterations: int = 60
    reuse: float = 0.5
    block: int = 4
    step: float = 0.5
    flip: int = 0
    offset: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        if self.block != int(self.block) or self.block < 1:
            raise ValueError(f"block: expected a whole number >= 1, got {self.block!r}; 4 is usual.")
        if self.size != int(self.size) or self.size % 2 or self.size < 2 * self.block:
            raise ValueError(f"size: expected an even number >= 2 * block = {2 * self.block}, got {self.size!r}.")
        if not 0 < self.decay < 1:
            raise ValueError(f"decay: expected a number between 0 and 1, got {self.decay!r}; 0.6 to 0.9 are usual.")
        if self.iterations != int(self.iterations) or self.iterations < 1:
            raise ValueError(f"iterations: expected a whole number >= 1, got {self.iterations!r}; 60 are usual.")
        if not 0 <= self.reuse <= 1:
            raise ValueError(f"reuse: expected a number from 0 to 1, got {self.reuse!r}; 0.5 is usual.")
        if not 0 < self.step <= 1:
            raise ValueError(f"step: expected a number above 0 and at most 1, got {self.step!r}; 0.5 is usual.")
        if self.flip not in range(8):
            raise ValueError(f"flip: expected a whole number from 0 to 7, got {self.flip!r}.")
        if not all(0 <= start < self.block for start in self.offset):
            raise ValueError(f"offset: expected two numbers from 0 to block - 1, got {self.offset!r}.")

    @property
    def name(self) -> str:
        """What it is, in words."""
        return "frequency selective"

    def __call__(self, picture: Picture, observed: Observed) -> Picture:
        """Fill a picture, see [`Filler`][matmend.methods.inpainting.filler.Filler]."""
        if observed.all():
            return picture.copy()
        known = flipped(observed, self.flip)
        order = block_order(known, self.block, self.offset, decay=self.decay, reuse=self.reuse)
        # A list as long as there are blocks at all: the same length for every mask on pictures of one size.
        places = np.zeros((_num_blocks(known.shape, self.block), 2), np.int32)
        places[: len(order)] = order
        values = np.where(observed[..., None], picture, 0)

        def filled(channel: NDArray[np.float32]) -> NDArray[np.float32]:
            limits = channel[observed].min(), channel[observed].max()
            return unflipped(self._filled(flipped(channel, self.flip), known, places, len(order), limits), self.flip)

        channels = list(workers().map(filled, np.moveaxis(values, 2, 0)))
        return put_back(np.stack(channels, axis=2), picture, observed)

    def _filled(
        self,
        values: NDArray[np.float32],
        known: Observed,
        places: NDArray[np.int32],
        count: int,
        limits: tuple[np.float32, np.float32],
    ) -> NDArray[np.float32]:
        h, w = values.shape
        margin = self.size
        pads = [(margin, margin + -n % MULTIPLE) for n in (h, w)]
        X, weights = np.pad(values, pads), np.pad(known.astype(np.float32), pads)
        inside = np.pad(np.ones((h, w), bool), pads)
        numbers = np.array([self.decay, self.reuse, self.step, *limits], np.float32)
        done = _fill(X, weights, inside, places + margin, count, self.iterations, numbers, self.size, self.block)
        return np.asarray(done)[margin : margin + h, margin : margin + w]


def flipped(array: NDArray, flip: int) -> NDArray:
    """Mirror rows (bit 1) and columns (bit 2), then swap them (bit 4).

    Examples
    --------
    >>> flipped(np.array([[1, 2], [3, 4]]), 5).tolist()
    [[3, 1], [4, 2]]
    """
    array = array[::-1] if flip & 1 else array
    array = array[:, ::-1] if flip & 2 else array
    return np.ascontiguousarray(array.swapaxes(0, 1) if flip & 4 else array)


def unflipped(array: NDArray, flip: int) -> NDArray:
    """Undo [`flipped`][matmend.methods.inpainting.frequency.flipped].

    Examples
    --------
    >>> unflipped(np.array([[3, 1], [4, 2]]), 5).tolist()
    [[1, 2], [3, 4]]
    """
    array = array.swapaxes(0, 1) if flip & 4 else array
    array = array[:, ::-1] if flip & 2 else array
    return np.ascontiguousarray(array[::-1] if flip & 1 else array)


def _num_blocks(shape: tuple[int, ...], block: int) -> int:
    return int(np.prod([-(-n // MULTIPLE) * MULTIPLE // block + 2 for n in shape]))


def block_order(
    observed: Observed, block: int, offset: tuple[int, int], *, decay: float, reuse: float
) -> NDArray[np.int32]:
    """Return the corners of the blocks with missing pixels, the best surrounded of a neighbourhood first.

    Parameters
    ----------
    observed : bool array of shape (h, w)
    block : int
    offset : (int, int)
        The grid begins so far up and left of the corner.
    decay, reuse : float
        Weight by distance from the middle of a block, and of pixels in blocks that come before it.

    Returns
    -------
    int32 array of shape (num_blocks, 2)

    Examples
    --------
    >>> observed = np.ones((6, 9), bool)
    >>> observed[2:4, 2:8] = False
    >>> block_order(observed, 2, (0, 0), decay=0.8, reuse=0.5).tolist()
    [[2, 2], [2, 4], [2, 6]]
    """
    h, w = observed.shape
    missing = np.pad(~observed, [(start, -(n + start) % block) for n, start in zip((h, w), offset, strict=True)])
    rows, cols = (n // block for n in missing.shape)
    bits = missing.reshape(rows, block, cols, block).swapaxes(1, 2).reshape(rows, cols, -1).astype(np.float64)
    todo = bits.any(axis=2)
    # What a pixel of a block adds to the support of the blocks around: by displacement in blocks, then by pixel.
    steps = (np.arange(-REACH, REACH + 1)[:, None] * block + np.arange(block) - (block - 1) / 2).ravel()
    kernel = decay ** np.hypot(steps[:, None], steps)
    side = 2 * REACH + 1
    pieces = kernel.reshape(side, block, side, block).swapaxes(1, 2).reshape(side, side, block * block)
    seen = np.pad(observed, [(start, -(n + start) % block) for n, start in zip((h, w), offset, strict=True)])
    seen = seen.reshape(rows, block, cols, block).swapaxes(1, 2).reshape(rows, cols, -1).astype(np.float64)
    support = sum(correlate(seen[..., p], pieces[..., p], mode="constant") for p in range(block * block))
    todo, support = np.pad(todo, REACH), np.pad(support, REACH)
    # Earlier ones first where blocks are equally well surrounded.
    priority = np.arange(support.size, 0.0, -1).reshape(support.shape)
    away = np.arange(-REACH, REACH + 1)
    # Seen from its neighbours a block lies in the opposite direction.
    pieces = pieces[::-1, ::-1].reshape(side * side, -1)
    order = []
    while todo.any():
        # All at once that are the best of what is within their reach: none of them adds to the support of another.
        best = todo & _is_greatest(np.where(todo, support, -np.inf), side)
        best &= _is_greatest(np.where(best, priority, -np.inf), side)
        i, j = np.nonzero(best)
        by_support = np.argsort(-support[i, j], kind="stable")
        i, j = i[by_support], j[by_support]
        order.append(np.stack([i, j], axis=1) - REACH)
        todo[i, j] = False
        around = (i[:, None, None] + away[:, None]) * support.shape[1] + j[:, None, None] + away
        np.add.at(support.ravel(), around.ravel(), (reuse * bits[i - REACH, j - REACH] @ pieces.T).ravel())
    return np.concatenate([np.zeros((0, 2), int), *order]).astype(np.int32) * block - np.array(offset, np.int32)


def _is_greatest(values: NDArray[np.float64], side: int) -> NDArray[np.bool_]:
    return values == maximum_filter(values, side, mode="nearest")


@partial(jax.jit, static_argnames=("size", "block"))
def _fill(
    X: Float[Array, "h w"],
    weights: Float[Array, "h w"],
    inside: Bool[Array, "h w"],
    places: Int[Array, "b 2"],
    count: int,
    iterations: int,
    numbers: Float[Array, "5"],
    size: int,
    block: int,
) -> Float[Array, "h w"]:
    decay, reuse, step, lowest, highest = numbers
    before = size // 2 - block // 2
    distance = np.arange(size) - (before + (block - 1) / 2)
    fade = decay ** jnp.asarray(np.hypot(distance[:, None], distance), X.dtype)
    preference = jnp.asarray(_preference(size), X.dtype)

    def fill_one(at: Int[Array, ""], state: tuple[Array, Array]) -> tuple[Array, Array]:
        X, weights = state
        corner = places[at] - before
        signal = jax.lax.dynamic_slice(X, corner, (size, size))
        seen = jax.lax.dynamic_slice(weights, corner, (size, size))
        weight = seen * fade
        total = weight.sum() + jnp.finfo(X.dtype).tiny
        mean = (weight * signal).sum() / total
        model = _waves(jnp.where(seen > 0, signal - mean, 0), weight / total, preference, iterations, step)
        corner = corner + before
        is_open = jax.lax.dynamic_slice(weights, corner, (block, block)) == 0
        is_open &= jax.lax.dynamic_slice(inside, corner, (block, block))
        here = slice(before, before + block)
        estimate = jnp.clip(model[here, here] + mean, lowest, highest)
        X = _written(X, jnp.where(is_open, estimate, signal[here, here]), corner)
        return X, _written(weights, jnp.where(is_open, reuse, seen[here, here]), corner)

    return jax.lax.fori_loop(0, count, fill_one, (X, weights))[0]


def _written(array: Array, patch: Array, corner: Array) -> Array:
    return jax.lax.dynamic_update_slice(array, patch, corner)


def _preference(size: int) -> NDArray[np.float64]:
    """Return by how much the decrease of the error counts, for the frequencies of a half plane."""
    down = np.minimum(np.arange(size), size - np.arange(size))[:, None]
    radius = np.hypot(down, np.arange(size // 2 + 1)) * np.sqrt(2) / size
    return np.maximum(1 - radius, 1e-3) ** 2


def _waves(
    signal: Float[Array, "n n"],
    weight: Float[Array, "n n"],
    preference: Float[Array, "n m"],
    iterations: int,
    step: Float[Array, ""],
) -> Float[Array, "n n"]:
    """Return the real sum of waves that explains the signal where there is weight (of sum 1)."""
    n, m = preference.shape
    spectrum = jnp.tile(jnp.fft.fft2(weight), (2, 2))

    def add_one(_: Array, state: tuple[Array, Array]) -> tuple[Complex[Array, "n m"], Complex[Array, "n m"]]:
        # Of real signals half a plane of frequencies says it all: a wave and its conjugate are added together.
        residual, model = state
        best = jnp.argmax((residual.real**2 + residual.imag**2) * preference).astype(jnp.int32)
        p, q = best // m, best % m
        p_, q_ = -p % n, -q % n
        share = jnp.where((p_ == p) & (q_ == q), step / 2, step)
        amplitude = share.astype(residual.dtype) * residual[p, q]
        residual -= amplitude * jax.lax.dynamic_slice(spectrum, (p_, q_), (n, m))
        residual -= amplitude.conj() * jax.lax.dynamic_slice(spectrum, (p, q), (n, m))
        model = model.at[p, q].add(amplitude).at[p_, q_].add(amplitude.conj(), mode="drop")
        return residual, model

    start = jnp.fft.rfft2(weight * signal)
    model = jax.lax.fori_loop(0, iterations, add_one, (start, jnp.zeros_like(start)))[1]
    return jnp.fft.irfft2(model, (n, n)) * (n * n)
