import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.test_util import check_grads
from scipy.sparse.csgraph import laplacian as scipy_laplacian
from scipy.spatial.distance import pdist, squareform

from matmend.matrix import Dense
from matmend.regularizer import (
    AdaptiveLaplacian,
    GivenLaplacian,
    TotalSoftmax,
    dirichlet_energy,
    laplacian,
    power_energy,
)

K, P = 5, 3
seeds = st.integers(0, 2**32 - 1)


def graph(seed):
    rng = np.random.default_rng(seed)
    return jnp.asarray(rng.uniform(size=(K, K))), jnp.asarray(rng.normal(size=(K, P)))


def plain(affinity, X):
    """`tr(X' L X)` as it is written, for autodiff to differentiate."""
    adjacency = (affinity + affinity.T) / 2 * (1 - jnp.eye(len(affinity), dtype=affinity.dtype))
    return jnp.trace(X.T @ (jnp.diag(adjacency.sum(axis=1)) - adjacency) @ X)


ours_and_plain = [jax.jit(jax.value_and_grad(energy, argnums=(0, 1))) for energy in (dirichlet_energy, plain)]


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_value_and_gradients_are_those_of_autodiff(seed):
    affinity, X = graph(seed)
    assert not np.allclose(affinity, affinity.T)
    (value, (d_affinity, d_X)), (expected, (expected_affinity, expected_X)) = (f(affinity, X) for f in ours_and_plain)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    np.testing.assert_allclose(d_affinity, expected_affinity, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(d_X, expected_X, rtol=1e-12, atol=1e-13)


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_closed_forms(seed):
    affinity, X = graph(seed)
    value, (d_affinity, d_X) = ours_and_plain[0](affinity, X)
    A = (np.asarray(affinity) + np.asarray(affinity).T) / 2
    sq = squareform(pdist(X, "sqeuclidean"))
    np.testing.assert_allclose(value, np.sum(np.triu(A * sq, 1)), rtol=1e-12)
    np.testing.assert_allclose(d_affinity, sq / 2, rtol=1e-12, atol=1e-13)
    L = scipy_laplacian(A - np.diag(np.diag(A)))
    np.testing.assert_allclose(d_X, 2 * L @ np.asarray(X), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(laplacian(affinity), L, rtol=1e-14, atol=1e-15)


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_columns_are_the_rows_of_the_transpose(seed):
    affinity, X = graph(seed)
    by_columns = jax.value_and_grad(lambda W, Z: dirichlet_energy(W, Z, axis=1), argnums=(0, 1))
    (value, (d_affinity, d_Z)), (expected, (expected_affinity, d_X)) = (
        by_columns(affinity, X.T),
        ours_and_plain[0](affinity, X),
    )
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    np.testing.assert_allclose(d_affinity, expected_affinity, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(d_Z, d_X.T, rtol=1e-12, atol=1e-13)


def test_check_grads():
    @jax.jit
    def energy(affinity, X):
        return jnp.sin(3 * dirichlet_energy(affinity, X))  # so that the cotangent is not 1

    check_grads(energy, graph(0), order=1, modes=["rev"])


def test_there_is_no_forward_mode():
    affinity, X = graph(0)
    with pytest.raises(TypeError, match="custom_vjp"):
        jax.jvp(dirichlet_energy, (affinity, X), (affinity, X))


def matrix_products(f, *args):
    """Count them in what is handed to the compiler, from which `jit` has removed what nobody asks for."""
    return jax.jit(f).lower(*args).as_text("stablehlo").count("stablehlo.dot_general")


def test_number_of_matrix_products():
    logits, X = graph(0)
    for regularizer in (AdaptiveLaplacian(), AdaptiveLaplacian(normalization=TotalSoftmax())):

        def learned(logits, X, regularizer=regularizer):
            return regularizer.energy(logits, Dense(X))

        def autodiff(logits, X, regularizer=regularizer):
            return jnp.sum(X * (regularizer.laplacian(logits) @ X))

        assert matrix_products(jax.value_and_grad(learned, argnums=(0, 1)), logits, X) == 2
        assert matrix_products(jax.value_and_grad(autodiff, argnums=(0, 1)), logits, X) == 3
        assert matrix_products(learned, logits, X) == 1


def test_a_given_graph_costs_one_product():
    affinity, X = graph(0)
    regularizer = GivenLaplacian(affinity)
    assert matrix_products(jax.value_and_grad(lambda X: regularizer.energy((), Dense(X))), X) == 1


@pytest.mark.parametrize("offset", [1.0, 1e3])
def test_float32_keeps_the_digits_of_nearly_equal_rows(offset):
    """Rows that differ by 1e-3 around a large common offset: what a learned graph ends with."""
    rng = np.random.default_rng(0)
    affinity = rng.uniform(size=(40, 40)).astype(np.float32)
    X = (offset + 1e-3 * rng.normal(size=(40, 8))).astype(np.float32)
    exact, (_, exact_X) = ours_and_plain[1](*(jnp.asarray(a, dtype=jnp.float64) for a in (affinity, X)))
    ours, (_, ours_X) = ours_and_plain[0](jnp.asarray(affinity), jnp.asarray(X))
    naive, _ = ours_and_plain[1](jnp.asarray(affinity), jnp.asarray(X))
    assert abs(float(ours) / float(exact) - 1) < 1e-5
    assert np.max(np.abs(np.float64(ours_X) - exact_X)) < 1e-5 * np.max(np.abs(exact_X))
    assert abs(float(naive) / float(exact) - 1) > 1e-3  # what the centring is for


def test_the_diagonal_does_not_count():
    affinity, X = graph(0)
    louder = affinity + 7 * jnp.eye(K)
    np.testing.assert_allclose(dirichlet_energy(louder, X), dirichlet_energy(affinity, X), rtol=1e-12)
    np.testing.assert_allclose(laplacian(louder), laplacian(affinity), rtol=1e-15)


def test_a_matrix_that_is_not_finite_is_not_hidden():
    affinity, X = graph(0)
    for bad in (np.nan, np.inf):
        value, (d_affinity, d_X) = ours_and_plain[0](affinity, X.at[1, 1].set(bad))
        assert not np.isfinite(value)
        assert not np.isfinite(d_affinity).all()
        assert not np.isfinite(d_X).all()


def plain_power(affinity, X, power):
    """`tr(X' L^p X)` with the power multiplied out, for autodiff to differentiate."""
    L = laplacian(affinity)
    return jnp.trace(X.T @ functools.reduce(jnp.matmul, power * [L]) @ X)


@pytest.mark.parametrize("axis", [0, 1], ids=["rows", "columns"])
@pytest.mark.parametrize("power", [1, 2, 3, 4, 5])
def test_powers_are_those_of_numpy_and_gradients_those_of_autodiff(power, axis):
    affinity, X = graph(0)
    held = X if axis == 0 else X.T
    value, (d_affinity, d_X) = jax.jit(
        jax.value_and_grad(lambda W, X: power_energy(W, X, axis, power=power), argnums=(0, 1))
    )(affinity, held)
    L, dense = np.asarray(laplacian(affinity)), np.asarray(X)
    Lp = np.linalg.matrix_power(L, power)
    np.testing.assert_allclose(value, np.trace(dense.T @ Lp @ dense), rtol=1e-12)
    np.testing.assert_allclose(d_X if axis == 0 else d_X.T, 2 * Lp @ dense, rtol=1e-11, atol=1e-12)
    expected = jax.grad(plain_power)(affinity, X, power)
    np.testing.assert_allclose(d_affinity, expected, rtol=1e-10, atol=1e-11)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 5), st.integers(1, 4))
def test_eigenvectors_have_powers_of_their_eigenvalues(j, power):
    """The path of k nodes has the eigenvalues 2 - 2 cos(pi j / k) and the DCT-II as eigenvectors."""
    k = 6
    path = jnp.asarray(np.diag(np.ones(k - 1), 1) + np.diag(np.ones(k - 1), -1))
    x = np.cos(np.pi * j * (np.arange(k) + 0.5) / k)
    value = power_energy(path, jnp.asarray(x / np.linalg.norm(x))[:, None], power=power)
    np.testing.assert_allclose(value, (2 - 2 * np.cos(np.pi * j / k)) ** power, rtol=1e-12, atol=1e-14)


def test_powers_cost_products_with_the_matrix_only():
    affinity, X = graph(0)
    k = affinity.shape[0]
    for power in (1, 2, 3, 4):
        text = jax.jit(lambda W, X, p=power: power_energy(W, X, power=p)).lower(affinity, X).as_text("stablehlo")
        products = [line for line in text.splitlines() if "stablehlo.dot_general" in line]
        assert len(products) == power // 2 + power % 2  # |L^a X|^2, or the energy of L^a X
        assert all(f"-> tensor<{k}x{X.shape[1]}xf64>" in line for line in products)  # never a k x k matrix


def test_the_first_power_is_the_very_program_of_the_dirichlet_energy():
    affinity, X = graph(0)
    programs = {
        str(jax.make_jaxpr(jax.value_and_grad(energy, argnums=(0, 1)))(affinity, X))
        for energy in (dirichlet_energy, power_energy)
    }
    assert len(programs) == 1


@pytest.mark.parametrize("power", [0, -1, 1.0, 0.5, True, "2"], ids=repr)
def test_other_powers_are_refused(power):
    for make in (
        lambda: power_energy(*graph(0), power=power),
        lambda: AdaptiveLaplacian(power=power),
        lambda: GivenLaplacian(np.ones((2, 2)), power=power),
    ):
        with pytest.raises(ValueError, match="an integer, 1 or more, got power="):
            make()
