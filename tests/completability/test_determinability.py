"""The reductions and the solvers against dense singular values, and determined entries against what can be moved."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matmend.completability import determinability, determined_entries, jacobian, jacobian_rank, jacobian_ranks
from matmend.graph import ObservationGraph

ITERATIVE = 0  # unknowns that a factorization may take
EXACT = 6000


@st.composite
def masks(draw):
    """Random entries, or blocks that overlap: bodies that are stiff in themselves and loose against each other."""
    m, n, seed = draw(st.integers(1, 12)), draw(st.integers(1, 12)), draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    mask = rng.random((m, n)) < draw(st.sampled_from([0.05, 0.3, 0.6, 0.9]))
    for _ in range(draw(st.integers(0, 3))):
        mask |= np.outer(rng.random(m) < 0.4, rng.random(n) < 0.4)
    return mask, draw(st.integers(1, min(m, n, 4))), seed


def agree(found, mask, rank, factors, seed):
    expected = jacobian_ranks(mask, rank, factors=factors, seed=seed)
    if found.is_counted:
        assert found.jacobian_rank == expected
        assert found.is_completable == (expected == rank * (sum(mask.shape) - rank))
    else:
        assert found.jacobian_rank >= expected
    determined = determined_entries(mask, rank, factors=factors, seed=seed)
    if found.is_settled:
        np.testing.assert_array_equal(found.mask(), determined)
    else:
        assert not (found.mask() & ~determined).any()


@settings(max_examples=100, deadline=None)
@given(masks())
def test_reductions_and_factorization_agree_with_singular_values(case):
    mask, rank, seed = case
    found = determinability(ObservationGraph.from_mask(mask), rank, seed=seed)
    assert found.is_exact
    assert found.margin > 1e3
    agree(found, mask, rank, None, seed)


@settings(max_examples=60, deadline=None)
@given(masks())
def test_iterations_agree_with_singular_values(case):
    mask, rank, seed = case
    found = determinability(ObservationGraph.from_mask(mask), rank, seed=seed, exact_limit=ITERATIVE)
    agree(found, mask, rank, None, seed)


@settings(max_examples=100, deadline=None)
@given(masks(), st.sampled_from(["generic", "zeros", "parallel"]), st.sampled_from([ITERATIVE, EXACT]))
def test_learned_factors_agree_with_singular_values(case, kind, limit):
    mask, rank, seed = case
    rng = np.random.default_rng(seed)
    U, V = rng.standard_normal((mask.shape[0], rank)), rng.standard_normal((mask.shape[1], rank))
    if kind == "zeros":
        U[rng.random(len(U)) < 0.2] = 0
        V[rng.random(len(V)) < 0.2] = 0
    if kind == "parallel":
        U[rng.random(len(U)) < 0.5] = U[0]
    if np.linalg.matrix_rank(U @ V.T) < rank:
        return
    found = determinability(ObservationGraph.from_mask(mask), rank, factors=(U, V), seed=seed, exact_limit=limit)
    agree(found, mask, rank, (U, V), seed)


def chain(num_blocks, overlap, size=4):
    """Full blocks along the diagonal, each sharing `overlap` rows and columns with the next."""
    step = size - overlap
    length = step * (num_blocks - 1) + size
    mask = np.zeros((length, length), dtype=bool)
    for start in range(0, step * num_blocks, step):
        mask[start : start + size, start : start + size] = True
    return mask


@pytest.mark.parametrize("num_blocks", [2, 60])
def test_blocks_that_share_r_rows_and_columns_are_one_body(num_blocks):
    found = determinability(ObservationGraph.from_mask(chain(num_blocks, 2)), 2)
    assert found.deficit == 0
    assert found.mask().all()


@pytest.mark.parametrize("limit", [EXACT, ITERATIVE])
@pytest.mark.parametrize("num_blocks", [2, 60])
def test_blocks_that_share_r_minus_1_have_one_freedom_per_joint(num_blocks, limit):
    """Two bodies that share a row s and a column t move by H with U_s H = 0 = H V_t: (r - 1)^2 ways."""
    mask = chain(num_blocks, 1)
    found = determinability(ObservationGraph.from_mask(mask), 2, exact_limit=limit)
    if found.is_counted:
        assert found.deficit == num_blocks - 1
    np.testing.assert_array_equal(found.mask(), mask)  # blocks are full, and nothing between two of them is fixed


def two_sizes(num_loose):
    """A mask nearly stiff at rank 3, with full blocks of 5 x 5 that touch it by 8 entries, of 9 needed, each."""
    rng = np.random.default_rng(3)
    m, n = 40 + 5 * num_loose, 35 + 5 * num_loose
    mask = np.zeros((m, n), dtype=bool)
    mask[:40, :35] = rng.random((40, 35)) < 0.2
    for k in range(num_loose):
        i, j = 40 + 5 * k, 35 + 5 * k
        mask[i : i + 5, j : j + 5] = True
        mask[i + np.arange(8) % 5, 8 * k + np.arange(8)] = True
    return mask


@pytest.mark.parametrize("limit", [EXACT, ITERATIVE, 20])
def test_loose_blocks_are_found_next_to_a_stiff_body(limit):
    mask = two_sizes(3)
    found = determinability(ObservationGraph.from_mask(mask), 3, exact_limit=limit)
    assert found.is_settled
    assert found.is_exact == (limit == EXACT)
    assert found.is_counted == (limit > 0)  # what moves is small, and is counted out once iterations have found it
    assert (found.jacobian_rank == jacobian_ranks(mask, 3)) or not found.is_counted
    expected = determined_entries(mask, 3)
    assert 0.5 < expected.mean() < 1
    np.testing.assert_array_equal(found.mask(), expected)


@pytest.mark.parametrize("rank", [3, 6])
def test_a_part_of_the_entries_is_enough_for_the_verdict_of_iterations(rank):
    """A dense mask: the first pass keeps 3 r + 4 entries per row and column, which determine everything."""
    mask = np.random.default_rng(0).random((150, 130)) < 0.5
    mask[:, :3] = np.arange(450).reshape(3, 150).T % 7 == 0  # pins of high degree would settle it without iterations
    graph = ObservationGraph.from_mask(mask)
    found = determinability(graph, rank, exact_limit=ITERATIVE)
    assert found.is_settled
    assert found.deficit == determinability(graph, rank).deficit == 0


def test_a_motion_that_cancels_does_not_leave_its_rounding_behind():
    """Row 2 is parallel to row 1, so at column 3 it follows the motion of that column without moving itself."""
    mask = np.array([[1, 1, 1, 0], [1, 1, 1, 1], [0, 1, 0, 1]]) == 1
    for seed in range(20):
        rng = np.random.default_rng(seed)
        U, V = rng.standard_normal((3, 2)), rng.standard_normal((4, 2))
        U[2] = 0.3 * U[1]
        agree(determinability(ObservationGraph.from_mask(mask), 2, factors=(U, V)), mask, 2, (U, V), 0)


def project(U, V, mask, X):
    """Gauss-Newton with least steps: back to factors whose product has the observed entries of X."""
    for _ in range(30):
        residual = (X - U @ V.T)[mask]
        step = np.linalg.lstsq(jacobian(U, V)[mask], residual, rcond=1e-10)[0]
        U, V = U + step[: U.size].reshape(U.shape), V + step[U.size :].reshape(V.shape)
    assert np.abs((X - U @ V.T)[mask]).max() < 1e-12
    return U, V


@pytest.mark.parametrize("seed", range(4))
def test_other_matrices_with_the_same_entries_differ_where_nothing_is_determined(seed):
    rng = np.random.default_rng(seed)
    U, V = rng.standard_normal((7, 2)), rng.standard_normal((6, 2))
    mask = rng.random((7, 6)) < 0.55
    found = determinability(ObservationGraph.from_mask(mask), 2, factors=(U, V))
    determined = found.mask()
    assert determined[mask].all()
    assert not determined.all()
    kernel = np.linalg.svd(jacobian(U, V)[mask])[2][jacobian_ranks(mask, 2, factors=(U, V)) :]
    start = 1e-2 * kernel.T @ rng.standard_normal(len(kernel))
    U2, V2 = project(U + start[:14].reshape(7, 2), V + start[14:].reshape(6, 2), mask, U @ V.T)
    difference = np.abs(U2 @ V2.T - U @ V.T)
    assert difference[determined].max() < 1e-10
    assert difference[~determined].min() > 1e-7


def test_motions_leave_the_observed_entries_as_they_are():
    mask = chain(5, 1)
    found = determinability(ObservationGraph.from_mask(mask), 2, num_motions=6)
    changes = found.changes(*np.nonzero(mask))
    assert changes.shape == (6, np.count_nonzero(mask))
    assert np.abs(changes).max() < 1e-12
    hidden = found.changes(*np.nonzero(~mask))
    assert np.linalg.matrix_rank(hidden) == found.deficit == 4


def test_components_add_their_ranks():
    rng = np.random.default_rng(4)
    a, b = rng.random((6, 5)) < 0.7, rng.random((4, 7)) < 0.7
    mask = np.zeros((11, 12), dtype=bool)
    mask[:6, :5], mask[6:10, 5:] = a, b
    rank = 2
    expected = int(jacobian_ranks(a, rank) + jacobian_ranks(b, rank))  # the last row is isolated and adds nothing
    assert jacobian_rank(ObservationGraph.from_mask(mask), rank) == expected
    found = determinability(ObservationGraph.from_mask(mask), rank)
    labels = np.array([0] * 6 + [1] * 4 + [2])[:, None] == np.array([0] * 5 + [1] * 7)
    assert not found.mask()[~labels].any()


def test_two_full_components_lack_r_squared():
    mask = np.kron(np.eye(2, dtype=bool), np.ones((5, 5), dtype=bool))
    for rank in (1, 2, 3):
        assert determinability(ObservationGraph.from_mask(mask), rank).deficit == rank**2


def test_shares_are_of_the_hidden_entries():
    mask = chain(3, 2)
    mask[0, 1:] = False  # one entry left in the first row: at rank 2 the rest of it is open
    graph = ObservationGraph.from_mask(mask)
    found = determinability(graph, 2)
    hidden = ~mask
    assert found.share() == np.mean(found.mask()[hidden])
    assert found.share(num=30, seed=1) == pytest.approx(found.share(), abs=0.5)
    assert np.isnan(determinability(ObservationGraph.from_mask(np.ones((3, 3), bool)), 1).share())


def test_nothing_observed():
    found = determinability(ObservationGraph.from_mask(np.zeros((3, 4), dtype=bool)), 2)
    assert found.jacobian_rank == 0
    assert not found.mask().any()
    assert found.share() == 0


def test_the_answer_is_reproducible():
    graph = ObservationGraph.from_mask(two_sizes(2))
    first, second = (determinability(graph, 3, seed=7) for _ in range(2))
    np.testing.assert_array_equal(first.U_moves, second.U_moves)
    assert not np.array_equal(first.U_moves, determinability(graph, 3, seed=8).U_moves)


@pytest.mark.parametrize(("rows", "cols"), [([0], [3]), ([-1], [0]), ([0, 1], [0]), ([0.5], [1.0]), ([[0]], [[0]])])
def test_entries_outside_the_matrix_are_refused(rows, cols):
    found = determinability(ObservationGraph.from_mask(np.eye(3, dtype=bool)), 1)
    with pytest.raises(ValueError, match="rows, cols: expected"):
        found.determined(rows, cols)


@pytest.mark.parametrize("rank", [0, 4, 1.5])
def test_ranks_that_no_matrix_has_are_refused(rank):
    with pytest.raises(ValueError, match=r"rank: expected a whole number in 1\.\.3"):
        determinability(ObservationGraph.from_mask(np.eye(3, dtype=bool)), rank)


def test_a_dense_mask_of_a_large_matrix_is_refused():
    found = determinability(ObservationGraph.from_entries([0], [0], (20_000, 20_000)), 1)
    with pytest.raises(ValueError, match=r"ask determined\(rows, cols\)"):
        found.mask()
    np.testing.assert_array_equal(found.determined([0, 5], [0, 5]), [True, False])
