import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from matmend.observation import Entries
from matmend.problem import Problem
from matmend.regularizer import FactorPrior
from matmend.representation import Biased, DeepFactorization
from matmend.solve import SweepData
from matmend.solve.sweeps import start, sweep

M, N, E, RANK = 50, 30, 700, 2


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_what_divides_the_loss_is_no_part_of_the_model(temperature):
    """A loss divided by 700 with a regularizer divided by 700 has the same minimum, and the same posterior."""
    rng = np.random.default_rng(0)
    triplets = rng.integers(0, M, E), rng.integers(0, N, E), rng.normal(size=E)
    prior = FactorPrior(axis=0, width=RANK + 2) + FactorPrior(axis=1, width=RANK + 2)

    @eqx.filter_jit
    def swept(problem, data):
        state = start(problem, key=jax.random.key(0))
        for _ in range(2):  # the second sees what the regularizer learned in the first
            state = sweep(problem.regularizer, data, state, jnp.asarray(temperature))
        return state

    found = []
    for normalizer in (1.0, 700.0):
        entries = Entries.from_triplets(*triplets, shape=(M, N), normalizer=normalizer)
        problem = Problem(entries, Biased(DeepFactorization(depth=2, width=RANK)), 3.0 / normalizer * prior)
        found.append(swept(problem, SweepData.from_entries(entries)))
    one, other = found
    np.testing.assert_allclose(one.X.dense(), other.X.dense(), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(one.variance, other.variance, rtol=1e-6)
    assert np.abs(one.X.dense()).max() > 0.1
