import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matmend.methods import knn

seeds = st.integers(0, 2**32 - 1)


def draw(seed, shape=(12, 9), missing=0.3):
    rng = np.random.default_rng(seed)
    return rng.normal(size=shape), rng.random(shape[:2]) > missing


def brute_force(X, mask, k):
    """Entry by entry, as the docstring says it; no distance may be 0 and no row or column empty."""
    completed = X.copy()
    for i, j in np.argwhere(~mask):
        squares = {}
        for r in np.flatnonzero(mask[:, j]):
            common = mask[i] & mask[r]
            if common.any():
                squares[r] = np.mean((X[i, common] - X[r, common]) ** 2)
        nearest = sorted(squares, key=squares.__getitem__)[:k]
        weights = [1 / squares[r] for r in nearest]
        completed[i, j] = (
            np.average([X[r, j] for r in nearest], weights=weights) if nearest else X[mask[:, j], j].mean()
        )
    return completed


@settings(max_examples=20, deadline=None)
@given(seeds, st.integers(1, 15), st.sampled_from([0.1, 0.4, 0.7]))
def test_rows_are_those_of_the_formula(seed, k, missing):
    X, mask = draw(seed, missing=missing)
    mask[0, :], mask[:, 0], mask[1, 1] = True, True, False
    np.testing.assert_allclose(knn.complete(X, mask, k=k).completed, brute_force(X, mask, k), rtol=1e-6)


@settings(max_examples=10, deadline=None)
@given(seeds, st.sampled_from([(), (3,)]))
def test_columns_are_the_rows_of_the_transpose(seed, channels):
    X, mask = draw(seed, (8, 11, *channels))
    by_columns = knn.complete(X, mask, axis=1).X_hat
    of_transpose = knn.complete(X.swapaxes(0, 1), mask.T).X_hat
    np.testing.assert_allclose(by_columns, of_transpose.swapaxes(0, 1), rtol=1e-9, atol=1e-12)


def test_channels_are_compared_together():
    """In gray (1st channel) row 0 is like row 1, but over all channels it is like row 2."""
    X = np.array([[[0, 0], [0, 0], [0, 0]], [[0, 9], [0, 9], [5, 5]], [[1, 0], [1, 0], [7, 7]]], dtype=float)
    mask = np.ones((3, 3), dtype=bool)
    mask[0, 2] = False
    assert knn.complete(X, mask, k=1).completed[0, 2].tolist() == [7, 7]
    assert knn.complete(X[..., 0], mask, k=1).completed[0, 2] == 5


@settings(max_examples=15, deadline=None)
@given(seeds, st.floats(-1e3, 1e3), st.floats(0.01, 100))
def test_a_constant_and_a_factor_come_out(seed, constant, factor):
    X, mask = draw(seed)
    moved = knn.complete(factor * X + constant, mask).X_hat
    np.testing.assert_allclose(moved, factor * knn.complete(X, mask).X_hat + constant, rtol=1e-6, atol=1e-6 * factor)


@settings(max_examples=15, deadline=None)
@given(seeds)
def test_an_entry_is_between_the_least_and_the_largest_of_its_column(seed):
    X, mask = draw(seed)
    mask[0] = True
    X_hat = knn.complete(X, mask).X_hat
    low = np.where(mask, X, np.inf).min(axis=0)
    high = np.where(mask, X, -np.inf).max(axis=0)
    assert (X_hat >= low - 1e-12).all()
    assert (X_hat <= high + 1e-12).all()


@pytest.mark.parametrize("constant", [0.0, 0.1, 1e5])
def test_equal_rows_count_alone(constant):
    """Also where the squares of what they have in common are not exact."""
    rng = np.random.default_rng(0)
    alike = np.tile(rng.normal(size=20), (3, 1))
    X = np.vstack([alike, rng.normal(size=(2, 20))]) + constant
    X[:, 7] = [np.nan, 4, 6, 100, 100]
    assert knn.complete(X, k=4).completed[0, 7] == pytest.approx(5, rel=1e-12)


def test_a_row_that_shares_nothing_gets_the_mean_of_the_column():
    X = np.array([[np.nan, np.nan, 1], [3, 2, np.nan], [5, 2, np.nan]])
    np.testing.assert_allclose(knn.complete(X).completed, [[4, 2, 1], [3, 2, 1], [5, 2, 1]], rtol=1e-15)


@pytest.mark.parametrize("axis", [0, 1])
def test_an_unseen_column_gets_means_of_rows_and_not_zeros(axis):
    X = np.array([[4.0, np.nan, 6.0], [7.0, np.nan, 9.0]])
    completed = knn.complete(X if axis == 0 else X.T, axis=axis).completed
    np.testing.assert_array_equal(completed if axis == 0 else completed.T, [[4, 5, 6], [7, 8, 9]])


@pytest.mark.parametrize("alike", [0, 1])
def test_the_data_choose_the_axis_along_which_things_are_alike(alike):
    rng = np.random.default_rng(1)
    X = np.repeat(rng.normal(size=(6, 40)), 5, axis=0) + 0.05 * rng.normal(size=(30, 40))
    X = X if alike == 0 else X.T
    mask = rng.random(X.shape) > 0.3
    done = knn.complete(X, mask, k=None, axis=None, holdout=0.1)
    assert done.settings["axis"] == alike
    assert 2 <= done.settings["k"] <= 5  # there are five of a kind
    assert done.expected_rmse is not None
    true = np.sqrt(np.mean((done.X_hat - X)[~mask] ** 2))
    assert 0.6 < done.expected_rmse / true < 1.6
    assert knn.complete(X, mask, k=3, axis=None).settings["k"] == 3
    again = knn.complete(X, mask, k=done.settings["k"], axis=alike)
    assert again.expected_rmse is None
    np.testing.assert_array_equal(again.X_hat, done.X_hat)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"k": 0}, "k: expected"), ({"k": 1.5}, "k: expected"), ({"axis": 2}, "axis: expected 0"),
     ({"k": None, "holdout": 0.0}, "fraction: expected")],
)  # fmt: skip
def test_wrong_settings_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        knn.complete(*draw(0), **wrong)
