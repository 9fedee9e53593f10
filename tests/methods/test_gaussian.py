from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matmend.methods import _normal, gaussian
from matmend.methods._normal import Normal, Patterns

seeds = st.integers(0, 2**32 - 1)
complete: Any = gaussian.complete  # what may be None is not, where the tests look


def definite(rng, n):
    A = rng.normal(size=(n, n + 2))
    return A @ A.T / n + 0.1 * np.eye(n)


def draw(seed, shape=(60, 6), rank=2, missing=0.25):
    rng = np.random.default_rng(seed)
    m, n = shape
    X = rng.normal(size=(m, rank)) @ rng.normal(size=(rank, n)) + 0.3 * rng.normal(size=shape) + rng.normal(size=n)
    return X, rng.random(shape) > missing


@settings(max_examples=30, deadline=None)
@given(seeds, st.integers(1, 9), st.integers(1, 12), st.floats(0.05, 0.95))
def test_the_step_of_expectation_is_the_closed_form_row_by_row(seed, n, m, missing):
    rng = np.random.default_rng(seed)
    normal = Normal(rng.normal(size=n), definite(rng, n))
    values, seen = rng.normal(size=(m, n)), rng.random((m, n)) > missing
    found = Patterns.of(seen).expected(normal, np.where(seen, values, 0))
    spread = np.zeros((n, n))
    for i in range(m):
        o, u = seen[i], ~seen[i]
        gain = normal.covariance[np.ix_(u, o)] @ np.linalg.inv(normal.covariance[np.ix_(o, o)])
        expected = normal.mean[u] + gain @ (values[i, o] - normal.mean[o])
        np.testing.assert_allclose(found.rows[i, u], expected, atol=1e-8)
        spread[np.ix_(u, u)] += normal.covariance[np.ix_(u, u)] - gain @ normal.covariance[np.ix_(o, u)]
    np.testing.assert_array_equal(found.rows[seen], values[seen])
    np.testing.assert_allclose(found.spread, spread, atol=1e-8)


def test_blocks_of_any_size_give_the_same(monkeypatch):
    rng = np.random.default_rng(0)
    normal = Normal(rng.normal(size=7), definite(rng, 7))
    values, seen = rng.normal(size=(200, 7)), rng.random((200, 7)) > 0.5
    seen[:90] = seen[0]  # many rows of one pattern
    whole = Patterns.of(seen).expected(normal, values)
    monkeypatch.setattr(_normal, "BLOCK", 50)
    pieces = Patterns.of(seen).expected(normal, values)
    np.testing.assert_allclose(pieces.rows, whole.rows, atol=1e-10)
    np.testing.assert_allclose(pieces.spread, whole.spread, atol=1e-9)


def penalized(normal, values, seen, shrinkage):
    """Return the log of likelihood times prior, up to a constant."""
    weight = shrinkage / (1 - shrinkage) * len(values)
    total = 0.0
    for x, o in zip(values, seen, strict=True):
        off, block = (x - normal.mean)[o], normal.covariance[np.ix_(o, o)]
        total -= 0.5 * (off @ np.linalg.solve(block, off) + np.linalg.slogdet(block)[1])
    log_det = np.linalg.slogdet(normal.covariance)[1]
    return total - weight / 2 * (log_det + np.trace(np.linalg.inv(normal.covariance)))


@pytest.mark.parametrize("shrinkage", [0.01, 0.2])
def test_every_step_makes_the_penalized_likelihood_larger_until_it_is_greatest(shrinkage):
    X, seen = draw(1, shape=(40, 4))
    seen[:, 0] = True
    rows = gaussian.Rows.of(X, seen)
    likelihoods = []
    normal: Any = None
    for _ in range(300):
        normal, _ = gaussian._fitted(rows, shrinkage, 1, 0.0, normal)
        likelihoods.append(penalized(normal, X, seen, shrinkage))
    assert (np.diff(likelihoods) > -1e-9).all()
    # At the end nothing near is better.
    rng = np.random.default_rng(0)
    for _ in range(50):
        change = 1e-3 * rng.normal(size=(4, 4))
        other = Normal(
            normal.mean + 1e-3 * rng.normal(size=4), normal.covariance + change @ change.T + change + change.T
        )
        assert penalized(other, X, seen, shrinkage) < likelihoods[-1]


