"""What a completed entry rests on, against finite differences of the regression behind it."""

from dataclasses import replace

import numpy as np
import pytest

from matmend.methods import registry
from matmend.trust import drivers
from matmend.trust.drivers import row_influence


@pytest.fixture(scope="module")
def completed():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(14, 3)) @ rng.normal(size=(3, 11)) + 0.1 * rng.normal(size=(14, 11))
    mask = rng.random(X.shape) < 0.7
    mask[4, 6] = False
    done = registry["soft_impute"](X, mask, shrinkage=0.7, tol=1e-12, steps=20_000)
    return X, mask, done


def factors(done):
    u, sigma, vt = np.linalg.svd(done.X_hat)
    k = int(np.sum(sigma > 1e-9))
    return u[:, :k] * np.sqrt(sigma[:k]), vt[:k].T * np.sqrt(sigma[:k])


def ridge(B, y, weight):
    """Minimise |y - B a|^2 + weight |a|^2, as an ordinary least squares problem."""
    k = B.shape[1]
    return np.linalg.lstsq(np.r_[B, np.sqrt(weight) * np.eye(k)], np.r_[y, np.zeros(k)], rcond=None)[0]


def test_influences_are_finite_differences_of_the_ridge_with_the_other_side_fixed(completed):
    X, mask, done = completed
    A, B = factors(done)
    i, j, step = 4, 6, 1e-3
    for F, seen, y, of, target in ((B, mask[i], X[i], B[j], "row"), (A, mask[:, j], X[:, j], A[i], "col")):
        places = np.flatnonzero(seen)
        found = row_influence(F, places, j if target == "row" else i, 0.7)
        for place, weight in zip(places, found, strict=True):
            nudged = [np.where(np.arange(y.size) == place, y + side * step, y)[seen] for side in (1, -1)]
            up, down = (ridge(F[seen], values, 0.7) @ of for values in nudged)
            assert weight == pytest.approx((up - down) / (2 * step), rel=1e-6, abs=1e-10)


def test_rows_of_soft_impute_are_the_ridge_that_influences_are_derivatives_of(completed):
    X, mask, done = completed
    _, B = factors(done)
    for i in range(len(X)):
        np.testing.assert_allclose(B @ ridge(B[mask[i]], X[i][mask[i]], 0.7), done.X_hat[i], atol=1e-4)


def test_drivers_are_the_largest_of_both_and_predict_the_entry(completed):
    X, mask, done = completed
    found = drivers(X, mask, (4, 6), completion=done, count=1000)
    assert len(found) == mask[4].sum() + mask[:, 6].sum()
    weights = [abs(driver.weight) for driver in found]
    assert weights == sorted(weights, reverse=True)
    assert all(mask[driver.row, driver.col] and driver.value == X[driver.row, driver.col] for driver in found)
    # The ridge is linear in the entries: their weighted sum is the estimate, once by the row and once by the column.
    for part in ([d for d in found if d.row == 4], [d for d in found if d.col == 6]):
        assert sum(d.weight * d.value for d in part) == pytest.approx(done.X_hat[4, 6], abs=1e-4)
    assert drivers(X, mask, (4, 6), completion=done, count=3) == found[:3]


def test_with_learned_graphs_the_drivers_are_the_neighbours(completed):
    X, mask, done = completed
    W = np.zeros((14, 14))
    W[4, 2], W[4, 9], W[4, 5] = 3.0, 1.0, 4.0
    W += W.T
    L = np.diag(W.sum(axis=1)) - W
    seen = mask.copy()
    seen[[2, 9], 6], seen[5, 6] = True, False
    found = drivers(X, seen, (4, 6), completion=replace(done, laplacians={"row": L}), count=2)
    assert [(driver.row, driver.col, driver.weight) for driver in found] == [(2, 6, 3 / 8), (9, 6, 1 / 8)]


def test_soft_impute_is_the_default(completed):
    X, mask, _ = completed
    default = registry["soft_impute"](X, mask)
    assert drivers(X, mask, (4, 6)) == drivers(X, mask, (4, 6), completion=default)


@pytest.mark.parametrize(
    ("entry", "count", "message"), [((14, 0), 3, "entry"), ((0, -1), 3, "entry"), ((0, 0), 0, "count")]
)
def test_bad_input_is_refused(completed, entry, count, message):
    X, mask, done = completed
    with pytest.raises(ValueError, match=message):
        drivers(X, mask, entry, completion=done, count=count)


def test_pictures_and_completions_of_others_are_refused(completed):
    X, mask, done = completed
    with pytest.raises(ValueError, match="one channel"):
        drivers(np.zeros((4, 4, 3)), np.eye(4, dtype=bool), (0, 1))
    with pytest.raises(ValueError, match="completion"):
        drivers(X[:5], mask[:5], (0, 0), completion=done)
