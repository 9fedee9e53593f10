"""The methods of inpainting in the registry give what their fillers give."""

import re

import numpy as np
import pytest

from matmend.methods import registry, runnable
from matmend.methods.comparison import OF_OPENCV
from matmend.methods.inpainting import complete_picture, opencv
from matmend.methods.inpainting.completing import normalised, observed_range
from matmend.methods.inpainting.opencv import FrequencyOpenCV, NavierStokes, has_opencv
from matmend.methods.inpainting.smooth import Biharmonic

needs_opencv = pytest.mark.skipif(not has_opencv(), reason=f"OpenCV is not installed: {opencv.INSTALL}")
FILLERS = [
    pytest.param("biharmonic", Biharmonic(), {}, id="biharmonic"),
    pytest.param("navier_stokes", NavierStokes(), {}, id="navier_stokes", marks=needs_opencv),
    pytest.param("navier_stokes", NavierStokes(5.0), {"radius": 5.0}, id="navier_stokes, radius", marks=needs_opencv),
    pytest.param("fsr", FrequencyOpenCV(), {}, id="fsr", marks=needs_opencv),
]


def draw(channels=None, dtype="float64"):
    """Return a smooth picture with values far from 0 to 1, and a mask with a hole."""
    y, x = np.indices((20, 26))
    plane = 300 + 40 * np.sin(x / 4) * np.cos(y / 5)
    picture = plane if channels is None else np.stack([plane + 7 * k for k in range(channels)], axis=2)
    mask = np.random.default_rng(0).random((20, 26)) > 0.2
    mask[8:12, 10:15] = False
    return picture.astype(dtype), mask


@pytest.mark.parametrize(("name", "filler", "settings"), FILLERS)
@pytest.mark.parametrize("channels", [None, 3])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_completion_is_what_the_filler_gives(name, filler, settings, channels, dtype):
    X, mask = draw(channels, dtype)
    done = registry[name](X, mask, seed=4, **settings)
    picture, back = normalised(X, mask, *observed_range(X, mask))
    np.testing.assert_array_equal(done.X_hat[~mask], back(filler(picture, mask))[~mask])
    assert done.X_hat.shape == X.shape
    assert done.X_hat.dtype == dtype
    assert done.completed[mask].tobytes() == X[mask].tobytes()
    assert abs(done.completed - X).mean() < 3
    assert done.method == name
    assert {key: done.settings[key] for key in settings} == settings
    assert done.expected_rmse is None


def test_patches_is_complete_picture():
    X, mask = draw(3)
    done, found = registry["patches"](X, mask, preset="fast", seed=2), complete_picture(X, mask, preset="fast", seed=2)
    assert done.completed.tobytes() == found.picture.tobytes()
    assert (done.expected_rmse, done.message) == (found.expected_rmse, found.message)
    assert done.settings == {"preset": "fast", "chosen": found.message}
    assert (done.method, done.is_partial, done.steps) == ("patches", False, 0)


def test_the_preset_that_was_taken_is_told(monkeypatch):
    from matmend.methods.inpainting.presets import FAST, PRESETS

    monkeypatch.setitem(PRESETS, "best", FAST)
    assert registry["patches"](*draw()).settings["preset"] == "best"


@pytest.mark.parametrize("name", sorted(OF_OPENCV))
def test_without_opencv_the_error_says_how_to_install_it(name, monkeypatch):
    def missing(module):
        raise ImportError(module)

    monkeypatch.setattr(opencv.importlib, "import_module", missing)
    with pytest.raises(ValueError, match=re.escape(opencv.INSTALL)):
        registry[name](*draw())


def test_what_is_not_installed_is_not_run_by_default(monkeypatch):
    monkeypatch.setattr("matmend.methods.comparison.has_opencv", lambda: True)
    assert runnable() == list(reversed(registry))
    monkeypatch.setattr("matmend.methods.comparison.has_opencv", lambda: False)
    assert runnable() == [name for name in reversed(registry) if name not in ("navier_stokes", "fsr")]
    assert set(registry) > OF_OPENCV


def test_the_package_of_inpainting_is_found_under_its_name():
    import matmend.methods.inpainting as found  # takes the attribute of the package above, whatever that is

    assert found.complete_picture is complete_picture