@pytest.mark.parametrize("missing", [0.2, 0.6])
def test_better_than_means_and_as_good_as_the_truth_allows(missing):
    rng = np.random.default_rng(3)
    normal = Normal(rng.normal(size=8), definite(rng, 8) + 4 * np.ones((8, 8)))
    X = rng.multivariate_normal(normal.mean, normal.covariance, size=2000)
    seen = rng.random(X.shape) > missing
    best = np.sqrt(np.mean((normal.conditional(X, seen) - X)[~seen] ** 2))
    done = complete(np.where(seen, X, np.nan))
    error = np.sqrt(np.mean((done.completed - X)[~seen] ** 2))
    assert error < 1.02 * best
    assert abs(done.expected_rmse / error - 1) < 0.05
    np.testing.assert_allclose(done.normal.covariance, normal.covariance, atol=0.15 * normal.covariance.max())


def test_units_of_columns_do_not_matter():
    X, seen = draw(5)
    units, levels = 10.0 ** np.arange(-3, 3), np.arange(6) * 100.0
    plain = complete(X, seen, shrinkage=0.05)
    scaled = complete(X * units + levels, seen, shrinkage=0.05)
    np.testing.assert_allclose((scaled.X_hat - levels) / units, plain.X_hat, atol=1e-6)


def test_the_distribution_fills_the_fitted_rows_as_the_completion_does():
    X, seen = draw(6)
    done = complete(X, seen)
    np.testing.assert_allclose(done.normal.conditional(X, seen), done.completed, atol=1e-9)


def test_more_columns_than_rows():
    X, seen = draw(7, shape=(30, 120), rank=2)
    done = complete(X, seen)
    error, floor = (np.sqrt(np.mean((F - X)[~seen] ** 2)) for F in (done.completed, gaussian_means(X, seen)))
    assert error < 0.5 * floor
    assert np.linalg.eigvalsh(done.normal.covariance).min() > 0


def gaussian_means(X, seen):
    return np.broadcast_to(np.sum(X * seen, axis=0) / seen.sum(axis=0), X.shape)


def test_shrinkage_1_fills_by_means():
    X, seen = draw(8)
    done = complete(X, seen, shrinkage=1.0, tol=1e-12)
    np.testing.assert_allclose(done.completed[~seen], gaussian_means(X, seen)[~seen], atol=1e-6)


def test_rows_beyond_those_that_the_shrinkage_is_chosen_on(monkeypatch):
    X, seen = draw(9, shape=(400, 5))
    whole = complete(X, seen)
    monkeypatch.setattr(gaussian, "MOST_ROWS", 100)
    part = complete(X, seen)
    assert part.settings["shrinkage"] < max(gaussian.PATH)
    assert abs(part.expected_rmse / whole.expected_rmse - 1) < 0.1


@pytest.mark.parametrize(
    "X", [[[1.0, np.nan]], [[1.0], [np.nan]], [[1.0, 2.0], [3.0, np.nan]], [[5.0, 5.0], [5.0, np.nan], [np.nan, 5.0]]]
)
def test_tiny_and_constant_tables(X):
    done = complete(X)
    assert np.isfinite(done.completed).all()
    if len(X) == 3:
        np.testing.assert_allclose(done.completed, 5.0)


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"shrinkage": 0.0}, "shrinkage: expected a share"),
        ({"shrinkage": 1.5}, "shrinkage: expected a share"),
        ({"steps": 0}, "steps: expected a whole number"),
        ({"tol": -1.0}, "tol: expected a number"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(settings_, message):
    with pytest.raises(ValueError, match=message):
        complete([[1.0, np.nan], [2.0, 3.0]], **settings_)


def test_too_many_columns_are_refused(monkeypatch):
    monkeypatch.setattr(gaussian, "MOST_COLUMNS", 3)
    with pytest.raises(ValueError, match="at most 3 columns, got 6"):
        complete(*draw(0))
