"""Weighted quantiles against their definition, and what they promise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matmend.trust.conformal import Threshold, bounds, threshold, weighted_quantile

numbers = st.integers(0, 6)  # ties are the rule
shares = st.sampled_from([0.05, 0.1, 0.5, 0.8, 0.9, 0.99])


@st.composite
def weighted(draw):
    scores = draw(st.lists(numbers, min_size=1, max_size=30))
    weights = draw(st.lists(st.integers(1, 5), min_size=len(scores), max_size=len(scores)))
    return np.array(scores, float), np.array(weights, float)


@given(weighted(), shares, st.integers(1, 5))
def test_the_quantile_is_the_smallest_score_with_the_weight_below_it(pairs, coverage, target):
    scores, weights = pairs
    found = weighted_quantile(scores, weights, coverage, target_weights=target).item()
    needed = round(coverage * (weights.sum() + target), 9)
    enough = [s for s in np.unique(scores) if weights[scores <= s].sum() >= needed]
    assert found == (min(enough) if enough else np.inf)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=200, unique=True), shares)
def test_equal_weights_are_plain_split_conformal_prediction(scores, coverage):
    k = int(np.ceil(round((len(scores) + 1) * coverage, 9)))
    plain = sorted(scores)[k - 1] if k <= len(scores) else np.inf
    for weight in (1.0, 0.3, 7e5):
        found = weighted_quantile(scores, np.full(len(scores), weight), coverage, target_weights=weight)
        assert found.item() == plain


@given(weighted(), shares, st.lists(st.integers(1, 50), min_size=1, max_size=8))
def test_each_target_has_its_own_quantile_and_the_largest_weight_the_largest(pairs, coverage, targets):
    scores, weights = pairs
    found = weighted_quantile(scores, weights, coverage, target_weights=np.array(targets, float))
    one_shot = weighted_quantile(scores, weights, coverage, target_weights=max(targets)).item()
    for target, value in zip(targets, found, strict=True):
        assert value == weighted_quantile(scores, weights, coverage, target_weights=target).item() <= one_shot


def test_coverage_is_what_was_asked_for_under_a_shift_of_known_odds():
    rng = np.random.default_rng(0)
    covered, plain = [], []
    for _ in range(4000):
        # Scores grow with the odds: what is missing is harder than what calibrates.
        odds = np.exp(rng.normal(size=61))
        is_missing = rng.random(61) < odds / (1 + odds)
        if is_missing.all() or not is_missing.any():
            continue
        scores = odds * rng.exponential(size=61)
        target = rng.choice(np.flatnonzero(is_missing))
        kept = ~is_missing
        for told, weights in ((covered, odds), (plain, np.ones(61))):
            limit = weighted_quantile(scores[kept], weights[kept], 0.8, target_weights=weights[target])
            told.append(scores[target] <= limit)
    error = 4 * np.sqrt(0.16 / len(covered))
    assert 0.8 - error < np.mean(covered) < 0.8 + 0.05 + error
    assert np.mean(plain) < 0.75


@pytest.mark.parametrize("num_distinct", [1, 2, 5])
def test_ties_broken_at_random_cover_no_more_than_was_asked_for(num_distinct):
    rng = np.random.default_rng(num_distinct)
    covered, closed = [], []
    for _ in range(3000):
        scores = rng.integers(0, num_distinct, 50).astype(float)
        limit = threshold(scores[1:], np.ones(49), 0.9, rng=rng)
        covered.append(scores[0] < limit.value or (scores[0] == limit.value and limit.is_closed))
        closed.append(scores[0] <= threshold(scores[1:], np.ones(49), 0.9).value)
    error = 4 * np.sqrt(0.09 / 3000)
    assert abs(np.mean(covered) - 0.9) < error  # 49 + 1 scores: 0.9 is met exactly
    assert np.mean(closed) > 0.9 - error
    assert num_distinct > 1 or np.mean(closed) == 1


@given(st.floats(-1e6, 1e6, width=32), st.floats(2**-10, 1e3, width=32), st.floats(-1e6, 1e6, width=32), st.booleans())
def test_a_value_is_within_its_own_bounds_only_if_they_are_closed(estimate, scale, value, is_closed):
    middle, s = np.array([estimate], np.float32), np.array([scale], np.float32)
    score = np.abs(value - middle.astype(np.float64)) / s.astype(np.float64)
    lower, upper = bounds(middle, s, Threshold(score, np.array([is_closed])))
    assert bool(lower[0] <= np.float32(value) <= upper[0]) == is_closed


def test_infinite_thresholds_give_infinite_bounds():
    limit = Threshold(np.array([np.inf, np.inf]), np.array([True, False]))
    lower, upper = bounds(np.ones(2), np.ones(2), limit)
    assert np.isneginf(lower).all()
    assert np.isposinf(upper).all()


@pytest.mark.parametrize(
    ("scores", "weights", "coverage", "target", "message"),
    [
        ([], [], 0.9, 1, "one score or more"),
        ([1, 2], [1], 0.9, 1, "a weight for each"),
        ([1, np.nan], [1, 1], 0.9, 1, "NaN"),
        ([1, 2], [1, 0], 0.9, 1, "above 0"),
        ([1, 2], [1, np.inf], 0.9, 1, "above 0"),
        ([1, 2], [1, 1], 0.9, 0, "above 0"),
        ([1, 2], [1, 1], 90, 1, "share"),
        ([1, 2], [1, 1], 0.0, 1, "share"),
    ],
)
def test_bad_input_is_refused(scores, weights, coverage, target, message):
    with pytest.raises(ValueError, match=message):
        weighted_quantile(scores, weights, coverage, target_weights=target)
