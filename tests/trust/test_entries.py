"""Intervals of ratings."""

from dataclasses import replace

import numpy as np
import pytest

from matmend.io import Ratings
from matmend.trust import entry_intervals


def sample(seed, is_rounded):
    rng = np.random.default_rng(seed)
    m, n = 150, 80
    X = 3 + rng.normal(size=(m, 2)) @ rng.normal(size=(2, n)) / 1.5 + rng.normal(0, 0.5, (m, n))
    X = np.clip(np.round(X), 1, 5) if is_rounded else X
    places = rng.permutation(m * n)
    rows, cols = np.divmod(places.astype(np.int32), np.int32(n))
    ids = np.array([f"u{k:03}" for k in range(m)], object)
    values = X[rows, cols].astype(np.float32)
    shown = Ratings(rows[:6000], cols[:6000], values[:6000], (m, n), row_ids=ids)
    return shown, (ids[rows[6000:]], cols[6000:], values[6000:])


@pytest.fixture(scope="module", params=[True, False], ids=["stars", "numbers"])
def trained(request):
    shown, hidden = sample(0, request.param)
    return entry_intervals(shown, seed=0, rank=2, implicit=False, num_draws=15), shown, hidden, request.param


def test_hidden_ratings_are_covered_as_often_as_was_asked_for(trained):
    found, _, (rows, cols, values), _ = trained
    estimate, lower, upper = found.interval(rows, cols)
    # 600 calibration ratings: a standard deviation of 0.012 of the share, and 0.004 of 6000 judged ones.
    assert found.calibration == 600
    assert abs(np.mean((lower <= values) & (values <= upper)) - 0.9) < 4 * 0.013
    assert ((lower <= estimate) & (estimate <= upper)).all()
    alike = np.mean(np.abs(values - estimate) <= found.half_width)
    assert abs(alike - 0.9) < 4 * 0.013


def test_bounds_stay_on_the_scale_of_stars_and_numbers_have_no_scale(trained):
    found, _, (rows, cols, _), is_rounded = trained
    _, lower, upper = found.interval(rows, cols)
    assert (found.low, found.high) == ((1.0, 5.0) if is_rounded else (-np.inf, np.inf))
    assert (lower.min() >= 1) == is_rounded
    assert (upper.max() <= 5) == is_rounded


def test_strangers_have_wider_intervals(trained):
    found, shown, _, _ = trained
    uncut = replace(found, low=-np.inf, high=np.inf)
    _, lower, upper = uncut.interval(np.array(["nobody", shown.row_ids[0]], object), [3, 3])
    assert upper[0] - lower[0] > upper[1] - lower[1]


def test_the_same_seed_gives_the_same_bits():
    shown, (rows, cols, _) = sample(1, True)
    one, two = (entry_intervals(shown, seed=4, rank=2, implicit=False, num_draws=2) for _ in range(2))
    np.testing.assert_array_equal(one.interval(rows, cols), two.interval(rows, cols))


@pytest.mark.parametrize(
    ("count", "arguments", "message"),
    [(10, {}, "20 ratings"), (100, {"coverage": 1.0}, "coverage"), (100, {"fraction": 0.0}, "fraction")],
)
def test_bad_input_is_refused(count, arguments, message):
    rows, cols = np.divmod(np.arange(count, dtype=np.int32), np.int32(10))
    with pytest.raises(ValueError, match=message):
        entry_intervals(Ratings(rows, cols, np.ones(count, np.float32), (10, 10)), **arguments)
