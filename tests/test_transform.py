import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from matmend.matrix import Dense
from matmend.transform import Identity, Transpose

pictures = hnp.arrays(np.float64, st.just((3, 4, 3)), elements=st.floats(-9, 9))


@settings(max_examples=25, deadline=None)
@given(pictures)
def test_channels_of_a_picture(picture):
    """A picture (h, w, c) stored as [R | G | B] is flipped about its diagonal: all colours of a column make one row."""
    h, w, c = picture.shape
    X = np.hstack([picture[:, :, k] for k in range(c)])
    features = np.asarray(Transpose(channels=c)(Dense(jnp.asarray(X))).dense())
    flipped = picture.transpose(1, 0, 2)
    assert np.array_equal(features, np.hstack([flipped[:, :, k] for k in range(c)]))
    for a in range(w):
        for b in range(w):
            expected = np.sum((picture[:, a] - picture[:, b]) ** 2)
            np.testing.assert_allclose(np.sum((features[a] - features[b]) ** 2), expected, rtol=1e-12)
    assert Transpose(channels=c).out_shape((h, c * w)) == features.shape


def test_twice_is_nothing():
    X = np.arange(12.0).reshape(2, 6)
    there = Transpose(channels=3)(Dense(jnp.asarray(X)))
    assert np.array_equal(Transpose(channels=3)(there).dense(), X)


def test_identity_hands_back_the_matrix_itself():
    X = Dense(jnp.ones((2, 3)))
    assert Identity()(X) is X


def test_channels_must_divide_the_columns():
    with pytest.raises(ValueError, match="7 columns cannot be cut into 3 channels"):
        Transpose(channels=3).out_shape((2, 7))
    with pytest.raises(ValueError, match="7 columns cannot be cut into 3 channels"):
        Transpose(channels=3)(Dense(jnp.ones((2, 7))))


@pytest.mark.parametrize("channels", [0, -1])
def test_there_is_at_least_one_channel(channels):
    with pytest.raises(ValueError, match=f"at least one channel, got channels={channels}"):
        Transpose(channels=channels)
