"""Choosing a method: the right one where construction tells it, whatever the units, and the same one each time."""

from dataclasses import replace

import numpy as np
import pytest

from matmend import methods
from matmend.masks import matched_holdout, patch_mask, random_mask
from matmend.methods import choose, registry, standardised
from matmend.methods.choosing import SIMPLEST, _is_equal
from matmend.methods.floors import mean

RNG = np.random.default_rng(5)
RANK_1 = np.outer(RNG.normal(size=50), RNG.normal(size=30))
SCATTERED = random_mask(RANK_1.shape, 0.3, seed=1)
Y, X = np.indices((40, 40))
SMOOTH = np.sin(X / 6) * np.cos(Y / 5) + np.hypot(X - 50, Y - 10) / 20


def table(num_rows=80, seed=0):
    """Columns that follow from each other, in units of their own."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(num_rows, 3)) @ rng.normal(size=(3, 8)) + 0.2 * rng.normal(size=(num_rows, 8))
    return values * 10.0 ** np.arange(-4, 4) + 50.0 ** np.arange(8)


def test_low_rank_wins_on_a_matrix_of_rank_1():
    choice = choose(RANK_1, SCATTERED)
    assert choice.method in ("iterative_svd", "soft_impute", "glrl", "gaussian", "air")
    errors = {score.method: score.error or 0.0 for score in choice.scores}
    assert errors[choice.method] < 0.05 < errors["mean"]


@pytest.mark.parametrize(
    "mask", [random_mask(SMOOTH.shape, 0.4, seed=1), patch_mask(SMOOTH.shape, [((9, 15), (20, 26))])]
)
def test_smooth_surfaces_are_chosen_for_a_smooth_picture(mask):
    choice = choose(SMOOTH, mask, methods=["mean", "knn", "iterative_svd", "biharmonic"])
    assert choice.kind == "picture"
    assert choice.method == "biharmonic"


def test_nothing_beats_the_mean_of_noise():
    noise = np.random.default_rng(2).normal(size=(60, 20))
    assert choose(noise, random_mask(noise.shape, 0.2, seed=3)).method == "mean"


def test_the_unit_of_a_column_decides_nothing():
    values, factors = table(), 10.0 ** np.array([3, -2, 5, 0, -6, 1, 2, -1])
    mask = random_mask(values.shape, 0.2, seed=4)
    names = ["mean", "knn", "iterative_svd", "gaussian"]
    once, again = (choose(array, mask, methods=names) for array in (values, values * factors - factors))
    assert once.kind == again.kind == "table"
    assert once.method == again.method
    assert [score.method for score in once.scores] == [score.method for score in again.scores]
    for a, b in zip(once.scores, again.scores, strict=True):
        np.testing.assert_allclose(a.errors, b.errors, rtol=1e-6)


def test_no_column_decides_by_its_size(monkeypatch):
    """One method is right in the large column and wrong elsewhere, the other one the reverse."""
    values = table()
    mask = random_mask(values.shape, 0.2, seed=4)

    def knowing(columns):
        def complete(observed, mask=None, *, seed=0):
            done = mean(observed, mask, axis=0)
            known = (values - values.mean(axis=0)) / values.std(axis=0)
            return replace(done, X_hat=np.where(np.isin(np.arange(8), columns), known, 0.0))

        return complete

    monkeypatch.setitem(methods.registry, "knn", knowing([7]))
    monkeypatch.setitem(methods.registry, "glrl", knowing([0, 1, 2, 3]))
    choice = choose(values, mask, methods=["knn", "glrl"], settings={"knn": {}})
    assert choice.method == "glrl"
    rmse = {score.method: score.rmse or np.inf for score in choice.scores}
    assert rmse["knn"] < 0.1 * rmse["glrl"]


def test_the_same_seed_makes_the_same_choice():
    values = table()
    mask = random_mask(values.shape, 0.2, seed=4)
    names = ["mean", "knn", "iterative_svd", "gaussian"]
    once, again, other = (choose(values, mask, methods=names, seed=seed) for seed in (3, 3, 4))
    assert (once.method, once.reason) == (again.method, again.reason)
    assert [score.errors for score in once.scores] == [score.errors for score in again.scores]
    assert [score.errors for score in once.scores] != [score.errors for score in other.scores]


def test_a_method_that_fails_is_told_of_and_never_chosen(monkeypatch):
    def broken(observed, mask=None, *, seed=0):
        raise MemoryError("a whole house")

    monkeypatch.setitem(methods.registry, "soft_impute", broken)
    choice = choose(RANK_1, SCATTERED, methods=["soft_impute", "mean"])
    assert choice.method == "mean"
    assert choice.scores[-1].message == "MemoryError: a whole house"
    assert choice.scores[-1].error is None
    with pytest.raises(ValueError, match="No method could complete the array: soft_impute ended with MemoryError"):
        choose(RANK_1, SCATTERED, methods=["soft_impute"])


def test_between_equals_the_simpler_one_is_taken(monkeypatch):
    for name in ("knn", "glrl"):
        monkeypatch.setitem(methods.registry, name, mean)
    choice = choose(RANK_1, SCATTERED, methods=["glrl", "knn", "mean"], settings={"knn": {}})
    assert choice.method == "mean"
    assert len({score.error for score in choice.scores}) == 1


@pytest.mark.parametrize(
    ("errors", "is_equal"),
    [
        ([1.005, 1.005, 1.005], True),  # 0.5 % behind, always
        ([1.02, 1.02, 1.02], False),  # 2 % behind, always
        ([1.10, 0.96, 1.0], True),  # 2 % behind, and within the noise
        ([1.30, 0.90, 1.0], False),  # noisy too, but 7 % behind
        ([1.005], True),
        ([1.02], False),
    ],
)
def test_what_counts_as_equal(errors, is_equal):
    assert _is_equal(np.array(errors), np.ones(len(errors))) is is_equal


def test_the_winner_runs_again_with_the_settings_returned():
    choice = choose(RANK_1, SCATTERED, methods=["iterative_svd"])
    assert choice.settings == {"rank": None}
    train, held = matched_holdout(SCATTERED, 0.1, seed=0)
    assert choice.kind == "table"
    done = standardised(registry["iterative_svd"])(np.where(train, RANK_1, np.nan), train, **choice.settings)
    spread = np.nanstd(np.where(SCATTERED, RANK_1, np.nan), axis=0)
    error = np.sqrt(np.mean(((done.X_hat - RANK_1) / spread)[held] ** 2))
    assert choice.scores[0].errors[0] == pytest.approx(error)
    by_presets = choose(SMOOTH, random_mask(SMOOTH.shape, 0.3, seed=0), methods=["patches"])
    assert by_presets.settings == {}


def test_what_takes_long_runs_only_where_it_may_pay(monkeypatch):
    ran = []

    def spy(observed, mask=None, *, seed=0):
        ran.append(np.shape(observed))
        return mean(observed, mask)

    monkeypatch.setitem(methods.registry, "air", spy)
    monkeypatch.setattr("matmend.methods.choosing.QUICK", {"mean": {}, "iterative_svd": {"rank": None}})
    rng = np.random.default_rng(0)
    low = rng.normal(size=(60, 3)) @ rng.normal(size=(3, 50))
    mask = random_mask(low.shape, 0.3, seed=0)
    choice = choose(low + 3 * rng.normal(size=low.shape), mask)  # mostly noise
    assert "air" in choice.left_out
    choose(low * 10.0 ** np.arange(50), mask)  # units of their own
    assert ran == []
    choice = choose(low, mask)
    assert ran == [(60, 50)]  # once: it does not lead
    assert "air" not in choice.left_out


def test_callbacks_hear_of_every_trial():
    heard = []
    choice = choose(
        RANK_1, SCATTERED, methods=["mean", "knn"], on_method=[lambda name, score: heard.append((name, score))]
    )
    trials = sum(len(score.errors) for score in choice.scores)
    assert len(heard) == 2 * trials
    assert [name for name, score in heard[:4]] == ["mean", "mean", "knn", "knn"]
    assert all((score is None) == (place % 2 == 0) for place, (_, score) in enumerate(heard))


def test_all_methods_have_a_place():
    assert set(registry) <= set(SIMPLEST)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"methods": ["mean", "magic"]}, "no method 'magic'; there are patches, air"),
        ({"methods": []}, "No method was named"),
        ({"settings": {"maen": {}}}, "no method 'maen'"),
        ({"mask": np.ones_like(SCATTERED)}, "Nothing is missing"),
        ({"fraction": 0.0}, "fraction"),
    ],
)
def test_bad_input(arguments, words):
    with pytest.raises(ValueError, match=words):
        choose(RANK_1, **{"mask": SCATTERED, **arguments})
