"""Ranking of methods: the same hidden entries for all, errors as by hand, and no failure that spoils the rest."""

from dataclasses import replace

import numpy as np
import pytest

from matmend import methods
from matmend.masks import matched_holdout, patch_mask
from matmend.methods import Score, compare, registry, runnable, standardised
from matmend.methods.comparison import holdout_seed, ranked
from matmend.methods.floors import mean
from matmend.methods.yardstick import by_column

X = 5 + np.outer(np.linspace(-3, 4, 18), np.linspace(1, 2, 15))
MASK = patch_mask(X.shape, [((3, 7), (2, 6)), ((10, 12), (9, 14))])


@pytest.mark.parametrize("channels", [None, 3])
def test_errors_are_those_by_hand(channels):
    Y = X if channels is None else np.stack([X, X**2 / 9, X[::-1]], axis=2)
    scores = {s.method: s for s in compare(Y, MASK, methods=["zeros", "mean"], fraction=0.2, seed=4, truth=Y)}
    train, held = matched_holdout(MASK, 0.2, seed=4)
    for name, X_hat in (("zeros", np.zeros_like(Y)), ("mean", np.broadcast_to(Y[train].mean(axis=0), Y.shape))):
        error = np.abs(X_hat - Y)
        assert scores[name].nmae == pytest.approx(error[held].mean() / np.ptp(Y[MASK]))
        assert scores[name].rmse == pytest.approx(np.sqrt(np.mean(error[held] ** 2)))
        assert scores[name].true_nmae == pytest.approx(error[~MASK].mean() / np.ptp(Y))


def test_all_methods_are_given_the_same_and_never_the_held_out(monkeypatch):
    given = []

    def spy(observed, mask=None, *, seed=0, weight=None):
        given.append((np.array(observed), np.array(mask), seed, weight))
        return mean(observed, mask)

    for name in ("air", "knn"):
        monkeypatch.setitem(methods.registry, name, spy)
    compare(X, MASK, methods=["air", "knn"], seed=6, settings={"knn": {"weight": 0.5}})
    train, held = matched_holdout(MASK, 0.1, seed=6)
    assert held.any()
    for observed, mask, seed, _ in given:
        np.testing.assert_array_equal(mask, train)
        np.testing.assert_array_equal(observed, np.where(train, X, np.nan))
        assert observed.dtype == X.dtype
        assert seed == 6
    assert [weight for *_, weight in given] == [None, 0.5]


def test_the_best_comes_first_whoever_it_is_and_failures_last(monkeypatch):
    def broken(observed, mask=None, *, seed=0):
        raise MemoryError("a whole house")

    def nothing(observed, mask=None, *, seed=0):
        done = mean(observed, mask)
        return replace(done, X_hat=np.full_like(done.X_hat, np.nan))

    monkeypatch.setitem(methods.registry, "air", broken)
    monkeypatch.setitem(methods.registry, "dmf", nothing)
    scores = compare(X, MASK, methods=["air", "dmf", "zeros", "iterative_svd", "mean"])
    assert [score.method for score in scores] == ["iterative_svd", "mean", "zeros", "air", "dmf"]
    errors = [score.nmae for score in scores[:3] if score.nmae is not None]
    assert len(errors) == 3
    assert errors == sorted(errors)
    assert scores[3].message == "MemoryError: a whole house"
    assert scores[4].nmae is None
    assert "finite" in scores[4].message
    assert all(score.seconds >= 0 for score in scores)


def test_by_default_all_methods_floors_first_and_callbacks_see_them(monkeypatch):
    for name in registry:
        monkeypatch.setitem(methods.registry, name, mean)
    seen = []
    scores = compare(X, MASK, on_method=[lambda name, score: seen.append((name, score))])
    assert [name for name, score in seen if score is None] == runnable()
    assert [name for name, score in seen if score is not None] == runnable()
    assert len({score.nmae for score in scores}) == 1
    assert {"zeros", "mean", "biharmonic", "knn", "air", "patches"} <= {score.method for score in scores}
    assert [score.method for score in scores[:2]] == ["zeros", "mean"]


