"""Theorem 1 of AIR-Net: how the singular values of ``X`` move, against the flow itself.

The formula holds as printed if ``grad_W L_Y`` is read as the gradient with respect to ``X`` and the weights ``lambda``
are put into ``gamma_k``, where the proof has them.
"""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matmend.dynamics import gradient_flow, imbalance
from matmend.matrix import Dense
from matmend.observation import Masked
from matmend.problem import Problem
from matmend.regularizer import AdaptiveLaplacian, GivenLaplacian
from matmend.representation import AbstractInitialization, Balanced, DeepFactorization, Gaussian
from matmend.spectrum import gamma, singular_value_rates, singular_values
from matmend.transform import Transpose

M, N = 5, 4
RNG = np.random.default_rng(0)
VALUES, MASK = RNG.normal(size=(M, N)), np.arange(M * N).reshape(M, N) % 3 != 1
W_ROW, W_COL = RNG.uniform(size=(M, M)), RNG.uniform(size=(N, N))
ROW_WEIGHT, COL_WEIGHT = 0.03, 0.05
DEPTHS = [2, 3, 4]
H = 0.01
TIMES = np.r_[0, 2 + H * np.arange(-2, 3), 20]


ROWS, COLUMNS = GivenLaplacian(W_ROW), GivenLaplacian(W_COL, Transpose())


def deep(depth: int, initialization: AbstractInitialization = Balanced(std=0.5), width=None):  # noqa: B008 (frozen)
    regularizer = ROW_WEIGHT * ROWS + COL_WEIGHT * COLUMNS
    representation = DeepFactorization(depth=depth, width=width, initialization=initialization)
    return Problem(Masked.from_array(VALUES, MASK), representation, regularizer)


def data_term(problem, X):
    return problem.observation.loss(Dense(X), problem.fidelity)


def energy_term(problem, params, X):
    return problem.regularizer.energy(params.regularizer, Dense(X))


@eqx.filter_jit
def measured_rates(problem, params):
    """Rates of change of the singular values along the velocity of the factors, for each part of the objective."""

    def matrix(factors):
        return problem.representation(factors).dense()

    def along(term):
        velocity = jax.tree.map(jnp.negative, jax.grad(lambda f: term(matrix(f)))(params.representation))
        sigma_of = lambda f: singular_values(Dense(matrix(f)))  # noqa: E731
        return jax.jvp(sigma_of, (params.representation,), (velocity,))[1]

    return along(lambda X: data_term(problem, X)), along(lambda X: energy_term(problem, params, X))


@eqx.filter_jit
def predicted_rates(problem, params):
    X = problem.matrix(params).dense()
    rows, columns = problem.regularizer.regularizers
    L_row, L_col = (part.regularizer.laplacian(p) for part, p in zip((rows, columns), params.regularizer, strict=True))
    gammas = gamma(Dense(X), L_row, L_col, row_weight=rows.weight, col_weight=columns.weight)
    gradient = jax.grad(lambda X: data_term(problem, X))(X)
    return singular_value_rates(Dense(X), gradient, gammas, depth=problem.representation.depth)


@functools.cache
def balanced_flow(depth):
    problem = deep(depth)
    return problem, gradient_flow(problem, problem.init(key=jax.random.key(depth)), TIMES)


@pytest.mark.parametrize("depth", DEPTHS)
def test_both_terms_along_the_flow_from_a_balanced_start(depth):
    problem, trajectory = balanced_flow(depth)
    assert trajectory.drift.max() < 1e-9
    for i in (0, 3, -1):
        measured, predicted = measured_rates(problem, trajectory.at(i)), predicted_rates(problem, trajectory.at(i))
        for one, other in zip(measured, predicted, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-8)
            assert np.abs(other).max() > 1e-3
        assert (np.asarray(predicted.regularizer) <= 0).all()


