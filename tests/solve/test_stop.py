"""Stop rules, as functions of a sequence of terms and inside a run."""

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.typing import ArrayLike

from matmend.observation import Masked
from matmend.problem import Problem, Terms
from matmend.regularizer import AdaptiveLaplacian, GivenLaplacian
from matmend.representation import DeepFactorization, Direct, Gaussian
from matmend.solve import (
    AbstractStop,
    AnyOf,
    EnergyDecay,
    EnergyStalled,
    HeldoutRise,
    LossBelow,
    Result,
    adam,
    init,
    never,
    solve,
)
from matmend.transform import Transpose

KEY = jax.random.key(0)


def terms_of(fidelity: ArrayLike, energies: Sequence[ArrayLike] = (), heldout: ArrayLike | None = None) -> Terms:
    """Terms with a first axis for the steps."""
    curve = jnp.asarray(np.asarray(fidelity, dtype=float))
    held = None if heldout is None else jnp.asarray(np.asarray(heldout, dtype=float))
    return Terms(curve, curve, tuple(jnp.asarray(np.asarray(e, dtype=float)) for e in energies), held)


def answers(rule: AbstractStop, terms: Terms) -> list[str]:
    """What the rule says at every step, asked on even after it has fired."""
    memory = rule.init(jax.tree.map(lambda curve: curve[0], terms))

    def ask(carry, now):
        memory, step = carry
        memory, result = rule(memory, step, now)
        return (memory, step + 1), result

    results = jax.lax.scan(ask, (memory, jnp.asarray(0, jnp.int32)), terms)[1]
    return [Result[jax.tree.map(lambda code, i=i: code[i], results)] for i in range(len(terms.loss))]


def fires(rule: AbstractStop, terms: Terms) -> list[bool]:
    return [answer != Result[Result.running] for answer in answers(rule, terms)]


def test_never_goes_on():
    assert not any(fires(never, terms_of([0.0, np.nan, np.inf, 1.0])))


def test_energy_decay_compares_the_plain_sum_with_its_running_peak():
    first, second = [1.0, 3.0, 6.0, 2.0, 1.9, 0.5, 9.0, 2.0], [0.0, 1.0, 2.0, 2.0, 2.1, 0.5, 1.0, 0.4]
    total = np.add(first, second)  # 1 4 8 4 4 1 10 2.4: the share of the peak is 1 1 1 .5 .5 .125 1 .24
    terms = terms_of(total, (first, second))
    wanted = [False] * 5 + [True, False, True]
    assert fires(EnergyDecay(fraction=0.25, warmup=0), terms) == wanted
    assert fires(EnergyDecay(fraction=0.2, warmup=0), terms) == [*wanted[:7], False]
    assert fires(EnergyDecay(fraction=0.5, warmup=0), terms) == wanted  # equality is not yet decay
    # The warm-up does not count: neither does it fire nor does its peak, here the 8 of step 2, raise the bar.
    assert fires(EnergyDecay(fraction=0.25, warmup=2), terms) == wanted
    assert fires(EnergyDecay(fraction=0.25, warmup=3), terms) == [False] * 7 + [True]
    assert fires(EnergyDecay(fraction=0.25, warmup=6), terms) == [False] * 7 + [True]
    assert answers(EnergyDecay(fraction=0.25, warmup=0), terms)[5] == Result[Result.energy_decayed]


def test_energy_rules_never_fire_without_energies():
    terms = terms_of([3.0, 2.0, 0.0])
    assert not any(fires(EnergyDecay(warmup=0), terms))
    assert not any(fires(EnergyStalled(delta=100.0), terms))


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, 2.0])
def test_energy_decay_refuses_what_is_no_fraction(fraction: float):
    with pytest.raises(ValueError, match="between 0 and 1"):
        EnergyDecay(fraction=fraction)


