"""Models of a matrix that grow by one rank at a time, for greedy learning."""

import functools
from abc import abstractmethod
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from matmend.dynamics._products import product, transposed
from matmend.graph import ObservationGraph

Factors = tuple[Any, ...]


class AbstractGrowing(eqx.Module):
    """A matrix as a function of factors that can grow by one rank.

    Methods on NumPy arrays have problems first, ``(b, ., .)``; those that are compiled have problems last.
    """

    depth: eqx.AbstractVar[int]
    """Degree of the product in the factors."""

    @abstractmethod
    def empty(self, M: np.ndarray, P: np.ndarray) -> Factors:
        """Return the factors of rank 0, or refuse a problem that the model cannot represent."""

    @abstractmethod
    def labels(self, P: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Label the components of one observation graph, by row and by column."""

    @abstractmethod
    def direction(self, R: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the two largest growth rates of shape (b, 2), and ``u`` and ``v`` of the largest."""

    @abstractmethod
    def append(self, factors: Factors, u: np.ndarray, v: np.ndarray, amplitude: np.ndarray) -> Factors:
        """Widen the factors by a direction; `amplitude` of shape (b,) is what each of the factors gets of it."""

    @abstractmethod
    def product(self, factors: Factors) -> Float[Array, "m n b"]:
        """Multiply the factors."""

    @abstractmethod
    def velocity(self, factors: Factors, R: Float[Array, "m n b"]) -> Factors:
        """``-grad`` with respect to the factors, for ``R = -grad`` with respect to the product."""


class Chain(AbstractGrowing):
    """``X = W[L-1] ... W[0]``; with two factors, ``X = A B``.

    A direction ``u v'`` is appended as a column of ``W[L-1]``, a row of ``W[0]`` and a new diagonal entry of every
    factor between them.

    Parameters
    ----------
    depth : int, default 2
        Number ``L`` of factors, at least 2.

    Examples
    --------
    >>> Chain(depth=3)
    Chain(depth=3)
    >>> Chain(depth=1)
    Traceback (most recent call last):
        ...
    ValueError: A chain that grows has at least two factors, got depth=1.
    """

    depth: int = eqx.field(static=True, default=2)

    def __check_init__(self):
        if self.depth < 2:
            raise ValueError(f"A chain that grows has at least two factors, got depth={self.depth}.")

    def empty(self, M: np.ndarray, P: np.ndarray) -> Factors:
        """Return factors of width 0."""
        b, m, n = M.shape
        return (np.zeros((b, 0, n)), *(np.zeros((b, 0, 0)) for _ in range(self.depth - 2)), np.zeros((b, m, 0)))

    def labels(self, P: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Label the components of the bipartite graph of rows and columns."""
        graph = ObservationGraph.from_mask(P)
        return graph.row_labels, graph.col_labels

    def direction(self, R: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the largest singular values of the residual and the first singular pair."""
        U, sigma, Vh = np.linalg.svd(R, full_matrices=False)
        second = sigma[:, 1] if sigma.shape[1] > 1 else np.zeros(len(R))
        return np.stack([sigma[:, 0], second], axis=1), U[:, :, 0], Vh[:, 0]

    def append(self, factors: Factors, u: np.ndarray, v: np.ndarray, amplitude: np.ndarray) -> Factors:
        """Append ``u`` to the last factor, ``v'`` to the first and a diagonal entry to the others."""
        a = amplitude[:, None]
        first = np.concatenate([factors[0], (a * v)[:, None, :]], axis=1)
        last = np.concatenate([factors[-1], (a * u)[:, :, None]], axis=2)
        inner = [np.pad(W, ((0, 0), (0, 1), (0, 1))) for W in factors[1:-1]]
        for W in inner:
            W[:, -1, -1] = amplitude
        return (first, *inner, last)

    def product(self, factors: Factors) -> Float[Array, "m n b"]:
        """Multiply the chain."""
        return functools.reduce(lambda X, W: product(W, X), factors)

    def velocity(self, factors: Factors, R: Float[Array, "m n b"]) -> Factors:
        """``(W[L-1] ... W[l+1])' R (W[l-1] ... W[0])'``."""
        found = []
        for layer in range(self.depth):
            G = R
            for W in reversed(factors[layer + 1 :]):
                G = product(transposed(W), G)
            for W in factors[:layer]:
                G = product(G, transposed(W))
            found.append(G)
        return tuple(found)


class Symmetric(AbstractGrowing):
    """``X = U U'``, for symmetric matrices without negative eigenvalues observed on a symmetric mask.

    What matters is then the ordinary graph of n vertices with an edge for every observed pair, not the bipartite one:
    a mask can be connected for ``U U'`` and disconnected for ``A B``.

    Examples
    --------
    >>> Symmetric().depth
    2
    """

    depth: int = eqx.field(static=True, init=False, default=2)

    def empty(self, M: np.ndarray, P: np.ndarray) -> Factors:
        """Return U of width 0."""
        if M.shape[1] != M.shape[2] or not np.array_equal(P, P.transpose(0, 2, 1)):
            raise ValueError("X = U U' is symmetric: expected square matrices observed on a symmetric mask.")
        if not np.allclose(M, M.transpose(0, 2, 1), rtol=1e-12, atol=0):
            raise ValueError("X = U U' is symmetric: observed values at (i, j) and (j, i) differ. Use Chain().")
        return (np.zeros((*M.shape[:2], 0)),)

    def labels(self, P: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Label the components of the ordinary graph."""
        labels = connected_components(csr_array(P), directed=False)[1]
        return labels, labels

    def direction(self, R: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the largest (not: largest in magnitude) eigenvalues of the residual and the first eigenvector."""
        eigenvalues, U = np.linalg.eigh(R)
        second = eigenvalues[:, -2] if eigenvalues.shape[1] > 1 else np.zeros(len(R))
        return np.stack([eigenvalues[:, -1], second], axis=1), U[:, :, -1], U[:, :, -1]

    def append(self, factors: Factors, u: np.ndarray, v: np.ndarray, amplitude: np.ndarray) -> Factors:
        """Append ``u`` to U."""
        del v
        return (np.concatenate([factors[0], (amplitude[:, None] * u)[:, :, None]], axis=2),)

    def product(self, factors: Factors) -> Float[Array, "n n b"]:
        """``U U'``."""
        return product(factors[0], transposed(factors[0]))

    def velocity(self, factors: Factors, R: Float[Array, "n n b"]) -> Factors:
        """``R U``: the objective is half the loss, so that U U' and A B grow at one rate."""
        return (product(R, factors[0]),)
