import numpy as np
import pytest
from skimage.restoration import inpaint_biharmonic

from matmend.methods.inpainting.smooth import Biharmonic, TotalVariation

HARMONIC = TotalVariation(rounds=0)


def draw(seed, shape=(24, 20, 3), share=0.6):
    rng = np.random.default_rng(seed)
    return rng.random(shape).astype(np.float32), rng.random(shape[:2]) < share


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_biharmonic_is_that_of_scikit_image(share):
    X, observed = draw(0, share=share)
    expected = inpaint_biharmonic(X.astype(np.float64), ~observed, channel_axis=2)
    np.testing.assert_allclose(Biharmonic()(X, observed), expected, atol=1e-6)


def test_harmonic_is_exact_on_ramps_and_keeps_the_mean_of_neighbours():
    rows, cols = np.mgrid[:9, :11]
    ramp = (0.03 * rows + 0.05 * cols + 0.1).astype(np.float32)[..., None]
    observed = np.ones((9, 11), bool)
    observed[2:7, 3:9] = False
    np.testing.assert_allclose(HARMONIC(ramp, observed), ramp, atol=1e-6)
    X = HARMONIC(np.random.default_rng(0).random((9, 11, 1), np.float32), observed)[..., 0]
    means = (X[:-2, 1:-1] + X[2:, 1:-1] + X[1:-1, :-2] + X[1:-1, 2:]) / 4
    np.testing.assert_allclose(means[1:6, 2:8], X[2:7, 3:9], atol=1e-6)


def test_total_variation_continues_a_straight_edge():
    picture = np.zeros((20, 20, 3), np.float32)
    picture[:, 11:] = [0.9, 0.5, 0.2]
    observed = np.ones((20, 20), bool)
    observed[8:11, 4:17] = False
    # The shortest edge is the straight one, and nothing else has as little variation.
    errors = np.abs(TotalVariation(huber=0.001, rounds=30)(picture, observed) - picture)
    assert errors.max() < 0.1
    assert errors[~observed].mean() < 0.003
    assert np.abs(HARMONIC(picture, observed) - picture).max() > 0.1


def test_total_variation_lowers_its_energy():
    def energy(X):
        g = np.zeros(X.shape[:2])
        g[:, :-1] += ((X[:, 1:] - X[:, :-1]) ** 2).sum(axis=2)
        g[:-1] += ((X[1:] - X[:-1]) ** 2).sum(axis=2)
        length = np.sqrt(g)
        return np.where(length < 0.05, length**2 / 0.1, length - 0.025).sum()

    X, observed = draw(5)
    energies = [energy(TotalVariation(huber=0.05, rounds=rounds)(X, observed)) for rounds in (0, 1, 3, 10)]
    assert energies == sorted(energies, reverse=True)
    assert energies[-1] < 0.99 * energies[0]


def test_names_and_refusals():
    assert [filler.name for filler in (Biharmonic(), TotalVariation())] == ["biharmonic", "total variation"]
    with pytest.raises(ValueError, match="huber: expected a number > 0"):
        TotalVariation(huber=0.0)
    with pytest.raises(ValueError, match="rounds: expected a whole number"):
        TotalVariation(rounds=-1)
