import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from matmend import Entries, Problem
from matmend.matrix import Dense, LowRank
from matmend.regularizer import AdaptiveLaplacian, EdgeLaplacian, RowSoftmin, TotalSoftmax, is_refreshed
from matmend.regularizer.edge_energy import CHUNK, UNROLLED
from matmend.regularizer.edges import EdgeParams
from matmend.representation import DeepFactorization
from matmend.solve import solve
from matmend.transform import Centred, Identity, Transpose
from tests._jaxpr import shapes

KEY = jax.random.key(0)
seeds = st.integers(0, 2**32 - 1)
SHAPE, PLAIN = (12, 7), EdgeLaplacian(num_neighbors=4)  # of many tests, to be compiled once
normalizations = pytest.mark.parametrize(
    "normalization", [RowSoftmin(), TotalSoftmax()], ids=lambda n: type(n).__name__
)


def low_rank(shape, r=3, seed=0, dtype: Any = np.float64):
    rng = np.random.default_rng(seed)
    U, V = (jnp.asarray(rng.normal(size=(size, r)), dtype) for size in shape)
    return LowRank(U, V)


def started(regularizer, X, seed=None):
    """Parameters after a refresh, with logits drawn at random if there is a seed."""
    params = regularizer.refresh(regularizer.init(X.shape, key=KEY, dtype=X.U.dtype), X)
    if seed is None:
        return params
    draws = np.random.default_rng(seed).normal(size=params.logits.shape)
    return params._replace(logits=jnp.asarray(draws, params.logits.dtype))


@eqx.filter_jit
def value_and_grad(regularizer, params, X):
    """Energy and its derivatives in the logits and in the matrix."""

    def energy(trained):
        logits, X = trained
        return regularizer.energy(params._replace(logits=logits) if isinstance(params, EdgeParams) else logits, X)

    return jax.value_and_grad(energy)((params.logits if isinstance(params, EdgeParams) else params, X))


# the dense regularizer is the referee


def all_pairs(k, transform, normalization):
    graph = np.tile(np.arange(k), (k, 1))
    return EdgeLaplacian(transform, normalization, graph=graph, num_neighbors=0, include_self=True)


@pytest.mark.parametrize(
    ("k", "transform", "normalization", "dtype", "tolerance"),
    [
        (5, Identity(), RowSoftmin(), np.float32, 1e-5),
        (5, Transpose(), TotalSoftmax(), np.float64, 1e-12),
        (UNROLLED + 7, Transpose(), RowSoftmin(), np.float64, 1e-12),
    ],
)
def test_on_all_pairs_it_is_the_dense_one(k, transform, normalization, dtype, tolerance):
    shape = (k, 4) if isinstance(transform, Identity) else (4, k)
    X = low_rank(shape, dtype=dtype)
    sparse_one = all_pairs(k, transform, normalization)
    dense_one = AdaptiveLaplacian(transform, normalization)
    params = started(sparse_one, X, seed=1)
    neighbors = np.asarray(params.edges.neighbors)
    logits = np.zeros((k, k), dtype)
    np.put_along_axis(logits, neighbors, np.asarray(params.logits), axis=1)

    value, (d_logits, d_X) = value_and_grad(sparse_one, params, X)
    dense = value_and_grad(dense_one, jnp.asarray(logits), X)
    expected, (expected_logits, expected_X) = dense
    expected_logits = np.take_along_axis(np.asarray(expected_logits), neighbors, axis=1)
    for ours, theirs in [(value, expected), (d_logits, expected_logits), (d_X.U, expected_X.U), (d_X.V, expected_X.V)]:
        assert ours.dtype == dtype
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance * np.abs(theirs).max())


@settings(max_examples=5, deadline=None)
@given(seeds)
def test_energy_is_the_quadratic_form_of_the_adjacency(seed):
    X, R = low_rank(SHAPE, seed=seed), PLAIN
    params = started(R, X, seed)
    A = R.adjacency(params).toarray()
    np.testing.assert_array_equal(A, A.T)
    assert (A.diagonal() == 0).all()
    assert (A >= 0).all()
    x = np.asarray(X.dense())
    expected = np.trace(x.T @ (np.diag(A.sum(axis=1)) - A) @ x)
    value, (_, d_X) = value_and_grad(R, params, X)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    # Held dense, it is the same matrix and the same energy.
    dense_value, (_, d_dense) = value_and_grad(R, params, Dense(jnp.asarray(x)))
    np.testing.assert_allclose(dense_value, expected, rtol=1e-12)
    np.testing.assert_allclose(d_X.U, d_dense.X @ X.V, rtol=1e-9, atol=1e-12)


