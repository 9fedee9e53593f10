"""Units of errors: as by hand, and the same whatever the units of the data."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from matmend.methods.resident import Growth, resident
from matmend.methods.standardising import standardised
from matmend.methods.table import registry
from matmend.methods.yardstick import by_column, by_range, by_spread, column_mean, column_spread


def data(seed=0, m=30, n=5):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(m, n)), rng.random((m, n)) > 0.3


def test_errors_are_those_by_hand():
    X, seen = data()
    held = seen & (np.arange(5) % 2 == 0)
    found = X + np.random.default_rng(1).normal(size=X.shape)
    off = (found - X)[held]
    assert by_range(X, seen).error(found, X, held) == pytest.approx(np.abs(off).mean() / np.ptp(X[seen]))
    assert by_spread(X, seen).error(found, X, held) == pytest.approx(np.sqrt(np.mean(off**2)) / X[seen].std())
    spread = np.nanstd(np.where(seen, X, np.nan), axis=0)
    scaled = ((found - X) / spread)[held]
    assert by_column(X, seen).error(found, X, held) == pytest.approx(np.sqrt(np.mean(scaled**2)))


def test_channels_count_alike():
    X, seen = data()
    colour, found = np.stack([X, 2 * X, -X], axis=2), np.stack([X + 1, 2 * X, -X], axis=2)
    expected = 1 / 3 / np.ptp(colour[seen])
    assert by_range(colour, seen).error(found, colour, seen) == pytest.approx(expected)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 50), st.lists(st.floats(-1e6, 1e6), min_size=5, max_size=5), st.integers(-8, 8))
def test_errors_by_column_do_not_know_units(seed, shift, power):
    X, seen = data(seed)
    found = X + np.random.default_rng(seed + 1).normal(size=X.shape)
    unit = 10.0 ** (power * np.linspace(-1, 1, 5))
    moved, moved_found = (unit * array + unit * np.array(shift) for array in (X, found))
    error = by_column(X, seen).error(found, X, seen)
    assert by_column(moved, seen).error(moved_found, moved, seen) == pytest.approx(error, rel=1e-6)


def test_a_constant_column_has_the_unit_of_the_others():
    X, seen = data()
    X[:, 1] = 0.1
    X[:, 2] *= 1000
    spread = column_spread(X, seen)
    others = np.nanstd(np.where(seen, X, np.nan), axis=0)[[0, 2, 3, 4]]
    np.testing.assert_allclose(spread[[0, 2, 3, 4]], others)
    assert spread[1] == pytest.approx(np.median(others))
    assert (column_spread(np.full((4, 3), 0.1), np.ones((4, 3), bool)) == 1).all()


def test_columns_without_entries_have_the_mean_of_all():
    X, seen = data()
    seen[:, 3] = False
    assert column_mean(X, seen)[3] == pytest.approx(X[seen].mean())
    assert (column_spread(X, seen) > 0).all()


def test_extreme_columns_neither_overflow_nor_vanish():
    X, seen = data()
    unit = np.array([1e-200, 1e200, 1.0, 1e-300, 1e150])
    np.testing.assert_allclose(column_spread(X * unit, seen), column_spread(X, seen) * unit)


def test_standardising_changes_units_and_nothing_else():
    X, seen = data(m=40, n=6)
    X += X[:, :1]
    unit, shift = 10.0 ** np.arange(-3, 3), np.linspace(-5, 500, 6)
    for name in ("knn", "iterative_svd"):
        once = standardised(registry[name])(X, seen)
        again = standardised(registry[name])(unit * X + shift, seen)
        np.testing.assert_allclose(again.X_hat, unit * once.X_hat + shift, rtol=1e-6, atol=1e-9)
        np.testing.assert_array_equal(once.completed[seen], X[seen])
        assert again.expected_rmse is None


def test_standardised_zeros_are_the_means():
    X, seen = data()
    done = standardised(registry["zeros"])(X, seen)
    np.testing.assert_allclose(done.X_hat, np.broadcast_to(column_mean(X, seen), X.shape), atol=1e-12)
    with pytest.raises(ValueError, match="channels have one unit"):
        standardised(registry["zeros"])(np.zeros((3, 4, 3)), np.eye(3, 4, dtype=bool))


@pytest.mark.skipif(resident() is None, reason="this system does not tell how much memory a process has")
def test_memory_that_a_block_takes_is_seen():
    with Growth() as growth:
        block = np.ones(12_000_000)  # 96 MB, touched
        assert block.sum() > 0
        del block
    assert growth.most is not None
    assert 50e6 < growth.most < 200e6
    with Growth() as little:
        pass
    assert little.most is not None
    assert little.most < 10e6
