import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import connected_components

from matmend.datasets import community_graph, power_law_ratings
from matmend.datasets._degrees import degrees, distinct_entries


def keys(part):
    return part.rows.astype(np.int64) * part.shape[1] + part.cols


@pytest.fixture(scope="module")
def sample():
    return power_law_ratings(2000, 1500, 60_000, num_heldout=6_000, seed=3)


def test_entries_are_distinct_in_order_and_of_the_promised_types(sample):
    for part, size in ((sample.train, 60_000), (sample.heldout, 6_000)):
        assert part.rows.size == part.cols.size == part.values.size == size
        assert (part.rows.dtype, part.cols.dtype, part.values.dtype) == (np.int32, np.int32, np.float32)
        assert (np.diff(keys(part)) > 0).all()
    assert np.intersect1d(keys(sample.train), keys(sample.heldout)).size == 0
    together = np.append(keys(sample.train), keys(sample.heldout))
    assert np.unique(together // 1500).size == 2000
    assert np.unique(together % 1500).size == 1500


def test_values_are_truth_and_noise(sample):
    """Against the formula written out, and both parts alike: held-out entries are no easier."""
    U, V = sample.row_factors.astype(float), sample.col_factors.astype(float)
    X = 3.5 + sample.row_biases[:, None] + sample.col_biases + U @ V.T
    for part in (sample.train, sample.heldout):
        expected = X[part.rows, part.cols]
        np.testing.assert_allclose(sample.expected(part.rows, part.cols), expected, atol=1e-5)
        residual = part.values - expected
        bound = 5 * 0.5 / np.sqrt(residual.size)  # 5 standard errors
        assert abs(residual.mean()) < bound
        assert abs(residual.std() - 0.5) < bound


def test_spreads_are_as_asked():
    """A mean over members has their spread over the root of their number; the bounds are 5 of it."""
    sample = power_law_ratings(
        20_000, 15_000, 40_000, rank=5, row_bias_std=0.3, col_bias_std=0.2, factor_std=0.9, community_strength=0.6,
        num_communities=10_000, seed=0,
    )  # fmt: skip
    assert sample.row_biases.std() == pytest.approx(0.3, rel=0.03)
    assert sample.col_biases.std() == pytest.approx(0.2, rel=0.03)
    inner = np.einsum("er,er->e", sample.row_factors[:15_000], sample.col_factors)
    assert inner.std() == pytest.approx(0.9, rel=0.05)
    U, labels = sample.row_factors, sample.row_communities
    order = np.lexsort((np.arange(labels.size), labels))
    pair = labels[order[1:]] == labels[order[:-1]]
    first, second = U[order[:-1][pair]], U[order[1:][pair]]
    assert (first * second).mean() / (U**2).mean() == pytest.approx(0.6, abs=0.05)
    assert (first[:-1] * second[1:]).mean() / (U**2).mean() == pytest.approx(0, abs=0.4)


def test_communities_can_be_the_whole_of_the_factors():
    sample = power_law_ratings(300, 200, 3000, community_strength=1, num_communities=7, seed=1)
    for factors, labels in (
        (sample.row_factors, sample.row_communities),
        (sample.col_factors, sample.col_communities),
    ):
        assert np.unique(factors, axis=0).shape[0] == np.unique(labels).size == 7
    alone = power_law_ratings(300, 200, 3000, community_strength=0, num_communities=7, seed=1)
    assert np.unique(alone.row_factors, axis=0).shape[0] == 300


def test_a_seed_gives_the_same_and_another_one_another():
    first, again, other = (power_law_ratings(200, 150, 2000, seed=seed) for seed in (5, 5, 6))
    for part in ("train", "heldout"):
        np.testing.assert_array_equal(keys(getattr(first, part)), keys(getattr(again, part)))
        np.testing.assert_array_equal(getattr(first, part).values, getattr(again, part).values)
        assert not np.array_equal(keys(getattr(first, part)), keys(getattr(other, part)))


def test_noise_and_levels_change_neither_entries_nor_truth():
    plain = power_law_ratings(200, 150, 2000, noise=0, seed=5)
    noisy = power_law_ratings(200, 150, 2000, noise=2, seed=5)
    stars = power_law_ratings(200, 150, 2000, noise=0, levels=(np.arange(1, 11) / 2).tolist(), seed=5)
    for other in (noisy, stars):
        np.testing.assert_array_equal(keys(plain.train), keys(other.train))
        np.testing.assert_array_equal(plain.row_factors, other.row_factors)
    exact = plain.expected(plain.train.rows, plain.train.cols)
    np.testing.assert_array_equal(plain.train.values, exact)
    np.testing.assert_array_equal(stars.train.values, np.clip(np.round(exact * 2) / 2, 0.5, 5))


def test_popularity_follows_the_formula_and_not_the_index(sample):
    together = np.append(sample.train.rows, sample.heldout.rows)
    counts = np.bincount(together, minlength=2000)
    wanted = degrees(2000, 66_000, 1350, 0.6, shift=2e-4, floor=0.15)
    np.testing.assert_array_equal(np.sort(counts)[::-1], wanted)  # rows exactly
    assert abs(np.corrcoef(np.arange(2000), np.argsort(np.argsort(counts)))[0, 1]) < 0.15
    correlation = [np.corrcoef(counts, sample.row_factors[:, k])[0, 1] for k in range(8)]
    assert np.abs(correlation).max() < 5 / np.sqrt(2000)


def test_columns_are_drawn_by_popularity_without_putting_back():
    """The referee draws each row with NumPy's own weighted choice."""
    rng = np.random.default_rng(1)
    row_degrees = np.sort(rng.integers(5, 60, size=150))
    col_degrees = degrees(100, int(row_degrees.sum()), 150, 1.5, shift=0.02, floor=0.5)
    found, expected = np.zeros(100), np.zeros(100)
    for _ in range(20):
        found += np.bincount(distinct_entries(row_degrees, col_degrees, rng)[1])
        for degree in row_degrees:
            expected[rng.choice(100, degree, replace=False, p=col_degrees / col_degrees.sum())] += 1
    for group in np.split(np.arange(100), 5):  # the most popular twenty, the next ones, ...
        assert found[group].sum() == pytest.approx(expected[group].sum(), rel=0.05)


def test_without_exponents_all_are_alike():
    sample = power_law_ratings(100, 50, 1000, num_heldout=0, row_exponent=0, col_exponent=0, seed=0)
    assert set(np.bincount(sample.train.rows)) == {10}
    assert sample.heldout.values.size == 0


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 30), st.integers(1, 30), st.floats(0, 1), st.floats(0, 4), st.integers(0, 2**32))
def test_any_shape_and_density_gives_distinct_entries(m, n, share, exponent, seed):
    low, high = max(m, n), m * n // 2
    if low > high:
        return
    total = low + round(share * (high - low))
    sample = power_law_ratings(
        m, n, total, num_heldout=0, rank=2, row_exponent=exponent, col_exponent=exponent, seed=seed
    )
    assert np.unique(keys(sample.train)).size == total
    assert np.unique(sample.train.rows).size == m
    assert np.unique(sample.train.cols).size == n


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 200), st.integers(0, 3000), st.floats(0, 3))
def test_degrees_sum_up(size, more, exponent):
    most = 2 + 2 * (size + more) // size
    found = degrees(size, size + more, most, exponent, shift=0.01, floor=0.2)
    assert found.sum() == size + more
    assert found.min() >= 1
    assert found.max() <= most
    assert (np.diff(found) <= 0).all()