def test_energy_stalled_wants_every_energy_still():
    rows, columns = [0.0, 5.0, 5.5, 5.6, 4.0], [9.0, 9.1, 7.0, 7.2, 7.2]
    terms = terms_of(rows, (rows, columns))  # changes: 5 .5 .1 1.6 and .1 2.1 .2 0
    assert fires(EnergyStalled(delta=1.0), terms) == [False, False, False, True, False]
    assert fires(EnergyStalled(delta=100.0), terms) == [False, True, True, True, True]
    assert answers(EnergyStalled(delta=1.0), terms)[3] == Result[Result.energy_stalled]


def test_heldout_rise_fires_after_its_patience_and_not_on_a_plateau():
    falling, plateau = np.linspace(2.0, 1.0, 11), np.full(50, 1.04)
    rule = HeldoutRise(rise=0.05, patience=5)

    def fire(curve: np.ndarray) -> list[int]:
        return np.flatnonzero(fires(rule, terms_of(curve, heldout=curve))).tolist()

    assert fire(np.concatenate([falling, plateau])) == []
    # The minimum is at step 10: the rise must be there more than 5 steps later.
    assert fire(np.concatenate([falling, np.full(9, 1.06)])) == [16, 17, 18, 19]
    assert fire(np.concatenate([falling, np.full(5, 1.06), np.full(4, 1.02)])) == []
    # A new minimum starts the patience anew.
    assert fire(np.concatenate([falling, np.full(4, 1.06), [0.9], np.full(7, 0.96)])) == [21, 22]
    answer = answers(rule, terms_of([1.0] * 8, heldout=[1.0] + [2.0] * 7))
    assert answer.index(Result[Result.heldout_rose]) == 6


def test_loss_below_looks_at_the_observed_loss_without_regularizers():
    terms = terms_of([2.0, 1.0, 0.9], energies=([5.0, 5.0, 5.0],))._replace(loss=jnp.asarray([7.0, 6.0, 5.9]))
    assert fires(LossBelow(1.0), terms) == [False, False, True]
    assert answers(LossBelow(1.0), terms)[2] == Result[Result.loss_reached]


def test_any_of_reports_the_first_that_fires_and_of_two_at_once_the_first_named():
    terms = terms_of([3.0, 2.0, 1.0, 0.5], ([9.0, 8.0, 1.0, 1.0],))
    loss, decay = LossBelow(1.5), EnergyDecay(fraction=0.5, warmup=0)
    running, reached, decayed = (Result[r] for r in (Result.running, Result.loss_reached, Result.energy_decayed))
    assert answers(AnyOf((loss, decay)), terms) == [running, running, reached, reached]
    assert answers(AnyOf((decay, loss)), terms) == [running, running, decayed, decayed]
    assert answers(AnyOf((never, LossBelow(0.7), decay)), terms)[2:] == [decayed, reached]
    assert not any(fires(AnyOf(()), terms))


@pytest.mark.parametrize("rule", [HeldoutRise(), AnyOf((EnergyDecay(), HeldoutRise()))])
def test_a_rule_that_needs_heldout_entries_says_so(rule: AbstractStop):
    problem = Problem(Masked.from_array(np.ones((2, 2))), Direct())
    with pytest.raises(ValueError, match="needs held-out entries"):
        solve(problem, adam(1e-2), key=KEY, max_steps=1, stop=rule)
    with pytest.raises(ValueError, match="needs held-out entries"):
        init(problem, adam(1e-2), key=KEY, stop=rule)
    with pytest.raises(ValueError, match="needs held-out entries"):
        HeldoutRise()((jnp.asarray(1.0), jnp.asarray(0)), jnp.asarray(0), terms_of([1.0]))


