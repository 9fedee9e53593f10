"""What a group of similar patches says about the missing pixels of one of them, if the group is Gaussian."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int
from numpy.typing import NDArray

from matmend.patches.similar import patches_at

CLOSE = 1e-7
"""Added to the median distance of a group: a flat surrounding, where all are alike, has weights all the same."""

SURE = 1e-4
"""Added to a variance before it divides: the standard deviation of a hundredth of the range that no estimate beats."""


def group_moments(
    patches: Float[Array, "n k d"], distances: Float[Array, "n k"]
) -> tuple[Float[Array, "n d"], Float[Array, "n d d"]]:
    """Mean and covariance of each group, the nearer patches weighted more.

    Parameters
    ----------
    patches : array of shape (n, k, d)
        The k patches of each group.
    distances : array of shape (n, k)
        Of increasing order; the weights are ``exp(-distance / median distance)``, normed.

    Examples
    --------
    >>> mean, covariance = group_moments(jnp.array([[[0.0], [2.0]]]), jnp.zeros((1, 2)))
    >>> mean.tolist(), covariance.round(6).tolist()
    ([[1.0]], [[[1.0]]])
    """
    median = distances[:, distances.shape[1] // 2]
    weights = jax.nn.softmax(-distances / (median + CLOSE)[:, None], axis=1)
    mean = jnp.einsum("nk,nkd->nd", weights, patches)
    spread = (patches - mean[:, None, :]) * jnp.sqrt(weights)[:, :, None]
    return mean, jnp.swapaxes(spread, 1, 2) @ spread


def conditional(
    mean: Float[Array, "n d"],
    covariance: Float[Array, "n d d"],
    values: Float[Array, "n d"],
    observed: Float[Array, "n d"],
    noise: Float[Array, " n"],
) -> tuple[Float[Array, "n d"], Float[Array, "n d"]]:
    """Mean and variance of Gaussian vectors given some of their entries, seen with noise.

    Parameters
    ----------
    mean, covariance : arrays of shapes (n, d) and (n, d, d)
    values : array of shape (n, d)
        What is seen; not read where nothing is.
    observed : array of shape (n, d)
        1 where an entry is seen, else 0.
    noise : array of shape (n,)
        Variance of the noise, positive: it makes singular covariances harmless.

    Returns
    -------
    means, variances : arrays of shape (n, d)
        ``mu + C_o' (C_oo + s I)^-1 (y_o - mu_o)`` and the diagonal of ``C - C_o' (C_oo + s I)^-1 C_o``.

    Notes
    -----
    Conditioning on one entry after the other, ``C <- C - c c' / (c_k + s)``, needs nothing but products: on many small
    matrices it is quicker than batches of triangular solvers, and missing entries are just gains of zero. LAPACK called
    by several threads at once has also been seen to stand still inside of XLA. The updates of about ``sqrt(d)`` entries
    are gathered before the whole of ``C`` is touched. Vectors come last in memory, so that arithmetic runs along them.

    Examples
    --------
    >>> mean, variance = conditional(
    ...     jnp.zeros((1, 2)), jnp.ones((1, 2, 2)), jnp.array([[1.0, 7.0]]), jnp.array([[1.0, 0.0]]), jnp.ones(1)
    ... )
    >>> mean.tolist(), variance.tolist()
    ([[0.5, 0.5]], [[0.5, 0.5]])
    """
    d = mean.shape[1]
    width = next(b for b in range(int(d**0.5), 0, -1) if d % b == 0)
    values, observed = values.T, observed.T

    def condition(turn: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
        mean, covariance = state
        first = turn * width
        rows = lax.dynamic_slice_in_dim(covariance, first, width)

        # A loop, not a list: XLA would fuse all of this into the last update and do it anew for each of its numbers.
        def one(i: Array, state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
            mean, gains, lines = state
            read = partial(lax.dynamic_index_in_dim, index=first + i, keepdims=False)
            line = lax.dynamic_index_in_dim(rows, i, keepdims=False)
            for j in range(width):  # those to come are zero
                line = line - read(gains[j])[None, :] * lines[j]
            seen = read(observed)[None, :] > 0
            gain = jnp.where(seen, line / (read(line) + noise)[None, :], jnp.zeros((), line.dtype))
            surprise = jnp.where(seen, (read(values) - read(mean))[None, :], jnp.zeros((), line.dtype))
            put = partial(lax.dynamic_update_index_in_dim, index=i, axis=0)
            return mean + gain * surprise, put(gains, gain), put(lines, line)

        empty = jnp.zeros_like(rows)
        mean, gains, lines = lax.fori_loop(0, width, one, (mean, empty, empty))
        for gain, line in zip(gains, lines, strict=True):
            covariance = covariance - gain[:, None, :] * line[None, :, :]
        return mean, covariance

    start = mean.T, jnp.moveaxis(covariance, 0, -1)
    mean, covariance = lax.fori_loop(0, d // width, condition, start)
    return mean.T, jnp.maximum(jnp.diagonal(covariance), 0)


@partial(jax.jit, static_argnames=("size",))
def estimated_patches(
    plane: Float[Array, " length"],
    observed: Float[Array, " length"],
    width: Int[ArrayLike, ""],
    neighbors: Int[Array, "n k"],
    distances: Float[Array, "n k"],
    references: Int[Array, " n"],
    ridge: Float[Array, ""],
    spread: Float[Array, ""],
    *,
    size: int,
) -> tuple[Float[Array, "n d"], Float[Array, "n d"]]:
    """Conditional mean of patches given their observed pixels, each under the Gaussian of its group.

    Parameters
    ----------
    plane : array of shape (length,)
        One channel as in [`Lines`][matmend.patches.similar.Lines], gaps filled in by the last estimate.
    observed : array of shape (length,)
        1 where the plane is known, else 0.
    width : int
        Of the plane.
    neighbors, distances : arrays of shape (n, k)
        Groups as [`nearest`][matmend.patches.similar.nearest] finds them.
    references : int32 array of shape (n,)
        Places of the top left corners of the patches in the plane.
    ridge, spread : array of no axes
        The noise has the variance ``ridge + spread * mean variance of a pixel of the group``.
    size : int
        Side of a patch.

    Returns
    -------
    means, precisions : arrays of shape (n, size * size)
        Estimates, and how much each of them counts where patches overlap.

    References
    ----------
    Lebrun, Buades & Morel 2013, A nonlocal Bayesian image denoising algorithm, doi:10.1137/120874989. There the
    covariance of the noise is the same for all pixels; here that of a missing one is infinite.
    """
    mean, covariance = group_moments(patches_at(plane, width, neighbors, size), distances)
    noise = ridge + spread * jnp.trace(covariance, axis1=1, axis2=2) / (size * size)
    seen = patches_at(observed, width, references, size)
    means, variances = conditional(mean, covariance, patches_at(plane, width, references, size), seen, noise)
    return means, 1 / (variances + noise[:, None] + SURE)


def aggregated(
    means: NDArray[np.floating],
    precisions: NDArray[np.floating],
    references: NDArray[np.integer],
    shape: tuple[int, int],
    size: int,
) -> NDArray[np.float64]:
    """Picture of overlapping patches, each weighted by its precision; NaN where there is none.

    On the host, in double precision and one order, so that the result is the same however the patches came about.

    Examples
    --------
    >>> aggregated(np.array([[1.0], [5.0], [2.0]]), np.array([[3.0], [1.0], [1.0]]), np.array([0, 0, 2]), (1, 3), 1)
    array([[ 2., nan,  2.]])
    """
    inside = (np.arange(size)[:, None] * shape[1] + np.arange(size)).ravel()
    places = (references[:, None] + inside).ravel()
    total, sums = (
        np.bincount(places, weights=x.ravel(), minlength=shape[0] * shape[1]) for x in (precisions, means * precisions)
    )
    with np.errstate(invalid="ignore"):
        return (sums / total).reshape(shape)
