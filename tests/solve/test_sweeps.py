"""One sweep: against numpy, row by row, and as a draw against the distribution that it promises."""

import subprocess
import sys
from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _sweeps import RANK, WIDTH, M, N, Table, features, jittered, priors, problem, solved_rows, table
from scipy import stats

from matmend.fidelity import absolute
from matmend.observation import Entries
from matmend.problem import Problem
from matmend.regularizer import FactorPrior, TotalVariation
from matmend.representation import DeepFactorization, Direct
from matmend.segments import Layout
from matmend.solve import SweepData, solve_rows
from matmend.solve.sweeps import start, sweep

KEY = jax.random.key(1)
jitted = eqx.filter_jit(sweep)
ZERO, ONE = jnp.zeros(()), jnp.ones(())


def transposed(seen: Table) -> Table:
    return Table(seen.values.T, seen.weights.T, seen.is_seen.T)


@pytest.fixture(scope="module")
def case():
    """A problem with everything: weights, a normalizer, scaled priors, features of both sides, means, links."""
    seen = table()
    (of_rows, B), (of_cols, C) = features(M, 3), features(N, 2)
    rows = 0.5 * FactorPrior(axis=0, width=WIDTH, features=of_rows)
    regularizer = rows + 2.0 * FactorPrior(axis=1, width=WIDTH, ridge=0.4, features=of_cols)
    made = problem(seen, regularizer, normalizer=2.5)
    state = start(made, key=KEY)
    state = eqx.tree_at(lambda s: s.regularizer, state, jittered(state.regularizer, 3))
    assert isinstance(made.observation, Entries)
    return seen, (B, C), made, SweepData.from_entries(made.observation), state


