"""The loss of thin factors on arranged entries, and its gradient, a block of entries at a time."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from matmend._types import Fidelity, Scalar
from matmend.segments.layout import Segments
from matmend.segments.sums import Layout, of_owners

Factors = tuple[Float[Array, "m r"], Float[Array, "n r"]]


def total_loss(factors: Factors, by_row: Layout, by_col: Layout, fidelity: Fidelity) -> Scalar:
    """``sum_e w_e f(u_i . v_j, y_e)`` over the entries ``e = (i, j)``.

    Parameters
    ----------
    factors : arrays of shapes (m, r) and (n, r)
        ``U`` and ``V``.
    by_row, by_col : Layout
        The same entries, arranged by row and by column, on the same devices.
    fidelity : callable
        Element-wise, see [`matmend.fidelity`][].

    Returns
    -------
    array of no axes

    Notes
    -----
    The loss and its derivative in ``U`` are sums over the entries of rows, that in ``V`` is one over the entries of
    columns. So the entries are passed twice, and the second pass predicts them anew: a number for each entry would have
    to be moved from the one order to the other, between devices too, at random addresses. Factor rows are read for one
    block at a time; no array has ``r`` numbers for each entry. As a `jax.custom_vjp` it has no forward-mode derivative,
    and it has none in values and weights.

    Examples
    --------
    >>> import numpy as np
    >>> from matmend.fidelity import squared
    >>> i, j, y = np.array([0, 1]), np.array([0, 0]), np.array([1.0, 3.0], np.float32)
    >>> by_row, by_col = Layout.from_entries(i, j, y, (2, 1)), Layout.from_entries(j, i, y, (1, 2))
    >>> factors = jnp.ones((2, 1), jnp.float32), jnp.ones((1, 1), jnp.float32)
    >>> loss, (dU, dV) = jax.value_and_grad(total_loss)(factors, by_row, by_col, squared)
    >>> float(loss), dU.tolist(), dV.tolist()
    (4.0, [[0.0], [-4.0]], [[-4.0]])
    """
    return _total_loss(factors, by_row, by_col, fidelity)


@eqx.filter_custom_vjp
def _total_loss(factors: Factors, by_row: Layout, by_col: Layout, fidelity: Fidelity) -> Scalar:
    del by_col
    U, V = factors

    def block(s: Segments, U: Array, V: Array) -> Array:
        _, predicted = _read(s, U, V)
        return of_owners(s, jnp.sum(s.weights * fidelity(predicted, s.values), axis=1))

    return jnp.sum(by_row.rows(block, U, V))


@_total_loss.def_fwd
def _forward(
    perturbed: Any, factors: Factors, by_row: Layout, by_col: Layout, fidelity: Fidelity
) -> tuple[Scalar, Array]:
    del perturbed, by_col
    losses, gradient = _passed(by_row, fidelity, *factors)
    return jnp.sum(losses), gradient


@_total_loss.def_bwd
def _backward(
    residuals: Array, cotangent: Scalar, perturbed: Any, factors: Factors, by_row: Layout, by_col: Layout,
    fidelity: Fidelity,
) -> Factors:  # fmt: skip
    del perturbed, by_row
    U, V = factors
    return cotangent * residuals, cotangent * _passed(by_col, fidelity, V, U)[1]


def _passed(layout: Layout, fidelity: Fidelity, U: Array, V: Array) -> tuple[Float[Array, " m"], Float[Array, "m r"]]:
    """Return the loss of every row, and its derivative in the row of ``U``."""

    def block(s: Segments, U: Array, V: Array) -> tuple[Array, Array]:
        rows, predicted = _read(s, U, V)
        losses, pull = jax.vjp(lambda p: s.weights * fidelity(p, s.values), predicted)
        (slopes,) = pull(jnp.ones_like(losses))
        return of_owners(s, jnp.sum(losses, axis=1)), of_owners(s, jnp.einsum("twr,tw->tr", rows, slopes))

    return layout.rows(block, U, V)


def _read(s: Segments, U: Array, V: Array) -> tuple[Float[Array, "t w r"], Float[Array, "t w"]]:
    """Return the rows of ``V`` that a block's entries meet, and predictions, for padding too."""
    own = U.at[s.ids].get(mode="clip").at[s.owners].get(mode="clip")
    rows = V[s.members]
    return rows, jnp.einsum("twr,tr->tw", rows, own)
