import jax
import jax.numpy as jnp
import numpy as np

from matmend.matrix import Dense
from matmend.representation import Direct


def test_the_parameter_is_the_matrix():
    A = jnp.arange(6.0).reshape(2, 3)
    X = Direct()(A)
    assert isinstance(X, Dense)
    assert X.dense() is A


def test_starts_at_zero_or_at_gaussian_entries_of_the_given_scale():
    assert not np.any(Direct().init((3, 4), key=jax.random.key(0), dtype=jnp.float64))
    A = np.asarray(Direct(scale=0.1).init((200, 300), key=jax.random.key(0), dtype=jnp.float64))
    se = 0.1 / np.sqrt(A.size)
    assert abs(A.mean()) < 4 * se
    assert abs(A.std() - 0.1) < 4 * se / np.sqrt(2)
