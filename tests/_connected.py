"""A 4 x 4 matrix of rank 3 with one entry hidden, the problem on which the mechanism of the rank steps is checked."""

import numpy as np

from matmend.observation import Masked
from matmend.problem import Problem
from matmend.representation import DeepFactorization, Gaussian


def well_conditioned() -> np.ndarray:
    """Singular values 5, 2, 1 between orthogonal matrices."""
    rng = np.random.default_rng(0)
    Q1, Q2 = (np.linalg.qr(rng.normal(size=(4, 4)))[0] for _ in range(2))
    return Q1[:, :3] @ np.diag([5.0, 2.0, 1.0]) @ Q2[:, :3].T


M = well_conditioned()
# Compiling a flow takes seconds: all flows of CONNECTED have this number of times.
NUM_TIMES = 121

P = np.ones((4, 4), dtype=bool)
P[0, 0] = False


def factored(values: np.ndarray, mask: np.ndarray, std: float = 1e-8) -> Problem:
    """``1/2 sum of squares`` of a product of two square factors."""
    representation = DeepFactorization(depth=2, initialization=Gaussian(std=std))
    return Problem(Masked.from_array(values, mask, normalizer=2.0), representation)


CONNECTED = factored(M, P)
