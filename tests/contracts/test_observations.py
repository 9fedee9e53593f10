import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from matmend.fidelity import Huber, absolute, bernoulli, squared
from matmend.matrix import Dense
from matmend.observation import ArrangedEntries, Entries, Linear, Masked, Sample, Sensing, Subsample

M, N = 5, 4


def data(dtype="float64"):
    rng = np.random.default_rng(0)
    values, weights = rng.normal(size=(2, M, N)).astype(dtype)
    return values, np.abs(weights), rng.random((M, N)) < 0.6, rng.normal(size=(M, N)).astype(dtype)


def masked(values, mask, weights=None, **options):
    return Masked.from_array(np.where(mask, values, np.nan), weights=weights, **options)


def entries(values, mask, weights=None, **options):
    rows, cols = np.nonzero(mask)
    shuffle = np.random.default_rng(1).permutation(rows.size)  # the order given is of no consequence
    rows, cols = rows[shuffle], cols[shuffle]
    listed = None if weights is None else weights[rows, cols]
    return Entries.from_triplets(rows, cols, values[rows, cols], shape=(M, N), weights=listed, **options)


def arranged(values, mask, weights=None, **options):
    return ArrangedEntries.from_entries(entries(values, mask, weights, **options))


def unmoved(values, mask, weights=None, **options):
    """Measure all entries by an operator that leaves the matrix as it is."""
    return Linear.from_values(Subsample(1), np.where(mask, values, np.nan), shape=(M, N), weights=weights, **options)


def _listed(operator, values, mask, weights, **options):
    rows, cols = np.nonzero(mask)
    listed = None if weights is None else weights[rows, cols]
    return Linear.from_values(operator(rows, cols), values[rows, cols], shape=(M, N), weights=listed, **options)


def sampled(values, mask, weights=None, **options):
    """Measure the seen entries one by one."""
    return _listed(Sample, values, mask, weights, **options)


def sensed(values, mask, weights=None, **options):
    """Measure by matrices that have a single 1."""
    return _listed(
        lambda rows, cols: Sensing(np.eye(M)[rows][:, :, None] * np.eye(N)[cols][:, None, :]),
        values, mask, weights, **options,
    )  # fmt: skip


# Entries of a matrix, seen in one way or another: all must give the same loss.
OBSERVATIONS = {
    "masked": masked,
    "entries": entries,
    "arranged": arranged,
    "linear": unmoved,
    "sampled": sampled,
    "sensed": sensed,
}


@pytest.fixture(params=OBSERVATIONS.values(), ids=list(OBSERVATIONS), scope="module")
def observe(request):
    return request.param


@eqx.filter_jit
def value_and_grad(observation, as_matrix, fidelity, X):
    return jax.value_and_grad(lambda X: observation.loss(as_matrix(X), fidelity))(X)


@eqx.filter_jit
def element_wise(fidelity, predictions, targets):
    return jax.vmap(jax.value_and_grad(fidelity))(predictions, targets)


@pytest.mark.parametrize(
    "fidelity", [squared, absolute, Huber(0.7), bernoulli], ids=["squared", "absolute", "huber", "bernoulli"]
)
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("normalizer", [None, 20.0], ids=["mean", "normalizer"])
def test_loss_and_gradient_are_those_of_numpy(observe, as_matrix, fidelity, weighted, normalizer):
    values, weights, mask, X = data()
    observation = observe(values, mask, weights if weighted else None, normalizer=normalizer)

    w = np.where(mask, weights if weighted else 1, 0)
    w = w / (w.sum() if normalizer is None else normalizer)
    f, df = element_wise(fidelity, jnp.asarray(X.ravel()), jnp.asarray(values.ravel()))
    value, gradient = value_and_grad(observation, as_matrix, fidelity, jnp.asarray(X))
    np.testing.assert_allclose(value, np.sum(w.ravel() * f), rtol=1e-12)
    np.testing.assert_allclose(gradient, w * np.reshape(df, X.shape), rtol=1e-12, atol=1e-15)


def test_observed_shape_and_mean_of_ones(observe):
    values, _, mask, _ = data()
    observation = observe(values, mask)
    assert observation.shape == (M, N)
    assert float(observation.normalizer) == mask.sum()
    assert float(observation.weights.sum()) == mask.sum()
    assert float(observation.loss(Dense(jnp.asarray(values)), squared)) == 0


