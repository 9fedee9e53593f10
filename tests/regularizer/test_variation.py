import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.ndimage import laplace

from matmend.matrix import Dense
from matmend.regularizer import FivePointLaplacian, TotalVariation

pictures = hnp.arrays(np.float64, (4, 5), elements=st.floats(-9, 9))


@eqx.filter_jit
def _energy(regularizer, X):
    return regularizer.energy((), Dense(X))


def energy(regularizer, X):
    return float(_energy(regularizer, jnp.asarray(X)))


@settings(max_examples=25, deadline=None)
@given(pictures)
def test_total_variation_is_the_sum_of_gradient_lengths(X):
    down, right = np.zeros_like(X), np.zeros_like(X)
    down[:-1], right[:, :-1] = X[1:] - X[:-1], X[:, 1:] - X[:, :-1]
    np.testing.assert_allclose(energy(TotalVariation(), X), np.hypot(down, right).sum(), rtol=1e-12, atol=1e-150)


@settings(max_examples=25, deadline=None)
@given(pictures)
def test_five_point_laplacian_is_scipys_inside(X):
    expected = np.linalg.norm(laplace(X)[1:-1, 1:-1]) / X.shape[0]
    np.testing.assert_allclose(energy(FivePointLaplacian(), X), expected, rtol=1e-12, atol=1e-13)


@settings(max_examples=25, deadline=None)
@given(st.floats(-9, 9), st.floats(-9, 9), st.floats(-9, 9))
def test_on_a_plane(a, b, c):
    """A plane has a constant gradient and no Laplacian."""
    i, j = np.mgrid[:4, :5]
    X = a * i + b * j + c
    expected = 12 * np.hypot(a, b) + 3 * abs(a) + 4 * abs(b)  # interior, last column, last row
    np.testing.assert_allclose(energy(TotalVariation(), X), expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(energy(FivePointLaplacian(), X), 0, atol=1e-13)


@settings(max_examples=25, deadline=None)
@given(hnp.arrays(np.float64, (3, 4, 4), elements=st.floats(-9, 9)))
def test_channels_are_pictures_of_their_own(planes):
    side_by_side = np.hstack(list(planes))
    total = sum(energy(TotalVariation(), plane) for plane in planes)
    np.testing.assert_allclose(energy(TotalVariation(channels=3), side_by_side), total, rtol=1e-12)
    norm = np.linalg.norm([energy(FivePointLaplacian(), plane) for plane in planes])
    np.testing.assert_allclose(energy(FivePointLaplacian(channels=3), side_by_side), norm, rtol=1e-12)


def test_the_seam_between_channels_is_not_an_edge():
    X = np.hstack([np.zeros((4, 4)), np.ones((4, 4))])
    for regularizer in (TotalVariation, FivePointLaplacian):
        assert energy(regularizer(channels=2), X) == 0
        assert energy(regularizer(), X) > 0


def test_the_shape_is_checked_before_training():
    key = jax.random.key(0)
    assert FivePointLaplacian(channels=2).init((3, 6), key=key, dtype=jnp.float32) == ()
    for channels, shape in ((1, (2, 9)), (1, (9, 2)), (3, (5, 6))):
        with pytest.raises(ValueError, match=f"at least 3 x 3 pixels, got {shape[0]} x {shape[1] // channels}"):
            FivePointLaplacian(channels=channels).init(shape, key=key, dtype=jnp.float32)


@pytest.mark.parametrize("channels", [3, 0])
@pytest.mark.parametrize("regularizer", [TotalVariation, FivePointLaplacian])
def test_channels_must_divide_the_columns(regularizer, channels):
    with pytest.raises(ValueError, match=f"10 columns cannot be cut into {channels} channels"):
        regularizer(channels).init((4, 10), key=jax.random.key(0), dtype=jnp.float32)
    with pytest.raises(ValueError, match=f"10 columns cannot be cut into {channels} channels"):
        regularizer(channels).energy((), Dense(jnp.ones((4, 10))))