def test_an_interruption_passes_through():
    def stop(name, score):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compare(X, MASK, methods=["mean"], on_method=[stop])


def test_a_constant_array_has_an_error_still():
    scores = compare(np.full((6, 5), 2.0), np.arange(30).reshape(6, 5) != 7, methods=["zeros", "mean"])
    assert [(score.method, score.nmae) for score in scores] == [("mean", 0.0), ("zeros", 2.0)]


def test_ranked_keeps_ties_and_puts_the_failed_last():
    scores = [
        Score(name, error, error, None, 0.0, "") for name, error in zip("abcd", (None, 0.2, 0.0, 0.2), strict=True)
    ]
    assert "".join(score.method for score in ranked(scores)) == "cbda"


def test_repeats_hold_out_others_each_time_and_tell_means():
    for name in ("mean", "knn"):
        (score,) = compare(X, MASK, methods=[name], seed=4, repeats=3)
        once = [compare(X, MASK, methods=[name], seed=holdout_seed(4, k))[0] for k in range(3)]
        nmaes, rmses = [s.nmae or np.nan for s in once], [s.rmse or np.nan for s in once]
        assert score.errors == pytest.approx(nmaes)
        assert score.error == score.nmae == pytest.approx(np.mean(nmaes))
        assert score.rmse == pytest.approx(np.mean(rmses))
        assert len(set(score.errors)) == 3


def test_the_unit_decides_the_ranking(monkeypatch):
    """One method misses the large column by a little of its range, the other one the small columns by all of theirs."""
    values = np.random.default_rng(0).normal(size=(40, 3)) * [1.0, 1.0, 1000.0]
    mask = np.arange(120).reshape(40, 3) % 5 > 0

    def off_by(*amounts):
        return lambda observed, mask=None, *, seed=0: replace(mean(observed, mask), X_hat=values + np.array(amounts))

    monkeypatch.setitem(methods.registry, "air", off_by(0, 0, 100.0))
    monkeypatch.setitem(methods.registry, "knn", off_by(2.0, 2.0, 0))
    names = ["air", "knn"]
    assert [s.method for s in compare(values, mask, methods=names)] == ["knn", "air"]
    by_columns = compare(values, mask, methods=names, unit=by_column)
    assert [s.method for s in by_columns] == ["air", "knn"]
    assert (by_columns[0].nmae or 0) > (by_columns[1].nmae or 0)


def test_what_is_put_around_the_methods_is_used():
    values = np.random.default_rng(0).normal(size=(40, 3)) * [1e-3, 1.0, 1e3] + [5, 100, 2e4]
    mask = np.arange(120).reshape(40, 3) % 5 > 0
    plain, around = (compare(values, mask, methods=["zeros"], around=f)[0] for f in (None, standardised))
    by_mean = compare(values, mask, methods=["mean"], settings={"mean": {"axis": 0}})[0]
    assert around.nmae == pytest.approx(by_mean.nmae)
    assert (plain.nmae or 0) > 10 * (around.nmae or np.inf)


def test_memory_and_time_are_told():
    score = compare(X, MASK, methods=["mean"])[0]
    assert score.memory is None or score.memory >= 0
    assert score.seconds >= 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"repeats": 0}, "repeats"),
        ({"methods": ["mean", "magic"]}, "no method 'magic'; there are patches, air"),
        ({"methods": []}, "No method was named"),
        ({"settings": {"maen": {}}}, "no method 'maen'"),
        ({"truth": X.T}, "truth must have shape"),
        ({"truth": np.full_like(X, np.nan)}, "X_true"),
        ({"mask": np.ones_like(MASK)}, "Nothing is missing"),
        ({"fraction": 1.0}, "fraction"),
    ],
)
def test_bad_input(arguments, words):
    with pytest.raises(ValueError, match=words):
        compare(X, **{"mask": MASK, **arguments})
