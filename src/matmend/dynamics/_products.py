"""Products of many tiny matrices, the axis of problems last."""

import functools

import jax.numpy as jnp
from jaxtyping import Array, Float

MOST = 16
"""Inner size up to which a product is written out."""


def product(a: Float[Array, "p q b"], b: Float[Array, "q r b"]) -> Float[Array, "p r b"]:
    """Multiply as a sum of outer products, which the compiler fuses with its surroundings and runs along memory."""
    if a.shape[1] > MOST:
        return jnp.einsum("pqb,qrb->prb", a, b)
    return functools.reduce(jnp.add, (a[:, k, None] * b[None, k] for k in range(a.shape[1])))


def transposed(a: Float[Array, "p q b"]) -> Float[Array, "q p b"]:
    """Exchange rows and columns."""
    return jnp.swapaxes(a, 0, 1)
