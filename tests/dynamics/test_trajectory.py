"""Spectra along a run, and what the flow of two factors conserves."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from _connected import CONNECTED, NUM_TIMES, M, P, factored

from matmend.dynamics import (
    gradient_flow,
    residual,
    trace,
    trace_of_descent,
    with_factor_spectra,
    with_factors,
)
from matmend.observation import Masked
from matmend.problem import Problem, ProblemParams
from matmend.representation import DeepFactorization, Direct
from matmend.solve import init, solve, solve_many, step

RATE = 0.05
DESCENT = optax.sgd(RATE)


def follow(problem, params, end, **tolerances):
    return trace(problem, gradient_flow(problem, params, np.linspace(0, end, NUM_TIMES), **tolerances))


def drawn(seed, std=0.3):
    rng = np.random.default_rng(seed)
    return tuple(jnp.asarray(std * rng.normal(size=(4, 4))) for _ in range(2))


def of_rank(k, seed, std=0.3):
    """Factors in Omega_k: the rows of W_aug span k dimensions, in no special basis."""
    rng = np.random.default_rng(seed)
    S = std * rng.normal(size=(8, k)) @ np.linalg.qr(rng.normal(size=(4, k)))[0].T
    return jnp.asarray(S[4:].T), jnp.asarray(S[:4])


def stepped(factors):
    """One step of gradient descent from the given factors."""
    state = init(CONNECTED, DESCENT, key=jax.random.key(0))
    return eqx.filter_jit(step)(CONNECTED, DESCENT, eqx.tree_at(lambda s: s.params, state, ProblemParams(factors, ())))


@pytest.fixture(scope="module")
def flowed():
    return follow(CONNECTED, ProblemParams(drawn(0), ()), 8)


def test_the_construction_has_the_spectrum_that_the_figures_below_belong_to():
    np.testing.assert_allclose(np.linalg.svd(P * M, compute_uv=False), [4.997, 1.996, 1.005, 0.115], atol=5e-4)


def test_spectra_are_numpys(flowed):
    B, A = flowed.params.representation
    for sigma, W in (
        (flowed.sigma, A @ B),
        (flowed.sigma_A, A),
        (flowed.sigma_B, B),
        (flowed.sigma_augmented, np.concatenate([A, B.transpose(0, 2, 1)], axis=1)),
        (flowed.sigma_residual, P * (M - A @ B)),
    ):
        np.testing.assert_allclose(sigma, np.linalg.svd(W, compute_uv=False), atol=1e-12)
    np.testing.assert_allclose(flowed.loss, np.sum((P * (M - A @ B)) ** 2, axis=(1, 2)) / 2, rtol=1e-12, atol=1e-18)
    np.testing.assert_array_equal(flowed.augmented[:, 4:], B.transpose(0, 2, 1))


def test_the_flow_is_a_multiplication_of_w_aug_from_the_left(flowed):
    params = flowed.at(30)
    R = residual(CONNECTED, params)
    velocity = jax.tree.map(lambda g: -g, jax.grad(lambda p: CONNECTED.objective(p)[0])(params))
    H = np.block([[np.zeros((4, 4)), R], [R.T, np.zeros((4, 4))]])
    dB, dA = velocity.representation
    np.testing.assert_allclose(H @ flowed.augmented[30], np.r_[dA, dB.T], atol=1e-13)
    np.testing.assert_allclose(flowed.gradient_norm[30], np.sqrt(np.sum(dA**2) + np.sum(dB**2)), rtol=1e-12)


@pytest.mark.parametrize("normalizer", [2.0, 15.0, 0.3])
def test_another_normalizer_is_another_unit_of_time(normalizer):
    problem = eqx.tree_at(lambda p: p.observation, CONNECTED, Masked.from_array(M, P, normalizer=normalizer))
    params = ProblemParams(drawn(1), ())
    X = np.asarray(problem.matrix(params).dense())
    np.testing.assert_allclose(residual(problem, params), 2 / normalizer * P * (M - X), rtol=1e-12)
    scaled = follow(problem, params, 3 * normalizer / 2)
    np.testing.assert_allclose(scaled.sigma, follow(CONNECTED, params, 3).sigma, atol=1e-7)


def test_the_imbalance_is_conserved_by_the_flow():
    run = follow(CONNECTED, ProblemParams(drawn(2), ()), 60, rtol=1e-10, atol=1e-14)
    assert np.abs(run.imbalance[0]).max() > 0.1, "balanced from the start: nothing is tested"
    assert run.loss[-1] < 1e-9 * run.loss[0]
    assert run.drift[-1] < 5e-13
    B, A = run.at(4).representation
    np.testing.assert_allclose(run.imbalance[4], A.T @ A - B @ B.T, atol=1e-14)


def test_under_gradient_descent_the_imbalance_drifts_in_proportion_to_the_learning_rate():
    # 60 units of time of L at rates 0.05, 0.01 and 0.001: a loss divided by c has a rate divided by c.
    rates = np.array([0.05, 0.01, 0.001])
    problems = [
        eqx.tree_at(lambda p: p.observation.normalizer, CONNECTED, jnp.asarray(2 * RATE / rate)) for rate in rates
    ]
    runs = solve_many(
        problems, DESCENT, keys=[jax.random.key(0)] * 3, max_steps=60_000, every=1200, record=with_factor_spectra
    )
    drift = []
    for problem, run, rate in zip(problems, runs, rates, strict=True):
        run = trace_of_descent(problem, run.record, learning_rate=RATE)
        end = np.searchsorted(run.times * (rate / RATE), 60 - 1e-6)
        drift.append(np.linalg.norm(run.imbalance[end] - run.imbalance[0]))
    np.testing.assert_allclose(drift, [7.7e-5, 1.5e-5, 1.5e-6], rtol=0.02)
    np.testing.assert_allclose(drift[1] / drift[2], 10, rtol=0.02)


@pytest.mark.parametrize("k", [0, 1, 2, 3])
def test_the_rank_of_w_aug_stays_along_the_flow(k):
    run = follow(CONNECTED, ProblemParams(of_rank(k, seed=k), ()), 4)
    assert np.linalg.matrix_rank(run.augmented, tol=1e-9).tolist() == [k] * NUM_TIMES
    if k:
        assert np.abs(run.sigma[-1, k - 1] - run.sigma[0, k - 1]) > 0.1, "nothing moves: nothing is tested"
        # Not only the rank: the row space itself.
        V = np.linalg.svd(run.augmented, full_matrices=False)[2][:, :k]
        np.testing.assert_allclose(np.swapaxes(V, 1, 2) @ V, np.tile(V[0].T @ V[0], (NUM_TIMES, 1, 1)), atol=1e-9)


@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("seed", range(4))
def test_a_step_of_gradient_descent_keeps_the_rank(k, seed):
    before = of_rank(k, seed=10 + seed)
    R = residual(CONNECTED, ProblemParams(before, ()))
    assert RATE * np.linalg.norm(R, 2) < 1
    B, A = stepped(before).params.representation
    S, S_plus = np.r_[before[1], before[0].T], np.r_[A, B.T]
    H = np.block([[np.zeros((4, 4)), R], [R.T, np.zeros((4, 4))]])
    np.testing.assert_allclose(S_plus, S + RATE * H @ S, atol=1e-14)
    sigma = np.linalg.svd(S_plus, compute_uv=False)
    assert (sigma[k:] < 1e-14).all()
    assert (sigma[:k] > 1e-3).all()


def test_components_do_not_see_each_other():
    mask = np.zeros((4, 4), dtype=bool)
    mask[:2, :1] = mask[2:, 2:] = True  # two components, and column 1 is observed nowhere
    both, first = factored(M, mask), factored(M, mask & (np.arange(4) < 2))
    B, A = drawn(3)
    together, alone = follow(both, ProblemParams((B, A), ()), 8), follow(first, ProblemParams((B, A), ()), 8)
    np.testing.assert_allclose(together.augmented[:, [0, 1, 4]], alone.augmented[:, [0, 1, 4]], atol=1e-9)
    assert np.abs(together.augmented[-1, [2, 3]] - alone.augmented[-1, [2, 3]]).max() > 0.1
    np.testing.assert_array_equal(together.augmented[:, 5], np.tile(B[:, 1], (NUM_TIMES, 1)))
    # Other factors of the second component change nothing in the first.
    other = follow(both, ProblemParams((B.at[:, 2:].mul(-2), A.at[2:].add(1)), ()), 8)
    np.testing.assert_allclose(together.augmented[:, [0, 1, 4]], other.augmented[:, [0, 1, 4]], atol=1e-9)


@pytest.fixture(scope="module")
def descended():
    problem = factored(M, P, std=0.3)
    return problem, solve(problem, DESCENT, key=jax.random.key(4), max_steps=160, every=20, record=with_factors)


def test_gradient_descent_and_flow_have_one_form(descended):
    problem, run = descended
    of_descent = trace_of_descent(problem, run.record, learning_rate=RATE)
    flow = follow(CONNECTED, of_descent.at(0), 8)
    np.testing.assert_allclose(of_descent.times, flow.times[::15])
    assert (flow.learning_rate, of_descent.learning_rate) == (0, RATE)
    np.testing.assert_allclose(of_descent.sigma_augmented, flow.sigma_augmented[::15], atol=0.1)  # the rate is 0.05
    np.testing.assert_array_equal(of_descent.loss[[0]], of_descent.loss[0])
    np.testing.assert_allclose(of_descent.gradient_norm[0], flow.gradient_norm[0], rtol=1e-12)


def test_spectra_alone_can_be_recorded(descended):
    problem, run = descended
    light = solve(problem, DESCENT, key=jax.random.key(4), max_steps=160, every=20, record=with_factor_spectra).record
    assert "params" not in light
    for name, values in light.items():
        np.testing.assert_array_equal(values, run.record[name])
    with pytest.raises(ValueError, match="record the run by `with_factors`"):
        trace_of_descent(problem, light, learning_rate=RATE).at(0)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_ranks_are_relative_to_the_largest_of_the_whole_trace(descended, scale):
    problem, run = descended
    spectra = {"sigma": np.array([[1e-9, 1e-9], [4.0, 1e-9], [4.0, 1.0], [4.0, 5e-3]]) * scale**2}
    factor = np.sqrt(spectra["sigma"])
    record = {**run.record, **spectra, **dict.fromkeys(("sigma_A", "sigma_B", "sigma_augmented"), factor)}
    ranks = trace_of_descent(problem, record, learning_rate=RATE).ranks()
    for counted in ranks:
        assert counted.tolist() == [0, 1, 2, 2]
    assert trace_of_descent(problem, record, learning_rate=RATE).ranks(rtol=0.01).X.tolist() == [0, 1, 2, 1]


def test_what_cannot_be_traced(descended):
    problem, run = descended
    with pytest.raises(ValueError, match=r"depth=2.*got DeepFactorization"):
        trace(Problem(problem.observation, DeepFactorization(depth=3)), None)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="got Direct"):
        trace_of_descent(Problem(problem.observation, Direct()), run.record, learning_rate=RATE)
    with pytest.raises(ValueError, match="positive learning rate, got 0"):
        trace_of_descent(problem, run.record, learning_rate=0)
    with pytest.raises(ValueError, match=r"no sigma_B.*with_factors"):
        trace_of_descent(problem, {k: v for k, v in run.record.items() if k != "sigma_B"}, learning_rate=RATE)
