"""Ratings from a known matrix."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from matmend.io import Ratings

M, N, NOISE = 60, 40, 0.3


class Known(NamedTuple):
    ratings: Ratings
    truth: NDArray[np.float64]
    is_seen: NDArray[np.bool_]
    row_ids: NDArray[np.object_]
    col_ids: NDArray[np.int64]


def known(seed: int = 0) -> Known:
    """Words for rows, odd integers for columns, two of four entries observed."""
    rng = np.random.default_rng(seed)
    truth = 3 + 0.7 * (rng.normal(size=(M, 2)) @ rng.normal(size=(2, N)))
    truth += 0.5 * rng.normal(size=(M, 1)) + 0.5 * rng.normal(size=N)
    is_seen = rng.random((M, N)) < 0.5
    rows, cols = (x.astype(np.int32) for x in np.nonzero(is_seen))
    values = truth[rows, cols] + NOISE * rng.normal(size=rows.size)
    row_ids = np.array([f"user {i:02d}" for i in range(M)], object)
    col_ids = 2 * np.arange(N) + 1
    ratings = Ratings(rows, cols, values.astype(np.float32), (M, N), row_ids, col_ids)
    return Known(ratings, truth, is_seen, row_ids, col_ids)
