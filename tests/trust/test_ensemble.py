"""Scales: disagreement of an ensemble, the error of pictures, and what is added to them."""

from dataclasses import replace

import numpy as np
import pytest

from matmend.methods import Recipe, air, complete_with, registry
from matmend.regularizer import Scaled, Sum
from matmend.representation import DeepFactorization
from matmend.solve import never
from matmend.trust import Constant, Ensemble, LocalError, scale_for
from matmend.trust.ensemble import RECIPES
from matmend.trust.scale import Fit, with_floor


@pytest.fixture(scope="module")
def low_rank():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(12, 2)) @ rng.normal(size=(2, 10))
    mask = rng.random(X.shape) < 0.7
    return np.where(mask, X, np.nan), mask


def test_trained_members_of_one_batch_are_those_that_are_trained_alone(low_rank):
    X, mask = low_rank
    recipe = Recipe("deep", DeepFactorization(2, 3), steps=60)
    done = complete_with(recipe, X, mask, holdout=0.0)
    ensemble = Ensemble(members=2, share=1.0)
    batch = ensemble(Fit(X, mask, done, complete_with, recipe, seed=5))
    alone = [
        complete_with(recipe, X, mask, seed=seed, holdout=0.0, steps=done.step, stop=never).X_hat for seed in (6, 7)
    ]
    expected = np.sqrt(np.mean([(x - done.X_hat) ** 2 for x in alone], axis=0))
    np.testing.assert_allclose(batch, expected, rtol=1e-4, atol=1e-7)
    assert expected.max() > 1e-3


def test_disagreement_is_largest_where_entries_are_few():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2)) @ rng.normal(size=(2, 50)) + 0.2 * rng.normal(size=(60, 50))
    mask = rng.random(X.shape) < np.linspace(0.15, 0.9, 60)[:, None]
    done = registry["iterative_svd"](X, mask, rank=2)
    fit = Fit(np.where(mask, X, np.nan), mask, done, registry["iterative_svd"], settings={"rank": 2})
    by_row = Ensemble()(fit).mean(axis=1)
    assert by_row[:15].mean() > 2 * by_row[-15:].mean()
    np.testing.assert_array_equal(Ensemble()(fit), Ensemble()(fit))


def test_air_goes_on_with_the_recipe_that_was_chosen(low_rank):
    X, mask = low_rank
    done = registry["zeros"](X, mask)
    for recipe in air.candidates():
        chosen = replace(done, settings={**recipe.settings, "candidates": [], "weights": [0.1, 0.1]})
        again = RECIPES["air"](chosen, {})
        assert (again.settings, again.steps, again.representation) == (
            recipe.settings,
            recipe.steps,
            recipe.representation,
        )
    asked = {"depth": 4, "weight": 0.5, "width": 3}
    given = RECIPES["air"](replace(done, settings={"depth": 4, "width": 3, "weights": [0.5, 0.5]}), asked)
    assert given.settings == {"depth": 4, "width": 3}
    summed = given.regularizer((12, 10), 1)
    assert isinstance(summed, Sum)
    weights = [float(part.weight) for part in summed.regularizers if isinstance(part, Scaled)]
    assert weights == pytest.approx([0.5, 0.5])


def test_a_picture_is_less_sure_far_from_what_is_observed_and_where_it_varies():
    picture = np.zeros((30, 60))
    picture[:, 30:] = np.random.default_rng(0).random((30, 30))
    mask = np.ones(picture.shape, bool)
    mask[8:19, 8:19] = mask[8:19, 42:53] = False
    picture[~mask] = np.random.default_rng(1).normal(0, 0.01, (~mask).sum()) + picture[~mask]
    fit = Fit(picture, mask, registry["zeros"](picture, mask), registry["zeros"])
    completed = np.where(mask, picture, 0.01 * picture)
    fit = Fit(picture, mask, replace(fit.completion, completed=completed), fit.method)
    spread = LocalError(power=2.0)(fit)
    assert spread[9, 43] > 3 * spread[9, 9]
    assert LocalError(3, 2.0)(fit)[13, 13] > LocalError(3, 1.0)(fit)[13, 13] > 0


@pytest.mark.parametrize("spread", [np.zeros((30, 30)), np.full((30, 30), np.nan)])
def test_a_scale_that_tells_nothing_is_constant(spread):
    tuning = np.random.default_rng(0).random((30, 30)) < 0.2
    scale = with_floor(spread, np.ones((30, 30)), tuning, ~tuning, np.ones((30, 30)), 0.9)
    np.testing.assert_array_equal(scale, np.ones((30, 30)))


def test_a_floor_keeps_the_narrowest_intervals():
    rng = np.random.default_rng(0)
    spread = rng.exponential(size=(80, 80))
    errors = np.abs(rng.normal(size=spread.shape)) * (0.3 * spread.mean() + spread)
    tuning = rng.random(spread.shape) < 0.5
    scale = with_floor(spread, errors, tuning, ~tuning, np.ones(spread.shape), 0.9)
    widths = [
        np.quantile((errors / s)[tuning], 0.9) * s[~tuning].mean()
        for s in (scale, np.ones(spread.shape), spread + 1e-3)
    ]
    assert widths[0] < 0.9 * min(widths[1:])


def test_each_method_has_a_scale():
    assert isinstance(scale_for("patches"), LocalError)
    assert isinstance(scale_for("zeros"), Constant)
    assert isinstance(scale_for("air"), Ensemble)
    assert isinstance(scale_for("of somebody else"), Ensemble)


@pytest.mark.parametrize("make", [lambda: Ensemble(0), lambda: Ensemble(2, 0.0), lambda: LocalError(1)])
def test_settings_out_of_range_are_refused(make):
    with pytest.raises(ValueError, match="Expected"):
        make()
