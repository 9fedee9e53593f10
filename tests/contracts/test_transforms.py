import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from matmend.matrix import Dense

SHAPE = (2, 6)  # 6 columns: 1, 2 or 3 channels
seeds = st.integers(0, 2**32 - 1)


def array(seed):
    return np.random.default_rng(seed).normal(size=SHAPE)


def test_against_numpy(transform_case, as_matrix):
    A = array(0)
    features = transform_case.transform(as_matrix(jnp.asarray(A)))
    assert np.array_equal(features.dense(), transform_case.reference(A))


def test_out_shape_is_the_truth(transform_case, as_matrix):
    features = transform_case.transform(as_matrix(jnp.zeros(SHAPE)))
    assert transform_case.transform.out_shape(SHAPE) == features.shape == features.dense().shape


@settings(max_examples=25, deadline=None)
@given(seeds, seeds, st.floats(-10, 10))
def test_linear(transform_case, first, second, factor):
    def transformed(A):
        return np.asarray(transform_case.transform(Dense(jnp.asarray(A))).dense())

    A, B = array(first), array(second)
    np.testing.assert_allclose(
        transformed(factor * A + B), factor * transformed(A) + transformed(B), rtol=1e-12, atol=1e-12
    )


def test_keeps_every_entry_and_none_twice_unless_said(transform_case):
    A = np.arange(12.0).reshape(SHAPE)
    features = np.ravel(transform_case.transform(Dense(jnp.asarray(A))).dense())
    assert set(features) == set(range(12))
    assert (features.size == 12) == transform_case.keeps_every_entry_once


def test_dtype_is_kept(transform_case, as_matrix, dtype):
    assert transform_case.transform(as_matrix(jnp.ones(SHAPE, dtype))).dense().dtype == dtype
