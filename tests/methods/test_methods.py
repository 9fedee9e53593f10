"""What the trained methods have in common beyond the contract of all methods, and what they learn."""

import numpy as np
import pytest

from matmend.datasets import load_sample
from matmend.masks import random_mask
from matmend.methods import Recipe, air, complete_with, dmf, rdmf, registry
from matmend.metrics import nmae
from matmend.regularizer import FivePointLaplacian
from matmend.representation import DeepFactorization, ScaledIdentity
from matmend.solve import never


@pytest.fixture(scope="module")
def picture():
    X = load_sample("astronaut", size=64)[8:32, 16:46]
    return X, random_mask(X.shape[:2], 0.25, seed=3)


@pytest.mark.parametrize("name", ["air", "dmf", "rdmf", "dmf_de"])
def test_a_training_is_told(name, picture):
    X, mask = picture
    done = registry[name](X, mask, seed=5, steps=40, every=20, depth=1)
    best = int(np.argmin(done.record["heldout_rmse"]))
    assert (done.step, done.steps) == (done.record["step"][best], 40)
    assert done.expected_rmse is not None
    assert 0 < done.expected_rmse < 1
    assert done.expected_rmse == pytest.approx(done.record["heldout_rmse"][best], rel=1e-4)
    assert {"rmse", "energies"} <= set(done.record)
    np.testing.assert_array_equal(done.record["step"], [0, 20, 40])
    if name == "air":  # colour channels share the graphs of rows and columns
        assert {graph: L.shape for graph, L in done.laplacians.items()} == {"row": (24, 24), "col": (30, 30)}
    else:
        assert done.laplacians == {}


def test_swapping_channels_swaps_the_result():
    """Channels are alike: with a start that does not tell them apart, exchanging them exchanges what comes back."""
    X = load_sample("astronaut", size=64)[:16, :16].astype(np.float64)
    mask = random_mask((16, 16), 0.2, seed=0)

    def complete(x):
        zero_start = DeepFactorization(depth=1, initialization=ScaledIdentity(0.0))
        return complete_with(Recipe("m", zero_start, rdmf_like), x, mask, holdout=0, steps=50)

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
