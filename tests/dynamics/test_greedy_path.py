"""Gradient flow from smaller and smaller starts runs closer and closer to the path of greedy learning."""

import numpy as np
from _connected import M, P
from scipy.spatial import KDTree

from matmend.dynamics import greedy

RATE = 0.004
EPS = 1e-8


def path(A, B, steps):
    """X along gradient descent with small steps, many problems at once."""
    found = []
    for _ in range(steps):
        X = A @ B
        found.append(X)
        R = np.where(P, M - X, 0)
        A, B = A + RATE * R @ np.swapaxes(B, -1, -2), B + RATE * np.swapaxes(A, -1, -2) @ R
    return np.array(found)


def greedy_path():
    """Straight pieces between small steps, from each critical point along its escape direction to the next."""
    points = []
    for rank in range(3):
        found = greedy(M, P, max_rank=rank)
        B, A = found.factors if rank else (np.zeros((0, 4)), np.zeros((4, 0)))
        u, _, vh = np.linalg.svd(np.where(P, M - found.X, 0))
        along = path(np.c_[A, EPS**0.5 * u[:, 0]], np.r_[B, EPS**0.5 * vh[:1]], 6000).reshape(-1, 16)
        along = along[np.r_[True, np.linalg.norm(np.diff(along, axis=0), axis=1) > 1e-6]]
        share = np.linspace(0, 1, 20, endpoint=False)[:, None, None]
        points.append(((1 - share) * along[:-1] + share * along[1:]).reshape(-1, 16))
    return KDTree(np.concatenate(points))


def test_small_starts_follow_the_greedy_path():
    stds = np.array([1e-1, 1e-3, 1e-5, 1e-7])
    rng = np.random.default_rng(0)
    A, B = (stds[:, None, None, None] * rng.normal(size=(3, 4, 4)) for _ in range(2))
    X = path(A, B, 12_000)[::8]
    farthest = greedy_path().query(X.reshape(-1, 16))[0].reshape(-1, len(stds), 3).max(axis=0)
    # The spacing of the path's points leaves some 1e-3.
    np.testing.assert_array_less(np.median(farthest, axis=1), [1, 0.07, 0.007, 0.002])
    assert np.median(farthest[0]) > 0.1, "a large start stays near the path too: nothing is tested"
