import jax
import jax.numpy as jnp
import numpy as np
import pytest

from matmend.datasets import power_law_ratings
from matmend.matrix import LowRank
from matmend.methods.ratings.piloting import _by_singular_vectors, pilot, truncation_errors
from matmend.methods.ratings.standard import StandardRatings
from matmend.observation import Entries
from matmend.solve import SweepData


@pytest.mark.parametrize(("m", "n", "rank"), [(500, 250, 3), (250, 500, 2)])
def test_the_rank_of_the_generator_is_found_on_either_side(m, n, rank):
    table = StandardRatings.of(power_law_ratings(m, n, 40_000, rank=rank, noise=0.3, seed=1).train)
    found = pilot(table, 6)
    assert rank <= found.rank <= rank + 1  # among the few ratings held out one more may seem better
    assert found.factor.shape == (min(m, n), found.rank + 2)


def test_without_a_choice_the_rank_is_kept():
    table = StandardRatings.of(power_law_ratings(300, 200, 10_000, rank=1, seed=1).train)
    assert pilot(table, 4, is_choice=False).factor.shape == (200, 6)


def test_a_start_from_the_sample_predicts_at_once():
    sample = power_law_ratings(600, 300, 40_000, rank=2, noise=0.3, seed=2)
    table = StandardRatings.of(sample.train)
    entries = table.entries()
    X = pilot(table, 4).start(SweepData.from_entries(entries))
    assert X.shape == table.shape
    assert np.all(np.asarray(X.U)[:, X.ones[0]] == 1)
    assert np.all(np.asarray(X.V)[:, X.ones[1]] == 1)
    residual = table.scale * (np.asarray(entries.predict(X)) - np.asarray(entries.values))
    assert np.sqrt(np.mean(residual**2)) < 1.05 * sample.noise  # the noise that was put in, and a little for the start


def test_errors_are_those_of_the_truncated_singular_value_decomposition():
    rng = np.random.default_rng(0)
    U, V, b, c = (rng.normal(size=shape).astype(np.float32) for shape in ((30, 4), (20, 4), (30,), (20,)))
    ones = np.ones((30, 1), np.float32)
    X = LowRank(jnp.hstack([U, b[:, None], ones]), jnp.hstack([V, ones[:20], c[:, None]]), (5, 4))
    rows, cols = np.divmod(np.arange(600), 20)
    values = rng.normal(size=600).astype(np.float32)
    held = Entries.from_triplets(rows, cols, values)
    left, sizes, right = np.linalg.svd(U @ V.T)
    biases = b[:, None] + c[None]
    expected = [
        np.sqrt(np.mean((biases + (left[:, :k] * sizes[:k]) @ right[:k] - values.reshape(30, 20)) ** 2))
        for k in range(5)
    ]
    turned = _by_singular_vectors(X)
    np.testing.assert_allclose(truncation_errors(turned, held), expected, rtol=1e-5)
    np.testing.assert_allclose(np.asarray(turned.dense()), np.asarray(X.dense()), atol=1e-5)


def test_with_a_mesh_the_same_is_found():
    table = StandardRatings.of(power_law_ratings(400, 200, 20_000, rank=2, seed=3).train)
    mesh = jax.make_mesh((1,), ("devices",), axis_types=(jax.sharding.AxisType.Auto,))
    one, other = pilot(table, 4), pilot(table, 4, mesh=mesh)
    assert one.rank == other.rank
    np.testing.assert_allclose(one.factor, other.factor, atol=1e-3)
