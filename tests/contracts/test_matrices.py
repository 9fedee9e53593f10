import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matmend.matrix import LowRank

M, N = 4, 3
seeds = st.integers(0, 2**32 - 1)


def array(seed):
    return np.random.default_rng(seed).normal(size=(M, N))


@pytest.fixture(params=[0, 1], ids=["rows", "columns"], scope="session")
def axis(request):
    return request.param


def test_shape_and_entries(as_matrix):
    A = array(0)
    X = as_matrix(jnp.asarray(A))
    assert X.shape == (M, N)
    assert np.array_equal(X.dense(), A)


def test_transpose_is_held_the_same_way(as_matrix):
    A = array(1)
    X = as_matrix(jnp.asarray(A))
    assert type(X.transpose()) is type(X)
    assert X.transpose().shape == (N, M)
    assert np.array_equal(X.transpose().dense(), A.T)
    assert np.array_equal(X.transpose().transpose().dense(), A)


def test_vectors_are_the_rows_along_the_axis_named(as_matrix):
    A = array(2)
    for X, rows in ((as_matrix(jnp.asarray(A)), A), (as_matrix(jnp.asarray(A)).transpose(), A.T)):
        held, axis = X.vectors()
        assert np.array_equal(held if axis == 0 else held.T, rows)


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_reads_entries(as_matrix, seed):
    A = array(seed)
    rng = np.random.default_rng(seed)
    rows, cols = rng.integers(0, M, size=7), rng.integers(0, N, size=7)
    read = as_matrix(jnp.asarray(A)).at(jnp.asarray(rows), jnp.asarray(cols))
    np.testing.assert_allclose(read, A[rows, cols], rtol=1e-12, atol=1e-14)


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_squared_distances(as_matrix, axis, seed):
    A = array(seed)
    rng = np.random.default_rng(seed)
    i, j = rng.integers(0, A.shape[axis], size=(2, 7))
    B = A if axis == 0 else A.T
    expected = [np.linalg.norm(B[a] - B[b]) ** 2 for a, b in zip(i, j, strict=True)]
    distances = as_matrix(jnp.asarray(A)).sq_distances(jnp.asarray(i), jnp.asarray(j), axis)
    np.testing.assert_allclose(distances, expected, rtol=1e-12, atol=1e-14)
    assert np.all(np.asarray(distances)[i == j] == 0)


def test_gradients_through_all_readings(as_matrix, axis):
    """Differentiate `sum sin(reading)`, whose derivative is known by hand, with respect to the entries."""
    A = array(2)
    rows, cols = np.array([0, 3, 3, 1]), np.array([2, 0, 0, 1])
    i, j = np.array([0, 2, 1]), np.array([1, 0, 1])

    def through_at(X):
        return jnp.sum(jnp.sin(as_matrix(X).at(jnp.asarray(rows), jnp.asarray(cols))))

    expected = np.zeros_like(A)
    np.add.at(expected, (rows, cols), np.cos(A[rows, cols]))
    np.testing.assert_allclose(jax.jit(jax.grad(through_at))(jnp.asarray(A)), expected, rtol=1e-12, atol=1e-14)

    def through_distances(X):
        return jnp.sum(as_matrix(X).sq_distances(jnp.asarray(i), jnp.asarray(j), axis))

    B = A if axis == 0 else A.T
    expected = np.zeros_like(B)
    np.add.at(expected, i, 2 * (B[i] - B[j]))
    np.add.at(expected, j, 2 * (B[j] - B[i]))
    expected = expected if axis == 0 else expected.T
    np.testing.assert_allclose(jax.jit(jax.grad(through_distances))(jnp.asarray(A)), expected, rtol=1e-12, atol=1e-14)

    def through_dense(X):
        return jnp.sum(jnp.sin(as_matrix(X).transpose().dense()))

    np.testing.assert_allclose(jax.jit(jax.grad(through_dense))(jnp.asarray(A)), np.cos(A), rtol=1e-12)


def test_dtype_is_kept(as_matrix, axis, dtype):
    index = jnp.array([0, 1])
    readings = jax.eval_shape(
        lambda X: (X.dense(), X.transpose().dense(), X.at(index, index), X.sq_distances(index, index, axis)),
        as_matrix(jnp.ones((M, N), dtype)),
    )
    assert {reading.dtype for reading in readings} == {dtype}


@settings(max_examples=25, deadline=None)
@given(seeds, st.integers(1, 2))
def test_thin_factors_read_like_their_product(seed, r):
    rng = np.random.default_rng(seed)
    U, V = rng.normal(size=(M, r)), rng.normal(size=(N, r))
    X, A = LowRank(jnp.asarray(U), jnp.asarray(V)), U @ V.T
    rows, cols = np.divmod(np.arange(M * N), N)
    np.testing.assert_allclose(X.dense(), A, rtol=1e-12, atol=1e-13)
    assert X.shape == (M, N)
    np.testing.assert_allclose(X.transpose().dense(), A.T, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(X.at(jnp.asarray(rows), jnp.asarray(cols)), A.ravel(), rtol=1e-12, atol=1e-13)
    for axis, B in enumerate((A, A.T)):
        i, j = np.triu_indices(len(B), 1)
        distances = X.sq_distances(jnp.asarray(i), jnp.asarray(j), axis)
        np.testing.assert_allclose(distances, np.sum((B[i] - B[j]) ** 2, axis=1), rtol=1e-11, atol=1e-13)
