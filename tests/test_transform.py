import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from matmend.matrix import Dense, LowRank
from matmend.transform import Blocks, Centred, Identity, Transpose

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


@pytest.mark.parametrize("inner", [Identity(), Transpose()], ids=lambda t: type(t).__name__)
def test_centred_rows_have_mean_zero_dense_or_thin(inner):
    rng = np.random.default_rng(0)
    U, V = jnp.asarray(rng.normal(size=(5, 2))), jnp.asarray(rng.normal(size=(4, 2)))
    thin, dense = Centred(inner)(LowRank(U, V)), Centred(inner)(Dense(U @ V.T))
    x = np.asarray(U @ V.T) if isinstance(inner, Identity) else np.asarray(U @ V.T).T
    expected = x - x.mean(axis=1, keepdims=True)
    assert isinstance(thin, LowRank)  # nothing of the size of X is formed
    assert thin.U.shape == (x.shape[0], 2)
    assert thin.shape == dense.shape == Centred(inner).out_shape((5, 4)) == x.shape
    for found in (thin, dense):
        np.testing.assert_allclose(found.dense(), expected, rtol=0, atol=1e-14)


def test_centred_rows_do_not_know_their_biases():
    rng = np.random.default_rng(0)
    U, V = jnp.asarray(rng.normal(size=(5, 3))), jnp.asarray(rng.normal(size=(4, 3))).at[:, 2].set(1)
    moved = U.at[:, 2].add(jnp.arange(5.0))
    np.testing.assert_allclose(
        Centred()(LowRank(moved, V)).dense(), Centred()(LowRank(U, V)).dense(), rtol=0, atol=1e-14
    )


def test_channels_must_divide_the_columns():
    with pytest.raises(ValueError, match="7 columns cannot be cut into 3 channels"):
        Transpose(channels=3).out_shape((2, 7))
    with pytest.raises(ValueError, match="7 columns cannot be cut into 3 channels"):
        Transpose(channels=3)(Dense(jnp.ones((2, 7))))


@pytest.mark.parametrize("channels", [0, -1])
def test_there_is_at_least_one_channel(channels):
    with pytest.raises(ValueError, match=f"at least one channel, got channels={channels}"):
        Transpose(channels=channels)


def by_hand(X, size, tops, lefts):
    return np.array([X[i : i + size[0], j : j + size[1]].ravel() for i in tops for j in lefts])


def test_blocks_are_read_row_by_row():
    X = np.arange(24.0).reshape(4, 6)
    features = Blocks((2, 3))(Dense(jnp.asarray(X))).dense()
    assert features[0].tolist() == [0, 1, 2, 6, 7, 8]
    assert features[1].tolist() == [3, 4, 5, 9, 10, 11]
    assert np.array_equal(features, by_hand(X, (2, 3), [0, 2], [0, 3]))


@pytest.mark.parametrize(
    ("size", "stride", "tops", "lefts"),
    [
        (4, None, [0, 3], [0, 4, 6]),  # the last ones are moved back to the border
        (4, (3, 2), [0, 3], [0, 2, 4, 6]),  # fits
        (4, 3, [0, 3], [0, 3, 6]),
        ((7, 4), 4, [0], [0, 4, 6]),
        ((3, 10), (1, 1), [0, 1, 2, 3, 4], [0]),
        (1, None, range(7), range(10)),
    ],
)
def test_overlap_and_border(size, stride, tops, lefts):
    X = np.random.default_rng(0).normal(size=(7, 10))
    blocks = Blocks(size, stride)
    assert np.array_equal(blocks(Dense(jnp.asarray(X))).dense(), by_hand(X, blocks.size, tops, lefts))
    seen = Blocks(size, stride)(Dense(jnp.asarray(np.arange(70).reshape(7, 10)))).dense()
    assert set(np.ravel(seen).tolist()) == set(range(70))  # every entry is in some block


@settings(max_examples=25, deadline=None)
@given(pictures, st.sampled_from([(1, 2), (2, 2), (3, 4)]), st.sampled_from([None, (1, 1)]))
def test_a_block_is_compared_over_all_its_channels(picture, size, stride):
    """Distances between the rows of T(X) are those between the blocks of the picture (h, w, c)."""
    _, _, c = picture.shape
    X = np.hstack([picture[:, :, k] for k in range(c)])
    features = np.asarray(Blocks(size, stride, channels=c)(Dense(jnp.asarray(X))).dense())
    one = Blocks(size, stride)
    planes = [np.asarray(one(Dense(jnp.asarray(picture[:, :, k]))).dense()) for k in range(c)]
    assert np.array_equal(features, np.hstack(planes))


BLOCK_ERRORS = {
    "empty": (lambda: Blocks(0), "1 x 1 or larger, got 0 x 0"),
    "empty one way": (lambda: Blocks((2, -1)), "1 x 1 or larger, got 2 x -1"),
    "no step": (lambda: Blocks(2, stride=0), "1 x 1 or larger, got 0 x 0"),
    "gaps": (lambda: Blocks((2, 3), stride=(3, 3)), r"stride of \(3, 3\) is larger than the blocks, \(2, 3\)"),
    "no channel": (lambda: Blocks(2, channels=0), "at least one channel, got channels=0"),
    "too large": (lambda: Blocks(4).out_shape((3, 9)), "4 x 4 do not fit into a picture of 3 x 9"),
    "too large for a channel": (
        lambda: Blocks((1, 4), channels=3)(Dense(jnp.ones((3, 9)))),
        "1 x 4 do not fit into a picture of 3 x 3",
    ),
    "channels": (lambda: Blocks(2, channels=2).out_shape((4, 9)), "9 columns cannot be cut into 2 channels"),
}


@pytest.mark.parametrize(("make", "message"), BLOCK_ERRORS.values(), ids=BLOCK_ERRORS.keys())
def test_blocks_that_cannot_be_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