def test_rows_that_have_nearly_every_column_are_filled_up():
    """The last rounds are drawn row by row."""
    rng = np.random.default_rng(0)
    row_degrees = np.array([39, 40, 38, 3])
    col_degrees = np.append(np.full(2, 41), np.ones(38, np.int64))
    assert row_degrees.sum() == col_degrees.sum()
    rows, cols = distinct_entries(row_degrees, col_degrees, rng)
    np.testing.assert_array_equal(np.bincount(rows), row_degrees)
    assert np.unique(rows * 40 + cols).size == 120
    assert (rows.dtype, cols.dtype) == (np.int32, np.int32)


def test_a_community_graph_joins_members_and_no_one_else():
    labels = np.random.default_rng(0).integers(12, size=500)
    labels[7] = 99  # alone
    graph = community_graph(labels, 6, seed=0)
    dense = graph.toarray()
    np.testing.assert_array_equal(dense, dense.T)
    assert set(np.unique(dense)) == {0, 1}
    assert not dense[labels[:, None] != labels[None]].any()
    assert not np.diagonal(dense).any()
    assert connected_components(graph)[0] == 13
    degree = dense.sum(1)
    assert degree.max() == 6
    assert np.mean(degree) > 5
    assert degree[7] == 0
    np.testing.assert_array_equal(dense, community_graph(labels, 6, seed=0).toarray())
    assert not np.array_equal(dense, community_graph(labels, 6, seed=1).toarray())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"num_rows": 0}, "num_rows: expected a positive whole number, got 0"),
        ({"num_entries": 10}, "num_entries: expected, with those held out, 100"),
        ({"num_entries": 4000}, "to 2,500 (half of all), got 4,400"),
        ({"num_heldout": -1}, "num_heldout: expected a whole number >= 0, got -1"),
        ({"rank": 0}, "rank: expected a positive whole number, got 0"),
        ({"num_communities": 0}, "num_communities: expected a positive whole number, got 0"),
        ({"noise": -1}, "noise: expected a finite number >= 0, got -1"),
        ({"col_exponent": np.nan}, "col_exponent: expected a finite number >= 0, got nan"),
        ({"community_strength": 1.5}, "community_strength: expected a share in [0, 1], got 1.5"),
        ({"levels": [3, 1]}, "levels: expected two or more increasing numbers, got [3, 1]"),
    ],
)
def test_what_cannot_be_made_is_refused(change, words):
    arguments = {"num_rows": 100, "num_cols": 50, "num_entries": 1000} | change
    with pytest.raises(ValueError, match=re.escape(words)):
        power_law_ratings(seed=0, **arguments)


@pytest.mark.parametrize("number", [0, 3])
def test_a_ring_has_two_neighbours(number):
    with pytest.raises(ValueError, match="num_neighbours: expected an even number"):
        community_graph(np.zeros(5, int), number, seed=0)
