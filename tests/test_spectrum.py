import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import entropy

from matmend.matrix import Dense, LowRank
from matmend.spectrum import augmented_factor, effective_rank, manifold_rank, numerical_rank, singular_values

# LAPACK flushes numbers below 2.2e-308 to 0, NumPy does not.
matrices = hnp.arrays(np.float64, (4, 6), elements=st.floats(-9, 9, allow_subnormal=False))
spectra = hnp.arrays(np.float64, 5, elements=st.floats(0, 9, allow_subnormal=False))


@settings(max_examples=25, deadline=None)
@given(matrices)
def test_singular_values_are_numpys(A):
    np.testing.assert_allclose(
        singular_values(Dense(jnp.asarray(A))), np.linalg.svd(A, compute_uv=False), rtol=1e-10, atol=1e-12
    )


@pytest.mark.parametrize("r", [1, 3, 4, 5])
def test_of_factors_as_of_their_product(r):
    rng = np.random.default_rng(r)
    U, V = rng.normal(size=(6, r)), rng.normal(size=(4, r))
    sigma = singular_values(LowRank(jnp.asarray(U), jnp.asarray(V)))
    expected = np.linalg.svd(U @ V.T, compute_uv=False)
    assert sigma.shape == (min(r, 4),)
    np.testing.assert_allclose(sigma, expected[: min(r, 4)], rtol=1e-12)
    np.testing.assert_allclose(expected[r:], 0, atol=1e-13)


def test_thin_factors_are_not_multiplied_out():
    X = LowRank(jnp.ones((50_000, 2)), jnp.ones((40_000, 2)))
    assert jax.eval_shape(singular_values, X).shape == (2,)  # `dense` refuses this size


@settings(max_examples=25, deadline=None)
@given(spectra.filter(lambda sigma: sigma.sum() > 1e-6))
def test_effective_rank_is_the_exponential_of_scipys_entropy(sigma):
    rank = float(effective_rank(jnp.asarray(sigma)))
    np.testing.assert_allclose(rank, np.exp(entropy(sigma)), rtol=1e-12)
    assert 1 - 1e-12 <= rank <= np.count_nonzero(sigma) + 1e-12


@pytest.mark.parametrize("k", [1, 2, 5])
@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_k_equal_values_have_effective_rank_k(k, scale):
    sigma = jnp.asarray(np.r_[np.full(k, scale), np.zeros(3)])
    np.testing.assert_allclose(jax.jit(effective_rank)(sigma), k, rtol=1e-13)
    assert int(numerical_rank(sigma)) == k


@settings(max_examples=25, deadline=None)
@given(spectra, st.integers(-20, 20))
def test_ranks_do_not_depend_on_the_scale(sigma, exponent):
    scaled = jnp.asarray(2.0**exponent * sigma)
    np.testing.assert_allclose(effective_rank(scaled), effective_rank(jnp.asarray(sigma)), rtol=1e-13)
    assert numerical_rank(scaled) == numerical_rank(jnp.asarray(sigma))


def test_the_zero_matrix():
    sigma = singular_values(Dense(jnp.zeros((3, 4))))
    assert sigma.tolist() == [0, 0, 0]
    assert (float(effective_rank(sigma)), int(numerical_rank(sigma))) == (0, 0)
    assert jax.grad(effective_rank)(jnp.zeros(3)).tolist() == [0, 0, 0]


def test_a_diverged_matrix_has_no_rank():
    assert np.isnan(effective_rank(jnp.array([np.nan, 1.0])))


def test_gradient_of_the_effective_rank():
    sigma = np.array([3.0, 2.0, 0.5, 0.0])
    p, H = sigma / sigma.sum(), entropy(sigma)
    gradient = jax.grad(effective_rank)(jnp.asarray(sigma))
    expected = np.exp(H) * -(np.log(p[:3]) + H) / sigma.sum()  # infinite at 0, where no step is asked for
    np.testing.assert_allclose(gradient[:3], expected, rtol=1e-12)
    assert np.isfinite(gradient[3])


@pytest.mark.parametrize(("rtol", "rank"), [(1e-9, 4), (1e-3, 3), (0.3, 2), (0.6, 1)])
def test_numerical_rank_counts_what_is_above_the_tolerance(rtol, rank):
    assert int(numerical_rank(jnp.array([2.0, 1.0, 0.01, 1e-6]), rtol=rtol)) == rank


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_is_kept(dtype):
    for X in (Dense(jnp.ones((3, 4), dtype)), LowRank(jnp.ones((3, 2), dtype), jnp.ones((4, 2), dtype))):
        sigma = jax.eval_shape(singular_values, X)
        assert sigma.dtype == jax.eval_shape(effective_rank, sigma).dtype == np.dtype(dtype)


@pytest.mark.parametrize("k", [0, 1, 2, 3])
def test_the_rank_of_w_aug_is_that_of_the_stacked_factors(k):
    rng = np.random.default_rng(k)
    S = rng.normal(size=(9, k)) @ rng.normal(size=(k, 3))
    B, A = jnp.asarray(S[5:].T), jnp.asarray(S[:5])
    np.testing.assert_array_equal(augmented_factor((B, A)), S)
    assert int(jax.jit(manifold_rank)((B, A))) == np.linalg.matrix_rank(S) == k


def test_one_factor_alone_may_have_less_rank_than_w_aug():
    B, A = jnp.array([[1.0, 0.0], [0.0, 1.0]]), jnp.array([[1.0, 0.0], [0.0, 0.0]])
    assert int(manifold_rank((B, A))) == 2
    assert int(manifold_rank((B.at[1, 1].set(1e-4), A))) == 1
    assert int(manifold_rank((B.at[1, 1].set(1e-4), A), rtol=1e-5)) == 2


def test_w_aug_is_of_two_factors():
    with pytest.raises(ValueError, match="got 3: use depth=2"):
        augmented_factor([jnp.eye(2)] * 3)
