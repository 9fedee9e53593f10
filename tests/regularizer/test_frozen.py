import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array

from matmend.matrix import AbstractMatrix, Dense
from matmend.observation import Masked
from matmend.problem import Problem, ProblemParams
from matmend.regularizer import (
    AbstractRegularizer,
    AdaptiveLaplacian,
    CoordinateNetwork,
    FivePointLaplacian,
    GivenLaplacian,
    Sum,
    TotalSoftmax,
    TotalVariation,
    decompose,
    frozen,
)
from matmend.representation import Direct
from matmend.solve import adam, solve
from matmend.transform import Patches, Transpose

SHAPE = (4, 6)
LEARNED = {
    "rows": AdaptiveLaplacian(),
    "columns, total": AdaptiveLaplacian(Transpose(), TotalSoftmax()),
    "patches": AdaptiveLaplacian(Patches((2, 3))),
    "squared": AdaptiveLaplacian(power=2),
    "network, cubed": AdaptiveLaplacian(affinity=CoordinateNetwork(rank=4, width=8, depth=2), power=3),
    "scaled": 0.3 * AdaptiveLaplacian(),
    "sum": 0.5 * (0.1 * AdaptiveLaplacian() + TotalVariation()) + AdaptiveLaplacian(Transpose()) + FivePointLaplacian(),
}


def draw(regularizer, seed=0):
    params = regularizer.init(SHAPE, key=jax.random.key(seed), dtype=jnp.float64)
    return params, jnp.asarray(np.random.default_rng(seed).normal(size=SHAPE))


@pytest.mark.parametrize("regularizer", LEARNED.values(), ids=LEARNED)
def test_energy_and_its_gradient_in_the_matrix_stay_and_nothing_is_trained(regularizer):
    params, X = draw(regularizer)
    still = frozen(regularizer, params)
    empty = still.init(SHAPE, key=jax.random.key(1), dtype=jnp.float64)
    assert jax.tree.leaves(empty) == []
    value, gradient = jax.value_and_grad(lambda X: regularizer.energy(params, Dense(X)))(X)
    assert value > 0
    (still_value, (no_gradient, still_gradient)) = jax.value_and_grad(
        lambda p, X: still.energy(p, Dense(X)), argnums=(0, 1)
    )(empty, X)
    np.testing.assert_allclose(still_value, value, rtol=1e-14)
    np.testing.assert_allclose(still_gradient, gradient, rtol=1e-13, atol=1e-15)
    assert jax.tree.leaves(no_gradient) == []


@pytest.mark.parametrize("regularizer", LEARNED.values(), ids=LEARNED)
def test_summands_weights_and_laplacians_stay(regularizer):
    params, _ = draw(regularizer)
    still = frozen(regularizer, params)
    parts = decompose(regularizer, params)
    still_parts = decompose(still, still.init(SHAPE, key=jax.random.key(0), dtype=jnp.float64))
    assert [float(p.weight) for p in still_parts] == [float(p.weight) for p in parts]
    for part, still_part in zip(parts, still_parts, strict=True):
        if isinstance(part.regularizer, AdaptiveLaplacian):
            assert isinstance(still_part.regularizer, GivenLaplacian)
            L, still_L = part.regularizer.laplacian(part.params), still_part.regularizer.laplacian()
            np.testing.assert_array_equal(still_L, L)
        else:
            assert still_part.regularizer == part.regularizer


def test_what_has_nothing_to_learn_is_handed_back():
    for regularizer in (TotalVariation(), GivenLaplacian(np.ones((4, 4))), Sum()):
        params, _ = draw(regularizer)
        assert frozen(regularizer, params) is regularizer or regularizer == frozen(regularizer, params)


def test_training_goes_on_from_where_it_was_with_the_graph_of_that_step():
    observation = Masked.from_array(draw(Sum())[1], np.arange(24).reshape(SHAPE) % 3 != 1)
    learned = Problem(observation, Direct(scale=1.0), 0.1 * AdaptiveLaplacian() + 0.1 * AdaptiveLaplacian(Transpose()))
    key, optim = jax.random.key(0), adam(1e-2)
    before = solve(learned, optim, key=key, max_steps=20, every=10)
    graphs = frozen(learned.regularizer, before.params.regularizer)
    fixed = Problem(observation, Direct(scale=1.0), graphs)
    empty = graphs.init(SHAPE, key=key, dtype=jnp.float64)
    # Wherever the state has parameters, the optimizer's memory included.
    state = jax.tree.map(
        lambda node: node._replace(regularizer=empty) if isinstance(node, ProblemParams) else node,
        before.state,
        is_leaf=lambda node: isinstance(node, ProblemParams),
    )
    after = solve(fixed, optim, key=key, max_steps=40, every=10, state=state)
    assert jax.tree.leaves(after.params.regularizer) == []
    assert int(after.state.step) == 40
    terms = fixed.objective(after.params)[1]
    at_the_old_graphs = learned.objective(after.params._replace(regularizer=before.params.regularizer))[1]
    for a, b in zip(terms.energies, at_the_old_graphs.energies, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-13)
    # The first step is that of the learned run, whose gradient in X is the same; later ones are not.
    one_frozen = solve(fixed, optim, key=key, max_steps=21, every=10, state=state)
    one_learned = solve(learned, optim, key=key, max_steps=21, every=10, state=before.state)
    np.testing.assert_allclose(one_frozen.X.dense(), one_learned.X.dense(), rtol=1e-12)
    learned_after = solve(learned, optim, key=key, max_steps=40, every=10, state=before.state)
    assert np.abs(learned_after.X.dense() - after.X.dense()).max() > 1e-6


def test_many_at_once():
    R = 0.1 * AdaptiveLaplacian()
    drawn = [draw(R, seed) for seed in range(3)]
    params, X = jax.tree.map(lambda *leaves: jnp.stack(leaves), *drawn)
    graphs = jax.vmap(lambda p: frozen(R, p))(params)
    together = jax.vmap(lambda r, X: r.energy((), Dense(X)))(graphs, X)
    np.testing.assert_allclose(together, [R.energy(p, Dense(x)) for p, x in drawn], rtol=1e-13)


class Unknown(AbstractRegularizer):
    """A regularizer that has a parameter, of which `frozen` knows nothing."""

    def init(self, shape, *, key, dtype) -> Array:
        return jnp.ones((), dtype)

    def energy(self, params, X: AbstractMatrix) -> Array:
        return params * jnp.sum(X.dense())


def test_what_it_does_not_know_is_refused():
    params, _ = draw(Unknown())
    with pytest.raises(ValueError, match="Cannot freeze Unknown: it has parameters"):
        frozen(0.5 * Unknown(), params)