def test_rules_under_vmap_decide_lane_by_lane():
    rule = AnyOf((LossBelow(0.5), EnergyDecay(fraction=0.5, warmup=0), HeldoutRise(rise=0.1, patience=0)))
    lanes = [
        terms_of([1.0, 0.4], ([1.0, 1.0],), [1.0, 1.0]),
        terms_of([1.0, 1.0], ([1.0, 0.4],), [1.0, 1.0]),
        terms_of([1.0, 1.0], ([1.0, 1.0],), [1.0, 2.0]),
        terms_of([1.0, 1.0], ([1.0, 1.0],), [1.0, 1.0]),
    ]

    def last(terms: Terms) -> Result:
        memory, result = rule.init(jax.tree.map(lambda curve: curve[0], terms)), Result.running
        for step in range(2):
            now = jax.tree.map(lambda curve, step=step: curve[step], terms)
            memory, result = rule(memory, jnp.asarray(step, jnp.int32), now)
        return result

    results = eqx.filter_vmap(last)(jax.tree.map(lambda *curves: jnp.stack(curves), *lanes))
    said = [Result[jax.tree.map(lambda code, i=i: code[i], results)] for i in range(4)]
    wanted = [Result.loss_reached, Result.energy_decayed, Result.heldout_rose, Result.running]
    assert said == [Result[w] for w in wanted]


def trajectory(problem: Problem, max_steps: int, rate: float) -> dict:
    return solve(problem, adam(rate), key=KEY, max_steps=max_steps, every=1).record


@pytest.mark.parametrize("warmup", [0, 10])
def test_energy_decay_ends_a_run_where_the_recorded_energies_say(warmup: int):
    # A constant matrix seen from a rough start: the energy of the graph decays.
    problem = Problem(Masked.from_array(np.ones((4, 3))), Direct(scale=1.0), 0.01 * GivenLaplacian(np.ones((4, 4))))
    energy = trajectory(problem, 80, 5e-2)["energies"][0]
    counted = energy[warmup:]
    first = warmup + np.flatnonzero(counted < 0.2 * np.maximum.accumulate(counted))[0]
    assert 5 < first < 70
    rule = EnergyDecay(fraction=0.2, warmup=warmup)
    solution = solve(problem, adam(5e-2), key=KEY, max_steps=80, every=30, stop=rule)
    assert solution.result == Result.energy_decayed
    # Terms are looked at before a step is made; the step that saw them is the last.
    assert int(solution.state.step) == first + 1
    assert solution.record["step"][-1] == first + 1


def test_heldout_rise_ends_a_run_that_over_fits():
    # The entries seen say 1, those set aside say 0.5: from 0, the held-out loss falls, then rises.
    problem = Problem(
        Masked.from_array(np.ones((2, 2))), Direct(), heldout=Masked.from_array(np.full((2, 2), 0.5))
    )  # fmt: skip
    heldout = trajectory(problem, 80, 2e-2)["heldout"]
    least = int(np.argmin(heldout))
    risen = np.flatnonzero((heldout > 1.1 * np.minimum.accumulate(heldout)) & (np.arange(81) > least + 12))
    assert 10 < least < risen[0] < 60
    rule = HeldoutRise(rise=0.1, patience=12)
    solution = solve(problem, adam(2e-2), key=KEY, max_steps=80, every=1, stop=rule)
    assert solution.result == Result.heldout_rose
    assert int(solution.state.step) == risen[0] + 1
    assert int(solution.state.best.step) == least
    np.testing.assert_allclose(solution.X_best.dense(), 0.5, atol=0.02)


def test_the_rule_of_the_paper_fires_at_the_first_step_it_can():
    # A smooth picture of 240 x 240, 30 % missing, the authors' start, weights and delta.
    m = n = 240
    i, j = np.mgrid[0:m, 0:n] / m
    picture = 0.5 + 0.25 * np.sin(9 * i + 4 * j) + 0.25 * np.cos(25 * i * j)
    problem = Problem(
        Masked.from_array(
            picture.astype(np.float32), np.random.default_rng(0).random((m, n)) > 0.3, normalizer=float(m * n)
        ),
        DeepFactorization(depth=3, initialization=Gaussian(mean=1e-3, std=1e-3)),
        1e-4 * AdaptiveLaplacian() + 1e-4 * AdaptiveLaplacian(Transpose()),
    )
    rule = EnergyStalled(delta=m * n / 1000)
    solution = solve(problem, adam(1e-3), key=KEY, max_steps=20, every=10, stop=rule)
    assert solution.result == Result.energy_stalled
    assert int(solution.state.step) == 2  # steps 0 and 1: the first change that there is
    assert solution.message == "no regularizer changed by more than delta in one step (the paper's rule)"
