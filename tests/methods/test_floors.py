import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.impute import SimpleImputer

from matmend.methods.floors import mean, with_means_where_unseen, zeros


def draw(seed, shape=(6, 5)):
    rng = np.random.default_rng(seed)
    return rng.normal(size=shape), rng.random(shape[:2]) > 0.4


def test_zeros_are_zeros():
    X, mask = draw(0)
    done = zeros(X, mask)
    np.testing.assert_array_equal(done.X_hat, 0)
    np.testing.assert_array_equal(done.completed, X * mask)


@pytest.mark.parametrize("seed", range(3))
def test_column_and_row_means_are_those_of_scikit_learn(seed):
    X, mask = draw(seed, (20, 15))
    missing = np.where(mask, X, np.nan)
    imputer = SimpleImputer(strategy="mean")
    np.testing.assert_allclose(mean(X, mask, axis=0).completed, imputer.fit_transform(missing), rtol=1e-13)
    np.testing.assert_allclose(mean(X, mask, axis=1).completed, imputer.fit_transform(missing.T).T, rtol=1e-13)
    np.testing.assert_allclose(mean(X, mask).X_hat, X[mask].mean(), rtol=1e-12)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([None, 0, 1]))
def test_the_mean_is_the_constant_of_least_squares(seed, axis):
    """Moving the constant (of a column, a row, of all) either way makes the squared error on the observed larger."""
    X, mask = draw(seed)
    mask[0], mask[:, 0] = True, True
    X_hat = mean(X, mask, axis=axis).X_hat

    def loss(candidate):
        return np.sum((candidate - X) ** 2, axis=axis, where=mask)

    assert (loss(X_hat + 0.01) > loss(X_hat)).all()
    assert (loss(X_hat - 0.01) > loss(X_hat)).all()
    assert (np.ptp(X_hat, axis=axis) == 0).all()


@pytest.mark.parametrize("axis", [None, 0, 1])
def test_channels_are_averaged_one_by_one(axis):
    X, mask = draw(4, (7, 6, 3))
    together = mean(X, mask, axis=axis).X_hat
    for channel in range(3):
        alone = mean(X[..., channel], mask, axis=axis).X_hat
        np.testing.assert_allclose(together[..., channel], alone, rtol=1e-12)


def test_an_unseen_column_gets_the_mean_of_all():
    X = np.array([[1.0, np.nan, 2.0], [3.0, np.nan, np.nan]])
    assert mean(X, axis=0).completed.tolist() == [[1, 2, 2], [3, 2, 2]]


def test_unseen_rows_and_columns_get_means_and_nothing_else_changes():
    X, mask = draw(1)
    mask[:], mask[1, 2] = True, False
    mask[3], mask[:, 4] = False, False
    X_hat = np.full_like(X, 9.0)
    filled = with_means_where_unseen(X_hat, X, mask)
    kept = np.ones_like(mask)
    kept[3], kept[:, 4] = False, False
    assert (filled[kept] == 9).all()
    rows, cols = [0, 1, 2, 4, 5], [0, 1, 2, 3]
    np.testing.assert_allclose(filled[3, cols], [X[mask[:, j], j].mean() for j in cols], rtol=1e-13)
    np.testing.assert_allclose(filled[rows, 4], [X[i, mask[i]].mean() for i in rows], rtol=1e-13)
    np.testing.assert_allclose(filled[3, 4], X[mask].mean(), rtol=1e-13)


def test_another_axis_is_refused():
    with pytest.raises(ValueError, match="axis: expected 0"):
        mean(*draw(0), axis=2)  # pyright: ignore[reportArgumentType]
