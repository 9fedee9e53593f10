import numpy as np
import pytest

from matmend.methods.ratings.baseline import DAMPING, baseline, baseline_error


def test_it_is_the_damped_least_squares_fit_of_offsets():
    rng = np.random.default_rng(0)
    m, n, e = 15, 12, 120
    rows, cols = (rng.integers(0, size, e).astype(np.int32) for size in (m, n))
    values = (rng.normal(size=m)[rows] + rng.normal(size=n)[cols] + 3).astype(np.float32)
    is_held = rng.random(e) < 0.2
    A = np.zeros((e, m + n))
    A[np.arange(e), rows] = A[np.arange(e), m + cols] = 1
    mean, T = values[~is_held].mean(dtype=np.float64), A[~is_held]
    offsets = np.linalg.solve(T.T @ T + DAMPING * np.eye(m + n), T.T @ (values[~is_held] - mean))
    expected = mean + A[is_held] @ offsets
    found = baseline(rows, cols, values, (m, n), is_held)
    np.testing.assert_allclose(found, expected, atol=0.02)
    error = np.sqrt(np.mean((values[is_held] - found) ** 2))
    assert baseline_error(rows, cols, values, (m, n), is_held) == pytest.approx(error, rel=1e-6)


def test_held_values_are_not_seen():
    rows, cols = np.divmod(np.arange(12, dtype=np.int32), np.int32(4))
    values, is_held = np.arange(12.0), np.arange(12) == 5
    other = np.where(is_held, 99, values)
    assert baseline(rows, cols, values, (3, 4), is_held) == baseline(rows, cols, other, (3, 4), is_held)


def test_unseen_rows_and_columns_get_the_mean():
    rows, cols = np.array([0, 0, 2], np.int32), np.array([0, 1, 2], np.int32)
    assert baseline(rows, cols, np.array([1.0, 3.0, 9.0]), (3, 3), rows == 2).tolist() == [2]
