from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import convolve

from matmend.observation import Blur, Compose, Sample, Sensing, Subsample
from matmend.observation.operators import picked

M, N = 6, 8
rng = np.random.default_rng(0)
KERNEL = rng.normal(size=(3, 5))
SENSING = rng.normal(size=(7, M, N))
ROWS, COLS = np.array([0, 5, 5, 2]), np.array([7, 1, 1, 0])
# numpy.pad's names and those of scipy.ndimage
SCIPY: dict[Any, str] = {
    "constant": "constant",
    "edge": "nearest",
    "reflect": "mirror",
    "symmetric": "reflect",
    "wrap": "wrap",
}


def blurred(X, boundary="edge"):
    return convolve(X, KERNEL, mode=SCIPY[boundary])


OPERATORS = {
    "sensing": (Sensing(SENSING), lambda X: np.array([np.trace(A.T @ X) for A in SENSING])),
    "sample": (Sample(ROWS, COLS), lambda X: np.array([X[i, j] for i, j in zip(ROWS, COLS, strict=True)])),
    **{
        f"blur, {boundary}": (Blur(KERNEL, boundary), lambda X, boundary=boundary: blurred(X, boundary))
        for boundary in SCIPY
    },
    "blur of channels": (Blur(KERNEL, channels=2), lambda X: np.hstack([blurred(x) for x in np.hsplit(X, 2)])),
    "subsample": (Subsample(2), lambda X: np.array([[X[i, j] for j in (0, 2, 4, 6)] for i in (0, 2, 4)])),
    "subsample 3 x 1": (Subsample((3, 1)), lambda X: X[[0, 3]]),
    "subsample channels": (Subsample(3, channels=2), lambda X: X[[0, 3]][:, [0, 3, 4, 7]]),
    "nothing": (Compose(()), lambda X: X),
    "coarse camera": (Compose([Blur(KERNEL), Subsample(2)]), lambda X: blurred(X)[::2, ::2]),
    "entries of a blur": (Compose([Blur(KERNEL), Sample(ROWS, COLS)]), lambda X: blurred(X)[ROWS, COLS]),
    "nested": (
        Compose([Compose([Blur(KERNEL), Subsample(2)]), Sensing(SENSING[:, :3, :4])]),
        lambda X: np.einsum("qij,ij->q", SENSING[:, :3, :4], blurred(X)[::2, ::2]),
    ),
}


@pytest.fixture(params=OPERATORS.values(), ids=list(OPERATORS))
def case(request):
    return request.param


def test_against_numpy_and_scipy(case):
    operator, reference = case
    X = np.random.default_rng(1).normal(size=(M, N))
    np.testing.assert_allclose(operator(jnp.asarray(X)), reference(X), rtol=1e-12, atol=1e-13)


def test_adjoint(case):
    """`<A(X), Y> = <X, A'(Y)>`, and A' is what reverse mode applies."""
    operator, _ = case
    rng = np.random.default_rng(2)
    X = jnp.asarray(rng.normal(size=(M, N)))
    Y = jnp.asarray(rng.normal(size=operator(X).shape))
    (adjoint,) = jax.linear_transpose(operator, X)(Y)
    assert adjoint.shape == X.shape
    np.testing.assert_allclose(jnp.vdot(operator(X), Y), jnp.vdot(X, adjoint), rtol=1e-12)
    _, pullback = jax.vjp(operator, X)
    np.testing.assert_allclose(pullback(Y)[0], adjoint, rtol=1e-13, atol=1e-14)


def test_dtype_is_kept(case):
    operator, _ = case
    single = jax.tree.map(lambda leaf: leaf.astype("float32") if leaf.dtype == "float64" else leaf, operator)
    assert jax.eval_shape(single, jnp.ones((M, N), "float32")).dtype == "float32"


def test_some_of_the_measurements(case):
    operator, _ = case
    X = jnp.asarray(np.random.default_rng(3).normal(size=(M, N)))
    index = jnp.array([3, 0, 0])
    np.testing.assert_array_equal(picked(operator, index)(X), jnp.ravel(operator(X))[index])
    again = picked(picked(operator, index), jnp.array([2, 0]))
    np.testing.assert_array_equal(again(X), jnp.ravel(operator(X))[jnp.array([0, 3])])


@settings(max_examples=25, deadline=None)
@given(st.floats(-9, 9), st.sampled_from(["edge", "reflect", "symmetric", "wrap"]))
def test_a_kernel_of_sum_one_keeps_what_is_constant(value, boundary):
    operator = Blur(np.full((3, 3), 1 / 9), boundary)
    np.testing.assert_allclose(operator(jnp.full((M, N), value)), value, rtol=1e-13, atol=1e-14)


ERRORS = {
    "one sensing matrix": (lambda: Sensing(np.ones((2, 3))), r"shape \(q, m, n\), got \(2, 3\)"),
    "even kernel": (lambda: Blur(np.ones((2, 3))), r"two axes of odd length.*got shape \(2, 3\).*zeros"),
    "one axis": (lambda: Blur(np.ones(3)), r"two axes of odd length.*got shape \(3,\)"),
    "every zeroth": (lambda: Subsample(0), "every 1st, 2nd, ... can be kept, got factor=0"),
    "channels of a blur": (
        lambda: Blur(np.ones((1, 1)), channels=3)(jnp.ones((2, 4))),
        "cannot be cut into 3 channels",
    ),
    "channels": (lambda: Subsample(1, channels=3)(jnp.ones((2, 4))), "4 columns cannot be cut into 3 channels"),
}


@pytest.mark.parametrize(("make", "message"), ERRORS.values(), ids=ERRORS)
def test_bad_input_is_refused_in_words(make, message):
    with pytest.raises(ValueError, match=message):
        make()
