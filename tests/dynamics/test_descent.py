import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from matmend.dynamics import descend
from matmend.observation import Masked
from matmend.problem import Problem
from matmend.representation import DeepFactorization
from matmend.solve import solve


def batch(num_problems, depth, *, std=0.3, shape=(4, 5), width=3, seed=0):
    rng = np.random.default_rng(seed)
    m, n = shape
    M = rng.normal(size=(num_problems, m, 2)) @ rng.normal(size=(num_problems, 2, n))
    mask = rng.random((num_problems, m, n)) < 0.7
    sizes = [n, *[width] * (depth - 1), m]
    factors = tuple(std * rng.normal(size=(num_problems, rows, cols)) for cols, rows in itertools.pairwise(sizes))
    return M, mask, factors


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_equals_gradient_descent_by_autodiff(depth):
    M, mask, factors = batch(3, depth)
    eta = 0.02

    def loss(factors, M, mask):
        X = factors[0]
        for W in factors[1:]:
            X = W @ X
        return 0.5 * jnp.sum(jnp.where(mask, X - M, 0) ** 2)

    expected = tuple(jnp.asarray(W) for W in factors)
    for _ in range(7):
        gradients = jax.vmap(jax.grad(loss))(expected, M, mask)
        expected = jax.tree.map(lambda W, G: W - eta * G, expected, gradients)
    done = descend(np.where(mask, M, np.nan), mask, factors, learning_rate=eta, max_steps=7)
    for W, E in zip(done.factors, expected, strict=True):
        np.testing.assert_allclose(W, E, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(done.loss, jax.vmap(loss)(expected, M, mask), rtol=1e-12)
    assert done.steps.tolist() == [7, 7, 7]


def test_equals_the_solver_on_the_same_problem():
    M, mask, _ = batch(1, 2, seed=3)
    observation = Masked.from_array(np.where(mask[0], M[0], np.nan), normalizer=2.0)
    problem = Problem(observation, DeepFactorization(depth=2))
    solution = solve(problem, optax.sgd(0.01), key=jax.random.key(1), max_steps=50)
    start = solve(problem, optax.sgd(0.01), key=jax.random.key(1), max_steps=0)
    factors = tuple(W[None] for W in start.params.representation)
    done = descend(M, mask, factors, learning_rate=0.01, max_steps=50)
    np.testing.assert_allclose(done.X[0], solution.X.dense(), rtol=1e-11, atol=1e-13)


def test_every_problem_ends_by_itself_and_stays_there():
    M, mask, factors = batch(70, 2, std=1e-3)
    tol = np.geomspace(1e-2, 1e-10, 70)
    together = descend(M, mask, factors, tol=tol, max_steps=25_000)
    assert bool(jnp.all(together.loss[together.has_converged] < tol[together.has_converged]))
    assert int(together.has_converged.sum()) > 50
    assert len(set(together.steps.tolist())) > 50
    for index in (0, 33, 69):
        alone = descend(
            M[index : index + 1], mask[index], tuple(W[index : index + 1] for W in factors), tol=tol[index],
            max_steps=25_000,
        )  # fmt: skip
        assert int(alone.steps[0]) == int(together.steps[index])
        np.testing.assert_allclose(alone.X[0], together.X[index], rtol=1e-6, atol=1e-9)


def test_a_problem_that_diverges_spoils_no_other():
    M, mask, factors = batch(2, 2, std=1e-2)
    M[1] *= 100  # 0.05 is far above 1 / sigma_1
    with np.errstate(all="ignore"):
        done = descend(M, mask, factors, tol=1e-12, max_steps=20_000)
    assert not bool(done.has_converged[1])
    assert not bool(jnp.isfinite(done.loss[1]))
    alone = descend(M[:1], mask[:1], tuple(W[:1] for W in factors), tol=1e-12, max_steps=20_000)
    assert int(alone.steps[0]) == int(done.steps[0])


def test_the_start_itself_may_be_the_end():
    M, mask, factors = batch(2, 2)
    done = descend(M, mask, factors, max_steps=0)
    assert done.steps.tolist() == [0, 0]
    np.testing.assert_array_equal(done.factors[0], factors[0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"values": np.zeros((4, 5))}, "Expected values of shape"),
        ({"mask": np.ones((3, 3), bool)}, "Expected values of shape"),
        ({"factors": (np.zeros((2, 4, 5)),)}, "at least two factors"),
        ({"factors": (np.zeros((2, 3, 5)), np.zeros((2, 4, 2)))}, "do not form a chain"),
        ({"factors": (np.zeros((2, 17, 5)), np.zeros((2, 4, 17)))}, "Sides up to 16"),
        ({"values": np.full((2, 4, 5), np.nan)}, "NaN or infinite"),
        ({"learning_rate": 0.0}, "learning_rate > 0"),
        ({"tol": -1.0}, "tol >= 0"),
    ],
)
def test_bad_input_is_refused(change, message):
    given = {"values": np.zeros((2, 4, 5)), "mask": np.ones((4, 5), bool), "factors": (np.zeros((2, 3, 5)),
             np.zeros((2, 4, 3)))} | change  # fmt: skip
    with pytest.raises(ValueError, match=message):
        descend(given.pop("values"), given.pop("mask"), given.pop("factors"), **given)


def test_complete_blocks_get_the_least_nuclear_norm_and_the_start_says_what_lies_across():
    # Derived here: small balanced factors have |W|_* = sum of the blocks' norms, and two blocks of rank 1 meet at the
    # angle at which their first directions started.
    M = np.outer([1.0, 2.0, 3.0], [2.0, 1.0, 0.5])
    mask = np.array([[1, 0, 0], [0, 1, 1], [0, 1, 1]], dtype=bool)
    seeds, rng = 60, np.random.default_rng(0)
    B, A = (1e-8 * rng.normal(size=(seeds, 3, 3)) for _ in range(2))
    done = descend(np.repeat(M[None], seeds, axis=0), mask, (B, A), tol=1e-22)
    X = np.asarray(done.X)
    sigma = np.linalg.norm(M[1:, 1:])
    np.testing.assert_allclose(np.linalg.norm(X, "nuc", axis=(1, 2)), M[0, 0] + sigma, rtol=1e-7)

    u, v = M[1:, 1] / np.linalg.norm(M[1:, 1]), M[1, 1:] / np.linalg.norm(M[1, 1:])
    alone = A[:, 0] + B[:, :, 0]  # A' u + B v, where u and v are those of a block of one entry
    together = np.einsum("bik,i->bk", A[:, 1:], u) + np.einsum("bkj,j->bk", B[:, :, 1:], v)
    c = np.sum(alone * together, axis=1) / (np.linalg.norm(alone, axis=1) * np.linalg.norm(together, axis=1))
    learned = X[:, 0, 1:] @ v / np.sqrt(M[0, 0] * sigma)
    np.testing.assert_allclose(learned, c, atol=1e-8)
    np.testing.assert_allclose(X[:, 1:, 0] @ u / np.sqrt(M[0, 0] * sigma), c, atol=1e-8)
    assert np.ptp(c) > 1
