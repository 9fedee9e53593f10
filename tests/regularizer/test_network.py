from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import softmax

from matmend.matrix import Dense
from matmend.regularizer import AdaptiveLaplacian, CoordinateNetwork
from matmend.solve import adam


def draw(graph, k, seed=0, dtype=jnp.float64):
    return graph.init(k, key=jax.random.key(seed), dtype=dtype)


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_affinity_is_the_gram_matrix_of_a_sine_network(depth):
    """The same network written in NumPy, node by node."""
    graph, k = CoordinateNetwork(rank=7, width=6, depth=depth, omega=3.0), 9
    params = draw(graph, k)
    layers = [(np.asarray(w), np.asarray(b)) for w, b in zip(params.weights, params.biases, strict=True)]
    assert [w.shape for w, _ in layers] == [(1, 6), *[(6, 6)] * (depth - 1), (6, 7)]
    G = []
    for z in np.linspace(-1, 1, k):
        h = np.sin(3.0 * (layers[0][0][0] * z + layers[0][1]))
        for w, b in layers[1:-1]:
            h = np.sin(w.T @ h + b)
        G.append(softmax(layers[-1][0].T @ h + layers[-1][1]))
    affinity = np.asarray(graph(params))
    np.testing.assert_allclose(affinity, np.array(G) @ np.array(G).T, rtol=1e-12)
    assert np.linalg.matrix_rank(affinity) <= 7


def test_number_of_parameters_does_not_depend_on_the_nodes():
    graph = CoordinateNetwork()
    sizes = {k: sum(leaf.size for leaf in jax.tree.leaves(draw(graph, k))) for k in (10, 240, 1000)}
    expected = (32 + 32) + 4 * (32 * 32 + 32) + (32 * 256 + 256)  # 1-(32 x 5)-256
    assert set(sizes.values()) == {expected}
    assert expected < 240**2 / 4


def test_the_number_of_nodes_is_not_trained():
    graph = CoordinateNetwork(rank=4, width=5, depth=1)
    params = draw(graph, 6)
    assert len(jax.tree.leaves(params)) == 4
    optim: Any = adam(1e-2)
    gradient = jax.grad(lambda p: jnp.sum(jnp.sin(graph(p))))(params)
    with jax.numpy_dtype_promotion("standard"):  # Optax mixes in its own constants
        updates, _ = optim.update(gradient, optim.init(params))
    moved = jax.tree.map(lambda p, u: p + u, params, updates)
    assert moved.num_nodes == 6
    assert graph(moved).shape == (6, 6)
    assert not np.allclose(graph(moved), graph(params))


def test_the_graph_is_smooth_in_the_order_of_the_nodes():
    """Twice as many nodes: neighbouring rows differ by half, and every second row is nearly that of before."""
    graph = CoordinateNetwork(omega=5.0)
    params = [draw(graph, k, dtype=jnp.float64) for k in (41, 81)]
    coarse, fine = (np.asarray(graph(p)) for p in params)
    np.testing.assert_allclose(fine[::2, ::2], coarse, rtol=1e-12)  # the same places
    steps = [np.abs(np.diff(affinity, axis=0)).max() for affinity in (coarse, fine)]
    assert 0.4 < steps[1] / steps[0] < 0.6


def test_the_sines_keep_their_size_from_layer_to_layer():
    """The bounds of the weights: activations of a deep network vary as much as those of a shallow one (RMS 0.71)."""
    for depth in (1, 8):
        graph = CoordinateNetwork(rank=1, width=256, depth=depth, omega=30.0)
        params = draw(graph, 200)
        h = jnp.linspace(-1, 1, 200)[:, None]
        for layer in range(depth):
            h = jnp.sin((30.0 if layer == 0 else 1.0) * (h @ params.weights[layer] + params.biases[layer][None, :]))
        assert abs(float(jnp.sqrt(jnp.mean(h**2))) - 0.5**0.5) < 0.1


def test_it_learns_which_rows_are_alike():
    """Two halves of the matrix with equal rows within: descent at fixed X takes the weight off the pairs across."""
    k = 12
    X = Dense(jnp.asarray(np.repeat([[0.0, 1.0], [1.0, 0.0]], k // 2, axis=0)))
    R = AdaptiveLaplacian(affinity=CoordinateNetwork(rank=8, width=16, depth=2))
    params = R.init(X.shape, key=jax.random.key(0), dtype=jnp.float64)
    optim = adam(1e-2)

    def step(carry, _):
        params, memory = carry
        gradient = jax.grad(R.energy)(params, X)
        with jax.numpy_dtype_promotion("standard"):  # Optax mixes in its own constants
            updates, memory = optim.update(gradient, memory, params)
        return (jax.tree.map(lambda p, u: p + u, params, updates), memory), None

    (trained, _), _ = jax.jit(lambda c: jax.lax.scan(step, c, None, length=500))((params, optim.init(params)))
    assert R.energy(trained, X) < 0.05 * R.energy(params, X)
    A = -np.asarray(R.laplacian(trained))
    same = np.kron(np.eye(2), np.ones((k // 2, k // 2))).astype(bool) & ~np.eye(k, dtype=bool)
    across = np.kron(1 - np.eye(2), np.ones((k // 2, k // 2))).astype(bool)
    assert A[same].min() > 5 * A[across].max()


@pytest.mark.parametrize(
    "wrong", [{"rank": 0}, {"width": 0}, {"depth": 0}, {"omega": 0.0}, {"omega": float("nan")}], ids=str
)
def test_what_is_no_network_is_refused(wrong):
    with pytest.raises(ValueError, match="rank, width and depth of 1 or more and a frequency omega > 0"):
        CoordinateNetwork(**wrong)
