import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matmend.matrix import Dense
from matmend.regularizer import AdaptiveLaplacian, FreeLogits, GivenLaplacian, frozen

seeds = st.integers(0, 2**32 - 1)


def finite(tree):
    return all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(tree))


@settings(max_examples=15, deadline=None)
@given(seeds, st.integers(-8, 8))
def test_never_negative(regularizer_case, draw, value_and_grad, seed, exponent):
    params, X = draw(regularizer_case, seed)
    value, _ = value_and_grad(regularizer_case.regularizer, params, 10.0**exponent * X)
    assert value > 0 if regularizer_case.rough else value == 0


@pytest.mark.parametrize("constant", [0.0, 0.1, -1 / 3, 1e3, 3.3e7])
def test_zero_on_constant_matrices_with_finite_gradients(regularizer_case, draw, value_and_grad, dtype, constant):
    params, X = draw(regularizer_case, 0, dtype)
    value, gradients = value_and_grad(regularizer_case.regularizer, params, jnp.full_like(X, constant))
    assert value == 0
    assert finite(gradients)


def test_gradients_are_finite_where_the_matrix_is_flat_in_places(regularizer_case, draw, value_and_grad, dtype):
    params, X = draw(regularizer_case, 0, dtype)
    spike = jnp.zeros_like(X).at[1, 1].set(1)
    for matrix in (spike, jnp.zeros_like(X).at[:, 0].set(1), jnp.zeros_like(X).at[0].set(1)):
        assert finite(value_and_grad(regularizer_case.regularizer, params, matrix))


def test_gradients_are_those_of_finite_differences(regularizer_case, draw, value_and_grad):
    regularizer, h = regularizer_case.regularizer, 1e-6
    start, direction = draw(regularizer_case, 1), draw(regularizer_case, 2)
    ahead, behind = (jax.tree.map(lambda x, d, s=s: x + s * d, start, direction) for s in (h, -h))
    slope = (value_and_grad(regularizer, *ahead)[0] - value_and_grad(regularizer, *behind)[0]) / (2 * h)
    _, gradients = value_and_grad(regularizer, *start)
    expected = sum(jax.tree.leaves(jax.tree.map(np.vdot, gradients, direction)))
    np.testing.assert_allclose(slope, expected, rtol=1e-7)


def test_dtype_is_kept(regularizer_case, draw, value_and_grad, dtype):
    _, X = draw(regularizer_case, 0, dtype)
    regularizer, shape = regularizer_case.regularizer, regularizer_case.shape
    params = jax.eval_shape(lambda key: regularizer.init(shape, key=key, dtype=dtype), jax.random.key(0))
    value, gradients = eqx.filter_eval_shape(value_and_grad, regularizer, params, X)
    assert {leaf.dtype for leaf in jax.tree.leaves((params, value, gradients))} == {dtype}


@settings(max_examples=15, deadline=None)
@given(seeds, st.floats(-5, 5), st.floats(0.1, 10))
def test_a_constant_is_not_seen_and_a_factor_comes_out(regularizer_case, draw, value_and_grad, seed, constant, factor):
    params, X = draw(regularizer_case, seed)
    value, shifted, scaled = (
        value_and_grad(regularizer_case.regularizer, params, Y)[0] for Y in (X, X + constant, factor * X)
    )
    np.testing.assert_allclose(shifted, value, rtol=1e-11)
    if regularizer_case.degree is not None:
        np.testing.assert_allclose(scaled, factor**regularizer_case.degree * value, rtol=1e-12)


def test_the_same_however_the_matrix_is_held(regularizer_case, draw, value_and_grad, as_matrix):
    params, X = draw(regularizer_case, 2)
    value = eqx.filter_jit(regularizer_case.regularizer.energy)(params, as_matrix(X))
    np.testing.assert_allclose(value, value_and_grad(regularizer_case.regularizer, params, X)[0], rtol=1e-12)


def test_same_key_same_parameters(regularizer_case, draw):
    first, again, other = (draw(regularizer_case, seed)[0] for seed in (0, 0, 1))
    assert all(map(np.array_equal, jax.tree.leaves(first), jax.tree.leaves(again)))
    assert all(not np.array_equal(a, b) for a, b in zip(jax.tree.leaves(first), jax.tree.leaves(other), strict=True))


def test_refresh_keeps_the_parameters_of_what_has_no_edges_to_rebuild(regularizer_case, draw):
    params, X = draw(regularizer_case, 0)
    refreshed = regularizer_case.regularizer.refresh(params, Dense(X))
    assert jax.tree.structure(refreshed) == jax.tree.structure(params)
    assert all(map(np.array_equal, jax.tree.leaves(refreshed), jax.tree.leaves(params)))


