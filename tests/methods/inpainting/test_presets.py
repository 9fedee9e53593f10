"""The mean of fillers, and what the presets are made of."""

from dataclasses import dataclass
from typing import get_args

import numpy as np
import pytest

from matmend.methods.inpainting.filler import put_back
from matmend.methods.inpainting.presets import PRESETS, Mean, PresetName
from matmend.methods.inpainting.smooth import Biharmonic, TotalVariation


@dataclass(frozen=True)
class Value:
    """Fills with one value."""

    value: float

    @property
    def name(self):
        return f"{self.value:g}"

    def __call__(self, picture, observed):
        return put_back(np.full_like(picture, self.value), picture, observed)


@pytest.fixture
def case():
    rng = np.random.default_rng(0)
    picture, observed = rng.random((12, 14, 3), np.float32), rng.random((12, 14)) > 0.3
    picture[0, 0], picture[0, 1] = 0, 1
    observed[0, :2] = True
    return picture, observed


def test_the_mean_is_the_mean(case):
    picture, observed = case
    found = Mean((Value(0.25), Value(0.5), Value(0.75), Value(0.9)))(picture, observed)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[~observed], 0.6, rtol=1e-6)
    np.testing.assert_allclose(found[observed], picture[observed], rtol=1e-6)


def test_the_mean_of_true_fillers(case):
    picture, observed = case
    one, other = Biharmonic(), TotalVariation()
    expected = (one(picture, observed) + other(picture, observed)) / 2
    np.testing.assert_allclose(Mean((one, other))(picture, observed), expected, rtol=1e-6, atol=1e-7)
    np.testing.assert_array_equal(Mean((one,))(picture, observed), one(picture, observed))


def test_names():
    assert Mean((Value(1),)).name == "1"
    assert Mean((Value(1), Value(2))).name == "the mean of 1 and 2"
    assert Mean((Value(1), Value(2), Value(3))).name == "the mean of 1, 2 and 3"


def test_every_preset_has_a_name_and_says_what_it_does():
    assert tuple(PRESETS) == get_args(PresetName)
    for preset in PRESETS.values():
        assert preset.deep
        names = [filler.name for filler in (preset.thin, preset.judge, *preset.deep)]
        assert all(names)
        assert preset == type(preset)(preset.thin, preset.judge, preset.deep)
