"""Matrices made up from a seed, to complete where the originals are absent: nothing is read or downloaded.

Streams of `numpy.random.default_rng` may change between versions of NumPy, and the data with them.
"""

import numpy as np
from numpy.typing import NDArray

from matmend.datasets.base import Dataset

__all__ = ["block_ratings", "interactions", "low_rank", "texture"]

LICENCE = "none needed: generated"


def block_ratings(
    shape: tuple[int, int] = (150, 200),
    *,
    num_row_blocks: int = 15,
    num_col_blocks: int = 12,
    levels: int | None = None,
    edge_density: float = 0.9,
    seed: int,
) -> Dataset:
    """Make ratings that are constant on blocks, with the graphs of users and items behind them, like Syn-Netflix.

    Users and items belong to communities, which lie side by side; each pair of communities has one rating; two members
    of one community are friends with probability `edge_density`, those of different ones never.

    Parameters
    ----------
    shape : (int, int)
        Users m, items n.
    num_row_blocks, num_col_blocks : int
        Number of communities, at most m and n. Their sizes differ, none is much below 3/4 of the mean.
    levels : int >= 2, optional
        Ratings are among so many equally spaced values from 1 to 5; 5 gives whole stars. By default all are different.
    edge_density : float in [0, 1]
        Share of friends within a community. Those along one path through it are always there, so it is connected.
    seed : int
        Seed of `numpy.random.default_rng`.

    Returns
    -------
    Dataset
        ``X_true`` float64 from 1 to 5, rank at most ``min(num_row_blocks, num_col_blocks)``, equal to it by default;
        ``row_graph``, ``col_graph`` 0/1, whose connected components are the communities.

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    arXiv:1704.06803, which introduced Syn-Netflix; see :func:`matmend.datasets.load_synthetic_netflix`.

    Examples
    --------
    >>> data = block_ratings(seed=0)
    >>> data, int(np.linalg.matrix_rank(data.X_true))
    (Dataset('block ratings', 150 x 200 float64, row_graph, col_graph), 12)
    """
    m, n = _check_shape(shape)
    for name, count, size in (("num_row_blocks", num_row_blocks, m), ("num_col_blocks", num_col_blocks, n)):
        if not 1 <= count <= size:
            raise ValueError(f"{name}: expected a number in [1, {size}], got {count!r}; a block has a member at least.")
    if num_row_blocks * num_col_blocks < 2:
        raise ValueError("num_row_blocks: expected two blocks at least, got one in all; ratings would be constant.")
    if levels is not None and levels < 2:
        raise ValueError(f"levels: expected 2 or more, or None, got {levels!r}; 5 gives the ratings 1, 2, 3, 4, 5.")
    if not 0 <= edge_density <= 1:
        raise ValueError(f"edge_density: expected a share in [0, 1], got {edge_density!r}; 0.9 is like Syn-Netflix.")
    rng = np.random.default_rng(seed)
    rows, cols = (_communities(rng, *pair) for pair in ((m, num_row_blocks), (n, num_col_blocks)))
    table = _to_unit(rng.random((num_row_blocks, num_col_blocks)))
    if levels is not None:
        table = np.minimum(np.floor(table * levels), levels - 1) / (levels - 1)
    return Dataset(
        X_true=(1 + 4 * table)[np.ix_(rows, cols)],
        row_graph=_friends(rng, rows, edge_density),
        col_graph=_friends(rng, cols, edge_density),
        name="block ratings",
        source=f"matmend.datasets.synthetic.block_ratings, seed {seed}",
        licence=LICENCE,
    )