def test_least_squares_are_those_of_numpy_row_by_row(case):
    seen, matrices, made, data, state = case
    after = jitted(made.regularizer, data, state, ZERO)
    (row_prior, col_prior), (B, C) = state.regularizer, matrices
    U, V = np.asarray(state.X.U), np.asarray(state.X.V)
    assert M > N  # the columns are first
    centre = np.asarray(col_prior.mean) + C @ np.asarray(col_prior.links)
    V, _ = solved_rows(transposed(seen), U, 2.5 * 2.0 * np.asarray(col_prior.ridge), centre, state.X.ones[1])
    centre = np.asarray(row_prior.mean) + B @ np.asarray(row_prior.links)
    U, _ = solved_rows(seen, V, 2.5 * 0.5 * np.asarray(row_prior.ridge), centre, state.X.ones[0])
    for X in (after.X, after.mean):
        np.testing.assert_allclose(X.U, U, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(X.V, V, rtol=1e-9, atol=1e-12)
    residuals = seen.weights * (seen.values - U @ V.T) ** 2
    np.testing.assert_allclose(after.variance, residuals.sum() / seen.is_seen.sum(), rtol=1e-9)
    assert int(after.sweep) == int(state.sweep) + 1


def test_the_objective_never_rises(case):
    _, _, made, data, state = case

    @eqx.filter_jit
    def objective(state):
        return made.observation.loss(state.X, made.fidelity) + made.regularizer.energy(state.regularizer, state.X)

    values = [float(objective(state))]
    for _ in range(12):
        state = jitted(made.regularizer, data, state, ZERO)
        values.append(float(objective(state)))
    assert values[-1] < 0.9 * values[0]
    assert np.all(np.diff(values) <= 1e-12 * values[0])


def test_rows_without_entries_are_where_the_prior_says(case):
    _, (B, _), made, data, state = case
    after = jitted(made.regularizer, data, state, ZERO)
    own = state.regularizer[0]
    expected = np.asarray(own.mean) + B[-1] @ np.asarray(own.links)
    free = np.arange(WIDTH) != state.X.ones[0]
    np.testing.assert_allclose(np.asarray(after.X.U)[-1, free], expected[free], rtol=1e-10)


def test_the_columns_of_ones_stay(case):
    _, _, made, data, state = case
    after = jitted(made.regularizer, data, state, ONE)
    assert after.X.ones == (RANK + 1, RANK)
    assert np.all(np.asarray(after.X.U)[:, RANK + 1] == 1)
    assert np.all(np.asarray(after.X.V)[:, RANK] == 1)


def test_draws_have_the_mean_and_the_covariance_of_the_posterior(case):
    seen, (B, C), made, data, state = case
    state = replace(state, variance=jnp.asarray(0.3))
    keys = jax.vmap(jax.random.key_data)(jax.random.split(jax.random.key(7), 3000))

    @eqx.filter_jit
    def draws(keys):
        def one(key):
            after = sweep(made.regularizer, data, replace(state, key_data=key), ONE)
            return after.X, after.mean, after.variance

        return jax.vmap(one)(keys)

    X, mean, variances = jax.tree.map(np.asarray, draws(keys))
    own, constant = state.regularizer[1], state.X.ones[1]
    ridge, centre = 2.5 * 2.0 * np.asarray(own.ridge), np.asarray(own.mean) + C @ np.asarray(own.links)
    expected, systems = solved_rows(transposed(seen), np.asarray(state.X.U), ridge, centre, constant)
    free = [k for k in range(WIDTH) if k != constant]
    for j, A in enumerate(systems):  # (v - mean)' A (v - mean) / variance is a chi-square, each whitened part normal
        white = (X.V[:, j] - expected[j])[:, free] @ np.linalg.cholesky(A) / np.sqrt(0.3)
        assert stats.kstest(white.ravel(), "norm").pvalue > 1e-4
        assert np.abs(white.T @ white / len(white) - np.eye(len(free))).max() < 5 * np.sqrt(2 / len(white))

    own, constant = state.regularizer[0], state.X.ones[0]
    ridge, centre = 2.5 * 0.5 * np.asarray(own.ridge), np.asarray(own.mean) + B @ np.asarray(own.links)
    free, white = [k for k in range(WIDTH) if k != constant], []
    for d in range(200):  # the other factor, given what was drawn of this one
        expected, systems = solved_rows(seen, X.V[d], ridge, centre, constant)
        np.testing.assert_allclose(mean.U[d], expected, rtol=1e-7, atol=1e-9)
        pairs = zip(X.U[d] - expected, systems, strict=True)
        white += [u[free] @ np.linalg.cholesky(A) / np.sqrt(0.3) for u, A in pairs]
    assert stats.kstest(np.ravel(white), "norm").pvalue > 1e-4
    np.testing.assert_array_equal(mean.V, X.V)

    residuals = np.sum(seen.weights * (seen.values - X.U @ np.swapaxes(X.V, 1, 2)) ** 2, axis=(1, 2))
    drawn = (1 + residuals / 2) / variances
    assert stats.kstest(drawn, stats.gamma(1 + seen.is_seen.sum() / 2).cdf).pvalue > 1e-4


def test_the_residual_of_a_good_fit_is_not_rounding():
    """In float32 the difference of the squares of values and predictions would be 1e-7 of them, or negative."""
    rng = np.random.default_rng(0)
    U, V = (rng.normal(size=(k, RANK)).astype(np.float32) for k in (M, N))
    i, j = np.divmod(np.arange(M * N), N)
    entries = Entries.from_triplets(i, j, (U[i] * V[j]).sum(axis=1) + np.float32(100), normalizer=1.0)
    made = problem(table(), priors(1e-6))
    made = replace(made, observation=entries)
    state, data = start(made, key=KEY), SweepData.from_entries(entries)
    for _ in range(30):
        state = jitted(made.regularizer, data, state, jnp.zeros((), jnp.float32))
    predicted = np.asarray(state.X.U, np.float64) @ np.asarray(state.X.V, np.float64).T
    exact = np.mean((np.asarray(entries.values, np.float64) - predicted[entries.rows, entries.cols]) ** 2)
    assert exact < 1e-7  # of values whose squares are 1e4
    assert exact / 3 < float(state.variance) < 3 * exact
    assert state.X.U.dtype == state.variance.dtype == np.float32


def test_single_rows_are_solved_for_with_the_columns_held():
    seen, rng = table(is_weighted=True), np.random.default_rng(2)
    V, ridge, centre = rng.normal(size=(N, WIDTH)), rng.uniform(1, 2, WIDTH), rng.normal(size=(M, WIDTH))
    i, j = np.nonzero(seen.is_seen)
    layout = Layout.from_entries(i, j, seen.values[i, j], (M, N), weights=seen.weights[i, j])
    for constant in (None, 1):
        noise = jnp.zeros((M, WIDTH))
        given = jnp.asarray(V), jnp.asarray(ridge), jnp.asarray(centre)
        drawn, found = solve_rows(layout, given[0], given[1], given[2], noise, constant)
        expected, _ = solved_rows(seen, V, ridge, centre, constant)
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(drawn, expected, rtol=1e-9, atol=1e-12)  # no noise was given


def test_what_is_no_least_squares_is_refused():
    entries, thin = table().entries(), DeepFactorization(depth=2, width=1)
    for made, message in (
        (Problem(entries, thin, fidelity=absolute), "squared loss alone"),
        (Problem(entries, Direct()), "Direct holds its 12 x 9 matrix dense: give it is_thin=True"),
        (Problem(entries, thin, 0.1 * TotalVariation()), "quadratic in each factor, got TotalVariation: leave it out"),
    ):
        with pytest.raises(ValueError, match=message):
            start(made, key=KEY)


DEVICES = """
import jax, numpy as np, sys
jax.config.update("jax_num_cpu_devices", 4)
from matmend.io import Ratings
from matmend.observation import Entries
from matmend.problem import Problem
from matmend.regularizer import FactorPrior, Features
from matmend.representation import Biased, DeepFactorization, Gaussian
from matmend.solve import Schedule, SweepData, alternate
rng = np.random.default_rng(0)
m, n, e = 120, 80, 3000
rows, cols = np.divmod(rng.choice(m * n, e, replace=False), n)
entries = Entries.from_triplets(rows, cols, rng.normal(size=e).astype(np.float32), shape=(m, n), normalizer=1.0)
found = {}
for mesh in (None, jax.make_mesh((4,), ("devices",), axis_types=(jax.sharding.AxisType.Auto,))):
    data = SweepData.from_entries(entries, mesh)
    rows = FactorPrior(axis=0, width=5, ridge=3.0, features=Features.pattern(data.by_row, data.by_col))
    problem = Problem(entries, Biased(DeepFactorization(2, 3, Gaussian(0.1))), rows + FactorPrior(axis=1, width=5))
    for temperature in (0.0, 1.0):
        schedule = Schedule(temperature, warmup=20, max_sweeps=20, tolerance=0.0, patience=20)
        state = alternate(problem, data, key=jax.random.key(0), schedule=schedule).state
        assert int(state.sweep) == 20
        found.setdefault(temperature, []).append(np.asarray(state.X.U) @ np.asarray(state.X.V).T)
print(*(np.linalg.norm(one - four) / np.linalg.norm(one) for one, four in found.values()))
"""


def test_four_devices_find_what_one_finds():
    done = subprocess.run([sys.executable, "-c", DEVICES], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert max(map(float, done.stdout.split())) < 1e-4
