"""A small convolutional network that tells a pixel from the patch around it, and its training."""

import functools
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from matmend.solve import adam

CROP = 32
"""Side of the squares that training looks at: large against a patch, small enough to stay in the cache."""
CROPS = 4
"""Squares per step."""
LEARNING_RATE = 2e-3
"""Of Adam, at the first step; it falls to 0 along a half cosine."""

Layers = tuple[tuple[Array, Array], ...]


class PatchNetwork(eqx.Module):
    """``X_ij = b_ij + f(P_ij)``: a weighted mean b of the known pixels of a patch, and what a network f adds to it.

    P is the patch of ``patch x patch`` pixels around (i, j): its values, each less the mean of what is known near it,
    and 0 where not known, beside the mask of those known. The network is convolutional: 3 x 3 kernels, dilated so that
    the last layer reaches the border of the patch and not beyond, with ReLU and skips, then two 1 x 1 layers. So all
    patches of a picture are told at once. Pixels beyond the border of the picture are not known. The mean b has
    Gaussian weights: narrow ones where they find something, else those of the whole patch, and 0, the picture's mean,
    where the patch is empty.

    Parameters
    ----------
    channels : int
        Channels of the picture.
    patch : int
        Side of the patch, odd, at least 5.
    width : int
        Features of a layer.
    """

    channels: int = eqx.field(static=True)
    patch: int = eqx.field(static=True)
    width: int = eqx.field(static=True)

    def init(self, key: PRNGKeyArray) -> Layers:
        """Draw weights as He does; those of the last layer are 0, so the start is ``X = b``."""
        taps = [9] * len(dilations(reaches(self.patch)[1])) + [1]
        sizes = [self.channels + 1] + [self.width] * len(taps)
        keys = jax.random.split(key, len(taps))
        drawn = [
            jax.random.normal(k, (count, fan, self.width), jnp.float32) * np.float32((2 / (count * fan)) ** 0.5)
            for k, count, fan in zip(keys, taps, sizes[:-1], strict=True)
        ]
        drawn.append(jnp.zeros((1, self.width, self.channels), jnp.float32))
        return tuple((weight, jnp.zeros(weight.shape[-1], jnp.float32)) for weight in drawn)

    def __call__(
        self, params: Layers, values: Float[Array, "m n c"], known: Bool[Array, "m n"]
    ) -> Float[Array, "m n c"]:
        """Tell every pixel from the known ones of its patch, itself among them if it is known."""
        k = known[..., None].astype(values.dtype)
        values = jnp.where(k > 0, values, 0)
        near, rest = reaches(self.patch)
        level = _mean(values, k, near, jnp.zeros_like(values))
        y = jnp.concatenate([jnp.where(k > 0, values - level, 0), k], axis=-1)
        *convolutions, mix, out = params
        for index, (layer, d) in enumerate(zip(convolutions, dilations(rest), strict=True)):
            z = jax.nn.relu(_convolved(y, *layer, d))
            y = y + z if index else z
        base = _mean(values, k, near, _mean(values, k, near + rest, jnp.zeros_like(values)))
        return base + _convolved(jax.nn.relu(_convolved(y, *mix)), *out)


