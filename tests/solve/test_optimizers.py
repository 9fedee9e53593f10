"""Optimizers: made once per setting, and true to their formula."""

import jax
import jax.numpy as jnp
import numpy as np

from matmend.solve import adam


def test_one_object_per_learning_rate_however_it_is_written():
    assert adam() is adam(1e-3) is adam(learning_rate=0.001)
    assert adam(1e-2) is not adam(1e-3)


def test_adam_follows_the_paper_of_kingma_and_ba():
    rate, b1, b2, eps = 0.1, 0.9, 0.999, 1e-8
    gradients = np.random.default_rng(0).normal(size=(20, 3))
    optim = adam(rate)
    x, m, v = np.zeros(3), np.zeros(3), np.zeros(3)
    actual = jnp.zeros(3)
    opt_state = optim.init(actual)
    for t, g in enumerate(gradients, start=1):
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        x = x - rate * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + eps)
        with jax.numpy_dtype_promotion("standard"):
            updates, opt_state = optim.update(jnp.asarray(g), opt_state, actual)
        assert isinstance(updates, jnp.ndarray)
        actual = actual + updates
    np.testing.assert_allclose(actual, x, rtol=1e-12)
