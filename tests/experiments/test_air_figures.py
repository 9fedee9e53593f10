"""Statistics of the AIR-Net figures that have logic of their own."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse.csgraph import connected_components

from experiments.air._curves import Run, _regularizer, energy, graphs
from experiments.air._data import Cell
from experiments.air._graphs import (
    communities,
    num_neighbors,
    same_community_auc,
    share_inside,
    share_near,
    weight_per_row,
)
from experiments.air._records import Graphs, TrueError, packed, unpacked
from experiments.air.fig2_frozen import first_below
from matmend.datasets.synthetic import block_ratings
from matmend.matrix import Dense
from matmend.metrics import nmae
from matmend.observation import Masked
from matmend.problem import Problem
from matmend.regularizer import AdaptiveLaplacian
from matmend.representation import Direct, Gaussian
from matmend.solve import adam, solve
from matmend.transform import Transpose


def test_true_error_is_nmae_of_every_iterate():
    rng = np.random.default_rng(0)
    X_true = rng.normal(size=(6, 5)).astype(np.float32)
    mask = rng.random(X_true.shape) > 0.4
    problem = Problem(Masked.from_array(X_true, mask), Direct(), 0.1 * AdaptiveLaplacian())
    iterates = []

    def keep(state, row):
        iterates.append(np.asarray(problem.matrix(state.params).dense()))

    truth = TrueError(X_true, ~mask)
    key = jax.random.key(0)
    record = solve(problem, adam(1e-2), key=key, max_steps=20, every=10, record=truth, on_block=[keep]).record
    assert record["step"].tolist() == [0, 10, 20]
    np.testing.assert_allclose(record["nmae"], [nmae(X, X_true, mask) for X in iterates], rtol=1e-5)
    assert len(set(record["nmae"].tolist())) == 3, "nothing moves: nothing is tested"


def test_graphs_are_kept_at_their_steps_to_the_bit():
    X = np.arange(12, dtype=np.float32).reshape(4, 3)
    problem = Problem(Masked.from_array(X), Direct(), AdaptiveLaplacian() + AdaptiveLaplacian(Transpose()))
    kept, seen = Graphs((10, 30)), {}

    def keep(state, row):
        seen[int(row["step"])] = [np.asarray(one) for one in state.params.regularizer]

    solve(problem, adam(1e-2), key=jax.random.key(0), max_steps=30, every=10, on_block=[kept, keep])
    assert sorted(kept.kept) == [10, 30]
    for step, both in kept.kept.items():
        for one, other in zip(both, seen[step], strict=True):
            np.testing.assert_array_equal(one, other)
            np.testing.assert_array_equal(unpacked(json.loads(json.dumps(packed(one)))), other)


def test_frozen_graphs_have_the_energy_of_what_they_were_taken_from():
    run = Run("air", Cell("camera", "30"), 1, 0.5, Gaussian(0.0, 1.0), frozen_at=10)
    learning = _regularizer(run, None)
    X = Dense(jax.random.normal(jax.random.key(1), (4, 3), np.float32))
    params = learning.init((4, 3), key=jax.random.key(0), dtype=np.float32)
    given = _regularizer(run, [packed(logits) for logits in params])
    assert not jax.tree.leaves(given.init((4, 3), key=jax.random.key(2), dtype=np.float32))
    assert float(given.energy(((), ()), X)) == float(learning.energy(params, X)) > 0


def test_graphs_of_a_curve_are_the_laplacians_without_their_diagonal():
    logits = np.random.default_rng(0).normal(size=(5, 5)).astype(np.float32)
    (A,) = graphs({"graphs": {"7": [packed(logits)]}}, 7)
    L = np.asarray(AdaptiveLaplacian().laplacian(jnp.asarray(logits)))
    np.testing.assert_allclose(A, np.diag(np.diag(L)) - L, atol=1e-7)


def test_energy_is_that_of_both_graphs():
    assert energy({"energies": [[1.0, 2.0], [3.0, 5.0]]}).tolist() == [4.0, 7.0]


@given(st.integers(1, 6), st.integers(2, 7))
def test_disjoint_cliques_have_as_many_neighbours_as_members_but_one(count, size):
    A = np.kron(np.eye(count), np.ones((size, size)) - np.eye(size)) / size
    assert num_neighbors(A) == pytest.approx(size - 1)
    assert weight_per_row(A) == pytest.approx((size - 1) / size)
    community = communities(A * size)
    np.testing.assert_array_equal(community, np.repeat(np.arange(count), size))
    assert share_inside(A, community) == pytest.approx(1)
    if count > 1:
        assert same_community_auc(A, community) == 1
        assert same_community_auc(np.ones_like(A), community) == 0.5
        assert same_community_auc(-A, community) == 0


@given(st.integers(2, 12), st.integers(0, 11))
def test_a_share_of_pairs_lies_near(k, distance):
    near = sum(abs(i - j) <= distance for i in range(k) for j in range(k) if i != j)
    assert share_near(np.ones((k, k)) - np.eye(k), distance) == pytest.approx(near / (k * (k - 1)))


def test_communities_are_found_through_faint_edges():
    dataset = block_ratings((45, 60), num_row_blocks=5, num_col_blocks=4, seed=0)
    for graph, count in ((dataset.row_graph, 5), (dataset.col_graph, 4)):
        assert graph is not None
        plain = connected_components(graph, directed=False)[1]
        np.testing.assert_array_equal(communities(graph + 0.3 * (1 - np.eye(len(graph))) * (graph == 0)), plain)
        assert plain.max() + 1 == count


def test_the_first_record_below_a_level_if_there_is_one():
    curve = {"step": [0, 100, 200, 300], "nmae": [0.5, 0.2, 0.3, 0.1]}
    assert [first_below(curve, level) for level in (0.5, 0.25, 0.15, 0.05)] == [0, 100, 300, float("inf")]
