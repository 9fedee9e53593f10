import jax
import jax.numpy as jnp
import numpy as np
import pytest

from matmend.matrix import LowRank
from matmend.representation import Biased, DeepFactorization, Direct

KEY = jax.random.key(0)


def test_biases_are_added_to_rows_and_columns():
    biased = Biased(DeepFactorization(depth=3, width=2))
    params = biased.init((7, 6), key=KEY, dtype=jnp.float64)
    assert not np.any(params.row_bias)
    assert not np.any(params.col_bias)
    b, c = jnp.arange(7.0), 10 * jnp.arange(6.0)
    X = biased(params._replace(row_bias=b, col_bias=c))
    expected = biased.inner(params.inner).dense() + b[:, None] + c[None]
    np.testing.assert_allclose(X.dense(), expected, rtol=1e-14)


def test_the_columns_of_ones_are_where_it_says():
    biased = Biased(DeepFactorization(depth=2, width=2))
    X = biased(biased.init((7, 6), key=KEY, dtype=jnp.float32))
    assert isinstance(X, LowRank)
    assert X.ones == (3, 2)
    assert np.all(X.U[:, 3] == 1)
    assert np.all(X.V[:, 2] == 1)
    assert X.U.dtype == X.V.dtype == jnp.float32


def test_factors_are_asked_for():
    for inner in (Direct(), DeepFactorization(depth=2, width=6)):
        params = Biased(inner).init((7, 6), key=KEY, dtype=jnp.float32)
        with pytest.raises(ValueError, match=r"holds its 7 x 6 matrix dense: give it is_thin=True"):
            Biased(inner)(params)
    thin = Biased(DeepFactorization(depth=2, width=6, is_thin=True))
    assert thin(thin.init((7, 6), key=KEY, dtype=jnp.float32)).U.shape == (7, 8)
