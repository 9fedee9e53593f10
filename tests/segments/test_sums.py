from unittest import mock

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import sparse

from matmend.segments import Layout, layout, normal_equations, presence

M, N, R = 30, 12, 3


def entries(dtype="float64", seed=0, size=400):
    """Long, middling and empty rows, and repeated pairs."""
    rng = np.random.default_rng(seed)
    rows, cols = np.minimum(rng.geometric(0.15, size), M - 2), rng.integers(0, N, size)
    values, weights = rng.normal(size=size), rng.uniform(0.5, 2, size)
    return rows, cols, values.astype(dtype), weights.astype(dtype)


def arranged(rows, cols, values, weights=None):
    with mock.patch.multiple(layout, WIDTH=8, LONG=4, ENTRIES_A_BLOCK=64):
        return Layout.from_entries(rows, cols, values, (M, N), weights=weights)


def test_all_sizes_and_several_blocks_of_rows_are_met():
    sizes = [s.members.shape for s in arranged(*entries()).classes]
    assert [width for *_, width in sizes] == [2, 8, 8]
    assert max(b for b, *_ in sizes) > 2


def test_times_is_the_product_with_a_sparse_matrix():
    rows, cols, values, weights = entries()
    V = np.random.default_rng(1).normal(size=(N, R))
    expected = sparse.coo_array((values * weights, (rows, cols)), shape=(M, N)) @ V
    np.testing.assert_allclose(arranged(rows, cols, values, weights).times(jnp.asarray(V)), expected, atol=1e-12)


def test_presence_counts_entries():
    rows, cols, values, weights = entries()
    V = np.random.default_rng(1).normal(size=(N, R))
    expected = sparse.coo_array((np.ones_like(values), (rows, cols)), shape=(M, N)) @ V
    np.testing.assert_allclose(
        arranged(rows, cols, values, weights).times(jnp.asarray(V), presence), expected, atol=1e-12
    )


def test_normal_equations_are_those_of_numpy():
    rows, cols, values, weights = entries()
    V = np.random.default_rng(1).normal(size=(N, R))
    A, h = np.zeros((M, R, R)), np.zeros((M, R))
    for i, j, y, w in zip(rows, cols, values, weights, strict=True):
        A[i] += w * np.outer(V[j], V[j])
        h[i] += w * y * V[j]
    found = jax.jit(lambda layout, V: layout.rows(normal_equations, V))(
        arranged(rows, cols, values, weights), jnp.asarray(V)
    )
    np.testing.assert_allclose(found[0], A, atol=1e-12)
    np.testing.assert_allclose(found[1], h, atol=1e-12)


def test_without_weights_all_are_one():
    rows, cols, values, _ = entries()
    given, default = arranged(rows, cols, values, np.ones_like(values)), arranged(rows, cols, values)
    jax.tree.map(np.testing.assert_array_equal, given, default)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_is_that_of_the_values(dtype):
    rows, cols, values, weights = entries(dtype)

    def all_sums(made, V):
        return made.times(V), made.times(V, presence), made.rows(normal_equations, V)

    found = eqx.filter_eval_shape(all_sums, arranged(rows, cols, values, weights), jnp.ones((N, R), dtype))
    assert {x.dtype for x in jax.tree.leaves(found)} == {np.dtype(dtype)}