def quadratic_form(R, params, U, gram):
    """Value and derivative in U of tr((U C)' L (U C)) with C C' = gram, from the sparse graph."""
    A = R.adjacency(params).toarray()
    LU = (np.diag(A.sum(axis=1)) - A) @ U
    return np.sum(U * (LU @ gram)), 2 * LU @ gram


@pytest.mark.parametrize("moves_features", [True, False])
def test_centred_rows_are_compared_without_their_biases(moves_features):
    X = low_rank(SHAPE)
    X = LowRank(X.U, X.V.at[:, 1].set(1))  # column 1 of U is a bias
    R = EdgeLaplacian(Centred(Identity()), num_neighbors=4, moves_features=moves_features)
    params = started(R, X, seed=0)
    U, V = np.asarray(X.U), np.asarray(X.V)
    features = V - V.mean(axis=0)
    expected, slope = quadratic_form(R, params, U, features.T @ features)
    value, (d_logits, d_X) = value_and_grad(R, params, X)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    np.testing.assert_allclose(d_X.U, slope, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(d_X.U[:, 1], 0, atol=1e-12)
    assert (np.asarray(d_X.V) != 0).any() == moves_features
    assert (np.asarray(d_logits) != 0).all()
    # Neither the energy nor who is a neighbour depends on the biases.
    biased = LowRank(X.U.at[:, 1].mul(100), X.V)
    np.testing.assert_allclose(value_and_grad(R, params, biased)[0], expected, rtol=1e-9)
    assert np.array_equal(started(R, biased).edges.neighbors, params.edges.neighbors)


@normalizations
def test_empty_slots_count_for_nothing(normalization):
    X = low_rank((6, 5))
    lists = np.array([[1, 2, -1], [-1, -1, -1], [0, -1, -1], [2, 4, 5], [3, -1, -1], [-1, 0, -1]])
    R = EdgeLaplacian(normalization=normalization, graph=lists, num_neighbors=0)
    params = started(R, X, seed=0)
    value, (d_logits, _) = value_and_grad(R, params, X)
    taken = np.asarray(params.edges.is_taken)
    assert taken.sum() == (lists >= 0).sum()
    assert (np.asarray(d_logits)[~taken] == 0).all()
    moved = jnp.where(taken, params.logits, 1e6)
    assert value_and_grad(R, params._replace(logits=moved), X)[0] == value
    W = np.asarray(R.affinity(params))
    assert (W[~taken] == 0).all()
    total = W.sum() if isinstance(normalization, TotalSoftmax) else W.sum(axis=1)[taken.any(axis=1)]
    np.testing.assert_allclose(total, 2 if isinstance(normalization, TotalSoftmax) else 1, rtol=1e-12)


@pytest.mark.parametrize("constant", [0.1, 3.3e7])
def test_zero_on_equal_rows_with_finite_gradients(constant):
    X = LowRank(jnp.full((9, 2), constant, jnp.float32), low_rank((9, 4), 2, dtype=np.float32).V)
    R = EdgeLaplacian(num_neighbors=3)
    value, gradients = value_and_grad(R, params := started(R, X), X)
    assert value == 0
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradients))
    assert np.isfinite(updated(R, params, X).logits).all()


def test_many_nodes_are_worked_on_in_chunks():
    X = low_rank((CHUNK + 37, 6))
    params = started(PLAIN, X, seed=0)
    U, V = np.asarray(X.U), np.asarray(X.V)
    expected, slope = quadratic_form(PLAIN, params, U, V.T @ V)
    value, (_, d_X) = value_and_grad(PLAIN, params, X)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    np.testing.assert_allclose(d_X.U, slope, rtol=1e-9, atol=1e-11)


def test_vmap_equals_a_loop():
    cases = [(started(PLAIN, X, s), X) for s, X in enumerate(low_rank(SHAPE, seed=s) for s in range(3))]
    together = jax.jit(jax.vmap(PLAIN.energy))(*jax.tree.map(lambda *leaves: jnp.stack(leaves), *cases))
    np.testing.assert_allclose(together, [value_and_grad(PLAIN, *case)[0] for case in cases], rtol=1e-12)


# alternating least squares