def test_an_entry_of_weight_zero_is_as_good_as_missing(observe):
    values, _, mask, X = data()
    smaller = mask.copy()
    smaller[tuple(np.argwhere(mask)[0])] = False
    by_weight = observe(values, mask, smaller.astype(float)).loss(Dense(jnp.asarray(X)), squared)
    by_mask = observe(values, smaller).loss(Dense(jnp.asarray(X)), squared)
    np.testing.assert_allclose(by_weight, by_mask, rtol=1e-14)


def test_dtype_is_kept(observe, dtype):
    values, weights, mask, X = data(dtype)
    observation = observe(values, mask, weights.astype(np.float64))  # weights follow the values
    drawn = observation.batch(jax.random.key(0), 3)
    for o in (observation, drawn):
        assert {o.values.dtype, o.weights.dtype, o.normalizer.dtype, o.predict(Dense(jnp.asarray(X))).dtype} == {dtype}
        loss, gradient = eqx.filter_eval_shape(value_and_grad, o, Dense, squared, jnp.asarray(X))
        assert loss.dtype == gradient.dtype == dtype


def test_dtype_can_be_asked_for_and_integers_become_float32(observe):
    values, _, mask, _ = data()
    assert observe(values, mask, dtype="float32").values.dtype == np.float32
    rows, cols = np.nonzero(mask)
    assert Entries.from_triplets(rows, cols, np.arange(rows.size)).values.dtype == np.float32
    assert Masked.from_array(np.arange(6).reshape(2, 3)).values.dtype == np.float32


def test_dtype_must_be_floating(observe):
    values, _, mask, _ = data()
    with pytest.raises(ValueError, match="floating point, got dtype=int32"):
        observe(values, mask, dtype="int32")


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_batch_losses_are_unbiased(observe, weighted):
    values, weights, mask, X = data()
    observation = observe(values, mask, weights if weighted else None)
    X = Dense(jnp.asarray(X))
    keys = jax.random.split(jax.random.key(0), 4000)
    losses = jax.jit(jax.vmap(lambda key: observation.batch(key, 3).loss(X, squared)))(keys)
    standard_error = np.std(losses) / np.sqrt(losses.size)
    assert standard_error > 0
    assert abs(np.mean(losses) - observation.loss(X, squared)) < 4 * standard_error


def test_batches_are_made_of_observed_entries(observe):
    values, weights, mask, _ = data()
    batch = observe(values, mask, weights).batch(jax.random.key(1), 50)
    assert batch.shape == (M, N)
    assert batch.values.shape == batch.weights.shape == (50,)
    drawn = np.asarray(batch.weights > 0)
    assert drawn.any()
    # What is read of a matrix that counts its entries tells which were drawn.
    counting = Dense(jnp.arange(M * N, dtype=values.dtype).reshape(M, N))
    where = np.round(np.asarray(batch.predict(counting))[drawn]).astype(int)
    assert mask.ravel()[where].all()
    np.testing.assert_array_equal(batch.values[drawn], values.ravel()[where])
    np.testing.assert_array_equal(batch.weights[drawn], weights.ravel()[where])


def test_same_key_same_batch(observe):
    values, _, mask, _ = data()
    observation = observe(values, mask)
    first, again, other = (observation.batch(jax.random.key(k), 30) for k in (0, 0, 1))
    assert np.array_equal(first.values, again.values)
    assert not np.array_equal(first.values, other.values)


def test_many_small_problems_in_one_vmap(observe):
    values, _, _, X = data()
    masks = np.random.default_rng(3).permuted(np.arange(M * N).reshape(1, M, N) % 2 == np.zeros((6, 1, 1)), axis=2)
    observations = [observe(values, mask) for mask in masks]
    batched = jax.tree.map(lambda *leaves: jnp.stack(leaves), *observations)
    losses = jax.jit(jax.vmap(lambda o: o.loss(Dense(jnp.asarray(X)), squared)))(batched)
    single = [o.loss(Dense(jnp.asarray(X)), squared) for o in observations]
    np.testing.assert_allclose(losses, single, rtol=1e-14)