@pytest.mark.parametrize("depth", DEPTHS)
def test_the_singular_values_of_the_flow_move_as_predicted(depth):
    """Central differences of fourth order in time, nothing but the trajectory itself."""
    problem, trajectory = balanced_flow(depth)
    sigma = np.stack([singular_values(problem.matrix(trajectory.at(i))) for i in range(1, 6)])
    slope = (sigma[0] - 8 * sigma[1] + 8 * sigma[3] - sigma[4]) / (12 * H)
    predicted = predicted_rates(problem, trajectory.at(3))
    np.testing.assert_allclose(slope, predicted.data + predicted.regularizer, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("depth", DEPTHS)
def test_the_orders_of_the_two_terms(depth):
    """``2 - 2/L`` and ``3 - 2/L``: slopes over four decades of ``sigma``, singular vectors and gradient held."""
    problem = deep(depth)
    params = problem.init(key=jax.random.key(0))
    G = jnp.asarray(RNG.normal(size=(M, N)))
    scales = np.logspace(-4, 0, 9)

    @jax.jit
    def rates_at(scale):
        factors = tuple(scale ** (1 / depth) * W for W in params.representation)  # sigma scales by `scale`

        def along(term):
            velocity = jax.tree.map(jnp.negative, jax.grad(lambda f: term(problem.representation(f).dense()))(factors))
            sigma_of = lambda f: singular_values(problem.representation(f))  # noqa: E731
            return jax.jvp(sigma_of, (factors,), (velocity,))[1]

        return along(lambda X: jnp.vdot(G, X)), along(lambda X: energy_term(problem, params, X))

    data, energy = (np.abs(rates) for rates in jax.lax.map(rates_at, jnp.asarray(scales)))
    for rates, order in ((data, 2 - 2 / depth), (energy, 3 - 2 / depth)):
        slopes = np.polyfit(np.log(scales), np.log(rates), deg=1)[0]
        np.testing.assert_allclose(slopes, order, atol=1e-6)


@pytest.mark.parametrize("depth", DEPTHS)
def test_it_needs_the_balanced_start(depth):
    problem = deep(depth, Gaussian(std=0.5))
    params = problem.init(key=jax.random.key(1))
    assert max(float(jnp.abs(Q).max()) for Q in imbalance(params.representation)) > 0.1
    for measured, predicted in zip(measured_rates(problem, params), predicted_rates(problem, params), strict=True):
        assert np.abs(measured - predicted).max() > 0.05 * np.abs(measured).max()


def test_thin_factors_obey_it_too():
    problem = deep(3, width=2)
    params = problem.init(key=jax.random.key(2))
    measured = measured_rates_of_thin(problem, params)
    predicted = predicted_rates(problem, params)
    np.testing.assert_allclose(measured, (predicted.data + predicted.regularizer)[:2], rtol=1e-9)
    np.testing.assert_allclose(predicted.data[2:], 0, atol=1e-12)


def measured_rates_of_thin(problem, params):
    velocity = jax.tree.map(jnp.negative, jax.grad(lambda p: problem.objective(p)[0])(params))
    sigma_of = lambda p: singular_values(problem.matrix(p))  # noqa: E731 (the two that can be other than 0)
    return jax.jvp(sigma_of, (params,), (velocity,))[1]


def test_trained_graphs_need_no_fixing():
    """The paper keeps ``L_r`` and ``L_c`` fixed "to simplify": with those of the moment the formula holds all along."""
    regularizer = ROW_WEIGHT * AdaptiveLaplacian() + COL_WEIGHT * AdaptiveLaplacian(Transpose())
    problem = eqx.tree_at(lambda p: p.regularizer, deep(3), regularizer)
    trajectory = gradient_flow(problem, problem.init(key=jax.random.key(3)), TIMES)
    start, end = trajectory.at(0), trajectory.at(-1)
    assert jnp.abs(end.regularizer[0] - start.regularizer[0]).max() > 1e-2
    measured, predicted = measured_rates(problem, end), predicted_rates(problem, end)
    for one, other in zip(measured, predicted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-8)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_gamma_is_numpys_and_never_negative(seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(M, N))
    L_row, L_col = (np.diag(A.sum(axis=1)) - A for A in ((W_ROW + W_ROW.T) / 2, (W_COL + W_COL.T) / 2))
    gammas = gamma(Dense(jnp.asarray(X)), jnp.asarray(L_row), jnp.asarray(L_col), row_weight=0.3, col_weight=2.0)
    U, _, Vh = np.linalg.svd(X)
    expected = [0.3 * U[:, k] @ L_row @ U[:, k] + 2 * Vh[k] @ L_col @ Vh[k] for k in range(N)]
    np.testing.assert_allclose(gammas, expected, rtol=1e-10)
    assert (gammas >= 0).all()


def test_the_sum_of_the_energies_is_the_sum_over_singular_values():
    """``R_r + R_c = sum_k sigma_k^2 gamma_k``."""
    problem = deep(2)
    params = problem.init(key=jax.random.key(4))
    X = problem.matrix(params)
    gammas = gamma(X, ROWS.laplacian(), COLUMNS.laplacian(), row_weight=ROW_WEIGHT, col_weight=COL_WEIGHT)
    np.testing.assert_allclose(
        jnp.sum(singular_values(X) ** 2 * gammas), energy_term(problem, params, X.dense()), rtol=1e-12
    )
