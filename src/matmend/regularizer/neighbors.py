"""Who is whose neighbour: the host's side of a graph on an edge set, rebuilt between blocks of steps."""

import numpy as np
from jaxtyping import Bool, Float, Int

from matmend.regularizer.edge_tables import is_among, ranks

EXACT_LIMIT = 2**15
"""Most points that are searched exhaustively (some seconds); more are searched in cells."""

CELLS_READ = 16
"""Cells, of ``4 sqrt(number of points)``, that are read for every point."""


def choose_neighbors(
    points: Float[np.ndarray, "k r"],
    given: Int[np.ndarray, "k g"],
    is_warm: Bool[np.ndarray, " k"],
    *,
    num_neighbors: int,
    min_degree: int,
    max_incoming: int,
    seed: int = 0,
) -> Int[np.ndarray, "k s"]:
    """Find neighbours for all nodes among the warm ones, besides those given.

    Parameters
    ----------
    points : array of shape (k, r)
    given : int array of shape (k, g)
        Neighbours that every node has already; filled from the left, -1 for none.
    is_warm : bool array of shape (k,)
        The nodes that may be found; all, if these are too few to choose from.
    num_neighbors, min_degree, max_incoming, seed : int
        As in [`EdgeLaplacian`][matmend.regularizer.EdgeLaplacian].

    Returns
    -------
    int32 array of shape (k, num_neighbors)
        Filled from the left; -1 marks an empty slot.

    Examples
    --------
    >>> import numpy as np
    >>> points, none = np.array([[0.0], [0.1], [3.0], [4.0]]), np.zeros((4, 0), np.int32)
    >>> warm = np.array([False, True, True, True])
    >>> choose_neighbors(points, none, warm, num_neighbors=1, min_degree=1, max_incoming=4).tolist()
    [[1], [2], [3], [2]]
    """
    if is_warm.sum() <= num_neighbors:
        is_warm = np.ones_like(is_warm)
    # Twice as many as needed, for some are given already and some will have been taken.
    candidates, sq = nearest(points, 2 * num_neighbors, among=is_warm, seed=seed)
    candidates = np.where(is_among(candidates, given), -1, candidates)
    found = take_in_turn(candidates, sq, num_neighbors, max_incoming)
    from_mean = np.sum((points - points[is_warm].mean(axis=0)) ** 2, axis=1)
    return deal(found, given, np.lexsort((from_mean, ~is_warm)), min_degree, max_incoming)


def nearest(
    points: Float[np.ndarray, "k r"],
    num_neighbors: int,
    *,
    among: Bool[np.ndarray, " k"] | None = None,
    seed: int = 0,
) -> tuple[Int[np.ndarray, "k s"], Float[np.ndarray, "k s"]]:
    """Nearest other points, the nearest first.

    Parameters
    ----------
    points : array of shape (k, r)
    num_neighbors : int
        ``s``, at least 1.
    among : bool array of shape (k,), optional
        The points that may be found; all by default.
    seed : int, default 0
        Of the cells; the same seed gives the same neighbours.

    Returns
    -------
    neighbors : int32 array of shape (k, s)
        -1 where no more were found.
    sq_distances : float32 array of shape (k, s)
        Infinite there.

    Notes
    -----
    Exhaustive up to `EXACT_LIMIT` points. Above, the points are put into cells around k-means centres, and every point
    reads the `CELLS_READ` cells nearest to it: some of its true neighbours may be missed, most where the points have no
    clusters. Both are faiss's, whose answers are repeatable and whose wheels serve all our Pythons.

    References
    ----------
    Douze et al. 2024, *The Faiss library*, arXiv:2401.08281.

    Examples
    --------
    >>> import numpy as np
    >>> nearest(np.array([[0.0], [1.0], [3.0]]), 1)[0].tolist()
    [[1], [0], [1]]
    """
    import faiss  # a third of a second, for those who need it

    points = np.ascontiguousarray(points, np.float32)
    if not np.isfinite(points).all():
        raise ValueError("Neighbours of points that are not finite: the factors have overflowed; lower the rate.")
    k, r = points.shape
    ids = np.arange(k) if among is None else np.flatnonzero(among)
    index = faiss.IndexFlatL2(r)
    if ids.size > EXACT_LIMIT:
        index = faiss.IndexIVFFlat(index, r, int(4 * np.sqrt(ids.size)))
        index.nprobe = CELLS_READ
        index.cp.seed = seed
        index.cp.max_points_per_centroid = 64
        index.cp.min_points_per_centroid = 1  # else it warns
        index.train(points[ids])
    index.add(points[ids])
    # One more than asked for: a point that may be found finds itself.
    sq, found = index.search(points, min(num_neighbors + 1, ids.size))
    found = np.where(found >= 0, ids[found], -1)
    missing = (found < 0) | (found == np.arange(k)[:, None])
    order = np.argsort(missing, axis=1, kind="stable")[:, :num_neighbors]
    missing = np.take_along_axis(missing, order, axis=1)
    neighbors = np.where(missing, -1, np.take_along_axis(found, order, axis=1)).astype(np.int32)
    sq = np.where(missing, np.inf, np.take_along_axis(sq, order, axis=1)).astype(np.float32)
    short = num_neighbors - neighbors.shape[1]
    return (
        np.pad(neighbors, ((0, 0), (0, short)), constant_values=-1),
        np.pad(sq, ((0, 0), (0, short)), constant_values=np.inf),
    )


