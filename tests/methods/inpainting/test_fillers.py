"""What every filler promises, on the pictures that break things."""

import numpy as np
import pytest

from matmend.methods.inpainting.frequency import FrequencySelective
from matmend.methods.inpainting.peeling import Peeling
from matmend.methods.inpainting.smooth import Biharmonic, TotalVariation

FILLERS = [
    Biharmonic(),
    TotalVariation(),
    FrequencySelective(size=16, iterations=10),
    FrequencySelective(size=16, iterations=5, flip=5, offset=(2, 1)),
    Peeling(window=5),
]


def one_pixel(shape):
    observed = np.ones(shape, bool)
    observed[shape[0] // 2, shape[1] // 3] = False
    return observed


def whole_row(shape):
    observed = np.ones(shape, bool)
    observed[1] = False
    return observed


def corner(shape):
    observed = np.ones(shape, bool)
    observed[: shape[0] // 2, : shape[1] // 2] = False
    return observed


def mostly_missing(shape):
    return np.random.default_rng(0).random(shape) < 0.1


def one_observed(shape):
    return ~one_pixel(shape)


MASKS = [one_pixel, whole_row, corner, mostly_missing, one_observed]


@pytest.mark.parametrize("filler", FILLERS, ids=str)
@pytest.mark.parametrize("make", MASKS, ids=lambda make: make.__name__)
@pytest.mark.parametrize("shape", [(5, 5, 1), (17, 30, 3)], ids=str)
def test_estimates_are_finite_in_range_and_ignore_what_is_missing(filler, make, shape):
    X = np.random.default_rng(1).random(shape).astype(np.float32)
    observed = make(shape[:2])
    before = X.copy(), observed.copy()
    filled = filler(X, observed)
    np.testing.assert_array_equal(X, before[0])
    np.testing.assert_array_equal(observed, before[1])
    assert filled.shape == X.shape
    assert filled.dtype == np.float32
    assert np.isfinite(filled).all()
    np.testing.assert_array_equal(filled[observed], X[observed])
    assert (filled <= X[observed].max(axis=0)).all()
    assert (filled >= X[observed].min(axis=0)).all()
    other = np.where(observed[..., None], X, np.float32(1e6))
    np.testing.assert_array_equal(filler(other, observed), filled)


@pytest.mark.parametrize("filler", FILLERS, ids=str)
def test_constant_pictures_stay_constant(filler):
    X = np.full((12, 15, 3), 0.3, np.float32)
    np.testing.assert_array_equal(filler(X, mostly_missing((12, 15))), X)


@pytest.mark.parametrize("filler", FILLERS, ids=str)
def test_nothing_missing_gives_a_copy(filler):
    X = np.random.default_rng(1).random((8, 9, 3)).astype(np.float32)
    filled = filler(X, np.ones((8, 9), bool))
    np.testing.assert_array_equal(filled, X)
    assert filled is not X
