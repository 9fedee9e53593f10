"""Training that methods share: scale, choice among candidates, refit, batches."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from matmend.datasets import load_sample
from matmend.datasets.synthetic import block_ratings
from matmend.masks import holdout_split, random_mask
from matmend.matrix import Dense
from matmend.methods import Recipe, air, complete_many_with, complete_with, dmf
from matmend.metrics import nmae
from matmend.regularizer import Sum
from matmend.representation import DeepFactorization, ScaledIdentity
from matmend.solve import group_rmsprop, never
from matmend.transform import Patches

STUCK = Recipe("stuck", DeepFactorization(2, initialization=ScaledIdentity(0.0)), settings={"depth": "stuck"})
"""A start at zero, where the gradient vanishes: never anything but zeros."""


@pytest.fixture(scope="module")
def picture():
    X = load_sample("camera", size=64)[10:34, 20:40]
    return X, random_mask(X.shape, 0.3, seed=1)


def test_the_scale_of_the_data_does_not_matter(picture):
    X, mask = picture
    one, other = (air.complete(c * X, mask, steps=120) for c in (np.float32(1), np.float32(256)))
    np.testing.assert_array_equal(256 * one.X_hat, other.X_hat)
    assert one.expected_rmse is not None
    assert other.expected_rmse == pytest.approx(256 * one.expected_rmse, rel=1e-6)
    np.testing.assert_allclose(256 * one.record["heldout_rmse"], other.record["heldout_rmse"], rtol=1e-5)
    assert one.settings["weights"] == other.settings["weights"]


def test_a_scale_of_one_trains_the_data_as_they_are(picture):
    X, mask = picture
    plain, scaled = (dmf.complete(8 * X, mask, steps=120, scale=s) for s in (1.0, 8.0))
    assert plain.settings["scale"] == 1.0
    assert not np.allclose(plain.X_hat, scaled.X_hat, rtol=1e-3)


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_constant_data_have_a_scale(value):
    X = np.full((6, 5), value, np.float32)
    assert np.isfinite(dmf.complete(X, np.arange(30).reshape(6, 5) > 3, steps=20).X_hat).all()


def test_the_size_law_of_the_weight():
    """Every row and column k times over: energy by the law of the default weight stays in balance with the loss."""
    X = np.random.default_rng(0).normal(size=(6, 8))
    shares = []
    for k in (1, 2, 3):
        big = np.kron(X, np.ones((k, k)))
        weighted = air.recipe().regularizer((6 * k, 8 * k), 1)
        params = weighted.init(big.shape, key=jax.random.key(0), dtype=jnp.float64)
        uniform = jax.tree.map(jnp.zeros_like, params)
        shares.append(float(weighted.energy(uniform, Dense(jnp.asarray(big)))) / np.mean(big**2))
    np.testing.assert_allclose(shares, shares[0], rtol=1e-10)


def test_the_candidate_of_least_held_out_error_is_taken(picture):
    X, mask = picture
    better = Recipe("better", DeepFactorization(2), settings={"depth": 2})
    for order in ((STUCK, better), (better, STUCK)):
        done = complete_with(order, X, mask, steps=600)
        assert done.method == "better"
        told = {one["depth"]: one["heldout_rmse"] for one in done.settings["candidates"]}
        assert told[2] < told["stuck"]
        assert done.expected_rmse == pytest.approx(told[2], rel=1e-5)


def test_low_rank_data_are_left_to_depth_and_not_given_up_on_a_plateau():
    ratings = block_ratings((45, 60), num_row_blocks=5, num_col_blocks=4, seed=0).X_true
    seen = random_mask(ratings.shape, 0.6, seed=0)
    done = air.complete(ratings, seen, every=500)
    assert done.settings["depth"] == 3
    assert nmae(done.X_hat, ratings, seen) < 1e-3


def test_refit_uses_all_entries_and_keeps_the_steps(picture):
    X, mask = picture
    recipe = Recipe("deep", DeepFactorization(2))
    chosen = complete_with(recipe, X, mask, steps=500)
    again = complete_with(recipe, X, mask, steps=500, refit=True)
    assert again.step == chosen.step
    assert again.expected_rmse == chosen.expected_rmse
    assert again.settings["refit"] is True
    _, held = holdout_split(mask, 0.05, seed=0)

    def error(done):
        return np.abs(done.X_hat - X)[held].mean()

    assert error(again) < error(chosen)  # what was held out has been seen now


def test_refit_of_what_needs_no_choice_is_refused(picture):
    X, mask = picture
    with pytest.raises(ValueError, match="held out"):
        complete_with(STUCK, X, mask, holdout=0.0, refit=True)
    with pytest.raises(ValueError, match="2 candidates"):
        complete_with((STUCK, STUCK), X, mask, holdout=0.0)
    with pytest.raises(ValueError, match="above 0"):
        complete_with(STUCK, X, mask, scale=0.0)


def test_a_batch_equals_single_runs(picture):
    X, _ = picture
    masks = [random_mask(X.shape, 0.3, seed=s) for s in range(2)]
    training = {"steps": 120, "holdout": 0.1, "scale": 1.0}
    together = complete_many_with(air.recipe(), [X, X], masks, seeds=[3, 4], **training)
    for done, mask, seed in zip(together, masks, (3, 4), strict=True):
        alone = complete_with(air.recipe(), X, mask, seed=seed, **training)
        assert done.step == alone.step
        assert done.settings == alone.settings
        np.testing.assert_allclose(done.X_hat, alone.X_hat, rtol=1e-3, atol=1e-5)


def test_interrupting_the_first_candidate_gives_what_it_has(picture):
    X, mask = picture
    done = air.complete(X, mask, steps=500, on_block=[lambda state, row: int(row["step"]) >= 200])
    assert done.is_partial
    assert done.steps == 200
    assert len(done.settings["candidates"]) == 1


def test_any_list_of_transforms(picture):
    X, mask = picture
    done = air.complete(
        X, mask, steps=30, transforms=lambda channels: (*air.rows_and_columns(channels), Patches(4, channels=channels))
    )
    assert {name: L.shape[0] for name, L in done.laplacians.items()} == {"row": 24, "col": 20, "graph3": 30}
    none = complete_with(Recipe("none", DeepFactorization(2), lambda shape, channels: Sum()), X, mask, steps=10)
    assert none.laplacians == {}


def test_group_rmsprop_is_an_optimizer_of_dmf(picture):
    X, mask = picture
    done = dmf.complete(X, mask, steps=2000, optimizer=group_rmsprop(1e-2), holdout=0.0, stop=never)
    assert done.record["rmse"][-1] < 0.5 * done.record["rmse"][0]
