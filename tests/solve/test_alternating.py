"""Whole runs: what they converge to, what they must not see, and going on with them."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _small import assert_same_bits
from _sweeps import WIDTH, M, N, priors, problem, table

from matmend.fidelity import absolute
from matmend.matrix import LowRank
from matmend.observation import Entries, Masked
from matmend.problem import Problem
from matmend.regularizer import AbstractQuadratic, FactorPrior
from matmend.representation import DeepFactorization
from matmend.solve import Checkpoints, Result, Schedule, alternate, mean_of

KEY = jax.random.key(3)
SEEN = table(is_weighted=False)
HELDOUT = SEEN.hidden()
DRAWS = Schedule(temperature=1.0, warmup=3, max_sweeps=9, patience=20)


def noise_of(state):
    return {"variance": state.variance}


def run(heldout: Entries | None = HELDOUT, **options):
    # One shape and one structure for all: the sweep is compiled once.
    made = problem(SEEN, priors(), heldout=heldout)
    return alternate(made, **{"key": KEY, "schedule": DRAWS, "extra": noise_of, **options})


@pytest.fixture(scope="module")
def whole():
    return run()


def test_least_squares_reach_the_least_of_the_nuclear_norm():
    """Both ridges c, and rank enough: the objective is squares + 2 c |X|_*, which is convex."""
    cp = pytest.importorskip("cvxpy")
    seen, c = table(4, is_weighted=True), 0.8
    X, seen_weights = cp.Variable((M, N)), np.where(seen.is_seen, seen.weights, 0)
    loss = cp.sum(cp.multiply(seen_weights, cp.square(X - seen.values)))
    convex = cp.Problem(cp.Minimize(loss + 2 * c * cp.normNuc(X)))
    convex.solve()
    prior = FactorPrior(axis=0, width=N, ridge=c) + FactorPrior(axis=1, width=N, ridge=c)
    made = Problem(seen.entries(), DeepFactorization(depth=2, width=N, is_thin=True), prior)
    # Means of the factors are learned besides, and would make it lower.
    frozen = _without_means(made)
    schedule = Schedule(temperature=0.0, max_sweeps=300, tolerance=1e-9, patience=20)
    found = alternate(frozen, key=KEY, schedule=schedule)
    dense = np.asarray(found.X.dense())
    reached = np.sum(seen_weights * (dense - seen.values) ** 2) + 2 * c * np.linalg.svd(dense, compute_uv=False).sum()
    assert reached == pytest.approx(convex.value, rel=2e-4)


class _Ridge(AbstractQuadratic):  # a quadratic regularizer that learns nothing
    prior: FactorPrior

    def init(self, shape, *, key, dtype):
        return self.prior.init(shape, key=key, dtype=dtype)

    def energy(self, params, X):
        return self.prior.energy(params, X)

    def normal_terms(self, params, X, axis):
        return self.prior.normal_terms(params, X, axis)

    def update(self, params, X, *, key, variance):
        return params


def _without_means(made):
    first, second = made.regularizer.regularizers
    return eqx.tree_at(lambda p: p.regularizer, made, _Ridge(first) + _Ridge(second))


def test_the_same_key_gives_the_same_bits_and_another_one_others(whole):
    again = run()
    assert_same_bits((again.state, again.draws), (whole.state, whole.draws))
    assert again.record == whole.record
    other = run(key=jax.random.key(4))
    assert not np.array_equal(other.state.X.U, whole.state.X.U)


def test_heldout_entries_are_not_trained_on(whole):
    changed = eqx.tree_at(lambda e: e.values, HELDOUT, HELDOUT.values + 100)
    other = run(heldout=changed)
    assert_same_bits((other.state, other.draws), (whole.state, whole.draws))
    assert other.record[-1]["heldout"] > 50
    without = run(heldout=None)
    assert_same_bits((without.state, without.draws), (whole.state, whole.draws))
    assert {row["heldout"] for row in without.record} == {None}


def test_draws_are_counted_kept_and_averaged(whole):
    assert len(whole.draws) == DRAWS.max_sweeps - DRAWS.warmup
    assert whole.result == Result.max_steps
    assert all(isinstance(draw.X.U, np.ndarray) and set(draw.extra) == {"variance"} for draw in whole.draws)
    assert_same_bits(whole.draws[-1].X, whole.state.mean)
    assert float(whole.draws[-1].extra["variance"]) == float(whole.state.variance)
    mean = np.mean([draw.X.U @ draw.X.V.T for draw in whole.draws], axis=0)
    np.testing.assert_allclose(whole.X.dense(), mean, rtol=1e-12, atol=1e-13)
    assert whole.X.U.shape == (M, WIDTH * len(whole.draws))
    rows, cols = np.asarray(HELDOUT.rows), np.asarray(HELDOUT.cols)
    error = np.sqrt(np.mean((mean[rows, cols] - np.asarray(HELDOUT.values)) ** 2))
    assert whole.record[-1]["heldout"] == pytest.approx(error, rel=1e-12)
    assert [row["sweep"] for row in whole.record] == list(range(1, DRAWS.max_sweeps + 1))


def test_the_mean_of_one_is_itself():
    X = LowRank(jnp.ones((2, 1), np.float32), jnp.ones((3, 1), np.float32))
    assert mean_of([X]).U.dtype == np.float32
    np.testing.assert_array_equal(mean_of([X]).dense(), X.dense())


class KilledError(Exception):
    pass


def killed_at(sweep):
    def callback(run, row):
        if row["sweep"] == sweep:
            raise KilledError

    return callback


@pytest.mark.parametrize("sweep", [2, 6])
def test_a_run_goes_on_from_its_checkpoints_to_the_same_bits(whole, tmp_path, sweep):
    with pytest.raises(KilledError):
        run(checkpoint=Checkpoints(tmp_path, every_seconds=0), on_sweep=[killed_at(sweep)])
    told = []
    again = run(checkpoint=Checkpoints(tmp_path), on_sweep=[lambda run, row: told.append(row["sweep"])])
    assert told == list(range(sweep, DRAWS.max_sweeps + 1))
    assert_same_bits((again.state, again.draws), (whole.state, whole.draws))
    assert again.record == whole.record
    finished = run(checkpoint=Checkpoints(tmp_path), on_sweep=[killed_at(DRAWS.max_sweeps)])
    assert_same_bits(finished.draws, whole.draws)  # nothing is left to do


def test_a_callback_ends_a_run_that_can_go_on(whole, tmp_path):
    part = run(on_sweep=[lambda run, row: row["sweep"] == 5], checkpoint=Checkpoints(tmp_path, every_seconds=1e6))
    assert part.result == Result.interrupted
    assert len(part.draws) == 2
    for again in (run(run=part), run(checkpoint=Checkpoints(tmp_path))):
        assert_same_bits((again.state, again.draws), (whole.state, whole.draws))
        assert again.record == whole.record


def test_a_snapshot_of_another_problem_is_refused(tmp_path):
    run(checkpoint=Checkpoints(tmp_path), schedule=DRAWS._replace(max_sweeps=1))
    other = Problem(SEEN.entries(), DeepFactorization(depth=2, width=2), FactorPrior(axis=0, width=2))
    with pytest.raises(ValueError, match="was saved by another run than this one"):
        alternate(other, key=KEY, checkpoint=Checkpoints(tmp_path))


def test_least_squares_end_when_the_error_falls_no_more():
    schedule = Schedule(temperature=0.0, max_sweeps=200, tolerance=1e-3, patience=3)
    for heldout in (None, HELDOUT):
        found = run(heldout=heldout, schedule=schedule)
        assert found.result == Result.settled
        assert found.message == Result[Result.settled]
        assert found.draws == ()
        np.testing.assert_array_equal(found.X.U, found.state.X.U)
        name = "noise" if heldout is None else "heldout"
        errors = [row[name] for row in found.record]
        assert min(errors[-3:]) > 0.999 * min(errors[:-3])
        assert len(errors) == 4 or min(errors[-4:-1]) <= 0.999 * min(errors[:-4])  # and not a sweep later
        assert len(run(heldout=heldout, schedule=schedule, run=found).record) == len(found.record)


def test_what_is_no_list_of_entries_is_refused():
    thin, values = DeepFactorization(depth=2, width=1), np.eye(8)
    with pytest.raises(ValueError, match="reads a list of entries, got Masked: make it one"):
        alternate(Problem(Masked.from_array(values), thin), key=KEY)
    with pytest.raises(ValueError, match="squared loss alone"):
        alternate(Problem(SEEN.entries(), thin, fidelity=absolute), key=KEY)


def test_a_system_without_a_solution_is_told():
    entries = Entries.from_triplets(np.arange(9), np.arange(9), np.ones(9, np.float32), shape=(9, 9))
    prior = FactorPrior(axis=0, width=3, ridge=1e-30) + FactorPrior(axis=1, width=3, ridge=1e-30)
    made = Problem(entries, DeepFactorization(depth=2, width=3), prior)
    with pytest.raises(FloatingPointError, match="Sweep 1 has no finite solution: a ridge is too small for float32"):
        alternate(made, key=KEY, schedule=Schedule(temperature=0.0))


def test_numbers_keep_the_type_of_the_values():
    made = problem(SEEN, priors())
    small = jax.tree.map(lambda x: x.astype(jnp.float32) if x.dtype == jnp.float64 else x, made.observation)
    found = alternate(eqx.tree_at(lambda p: p.observation, made, small), key=KEY, schedule=DRAWS)
    state = (found.state.X, found.state.regularizer, found.state.variance, found.X)
    assert {leaf.dtype for leaf in jax.tree.leaves(state)} == {np.dtype("float32")}
