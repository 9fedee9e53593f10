import cvxpy
import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matmend.dynamics import minimum_nuclear_norm, minimum_rank

seeds = st.integers(0, 2**32 - 1)


def draw(seed, shape=(4, 4), rank=2, share=0.6):
    rng = np.random.default_rng(seed)
    m, n = shape
    return rng.normal(size=(m, rank)) @ rng.normal(size=(rank, n)), rng.random(shape) < share


def least_norm_by_cvxpy(M, mask):
    X = cvxpy.Variable(M.shape)
    problem = cvxpy.Problem(cvxpy.Minimize(cvxpy.normNuc(X)), [X[i, j] == M[i, j] for i, j in np.argwhere(mask)])
    problem.solve(solver="CLARABEL")
    assert problem.status == cvxpy.OPTIMAL
    return float(nuclear(np.asarray(X.value)))


def nuclear(X):
    return np.linalg.norm(X, "nuc", axis=(-2, -1))


def blocks(seed, shapes):
    """Return a block diagonal matrix of full blocks, scattered by permutations, and what is observed of it."""
    rng = np.random.default_rng(seed)
    parts = [rng.normal(size=shape) for shape in shapes]
    m, n = (sum(shape[axis] for shape in shapes) for axis in (0, 1))
    M, mask, row, col = rng.normal(size=(m, n)), np.zeros((m, n), dtype=bool), 0, 0
    for part in parts:
        here = slice(row, row + part.shape[0]), slice(col, col + part.shape[1])
        M[here], mask[here], row, col = part, True, here[0].stop, here[1].stop
    rows, cols = rng.permutation(m), rng.permutation(n)
    return M[rows][:, cols], mask[rows][:, cols], parts


@pytest.mark.parametrize(("shape", "share"), [((4, 4), 0.6), ((4, 4), 0.3), ((8, 6), 0.5)])
def test_the_least_norm_is_that_of_an_interior_point_method(shape, share):
    drawn = [draw(seed, shape, share=share) for seed in range(3)]
    least = minimum_nuclear_norm(*map(np.stack, zip(*drawn, strict=True)))
    assert least.converged.all()
    expected = [least_norm_by_cvxpy(*problem) for problem in drawn]
    np.testing.assert_allclose(least.norm, expected, rtol=1e-7)


@pytest.mark.parametrize("shapes", [[(1, 1), (2, 2), (1, 1)], [(1, 2), (3, 2)], [(2, 3), (2, 1)], [(4, 4)]])
def test_on_complete_blocks_the_least_norm_is_the_sum_of_theirs(shapes):
    drawn = [blocks(seed, shapes) for seed in range(20)]
    least = minimum_nuclear_norm(np.stack([M for M, _, _ in drawn]), np.stack([mask for _, mask, _ in drawn]))
    expected = np.array([sum(float(nuclear(part)) for part in parts) for _, _, parts in drawn])
    assert least.converged.all()
    np.testing.assert_allclose(least.norm, expected, rtol=1e-7)


def test_the_figure_of_the_three_by_three_matrix():
    """|M_11| + |block|_*, which for a block of rank 1 is its only singular value."""
    M = np.outer([1, 2, 3], [2, 1, 0.5])
    mask = np.zeros((3, 3), dtype=bool)
    mask[0, 0] = mask[1:, 1:] = True
    assert abs(minimum_nuclear_norm(M, mask).norm - (2 + np.hypot(2, 3) * np.hypot(1, 0.5))) < 1e-6


@settings(max_examples=15, deadline=None)
@given(seeds, st.floats(0.05, 0.95))
def test_the_gap_bounds_how_far_the_norm_is_from_the_least(seed, share):
    M, mask = draw(seed, share=share)
    rough, fine = minimum_nuclear_norm(M, mask, max_steps=50), minimum_nuclear_norm(M, mask)
    assert (rough.X[mask] == M[mask]).all()
    assert (fine.X[mask] == M[mask]).all()
    for least in (rough, fine):
        np.testing.assert_allclose(least.norm, nuclear(least.X), atol=1e-12)
        assert least.gap >= -1e-12
    least_norm = fine.norm - fine.gap / 2
    assert rough.norm - rough.gap - fine.gap - 1e-12 <= least_norm <= rough.norm + fine.gap + 1e-12
    assert fine.norm <= nuclear(M) + fine.gap + 1e-12


def test_a_problem_does_not_see_its_neighbours():
    drawn = [draw(seed, share=0.2 + 0.05 * seed) for seed in range(9)]
    M, mask = map(np.stack, zip(*drawn, strict=True))
    apart = [minimum_nuclear_norm(*problem) for problem in drawn]
    together = minimum_nuclear_norm(M.reshape(3, 3, 4, 4), mask.reshape(3, 3, 4, 4))
    assert together.norm.shape == (3, 3)
    np.testing.assert_array_equal(together.steps.ravel(), [int(least.steps) for least in apart])
    np.testing.assert_allclose(together.norm.ravel(), [float(least.norm) for least in apart], rtol=1e-12)


