from itertools import pairwise

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from matmend.representation import Balanced, Gaussian, ScaledIdentity

CHAINS = [(5, 4), (5, 3, 4), (3, 6, 2, 5, 4), (4, 4, 4, 4), (2, 9, 7)]
chains = pytest.mark.parametrize("sizes", CHAINS, ids=str)


@eqx.filter_jit
def _factors(initialization, sizes, key):
    return initialization(sizes, key=key, dtype=jnp.float64)


def draw(initialization, sizes, seed=0):
    return [np.asarray(W) for W in _factors(initialization, sizes, jax.random.key(seed, impl="rbg"))]


def product(factors):
    X = factors[0]
    for W in factors[1:]:
        X = W @ X
    return X


@chains
@pytest.mark.parametrize("initialization", [Gaussian(), ScaledIdentity(), Balanced()], ids=lambda i: type(i).__name__)
def test_shapes(initialization, sizes):
    factors = jax.eval_shape(lambda key: initialization(sizes, key=key, dtype=jnp.float64), jax.random.key(0))
    assert [W.shape for W in factors] == [(sizes[i + 1], sizes[i]) for i in range(len(sizes) - 1)]


def test_gaussian_entries_have_the_mean_and_deviation_asked_for():
    factors = draw(Gaussian(mean=0.02, std=0.05), (100, 80, 90))
    for W in factors:
        assert scipy.stats.kstest(W.ravel(), scipy.stats.norm(0.02, 0.05).cdf).pvalue > 1e-4
    assert abs(np.corrcoef(factors[0].ravel()[:7000], factors[1].ravel()[:7000])[0, 1]) < 4 / np.sqrt(7000)


@chains
def test_scaled_identity(sizes):
    for seed in (0, 1):
        for W in draw(ScaledIdentity(0.3), sizes, seed):
            assert np.array_equal(W, 0.3 * np.eye(*W.shape))


def is_balanced(factors):
    return all(
        np.allclose(after.T @ after, before @ before.T, rtol=0, atol=1e-13) for before, after in pairwise(factors)
    )


@chains
def test_balanced_chains_satisfy_assumption_1(sizes):
    assert is_balanced(draw(Balanced(std=0.5), sizes))
    assert min(sizes) == np.linalg.matrix_rank(product(draw(Balanced(std=0.5), sizes)))


@chains
def test_an_identity_chain_is_balanced_where_all_factors_have_one_rank(sizes):
    ranks = {min(pair) for pair in pairwise(sizes)}
    assert is_balanced(draw(ScaledIdentity(0.3), sizes)) == (len(ranks) == 1)


@chains
def test_balanced_factors_multiply_to_the_gaussian_matrix_cut_to_the_narrowest_rank(sizes):
    X = product(draw(Balanced(std=0.5), sizes))
    G = product(draw(Balanced(std=0.5), (sizes[0], sizes[-1])))  # one factor, nothing cut: the matrix that was drawn
    U, s, Vh = np.linalg.svd(G)
    r = min(sizes)
    np.testing.assert_allclose(X, (U[:, :r] * s[:r]) @ Vh[:r], atol=1e-12)
    W = draw(Balanced(std=0.5), (60, 50))[0]
    assert scipy.stats.kstest(W.ravel(), scipy.stats.norm(0, 0.5).cdf).pvalue > 1e-4


@chains
def test_every_balanced_factor_has_the_same_singular_values(sizes):
    factors = draw(Balanced(std=0.5), sizes)
    r = min(sizes)
    expected = np.linalg.svd(product(factors), compute_uv=False)[:r] ** (1 / len(factors))
    for W in factors:
        np.testing.assert_allclose(np.linalg.svd(W, compute_uv=False)[:r], expected, rtol=1e-10)
