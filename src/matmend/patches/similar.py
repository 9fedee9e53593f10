"""Which patches of a picture with gaps look alike: sums over boxes, and masked distances in a window."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int
from numpy.typing import NDArray

SHORTEST = 1 << 17
"""Numbers of the shortest line: as many pixels as a picture of 362 x 362 has."""

NO_WEIGHT = 1e-6
"""Added to the summed weights that divide a distance: patches that share nothing have distance 0, not NaN."""


class Lines(NamedTuple):
    """Planes of a picture, each as one line of one of few lengths: what is compiled for a picture serves most others.

    Attributes
    ----------
    values : array of shape (c, length)
        Row after row, then zeros.
    height, width : int
        Of the planes.
    """

    values: Float[Array, "c length"]
    height: np.int32
    width: np.int32

    @classmethod
    def of(cls, planes: Float[ArrayLike, "c h w"]) -> "Lines":
        """Put the rows of each plane behind one another.

        Parameters
        ----------
        planes : array of shape (c, h, w)

        Examples
        --------
        >>> lines = Lines.of(np.ones((1, 30, 40), np.float32))
        >>> lines.values.shape == Lines.of(np.ones((1, 200, 300), np.float32)).values.shape
        True
        """
        array = np.asarray(planes)
        c, h, w = array.shape
        values = np.zeros((c, max(SHORTEST, 1 << (h * w - 1).bit_length())), array.dtype)
        values[:, : h * w] = array.reshape(c, -1)
        return cls(jnp.asarray(values), np.int32(h), np.int32(w))


def box_sums(x: NDArray[np.floating], size: int) -> NDArray[np.float64]:
    """Sum up all squares of a size that lie within ``x``; what is returned goes by their top left corners.

    Parameters
    ----------
    x : array of shape (h, w)
    size : int
        Side of the squares, at most the sides of ``x``.

    Returns
    -------
    float64 array of shape (h - size + 1, w - size + 1)
        Differences of running totals: exact for whole numbers.

    Examples
    --------
    >>> box_sums(np.arange(12.0).reshape(3, 4), 2).tolist()
    [[10.0, 14.0, 18.0], [26.0, 30.0, 34.0]]
    """
    if not 1 <= size <= min(x.shape):
        raise ValueError(f"Squares of {size} x {size} do not fit into {x.shape[0]} x {x.shape[1]}: make them smaller.")
    totals = np.pad(np.cumsum(np.cumsum(x, axis=0, dtype=np.float64), axis=1), ((1, 0), (1, 0)))
    rows = totals[size:] - totals[:-size]
    return rows[:, size:] - rows[:, :-size]


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


def patches_at(
    line: Float[Array, " length"], width: Int[ArrayLike, ""], corners: Int[Array, "*n"], size: int
) -> Float[Array, "*n d"]:
    """Read patches as vectors, row by row.

    Parameters
    ----------
    line : array of shape (length,)
        A plane as in `Lines`.
    width : int
        Of the plane.
    corners : int array
        Places of top left corners in the line.
    size : int
        Side of the patches.

    Examples
    --------
    >>> patches_at(jnp.arange(12.0), 4, jnp.array([0, 6]), 2).tolist()
    [[0.0, 1.0, 4.0, 5.0], [6.0, 7.0, 10.0, 11.0]]
    """
    steps = jnp.arange(size, dtype=corners.dtype)
    inside = (steps[:, None] * jnp.asarray(width, corners.dtype) + steps[None, :]).ravel()
    places = corners[..., None] + inside.reshape((1,) * corners.ndim + (-1,))
    return line.at[places].get(mode="promise_in_bounds")


def nearest(
    planes: Lines, weights: Lines, corners: Int[ArrayLike, "n 2"], *, size: int, window: int, count: int
) -> tuple[Int[Array, "n k"], Float[Array, "n k"]]:
    """Patches most like each of some, among those whose corners are at most `window` rows and columns away.

    Parameters
    ----------
    planes : Lines
        The channels of a picture, gaps filled in somehow.
    weights : Lines
        One plane: how far the pixels are trusted.
    corners : int32 array of shape (n, 2)
        Rows and columns of the top left corners of the patches.
    size, window, count : int
        Side of a patch, reach of the search, and how many are wanted: at most as many as there are from a corner of the
        picture (see `most_neighbors`).

    Returns
    -------
    neighbors : int32 array of shape (n, count)
        Places of top left corners in the lines, the most similar first; the patch itself is among them.
    distances : array of shape (n, count)
        Mean squared differences, summed over channels: ``sum_p w_p w_q |x_p - x_q|^2 / sum_p w_p w_q`` over the pixels
        ``p`` of the one patch and ``q`` of the other.

    Examples
    --------
    >>> plane = np.array([[[0.0, 1.0, 0.0, 1.0, 0.5]]])
    >>> neighbors, distances = nearest(
    ...     Lines.of(plane), Lines.of(np.ones_like(plane)), np.array([[0, 0]], np.int32), size=1, window=4, count=3
    ... )
    >>> neighbors.tolist(), distances.round(2).tolist()
    ([[0, 2, 4]], [[0.0, 0.0, 0.25]])
    """
    shape = int(planes.height), int(planes.width)
    if count > most_neighbors(shape, size, window):
        raise ValueError(
            f"From a corner of {shape[0]} x {shape[1]}, {most_neighbors(shape, size, window)} patches of {size} x "
            f"{size} are within {window}, got count={count}: ask for fewer, or look further."
        )
    return _nearest(planes, weights.values[0], corners, size=size, window=window, count=count)


@partial(jax.jit, static_argnames=("size", "window", "count"))
def _nearest(
    planes: Lines, weights: Array, corners: Array, *, size: int, window: int, count: int
) -> tuple[Array, Array]:
    values, h, w = planes
    # Sites of the window come first, patches last: arithmetic then runs along memory.
    side = 2 * window + 1
    reach = jnp.arange(-window, window + size, dtype=jnp.int32)
    inside = (reach[:, None] * w + reach[None, :])[:, :, None]
    # What lies outside of the picture is read somewhere in it, and put last below.
    places = inside + (corners[:, 0] * w + corners[:, 1])[None, None, :]
    channels, trusts = [line.at[places].get(mode="clip") for line in values], weights.at[places].get(mode="clip")

    def add_row(i: Array, sums: tuple[Array, Array]) -> tuple[Array, Array]:
        distances, total = sums
        rows = [lax.dynamic_slice_in_dim(x, i, side) for x in (*channels, trusts)]
        own = [lax.dynamic_index_in_dim(x, window + i, keepdims=False) for x in (*channels, trusts)]
        for j in range(size):
            *there, trust = (row[:, j : j + side] for row in rows)
            *here, own_trust = (row[window + j][None, None, :] for row in own)
            both = trust * own_trust
            squares = sum(((a - b) ** 2 for a, b in zip(there, here, strict=True)), start=jnp.zeros((), values.dtype))
            distances, total = distances + both * squares, total + both
        return distances, total

    zeros = jnp.zeros((side, side, corners.shape[0]), values.dtype)
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


def most_neighbors(shape: tuple[int, int], size: int, window: int) -> int:
    """How many patches are within a window of one in the corner of a picture, where there are fewest.

    Examples
    --------
    >>> most_neighbors((240, 240), 8, 15), most_neighbors((9, 240), 8, 15)
    (256, 32)
    """
    h, w = shape
    return min(window + 1, h - size + 1) * min(window + 1, w - size + 1)
