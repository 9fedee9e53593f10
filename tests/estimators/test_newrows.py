import numpy as np
import pytest
from numpy.testing import assert_allclose

from matmend.estimators import newrows
from matmend.estimators.newrows import Subspace, subspace_of


def draw(noise, shape=(80, 12), rank=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(shape[0], rank)) @ rng.normal(size=(rank, shape[1])) + noise * rng.normal(size=shape)


@pytest.mark.parametrize("missing", [0.2, 0.8])
@pytest.mark.parametrize("ridge", [0.05, 1.0])
def test_filled_rows_minimize_squares_and_ridge(missing, ridge):
    rng = np.random.default_rng(1)
    model = Subspace(rng.normal(size=9), rng.normal(size=(4, 9)), ridge)
    values, seen = rng.normal(size=(30, 9)), rng.random((30, 9)) > missing
    seen[3] = False
    found = model.conditional(np.where(seen, values, np.nan), seen)
    for x, o, filled in zip(values, seen, found, strict=True):
        system = np.vstack([model.vectors[:, o].T, np.sqrt(ridge) * np.eye(4)])
        a = np.linalg.lstsq(system, np.append((x - model.mean)[o], np.zeros(4)))[0]
        assert_allclose(filled, np.where(o, x, model.mean + a @ model.vectors), atol=1e-9)


@pytest.mark.parametrize(("noise", "bound"), [(0.0, 0.05), (0.5, 0.9)])
def test_the_ridge_follows_the_noise(noise, bound):
    X = draw(noise)
    hidden = np.random.default_rng(2).random((40, 12)) < 0.3
    new = draw(noise, shape=(120, 12))[80:]
    model = subspace_of(draw(noise, shape=(120, 12))[:80], np.full((80, 12), True), seed=0)
    assert np.sqrt(np.mean((model.conditional(new, ~hidden) - new)[hidden] ** 2)) < bound
    shares = [subspace_of(draw(level), np.isfinite(X), seed=0).ridge for level in (0.01, 3.0)]
    assert shares[0] < 0.1 * shares[1]


def test_large_tables_have_their_first_vectors_only(monkeypatch):
    X = draw(0.0, shape=(60, 50))
    whole = subspace_of(X, np.isfinite(X), seed=0)
    monkeypatch.setattr(newrows, "MOST_EXACT", 10)
    monkeypatch.setattr(newrows, "MOST_VECTORS", 5)
    few = subspace_of(X, np.isfinite(X), seed=0)
    assert few.vectors.shape == (5, 50)
    assert_allclose(few.vectors.T @ few.vectors, whole.vectors.T @ whole.vectors, atol=1e-8)


@pytest.mark.parametrize("shape", [(1, 5), (5, 1), (3, 3), (20, 4)])
def test_tables_of_any_size_and_constant_ones(shape):
    for X in (np.ones(shape), draw(0.1, shape)):
        model = subspace_of(X, np.full(shape, True), seed=0)
        found = model.conditional(np.zeros((2, shape[1])), np.arange(2 * shape[1]).reshape(2, -1) % 3 == 0)
        assert np.isfinite(found).all()
