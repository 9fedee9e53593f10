import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from matmend.fidelity import Huber
from matmend.observation import ArrangedEntries, Entries
from matmend.problem import Problem
from matmend.regularizer import FactorPrior, Features
from matmend.representation import Biased, DeepFactorization

M, N, E, RANK = 60, 40, 900, 3


@pytest.fixture(scope="module")
def entries():
    rng = np.random.default_rng(0)
    values, weights = rng.normal(size=E), rng.uniform(0.5, 2, E)
    return Entries.from_triplets(rng.integers(0, M, E), rng.integers(0, N, E), values, shape=(M, N), weights=weights)


def problem(observation):
    made = ArrangedEntries.from_entries(observation) if isinstance(observation, Entries) else observation
    features = Features.pattern(made.by_row, made.by_col)
    prior = FactorPrior(axis=0, width=RANK + 2, features=features) + FactorPrior(axis=1, width=RANK + 2)
    return Problem(observation, Biased(DeepFactorization(depth=3, width=RANK)), 0.01 * prior, fidelity=Huber(0.5))


def test_the_objective_of_deep_factors_with_biases_has_the_gradient_of_the_list(entries):
    listed, arranged = problem(entries), problem(ArrangedEntries.from_entries(entries))
    params = jax.tree.map(lambda x: x + 0.1, listed.init(key=jax.random.key(0)))

    @eqx.filter_jit
    def both(listed, arranged, params):
        return [jax.value_and_grad(lambda p, one: one.objective(p)[0])(params, one) for one in (listed, arranged)]

    expected, found = both(listed, arranged, params)
    assert all(np.abs(g).max() > 0 for g in jax.tree.leaves(found[1].representation))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-13), found, expected)
    # What says how much the rows may scatter is no parameter of gradient descent: the objective has no minimum in it.
    ridges = [g for prior in found[1].regularizer for g in (prior.ridge, prior.link_ridge)]
    assert all((np.asarray(g) == 0).all() for g in ridges)


def test_batches_are_those_of_the_list(entries):
    key = jax.random.key(3)
    jax.tree.map(
        np.testing.assert_array_equal, ArrangedEntries.from_entries(entries).batch(key, 50), entries.batch(key, 50)
    )


def test_a_sum_in_float32_keeps_its_digits():
    """Half a million entries: the sum over them would be off by 1e-4 if it were taken one by one."""
    rng = np.random.default_rng(0)
    rows, cols = np.divmod(rng.permutation(2_000_000)[:500_000], 1000)
    values = rng.normal(size=rows.size).astype(np.float32)
    observation = ArrangedEntries.from_entries(Entries.from_triplets(rows, cols, values, shape=(2000, 1000)))
    zero = Biased(DeepFactorization(depth=2, width=1))
    params = jax.tree.map(jnp.zeros_like, zero.init((2000, 1000), key=jax.random.key(0), dtype=jnp.float32))
    loss = eqx.filter_jit(lambda o, p: o.loss(zero(p), lambda p, t: (p - t) ** 2))(observation, params)
    np.testing.assert_allclose(loss, np.mean(values.astype(np.float64) ** 2), rtol=2e-6)
