import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _sweeps import features
from scipy import stats

from matmend.matrix import Dense, LowRank
from matmend.regularizer import FactorPrior, Features
from matmend.regularizer.prior import PriorParams, conjugate_gradients
from matmend.segments import Layout

RNG = np.random.default_rng(0)
K, F, R = 9, 5, 3


@pytest.fixture(scope="module")
def linked():
    """A prior with features, its parameters, a factor with a constant column, and the features as a matrix."""
    given, B = features(K, F)
    prior = FactorPrior(axis=0, width=R, features=given)
    params = PriorParams(
        jnp.asarray([0.5, 2.0, 1.0]), jnp.asarray(RNG.normal(size=R)), jnp.asarray(RNG.normal(size=(F, R))),
        jnp.asarray(0.8), jnp.asarray(0.7),
    )  # fmt: skip
    U = RNG.normal(size=(K, R))
    U[:, 2] = 1
    return prior, params, LowRank(jnp.asarray(U), jnp.asarray(RNG.normal(size=(4, R))), (2, None)), B


def test_features_are_a_sparse_matrix():
    given, B = features(K, F)
    Z, Y = RNG.normal(size=(F, 2)), RNG.normal(size=(K, 2))
    np.testing.assert_allclose(given.times(jnp.asarray(Z)), B @ Z, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(given.transposed_times(jnp.asarray(Y)), B.T @ Y, rtol=1e-12, atol=1e-14)
    assert given.num_features == F


def test_a_pattern_is_who_has_what_with_rows_of_length_1():
    is_seen = RNG.random((K, F)) < 0.5
    is_seen[3] = False
    i, j = np.nonzero(is_seen)
    values = RNG.normal(size=i.size)
    by_row, by_col = Layout.from_entries(i, j, values, (K, F)), Layout.from_entries(j, i, values, (F, K))
    B = is_seen / np.sqrt(np.maximum(is_seen.sum(axis=1, keepdims=True), 1))
    given = Features.pattern(by_row, by_col)
    np.testing.assert_allclose(given.times(jnp.eye(F)), B, rtol=1e-12)
    np.testing.assert_allclose(given.transposed_times(jnp.eye(K)), B.T, rtol=1e-12)


def test_the_energy_is_its_formula_without_the_constant_column(linked):
    prior, params, X, B = linked
    U, Z = np.asarray(X.U), np.asarray(params.links)
    squares = np.sum((U - np.asarray(params.mean) - B @ Z) ** 2, axis=0) + 0.8 * np.sum(Z**2, axis=0)
    assert float(prior.energy(params, X)) == pytest.approx(0.5 * squares[0] + 2.0 * squares[1], rel=1e-12)


def test_its_least_energy_is_the_nuclear_norm():
    X = RNG.normal(size=(6, 5))
    u, sigma, vt = np.linalg.svd(X, full_matrices=False)
    both = FactorPrior(axis=0, width=5, ridge=0.3) + FactorPrior(axis=1, width=5, ridge=0.3)
    params = both.init(X.shape, key=jax.random.key(0), dtype=jnp.float64)

    def energy(U, V):
        return float(both.energy(params, LowRank(jnp.asarray(U), jnp.asarray(V))))

    least = energy(u * np.sqrt(sigma), vt.T * np.sqrt(sigma))
    assert least == pytest.approx(2 * 0.3 * sigma.sum(), rel=1e-12)
    for _ in range(20):
        T = np.eye(5) + 0.3 * RNG.normal(size=(5, 5))
        assert energy(u * np.sqrt(sigma) @ T, vt.T * np.sqrt(sigma) @ np.linalg.inv(T).T) > least


def test_the_update_of_least_squares(linked):
    prior, params, X, B = linked
    after = prior.update(params, X, key=jax.random.key(0), variance=jnp.zeros(()))
    U, mean = np.asarray(X.U), np.asarray(params.mean)
    links = np.linalg.solve(B.T @ B + 0.8 * np.eye(F), B.T @ (U - mean))
    np.testing.assert_allclose(after.links, links, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(after.mean, (U - B @ links).mean(axis=0), rtol=1e-8, atol=1e-10)
    kept = [(after.ridge, params.ridge), (after.link_ridge, params.link_ridge), (after.variance, params.variance)]
    assert all(np.array_equal(new, old) for new, old in kept)


def normal(x):
    return stats.kstest(np.ravel(x), "norm").pvalue > 1e-4


def test_draws_have_their_conditional_distributions(linked):
    prior, params, X, B = linked
    variance = 0.4

    @eqx.filter_jit
    def draws(keys):
        return jax.vmap(lambda key: prior.update(params, X, key=key, variance=jnp.asarray(variance)))(keys)

    new = jax.tree.map(np.asarray, draws(jax.random.split(jax.random.key(5), 3000)))
    free, U = [0, 1], np.asarray(X.U)
    precision = np.asarray(params.ridge) / 0.7  # of a row around its centre, before
    system = B.T @ B + 0.8 * np.eye(F)
    expected = np.linalg.solve(system, B.T @ (U - np.asarray(params.mean)))
    white = np.swapaxes(new.links - expected, 1, 2) @ np.linalg.cholesky(system) * np.sqrt(precision)[:, None]
    assert normal(white)
    flat = white[:, free].reshape(len(white), -1)
    assert np.abs(flat.T @ flat / len(flat) - np.eye(flat.shape[1])).max() < 5 * np.sqrt(2 / len(flat))

    residual = U - B @ new.links
    assert normal((new.mean - residual.mean(axis=1)) * np.sqrt(K * precision))

    squares = np.sum(new.links**2, axis=1) @ (precision * [1, 1, 0])
    assert stats.kstest(new.link_ridge * (1 + squares / 2), stats.gamma(1 + F * 2 / 2).cdf).statistic < 0.04
    squares = np.sum((residual - new.mean[:, None]) ** 2, axis=1)
    drawn = new.ridge / variance * (1 + squares / 2)
    assert stats.kstest(drawn[:, free].ravel(), stats.gamma(1 + K / 2).cdf).statistic < 0.03
    assert np.all(new.variance == variance)


def test_conjugate_gradients_end_where_the_solution_is_exact():
    A = np.diag([1.0, 2.0, 5.0, 9.0]) + 0.5
    x = RNG.normal(size=(4, 2))
    found = conjugate_gradients(lambda Z: jnp.asarray(A) @ Z, jnp.asarray(A @ x), jnp.zeros((4, 2)), 8)
    np.testing.assert_allclose(found, x, rtol=1e-9)
    still = conjugate_gradients(lambda Z: jnp.asarray(A) @ Z, jnp.asarray(A @ x), jnp.asarray(x), 3)
    np.testing.assert_allclose(still, x, rtol=1e-12)


def test_bad_arguments_are_told():
    for bad in ({"axis": 2}, {"width": 0}, {"ridge": 0.0}, {"link_ridge": -1.0}, {"ridge": float("nan")}):
        with pytest.raises(ValueError, match="Expected axis 0 or 1, a width of at least 1 and ridges above 0"):
            FactorPrior(**{"axis": 0, "width": 2, **bad})
    dense = Dense(jnp.ones((3, 2)))
    prior = FactorPrior(axis=0, width=2)
    with pytest.raises(ValueError, match="held as factors, got Dense: give the factorization is_thin=True"):
        prior.energy(prior.init((3, 2), key=jax.random.key(0), dtype=jnp.float64), dense)
    prior = FactorPrior(axis=1, width=2, features=features(K, F)[0])
    with pytest.raises(ValueError, match="Expected features of 4 things, got those of 9: give one row of features"):
        prior.init((K, 4), key=jax.random.key(0), dtype=jnp.float64)


def test_the_type_of_the_values_is_kept(linked):
    prior = linked[0]
    params = prior.init((K, 4), key=jax.random.key(0), dtype=jnp.float32)
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {np.dtype("float32")}
    assert params.links.shape == (F, R)
    X = LowRank(jnp.ones((K, R), jnp.float32), jnp.ones((4, R), jnp.float32))
    plain = FactorPrior(axis=0, width=R)
    start = plain.init((K, 4), key=jax.random.key(0), dtype=jnp.float32)
    after = jax.eval_shape(
        lambda p: plain.update(p, X, key=jax.random.key(0), variance=jnp.ones((), jnp.float32)), start
    )
    assert {leaf.dtype for leaf in jax.tree.leaves(after)} == {np.dtype("float32")}
