import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from matmend.matrix import Dense
from matmend.regularizer import AdaptiveLaplacian, FivePointLaplacian, Scaled, Sum, TotalVariation, decompose
from matmend.transform import Transpose

SHAPE = (4, 5)
X = Dense(jnp.asarray(np.random.default_rng(0).normal(size=SHAPE)))


def init(regularizer, dtype="float64"):
    return regularizer.init(SHAPE, key=jax.random.key(0, impl="rbg"), dtype=np.dtype(dtype))


R, S, T = AdaptiveLaplacian(), AdaptiveLaplacian(Transpose()), TotalVariation()
COMPOSED = {
    "itself": (R, [(1, R)]),
    "scaled": (0.5 * R, [(0.5, R)]),
    "sum": (R + S, [(1, R), (1, S)]),
    "sum of three": (R + S + T, [(1, R), (1, S), (1, T)]),
    "sum of sums": ((R + S) + (T + R), [(1, R), (1, S), (1, T), (1, R)]),
    "scaled twice": (0.5 * (4 * T), [(2, T)]),
    "scaled sum": (0.5 * (0.1 * R + S) + 3 * T, [(0.05, R), (0.5, S), (3, T)]),
    "deep": (2 * (0.5 * (0.5 * (R + 3 * S) + T) + R), [(0.5, R), (1.5, S), (1, T), (2, R)]),
    "written out": (Sum((Sum((R,)), Sum(()), Scaled(0.5, S))), [(1, R), (0.5, S)]),
    "nothing": (Sum(), []),
    "scaled nothing": (0.5 * Sum(), []),
}


@pytest.mark.parametrize(("whole", "expected"), COMPOSED.values(), ids=COMPOSED.keys())
def test_decompose_flattens_and_multiplies_weights(whole, expected):
    params = init(whole)
    parts = decompose(whole, params)
    assert [part.regularizer for part in parts] == [regularizer for _, regularizer in expected]
    np.testing.assert_allclose([float(part.weight) for part in parts], [w for w, _ in expected], rtol=1e-15)
    flat = [leaf for part in parts for leaf in jax.tree.leaves(part.params)]
    assert all(a is b for a, b in zip(flat, jax.tree.leaves(params), strict=True))


@pytest.mark.parametrize("whole", [w for w, _ in COMPOSED.values()], ids=COMPOSED.keys())
def test_the_weighted_parts_add_up_to_the_energy(whole):
    params = init(whole)
    parts = decompose(whole, params)
    total = sum(float(part.weighted(part.energy(X))) for part in parts)
    np.testing.assert_allclose(eqx.filter_jit(whole.energy)(params, X), total, rtol=1e-13)
    by_hand = sum(float(part.weight) * float(part.regularizer.energy(part.params, X)) for part in parts)
    np.testing.assert_allclose(total, by_hand, rtol=1e-13)


def test_summands_draw_different_parameters():
    first, second = init(R + R)
    assert not np.array_equal(first, second)


@pytest.mark.parametrize(
    "weight",
    [2, 0.25, np.float64(0.25), np.float32(0.25), np.array(0.25), jnp.float32(0.25), jnp.asarray(0.25)],
    ids=repr,
)
def test_weights_of_all_kinds_multiply_in_any_nesting(weight):
    regularizer = weight * (0.5 * (jnp.float32(0.5) * T))
    assert isinstance(regularizer, Scaled)
    (part,) = decompose(regularizer, init(regularizer))
    assert float(part.weight) == 0.25 * float(weight)
    for dtype in ("float32", "float64"):
        energy = regularizer.energy((), Dense(X.dense().astype(dtype)))
        assert energy.dtype == np.dtype(dtype)
        plain = T.energy((), Dense(X.dense().astype(dtype)))
        np.testing.assert_allclose(energy, 0.25 * float(weight) * plain, rtol=1e-6)


def test_another_weight_costs_no_new_compilation():
    traces = []

    @jax.jit
    def energy(regularizer, X):
        traces.append(1)
        return regularizer.energy((), X)

    values = [float(energy(weight * FivePointLaplacian(), X)) for weight in (0.1, 0.2, 3, jnp.float32(2))]
    assert len(traces) == 1
    np.testing.assert_allclose(np.array(values) / values[0], [1, 2, 30, 20], rtol=1e-12)


def test_the_weight_can_be_differentiated():
    slope = jax.grad(lambda w: (w * T).energy((), X))(jnp.asarray(0.3))
    np.testing.assert_allclose(slope, T.energy((), X), rtol=1e-15)
