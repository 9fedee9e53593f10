"""The spectral form: eigenvectors of given graphs, band limits, and what it has in common with the plain form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from matmend.regularizer import laplacian
from matmend.representation import DeepFactorization, Direct, Spectral

RNG = np.random.default_rng(0)


def graph(k):
    W = RNG.random((k, k))
    return W + W.T


def test_bases_are_the_eigenvectors_of_the_laplacians_smoothest_first():
    W_row, W_col = graph(5), graph(7)
    X = Spectral.from_graphs(W_row, W_col)
    for basis, W in ((X.row_basis, W_row), (X.col_basis, W_col)):
        L = np.asarray(laplacian(jnp.asarray(W)))
        turned = np.asarray(basis.T @ L @ basis)
        np.testing.assert_allclose(turned, np.diag(np.linalg.eigvalsh(L)), atol=1e-12)
        np.testing.assert_allclose(basis.T @ basis, np.eye(len(W)), atol=1e-12)


def test_dirichlet_energy_is_a_weighted_sum_of_squared_coefficients():
    W_row = graph(5)
    X = Spectral.from_graphs(W_row, graph(7), coefficients=Direct())
    C = jnp.asarray(RNG.normal(size=(5, 7)))
    L = laplacian(jnp.asarray(W_row))
    dense = X(C).dense()
    expected = jnp.sum(jnp.linalg.eigvalsh(L)[:, None] * C**2)
    np.testing.assert_allclose(jnp.trace(dense.T @ L @ dense), expected, rtol=1e-12)


def test_a_band_limit_leaves_the_smoothest_matrices():
    X = Spectral.from_graphs(graph(5), graph(7), num_row=1, num_col=1)
    dense = X(X.init((5, 7), key=jax.random.key(0), dtype=jnp.float64)).dense()
    # The smoothest eigenvector of a connected graph is constant.
    np.testing.assert_allclose(dense, dense[0, 0], rtol=1e-10)
    assert dense[0, 0] != 0


def test_any_representation_of_the_coefficients_will_do():
    deep = DeepFactorization(depth=2)
    X = Spectral.from_graphs(graph(4), graph(6), num_row=3, coefficients=deep)
    params = X.init((4, 6), key=jax.random.key(0), dtype=jnp.float32)
    assert [W.shape for W in params] == [W.shape for W in deep.init((3, 6), key=jax.random.key(0), dtype=jnp.float32)]
    assert X(params).dense().dtype == jnp.float32


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Spectral.from_graphs(np.ones((2, 3)), np.ones((2, 2))), "symmetric"),
        (lambda: Spectral.from_graphs(np.array([[0, 1], [2, 0]]), np.ones((2, 2))), "symmetric"),
        (lambda: Spectral.from_graphs(-np.ones((2, 2)), np.ones((2, 2))), ">= 0"),
        (lambda: Spectral.from_graphs(np.ones((2, 2)), np.ones((2, 2)), num_col=3), "num_col: expected 1 to 2"),
        (lambda: Spectral(jnp.ones((2, 3)), jnp.ones((2, 2))), "row_basis"),
        (
            lambda: Spectral.from_graphs(np.ones((2, 2)), np.ones((3, 3))).init(
                (3, 2), key=jax.random.key(0), dtype=jnp.float32
            ),
            "2 and 3 nodes",
        ),
    ],
)
def test_bad_graphs_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()
