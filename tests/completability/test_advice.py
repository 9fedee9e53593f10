"""Advice that is followed must do what it says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from matmend.completability import advise, determinability, jacobian_ranks
from matmend.graph import ObservationGraph

sizes = st.tuples(st.integers(1, 8), st.integers(1, 8))


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(np.bool_, sizes), st.integers(1, 3), st.booleans(), st.integers(0, 99))
def test_every_entry_raises_the_rank_by_one_until_all_is_determined(mask, rank, has_factors, seed):
    m, n = mask.shape
    rank = min(rank, m, n)
    rng = np.random.default_rng(seed)
    factors = (rng.standard_normal((m, rank)), rng.standard_normal((n, rank))) if has_factors else None
    graph = ObservationGraph.from_mask(mask)
    advice = advise(graph, rank, num=1000, factors=factors, seed=seed)
    assert advice.rows.size == advice.cols.size == len(advice.reasons) == advice.leverages.size
    stages = np.repeat(mask[None], advice.rows.size + 1, axis=0)
    for k, (i, j) in enumerate(zip(advice.rows, advice.cols, strict=True)):
        assert not stages[k, i, j]
        stages[k + 1 :, i, j] = True
    ranks = jacobian_ranks(stages, rank, factors=factors, seed=seed)
    np.testing.assert_array_equal(np.diff(ranks), 1)
    assert ranks[-1] == rank * (m + n - rank)
    assert advice.rows.size == determinability(graph, rank, factors=factors, seed=seed).deficit


def test_connecting_entries_come_first_and_say_so():
    mask = np.kron(np.eye(3), np.ones((3, 3))) == 1
    advice = advise(ObservationGraph.from_mask(mask), 2, num=5)
    assert [reason.split(":")[0] for reason in advice.reasons[:2]] == ["connects two components"] * 2
    assert np.isnan(advice.leverages[:2]).all()
    assert all(reason.startswith("fixes what still moves at rank 2") for reason in advice.reasons[2:])
    assert ((advice.leverages[2:] > 0) & (advice.leverages[2:] <= 1)).all()


def test_a_determined_matrix_needs_nothing():
    advice = advise(ObservationGraph.from_mask(np.ones((4, 5), dtype=bool)), 3)
    assert advice.rows.size == 0
    assert advice.reasons == ()


def test_entries_that_are_nearly_zero_are_avoided():
    """Row 0 lacks one entry to be determined at rank 2, and any column will do; X_0j is 1e-6 but for one of them."""
    mask = np.ones((6, 8), dtype=bool)
    mask[0, 1:] = False
    V = np.column_stack([np.ones(8), np.full(8, 1e-6)])
    V[:, 1] *= 1 + np.arange(8) % 3
    V[5] = [1.0, 1.0]
    rng = np.random.default_rng(0)
    U = rng.standard_normal((6, 2))
    U[0] = [0.0, 1.0]
    advice = advise(ObservationGraph.from_mask(mask), 2, factors=(U, V))
    assert advice.rows.tolist() == [0]
    assert advice.cols.tolist() == [5]


def test_a_large_mask_is_advised_from_random_candidates(monkeypatch):
    monkeypatch.setattr("matmend.completability.advice.CANDIDATES", 1 << 12)  # large by its own measure
    rng = np.random.default_rng(1)
    m, n = 300, 200
    rows, cols = rng.integers(m, size=8_000), rng.integers(n, size=8_000)
    keep = rows > 2  # rows 0, 1, 2 get one entry each: at rank 2 each lacks one
    rows, cols = np.concatenate([rows[keep], [0, 1, 2]]), np.concatenate([cols[keep], [3, 4, 5]])
    graph = ObservationGraph.from_entries(rows, cols, (m, n))
    assert determinability(graph, 2).deficit == 3
    advice = advise(graph, 2, num=10)
    assert sorted(advice.rows.tolist()) == [0, 1, 2]
    both = np.concatenate([rows, advice.rows]), np.concatenate([cols, advice.cols])
    assert determinability(ObservationGraph.from_entries(*both, (m, n)), 2).is_completable


@pytest.mark.parametrize(("num", "rank", "message"), [(0, 1, "num: expected"), (3, 9, "rank: expected")])
def test_bad_requests_are_refused(num, rank, message):
    with pytest.raises(ValueError, match=message):
        advise(ObservationGraph.from_mask(np.eye(3, dtype=bool)), rank, num=num)
