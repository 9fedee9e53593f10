from functools import reduce
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from matmend.matrix import Dense, LowRank
from matmend.representation import DeepFactorization

inner_sizes = st.lists(st.integers(1, 7), max_size=4).map(tuple)


def factors_of(sizes, seed=0):
    rng = np.random.default_rng(seed)
    return tuple(jnp.asarray(rng.normal(size=(rows, cols))) for cols, rows in pairwise(sizes))


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 7), st.integers(1, 7), inner_sizes)
def test_the_product_in_whatever_order_is_the_naive_product(m, n, inner):
    deep = DeepFactorization(depth=len(inner) + 1, width=inner)
    factors = factors_of(deep.sizes((m, n)))
    naive = reduce(lambda X, W: np.asarray(W) @ X, factors, np.eye(n))
    X = deep(factors)
    assert X.shape == (m, n)
    np.testing.assert_allclose(X.dense(), naive, rtol=1e-10, atol=1e-11)


@example(4, 4, (2,))  # as many numbers in the factors as in the matrix: not thin
@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.lists(st.integers(1, 30), max_size=4).map(tuple))
def test_low_rank_exactly_when_thin(m, n, inner):
    deep = DeepFactorization(depth=len(inner) + 1, width=inner)
    params = tuple(jax.ShapeDtypeStruct(W.shape, "float32") for W in factors_of(deep.sizes((m, n))))
    X = jax.eval_shape(deep, params)
    thin = bool(inner) and min(inner) * (m + n) < m * n
    assert isinstance(X, LowRank if thin else Dense)
    if isinstance(X, LowRank):
        assert X.U.shape == (m, min(inner))
        assert X.V.shape == (n, min(inner))


@pytest.mark.parametrize(
    ("depth", "width", "sizes"),
    [
        (1, None, (6, 4)),
        (3, None, (6, 4, 4, 4)),
        (3, 2, (6, 2, 2, 4)),
        (3, (5, 3), (6, 5, 3, 4)),
        (1, 7, (6, 4)),
        (1, (), (6, 4)),
    ],
)
def test_sizes_run_from_columns_to_rows(depth, width, sizes):
    deep = DeepFactorization(depth=depth, width=width)
    assert deep.sizes((4, 6)) == sizes
    factors = jax.eval_shape(lambda key: deep.init((4, 6), key=key, dtype=jnp.float32), jax.random.key(0))
    assert [W.shape for W in factors] == [W.shape for W in factors_of(sizes)]


def test_the_product_is_cut_in_the_cheapest_order():
    """(100 x 100)(100 x 100)(100 x 1) is two products with a vector, not one of two squares."""
    text = str(jax.make_jaxpr(lambda f: DeepFactorization(depth=3)(f).dense())(factors_of((1, 100, 100, 100))))
    assert text.count("dot_general") == 2
    assert "f64[100,100] = dot_general" not in text


def test_gradient_descent_on_a_deep_diagonal_follows_the_power_law():
    """For X = w^L (1 x 1), dX/dt = -L X^(2 - 2/L) dloss/dX: the implicit bias, in its smallest case."""
    depth, w = 3, 0.7
    params = tuple(jnp.full((1, 1), w) for _ in range(depth))
    deep = DeepFactorization(depth=depth)
    gradients = jax.grad(lambda p: jnp.sum(deep(p).dense()))(params)
    growth = sum(float(jnp.vdot(g, g)) for g in gradients)
    np.testing.assert_allclose(growth, depth * (w**depth) ** (2 - 2 / depth), rtol=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"depth": 0}, "at least one factor, got depth=0"),
        ({"depth": 3, "width": (2,)}, r"Depth 3 has 2 inner sizes, got 1 in width=\(2,\)"),
        ({"depth": 1, "width": (2,)}, "Depth 1 has 0 inner sizes, got 1"),
        ({"depth": 2, "width": 0}, "Inner sizes are at least 1, got width=0"),
        ({"depth": 3, "width": (2, 0)}, "Inner sizes are at least 1"),
    ],
)
def test_bad_sizes_are_refused_in_words(options, message):
    with pytest.raises(ValueError, match=message):
        DeepFactorization(**options)
