"""OpenCV's fillers keep the contract, whatever the size, the depth and the number of channels."""

import importlib
import re

import numpy as np
import pytest

from matmend.methods.inpainting import opencv
from matmend.methods.inpainting.opencv import FrequencyOpenCV, NavierStokes, has_opencv

needs_opencv = pytest.mark.skipif(not has_opencv(), reason=f"OpenCV is not installed: {opencv.INSTALL}")
every = pytest.mark.parametrize(
    "filler", [NavierStokes(), NavierStokes(radius=2), FrequencyOpenCV()], ids=lambda f: f.name
)


def ramp(shape, channels=1):
    """Rise from 0.2 to 0.7 along the columns, differently in each channel."""
    h, w = shape
    line = np.linspace(0.2, 0.7, w)
    return np.stack([np.tile(line ** (1 + 0.3 * k), (h, 1)) for k in range(channels)], axis=2).astype(np.float32)


def holes(shape, seed=0):
    observed = np.random.default_rng(seed).random(shape) > 0.2
    observed[3:8, 4:9] = False
    return observed


@needs_opencv
@every
@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("shape", [(32, 32), (21, 35), (33, 17)])
def test_contract(filler, channels, shape):
    picture, observed = ramp(shape, channels), holes(shape)
    seen = np.where(observed[..., None], picture, np.float32(-3e7))
    before = seen.copy()
    filled = filler(seen, observed)
    assert filled.dtype == np.float32
    assert filled.shape == picture.shape
    np.testing.assert_array_equal(seen, before)
    np.testing.assert_array_equal(filled[observed], picture[observed])
    known = picture[observed]
    assert (filled >= known.min(axis=0)).all()
    assert (filled <= known.max(axis=0)).all()
    assert np.abs(filled - picture).mean() < 0.02  # a ramp is easy: no channel is swapped, no border left out


@needs_opencv
@every
def test_missing_pixels_are_not_read(filler):
    picture, observed = ramp((24, 40), 3), holes((24, 40))
    other = np.where(observed[..., None], picture, np.float32(0.9))
    np.testing.assert_array_equal(filler(picture, observed), filler(other, observed))


@needs_opencv
@every
def test_nothing_missing_is_a_copy(filler):
    picture = ramp((16, 16))
    filled = filler(picture, np.ones((16, 16), bool))
    np.testing.assert_array_equal(filled, picture)
    assert filled is not picture


@needs_opencv
@every
def test_one_observed_value_fills_all(filler):
    picture = np.full((16, 16, 1), 0.25, np.float32)
    observed = np.zeros((16, 16), bool)
    observed[4:6, 5:9] = True
    np.testing.assert_array_equal(filler(picture, observed), picture)


@needs_opencv
def test_more_than_eight_bits_come_out():
    picture, observed = ramp((32, 200)), holes((32, 200))
    filled = NavierStokes()(picture, observed)
    assert np.unique(filled[~observed]).size > 300


@needs_opencv
def test_scale_does_not_matter():
    picture, observed = ramp((32, 32)), holes((32, 32))
    for filler in (NavierStokes(), FrequencyOpenCV()):
        dim = filler(picture / np.float32(256), observed)
        np.testing.assert_allclose(dim * np.float32(256), filler(picture, observed), atol=5e-3)


@every
def test_without_opencv_it_says_how_to_get_it(filler, monkeypatch):
    def absent(name):
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(ValueError, match=re.escape(opencv.INSTALL)):
        filler(ramp((8, 8)), np.zeros((8, 8), bool))


def test_an_opencv_without_its_contributed_modules(monkeypatch):
    monkeypatch.setattr(importlib, "import_module", lambda name: object())
    with pytest.raises(ValueError, match="xphoto"):
        FrequencyOpenCV()(ramp((8, 8)), np.zeros((8, 8), bool))


@pytest.mark.parametrize("radius", [0, -1, 1000, float("nan")])
def test_radius(radius):
    with pytest.raises(ValueError, match="radius: expected pixels"):
        NavierStokes(radius=radius)
