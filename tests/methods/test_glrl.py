import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matmend.dynamics import greedy
from matmend.masks import random_mask
from matmend.methods import glrl

seeds = st.integers(0, 2**32 - 1)


def draw(seed, shape=(40, 30), rank=3, missing=0.5, noise=0.0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(shape[0], rank)) @ rng.normal(size=(rank, shape[1]))
    return X + noise * rng.normal(size=shape), random_mask(shape, missing, seed=seed)


def rank_of(X, tol=1e-8):
    return np.linalg.matrix_rank(X, tol=tol * np.linalg.norm(X, 2))


@pytest.mark.parametrize("rank", [1, 2, 3, 5])
def test_the_rank_of_low_rank_data_is_found_and_the_data_too(rank):
    X, mask = draw(rank, (60, 50), rank)
    done = glrl.complete(np.where(mask, X, np.nan))
    assert done.settings["rank"] == rank_of(done.X_hat) == rank
    np.testing.assert_allclose(done.X_hat, X, atol=1e-4 * np.abs(X).max())
    assert done.expected_rmse is not None
    assert done.expected_rmse < 0.05


def test_noise_does_not_raise_the_rank_and_the_error_is_the_expected_one():
    X, mask = draw(7, (100, 80), noise=0.1)
    done = glrl.complete(X, mask)
    assert done.settings["rank"] == 3
    error = float(np.sqrt(np.mean((done.X_hat - X)[~mask] ** 2)))
    assert done.expected_rmse is not None
    assert 0.8 < done.expected_rmse / error < 1.25
    assert error < 0.13  # the noise itself is 0.1


def test_the_levels_are_those_of_greedy_learning_by_gradient_descent(monkeypatch):
    """The same saddles as those of `matmend.dynamics.greedy`, where no level is left on its way."""
    monkeypatch.setattr(glrl, "FEW", 5000)
    monkeypatch.setattr(glrl, "FEW_TOL", 1e-14)
    rng = np.random.default_rng(0)
    U, V = (np.linalg.qr(rng.normal(size=(4, 4)))[0] for _ in range(2))
    X = (U * [9, 5, 3, 0]) @ V.T
    mask = np.eye(4)[0][:, None] * np.eye(4)[1] == 0
    slow = greedy(X, mask)
    quick = glrl.complete(X, mask, holdout=0, tol=1e-14, steps=5000)
    assert slow.rank == quick.settings["rank"] == 3
    for name in ("loss", "sigma", "gap"):
        np.testing.assert_allclose(quick.record[name][:3], getattr(slow, name)[:3], rtol=1e-5)
    np.testing.assert_allclose(quick.X_hat, slow.X, atol=1e-5)


def test_what_is_found_is_a_critical_point_of_its_rank():
    X, mask = draw(3, noise=0.3)
    done = glrl.complete(X, mask, max_rank=2, holdout=0, tol=0, steps=3000)
    R = np.where(mask, X - done.X_hat, 0)
    assert rank_of(done.X_hat) == 2
    tolerance = 1e-6 * float(np.sum(X**2))
    np.testing.assert_allclose(R @ done.X_hat.T, 0, atol=tolerance)
    np.testing.assert_allclose(R.T @ done.X_hat, 0, atol=tolerance)
    np.testing.assert_allclose(done.record["loss"][-1], np.sum(R**2) / 2, rtol=1e-9)


@settings(max_examples=10, deadline=None)
@given(seeds)
def test_the_loss_falls_from_level_to_level_and_from_sweep_to_sweep(seed):
    X, mask = draw(seed, (15, 12), rank=6, missing=0.3, noise=0.1)
    done = glrl.complete(X, mask, holdout=0, max_rank=4)
    np.testing.assert_allclose(done.record["loss"][0], np.sum(X[mask] ** 2) / 2)
    assert (np.diff(done.record["loss"]) < 0).all()
    assert done.record["rank"].tolist() == [0, 1, 2, 3, 4]
    losses = [glrl.complete(X, mask, holdout=0, max_rank=4, steps=k, tol=0).record["loss"][-1] for k in (1, 2, 4, 8)]
    assert (np.diff(losses) <= 1e-12 * losses[0]).all()


