"""Where a run from near 0 waits, in which direction and after what time it goes on."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from _connected import CONNECTED, NUM_TIMES, M, P, factored
from scipy.optimize import least_squares

from matmend.dynamics import (
    alignment_exponent,
    curvatures,
    gradient_flow,
    plateaus,
    residual,
    trace,
    trace_of_descent,
    with_factor_spectra,
    with_factors,
)
from matmend.problem import ProblemParams
from matmend.solve import LossBelow, solve, solve_many

RATE = 0.05
DESCENT = optax.sgd(RATE)


def descend(values, mask, std=1e-8, seed=0, steps=1300, **settings):
    problem = factored(values, mask, std=jnp.asarray(std))  # type: ignore[arg-type]
    settings = {"every": 2, "stop": LossBelow(1e-22), "record": with_factors, **settings}
    run = solve(problem, DESCENT, key=jax.random.key(seed), max_steps=steps, **settings)
    return trace_of_descent(problem, run.record, learning_rate=RATE)


def saddle(X, seed=0):
    """The critical point of rank k next to X, as factors in a random basis, and k: found by SciPy at width k."""
    U, sigma, Vh = np.linalg.svd(X)
    k = int(np.sum(sigma > 0.03 * sigma[0]))

    def parts(flat):
        return flat[: 4 * k].reshape(4, k), flat[4 * k :].reshape(k, 4)

    def misfit(flat):
        A, B = parts(flat)
        return (A @ B - M)[P]

    start = np.r_[(U[:, :k] * np.sqrt(sigma[:k])).ravel(), (np.sqrt(sigma[:k])[:, None] * Vh[:k]).ravel()]
    found = least_squares(misfit, start, xtol=1e-15, ftol=1e-15, gtol=1e-15)
    A, B = parts(found.x)
    Q = np.linalg.qr(np.random.default_rng(seed).normal(size=(4, 4)))[0][:k]
    return ProblemParams((jnp.asarray(Q.T @ B), jnp.asarray(A @ Q)), ()), k


@pytest.fixture(scope="module")
def run():
    return descend(M, P)


@pytest.fixture(scope="module")
def passed(run):
    return plateaus(run, best=best_of_rank, hessian_limit=32)


def best_of_rank(k):
    """The best of many starts of SciPy's least squares."""
    if k == 0:
        return np.zeros((4, 4))
    rng = np.random.default_rng(1)

    def product(flat):
        return flat[: 4 * k].reshape(4, k) @ flat[4 * k :].reshape(k, 4)

    fits = [least_squares(lambda x: (product(x) - M)[P], rng.normal(size=8 * k), xtol=1e-13) for _ in range(6)]
    return product(min(fits, key=lambda fit: fit.cost).x)


def test_all_factors_gain_rank_together(run, passed):
    assert [plateau.rank for plateau in passed] == [0, 1, 2]
    for plateau in passed:
        assert plateau.rank_A == plateau.rank_B == plateau.rank_augmented == plateau.rank
    assert [ranks[-1] for ranks in run.ranks()] == [3, 3, 3, 3]
    assert np.isclose(np.prod(run.sigma[-1, :3]), 10, rtol=1e-6), "the hidden entry is not that of M"


def test_plateaus_are_the_best_fits_of_their_rank(passed):
    # At the origin the gradient is 1e-7; on the others the run has come to within the amplitude of what grows next.
    for plateau, near in zip(passed, [1e-6, 5e-3, 5e-3], strict=True):
        assert plateau.gradient_norm < near
        assert plateau.distance < near
        assert abs(plateau.excess) < near**2
    np.testing.assert_allclose([plateau.loss for plateau in passed], [14.99, 2.5, 0.5], rtol=2e-3)


def test_each_escape_is_along_the_top_pair_of_the_residual_at_the_predicted_time(passed):
    for plateau in passed:
        assert plateau.cosine > 0.99999
        assert plateau.amplitude < plateau.delta / 5
        np.testing.assert_allclose(plateau.observed_duration, plateau.predicted_duration, rtol=1e-3)
        # Small singular values are known to the rounding of the largest.
        rates = np.log(1 + RATE * plateau.sigma_residual) / RATE
        np.testing.assert_allclose(plateau.rates, rates, rtol=1e-9, atol=1e-14)


def test_steps_per_decade_of_the_initial_scale():
    # From 1e-4 to 1e-8 every rank is learned later by 4 decades / growth per step, the slowest first rank apart.
    steps = {std: [plateau.time / RATE for plateau in plateaus(descend(M, P, std))] for std in (1e-6, 1e-10)}
    late = (steps[1e-10][2] - steps[1e-6][2]) / 4
    rates = np.log1p(RATE * np.array([1.996, 0.9993]))
    # The second plateau ends half-way between the arrival of rank 2 and the escape of rank 3.
    assert np.log(10) / rates[0] < late < np.log(10) / rates[1]


