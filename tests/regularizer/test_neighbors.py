import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from matmend.regularizer import neighbors as search
from matmend.regularizer.edge_tables import as_table, by_target, is_among, keep_slots
from matmend.regularizer.neighbors import deal, nearest, take_in_turn

seeds = st.integers(0, 2**32 - 1)


def brute_force(points, s, among):
    sq = np.sum((points[:, None] - points) ** 2, axis=-1)
    np.fill_diagonal(sq, np.inf)
    sq[:, ~among] = np.inf
    order = np.argsort(sq, axis=1)[:, :s]
    sq = np.take_along_axis(sq, order, axis=1)
    return np.where(np.isinf(sq), -1, order), sq


@settings(max_examples=20, deadline=None)
@given(seeds, st.integers(1, 12), st.floats(0.05, 1))
def test_few_points_are_searched_exactly(seed, s, share):
    rng = np.random.default_rng(seed)
    points, among = rng.normal(size=(40, 5)), rng.uniform(size=40) < share
    among[0] = True
    found, sq = nearest(points, s, among=among)
    expected, expected_sq = brute_force(points, s, among)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_allclose(sq, expected_sq, rtol=1e-4, atol=1e-5)


def test_equal_points_do_not_find_themselves():
    found, sq = nearest(np.ones((30, 3)), 5)
    assert ((found >= 0) & (found != np.arange(30)[:, None])).all()
    assert (sq == 0).all()


def test_cells_find_most_neighbours_and_repeatably(monkeypatch):
    rng = np.random.default_rng(0)
    points = (rng.normal(size=(100, 8))[rng.integers(0, 100, 5000)] + 0.3 * rng.normal(size=(5000, 8))).astype(
        np.float32
    )
    exact, _ = nearest(points, 10)
    monkeypatch.setattr(search, "EXACT_LIMIT", 1000)
    found, sq = nearest(points, 10)
    again, _ = nearest(points, 10)
    np.testing.assert_array_equal(found, again)
    assert is_among(found, exact).mean() > 0.95
    assert not np.array_equal(found, exact)  # the cells were used
    true = np.sum((points[:, None] - points[found]) ** 2, axis=-1)
    np.testing.assert_allclose(sq, true, rtol=1e-3, atol=1e-4)
    assert (np.diff(sq, axis=1) >= 0).all()


@settings(max_examples=20, deadline=None)
@given(seeds, st.integers(1, 5), st.integers(1, 6))
def test_no_one_is_taken_more_often_than_allowed(seed, s, max_incoming):
    points = np.random.default_rng(seed).normal(size=(30, 2))
    candidates, sq = nearest(points, 2 * s)
    taken = take_in_turn(candidates, sq, s, max_incoming)
    assert (is_among(taken, candidates) == (taken >= 0)).all()
    chosen = np.bincount(taken[taken >= 0], minlength=30)
    assert chosen.max() <= max_incoming
    # Who got less than asked for was refused by full nodes only.
    short = (taken >= 0).sum(axis=1) < s
    refused = candidates[short][~is_among(candidates[short], taken[short])] if short.any() else np.zeros(0, int)
    assert (chosen[refused] == max_incoming).all()


def test_without_a_limit_the_nearest_are_taken():
    points = np.random.default_rng(0).normal(size=(30, 2))
    candidates, sq = nearest(points, 6)
    np.testing.assert_array_equal(take_in_turn(candidates, sq, 3, 30), candidates[:, :3])


@settings(max_examples=30, deadline=None)
@given(seeds, st.integers(2, 20), st.integers(1, 6))
def test_everyone_is_dealt_up_to_the_floor(seed, k, floor):
    rng = np.random.default_rng(seed)
    order = rng.permutation(k)
    lists = np.array([rng.permutation(np.delete(np.arange(k), i)) for i in range(k)])
    found, given = np.full((k, floor), -1), np.full((k, 2), -1)
    for i in range(k):  # some found, others given, none of them twice
        a, b = rng.integers(0, min(floor, k - 1) + 1), rng.integers(0, 3)
        found[i, :a] = lists[i, :a]
        given[i, : lists[i, a : a + b].size] = lists[i, a : a + b]
    dealt = deal(found, given, order, floor, max_incoming=3)
    assert (dealt[found >= 0] == found[found >= 0]).all()
    for i in range(k):
        nodes = [*dealt[i][dealt[i] >= 0], *given[i][given[i] >= 0]]
        assert len(set(nodes)) == len(nodes) >= min(floor, k - 1)
        assert i not in nodes


@settings(max_examples=30, deadline=None)
@given(seeds, st.integers(1, 12), st.integers(1, 12))
def test_every_edge_is_listed_by_target_once(seed, k, s):
    rng = np.random.default_rng(seed)
    neighbors = np.where(rng.uniform(size=(k, s)) < 0.3, -1, rng.integers(0, min(3, k), (k, s)))  # hubs
    incoming, owners = by_target(neighbors)
    owner = np.concatenate([np.arange(k), owners])
    listed = [(edge // s, owner[row]) for row, edges in enumerate(incoming) for edge in edges if edge >= 0]
    expected = [(i, j) for i, row in enumerate(neighbors) for j in row if j >= 0 and j != i]
    assert sorted(listed) == sorted(expected)
    assert (np.diff(owners) >= 0).all()
    assert [part.shape for part in by_target(np.full((k, s), -1))] == [incoming.shape, owners.shape]


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_slots_are_kept(seed):
    rng = np.random.default_rng(seed)
    k, s = 9, 4

    def table():
        drawn = np.array([rng.permutation(k)[:s] for _ in range(k)])
        return np.where(np.arange(s) < rng.integers(0, s + 1, k)[:, None], drawn, -1)

    old, new, logits = table(), table(), rng.normal(size=(k, s))
    kept, kept_logits = keep_slots(old, logits, new)
    for i in range(k):
        assert set(kept[i]) - {-1} == set(new[i]) - {-1}
        assert (kept[i] >= 0).sum() == (new[i] >= 0).sum()
        stays = np.isin(old[i], new[i]) & (old[i] >= 0)
        assert (kept[i][stays] == old[i][stays]).all()
        assert (kept_logits[i][stays] == logits[i][stays]).all()


def test_a_graph_is_the_same_as_matrix_and_as_lists():
    graph = sparse.random_array((20, 20), density=0.2, rng=np.random.default_rng(0), format="csr")
    table = as_table(graph)
    assert (table != np.arange(20)[:, None]).all()
    np.testing.assert_array_equal(as_table(table[:, ::-1]), table)
    expected = graph.toarray() != 0
    np.fill_diagonal(expected, False)
    rows, slots = np.nonzero(table >= 0)
    found = np.zeros((20, 20), bool)
    found[rows, table[rows, slots]] = True
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("graph", [sparse.csr_array((4, 4)), np.zeros((4, 0), int)], ids=["matrix", "lists"])
def test_an_empty_graph_is_one(graph):
    assert as_table(graph).shape == (4, 0)