def interactions(shape: tuple[int, int], *, density: float = 0.03, rank: int = 5, seed: int) -> Dataset:
    """Make sparse 0/1 interactions of drugs and targets: 1 where hidden traits fit best, ``U @ V.T`` largest.

    Parameters
    ----------
    shape : (int, int)
        Drugs m, targets n.
    density : float in (0, 1)
        Share of ones; ``round(density * m * n)`` of them, exactly.
    rank : int >= 1
        Number of traits, Gaussian in U (m, rank) and V (n, rank).
    seed : int
        Seed of `numpy.random.default_rng`.

    Returns
    -------
    Dataset
        ``X_true`` float64, 0 or 1. ``row_similarity``, ``col_similarity`` in [0, 1], 1 on the diagonal:
        ``(1 + cos) / 2`` of the traits with half as much noise added.

    Raises
    ------
    ValueError
        If an argument is out of range, or there would be no one or no zero.

    Notes
    -----
    Like the data of :func:`matmend.datasets.load_yamanishi` in density, in similarities that tell something but not
    all, and in that each row and each column has a one (its best fit, as far as `density` allows). The rank of
    ``X_true`` itself is far above `rank`, as there.

    Examples
    --------
    >>> data = interactions((210, 204), seed=0)
    >>> data, int(data.X_true.sum())
    (Dataset('interactions', 210 x 204 float64, row_similarity, col_similarity), 1285)
    """
    m, n = _check_shape(shape)
    num_ones = round(density * m * n) if 0 < density < 1 else 0
    if not 0 < num_ones < m * n:
        got = f"{density!r}, {num_ones} ones in {m} x {n}"
        raise ValueError(f"density: expected a share in (0, 1) that gives ones and zeros, got {got}; 0.03 is usual.")
    _check_rank(rank)
    rng = np.random.default_rng(seed)
    U, V = rng.standard_normal((m, rank)), rng.standard_normal((n, rank))
    fit = U @ V.T
    is_best = (fit == fit.max(axis=0)) | (fit == fit.max(axis=1, keepdims=True))  # in its column or row: these first
    X = np.zeros(m * n)
    X[np.lexsort((-fit.ravel(), ~is_best.ravel()))[:num_ones]] = 1
    return Dataset(
        X_true=X.reshape(m, n),
        row_similarity=_similarity(U + 0.5 * rng.standard_normal(U.shape)),
        col_similarity=_similarity(V + 0.5 * rng.standard_normal(V.shape)),
        name="interactions",
        source=f"matmend.datasets.synthetic.interactions, seed {seed}",
        licence=LICENCE,
    )


def low_rank(shape: tuple[int, int], rank: int, *, seed: int, noise: float = 0.0) -> Dataset:
    """Make a Gaussian matrix of low rank, ``U @ V.T / sqrt(rank) + noise * E`` with standard normal U, V, E.

    Parameters
    ----------
    shape : (int, int)
        m, n.
    rank : int >= 1
        Columns of U and V; the rank of the result without noise, if at most min(m, n).
    seed : int
        Seed of `numpy.random.default_rng`.
    noise : float, >= 0
        Standard deviation of the noise; entries have variance ``1 + noise**2`` in expectation. The same seed gives the
        same U and V for every noise.

    Returns
    -------
    Dataset
        ``X_true`` float64, nothing else.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> int(np.linalg.matrix_rank(low_rank((30, 20), 3, seed=0).X_true))
    3
    """
    m, n = _check_shape(shape)
    _check_rank(rank)
    if not 0 <= noise < np.inf:
        raise ValueError(f"noise: expected a finite number >= 0, got {noise!r}; entries without it have variance 1.")
    rng = np.random.default_rng(seed)
    U, V = rng.standard_normal((m, rank)), rng.standard_normal((n, rank))
    X = U @ V.T / np.sqrt(rank) + noise * rng.standard_normal((m, n))
    source = f"matmend.datasets.synthetic.low_rank, seed {seed}"
    return Dataset(X_true=X, name=f"rank {rank}", source=source, licence=LICENCE)


