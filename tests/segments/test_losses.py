from unittest import mock

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from matmend.fidelity import Huber, absolute, bernoulli, squared
from matmend.segments import Layout, layout, total_loss

M, N, R = 300, 120, 5
FIDELITIES = {"squared": squared, "absolute": absolute, "huber": Huber(0.7), "bernoulli": bernoulli}
TOLERANCE = {"float32": 1e-5, "float64": 1e-12}


def make(dtype):
    """Entries and factors; a fifth of the entries have weight 0, and in a row everything fits exactly."""
    rng = np.random.default_rng(0)
    rows, cols = np.minimum(rng.geometric(0.02, 6000), M - 2), rng.integers(0, N, 6000)
    U, V = rng.normal(size=(M, R)).astype(dtype), rng.normal(size=(N, R)).astype(dtype)
    U[7] = 0
    values = np.where(rows == 7, 0, rng.integers(0, 2, 6000)).astype(dtype)
    weights = np.where(rng.random(6000) < 0.2, 0, rng.uniform(0.5, 2, 6000)).astype(dtype)
    return rows, cols, values, weights, jnp.asarray(U), jnp.asarray(V)


def arranged(rows, cols, values, weights):
    with mock.patch.multiple(layout, WIDTH=8, LONG=1000, ENTRIES_A_BLOCK=512):
        return (
            Layout.from_entries(rows, cols, values, (M, N), weights=weights),
            Layout.from_entries(cols, rows, values, (N, M), weights=weights),
        )


def distance(found, expected):
    return np.linalg.norm(np.subtract(found, expected)) / np.linalg.norm(expected)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("fidelity", FIDELITIES.values(), ids=FIDELITIES)
def test_loss_and_gradients_are_those_of_all_entries_at_once(fidelity, dtype):
    rows, cols, values, weights, U, V = make(dtype)

    def by_blocks(factors, layouts):
        by_row, by_col = layouts
        return 0.3 * total_loss(factors, by_row, by_col, fidelity)

    def at_once(factors):
        U, V = factors
        return 0.3 * jnp.sum(weights * fidelity(jnp.sum(U[rows] * V[cols], axis=1), jnp.asarray(values)))

    layouts = arranged(rows, cols, values, weights)
    assert all(max(s.ids.shape[0] for s in one.classes) > 2 for one in layouts)
    loss, gradients = eqx.filter_jit(jax.value_and_grad(by_blocks))((U, V), layouts)
    expected, expected_gradients = jax.jit(jax.value_and_grad(at_once))((U, V))
    assert loss.dtype == gradients[0].dtype == gradients[1].dtype == dtype
    np.testing.assert_allclose(loss, expected, rtol=TOLERANCE[dtype])
    for found, one in zip(gradients, expected_gradients, strict=True):
        assert distance(found, one) < TOLERANCE[dtype]
    assert (np.asarray(gradients[0])[[0, M - 1]] == 0).all()  # rows without entries


def test_without_a_gradient_the_loss_is_the_same():
    rows, cols, values, weights, U, V = make("float64")
    by_row, by_col = arranged(rows, cols, values, weights)
    loss = eqx.filter_jit(total_loss)((U, V), by_row, by_col, squared)
    np.testing.assert_allclose(loss, np.sum(weights * (np.sum(U[rows] * V[cols], axis=1) - values) ** 2), rtol=1e-12)


def test_one_factor_held():
    rows, cols, values, weights, U, V = make("float64")
    layouts = arranged(rows, cols, values, weights)

    @eqx.filter_jit
    def gradients(U, V, layouts):
        def loss(U, V):
            by_row, by_col = layouts
            return total_loss((U, V), by_row, by_col, squared)

        return jax.grad(loss, argnums=(0, 1))(U, V), (jax.grad(loss)(U, V), jax.grad(loss, argnums=1)(U, V))

    both, one_by_one = gradients(U, V, layouts)
    jax.tree.map(np.testing.assert_array_equal, both, one_by_one)


def test_there_is_no_gradient_in_the_values():
    rows, cols, values, weights, U, V = make("float64")
    by_row, by_col = arranged(rows, cols, values, weights)

    def loss(values):
        moved = eqx.tree_at(lambda one: one.classes[0].values, by_row, values)
        return total_loss((U, V), moved, by_col, squared)

    # Better none than a wrong one.
    with pytest.raises(Exception, match="differentiate"):
        jax.grad(loss)(by_row.classes[0].values)
