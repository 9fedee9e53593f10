import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import sparse

from matmend.matrix import LowRank
from matmend.regularizer import EdgeLaplacian
from matmend.transform import Patches, Transpose

KEY = jax.random.key(0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EdgeLaplacian(Patches(2)), "rows, Identity.* columns, Transpose.* AdaptiveLaplacian"),
        (lambda: EdgeLaplacian(Transpose(channels=3)), "AdaptiveLaplacian"),
        (lambda: EdgeLaplacian(num_neighbors=0), "num_neighbors >= 1, or 0 with a graph"),
        (lambda: EdgeLaplacian(num_neighbors=2, min_degree=3), "min_degree <= num_neighbors"),
        (lambda: EdgeLaplacian(max_incoming=0), "max_incoming >= 1"),
        (lambda: EdgeLaplacian(graph=np.eye(3)), "integer array of neighbours .* scipy.sparse"),
        (lambda: EdgeLaplacian(graph=np.array([[3], [0], [0]])), "0 to 2, or -1 for none; got 0 to 3"),
        (lambda: EdgeLaplacian(graph=sparse.csr_array(np.ones((2, 3)))), "square"),
        (lambda: EdgeLaplacian(graph=sparse.eye_array(3)).init((4, 3), key=KEY, dtype=float), "graph has 3 nodes.* 4"),
        (
            lambda: EdgeLaplacian(num_observed=np.array([1, 2])).init((4, 3), key=KEY, dtype=float),
            "num_observed has 2 .* 4 rows",
        ),
    ],
    ids=range(10),
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_factors_that_overflowed_are_refused():
    R = EdgeLaplacian(num_neighbors=3)
    X = LowRank(jnp.ones((9, 2)).at[0, 0].set(jnp.nan), jnp.ones((4, 2)))
    with pytest.raises(ValueError, match=r"not finite.*lower the rate"):
        R.refresh(R.init(X.shape, key=KEY, dtype=np.float64), X)
