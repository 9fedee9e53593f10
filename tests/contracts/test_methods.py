"""Every method takes and returns the same things, whatever it does between."""

from typing import Any

import numpy as np
import pytest

from matmend.methods import registry

# A method that is not named here trains, and is trained for a moment. Whoever is named here takes other settings.
SETTINGS: dict[str, dict[str, Any]] = {
    "patches": {"preset": "fast"},
    "biharmonic": {},
    "navier_stokes": {},
    "fsr": {},
    "zeros": {},
    "mean": {},
    "knn": {},
    "gaussian": {},
    "iterative_svd": {},
    "soft_impute": {},
    "glrl": {},
    "pnmc": {"patch": 5, "width": 2, "steps": 20},
}
# Compiling is what takes the time: one factor, and tests that share the few programs there are (see `draw`).
TRAINED = {"steps": 20, "depth": 1}

everyone = pytest.mark.parametrize("name", registry)
m, n = 12, 10  # higher than wide, and with three channels side by side wider than high


def run(name, observed, mask=None, *, seed=0):
    return registry[name](observed, mask, seed=seed, **SETTINGS.get(name, TRAINED))


def draw(channels=None):
    """Return nearly low rank values in 0..1, in double precision with channels, and a mask with entries to spare."""
    dtype = "float32" if channels in (None, 1) else "float64"
    rng = np.random.default_rng(7)
    shape = (m, n) if channels is None else (m, n, channels)
    values = np.multiply.outer(np.linspace(0.2, 1, m), rng.uniform(0.3, 0.9, size=shape[1:]))
    return (values + 0.05 * rng.uniform(size=shape)).astype(dtype), rng.random((m, n)) > 0.25


@everyone
@pytest.mark.parametrize("channels", [None, 1, 3])
def test_what_comes_back(name, channels):
    X, mask = draw(channels)
    done = run(name, X, mask)
    assert done.method == name
    assert done.X_hat.shape == done.completed.shape == X.shape
    assert done.X_hat.dtype == done.completed.dtype == X.dtype
    assert np.isfinite(done.X_hat).all()
    assert done.mask.dtype == bool
    np.testing.assert_array_equal(done.mask, mask)
    assert done.completed[mask].tobytes() == X[mask].tobytes()
    np.testing.assert_array_equal(done.completed[~mask], done.X_hat[~mask])
    assert 0 <= done.step <= done.steps
    assert done.message
    assert not done.is_partial
    assert done.seconds > 0
    assert done.expected_rmse is None or 0 <= done.expected_rmse < 1


@everyone
def test_integers_become_float32(name):
    X, mask = draw()
    done = run(name, np.round(5 * X).astype(np.int64), mask)
    assert done.X_hat.dtype == np.float32
    np.testing.assert_array_equal(done.completed[mask], np.round(5 * X)[mask])


@everyone
def test_lists_are_taken(name):
    X, mask = draw(channels=3)
    np.testing.assert_array_equal(run(name, X.tolist(), mask.tolist()).X_hat, run(name, X, mask).X_hat)


@everyone
@pytest.mark.parametrize("channels", [None, 3])
def test_nan_marks_missing_and_hidden_values_are_not_looked_at(name, channels):
    X, mask = draw(channels=channels)
    seen = mask if channels is None else mask[..., None]
    by_mask = run(name, X, mask)
    by_nan = run(name, np.where(seen, X, X.dtype.type(np.nan)))
    for hidden in (X.dtype.type(np.inf), X.dtype.type(1e30)):
        np.testing.assert_array_equal(run(name, np.where(seen, X, hidden), mask).X_hat, by_mask.X_hat)
    np.testing.assert_array_equal(by_nan.mask, mask)
    np.testing.assert_array_equal(by_nan.X_hat, by_mask.X_hat)


@everyone
def test_a_pixel_without_one_channel_is_missing(name):
    X, mask = draw(channels=3)
    X[~mask, 1] = np.nan
    done = run(name, X)
    np.testing.assert_array_equal(done.mask, mask)
    assert np.isfinite(done.completed).all()


@everyone
def test_what_was_given_is_not_written_to(name):
    X, mask = draw()
    X[~mask] = np.nan
    given, given_mask = X.copy(), mask.copy()
    X.setflags(write=False)
    mask.setflags(write=False)
    done = run(name, X, mask)
    assert X.tobytes() == given.tobytes()
    np.testing.assert_array_equal(mask, given_mask)
    assert not np.shares_memory(done.completed, X)
    assert not np.shares_memory(done.X_hat, X)


@everyone
def test_same_seed_same_bits(name):
    X, mask = draw()
    assert run(name, X, mask, seed=3).X_hat.tobytes() == run(name, X, mask, seed=3).X_hat.tobytes()


@everyone
@pytest.mark.parametrize("channels", [None, 3])
def test_rows_and_columns_that_were_not_seen_are_filled(name, channels):
    X, mask = draw(channels=channels)
    mask[4] = mask[:, [0, 7]] = False
    X[~mask] = np.nan
    done = run(name, X, mask)
    assert np.isfinite(done.X_hat).all()
    assert np.isfinite(done.completed).all()
    assert np.abs(done.completed).max() < 10


@everyone
def test_what_cannot_be_used_is_refused(name):
    X, mask = draw()
    bad = X.copy()
    bad[tuple(np.argwhere(mask)[0])] = np.nan
    for observed, given, message in (
        (X[0], mask[0], "matrix .m, n."),
        (X, mask.T, "mask must have shape"),
        (X, np.zeros_like(mask), "Everything is missing"),
        (X, np.ones_like(mask), "Nothing is missing"),
        (X, None, "Nothing is missing"),
        (bad, mask, "1 values that the mask calls observed"),
    ):
        with pytest.raises(ValueError, match=message):
            run(name, observed, given)


def test_the_table_names_methods_that_there_are():
    assert set(SETTINGS) <= set(registry)


def test_whole_numbers_that_single_precision_would_round_stay_what_they_are():
    X = 2**24 + np.arange(m * n).reshape(m, n)  # int64; every second one is no float32
    mask = np.arange(m * n).reshape(m, n) % 5 > 0
    for name in ("mean", "knn", "soft_impute"):
        completed = run(name, X, mask).completed
        np.testing.assert_array_equal(completed[mask], X[mask])
    assert run("mean", X % 256, mask).completed.dtype == np.float32  # a picture takes no more room than it did
