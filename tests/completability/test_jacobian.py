"""Stacks of small masks: counts that are known in closed form or by enumeration, and the definition itself."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from matmend.completability import determined_entries, jacobian, jacobian_ranks


def masks_of(m, n, num_observed):
    """Every mask of m x n with so many observed entries."""
    chosen = np.array(list(combinations(range(m * n), num_observed)))
    masks = np.zeros((len(chosen), m * n), dtype=bool)
    np.put_along_axis(masks, chosen, True, axis=1)
    return masks.reshape(-1, m, n)


def are_connected(masks):
    """By powers of the adjacency matrix, isolated vertices counted."""
    count, m, n = masks.shape
    reach = np.zeros((count, m + n, m + n))
    reach[:, :m, m:] = masks
    reach += reach.swapaxes(1, 2) + np.eye(m + n)
    for _ in range(int(np.ceil(np.log2(m + n)))):
        reach = np.minimum(reach @ reach, 1)
    return reach.all(axis=(1, 2))


@pytest.fixture(scope="module")
def random_factors():
    rng = np.random.default_rng(5)
    return rng.standard_normal((4, 2)), rng.standard_normal((3, 2))


def test_the_jacobian_is_the_derivative_of_the_product(random_factors):
    U, V = random_factors
    J = jacobian(U, V)
    rng = np.random.default_rng(0)
    dU, dV = rng.standard_normal(U.shape), rng.standard_normal(V.shape)
    change = J @ np.concatenate([dU.ravel(), dV.ravel()])
    step = 1e-6
    differences = ((U + step * dU) @ (V + step * dV).T - (U - step * dU) @ (V - step * dV).T) / (2 * step)
    np.testing.assert_allclose(change, differences, rtol=0, atol=1e-8)


@pytest.mark.parametrize("rank", [1, 2, 3, 4])
def test_full_masks_have_the_dimension_of_the_rank_r_matrices(rank):
    assert jacobian_ranks(np.ones((6, 4), dtype=bool), rank) == rank * (6 + 4 - rank)


def test_masks_of_the_same_group():
    """The three 4 x 4 masks of "Optimistic estimate": 7, 12 and 15 entries for ranks 1, 2 and 3."""
    one = np.eye(4, dtype=bool)
    one[0] = True
    two = np.zeros((4, 4), dtype=bool)
    two[:2] = two[2:, 2:] = True
    three = np.ones((4, 4), dtype=bool)
    three[3, 0] = False
    assert [int(jacobian_ranks(mask, r)) for r, mask in enumerate((one, two, three), 1)] == [7, 12, 15]


def test_two_blocks_glued_on_one_entry():
    mask = np.zeros((5, 5), dtype=bool)
    mask[:3, :3] = mask[2:, 2:] = True
    mask[2, 2] = False
    mask[2] = [True, True, False, True, True]
    assert np.count_nonzero(mask) == 16
    assert jacobian_ranks(mask, 1) == 9
    assert jacobian_ranks(mask, 2) == 15
    assert np.count_nonzero(determined_entries(mask, 2) & ~mask) == 1
    assert determined_entries(mask, 1).all()


def test_masks_of_twelve_entries_at_rank_two():
    masks = masks_of(4, 4, 12)
    assert np.count_nonzero(are_connected(masks)) == 1812
    assert np.count_nonzero(jacobian_ranks(masks, 2) == 12) == 1284


@pytest.mark.parametrize("num_observed", [7, 9])
def test_at_rank_one_completable_means_connected(num_observed):
    masks = masks_of(4, 4, num_observed)
    connected = are_connected(masks)
    assert 0 < connected.sum() < len(masks)
    np.testing.assert_array_equal(jacobian_ranks(masks, 1) == 7, connected)


def test_stacks_agree_with_single_masks_with_factors_of_their_own():
    rng = np.random.default_rng(1)
    masks = rng.random((2, 3, 4, 5)) < 0.6
    U, V = rng.standard_normal((2, 3, 4, 2)), rng.standard_normal((2, 3, 5, 2))
    ranks, entries = jacobian_ranks(masks, 2, factors=(U, V)), determined_entries(masks, 2, factors=(U, V))
    for k in np.ndindex(2, 3):
        assert ranks[k] == jacobian_ranks(masks[k], 2, factors=(U[k], V[k]))
        np.testing.assert_array_equal(entries[k], determined_entries(masks[k], 2, factors=(U[k], V[k])))


@given(hnp.arrays(np.bool_, (4, 5)), st.integers(1, 3), st.integers(0, 1000))
def test_determined_entries_add_nothing_to_the_rank(mask, rank, seed):
    """The definition: a row lies in the row space iff adding it leaves the rank as it is."""
    before = jacobian_ranks(mask, rank, seed=seed)
    more = np.repeat(mask[None], 20, axis=0)
    more.reshape(20, 20)[np.arange(20), np.arange(20)] = True
    after = jacobian_ranks(more, rank, seed=seed)
    np.testing.assert_array_equal(after.reshape(4, 5) == before, determined_entries(mask, rank, seed=seed))


def test_what_is_learned_matters_by_its_column_spaces_only():
    rng = np.random.default_rng(2)
    mask = rng.random((6, 7)) < 0.5
    U, V = rng.standard_normal((6, 2)), rng.standard_normal((7, 2))
    T = np.array([[1e3, 5.0], [0.0, 1e-2]])
    scaled = np.logspace(-4, 4, 6)[:, None] * U @ T
    wide = np.hstack([scaled @ np.ones((2, 3)), scaled])  # of width 5, the product has rank 2
    again = np.hstack([np.zeros((7, 3)), V @ np.linalg.inv(T).T])
    np.testing.assert_array_equal(
        determined_entries(mask, 2, factors=(U, V)), determined_entries(mask, 2, factors=(wide, again))
    )


def test_a_learned_row_of_zeros_is_determined_where_two_columns_say_so():
    mask = np.array([[1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 0]]) == 1
    rng = np.random.default_rng(3)
    U, V = rng.standard_normal((3, 2)), rng.standard_normal((4, 2))
    U[0] = 0
    # the last column is isolated, but a row of zeros is zero there too
    expected = mask | (np.indices((3, 4))[0] == 0)
    np.testing.assert_array_equal(determined_entries(mask, 2, factors=(U, V)), expected)


@pytest.mark.parametrize(
    ("rank", "factors", "message"),
    [
        (0, None, r"rank: expected a whole number in 1\.\.3"),
        (4, None, r"rank: expected a whole number in 1\.\.3"),
        (2, (np.ones((3, 2)), np.ones((2, 4))), r"factors: expected U \(3, d\), V \(4, d\) with d >= 2"),
        (2, (np.ones((3, 1)), np.ones((4, 1))), r"factors: expected U \(3, d\), V \(4, d\) with d >= 2"),
        (2, (np.ones((3, 2)), np.ones((4, 2))), "factors: expected a product of rank 2 at least"),
        (1, (np.full((3, 1), np.nan), np.ones((4, 1))), "factors: expected finite numbers"),
        (1, (np.ones((3, 1)), None), "factors: expected"),
    ],
)
def test_bad_ranks_and_factors_are_refused(rank, factors, message):
    with pytest.raises(ValueError, match=message):
        jacobian_ranks(np.ones((3, 4), dtype=bool), rank, factors=factors)


@pytest.mark.parametrize("masks", [np.ones((3, 4)), np.ones(3, dtype=bool), np.ones((2, 0, 3), dtype=bool)])
def test_masks_must_be_boolean_matrices(masks):
    with pytest.raises(ValueError, match=r"masks: expected a bool array"):
        jacobian_ranks(masks, 1)


def test_a_stack_of_factors_must_fit_the_stack_of_masks():
    with pytest.raises(ValueError, match="one pair for each of the masks"):
        jacobian_ranks(np.ones((2, 3, 3), bool), 1, factors=(np.ones((3, 3, 1)), np.ones((3, 3, 1))))
