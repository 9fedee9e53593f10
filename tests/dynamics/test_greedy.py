import numpy as np
import pytest
from _connected import well_conditioned as of_rank_three
from hypothesis import given, settings
from hypothesis import strategies as st

from matmend.dynamics import Chain, Symmetric, best_rank_k, greedy

seeds = st.integers(0, 2**32 - 1)


def nuclear(X):
    return float(np.linalg.norm(X, "nuc"))


def hiding(*entries, shape=(4, 4)):
    mask = np.ones(shape, dtype=bool)
    mask[tuple(np.transpose(entries))] = False
    return mask


def two_blocks(seed):
    """Return values and the mask of a 2 x 1 and a 2 x 3 block with one hole, rows and columns permuted, and labels."""
    rng = np.random.default_rng(seed)
    rows, cols = rng.permutation([0, 0, 1, 1]), rng.permutation([0, 1, 1, 1])
    mask = rows[:, None] == cols
    mask[tuple(rng.choice(np.argwhere((rows[:, None] == 1) & (cols == 1))))] = False
    return rng.normal(size=(4, 4)), mask, rows, cols


@pytest.fixture(scope="module")
def hidden_corner():
    return greedy(of_rank_three(), hiding((0, 0)))


def test_rank_after_rank_the_known_matrix_is_found(hidden_corner):
    found = hidden_corner
    assert found.rank == 3
    assert found.is_complete
    assert found.converged.all()
    np.testing.assert_allclose(found.loss[1:3], [2.5, 0.5], rtol=1e-3)
    assert found.loss[3] < 1e-16
    np.testing.assert_allclose(found.X, of_rank_three(), atol=1e-7)
    np.testing.assert_allclose(found.sigma[:3], [4.997, 1.996, 1.005], rtol=0.01)
    assert np.linalg.matrix_rank(found.saddles[2], tol=1e-12) == 2
    assert found.steps[0] == 0 < found.steps[1:].min()


def test_the_saddles_are_the_best_fits_of_their_rank(hidden_corner):
    for k in (1, 2):
        best = best_rank_k(of_rank_three(), hiding((0, 0)), k)
        np.testing.assert_allclose(hidden_corner.loss[k], best.loss, rtol=1e-9)
        np.testing.assert_allclose(hidden_corner.saddles[k], best.X, atol=1e-6)


def test_at_a_saddle_the_next_direction_is_orthogonal_to_the_factors(hidden_corner):
    """``A' u = 0`` and ``B v = 0``: why the appended pair keeps balance."""
    M, P = of_rank_three(), hiding((0, 0))
    for X in hidden_corner.saddles[1:3]:
        u, _, vt = np.linalg.svd(np.where(P, M - X, 0))
        np.testing.assert_allclose(u[:, 0] @ X, 0, atol=1e-9)
        np.testing.assert_allclose(X @ vt[0], 0, atol=1e-9)


def test_balance_is_kept_up_to_the_drift_of_gradient_descent():
    drifts = []
    for learning_rate in (0.5, 0.05):
        found = greedy(of_rank_three(), hiding((0, 0)), learning_rate=learning_rate)
        B, A = found.factors
        np.testing.assert_allclose(A @ B, found.X, atol=1e-12)
        drifts.append(float(np.max(np.abs(A.T @ A - B @ B.T))))
    assert drifts[0] < 1e-3  # of a matrix with singular value 5
    assert 8 < drifts[0] / drifts[1] < 12.5  # linear in the learning rate


@settings(max_examples=10, deadline=None)
@given(seeds)
def test_across_components_nothing_is_ever_learned(seed):
    M, mask, rows, cols = two_blocks(seed)
    for model in (Chain(), Chain(depth=3)):
        found = greedy(M, mask, model=model, max_steps=5_000)
        across = rows[:, None] != cols
        assert (found.saddles[:, across] == 0).all()
        assert (found.X[~across] != 0).any()


