import numpy as np
import pytest
from _connected import well_conditioned

from matmend.dynamics import best_rank_k


def draw(seed, rank=4, share=0.9):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(4, rank)) @ rng.normal(size=(rank, 4)), rng.random((4, 4)) < share


def test_a_best_fit_is_a_critical_point_and_more_starts_are_no_worse():
    M, mask = draw(3, rank=4, share=0.9)
    assert mask.sum() > 13  # more than the dimension 12 of what is fitted
    one, many = best_rank_k(M, mask, 2, starts=1), best_rank_k(M, mask, 2)
    R = np.where(mask, M - many.X, 0)
    np.testing.assert_allclose(many.loss, np.sum(R**2) / 2, rtol=1e-9)
    np.testing.assert_allclose(R @ many.X.T, 0, atol=1e-8)
    np.testing.assert_allclose(R.T @ many.X, 0, atol=1e-8)
    assert many.loss <= one.loss
    assert many.loss < 0.5 * np.sum(np.where(mask, M, 0) ** 2)


def test_where_everything_is_observed_the_best_fit_is_the_truncated_decomposition():
    """Eckart & Young."""
    M, _ = draw(0)
    U, sigma, Vh = np.linalg.svd(M)
    for k in range(5):
        fit = best_rank_k(M, np.ones((4, 4), dtype=bool), k)
        np.testing.assert_allclose(fit.loss, np.sum(sigma[k:] ** 2) / 2, atol=1e-12)
        np.testing.assert_allclose(fit.X, (U[:, :k] * sigma[:k]) @ Vh[:k], atol=1e-6)
        assert not fit.at_infinity


def test_one_hidden_entry_of_a_rank_three_matrix_leaves_bounded_best_fits():
    """Also at (2, 2), where the best fit of rank 2 has an entry twelve times the largest observed one."""
    M = well_conditioned()
    masks = ~np.eye(16, dtype=bool).reshape(16, 4, 4)
    fit = best_rank_k(np.broadcast_to(M, (16, 4, 4)), masks, 2)
    assert not fit.at_infinity.any()
    np.testing.assert_array_equal(fit.loss, fit.infimum)
    assert abs(fit.loss[5] - 0.134) < 5e-4
    assert 10 < np.abs(fit.X[5]).max() / np.abs(M[masks[5]]).max() < 13
    more = best_rank_k(M, masks[5], 2, max_steps=2000)
    np.testing.assert_allclose(fit.loss[5], more.loss, rtol=1e-9)


def test_an_infimum_at_infinity_is_named():
    """[[*, 1], [1, 0]] at rank 1: ``[[1/e, 1], [1, e]]`` has loss e^2 / 2."""
    fit = best_rank_k(np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([[False, True], [True, True]]), 1)
    assert fit.at_infinity
    assert fit.infimum < 1e-7


def test_a_problem_does_not_see_its_neighbours():
    drawn = [draw(seed, share=0.2 + 0.05 * seed) for seed in range(9)]
    M, mask = map(np.stack, zip(*drawn, strict=True))
    alone, among = best_rank_k(M[8], mask[8], 2), best_rank_k(M, mask, 2)
    np.testing.assert_allclose(among.loss[8], alone.loss, rtol=1e-9, atol=1e-20)
    assert among.X.shape == (9, 4, 4)


def test_what_cannot_be_used_is_refused():
    M, mask = draw(0)
    for settings, message in (({"k": 5}, "k: expected"), ({"k": 1, "starts": 0}, "starts: expected")):
        with pytest.raises(ValueError, match=message):
            best_rank_k(M, mask, **settings)