def take_in_turn(
    candidates: Int[np.ndarray, "k c"], sq_distances: Float[np.ndarray, "k c"], num_neighbors: int, max_incoming: int
) -> Int[np.ndarray, "k s"]:
    """Let every node take its nearest candidates, but none that ``max_incoming`` others have taken.

    First choices come before second ones, and of many with the same choice the nearest come first.

    Parameters
    ----------
    candidates : int array of shape (k, c)
        The nearest first; -1 for none.
    sq_distances : array of shape (k, c)
    num_neighbors, max_incoming : int

    Returns
    -------
    int32 array of shape (k, num_neighbors)
        Filled from the left; -1 where nothing was left to take.

    Notes
    -----
    In many dimensions some points are near to very many others ("hubs"). As the energy is symmetric, each of
    these edges also pulls at the hub, whose own ratings would count for little.

    References
    ----------
    Radovanovic, Nanopoulos & Ivanovic 2010, *Hubs in space*, JMLR 11.

    Examples
    --------
    >>> import numpy as np
    >>> take_in_turn(np.array([[2], [2], [0]]), np.array([[4.0], [1.0], [4.0]]), 1, 1).tolist()
    [[-1], [2], [0]]
    """
    k, _ = candidates.shape
    taken = np.full((k, num_neighbors), -1, np.int32)
    num_taken, free = np.zeros(k, int), np.full(k, max_incoming)
    for choice, sq in zip(candidates.T, sq_distances.T, strict=True):
        asking = np.flatnonzero((choice >= 0) & (num_taken < num_neighbors))
        asking = asking[np.lexsort((sq[asking], choice[asking]))]
        asked = choice[asking]
        accepted = asking[ranks(asked) < free[asked]]
        taken[accepted, num_taken[accepted]] = choice[accepted]
        num_taken[accepted] += 1
        free -= np.bincount(choice[accepted], minlength=k)
    return taken


def deal(
    neighbors: Int[np.ndarray, "k s"],
    given: Int[np.ndarray, "k g"],
    order: Int[np.ndarray, " k"],
    min_degree: int,
    max_incoming: int,
) -> Int[np.ndarray, "k s"]:
    """Give nodes of fewer than ``min_degree`` neighbours the first nodes of an order, dealt out like cards.

    Parameters
    ----------
    neighbors : int array of shape (k, s)
        Found neighbours, filled from the left; -1 marks an empty slot. ``s >= min_degree``.
    given : int array of shape (k, g)
        Given ones, which count; filled from the left, and none of them found again.
    order : int array of shape (k,)
        All nodes, those to be dealt first at the beginning.
    min_degree, max_incoming : int
        As many nodes are dealt as it takes for each to be dealt about ``max_incoming`` times.

    Returns
    -------
    int32 array of shape (k, s)

    Examples
    --------
    >>> import numpy as np
    >>> none = np.full((3, 1), -1)
    >>> deal(none, none, np.array([2, 0, 1]), 1, 1).tolist()
    [[2], [0], [1]]
    """
    floor = min(min_degree, len(neighbors) - 1)
    num_found, num_given = (neighbors >= 0).sum(axis=1), (given >= 0).sum(axis=1)
    missing = np.maximum(floor - num_found - num_given, 0)
    poor = np.flatnonzero(missing)
    if not poor.size:
        return neighbors
    # A hand of this size has enough cards even if the node itself and all that it has are among them.
    pool = order[: max(2 * floor + 1, -(-missing.sum() // max_incoming))]
    start = np.cumsum(missing[poor]) - missing[poor]
    hand = pool[(start[:, None] + np.arange(min(2 * floor + 1, pool.size))) % pool.size]
    owned = np.hstack([neighbors[poor, :floor], given[poor, :floor], poor[:, None]])
    fresh = ~(hand[:, :, None] == owned[:, None, :]).any(axis=2)
    rank = np.cumsum(fresh, axis=1) - 1
    row, card = np.nonzero(fresh & (rank < missing[poor, None]))
    neighbors = neighbors.copy()
    neighbors[poor[row], num_found[poor[row]] + rank[row, card]] = hand[row, card]
    return neighbors
