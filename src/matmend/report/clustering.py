"""The order of rows in which the blocks of a learned graph can be seen."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

MOST = 2000
"""Rows above which the order of the data is kept: the tree takes time and memory with their square."""
MOST_TURNED = 400
"""Rows up to which the branches of the tree are turned such that neighbours are alike."""
GROUPS = 6
"""Most groups that are named."""


def similarity(laplacian: ArrayLike) -> NDArray[np.float64]:
    """Return how alike any two rows are, ``-L_ij`` and 0 on the diagonal.

    Examples
    --------
    >>> similarity([[1.0, -1.0], [-1.0, 1.0]]).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    S = np.maximum(-np.asarray(laplacian, dtype=np.float64), 0)
    S = (S + S.T) / 2
    np.fill_diagonal(S, 0)
    return S


def log_similarity(S: NDArray[np.float64]) -> tuple[NDArray[np.float64], float, float]:
    """Return decimal logarithms from the median to the greatest similarity, and these two.

    A few pairs of almost equal rows can outweigh all others by orders of magnitude.

    Examples
    --------
    >>> log_similarity(np.array([[0.0, 10.0], [10.0, 0.0]]))[1:]
    (1.0, 1.0)
    """
    positive = S[S > 0]
    low, high = (float(np.median(positive)), float(positive.max())) if positive.size else (1.0, 1.0)
    return np.log10(np.clip(S, low, None)), float(np.log10(low)), float(np.log10(high))


def clustered(S: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return an order in which rows that are alike stand together, and the group of each row.

    Parameters
    ----------
    S : array of shape (k, k)
        Similarities, as [`similarity`][] returns them.

    Returns
    -------
    order : int array of shape (k,)
    groups : int array of shape (k,)
        From 0, in the order of their first rows in `order`.

    Notes
    -----
    Average linkage on differences of logarithms. Groups are where the tree has its longest stretch without a merger,
    among 2 to 6 of them. More than 2,000 rows stay in their order, as one group.

    Examples
    --------
    >>> S = np.kron(np.eye(2), np.ones((2, 2)))[[0, 2, 1, 3]][:, [0, 2, 1, 3]] + 0.01
    >>> order, groups = clustered(S - np.diag(np.diag(S)))
    >>> sorted(order[:2].tolist()), groups.tolist() in ([0, 1, 0, 1], [1, 0, 1, 0])
    ([0, 2], True)
    """
    k = len(S)
    if not 3 <= k <= MOST or not (S > 0).any():
        return np.arange(k), np.zeros(k, dtype=np.int64)
    shown, _, high = log_similarity(S)
    far = high - shown
    far = (far + far.T) / 2
    np.fill_diagonal(far, 0)
    distances = squareform(far, checks=False)
    tree = hierarchy.linkage(distances, "average")
    if k <= MOST_TURNED:
        tree = hierarchy.optimal_leaf_ordering(tree, distances)
    order = hierarchy.leaves_list(tree).astype(np.int64)
    heights = tree[:, 2][::-1]  # heights[g - 1] joins g + 1 groups into g
    most = min(GROUPS, k - 1)
    gaps = [heights[g - 2] - heights[g - 1] for g in range(2, most + 1)]
    labels = hierarchy.fcluster(tree, 2 + int(np.argmax(gaps)), "maxclust")
    _, first = np.unique(labels[order], return_index=True)
    place = {label: i for i, label in enumerate(labels[order][np.sort(first)])}
    return order, np.array([place[label] for label in labels], dtype=np.int64)


def most_alike(S: NDArray[np.float64], names: Sequence[str], count: int = 8) -> list[tuple[str, str, float]]:
    """Return the pairs of rows that are most alike.

    Examples
    --------
    >>> most_alike(np.array([[0.0, 1.0, 3.0], [1.0, 0.0, 2.0], [3.0, 2.0, 0.0]]), "abc", 2)
    [('a', 'c', 3.0), ('b', 'c', 2.0)]
    """
    i, j = np.triu_indices(len(S), 1)
    best = np.argsort(-S[i, j], kind="stable")[:count]
    return [(names[int(i[b])], names[int(j[b])], float(S[i[b], j[b]])) for b in best if S[i[b], j[b]] > 0]
