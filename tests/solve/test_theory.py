"""Problems whose solution is known."""

import jax
import jax.extend.core
import numpy as np
import optax
import pytest
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from matmend.observation import Masked
from matmend.problem import Problem, ProblemParams
from matmend.representation import DeepFactorization, Direct, Gaussian
from matmend.solve import (
    LossBelow,
    adam,
    init,
    solve,
)

KEY = jax.random.key(3)
VALUES = np.random.default_rng(4).normal(size=(5, 4))
MASK = np.arange(20).reshape(5, 4) % 3 != 1


def test_a_fully_observed_rank_1_matrix_is_found():
    X_true = np.outer([1.0, -2.0, 0.5, 1.5], [2.0, 1.0, -1.0])
    problem = Problem(Masked.from_array(X_true), DeepFactorization(depth=3, initialization=Gaussian(std=0.1)))
    X = solve(problem, optax.sgd(0.3), key=KEY, max_steps=20_000, every=5000, stop=LossBelow(1e-9)).X.dense()
    np.testing.assert_allclose(X, X_true, atol=1e-3)


def test_a_direct_matrix_fits_what_was_seen_and_leaves_the_rest_at_its_start():
    problem = Problem(Masked.from_array(VALUES, MASK), Direct(scale=1.0))
    start: ProblemParams = init(problem, adam(1e-2), key=KEY).params
    X = np.asarray(solve(problem, adam(1e-2), key=KEY, max_steps=2000, every=1000).X.dense())
    np.testing.assert_allclose(X[MASK], VALUES[MASK], atol=1e-6)
    np.testing.assert_allclose(X[~MASK], np.asarray(start.representation)[~MASK], rtol=1e-14)
    assert np.abs(X - VALUES)[~MASK].min() > 1e-3


gradient_descent = optax.sgd(1.0)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_small_start_completes_a_rank_1_matrix_whose_observed_entries_connect_it(seed: int):
    rng = np.random.default_rng(seed)
    signs = rng.choice([-1.0, 1.0], size=(2, 7))
    X_true = np.outer(signs[0] * rng.uniform(0.5, 1.5, 7), signs[1] * rng.uniform(0.5, 1.5, 7))
    mask = np.zeros((7, 7), dtype=bool)
    while connected_components(csr_array(np.block([[np.zeros((7, 7)), mask], [mask.T, np.zeros((7, 7))]])))[0] > 1:
        mask = rng.random((7, 7)) < 0.6
    assert mask.sum() < 36
    problem = Problem(Masked.from_array(X_true, mask), DeepFactorization(depth=2, initialization=Gaussian(std=1e-4)))
    X = solve(problem, gradient_descent, key=jax.random.key(seed), max_steps=10_000, every=10_000).X.dense()
    np.testing.assert_allclose(X, X_true, atol=1e-2)
