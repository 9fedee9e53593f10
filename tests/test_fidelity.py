import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import log_loss, mean_absolute_error, mean_squared_error

from matmend.fidelity import Huber, absolute, bernoulli, squared

vectors = hnp.arrays(np.float64, 6, elements=st.floats(-30, 30))
labels = hnp.arrays(np.float64, 6, elements=st.sampled_from([0.0, 1.0]))
FIDELITIES = [squared, absolute, Huber(), Huber(delta=0.25), bernoulli]


@settings(max_examples=25, deadline=None)
@given(vectors, vectors)
def test_squared_and_absolute_average_to_the_usual_errors(p, t):
    np.testing.assert_allclose(np.mean(squared(jnp.asarray(p), jnp.asarray(t))), mean_squared_error(t, p), rtol=1e-12)
    np.testing.assert_allclose(np.mean(absolute(jnp.asarray(p), jnp.asarray(t))), mean_absolute_error(t, p), rtol=1e-12)


@pytest.mark.parametrize("delta", [0.1, 1.0, 5.0])
@settings(max_examples=25, deadline=None)
@given(vectors, vectors)
def test_huber_is_scipys(delta, p, t):
    loss = Huber(delta)(jnp.asarray(p), jnp.asarray(t))
    np.testing.assert_allclose(loss, scipy.special.huber(delta, p - t), rtol=1e-12, atol=1e-300)


@settings(max_examples=25, deadline=None)
@given(vectors, labels)
def test_bernoulli_is_the_negative_log_likelihood(p, t):
    loss = np.asarray(bernoulli(jnp.asarray(p), jnp.asarray(t)))
    np.testing.assert_allclose(loss, -scipy.special.log_expit(np.where(t == 1, p, -p)), rtol=1e-12, atol=1e-13)
    likelihood = scipy.stats.bernoulli.logpmf(t.astype(int), scipy.special.expit(np.clip(p, -9, 9)))
    clipped = bernoulli(jnp.asarray(np.clip(p, -9, 9)), jnp.asarray(t))
    np.testing.assert_allclose(clipped, -likelihood, rtol=1e-10, atol=1e-11)


def test_bernoulli_is_the_log_loss_of_scikit_learn():
    rng = np.random.default_rng(0)
    p, t = rng.normal(size=50), rng.integers(0, 2, 50)
    loss = bernoulli(jnp.asarray(p), jnp.asarray(t.astype(float)))
    np.testing.assert_allclose(np.mean(loss), log_loss(t, scipy.special.expit(p)), rtol=1e-12)


def test_bernoulli_of_extreme_logits_is_finite():
    p = jnp.array([800.0, -800.0, 800.0, -800.0])
    loss = bernoulli(p, jnp.array([1.0, 0.0, 0.0, 1.0]))
    assert loss.tolist() == [0.0, 0.0, 800.0, 800.0]


DERIVATIVES = {
    "squared": (squared, lambda p, t: 2 * (p - t)),
    "absolute": (absolute, lambda p, t: np.sign(p - t)),  # 0 at 0, a subgradient
    "huber": (Huber(0.5), lambda p, t: np.clip(p - t, -0.5, 0.5)),
    "bernoulli": (bernoulli, lambda p, t: scipy.special.expit(p) - t),
}


@pytest.mark.parametrize(("fidelity", "derivative"), DERIVATIVES.values(), ids=DERIVATIVES.keys())
def test_derivatives(fidelity, derivative):
    rng = np.random.default_rng(0)
    t = rng.integers(0, 2, 40).astype(float)
    p = np.append(rng.normal(size=37), t[37:] + np.array([0.0, 0.5, -0.5]))  # also at no residual, and at Huber's seams
    gradient = jax.grad(lambda p: jnp.sum(fidelity(p, jnp.asarray(t))))(jnp.asarray(p))
    np.testing.assert_allclose(gradient, derivative(p, t), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("fidelity", FIDELITIES, ids=["squared", "absolute", "huber", "huber-0.25", "bernoulli"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_shape_and_dtype_are_kept(fidelity, dtype):
    out = jax.eval_shape(fidelity, *2 * [jax.ShapeDtypeStruct((2, 3), dtype)])
    assert (out.shape, out.dtype) == ((2, 3), np.dtype(dtype))


@pytest.mark.parametrize("delta", [0.0, -1.0, float("nan")])
def test_huber_needs_a_residual(delta):
    with pytest.raises(ValueError, match="delta is a residual > 0, got"):
        Huber(delta)