def test_one_row_solved_for_is_the_minimum_over_that_row():
    X, weight = low_rank(SHAPE), 0.7
    params = started(PLAIN, X, seed=2)
    terms = eqx.filter_jit(PLAIN.normal_terms)(params, X, 0)
    assert terms.gram is not None
    assert terms.gram_weight is not None
    u = jnp.linalg.solve(weight * terms.gram_weight[5] * terms.gram, weight * terms.rhs[5])
    at_minimum = LowRank(X.U.at[5].set(u), X.V)
    _, (_, gradient) = value_and_grad(PLAIN, params, at_minimum)
    np.testing.assert_allclose(gradient.U[5], 0, atol=1e-12)
    # The split is the block Jacobi one: no node's own row is on the right-hand side.
    np.testing.assert_allclose(terms.gram_weight, PLAIN.adjacency(params).sum(axis=1), rtol=1e-12)


@eqx.filter_jit
def updated(regularizer, params, X):
    return regularizer.update(params, X, key=KEY, variance=jnp.zeros((), X.U.dtype))


@normalizations
def test_update_follows_the_gradient_whatever_the_scale(normalization):
    X = low_rank(SHAPE)
    R = EdgeLaplacian(normalization=normalization, num_neighbors=4, rate=0.1)
    params = started(R, X)
    new = updated(R, params, X)
    assert value_and_grad(R, new, X)[0] < value_and_grad(R, params, X)[0]
    scaled = updated(R, params, LowRank(1e3 * X.U, X.V))
    np.testing.assert_allclose(scaled.logits, new.logits, rtol=1e-9, atol=1e-12)
    # From equal logits a step is the distances' deviation from their (row or total) mean, in units of the mean.
    x, neighbors = np.asarray(X.dense()), np.asarray(params.edges.neighbors)
    sq = np.sum((x[:, None] - x[neighbors]) ** 2, axis=-1)
    if isinstance(normalization, RowSoftmin):
        expected = 0.1 * (sq - sq.mean(axis=1, keepdims=True)) / sq.mean()
    else:
        expected = -0.1 * (sq - sq.mean()) / sq.mean()
    np.testing.assert_allclose(new.logits, expected, rtol=1e-9, atol=1e-12)


def test_an_update_of_several_steps_is_as_many_updates():
    X = low_rank(SHAPE)
    one, three = (EdgeLaplacian(num_neighbors=4, rate=0.1, num_steps=steps) for steps in (1, 3))
    params = started(one, X)
    there = updated(one, updated(one, updated(one, params, X), X), X)
    np.testing.assert_allclose(updated(three, params, X).logits, there.logits, rtol=1e-12)


def test_what_is_not_learnt_stays():
    X = low_rank(SHAPE)
    R = EdgeLaplacian(num_neighbors=4, learn=False)
    params = started(R, X)
    assert R.update(params, X, key=KEY, variance=jnp.zeros(())) is params
    value, (d_logits, _) = value_and_grad(R, params, X)
    assert value > 0
    assert (np.asarray(d_logits) == 0).all()


# refresh


def test_given_edges_stay_and_no_edge_is_there_twice():
    rng = np.random.default_rng(0)
    X = low_rank((40, 6))
    graph = sparse.random_array((40, 40), density=0.1, rng=rng, format="csr")
    R = EdgeLaplacian(graph=graph, num_neighbors=5, include_self=True)
    first = R.init(X.shape, key=KEY, dtype=np.float64)
    params = first
    for seed in range(3):
        params = R.refresh(params, low_rank((40, 6), seed=seed))
        assert jax.tree.map(jnp.shape, params) == jax.tree.map(jnp.shape, first)
        assert [leaf.dtype for leaf in jax.tree.leaves(params)] == [leaf.dtype for leaf in jax.tree.leaves(first)]
        for i, row in enumerate(np.asarray(params.edges.neighbors)):
            nodes = row[row >= 0]
            assert len(set(nodes)) == len(nodes)
            assert i in nodes
            assert set(graph[[i]].nonzero()[1]) <= set(nodes)
            assert len(set(nodes) - {i}) >= 3


