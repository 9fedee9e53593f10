"""Every registered method takes and returns the same things."""

import numpy as np
import pytest

from matmend.datasets import load_sample
from matmend.masks import random_mask
from matmend.methods import air, complete_with, dmf, rdmf, registry
from matmend.metrics import nmae
from matmend.regularizer import FivePointLaplacian
from matmend.representation import DeepFactorization, ScaledIdentity
from matmend.solve import never


@pytest.fixture(scope="module")
def picture():
    X = load_sample("astronaut", size=64)[8:32, 16:46]
    return X, random_mask(X.shape[:2], 0.25, seed=3)


@pytest.mark.parametrize("name", registry)
@pytest.mark.parametrize("is_colour", [False, True])
def test_contract(name, is_colour, picture):
    X, mask = picture
    X = X if is_colour else X[..., 1]
    done = registry[name](X, mask, seed=5, steps=150)
    assert done.method == name
    assert done.X_hat.shape == done.completed.shape == X.shape
    assert done.X_hat.dtype == np.float32
    np.testing.assert_array_equal(done.completed[mask], X[mask])
    np.testing.assert_array_equal(done.completed[~mask], done.X_hat[~mask])
    assert done.steps == 150
    assert not done.is_partial
    assert done.expected_rmse is not None
    assert 0 < done.expected_rmse < 1
    assert set(done.laplacians) == ({"row", "col"} if name == "air" else set())
    if name == "air":  # colour channels share the graphs of rows and columns
        assert done.laplacians["row"].shape == (24, 24)
        assert done.laplacians["col"].shape == (30, 30)
    assert {"step", "rmse", "heldout_rmse", "energies"} <= set(done.record)


@pytest.mark.parametrize("name", registry)
def test_nan_means_missing_and_unobserved_values_do_not_matter(name, picture):
    X, mask = picture
    gray = X[..., 0]
    by_nan = registry[name](np.where(mask, gray, np.nan), seed=1, steps=40)
    by_mask = registry[name](np.where(mask, gray, 1e30), mask, seed=1, steps=40)
    np.testing.assert_array_equal(by_nan.X_hat, by_mask.X_hat)


@pytest.mark.parametrize("name", registry)
def test_float64_stays(name, picture):
    X, mask = picture
    assert registry[name](X[..., 0].astype(np.float64), mask, steps=20).X_hat.dtype == np.float64


def test_swapping_channels_swaps_the_result():
    """Channels are alike: with a start that does not tell them apart, exchanging them exchanges what comes back."""
    X = load_sample("astronaut", size=64)[:16, :16].astype(np.float64)
    mask = random_mask((16, 16), 0.2, seed=0)

    def complete(x):
        zero_start = DeepFactorization(depth=1, initialization=ScaledIdentity(0.0))
        return complete_with(x, mask, zero_start, rdmf_like, method="m", holdout=0, steps=50)

    def rdmf_like(shape, channels):
        return 1e-2 * FivePointLaplacian(channels)

    one, other = complete(X), complete(X[..., ::-1])
    assert np.ptp(one.X_hat) > 0.01
    np.testing.assert_allclose(one.X_hat, other.X_hat[..., ::-1], rtol=1e-9)


def test_heldout_error_is_that_of_the_result():
    """The expected error is about the true one on pixels missing at random."""
    X = load_sample("camera", size=64)
    mask = random_mask(X.shape, 0.3, seed=2)
    done = air.complete(X, mask, steps=6000, holdout=0.15, seed=0)
    true = np.sqrt(np.mean((done.X_hat - X)[~mask] ** 2))
    assert done.expected_rmse == pytest.approx(true, rel=0.25)
    assert done.expected_rmse == pytest.approx(float(np.min(done.record["heldout_rmse"])), rel=1e-3)


def test_held_out_error_stops_the_over_fitting_of_dmf():
    X = load_sample("camera", size=64)
    mask = random_mask(X.shape, 0.3, seed=20210909)
    stopped = dmf.complete(X, mask, steps=9000)
    on = dmf.complete(X, mask, steps=9000, stop=never, holdout=0.0)
    assert "over-fitting" in stopped.message
    assert stopped.steps < 9000
    assert nmae(stopped.X_hat, X, mask) < 0.6 * nmae(on.X_hat, X, mask)


def test_adaptive_regularizer_beats_plain_factorization_in_the_end():
    X = load_sample("camera", size=64)
    mask = random_mask(X.shape, 0.3, seed=20210909)
    last = {"stop": never, "holdout": 0.0, "steps": 8000}
    assert nmae(air.complete(X, mask, **last).X_hat, X, mask) < 0.5 * nmae(dmf.complete(X, mask, **last).X_hat, X, mask)


def test_default_weight_is_the_authors_at_240():
    X = np.random.default_rng(0).random((240, 240)).astype(np.float32)
    done = air.complete(X, random_mask(X.shape, 0.3, seed=0), steps=0)
    assert done.settings["weights"] == pytest.approx([1e-4, 1e-4])
    assert rdmf.complete(X, random_mask(X.shape, 0.3, seed=0), steps=0, weight=0.5).settings["weights"] == [0.5]


@pytest.mark.parametrize(
    ("observed", "mask", "words"),
    [
        (np.ones(3), None, "matrix"),
        (np.ones((3, 3)), np.ones((2, 3), bool), "shape"),
        (np.ones((3, 3)), np.ones((3, 3), bool), "Nothing is missing"),
        (np.full((3, 3), np.nan), None, "Everything is missing"),
        (np.full((3, 3), np.inf), np.eye(3) < 1, "NaN or infinite"),
    ],
)
def test_bad_input(observed, mask, words):
    with pytest.raises(ValueError, match=words):
        air.complete(observed, mask)
