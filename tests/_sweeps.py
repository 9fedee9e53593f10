"""Small problems of alternating least squares, and their answers row by row in numpy."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from matmend.observation import Entries
from matmend.problem import Problem
from matmend.regularizer import AbstractRegularizer, FactorPrior, Features
from matmend.representation import Biased, DeepFactorization, Gaussian

M, N, RANK = 12, 9, 2
WIDTH = RANK + 2


class Table(NamedTuple):
    """A matrix of which some entries are seen, with weights; the last row and the last column have none."""

    values: NDArray[np.float64]
    weights: NDArray[np.float64]  # 0 where nothing is seen
    is_seen: NDArray[np.bool_]

    def entries(self, *, normalizer: float = 1.0) -> Entries:
        rows, cols = np.nonzero(self.is_seen)
        return Entries.from_triplets(
            rows, cols, self.values[rows, cols], shape=self.values.shape, weights=self.weights[rows, cols],
            normalizer=normalizer,
        )  # fmt: skip

    def hidden(self) -> Entries:
        """The entries that are not seen."""
        rows, cols = np.nonzero(~self.is_seen)
        return Entries.from_triplets(rows, cols, self.values[rows, cols], shape=self.values.shape)


def table(seed: int = 0, *, is_weighted: bool = True) -> Table:
    rng = np.random.default_rng(seed)
    is_seen = rng.random((M, N)) < 0.6
    is_seen[-1], is_seen[:, -1] = False, False
    weights = np.where(is_seen, rng.uniform(0.5, 2, (M, N)) if is_weighted else 1.0, 0.0)
    values = rng.normal(size=(M, RANK)) @ rng.normal(size=(RANK, N)) + rng.normal(size=(M, 1)) + rng.normal(size=N)
    return Table(values + 0.3 * rng.normal(size=(M, N)), weights, is_seen)


def features(k: int, f: int, seed: int = 5) -> tuple[Features, NDArray[np.float64]]:
    """Return sparse features of k things, and the same as a matrix."""
    rng = np.random.default_rng(seed)
    B = np.where(rng.random((k, f)) < 0.5, rng.normal(size=(k, f)), 0.0)
    i, j = np.nonzero(B)
    return Features.from_entries(i, j, B[i, j], (k, f)), B


def problem(
    seen: Table, regularizer: AbstractRegularizer, *, normalizer: float = 1.0, heldout: Entries | None = None
) -> Problem:
    factors = Biased(DeepFactorization(depth=2, width=RANK, initialization=Gaussian(std=0.5), is_thin=True))
    return Problem(seen.entries(normalizer=normalizer), factors, regularizer, heldout=heldout)


def priors(ridge: float = 0.7) -> AbstractRegularizer:
    return FactorPrior(axis=0, width=WIDTH, ridge=ridge) + FactorPrior(axis=1, width=WIDTH, ridge=ridge)


def jittered(tree: Any, seed: int, *, above: float = 0.2) -> Any:
    """Move all numbers of a tree at random, upwards: ridges stay ridges."""
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda x: x + jnp.asarray(above + rng.random(x.shape), x.dtype), tree)


def solved_rows(
    seen: Table, V: NDArray[np.float64], ridge: NDArray[np.float64], centre: NDArray[np.float64], constant: int | None
) -> tuple[NDArray[np.float64], list[NDArray[np.float64]]]:
    """Return the least-squares rows, and the matrices of their systems, without the constant coordinate."""
    free = [k for k in range(V.shape[1]) if k != constant]
    found, systems = np.ones((len(seen.values), V.shape[1])), []
    for i, (y, w) in enumerate(zip(seen.values, seen.weights, strict=True)):
        rest = y if constant is None else y - V[:, constant]
        F = V[:, free]
        A = F.T @ (w[:, None] * F) + np.diag(ridge[free])
        found[i, free] = np.linalg.solve(A, F.T @ (w * rest) + ridge[free] * centre[i, free])
        systems.append(A)
    return found, systems
