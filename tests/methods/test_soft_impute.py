import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matmend.methods import soft_impute

seeds = st.integers(0, 2**32 - 1)


def draw(seed, shape=(12, 9), rank=3, missing=0.3):
    rng = np.random.default_rng(seed)
    m, n = shape
    X = rng.normal(size=(m, rank)) @ rng.normal(size=(rank, n)) + 0.1 * rng.normal(size=shape)
    mask = rng.random(shape) > missing
    mask[0], mask[:, 0], mask[1, 1] = True, True, False
    return X, mask


def objective(X, Y, mask, shrinkage):
    return 0.5 * np.sum((X - Y)[mask] ** 2) + shrinkage * np.linalg.norm(X, "nuc")


@settings(max_examples=20, deadline=None)
@given(seeds, st.floats(0.02, 0.9), st.booleans())
def test_the_result_is_the_minimizer(seed, share, is_wide):
    """KKT: P(Y - X) / shrinkage is a subgradient of the nuclear norm, U V' + W with U'W = 0, W V = 0, |W| <= 1."""
    Y, mask = draw(seed)
    if is_wide:
        Y, mask = Y.T, mask.T
    shrinkage = share * np.linalg.norm(Y * mask, 2)
    done = soft_impute.complete(Y, mask, shrinkage=shrinkage, tol=1e-13, steps=20_000)
    u, sigma, vt = np.linalg.svd(done.X_hat)
    rank = int(np.sum(sigma > 1e-7 * np.abs(Y).max()))
    assert rank >= 1  # share < 1
    u, v = u[:, :rank], vt[:rank].T
    G = np.where(mask, Y - done.X_hat, 0) / shrinkage
    np.testing.assert_allclose(u.T @ G, v.T, atol=1e-5)
    np.testing.assert_allclose(G @ v, u, atol=1e-5)
    assert np.linalg.norm(G - u @ v.T, 2) <= 1 + 1e-5


@settings(max_examples=20, deadline=None)
@given(seeds, st.floats(0.001, 0.9))
def test_the_objective_never_rises_and_is_the_recorded_one(seed, share):
    Y, mask = draw(seed)
    shrinkage = share * np.linalg.norm(Y * mask, 2)
    done = soft_impute.complete(Y, mask, shrinkage=shrinkage, tol=1e-12, steps=300)
    curve = done.record["objective"]
    assert len(curve) == done.steps > 1
    assert (np.diff(curve) <= 0).all()
    np.testing.assert_allclose(curve[-1], objective(done.X_hat, Y, mask, shrinkage), rtol=1e-9)


@settings(max_examples=10, deadline=None)
@given(seeds, st.floats(0.05, 0.5))
def test_the_same_as_the_plain_iteration_of_the_paper(seed, share):
    Y, mask = draw(seed)
    shrinkage = share * np.linalg.norm(Y * mask, 2)
    X = np.zeros_like(Y)
    for _ in range(3000):
        u, sigma, vt = np.linalg.svd(np.where(mask, Y, X), full_matrices=False)
        X = (u * np.maximum(sigma - shrinkage, 0)) @ vt
    done = soft_impute.complete(Y, mask, shrinkage=shrinkage, tol=1e-13, steps=20_000)
    np.testing.assert_allclose(done.X_hat, X, atol=1e-5 * np.abs(Y).max())


def test_from_the_largest_singular_value_on_all_is_zero():
    Y, mask = draw(0)
    largest = float(np.linalg.norm(Y * mask, 2))
    assert (soft_impute.complete(Y, mask, shrinkage=1.001 * largest).X_hat == 0).all()
    assert (soft_impute.complete(Y, mask, shrinkage=0.999 * largest).X_hat != 0).any()


def test_little_shrinkage_recovers_low_rank():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 2)) @ rng.normal(size=(2, 25))
    mask = rng.random(X.shape) > 0.2
    done = soft_impute.complete(X, mask, shrinkage=1e-4, tol=1e-12, steps=20_000)
    np.testing.assert_allclose(done.X_hat, X, atol=1e-3)


def test_the_data_choose_the_shrinkage():
    """No shrinkage of a grid is much better on the missing entries than the chosen one."""
    Y, mask = draw(3, (60, 50))
    done = soft_impute.complete(Y, mask)

    def true_error(X_hat):
        return np.sqrt(np.mean((X_hat - Y)[~mask] ** 2))

    largest = np.linalg.norm(Y * mask, 2)
    errors = [
        true_error(soft_impute.complete(Y, mask, shrinkage=share * largest).X_hat)
        for share in np.geomspace(0.3, 1e-4, 8)
    ]
    assert max(errors) > 2 * min(errors)
    assert true_error(done.X_hat) < 1.1 * min(errors)
    assert done.expected_rmse is not None
    assert 0.7 < done.expected_rmse / true_error(done.X_hat) < 1.4


@settings(max_examples=5, deadline=None)
@given(seeds, st.floats(0.01, 100))
def test_a_factor_and_the_transpose_come_out(seed, factor):
    Y, mask = draw(seed)
    one = soft_impute.complete(Y, mask, shrinkage=1.0, tol=1e-13, steps=20_000).X_hat
    other = soft_impute.complete(factor * Y.T, mask.T, shrinkage=factor, tol=1e-13, steps=20_000).X_hat
    np.testing.assert_allclose(other, factor * one.T, atol=1e-5 * factor * np.abs(Y).max())


def test_all_zeros_stay_zeros():
    done = soft_impute.complete(np.zeros((5, 4)), np.eye(5, 4, dtype=bool) == 0)
    np.testing.assert_array_equal(done.completed, 0)


@pytest.mark.parametrize(
    "wrong", [{"shrinkage": -1.0}, {"shrinkage": np.inf}, {"shrinkage": np.nan}, {"steps": 0}, {"tol": -1.0}]
)
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))}: expected"):
        soft_impute.complete([[1.0, np.nan], [2.0, 3.0]], **wrong)
