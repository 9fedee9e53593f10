import jax
import jax.numpy as jnp
import numpy as np
import pytest

from matmend.matrix import Dense
from matmend.regularizer import GivenLaplacian
from matmend.transform import Transpose

PATH = np.diag(np.ones(3), 1)  # one direction is enough: the graph is the symmetric part


def test_a_path_sums_the_squared_steps():
    X = np.array([[0.0, 1.0], [2.0, 1.0], [3.0, 5.0], [3.0, 4.0]])
    expected = np.sum(np.diff(X, axis=0) ** 2) / 2  # the symmetric part halves a one-way edge
    assert float(GivenLaplacian(PATH).energy((), Dense(jnp.asarray(X)))) == pytest.approx(expected, rel=1e-14)
    both_ways = GivenLaplacian(PATH + PATH.T, Transpose())
    assert float(both_ways.energy((), Dense(jnp.asarray(X.T)))) == pytest.approx(2 * expected, rel=1e-14)


def test_eigenvectors_have_their_eigenvalues_for_energies():
    """The Laplacian of a path of k nodes has the eigenvalues 2 - 2 cos(pi j / k), the DCT-II being its eigenvectors."""
    k = 4
    R = GivenLaplacian(PATH + PATH.T)
    for j in range(k):
        x = np.cos(np.pi * j * (np.arange(k) + 0.5) / k)
        x = x / np.linalg.norm(x)
        energy = R.energy((), Dense(jnp.asarray(x[:, None])))
        np.testing.assert_allclose(energy, 2 - 2 * np.cos(np.pi * j / k), rtol=1e-13, atol=1e-15)


def test_nothing_is_trained():
    R = GivenLaplacian(PATH)
    assert R.init((4, 2), key=jax.random.key(0), dtype=jnp.float32) == ()
    assert jax.tree.leaves(R.init((4, 2), key=jax.random.key(0), dtype=jnp.float32)) == []
    gradient = jax.grad(lambda params, X: R.energy(params, Dense(X)))((), jnp.ones((4, 2)))
    assert gradient == ()


@pytest.mark.parametrize("as_graph", [np.asarray, jnp.asarray, np.ndarray.tolist], ids=["numpy", "jax", "list"])
def test_numbers_of_any_kind_become_floating_point(as_graph):
    R = GivenLaplacian(as_graph(PATH.astype(int)))
    assert jnp.issubdtype(R.affinity.dtype, jnp.floating)
    assert np.array_equal(R.affinity, PATH)
    assert GivenLaplacian(np.float32(PATH)).affinity.dtype == jnp.float32


@pytest.mark.parametrize("as_graph", [np.asarray, jnp.asarray, np.ndarray.tolist], ids=["numpy", "jax", "list"])
@pytest.mark.parametrize(
    ("affinity", "message"),
    [
        (np.ones(3), r"square matrix, got shape \(3,\)"),
        (np.ones((2, 3)), r"square matrix, got shape \(2, 3\)"),
        (np.array([[0.0, -1.0], [1.0, 0.0]]), "finite and non-negative; clip or shift"),
        (np.array([[0.0, np.nan], [1.0, 0.0]]), "finite and non-negative"),
        (np.array([[0.0, np.inf], [1.0, 0.0]]), "finite and non-negative"),
    ],
)
def test_what_is_not_a_graph_is_refused(as_graph, affinity, message):
    with pytest.raises(ValueError, match=message):
        GivenLaplacian(as_graph(affinity))


def test_graphs_can_be_made_inside_vmap():
    graphs = jnp.stack([jnp.asarray(PATH), jnp.asarray(2 * PATH)])
    X = Dense(jnp.arange(4.0)[:, None])
    energies = jax.vmap(lambda W: GivenLaplacian(W).energy((), X))(graphs)
    np.testing.assert_allclose(energies, [1.5, 3.0], rtol=1e-14)


def test_the_graph_must_fit_the_transformed_matrix():
    R = GivenLaplacian(PATH, Transpose())
    assert R.init((7, 4), key=jax.random.key(0), dtype=jnp.float32) == ()
    with pytest.raises(ValueError, match=r"4 nodes, but T\(X\) has 7 rows for an X of shape \(4, 7\).*transpose"):
        R.init((4, 7), key=jax.random.key(0), dtype=jnp.float32)
