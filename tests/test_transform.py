import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from matmend.matrix import Dense, LowRank
from matmend.transform import Centred, Identity, Patches, Transpose

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


def test_patches_are_read_row_by_row():
    X = np.arange(24.0).reshape(4, 6)
    features = Patches((2, 3))(Dense(jnp.asarray(X))).dense()
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
    patches = Patches(size, stride)
    assert np.array_equal(patches(Dense(jnp.asarray(X))).dense(), by_hand(X, patches.size, tops, lefts))
    seen = Patches(size, stride)(Dense(jnp.asarray(np.arange(70).reshape(7, 10)))).dense()
    assert set(np.ravel(seen).tolist()) == set(range(70))  # every entry is in some patch


@settings(max_examples=25, deadline=None)
@given(pictures, st.sampled_from([(1, 2), (2, 2), (3, 4)]), st.sampled_from([None, (1, 1)]))
def test_a_patch_is_compared_over_all_its_channels(picture, size, stride):
    """Distances between the rows of T(X) are those between the patches of the picture (h, w, c)."""
    _, _, c = picture.shape
    X = np.hstack([picture[:, :, k] for k in range(c)])
    features = np.asarray(Patches(size, stride, channels=c)(Dense(jnp.asarray(X))).dense())
    one = Patches(size, stride)
    planes = [np.asarray(one(Dense(jnp.asarray(picture[:, :, k]))).dense()) for k in range(c)]
    assert np.array_equal(features, np.hstack(planes))


@settings(max_examples=15, deadline=None)
@given(
    st.tuples(st.integers(3, 7), st.integers(3, 9)),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.sampled_from([1, 3]),
    st.integers(0, 9),
)
def test_the_adjoint_is_the_transpose(shape, size, stride, c, seed):
    transform = Patches(size, (min(stride[0], size[0]), min(stride[1], size[1])), channels=c)
    wide, rng = (shape[0], c * shape[1]), np.random.default_rng(seed)
    x, y = rng.normal(size=wide), rng.normal(size=transform.out_shape(wide))
    there = np.sum(np.asarray(transform(Dense(jnp.asarray(x))).dense()) * y)
    back = np.sum(x * np.asarray(transform.adjoint(jnp.asarray(y), wide)))
    np.testing.assert_allclose(there, back, rtol=0, atol=1e-12 * y.size)


def test_means_of_overlapping_patches_are_the_picture():
    X, transform = np.random.default_rng(0).normal(size=(7, 2 * 10)), Patches((3, 4), (2, 3), channels=2)
    rows = transform(Dense(jnp.asarray(X))).dense()
    found = transform.adjoint(rows, X.shape) / transform.adjoint(jnp.ones_like(rows), X.shape)
    np.testing.assert_allclose(found, X, rtol=0, atol=1e-14)


def test_positions_are_the_means_of_the_places_of_the_entries():
    transform, shape = Patches((3, 4), (2, 3), channels=2), (7, 2 * 10)
    places = np.stack(np.broadcast_arrays(np.arange(7)[:, None], np.tile(np.arange(10), 2)))
    expected = [np.asarray(transform(Dense(jnp.asarray(axis))).dense()).mean(axis=1) for axis in places]
    np.testing.assert_allclose(transform.positions(shape), np.stack(expected, axis=1), rtol=0, atol=1e-12)


PATCH_ERRORS = {
    "empty": (lambda: Patches(0), "1 x 1 or larger, got 0 x 0"),
    "empty one way": (lambda: Patches((2, -1)), "1 x 1 or larger, got 2 x -1"),
    "no step": (lambda: Patches(2, stride=0), "1 x 1 or larger, got 0 x 0"),
    "gaps": (lambda: Patches((2, 3), stride=(3, 3)), r"stride of \(3, 3\) is larger than the patches, \(2, 3\)"),
    "no channel": (lambda: Patches(2, channels=0), "at least one channel, got channels=0"),
    "too large": (lambda: Patches(4).out_shape((3, 9)), "4 x 4 do not fit into a picture of 3 x 9"),
    "too large for a channel": (
        lambda: Patches((1, 4), channels=3)(Dense(jnp.ones((3, 9)))),
        "1 x 4 do not fit into a picture of 3 x 3",
    ),
    "not its rows": (lambda: Patches(2).adjoint(jnp.ones((3, 4)), (4, 4)), r"have shape \(4, 4\), got \(3, 4\)"),
    "channels": (lambda: Patches(2, channels=2).out_shape((4, 9)), "9 columns cannot be cut into 2 channels"),
}


@pytest.mark.parametrize(("make", "message"), PATCH_ERRORS.values(), ids=PATCH_ERRORS.keys())
def test_patches_that_cannot_be_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