def test_edges_that_stay_keep_slot_and_logit_and_new_ones_start_neutral():
    R = EdgeLaplacian(num_neighbors=5, max_incoming=100)
    X = low_rank((60, 6))
    params = started(R, X, seed=0)
    assert all(map(np.array_equal, jax.tree.leaves(R.refresh(params, X)), jax.tree.leaves(params)))
    nudged = LowRank(X.U + 0.3 * low_rank((60, 6), seed=1).U, X.V)
    new = R.refresh(params, nudged)
    before, after = np.asarray(params.edges.neighbors), np.asarray(new.edges.neighbors)
    stays = before == after
    assert 0.1 < stays.mean() < 0.9
    assert not (~stays & (before[:, :, None] == after[:, None, :]).any(axis=2)).any()  # who stays does not move
    logits = np.asarray(new.logits)
    np.testing.assert_array_equal(logits[stays], np.asarray(params.logits)[stays])
    for i in np.flatnonzero((~stays).any(axis=1) & stays.any(axis=1)):
        np.testing.assert_allclose(logits[i][~stays[i]], logits[i][stays[i]].mean(), rtol=1e-12)


def test_cold_rows_have_neighbours_and_are_nobodys():
    rng = np.random.default_rng(0)
    k = 400
    counts = rng.integers(0, 40, k)
    cold = counts < 5
    U = rng.normal(size=(k, 4)) * np.where(cold, 1e-3, 1)[:, None]
    U[counts == 0] = 0
    X = LowRank(jnp.asarray(U), jnp.asarray(rng.normal(size=(9, 4))))
    R = EdgeLaplacian(num_neighbors=6, num_observed=counts, min_degree=4, max_incoming=10)
    neighbors = np.asarray(started(R, X).edges.neighbors)
    assert ((neighbors >= 0).sum(axis=1) >= 4).all()
    chosen = np.bincount(neighbors[neighbors >= 0], minlength=k)
    assert (chosen[cold] == 0).all()
    assert chosen.max() <= 3 * 10
    # Without the counts they would be everybody's.
    without = np.asarray(started(EdgeLaplacian(num_neighbors=6, max_incoming=k), X).edges.neighbors)
    assert np.bincount(without[without >= 0], minlength=k)[cold].mean() > 5


def test_before_the_first_refresh_there_are_no_edges():
    X = low_rank(SHAPE)
    params = PLAIN.init(X.shape, key=KEY, dtype=np.float64)
    value, gradients = value_and_grad(PLAIN, params, X)
    assert value == 0
    assert all((np.asarray(leaf) == 0).all() for leaf in jax.tree.leaves(gradients))


@pytest.mark.parametrize("k", [1, 3])
def test_fewer_nodes_than_neighbours(k):
    X = low_rank((k, 4))
    params = started(PLAIN, X, seed=0)
    assert (np.asarray(params.edges.is_taken).sum(axis=1) == k - 1).all()
    assert np.isfinite(PLAIN.energy(params, X))


def test_adam_trains_the_logits_and_refresh_rebuilds_the_edges():
    rng = np.random.default_rng(0)
    rows, cols = np.nonzero(rng.uniform(size=(30, 20)) < 0.5)
    X_true = np.asarray(low_rank((30, 20), 2).dense())
    observation = Entries.from_triplets(rows, cols, X_true[rows, cols], shape=X_true.shape)
    R = EdgeLaplacian(num_neighbors=3)
    assert is_refreshed(R)
    problem = Problem(observation, DeepFactorization(depth=2, width=4), 1e-3 * R)
    states = []
    solve(problem, optax.adam(1e-2), key=KEY, max_steps=60, every=20, on_block=[lambda s, _: states.append(s)])
    first, last = states[1].params.regularizer, states[-1].params.regularizer
    assert isinstance(last, EdgeParams)
    assert np.asarray(last.edges.is_taken).all()
    assert (np.asarray(first.logits) != 0).any()
    assert not np.array_equal(first.edges.neighbors, last.edges.neighbors)


def test_nothing_is_larger_than_twice_edges_or_factor():
    k, n, r, s = 4 * CHUNK, 10 * CHUNK, 12, 9
    R = EdgeLaplacian(num_neighbors=s)
    params = R.init((k, n), key=KEY, dtype=np.float32)
    X = jax.eval_shape(lambda: LowRank(jnp.zeros((k, r), np.float32), jnp.zeros((n, r), np.float32)))

    def everything(params, X):
        energy = lambda trained: R.energy(params._replace(logits=trained[0]), trained[1])  # noqa: E731
        update = R.update(params, X, key=KEY, variance=jnp.zeros((), np.float32))
        return jax.value_and_grad(energy)((params.logits, X)), R.normal_terms(params, X, 0), update

    found = [math.prod(shape) for shape in shapes(everything, params, X)]
    assert len(found) > 20
    assert max(found) <= 2 * max(k * s, k * r, n * r)