def texture(shape: tuple[int, int], *, seed: int) -> Dataset:
    """Make a gray picture: shading, two systems of oblique stripes, two rectangles, a disc with rings, and grain.

    Shading, stripes and rectangles have rank at most 8 together; disc and rings are structure that is not of low rank;
    the grain makes the rank full.

    Parameters
    ----------
    shape : (int, int)
        Height m, width n.
    seed : int
        Seed of `numpy.random.default_rng`.

    Returns
    -------
    Dataset
        ``X_true`` float32, from 0 to 1.

    Raises
    ------
    ValueError
        If `shape` is not two positive integers, or has only one pixel.

    Examples
    --------
    >>> picture = texture((64, 64), seed=0).X_true
    >>> picture.dtype, float(picture.min()), float(picture.max())
    (dtype('float32'), 0.0, 1.0)
    """
    m, n = _check_shape(shape)
    if m * n == 1:
        raise ValueError("shape: expected two pixels at least, got (1, 1); one pixel has no texture.")
    rng = np.random.default_rng(seed)
    y, x = (np.arange(m)[:, None] + 0.5) / m, (np.arange(n)[None, :] + 0.5) / n
    X = rng.uniform(-1, 1) * y + rng.uniform(-1, 1) * x  # rank 2
    for _ in range(2):  # sin(a + b) is of rank 2
        cycles_y, cycles_x, phase = rng.uniform(3, 10), rng.uniform(3, 10), rng.random()
        X += 0.3 * np.sin(2 * np.pi * (cycles_y * y + cycles_x * x + phase))
    for _ in range(2):
        (top, left), (height, width) = rng.uniform(0.05, 0.55, 2), rng.uniform(0.2, 0.4, 2)
        X += rng.uniform(0.3, 0.8) * (abs(y - top - height / 2) < height / 2) * (abs(x - left - width / 2) < width / 2)
    distance = np.hypot(y - rng.uniform(0.3, 0.7), x - rng.uniform(0.3, 0.7))
    X += (distance < 0.25) * (0.5 + 0.2 * np.sin(2 * np.pi * 12 * distance))
    X = _to_unit(X + 0.03 * rng.standard_normal((m, n))).astype(np.float32)
    return Dataset(X_true=X, name="texture", source=f"matmend.datasets.synthetic.texture, seed {seed}", licence=LICENCE)


def _communities(rng: np.random.Generator, size: int, count: int) -> NDArray[np.int64]:
    """Assign a community to each of `size` members, in order; none is empty or below 3/4 of the mean (rounded down)."""
    sure = np.repeat(np.arange(count), max(1, 3 * size // (4 * count)))
    return np.sort(np.concatenate([sure, rng.integers(count, size=size - sure.size)]))


def _friends(rng: np.random.Generator, community: NDArray[np.int64], density: float) -> NDArray[np.float64]:
    same = community[:, None] == community[None, :]
    half = np.triu(same & (rng.random(same.shape) < density), k=1)
    walk = np.lexsort((rng.random(community.size), community))  # community by community, in random order within each
    first, second = walk[:-1], walk[1:]
    half[first, second] |= same[first, second]
    return (half | half.T).astype(np.float64)


def _similarity(traits: NDArray[np.float64]) -> NDArray[np.float64]:
    directions = traits / np.linalg.norm(traits, axis=1, keepdims=True)
    cosine = directions @ directions.T
    similarity = np.clip((2 + cosine + cosine.T) / 4, 0, 1)  # (1 + cos) / 2, symmetric to the last bit
    np.fill_diagonal(similarity, 1)
    return similarity


def _to_unit(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return (values - values.min()) / np.ptp(values)


def _check_shape(shape: tuple[int, int]) -> tuple[int, int]:
    if len(shape) != 2 or any(size != int(size) or size < 1 for size in shape):
        raise ValueError(f"shape: expected two positive integers (m, n), got {shape!r}; a picture is (height, width).")
    return int(shape[0]), int(shape[1])


def _check_rank(rank: int) -> None:
    if rank != int(rank) or rank < 1:
        raise ValueError(f"rank: expected a positive whole number, got {rank!r}; 5 is a common choice.")
