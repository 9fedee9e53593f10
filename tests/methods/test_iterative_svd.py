import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from matmend.methods import iterative_svd

seeds = st.integers(0, 2**32 - 1)


def low_rank(seed, shape=(14, 11), rank=2):
    rng = np.random.default_rng(seed)
    m, n = shape
    return rng.normal(size=(m, rank)) @ rng.normal(size=(rank, n)), rng


def svd_truncated(Z, rank):
    u, sigma, vt = np.linalg.svd(Z, full_matrices=False)
    return (u[:, :rank] * sigma[:rank]) @ vt[:rank]


@pytest.mark.parametrize("shape", [(30, 20), (20, 30)])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_low_rank_with_few_missing_is_recovered(shape, rank):
    X, rng = low_rank(rank, shape, rank)
    mask = rng.random(shape) > 0.15
    done = iterative_svd.complete(X, mask, rank=rank, tol=1e-24, steps=2000)
    assert done.message == "the missing entries no longer change"
    np.testing.assert_allclose(done.X_hat, X, atol=1e-9)


@settings(max_examples=15, deadline=None)
@given(seeds, st.integers(1, 4))
def test_the_result_is_a_fixed_point(seed, rank):
    """Filling in what came out and truncating again (by an SVD) gives it back, and it has the rank."""
    X, rng = low_rank(seed, rank=rank)
    X += 0.1 * rng.normal(size=X.shape)
    mask = rng.random(X.shape) > 0.1
    mask[0], mask[:, 0], mask[1, 1] = True, True, False
    done = iterative_svd.complete(X, mask, rank=rank, tol=1e-26, steps=20_000)
    # Not always: two singular values of the filled matrix can be nearly equal.
    assume(done.message == "the missing entries no longer change")
    np.testing.assert_allclose(svd_truncated(done.completed, rank), done.X_hat, atol=1e-9 * np.abs(X).max())
    assert np.linalg.matrix_rank(done.X_hat, tol=1e-9) == rank


@settings(max_examples=15, deadline=None)
@given(seeds)
def test_steps_are_those_of_the_formula(seed):
    """Rank 1, 2, 4, 5, 5, ... from zeros, by an SVD."""
    X, rng = low_rank(seed, rank=8)
    mask = rng.random(X.shape) > 0.3
    mask[0], mask[:, 0], mask[1, 1] = True, True, False
    expected = np.zeros_like(X)
    for rank in (1, 2, 4, 5, 5):
        expected = svd_truncated(np.where(mask, X, expected), rank)
    done = iterative_svd.complete(X, mask, rank=5, steps=5, tol=0)
    assert done.steps == 5
    np.testing.assert_allclose(done.X_hat, expected, atol=1e-8 * np.abs(X).max())


@settings(max_examples=10, deadline=None)
@given(seeds, st.floats(0.01, 100))
def test_a_factor_and_the_transpose_come_out(seed, factor):
    X, rng = low_rank(seed, rank=3)
    mask = rng.random(X.shape) > 0.2
    mask[0], mask[:, 0], mask[1, 1] = True, True, False
    one = iterative_svd.complete(X, mask, rank=3, steps=20, tol=0).X_hat
    other = iterative_svd.complete(factor * X.T, mask.T, rank=3, steps=20, tol=0).X_hat
    np.testing.assert_allclose(other, factor * one.T, atol=1e-7 * factor * np.abs(X).max())


def test_the_data_choose_the_rank():
    X, rng = low_rank(0, (60, 50), rank=3)
    X += 0.05 * rng.normal(size=X.shape)
    mask = rng.random(X.shape) > 0.3
    done = iterative_svd.complete(X, mask, rank=None, tol=1e-9)
    assert done.settings["rank"] == 3
    assert done.expected_rmse is not None
    assert 0.7 < done.expected_rmse / np.sqrt(np.mean((done.X_hat - X)[~mask] ** 2)) < 1.4


def test_the_rank_leaves_room():
    """With all singular values kept, the zeros of the start would be the result."""
    X, _ = low_rank(1, (4, 6), rank=1)
    mask = np.ones(X.shape, dtype=bool)
    mask[1, 1] = False
    done = iterative_svd.complete(X, mask)
    assert done.settings["rank"] == 3
    assert done.completed[1, 1] != 0


def test_a_single_row_is_its_own_direction():
    assert iterative_svd.complete([[1.0, np.nan, 3.0]]).completed[0, 1] == 2  # an unseen column: the mean of the row


def test_all_zeros_stay_zeros():
    done = iterative_svd.complete(np.zeros((5, 4)), np.eye(5, 4, dtype=bool) == 0)
    np.testing.assert_array_equal(done.completed, 0)


@pytest.mark.parametrize("wrong", [{"rank": 0}, {"rank": 1.5}, {"steps": 0}, {"tol": -1.0}, {"tol": np.nan}])
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))}: expected"):
        iterative_svd.complete([[1.0, np.nan], [2.0, 3.0]], **wrong)