def reaches(patch: int) -> tuple[int, int]:
    """Split the radius of a patch into that of the means which its values are counted from, and the convolutions'.

    Examples
    --------
    >>> reaches(5), reaches(21)
    ((1, 1), (3, 7))
    """
    near = max(patch // 6, 1)
    return near, patch // 2 - near


@functools.cache
def dilations(radius: int) -> tuple[int, ...]:
    """Return dilations of 3 x 3 kernels that sum to a radius: each reaches as far as all before it.

    Examples
    --------
    >>> dilations(1), dilations(7), dilations(12)
    ((1,), (1, 1, 2, 3), (1, 1, 2, 4, 4))
    """
    found: list[int] = []
    while sum(found) < radius:
        found.append(min(max(sum(found), 1), radius - sum(found)))
    return tuple(found)


class Draw(NamedTuple):
    """What chance has to say in one step, an entry per square."""

    stage: Int[Array, " b"]
    hole_corner: Int[Array, "b 2"]
    corner: Int[Array, "b 2"]
    flip: Bool[Array, "b 2"]
    given_back: Float[Array, " b"]


def drawn(order: np.ndarray, steps: int, seed: int) -> Draw:
    """Draw for all steps: a missing pixel with the holes around it, and an observed one to lay them on."""
    rng = np.random.default_rng(seed)
    size = (steps, CROPS)
    square = np.minimum(CROP, order.shape)
    missing, seen = np.argwhere(order > 0), np.argwhere(order == 0)
    hole = missing[rng.integers(len(missing), size=size)]
    place = seen[rng.integers(len(seen), size=size)]
    within = rng.integers(square, size=(*size, 2))
    is_thinned = rng.random(size) < 0.5
    return Draw(
        stage=jnp.asarray(order[hole[..., 0], hole[..., 1]]),
        hole_corner=jnp.asarray(np.clip(hole - within, 0, order.shape - square), jnp.int32),
        corner=jnp.asarray(np.clip(place - within, 0, order.shape - square), jnp.int32),
        flip=jnp.asarray(rng.random((*size, 2)) < 0.5),
        given_back=jnp.asarray(np.where(is_thinned, rng.random(size), 0), jnp.float32),
    )


@eqx.filter_jit
def trained(
    network: PatchNetwork,
    values: Float[Array, "m n c"],
    order: Int[Array, "m n"],
    draws: Draw,
    key: PRNGKeyArray,
) -> tuple[Layers, Float[Array, " steps"]]:
    """Train on the observed pixels, ``order == 0``, hidden as others are missing; return parameters and losses.

    Every square of a step is a piece of the picture under a piece of the missing pattern, flipped at will, at the stage
    of the filling that a missing pixel drawn at random belongs to: `order` tells the stages. Hidden is what is filled
    at this stage or later; what is filled at this stage is to be told, with the absolute error as loss. In half of the
    squares hidden pixels are given back at random.
    """
    m, n, channels = values.shape
    square = (min(CROP, m), min(CROP, n))
    optimizer = adam(LEARNING_RATE)
    steps = draws.stage.shape[0]
    start_key, key = jax.random.split(key)
    start = network.init(start_key)

    def posed(draw: Draw, key: PRNGKeyArray):
        hole = jax.lax.dynamic_slice(order, tuple(draw.hole_corner), square)
        hole = jnp.where(draw.flip[0], hole[::-1], hole)
        hole = jnp.where(draw.flip[1], hole[:, ::-1], hole)
        is_back = jax.random.uniform(key, square, jnp.float32) < draw.given_back
        truth = jax.lax.dynamic_slice(values, (*draw.corner, jnp.zeros_like(draw.corner[0])), (*square, channels))
        seen = jax.lax.dynamic_slice(order, tuple(draw.corner), square) == 0
        return truth, seen & ((hole < draw.stage) | is_back), seen & (hole == draw.stage) & ~is_back

    def loss(params: Layers, truth, known, asked):
        error = jax.vmap(network, (None, 0, 0))(params, truth, known) - truth
        # JAX gives |x| the slope 1 at 0, which would drive a perfect prediction away.
        counts = asked[..., None] & (error != 0)
        num_asked = asked.sum(dtype=error.dtype) * channels
        return jnp.sum(jnp.where(counts, jnp.abs(error), 0)) / jnp.maximum(num_asked, 1)

    def step(carry, x):
        params, state = carry
        number, draw = x
        squares = jax.vmap(posed)(draw, jax.random.split(jax.random.fold_in(key, number), CROPS))
        value, gradient = jax.value_and_grad(loss)(params, *squares)
        with jax.numpy_dtype_promotion("standard"):
            updates, state = optimizer.update(gradient, state, params)
        # Adam's step is proportional to the learning rate: scaling it is the schedule.
        rate = 0.5 + 0.5 * jnp.cos(number.astype(jnp.float32) * np.float32(np.pi / max(steps, 1)))
        params = jax.tree.map(lambda p, u: p + rate * u, params, updates)
        return (params, state), value

    (params, _), losses = jax.lax.scan(step, (start, optimizer.init(start)), (jnp.arange(steps), draws))
    return params, losses


@eqx.filter_jit
def predicted(network: PatchNetwork, params: Layers, values: Array, known: Array) -> Float[Array, "m n c"]:
    """Return what the network tells, compiled."""
    return network(params, values, known)


def _convolved(x: Array, weight: Array, bias: Array, dilation: int = 1) -> Array:
    # A sum of matrix products, one per tap: XLA's convolutions are about 15 times slower on a CPU, above all backwards.
    m, n, c = x.shape
    if weight.shape[0] == 1:
        return (x.reshape(-1, c) @ weight[0]).reshape(m, n, -1) + bias[None, None]
    d = dilation
    x = jnp.pad(x, ((d, d), (d, d), (0, 0)))
    taps = ((i * d, j * d) for i in range(3) for j in range(3))
    parts = (x[i : i + m, j : j + n].reshape(-1, c) @ w for (i, j), w in zip(taps, weight, strict=True))
    return sum(parts, start=bias[None]).reshape(m, n, -1)


def _mean(values: Array, k: Array, radius: int, otherwise: Array) -> Array:
    """Return means of the known values, with Gaussian weights up to a radius, and `otherwise` where none is known."""
    down, right = (_weights(size, radius) for size in k.shape[:2])

    def blurred(x: Array) -> Array:
        return jnp.einsum("ik,jl,klc->ijc", down, right, x)

    little = np.float32(1e-3)
    return (blurred(values) + little * otherwise) / (blurred(k) + little)


def _weights(size: int, radius: int) -> Float[Array, "size size"]:
    # A band matrix, not a sum of shifted arrays, which would take far longer to compile than to compute.
    # At least a pixel wide: a value less a mean that is all but itself would tell nothing.
    sigma = max(radius / 3, 1.0)
    total = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2).sum()
    i = jnp.arange(size, dtype=jnp.float32)
    distance = jnp.abs(i[:, None] - i[None])
    return jnp.where(distance <= radius, jnp.exp(-0.5 * (distance / sigma) ** 2) / np.float32(total), 0)