def test_scaling_and_transposing_scale_and_transpose():
    M, mask = draw(4, (8, 6))
    one, other = minimum_nuclear_norm(M, mask), minimum_nuclear_norm(-1e6 * M.T, mask.T)
    np.testing.assert_allclose(other.norm, 1e6 * one.norm, rtol=1e-9)
    np.testing.assert_allclose(other.X, -1e6 * one.X.T, atol=1e-2)


def test_everything_or_nothing_or_zeros_observed():
    M = draw(0, rank=3)[0]
    full, none = np.ones((4, 4), dtype=bool), np.zeros((4, 4), dtype=bool)
    problems = np.stack([M, M, np.zeros((4, 4))]), np.stack([full, none, M > 0])
    least, low = minimum_nuclear_norm(*problems), minimum_rank(*problems)
    np.testing.assert_allclose(least.norm, [float(nuclear(M)), 0, 0], rtol=1e-12)
    assert least.converged.all()
    assert low.rank.tolist() == [3, 0, 0]
    np.testing.assert_allclose(low.X[0], M, atol=1e-4)
    np.testing.assert_array_equal(low.X[1:], 0)
    # Eckart & Young: everything observed, the best fit of rank k is the truncated decomposition.
    tail = np.append(np.cumsum(np.linalg.svd(M, compute_uv=False)[::-1] ** 2)[::-1] / 2, 0)
    np.testing.assert_allclose(low.loss[0], tail, atol=1e-9)


def test_the_least_rank_of_rank_one_data_on_a_connected_mask_is_one_and_its_completion_unique():
    M = np.outer([1, 2, 4, 7], [1, 0.3, 0.7, -0.4])
    mask = np.eye(4, dtype=bool)
    mask[0] = True
    found = minimum_rank(M, mask)
    assert found.rank == 1
    np.testing.assert_allclose(found.X, M, atol=1e-3)  # a loss of 1e-10 |P o M|^2 leaves so much


def test_the_least_rank_of_a_disconnected_mask_is_the_largest_of_its_components():
    drawn = [
        blocks(seed, shapes) for seed in range(3) for shapes in ([(1, 2), (3, 2)], [(2, 2), (2, 2)], [(3, 3), (1, 1)])
    ]
    M, mask = np.stack([M for M, _, _ in drawn]), np.stack([mask for _, mask, _ in drawn])
    found = minimum_rank(M, mask)
    assert found.rank.tolist() == [max(min(part.shape) for part in parts) for _, _, parts in drawn]
    sigma = np.linalg.svd(found.X, compute_uv=False)
    assert (sigma[np.arange(len(M)), found.rank] < 1e-12 * sigma[:, 0]).all()
    assert (np.abs(found.X - M)[mask] < 1e-4).all()


def test_a_generic_matrix_needs_the_rank_that_its_entries_ask_for():
    """One hidden entry: the cofactor decides, and every rank below min(m, n) - 1 has a positive least loss."""
    rng = np.random.default_rng(0)
    M, mask = rng.normal(size=(4, 4)), np.ones((4, 4), dtype=bool)
    mask[0, 0] = False
    found = minimum_rank(M, mask)
    assert found.rank == 3
    np.testing.assert_allclose(np.linalg.det(found.X), 0, atol=1e-12)
    minor = np.linalg.det(np.where(np.eye(4)[0][:, None] * np.eye(4)[0], 0, M)) / np.linalg.det(M[1:, 1:])
    np.testing.assert_allclose(found.X[0, 0], -minor, rtol=1e-4)
    assert (found.loss[1:3] > 0.01).all()
    assert (np.diff(found.loss) < 0).all()


def test_an_infimum_at_infinity_is_named():
    """[[*, 1], [1, 0]] at rank 1: ``[[1/e, 1], [1, e]]`` has loss e^2 / 2."""
    mask = np.array([[False, True], [True, True]])
    M = np.array([[0.0, 1.0], [1.0, 0.0]])
    found = minimum_rank(M, mask)
    assert found.rank == 2
    assert found.at_infinity.tolist() == [False, True, False]


def test_what_cannot_be_used_is_refused():
    M, mask = draw(0)
    for call, message in (
        (lambda: minimum_nuclear_norm(M[0], mask), "batch of matrices"),
        (lambda: minimum_nuclear_norm(M, mask[:3]), "mask must have shape"),
        (lambda: minimum_rank(np.where(mask, np.nan, M), mask), "NaN or infinite"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    with jax.enable_x64(False), pytest.raises(ValueError, match="float64"):
        minimum_nuclear_norm(M, mask)
