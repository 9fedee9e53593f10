"""What every regularizer for alternating least squares owes: its normal equations are those of its energy."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _sweeps import features, jittered

from matmend.matrix import LowRank
from matmend.regularizer import AbstractQuadratic, EdgeLaplacian, FactorPrior, TotalSoftmax, quadratic_parts, updated
from matmend.transform import Centred, Identity, Transpose

M, N, WIDTH, ONES = 7, 6, 4, (3, 2)

QUADRATICS = {
    "prior": FactorPrior(axis=0, width=WIDTH, ridge=0.3),
    "prior-columns": FactorPrior(axis=1, width=WIDTH),
    "prior-features": FactorPrior(axis=0, width=WIDTH, features=features(M, 3)[0], link_ridge=0.7),
    "edges-columns": EdgeLaplacian(Transpose(), TotalSoftmax(), num_neighbors=3, include_self=True),
    "edges-centred": EdgeLaplacian(Centred(Identity()), num_neighbors=3),
    "edges-centred-columns": EdgeLaplacian(Centred(Transpose()), num_neighbors=3),
    "edges-still": EdgeLaplacian(num_neighbors=3, moves_features=False),
    "edges-still-centred-columns": EdgeLaplacian(Centred(Transpose()), num_neighbors=3, moves_features=False),
    "scaled-sum": 0.5 * (2.0 * FactorPrior(axis=1, width=WIDTH) + EdgeLaplacian(num_neighbors=3)),
}


@pytest.fixture(params=QUADRATICS.values(), ids=list(QUADRATICS), scope="module")
def case(request):
    regularizer, rng = request.param, np.random.default_rng(0)
    X = LowRank(jnp.asarray(rng.normal(size=(M, WIDTH))), jnp.asarray(rng.normal(size=(N, WIDTH))), ONES)
    X = LowRank(X.U.at[:, ONES[0]].set(1), X.V.at[:, ONES[1]].set(1), ONES)
    params = regularizer.refresh(regularizer.init(X.shape, key=jax.random.key(0), dtype=jnp.float64), X)
    move = eqx.partition(params, eqx.is_inexact_array)
    return regularizer, eqx.combine(jittered(move[0], 1), move[1]), X


@pytest.fixture(scope="module")
def slopes(case):
    """For both factors what the normal terms say, and half the derivative of the energy: compiled once."""
    regularizer, params, X = case

    def of_terms(params, X, axis):
        U = X.U if axis == 0 else X.V
        found = jnp.zeros_like(U)
        for weight, part, own in quadratic_parts(regularizer, params, jnp.ones((), U.dtype)):
            assert isinstance(part, AbstractQuadratic)
            terms = part.normal_terms(own, X, axis)
            slopes = terms.ridge * U + U @ terms.shared - terms.rhs
            assert (terms.gram is None) == (terms.gram_weight is None)
            if terms.gram is not None and terms.gram_weight is not None:
                slopes += terms.gram_weight[:, None] * (U @ terms.gram)
            found += weight * slopes
            assert terms.ridge.dtype == terms.rhs.dtype == terms.shared.dtype == U.dtype
        return found

    @eqx.filter_jit
    def both(params, X):
        gradient = jax.grad(lambda X: regularizer.energy(params, X))(X)
        return [(of_terms(params, X, 0), gradient.U / 2), (of_terms(params, X, 1), gradient.V / 2)]

    return both(params, X)


@pytest.mark.parametrize("axis", [0, 1])
def test_normal_terms_are_half_the_derivative_of_the_energy(slopes, axis):
    found, expected = (np.asarray(x) for x in slopes[axis])
    free = np.arange(WIDTH) != ONES[axis]  # what is constant is not solved for
    np.testing.assert_allclose(found[:, free], expected[:, free], rtol=1e-10, atol=1e-12)


@eqx.filter_jit
def after(regularizer, params, X, key, variance):
    return updated(regularizer, params, X, key=key, variance=variance)


def test_an_update_at_no_noise_keeps_shapes_and_raises_no_energy(case):
    regularizer, params, X = case
    new = after(regularizer, params, X, jax.random.key(1), jnp.zeros(()))
    assert jax.tree.structure(new) == jax.tree.structure(params)
    assert [(x.shape, x.dtype) for x in jax.tree.leaves(new)] == [(x.shape, x.dtype) for x in jax.tree.leaves(params)]
    if not isinstance(regularizer, EdgeLaplacian):  # whose graph is learned by a step, which may go too far
        assert float(regularizer.energy(new, X)) <= float(regularizer.energy(params, X)) * (1 + 1e-12)


def test_the_same_key_draws_the_same(case):
    regularizer, params, X = case
    one, again, other = (after(regularizer, params, X, jax.random.key(seed), jnp.ones(())) for seed in (1, 1, 2))
    assert all(map(np.array_equal, jax.tree.leaves(one), jax.tree.leaves(again)))
    if not isinstance(regularizer, EdgeLaplacian):
        assert not all(map(np.array_equal, jax.tree.leaves(one), jax.tree.leaves(other)))