@pytest.mark.parametrize("rank", [1, 2])
def test_the_escape_from_a_perturbed_saddle(passed, rank):
    params, k = saddle(passed[rank].X)
    assert k == rank
    S = np.random.default_rng(5).normal(size=(2, 4, 4))
    start = ProblemParams(tuple(W + 1e-8 * Z for W, Z in zip(params.representation, S, strict=True)), ())
    flow = trace(CONNECTED, gradient_flow(CONNECTED, start, np.linspace(0, 24, NUM_TIMES)))
    plateau = plateaus(flow, threshold=0.02 / np.sqrt(2 * flow.sigma_residual[0, 0]))[0]
    assert plateau.rank_augmented == rank
    assert plateau.time < 2  # what shrinks has to be gone first
    np.testing.assert_allclose(plateau.delta, 0.02, rtol=1e-6)
    assert plateau.cosine > 0.99999
    np.testing.assert_allclose(plateau.observed_duration, plateau.predicted_duration, rtol=1e-3)
    # With 1e-8 for the amplitude, whatever of the perturbation lies along the direction: 7.26 and 14.52.
    nominal = np.log(0.02 / 1e-8) / plateau.sigma_residual[0]
    np.testing.assert_allclose(nominal, [7.26, 14.52][rank - 1], rtol=2e-3)
    np.testing.assert_allclose(plateau.time + plateau.observed_duration, nominal, rtol=0.1)


@pytest.mark.parametrize("rank", [0, 1, 2])
def test_curvatures_at_critical_points(passed, rank):
    params, k = saddle(passed[rank].X) if rank else (ProblemParams((jnp.zeros((4, 4)), jnp.zeros((4, 4))), ()), 0)
    assert k == rank
    R = np.asarray(residual(CONNECTED, params))
    np.testing.assert_allclose(R, P * (M - np.asarray(CONNECTED.matrix(params).dense())), atol=1e-14)
    sigma = np.linalg.svd(R, compute_uv=False)[: 4 - rank]
    assert (sigma[: 4 - rank] > 0.01).all()
    eigenvalues = np.asarray(curvatures(CONNECTED, params))
    negative = eigenvalues[eigenvalues < -1e-6]
    # Each -sigma_i as often as there are directions left, and nothing else.
    np.testing.assert_allclose(negative, np.repeat(-sigma, 4 - rank), rtol=1e-4)
    if rank == 0:
        np.testing.assert_allclose(eigenvalues, np.sort(np.tile(np.r_[sigma, -sigma], 4)), atol=1e-13)
    # What theory says of a critical point: the singular vectors of R are orthogonal to what was learned.
    U, _, Vh = np.linalg.svd(R)
    B, A = params.representation
    np.testing.assert_allclose(A.T @ U[:, : 4 - rank], 0, atol=1e-6)
    np.testing.assert_allclose(B @ Vh[: 4 - rank].T, 0, atol=1e-6)
    # And the plateau of the run is as close to it as its gradient is small.
    near = passed[rank].negative_curvatures
    np.testing.assert_allclose(near[near < -0.01], negative, atol=2e-3)


def test_rates_of_gradient_descent_set_the_alignment():
    scales = np.array([1e-6, 1e-9, 1e-12, 1e-15])
    # Rate 0.05, and, the loss being divided by 20, in effect 0.0025.
    problems = [
        eqx.tree_at(lambda p: p.observation.normalizer, factored(M, P, jnp.asarray(scale)), jnp.asarray(2.0 * slower))  # type: ignore[arg-type]
        for slower in (1, 20)
        for scale in scales
    ]
    keys = [jax.random.key(1)] * len(problems)
    runs = solve_many(problems, DESCENT, keys=keys, max_steps=3000, every=10, record=with_factors)
    first = [
        plateaus(trace_of_descent(problem, run.record, learning_rate=RATE))[0]
        for problem, run in zip(problems, runs, strict=True)
    ]
    coarse, fine = (alignment_exponent(scales, [p.alignment for p in part]) for part in (first[:4], first[4:]))
    np.testing.assert_allclose(coarse, first[0].predicted_exponent, atol=1e-3)
    np.testing.assert_allclose(fine, first[4].predicted_exponent, atol=1e-3)
    np.testing.assert_allclose(fine, 1 - first[4].gap, atol=3e-3)
    np.testing.assert_allclose(1 - first[4].gap, 0.6005, atol=5e-5)
    assert coarse < 0.58, "a coarse rate lets large singular values grow more slowly than the flow"


def test_two_equal_singular_values_come_without_a_plateau_between_them():
    diagonal = np.diag([4.0, 2.0, 1.9999, 0.0])
    passed = plateaus(descend(diagonal, np.ones((4, 4), dtype=bool)))
    assert [plateau.rank for plateau in passed] == [0, 1]
    assert passed[1].gap > 0.999


def test_a_run_that_ends_on_a_plateau_has_not_escaped():
    run = descend(M, P, steps=150)
    assert run.ranks().X[-1] == 1
    plateau = plateaus(run, threshold=0.5)[-1]
    assert plateau.rank == 1
    assert plateau.observed_direction is None
    assert np.isnan([plateau.cosine, plateau.observed_duration, plateau.alignment]).all()
    assert plateau.predicted_duration > 0
    assert plateau.curvatures is plateau.negative_curvatures is plateau.best_loss is plateau.excess is None


def test_the_end_of_a_run_is_no_plateau(passed):
    run = descend(M, P, steps=1400, stop=LossBelow(-1.0))  # the loss is 0 up to rounding, and the gradient is noise
    assert run.loss[-1] < 1e-28
    assert [plateau.index for plateau in plateaus(run)] == [plateau.index for plateau in passed]


def test_a_large_start_has_no_plateaus():
    assert plateaus(descend(M, P, std=1.0)) == []


def test_a_trace_without_factors_is_refused():
    with pytest.raises(ValueError, match="with_factors"):
        plateaus(descend(M, P, record=with_factor_spectra))
