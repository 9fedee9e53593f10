"""PNMC: what must hold for any picture, and that the network learns what a plain mean cannot know."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from matmend.masks import patch_mask, random_mask
from matmend.methods import pnmc
from matmend.methods._patch_network import PatchNetwork, dilations, reaches
from matmend.metrics import nmae

SMALL = {"patch": 9, "width": 16, "steps": 200}
TINY = {"patch": 5, "width": 4, "steps": 20}  # with one shape, so that one compilation serves many tests


def texture(m=40, n=40):
    i, j = np.mgrid[:m, :n]
    return (0.5 + 0.5 * np.sin(2 * np.pi * (i + 2 * j) / 12)).astype(np.float32)


@pytest.mark.parametrize(
    ("mask", "factor"),
    [
        (random_mask((40, 40), 0.3, seed=1), 0.5),
        (patch_mask((40, 40), [((12, 17), (20, 25)), ((26, 31), (8, 13))]), 0.5),
    ],
    ids=["random", "patch"],
)
def test_better_than_the_mean_and_the_observed_stay(mask, factor):
    X = texture()
    done = pnmc.complete(np.where(mask, X, np.nan), mask, seed=3, **SMALL)
    np.testing.assert_array_equal(done.completed[mask], X[mask])
    np.testing.assert_array_equal(done.completed[~mask], done.X_hat[~mask])
    assert done.X_hat.dtype == X.dtype
    floor = nmae(np.full_like(X, X[mask].mean()), X, mask)
    assert nmae(done.X_hat, X, mask) < factor * floor
    assert done.record["loss"].shape == (200,)
    assert np.mean(done.record["loss"][-20:]) < np.mean(done.record["loss"][:20])


def test_a_seed_fixes_the_bits():
    X, mask = texture(24, 20), random_mask((24, 20), 0.3, seed=0)
    one, again, other = (pnmc.complete(X, mask, seed=s, **TINY) for s in (1, 1, 2))
    np.testing.assert_array_equal(one.X_hat, again.X_hat)
    assert (one.X_hat != other.X_hat).any()


def test_what_is_not_observed_does_not_matter():
    X, mask = texture(24, 20), random_mask((24, 20), 0.3, seed=0)
    by_nan = pnmc.complete(np.where(mask, X, np.nan), seed=1, **TINY)
    by_mask = pnmc.complete(np.where(mask, X, 1e30), mask, seed=1, **TINY)
    np.testing.assert_array_equal(by_nan.X_hat, by_mask.X_hat)


def test_units_do_not_matter():
    """Values enter centred and scaled: doubling and shifting them does the same to the result."""
    X, mask = texture(24, 20).astype(np.float64), random_mask((24, 20), 0.3, seed=0)
    one = pnmc.complete(X, mask, **TINY)
    other = pnmc.complete(4 * X + 8, mask, **TINY)
    np.testing.assert_allclose(other.X_hat, 4 * one.X_hat + 8, atol=1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_constant_picture_is_recovered(dtype):
    X = np.full((24, 20), 0.3, dtype)
    done = pnmc.complete(X, patch_mask(X.shape, [((4, 16), (4, 16))]), **TINY)
    assert done.X_hat.dtype == dtype
    np.testing.assert_allclose(done.X_hat, X, rtol=4 * np.finfo(dtype).eps)


def test_colour_is_learned_together():
    X = np.stack([texture(30, 30), 1 - texture(30, 30), np.full((30, 30), 0.25, np.float32)], axis=2)
    mask = random_mask((30, 30), 0.3, seed=1)
    done = pnmc.complete(X, mask, **SMALL)
    assert done.X_hat.shape == X.shape
    np.testing.assert_array_equal(done.completed[mask], X[mask])
    error = np.abs(done.X_hat - X)[~mask].mean(axis=0)
    floor = np.abs(X[mask].mean(axis=0) - X[~mask]).mean(axis=0)
    assert (error[:2] < 0.6 * floor[:2]).all()
    assert error[2] < 0.1


def awkward(name):
    mask = np.zeros((24, 20), dtype=bool)
    if name == "one observed":
        mask[3, 5] = True
    elif name == "one missing":
        mask[:] = True
        mask[0, 0] = False
    elif name == "a row missing":
        mask[:] = True
        mask[7] = False
    elif name == "half missing":
        mask[:, :10] = True
    return mask


@pytest.mark.parametrize("name", ["one observed", "one missing", "a row missing", "half missing"])
def test_awkward_masks_give_finite_pixels(name):
    X, mask = texture(24, 20), awkward(name)
    done = pnmc.complete(X, mask, **TINY)
    assert np.isfinite(done.X_hat).all()
    if name == "one observed":  # nothing to learn from: the one value is all there is to tell
        np.testing.assert_allclose(done.X_hat, X[3, 5], rtol=1e-6)


@pytest.mark.parametrize("shape", [(1, 30), (2, 3)])
def test_narrow_pictures(shape):
    X = texture(*shape)
    mask = np.ones(shape, dtype=bool)
    mask.flat[1] = False
    assert np.isfinite(pnmc.complete(X, mask, **TINY).X_hat).all()


def test_the_search_draws_a_size_and_tells_its_error(monkeypatch):
    monkeypatch.setattr(pnmc, "SIZES", (5, 7))
    X, mask = texture(24, 20), random_mask((24, 20), 0.3, seed=0)
    done = pnmc.complete(X, mask, patch=None, width=4, steps=80, tries=2)
    assert done.settings["patch"] in (5, 7)
    assert done.expected_rmse is not None
    assert 0 < done.expected_rmse < 2 * X.std()
    given = pnmc.complete(X, mask, patch=done.settings["patch"], width=4, steps=80)
    np.testing.assert_array_equal(done.X_hat, given.X_hat)
    assert given.expected_rmse is None


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"patch": 8}, "odd number >= 5"),
        ({"patch": 3}, "odd number >= 5"),
        ({"patch": 5.5}, "odd number >= 5"),
        ({"width": 0}, "width: expected a whole number >= 1"),
        ({"steps": -1}, "steps: expected a whole number >= 0"),
        ({"tries": 0}, "tries: expected a whole number >= 1"),
    ],
)
def test_bad_settings(setting, message):
    with pytest.raises(ValueError, match=message):
        pnmc.complete(texture(), random_mask((40, 40), 0.3, seed=0), **setting)


@pytest.mark.parametrize("patch", range(5, 42, 2))
def test_layers_see_the_patch_and_no_more(patch):
    """Means and dilations reach the radius and leave no gap: every offset within it is a sum of -d, 0 or d each."""
    near, rest = reaches(patch)
    reached = set(range(-near, near + 1))
    for d in dilations(rest):
        reached = {r + step for r in reached for step in (-d, 0, d)}
    assert reached == set(range(-(patch // 2), patch // 2 + 1))


def test_a_prediction_depends_on_its_patch_only():
    network = PatchNetwork(channels=1, patch=7, width=4)
    params = jax.tree.map(lambda p: p + np.float32(0.1), network.init(jax.random.key(0)))
    x = np.random.default_rng(0).normal(size=(15, 17, 1)).astype(np.float32)
    known = random_mask((15, 17), 0.3, seed=2)

    def pixel(x):
        return network(params, x, jnp.asarray(known))[6, 8, 0]

    seen_by = np.asarray(jax.grad(pixel)(x))[..., 0] != 0
    patch = np.zeros_like(known)
    patch[3:10, 5:12] = True
    assert not seen_by[~patch].any()
    assert not seen_by[~known].any()
    assert seen_by[patch & known].mean() > 0.9


def test_holes_are_filled_from_the_border_inwards():
    seen = patch_mask((40, 40), [((10, 30), (10, 30))])
    order = pnmc.fill_order(seen, 9)
    assert ((order == 0) == seen).all()
    assert order.max() > 1
    across = order[20, 10:30]
    assert (np.diff(across[:10]) >= 0).all()
    np.testing.assert_array_equal(across, across[::-1])


def test_without_training_the_means_are_told():
    X, mask = texture(24, 20), random_mask((24, 20), 0.3, seed=0)
    done = pnmc.complete(X, mask, patch=5, width=4, steps=0)
    assert done.record["loss"].shape == (0,)
    assert X[mask].min() <= done.X_hat.min() <= done.X_hat.max() <= X[mask].max()
