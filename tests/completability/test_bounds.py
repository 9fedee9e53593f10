"""Ranks at which masks are completable, against all ranks one by one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from matmend.completability import determinability, jacobian_ranks, largest_completable_rank, upper_bound_rank
from matmend.graph import ObservationGraph


@settings(max_examples=80, deadline=None)
@given(hnp.arrays(np.bool_, st.tuples(st.integers(1, 7), st.integers(1, 7))), st.integers(0, 30))
def test_the_largest_rank_is_that_of_all_ranks_tried(mask, num_more):
    mask = mask.copy()
    mask.flat[np.random.default_rng(num_more).permutation(mask.size)[:num_more]] = True
    m, n = mask.shape
    ranks = np.arange(1, min(m, n) + 1)
    is_completable = np.array([jacobian_ranks(mask, r) == r * (m + n - r) for r in ranks])
    largest = int(is_completable.sum())
    assert is_completable[:largest].all()  # completable at r implies at r - 1
    graph = ObservationGraph.from_mask(mask)
    assert largest_completable_rank(graph) == largest
    assert largest <= upper_bound_rank(graph)


@given(hnp.arrays(np.bool_, (6, 7)), st.integers(2, 4), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_what_is_determined_at_a_rank_is_so_at_lower_ranks(mask, rank, seed):
    graph = ObservationGraph.from_mask(mask)
    higher, lower = (determinability(graph, r, seed=seed).mask() for r in (rank, rank - 1))
    assert not (higher & ~lower).any()


@pytest.mark.parametrize("size", [3, 5, 8])
def test_full_matrices_are_completable_at_every_rank(size):
    graph = ObservationGraph.from_mask(np.ones((size, size + 2), dtype=bool))
    assert upper_bound_rank(graph) == largest_completable_rank(graph) == size


def glued(num_shared):
    """Two full 5 x 5 blocks that share some rows and as many columns: completable at ranks up to their number."""
    length = 10 - num_shared
    mask = np.zeros((length, length), dtype=bool)
    mask[:5, :5] = mask[5 - num_shared :, 5 - num_shared :] = True
    return ObservationGraph.from_mask(mask)


@pytest.mark.parametrize("num_shared", [0, 1, 2, 3])
def test_glued_blocks_are_completable_up_to_what_they_share(num_shared):
    assert largest_completable_rank(glued(num_shared)) == num_shared


def test_each_necessary_condition_bounds_the_rank():
    full = np.ones((9, 9), dtype=bool)
    least_degree = full.copy()
    least_degree[0, 2:] = False
    assert upper_bound_rank(ObservationGraph.from_mask(least_degree)) == 2
    count = np.sum([np.roll(np.eye(9, dtype=bool), k, axis=1) for k in range(4)], axis=0) > 0
    assert upper_bound_rank(ObservationGraph.from_mask(count)) == 2  # 36 entries: 2 * 16 <= 36 < 3 * 15, degrees 4
    assert upper_bound_rank(ObservationGraph.from_mask(np.kron(np.eye(2), np.ones((4, 4))) == 1)) == 0
    # two full blocks and a row with two entries in each: degrees and count allow rank 4, where the core falls apart
    joined = np.zeros((17, 16), dtype=bool)
    joined[:16] = np.kron(np.eye(2), np.ones((8, 8))) == 1
    joined[16, [0, 1, 8, 9]] = True
    assert np.count_nonzero(joined) >= 4 * (33 - 4)
    assert upper_bound_rank(ObservationGraph.from_mask(joined)) == 3