def test_alone_or_beside_other_components_a_block_is_learned_alike():
    M, mask, rows, cols = two_blocks(1)
    together = greedy(M, mask)
    apart = [
        greedy(np.where((rows[:, None] == p) & (cols == p), M, 0), mask & (rows[:, None] == p) & (cols == p))
        for p in (0, 1)
    ]
    assert together.rank == sum(found.rank for found in apart)
    np.testing.assert_allclose(together.X, apart[0].X + apart[1].X, atol=1e-6)


def test_components_of_equal_strength_are_learned_one_after_the_other():
    """A tie: the first singular pair that LAPACK returns may mix the two blocks."""
    mask = np.kron(np.eye(2), np.ones((2, 2))).astype(bool)
    found = greedy(np.full((4, 4), 3.0), mask)
    assert found.rank == 2
    np.testing.assert_allclose(found.gap[:2], [1, 0], atol=1e-9)
    np.testing.assert_allclose(found.X, 3 * mask, atol=1e-7)
    assert (found.saddles[1] == 0).sum() == 12


@settings(max_examples=10, deadline=None)
@given(seeds, st.integers(1, 4))
def test_where_everything_is_observed_the_levels_are_truncated_decompositions(seed, rank):
    """Eckart & Young."""
    rng = np.random.default_rng(seed)
    U, V = (np.linalg.qr(rng.normal(size=(4, 4)))[0] for _ in range(2))
    sigma = np.where(np.arange(4) < rank, 8.0 / 2 ** np.arange(4), 0)
    found = greedy((U * sigma) @ V.T, np.ones((4, 4), dtype=bool))
    assert found.rank == rank
    np.testing.assert_allclose(found.sigma[: rank + 1], np.append(sigma, 0)[: rank + 1], atol=1e-6)
    for k, X in enumerate(found.saddles):
        np.testing.assert_allclose(X, (U[:, :k] * sigma[:k]) @ V[:, :k].T, atol=1e-6)
    np.testing.assert_allclose(
        found.gap[:-1], sigma[1 : rank + 1] / sigma[:rank] if rank < 4 else [0.5] * 3 + [0], atol=1e-6
    )


def test_deep_chains_reach_the_same_saddles(hidden_corner):
    deep = greedy(of_rank_three(), hiding((0, 0)), model=Chain(depth=3))
    assert deep.rank == 3
    assert deep.converged.all()
    np.testing.assert_allclose(deep.saddles, hidden_corner.saddles, atol=1e-6)
    np.testing.assert_allclose(deep.factors[2] @ deep.factors[1] @ deep.factors[0], deep.X, atol=1e-12)


def test_the_example_that_refutes_the_nuclear_norm_conjecture():
    """Li, Luo & Lyu: U U' is learned at rank 1 and nuclear norm 2 R^2 + 2, above the least one, 4 R."""
    R = 2.0
    M = np.zeros((4, 4))
    M[0, 2] = 1
    M[0, 3] = M[1, 2] = R
    M = M + M.T
    symmetric, asymmetric = greedy(M, M > 0, model=Symmetric()), greedy(M, M > 0)
    U = symmetric.factors[0]
    np.testing.assert_allclose(U @ U.T, symmetric.X, atol=1e-12)
    w = np.array([1, R, 1, R])
    assert symmetric.rank == 1
    np.testing.assert_allclose(symmetric.X, np.outer(w, w), atol=1e-6)
    np.testing.assert_allclose(nuclear(symmetric.X), 2 * R**2 + 2, rtol=1e-7)
    assert asymmetric.rank == 2  # its bipartite graph has two components
    np.testing.assert_allclose(nuclear(asymmetric.X), 2 * R**2 + 2, rtol=1e-7)
    assert (asymmetric.X[:2, :2] == 0).all()


def test_symmetric_and_asymmetric_agree_on_a_semidefinite_matrix():
    rng = np.random.default_rng(3)
    U = rng.normal(size=(4, 2))
    mask = hiding((0, 1), (1, 0))
    one, other = (greedy(U @ U.T, mask, model=model) for model in (Symmetric(), Chain()))
    assert one.rank == other.rank == 2
    np.testing.assert_allclose(one.saddles, other.saddles, atol=1e-6)


