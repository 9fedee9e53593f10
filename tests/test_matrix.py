import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest

from matmend import matrix
from matmend.matrix import Dense, LowRank


def test_factors_must_share_their_second_axis(monkeypatch):
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)  # where it is on, it is the first to complain
    with pytest.raises(ValueError, match=r"share their second axis, got U \(3, 2\) and V \(4, 1\)"):
        LowRank(jnp.ones((3, 2)), jnp.ones((4, 1)))


def test_a_large_product_is_not_formed():
    side = int(matrix.DENSE_LIMIT**0.5) + 1
    X = LowRank(jnp.ones((side, 1)), jnp.ones((side, 1)))
    with pytest.raises(ValueError, match=r"more than DENSE_LIMIT = \d+ .*`at` or `sq_distances`"):
        X.dense()
    with pytest.raises(ValueError, match="DENSE_LIMIT"):
        jax.eval_shape(lambda X: X.dense(), X)
    last = jnp.array([side - 1])
    assert X.at(last, last).tolist() == [1.0]
    assert X.sq_distances(last, jnp.array([0]), axis=1).tolist() == [0.0]


def test_the_limit_itself_is_formed(monkeypatch):
    monkeypatch.setattr(matrix, "DENSE_LIMIT", 12)
    assert LowRank(jnp.ones((3, 1)), jnp.ones((4, 1))).dense().shape == (3, 4)
    with pytest.raises(ValueError, match="3 x 5 matrix has 15 entries"):
        LowRank(jnp.ones((3, 1)), jnp.ones((5, 1))).dense()


def test_thin_factors_are_read_without_forming_the_product():
    m, n, r = 5, 7, 2
    X = LowRank(jnp.ones((m, r)), jnp.ones((n, r)))
    index = jnp.array([0, 1, 2])
    for reading in (lambda X: X.at(index, index), lambda X: X.sq_distances(index, index, 0), lambda X: X.transpose()):
        shapes = [getattr(v.aval, "shape", ()) for eqn in jax.make_jaxpr(reading)(X).eqns for v in eqn.outvars]
        assert not any({m, n} <= set(shape) for shape in shapes)


def test_matrices_are_pytrees():
    for X in (Dense(jnp.ones((2, 3))), LowRank(jnp.ones((2, 1)), jnp.ones((3, 1)))):
        assert jax.jit(lambda X: X.transpose())(X).shape == (3, 2)
        doubled = jax.tree.map(lambda leaf: 2 * leaf, X)
        assert np.all(doubled.dense() == (2 if isinstance(X, Dense) else 4))


def test_columns_of_ones_move_with_their_factors():
    X = LowRank(jnp.ones((2, 3)), jnp.ones((4, 3)), (2, None))
    assert X.transpose().ones == (None, 2)
    assert X.transpose().transpose().ones == (2, None)
    assert jax.tree.map(lambda leaf: 2 * leaf, X).ones == (2, None)
    assert LowRank(X.U, X.V).ones == (None, None)
