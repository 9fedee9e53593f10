import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from matmend.fidelity import Huber
from matmend.matrix import Dense, LowRank
from matmend.observation import Entries, Masked
from matmend.problem import Problem
from matmend.regularizer import AdaptiveLaplacian, TotalVariation
from matmend.representation import DeepFactorization, Direct
from matmend.transform import Transpose

M, N = 4, 6


def make(dtype="float64", **options):
    values = np.random.default_rng(0).normal(size=(M, N)).astype(dtype)
    mask = np.random.default_rng(1).random((M, N)) < 0.7
    regularizer = 0.1 * AdaptiveLaplacian() + 0.5 * (0.2 * AdaptiveLaplacian(Transpose()) + TotalVariation())
    problem = Problem(
        Masked.from_array(values, mask),
        DeepFactorization(depth=2),
        regularizer,
        heldout=Masked.from_array(values, ~mask),
        **options,
    )
    return problem, values, mask


def test_the_objective_is_the_sum_it_says_it_is():
    problem, values, mask = make()
    params = problem.init(key=jax.random.key(0))
    loss, terms = eqx.filter_jit(problem.objective)(params)
    W = [np.asarray(factor) for factor in params.representation]
    X = W[1] @ W[0]
    np.testing.assert_allclose(problem.matrix(params).dense(), X, rtol=1e-12, atol=1e-20)
    np.testing.assert_allclose(terms.fidelity, np.mean((X - values)[mask] ** 2), rtol=1e-12)
    assert terms.heldout is not None
    np.testing.assert_allclose(terms.heldout, np.mean((X - values)[~mask] ** 2), rtol=1e-12)
    assert len(terms.energies) == 3
    np.testing.assert_allclose(
        loss, terms.fidelity + np.dot([0.1, 0.1, 0.5], np.array([float(e) for e in terms.energies])), rtol=1e-12
    )
    whole = problem.regularizer.energy(params.regularizer, Dense(jnp.asarray(X)))
    np.testing.assert_allclose(loss, terms.fidelity + whole, rtol=1e-12)
    assert loss == terms.loss


def test_all_parameters_get_a_gradient_and_keep_their_dtype():
    for dtype in ("float32", "float64"):
        problem, *_ = make(dtype)
        params = jax.eval_shape(lambda key, p=problem: p.init(key=key), jax.random.key(0))
        gradients, terms = jax.eval_shape(jax.grad(problem.objective, has_aux=True), params)
        assert jax.tree.structure(gradients) == jax.tree.structure(params)
        assert {leaf.dtype for leaf in jax.tree.leaves((params, gradients, terms))} == {np.dtype(dtype)}


def test_regularizer_and_representation_draw_from_different_keys():
    """Both draw a 3 x 3 Gaussian matrix here: from one key they would be equal."""
    learned = AdaptiveLaplacian(logit_init=jax.nn.initializers.normal(1.0))
    problem = Problem(Masked.from_array(np.ones((3, 3))), Direct(scale=1.0), learned)
    params = problem.init(key=jax.random.key(0))
    assert not np.isclose(params.representation, params.regularizer).any()


def test_without_regularizer_and_held_out_entries():
    values = np.arange(6.0).reshape(2, 3)
    problem = Problem(Masked.from_array(values), Direct())
    loss, terms = problem.objective(problem.init(key=jax.random.key(0)))
    np.testing.assert_allclose(loss, np.mean(values**2), rtol=1e-15)
    assert (terms.energies, terms.heldout) == ((), None)


def test_a_batch_replaces_the_observation_and_nothing_else():
    problem, values, _ = make()
    params = problem.init(key=jax.random.key(0))
    batch = Entries.from_triplets([0], [1], values[:1, 1], shape=(M, N))
    objective = eqx.filter_jit(problem.objective)
    loss, terms = objective(params, batch)
    _, full = objective(params)
    X = np.asarray(problem.matrix(params).dense())
    np.testing.assert_allclose(terms.fidelity, (X[0, 1] - values[0, 1]) ** 2, rtol=1e-12)
    np.testing.assert_allclose(loss - terms.fidelity, full.loss - full.fidelity, rtol=1e-9)
    assert terms.heldout == full.heldout


def test_fidelity_is_exchangeable():
    problem, values, mask = make(fidelity=Huber(0.3))
    _, terms = problem.objective(problem.init(key=jax.random.key(0)))
    r = np.abs(values[mask])  # X is 1e-6 small at the start
    np.testing.assert_allclose(terms.fidelity, np.mean(np.where(r <= 0.3, r**2 / 2, 0.3 * (r - 0.15))), rtol=1e-3)


def test_a_thin_problem_never_forms_the_matrix():
    m = n = 50_000
    observation = Entries.from_triplets([0, m - 1], [n - 1, 0], np.array([1.0, 2.0], np.float32), shape=(m, n))
    problem = Problem(observation, DeepFactorization(depth=3, width=2))
    params = jax.eval_shape(lambda key: problem.init(key=key), jax.random.key(0))
    assert isinstance(eqx.filter_eval_shape(problem.matrix, params), LowRank)
    jaxpr = jax.make_jaxpr(jax.grad(problem.objective, has_aux=True))(params)
    assert f"[{m},{n}]" not in str(jaxpr)
    assert f"[{m},2]" in str(jaxpr)  # the way shapes are printed


def test_held_out_entries_belong_to_the_same_matrix():
    with pytest.raises(ValueError, match=r"belong to one matrix, got shapes \(2, 3\) and \(3, 2\)"):
        Problem(Masked.from_array(np.ones((2, 3))), Direct(), heldout=Masked.from_array(np.ones((3, 2))))
