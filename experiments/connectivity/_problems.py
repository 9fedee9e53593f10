"""The tiny problems that the experiments run on."""

from dataclasses import dataclass

import numpy as np
from jax.typing import DTypeLike
from jaxtyping import PRNGKeyArray

from matmend.graph import MaskClass, ObservationGraph
from matmend.representation import AbstractInitialization
from matmend.representation.initialization import Factors

RANK_ONE = np.outer([1.0, 2.0, 3.0], [2.0, 1.0, 0.5])
"""The matrix of Figures 4 and 5."""
BLOCKS = np.array([[1, 0, 0], [0, 1, 1], [0, 1, 1]], dtype=bool)
"""The mask that observes it in two complete blocks."""
NAMES = {
    MaskClass.CONNECTED: "connected",
    MaskClass.COMPLETE_BIPARTITE: "complete",
    MaskClass.OTHER: "other",
}
"""Short names of the classes: connected; disconnected with complete bipartite components; other disconnected."""


@dataclass(frozen=True)
class Problems:
    """Matrices, masks and what the masks are."""

    M: np.ndarray
    mask: np.ndarray
    rank: np.ndarray
    num_observed: np.ndarray

    def kinds(self, *, count_isolated: bool) -> np.ndarray:
        """Return the class of every mask by its short name."""
        graphs = [ObservationGraph.from_mask(mask) for mask in self.mask]
        return np.array([NAMES[graph.kind(count_isolated=count_isolated)] for graph in graphs])


def random_matrix() -> np.ndarray:
    """Singular values 5, 2, 1 between random orthogonal matrices: the matrix of Figure 3."""
    rng = np.random.default_rng(0)
    Q1, Q2 = (np.linalg.qr(rng.normal(size=(4, 4)))[0] for _ in range(2))
    return Q1[:, :3] @ np.diag([5.0, 2.0, 1.0]) @ Q2[:, :3].T


def random_problems(
    side: int, ranks: tuple[int, ...], counts: tuple[int, ...], repeats: int, *, norm: float = 4.0, seed: int = 0
) -> Problems:
    """Draw Gaussian products of every rank, of one Frobenius norm, and masks of every number of observed entries."""
    rng = np.random.default_rng(seed)
    M, mask, labels = [], [], []
    for rank in ranks:
        for count in counts:
            for _ in range(repeats):
                X = rng.normal(size=(side, rank)) @ rng.normal(size=(rank, side))
                seen = np.zeros(side * side, dtype=bool)
                seen[rng.choice(side * side, size=count, replace=False)] = True
                M.append(norm * X / np.linalg.norm(X))
                mask.append(seen.reshape(side, side))
                labels.append((rank, count))
    rank, num_observed = np.array(labels).T
    return Problems(np.array(M), np.array(mask), rank, num_observed)


def gaussian_factors(num_problems: int, side: int, std: float, *, depth: int = 2, seed: int = 0) -> tuple:
    """Draw square factors."""
    rng = np.random.default_rng(seed)
    return tuple(std * rng.normal(size=(num_problems, side, side)) for _ in range(depth))


class Given(AbstractInitialization):
    """The factors themselves."""

    factors: Factors

    def __call__(self, sizes: tuple[int, ...], *, key: PRNGKeyArray, dtype: DTypeLike) -> Factors:
        """Return them."""
        del sizes, key
        return tuple(W.astype(dtype) for W in self.factors)