@settings(max_examples=10, deadline=None)
@given(seeds, st.booleans())
def test_across_components_all_is_exactly_zero(seed, is_tied):
    rng = np.random.default_rng(seed)
    rows, cols = rng.integers(0, 2, 14), rng.integers(0, 2, 11)
    rows[:2], cols[:2] = (0, 1), (0, 1)
    mask = (rows[:, None] == cols) & (rng.random((14, 11)) < 0.8)
    mask[rows[:, None] + np.zeros_like(cols) == cols] |= rng.random() < 0.5
    X = np.ones((14, 11)) if is_tied else rng.normal(size=(14, 11))
    done = glrl.complete(X, mask, holdout=0, max_rank=4)
    seen_row, seen_col = mask.any(axis=1), mask.any(axis=0)
    across = (rows[:, None] != cols) & np.outer(seen_row, seen_col)
    assert (done.X_hat[across] == 0).all()


def test_a_gap_of_one_names_a_tie():
    mask = np.kron(np.eye(2), np.ones((3, 4))).astype(bool)
    done = glrl.complete(np.full((6, 8), 2.0), mask, holdout=0)
    np.testing.assert_allclose(done.record["gap"], [1, 0, 0], atol=1e-6)
    np.testing.assert_allclose(done.X_hat, 2 * mask, atol=1e-6)


def test_holes_are_judged_by_held_out_holes():
    """In a large hole every rank above the true one is free to do anything: the choice must see that."""
    X, _ = draw(1, (60, 60), rank=2, noise=0.3)
    mask = np.ones((60, 60), dtype=bool)
    mask[10:40, 15:45] = False
    done = glrl.complete(X, mask)
    assert done.settings["rank"] == 2
    assert np.sqrt(np.mean((done.X_hat - X)[~mask] ** 2)) < 0.4


@settings(max_examples=5, deadline=None)
@given(seeds, st.sampled_from([0.25, 1024.0]))
def test_a_factor_comes_out_as_it_went_in(seed, factor):
    X, mask = draw(seed, (15, 12), missing=0.3)
    one, other = glrl.complete(X, mask), glrl.complete(factor * X, mask)
    assert one.settings["rank"] == other.settings["rank"]
    np.testing.assert_allclose(other.X_hat, factor * one.X_hat, rtol=1e-6, atol=1e-6 * factor)


def test_transposed_data_give_the_transposed_matrix():
    X, mask = draw(2)
    one, other = (
        glrl.complete(Y, P, holdout=0, max_rank=3, tol=1e-13, steps=5000) for Y, P in ((X, mask), (X.T, mask.T))
    )
    np.testing.assert_allclose(other.X_hat, one.X_hat.T, atol=1e-5)


def test_no_more_ranks_than_asked_for_or_than_entries_can_fix():
    X, mask = draw(0, (20, 20), rank=8, missing=0.6, noise=1.0)
    assert rank_of(glrl.complete(X, mask, max_rank=2, holdout=0).X_hat) == 2
    most = glrl.complete(X, mask, holdout=0).settings["rank"]
    assert most * (40 - most) <= mask.sum() < (most + 1) * (39 - most)


def test_all_zeros_stay_zeros():
    done = glrl.complete(np.zeros((5, 4)), np.eye(5, 4, dtype=bool) == 0)
    np.testing.assert_array_equal(done.completed, 0)
    assert done.settings["rank"] == 0


def test_arrays_of_jax_are_taken():
    X, mask = draw(0, (8, 7), rank=1, missing=0.3)
    np.testing.assert_array_equal(glrl.complete(jnp.asarray(X), mask).X_hat, glrl.complete(X, mask).X_hat)


@pytest.mark.parametrize(
    "wrong", [{"max_rank": 0}, {"steps": 0}, {"tol": -1.0}, {"patience": 0}, {"holdout": 1.0}, {"holdout": -0.1}]
)
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))}: expected"):
        glrl.complete([[1.0, np.nan], [2.0, 3.0]], **wrong)


def test_whole_rows_that_are_missing_do_not_spoil_the_choice_of_the_rank():
    # Rows set aside like those that are missing are 0 at every rank.
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 3)) @ rng.normal(size=(3, 30)) + 5
    mask = np.ones(X.shape, dtype=bool)
    mask[[7, 19]] = False
    done = glrl.complete(X, mask)
    assert done.settings["rank"] == 4
    assert done.expected_rmse is not None
    assert done.expected_rmse < 1e-3
