"""Which patches of a picture with gaps look alike: sums over boxes, and masked distances in a window."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int
from numpy.typing import NDArray

NO_WEIGHT = 1e-6
"""Added to the summed weights that divide a distance: patches that share nothing have distance 0, not NaN."""


def box_sums(x: Float[Array, "h w"], size: int) -> Float[Array, "i j"]:
    """Sum up all squares of a size that lie within ``x``; what is returned goes by their top left corners.

    Parameters
    ----------
    x : array of shape (h, w)
    size : int
        Side of the squares, at most the sides of ``x``.

    Returns
    -------
    array of shape (h - size + 1, w - size + 1)

    Notes
    -----
    Sums over 1, 2, 4, ... neighbours come from one another, and any length is a sum of some of these: the number of
    additions grows with the logarithm of `size`. Unlike differences of running totals they lose no digits.

    Examples
    --------
    >>> box_sums(jnp.arange(12.0).reshape(3, 4), 2).tolist()
    [[10.0, 14.0, 18.0], [26.0, 30.0, 34.0]]
    """
    if not 1 <= size <= min(x.shape):
        raise ValueError(f"Squares of {size} x {size} do not fit into {x.shape[0]} x {x.shape[1]}: make them smaller.")
    for axis in (0, 1):
        x = _sums_along(x, size, axis)
    return x


def _sums_along(x: Array, size: int, axis: int) -> Array:
    length = x.shape[axis] - size + 1
    out, start, doubled, k = jnp.zeros_like(lax.slice_in_dim(x, 0, length, axis=axis)), 0, x, 1
    while True:  # `doubled` holds the sums over k neighbours
        if size & k:
            out = out + lax.slice_in_dim(doubled, start, start + length, axis=axis)
            start += k
        if 2 * k > size:
            return out
        rest = doubled.shape[axis] - k
        halves = (lax.slice_in_dim(doubled, begin, begin + rest, axis=axis) for begin in (0, k))
        doubled, k = sum(halves, start=jnp.zeros((), x.dtype)), 2 * k


def corners_of(shape: tuple[int, int], size: int, stride: int) -> NDArray[np.int32]:
    """Top left corners of patches that cover a picture; the last ones are moved back to end at its border.

    Returns
    -------
    int32 array of shape (n, 2)

    Examples
    --------
    >>> corners_of((4, 3), 3, 2).tolist()
    [[0, 0], [1, 0]]
    """
    h, w = shape
    if not 1 <= size <= min(h, w):
        raise ValueError(f"Patches of {size} x {size} do not fit into a picture of {h} x {w}: make them smaller.")
    tops, lefts = (np.append(np.arange(0, length - size, stride), length - size) for length in shape)
    return np.stack(np.meshgrid(tops, lefts, indexing="ij"), axis=-1).reshape(-1, 2).astype(np.int32)


def patches_at(x: Float[Array, "h w"], corners: Int[Array, "*n"], size: int) -> Float[Array, "*n d"]:
    """Read patches as vectors, row by row.

    Parameters
    ----------
    x : array of shape (h, w)
    corners : int array
        Places of top left corners in ``x.ravel()``.
    size : int
        Side of the patches.

    Examples
    --------
    >>> patches_at(jnp.arange(12.0).reshape(3, 4), jnp.array([0, 6]), 2).tolist()
    [[0.0, 1.0, 4.0, 5.0], [6.0, 7.0, 10.0, 11.0]]
    """
    inside = (np.arange(size)[:, None] * x.shape[1] + np.arange(size)).astype(corners.dtype).ravel()
    places = corners[..., None] + inside.reshape((1,) * corners.ndim + (-1,))
    return x.ravel().at[places].get(mode="promise_in_bounds")


@partial(jax.jit, static_argnames=("size", "window", "count"))
def nearest(
    planes: Float[Array, "c h w"],
    weights: Float[Array, "h w"],
    corners: Int[Array, "n 2"],
    *,
    size: int,
    window: int,
    count: int,
) -> tuple[Int[Array, "n k"], Float[Array, "n k"]]:
    """Patches most like each of some, among those whose corners are at most `window` rows and columns away.

    Parameters
    ----------
    planes : array of shape (c, h, w)
        The channels of a picture, gaps filled in somehow.
    weights : array of shape (h, w)
        How far the pixels are trusted.
    corners : int32 array of shape (n, 2)
        Rows and columns of the top left corners of the patches.
    size, window, count : int
        Side of a patch, reach of the search, and how many are wanted: at most as many as there are from a corner of the
        picture (see `most_neighbors`).

    Returns
    -------
    neighbors : int32 array of shape (n, count)
        Places of top left corners in a raveled plane, the most similar first; the patch itself is among them.
    distances : array of shape (n, count)
        Mean squared differences, summed over channels: ``sum_p w_p w_q |x_p - x_q|^2 / sum_p w_p w_q`` over the pixels
        ``p`` of the one patch and ``q`` of the other.

    Examples
    --------
    >>> plane = jnp.array([[0.0, 1.0, 0.0, 1.0, 0.5]])
    >>> neighbors, distances = nearest(
    ...     plane[None], jnp.ones_like(plane), jnp.array([[0, 0]], jnp.int32), size=1, window=4, count=3
    ... )
    >>> neighbors.tolist(), distances.round(2).tolist()
    ([[0, 2, 4]], [[0.0, 0.0, 0.25]])
    """
    h, w = weights.shape
    if count > most_neighbors((h, w), size, window):
        raise ValueError(
            f"From a corner of {h} x {w}, {most_neighbors((h, w), size, window)} patches of {size} x {size} are within "
            f"{window}, got count={count}: ask for fewer, or look further."
        )
    # Sites of the window come first, patches last: arithmetic then runs along memory.
    side, wide = 2 * window + 1, w + 2 * window
    reach = np.arange(2 * window + size)
    inside = (reach[:, None] * wide + reach).astype(np.int32)[:, :, None]
    places = jnp.asarray(inside) + (corners[:, 0] * wide + corners[:, 1])[None, None, :]
    read = partial(_padded_read, places=places, window=window)
    channels, trusts = [read(plane) for plane in planes], read(weights)

    def add_row(i: Array, sums: tuple[Array, Array]) -> tuple[Array, Array]:
        distances, total = sums
        rows = [lax.dynamic_slice_in_dim(x, i, side) for x in (*channels, trusts)]
        own = [lax.dynamic_index_in_dim(x, window + i, keepdims=False) for x in (*channels, trusts)]
        for j in range(size):
            *there, trust = (row[:, j : j + side] for row in rows)
            *here, own_trust = (row[window + j][None, None, :] for row in own)
            both = trust * own_trust
            squares = sum(((a - b) ** 2 for a, b in zip(there, here, strict=True)), start=jnp.zeros((), planes.dtype))
            distances, total = distances + both * squares, total + both
        return distances, total

    zeros = jnp.zeros((side, side, corners.shape[0]), planes.dtype)
    distances, total = lax.fori_loop(0, size, add_row, (zeros, zeros))
    steps = np.arange(-window, window + 1, dtype=np.int32)
    rows, cols = (steps[:, None] + corners[:, axis][None, :] for axis in (0, 1))
    within_rows, within_cols = (rows >= 0) & (rows <= h - size), (cols >= 0) & (cols <= w - size)
    within = within_rows[:, None, :] & within_cols[None, :, :]
    distances = jnp.where(within, distances / (total + NO_WEIGHT), jnp.inf).reshape(side * side, -1).T
    smallest, chosen = lax.top_k(-distances, count)
    chosen = chosen.astype(jnp.int32)
    down, right = chosen // side - window, chosen % side - window
    return (corners[:, :1] + down) * w + corners[:, 1:] + right, -smallest


def _padded_read(plane: Array, *, places: Array, window: int) -> Array:
    return jnp.pad(plane, window).ravel().at[places].get(mode="promise_in_bounds")


def most_neighbors(shape: tuple[int, int], size: int, window: int) -> int:
    """How many patches are within a window of one in the corner of a picture, where there are fewest.

    Examples
    --------
    >>> most_neighbors((240, 240), 8, 15), most_neighbors((9, 240), 8, 15)
    (256, 32)
    """
    h, w = shape
    return min(window + 1, h - size + 1) * min(window + 1, w - size + 1)
