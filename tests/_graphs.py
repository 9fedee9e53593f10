"""Masks whose graphs are of many kinds, and the same graphs for networkx."""

import networkx as nx
import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray


def to_networkx(mask):
    """Rows are 0 .. m - 1, columns m .. m + n - 1."""
    mask = np.asarray(mask)
    m, n = mask.shape
    graph = nx.Graph()
    graph.add_nodes_from(range(m + n))
    graph.add_edges_from((int(i), m + int(j)) for i, j in np.argwhere(mask))
    return graph


def path_mask(num_vertices):
    """A staircase: row 0, column 0, row 1, column 1, ..."""
    mask = np.zeros(((num_vertices + 1) // 2, max(num_vertices // 2, 1)), dtype=bool)
    for step in range(num_vertices - 1):
        mask[(step + 1) // 2, step // 2] = True
    return mask


def ring_mask(n):
    """A cycle of n >= 2 rows and n columns: the diagonal and the one next to it."""
    return np.eye(n, dtype=bool) | np.roll(np.eye(n, dtype=bool), 1, axis=1)


def tree_mask(parents):
    """The tree in which vertex k + 1 hangs below vertex parents[k] <= k; levels are rows and columns in turn."""
    is_row, number = [True], [0]
    for parent in parents:
        is_row.append(not is_row[parent])
        number.append(is_row[:-1].count(is_row[-1]))
    mask = np.zeros((is_row.count(True), max(is_row.count(False), 1)), dtype=bool)
    for child, parent in enumerate(parents, start=1):
        mask[(number[child], number[parent]) if is_row[child] else (number[parent], number[child])] = True
    return mask


def side_by_side(masks):
    """Block diagonal."""
    shapes = np.array([mask.shape for mask in masks])
    corners = np.cumsum(shapes, axis=0) - shapes
    result: NDArray[np.bool_] = np.zeros(tuple(shapes.sum(axis=0)), dtype=bool)
    for mask, (i, j) in zip(masks, corners, strict=True):
        result[i : i + mask.shape[0], j : j + mask.shape[1]] = mask
    return result


sizes = st.integers(1, 9)
_any_mask = hnp.arrays(np.bool_, st.tuples(sizes, sizes))
_sparse_mask = hnp.arrays(np.bool_, st.tuples(sizes, sizes), elements=st.sampled_from([False, False, False, True]))
_tree = st.lists(st.integers(0, 100), max_size=14).map(
    lambda picks: tree_mask([p % (k + 1) for k, p in enumerate(picks)])
)
_star = st.tuples(sizes, st.booleans()).map(lambda star: np.ones((star[0], 1) if star[1] else (1, star[0]), dtype=bool))
_empty = st.tuples(sizes, sizes).map(lambda shape: np.zeros(shape, dtype=bool))
_full = st.tuples(st.integers(1, 4), st.integers(1, 4)).map(lambda shape: np.ones(shape, dtype=bool))
_one_kind = st.one_of(
    _any_mask,
    _sparse_mask,
    _tree,
    _star,
    _empty,
    _full,
    st.integers(1, 15).map(path_mask),
    st.integers(2, 7).map(ring_mask),
)


@st.composite
def masks(draw):
    """One graph or several next to each other, perhaps with an entry that joins some, in shuffled order."""
    mask = side_by_side(draw(st.lists(_one_kind, min_size=1, max_size=3)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    for _ in range(draw(st.integers(0, 2))):
        mask[rng.integers(mask.shape[0]), rng.integers(mask.shape[1])] = True
    return mask[rng.permutation(mask.shape[0])][:, rng.permutation(mask.shape[1])]


def power_law_entries(m, n, num_draws, seed):
    """A list of entries in no order, some repeated: few rows and columns have many of them, many have one or none."""
    rng = np.random.default_rng(seed)
    rows, cols = (
        rng.permutation(size)[rng.choice(size, num_draws, p=weights / weights.sum())]
        for size, weights in ((size, np.arange(1, size + 1) ** -1.2) for size in (m, n))
    )
    return rows, cols
