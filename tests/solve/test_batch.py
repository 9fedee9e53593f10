"""A batch of problems gives what each of them gives alone."""

import equinox as eqx
import jax
import numpy as np
import pytest

from matmend.matrix import AbstractMatrix
from matmend.observation import Masked
from matmend.problem import Problem
from matmend.regularizer import AdaptiveLaplacian, TotalVariation
from matmend.representation import DeepFactorization, Gaussian
from matmend.solve import EnergyDecay, LossBelow, Result, adam, solve, solve_many

KEYS = list(jax.random.split(jax.random.key(7), 3))


def problems(weights=(1e-3, 1e-2, 1e-1), depth=2):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(6, 2)) @ rng.normal(size=(2, 5))
    start = Gaussian(std=0.1)
    factors = DeepFactorization(depth, initialization=start)
    masks = [rng.random(X.shape) > 0.2 for _ in weights]
    return [
        Problem(Masked.from_array(X, seen), factors, w * AdaptiveLaplacian())
        for w, seen in zip(weights, masks, strict=True)
    ]


@pytest.mark.parametrize("stop", [LossBelow(1e-2), EnergyDecay(0.5)])
def test_equal_to_single_runs(stop):
    settings = {"max_steps": 700, "every": 50, "stop": stop}
    together = solve_many(problems(), adam(1e-2), keys=KEYS, **settings)
    alone = [solve(p, adam(1e-2), key=k, **settings) for p, k in zip(problems(), KEYS, strict=True)]
    assert len({int(one.state.step) for one in alone}) > 1, "all stop at once: nothing is tested"
    for one, other in zip(together, alone, strict=True):
        assert one.result == other.result
        assert int(one.state.step) == int(other.state.step)
        assert int(one.state.best.step) == int(other.state.best.step)
        np.testing.assert_array_equal(one.record["step"], other.record["step"])
        np.testing.assert_allclose(one.record["loss"], other.record["loss"], rtol=1e-9)
        np.testing.assert_allclose(one.X_best.dense(), other.X_best.dense(), rtol=1e-7, atol=1e-10)


def test_a_record_may_hold_a_truth_of_its_own():
    class Distance(eqx.Module):
        truth: jax.Array

        def __call__(self, problem, state, terms):
            return {"step": state.step, "distance": abs(problem.matrix(state.params).dense() - self.truth).max()}

    members = problems()
    records = [Distance(p.observation.values) for p in members]
    done = solve_many(members, adam(1e-2), keys=KEYS, max_steps=20, every=10, record=records)
    for p, solution in zip(members, done, strict=True):
        expected = np.abs(solution.X.dense() - p.observation.values).max()
        np.testing.assert_allclose(solution.record["distance"][-1], expected, rtol=1e-9)


def test_one_that_diverges_spoils_no_other():
    members = problems()
    spoiled = eqx.tree_at(lambda p: p.observation.values, members[1], members[1].observation.values * np.nan)
    done = solve_many([members[0], spoiled, members[2]], adam(1e-2), keys=KEYS, max_steps=50)
    assert [solution.result == Result.nonfinite for solution in done] == [False, True, False]
    assert np.isfinite(done[0].X.dense()).all()


def test_a_callback_can_end_the_batch():
    seen = []

    def once(state, row):
        seen.append(row["loss"].shape)
        return len(seen) == 2

    done = solve_many(problems(), adam(1e-2), keys=KEYS, max_steps=500, on_block=[once])
    assert seen == [(3,), (3,)]
    assert all(solution.result == Result.interrupted and int(solution.state.step) == 100 for solution in done)


def test_what_cannot_be_one_batch_is_refused():
    class Refreshed(TotalVariation):
        def refresh(self, params, X: AbstractMatrix):
            return params

    one, other = problems()[0], problems(depth=3)[0]
    with pytest.raises(ValueError, match="more than numbers"):
        solve_many([one, other], adam(1e-2), keys=KEYS[:2], max_steps=1)
    with pytest.raises(ValueError, match="one key per problem"):
        solve_many([one], adam(1e-2), keys=KEYS, max_steps=1)
    refreshed = Problem(one.observation, one.representation, 0.1 * Refreshed())
    with pytest.raises(ValueError, match="refreshed on the host"):
        solve_many([refreshed], adam(1e-2), keys=KEYS[:1], max_steps=1)
