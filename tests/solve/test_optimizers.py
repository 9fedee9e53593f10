"""Optimizers: made once per setting, and true to their formula."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from matmend.problem import ProblemParams
from matmend.solve import adam, annealed_adam, group_rmsprop


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


def test_group_rmsprop_has_one_step_size_for_all_parameters():
    rate, beta, eps = 0.1, 0.99, 1e-6
    rng = np.random.default_rng(0)
    gradients = [{"a": rng.normal(size=3), "b": rng.normal(size=(2, 2))} for _ in range(10)]
    optim, v = group_rmsprop(rate), 0.0
    state = optim.init(jax.tree.map(jnp.asarray, gradients[0]))
    for t, g in enumerate(gradients, start=1):
        v = beta * v + (1 - beta) * (np.sum(g["a"] ** 2) + np.sum(g["b"] ** 2))
        updates, state = optim.update(jax.tree.map(jnp.asarray, g), state)
        for actual, expected in zip(jax.tree.leaves(updates), (g["a"], g["b"]), strict=True):
            np.testing.assert_allclose(actual, -rate * expected / (np.sqrt(v / (1 - beta**t)) + eps), rtol=1e-12)


def test_annealed_adam_keeps_then_lowers_both_rates():
    params = ProblemParams(jnp.zeros(2), jnp.zeros(3))
    optim = annealed_adam(1e-2, 10, regularizer_rate=3e-2, hold=0.5)
    assert optim is annealed_adam(0.01, 10, regularizer_rate=0.03, hold=0.5)
    state = optim.init(params)
    lengths = []
    for _ in range(10):
        # A constant gradient makes Adam's steps as long as its rate.
        with jax.numpy_dtype_promotion("standard"):
            updates, state = optim.update(jax.tree.map(jnp.ones_like, params), state, params)
        lengths.append([-float(leaf[0]) for leaf in jax.tree.leaves(updates)])
    factors, logits = np.array(lengths).T
    np.testing.assert_allclose(logits, 3 * factors, rtol=1e-6)
    expected = [1e-2] * 5 + [1e-2 * (1 + np.cos(np.pi * k / 5)) / 2 for k in range(5)]
    np.testing.assert_allclose(factors, expected, rtol=1e-5)
    with pytest.raises(ValueError, match="from 0 to 1"):
        annealed_adam(1e-2, 10, hold=1.5)