def test_vmap_equals_a_loop(regularizer_case, draw, value_and_grad):
    drawn = [draw(regularizer_case, seed) for seed in range(3)]
    params, X = jax.tree.map(lambda *leaves: np.stack(leaves), *drawn)
    together = jax.vmap(lambda p, X: value_and_grad(regularizer_case.regularizer, p, X))(params, X)
    one_by_one = [value_and_grad(regularizer_case.regularizer, p, X) for p, X in drawn]
    one_by_one = jax.tree.map(lambda *leaves: np.stack(leaves), *one_by_one)
    for a, b in zip(jax.tree.leaves(together), jax.tree.leaves(one_by_one), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("held_as", ["array", "leaf"])
def test_a_sweep_over_the_weight_is_a_vmap(regularizer_case, draw, value_and_grad, held_as):
    params, X = draw(regularizer_case, 0)
    regularizer, weights = regularizer_case.regularizer, jnp.array([0.0, 0.5, 2.0])
    if held_as == "array":
        swept = jax.jit(jax.vmap(lambda w: (w * regularizer).energy(params, Dense(X))))(weights)
    else:
        scaled = eqx.tree_at(lambda r: r.weight, 1.0 * regularizer, weights)
        axes = eqx.tree_at(lambda r: r.weight, jax.tree.map(lambda _: None, scaled), 0, is_leaf=lambda x: x is None)
        energies = eqx.filter_vmap(lambda r: r.energy(params, Dense(X)), in_axes=(axes,))
        swept = eqx.filter_jit(energies)(scaled)
    value, _ = value_and_grad(regularizer, params, X)
    np.testing.assert_allclose(swept, np.asarray(weights) * float(value), rtol=1e-12)


# what only graphs have: a Laplacian


laplacian = eqx.filter_jit(lambda regularizer, params: regularizer.laplacian(params))


def test_laplacian_is_one(graph_case, draw):
    params, _ = draw(graph_case, 0)
    L = np.asarray(laplacian(graph_case.regularizer, params))
    k, _ = graph_case.regularizer.transform.out_shape(graph_case.shape)
    assert L.shape == (k, k)
    np.testing.assert_allclose(L, L.T, rtol=1e-14)
    np.testing.assert_allclose(L.sum(axis=1), 0, atol=1e-15)
    assert (L[~np.eye(k, dtype=bool)] < 0).all()
    eigenvalues = np.linalg.eigvalsh(L)
    assert eigenvalues[0] > -1e-14
    assert eigenvalues[1] > 1e-3  # affinities are positive: the graph is connected


@settings(max_examples=15, deadline=None)
@given(seeds)
def test_energy_is_the_quadratic_form_of_the_power_of_the_laplacian(graph_case, draw, value_and_grad, seed):
    params, X = draw(graph_case, seed)
    L = np.linalg.matrix_power(np.asarray(laplacian(graph_case.regularizer, params)), graph_case.regularizer.power)
    features = np.asarray(graph_case.regularizer.transform(Dense(X)).dense())
    value, (_, gradient) = value_and_grad(graph_case.regularizer, params, X)
    np.testing.assert_allclose(value, np.trace(features.T @ L @ features), rtol=1e-12)
    back = jax.linear_transpose(lambda X: graph_case.regularizer.transform(Dense(X)).dense(), X)
    np.testing.assert_allclose(gradient, back(jnp.asarray(2 * L @ features))[0], rtol=1e-10, atol=1e-13)


@settings(max_examples=15, deadline=None)
@given(seeds, st.randoms(use_true_random=False))
def test_nodes_have_no_order(graph_case, draw, value_and_grad, seed, random):
    params, X = draw(graph_case, seed)
    regularizer = graph_case.regularizer
    k, _ = regularizer.transform.out_shape(graph_case.shape)
    order = np.array(random.sample(range(k), k))
    if isinstance(regularizer, AdaptiveLaplacian) and isinstance(regularizer.affinity, FreeLogits):
        relabelled, relabelled_params = regularizer, params[order][:, order]
    else:  # a network's nodes have places, but its graph, taken for itself, has no order either
        still = frozen(regularizer, params)
        assert isinstance(still, GivenLaplacian)
        affinity = still.affinity[order][:, order]
        relabelled, relabelled_params = GivenLaplacian(affinity, still.transform, still.power), ()
    # T moves every entry to one place, so its transpose takes the reordered rows back to a matrix.
    back = jax.linear_transpose(lambda X: regularizer.transform(Dense(X)).dense(), X)
    (Y,) = back(regularizer.transform(Dense(X)).dense()[order])
    value, _ = value_and_grad(relabelled, relabelled_params, Y)
    np.testing.assert_allclose(value, value_and_grad(regularizer, params, X)[0], rtol=1e-11)


def test_a_graph_of_the_wrong_matrix_is_refused(draw):
    R = GivenLaplacian(np.ones((5, 5)))
    with pytest.raises(ValueError, match=r"5 nodes, but T\(X\) has 4 rows .* transpose"):
        R.init((4, 5), key=jax.random.key(0), dtype=jnp.float32)
