import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from matmend.matrix import AbstractMatrix

SHAPE = (6, 8)


@eqx.filter_jit
def start(representation, key, dtype):
    return representation.init(SHAPE, key=key, dtype=dtype)


@eqx.filter_jit
def value_and_grad(representation, params):
    return jax.value_and_grad(lambda p: jnp.sum(jnp.sin(representation(p).dense())))(params)


def init(case, seed=0, dtype="float64"):
    return start(case.representation, jax.random.key(seed, impl="rbg"), np.dtype(dtype))


def test_init_makes_a_matrix_of_the_shape_asked_for(representation_case):
    X = representation_case.representation(init(representation_case))
    assert isinstance(X, AbstractMatrix)
    assert X.shape == X.dense().shape == SHAPE
    assert np.isfinite(X.dense()).all()


def test_dtype_is_kept(representation_case, dtype):
    representation = representation_case.representation
    params = jax.eval_shape(lambda key: representation.init(SHAPE, key=key, dtype=dtype), jax.random.key(0))
    X = jax.eval_shape(representation, params)
    gradients = jax.eval_shape(jax.grad(lambda p: jnp.sum(representation(p).dense())), params)
    assert {leaf.dtype for leaf in jax.tree.leaves((params, X, gradients))} == {dtype}


def test_same_key_same_bits_and_another_key_another_start(representation_case):
    first, again, other = (init(representation_case, seed) for seed in (0, 0, 1))
    assert all(map(np.array_equal, jax.tree.leaves(first), jax.tree.leaves(again)))
    differ = any(not np.array_equal(a, b) for a, b in zip(jax.tree.leaves(first), jax.tree.leaves(other), strict=True))
    assert differ == representation_case.is_random


def test_gradients_are_those_of_finite_differences(representation_case):
    representation, h = representation_case.representation, 1e-6
    params = jax.tree.map(lambda leaf: leaf + 0.3, init(representation_case))
    rng = np.random.default_rng(0)
    direction = jax.tree.map(lambda leaf: rng.normal(size=leaf.shape), params)
    ahead, behind = (jax.tree.map(lambda x, d, s=s: x + s * d, params, direction) for s in (h, -h))
    slope = (value_and_grad(representation, ahead)[0] - value_and_grad(representation, behind)[0]) / (2 * h)
    _, gradients = value_and_grad(representation, params)
    expected = sum(jax.tree.leaves(jax.tree.map(np.vdot, gradients, direction)))
    np.testing.assert_allclose(slope, expected, rtol=1e-6)


def test_vmap_equals_a_loop(representation_case):
    starts = [init(representation_case, seed) for seed in range(3)]
    params = jax.tree.map(lambda *leaves: np.stack(leaves), *starts)
    together = jax.vmap(lambda p: value_and_grad(representation_case.representation, p))(params)
    one_by_one = [value_and_grad(representation_case.representation, p) for p in starts]
    one_by_one = jax.tree.map(lambda *leaves: np.stack(leaves), *one_by_one)
    for a, b in zip(jax.tree.leaves(together), jax.tree.leaves(one_by_one), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-13)
