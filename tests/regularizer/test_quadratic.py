import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from matmend.matrix import LowRank
from matmend.regularizer import (
    AbstractQuadratic,
    FactorPrior,
    NormalTerms,
    Sum,
    TotalVariation,
    gamma,
    quadratic_parts,
    updated,
)

X = LowRank(jnp.ones((3, 1)), jnp.ones((2, 1)))
ONE = jnp.ones(())


class Told(AbstractQuadratic):
    """Has no energy; its parameters become what `update` was told."""

    def init(self, shape, *, key, dtype):
        return jnp.zeros((), dtype), jax.random.key_data(key)

    def energy(self, params, X):
        return jnp.zeros(())

    def normal_terms(self, params, X, axis):
        return NormalTerms(jnp.zeros((1, 1)), jnp.zeros((1, 1)), jnp.zeros((1, 1)))

    def update(self, params, X, *, key, variance):
        return variance, jax.random.key_data(key)


def start(regularizer):
    return regularizer.init(X.shape, key=jax.random.key(0), dtype=jnp.float64)


def test_sums_and_scalings_are_taken_apart_with_their_weights():
    nested = 3.0 * (Told() + 0.5 * (2.0 * Told() + Told()))
    parts = quadratic_parts(nested, start(nested), jnp.asarray(2.0))
    assert [float(weight) for weight, _, _ in parts] == [6, 6, 3]
    assert all(isinstance(part, Told) for _, part, _ in parts)
    assert quadratic_parts(Sum(), (), ONE) == []


def test_weights_have_the_type_of_the_values():
    ((weight, _, _),) = quadratic_parts(2.0 * Told(), (), jnp.ones((), jnp.float32))
    assert weight.dtype == jnp.float32


def test_what_is_not_quadratic_is_refused_wherever_it_stands():
    bad = Told() + 2.0 * TotalVariation()
    with pytest.raises(ValueError, match="quadratic in each factor, got TotalVariation: leave it out, or train with"):
        quadratic_parts(bad, start(bad), ONE)


def test_a_part_of_weight_c_sees_the_noise_in_its_own_unit_and_a_key_of_its_own():
    nested = 4.0 * (Told() + 0.5 * Told())
    told = updated(nested, start(nested), X, key=jax.random.key(1), variance=jnp.asarray(8.0))
    assert [float(variance) for variance, _ in told] == [2, 4]
    assert not np.array_equal(told[0][1], told[1][1])
    assert updated(Sum(), (), X, key=jax.random.key(1), variance=ONE) == ()


def test_a_weight_and_a_ridge_are_one_number_to_the_posterior():
    """``c R`` with ridge 1 and noise s is ``R`` with ridge c: the precision is c / s in both."""
    X = LowRank(jnp.asarray(np.random.default_rng(0).normal(size=(50, 2))), jnp.ones((2, 2)))
    plain, scaled = FactorPrior(axis=0, width=2), 8.0 * FactorPrior(axis=0, width=2)
    one, other = (
        updated(r, r.init(X.shape, key=jax.random.key(0), dtype=jnp.float64), X, key=jax.random.key(1), variance=ONE)
        for r in (plain, scaled)
    )
    np.testing.assert_allclose(one.ridge, 8 * other.ridge, rtol=1e-12)


@pytest.mark.parametrize(("shape_parameter", "rtol"), [(10.0, 5e-3), (30.0, 1e-3), (1e6, 1e-5)])
def test_quantiles_of_gamma(monkeypatch, shape_parameter, rtol):
    z = stats.norm.ppf(np.linspace(0.01, 0.99, 99))
    monkeypatch.setattr(jax.random, "normal", lambda key, shape, dtype: jnp.asarray(z, dtype))
    found = gamma(jax.random.key(0), shape_parameter, z.shape, jnp.float64)
    np.testing.assert_allclose(found, stats.gamma.ppf(stats.norm.cdf(z), shape_parameter), rtol=rtol)


def test_gamma_is_positive_and_of_the_type_asked_for():
    draws = gamma(jax.random.key(0), 1.0, (2000,), jnp.float32)
    assert draws.dtype == jnp.float32
    assert float(draws.min()) > 0
    assert float(draws.mean()) == pytest.approx(1, abs=0.1)