def test_what_cannot_be_semidefinite_is_left():
    found = greedy(np.diag([2.0, -1.0, 0.0, 0.0]), np.ones((4, 4), dtype=bool), model=Symmetric())
    assert found.rank == 1
    assert found.is_complete  # as far as U U' goes
    np.testing.assert_allclose(found.X, np.diag([2.0, 0, 0, 0]), atol=1e-7)
    np.testing.assert_allclose(found.loss[-1], 0.5, rtol=1e-9)


def test_a_batch_is_its_problems():
    rng = np.random.default_rng(5)
    M = np.stack([rng.normal(size=(4, r)) @ rng.normal(size=(r, 4)) for r in (1, 2, 3, 1)])
    mask = np.stack([hiding((i, i), (3, 0)) for i in range(4)])
    together = greedy(M.reshape(2, 2, 4, 4), mask.reshape(2, 2, 4, 4))
    assert together.rank.shape == (2, 2)
    for i, found in enumerate(greedy(*problem) for problem in zip(M, mask, strict=True)):
        at = np.unravel_index(i, (2, 2))
        levels = int(found.rank) + 1
        assert together.rank[at] == found.rank
        np.testing.assert_array_equal(together.steps[at][:levels], found.steps)
        assert (together.steps[at][levels:] == 0).all()
        np.testing.assert_allclose(together.saddles[at][:levels], found.saddles, atol=1e-9)
        np.testing.assert_allclose(together.X[at], found.X, atol=1e-9)


def test_scaling_and_transposing_scale_and_transpose(hidden_corner):
    M, P = of_rank_three(), hiding((0, 0))
    other = greedy(1e4 * M.T, P.T)
    assert other.rank == hidden_corner.rank
    np.testing.assert_allclose(other.saddles, 1e4 * hidden_corner.saddles.transpose(0, 2, 1), atol=1e-3)
    np.testing.assert_allclose(other.loss[:3], 1e8 * hidden_corner.loss[:3], rtol=1e-9)


def test_a_slow_growth_ends_at_the_step_limit_and_shows():
    """[[*, 1], [1, 1e-3]]: of rank 1 the hidden entry is 1000, and far from there the slope is nearly 0."""
    M, P = np.array([[0.0, 1.0], [1.0, 1e-3]]), np.array([[False, True], [True, True]])
    found, later = (greedy(M, P, max_rank=1, max_steps=steps) for steps in (5_000, 20_000))
    assert not found.converged[1]
    assert not found.is_complete
    assert found.steps[1] == 5_000
    assert 5 < found.growth[1] < 0.9 * later.growth[1]
    assert greedy(M, P, max_steps=5_000).is_complete  # with a second rank


def test_the_first_direction_of_a_tie_may_already_be_a_saddle():
    """[[*, 1], [1, 0]]: with u = e_1, v = e_2 descent has nowhere to go, and the other entry is a rank of its own."""
    found = greedy(np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([[False, True], [True, True]]))
    assert found.rank == 2
    np.testing.assert_allclose(np.abs(found.loss), [1, 0.5, 0], atol=1e-12)
    np.testing.assert_allclose(found.X, [[0, 1], [1, 0]], atol=1e-8)


def test_nothing_to_learn():
    found = greedy(np.zeros((4, 4)), np.ones((4, 4), dtype=bool))
    assert found.rank == 0
    assert found.is_complete
    assert found.loss.tolist() == [0]
    np.testing.assert_array_equal(found.X, 0)
    assert [W.shape for W in found.factors] == [(0, 4), (4, 0)]


def test_what_cannot_be_used_is_refused():
    M, mask = of_rank_three(), hiding((0, 0))
    for call, message in (
        (lambda: greedy(M, mask, max_rank=5), "max_rank: expected"),
        (lambda: greedy(M, mask, learning_rate=1.0), "0 < learning_rate < 1"),
        (lambda: greedy(M, mask, model=Symmetric()), "differ. Use Chain"),
        (lambda: greedy(M @ M.T, hiding((0, 1)), model=Symmetric()), "on a symmetric mask"),
        (lambda: Chain(depth=1), "at least two factors"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
