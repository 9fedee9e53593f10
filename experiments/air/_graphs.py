"""Learned graphs in numbers and as heat maps."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from matmend.metrics import auc

Floats = NDArray[np.float64]


def num_neighbors(adjacency: Floats) -> float:
    """Return how many neighbours a row has, effectively: the median over rows of ``(sum_j a_ij)^2 / sum_j a_ij^2``.

    >>> num_neighbors(np.ones((5, 5)) - np.eye(5))
    4.0
    """
    return float(np.median(adjacency.sum(axis=1) ** 2 / (adjacency**2).sum(axis=1)))


def share_near(adjacency: Floats, distance: int) -> float:
    """Return the share of the weight that lies between rows at most so far apart.

    >>> share_near(np.ones((3, 3)) - np.eye(3), 1)  # 4 of the 6 pairs
    0.6666666666666666
    """
    place = np.arange(len(adjacency))
    is_near = np.abs(place[:, None] - place) <= distance
    return float(adjacency[is_near].sum() / adjacency.sum())


def weight_per_row(adjacency: Floats) -> float:
    """Return the mean weight of a row: what is left of its affinity, 1 in all, beside that for itself.

    >>> weight_per_row(np.ones((4, 4)) / 4 - np.eye(4) / 4)
    0.75
    """
    return float(adjacency.sum() / len(adjacency))


def communities(adjacency: Floats) -> NDArray[np.int64]:
    """Return for every node the number of its connected component, edges of less than weight 1 left out.

    Syn-Netflix has such faint edges between its communities.

    >>> communities(np.array([[0, 0.5, 1], [0.5, 0, 0], [1, 0, 0]])).tolist()
    [0, 1, 0]
    """
    return connected_components(adjacency >= 1, directed=False)[1].astype(np.int64)


def share_inside(adjacency: Floats, community: NDArray[np.int64]) -> float:
    """Return the share of the weight that lies between members of one community.

    >>> share_inside(np.array([[0, 2, 1], [2, 0, 1], [1, 1, 0]], float), np.array([0, 0, 1]))
    0.5
    """
    return float(adjacency[community[:, None] == community].sum() / adjacency.sum())


def same_community_auc(adjacency: Floats, community: NDArray[np.int64]) -> float:
    """Return the chance that a pair within a community weighs more than a pair across two: 1 is perfect, 1/2 blind.

    >>> same_community_auc(np.array([[0, 2, 1], [2, 0, 1], [1, 1, 0]], float), np.array([0, 0, 1]))
    1.0
    """
    i, j = np.triu_indices(len(adjacency), k=1)
    return float(auc(adjacency[i, j], community[i] == community[j]))


def heat_maps(rows: Sequence[tuple[str, Sequence[tuple[str, Floats]]]], *, low: float, high: float) -> Figure:
    """Draw graphs as heat maps on one logarithmic scale: the darker, the more alike.

    Parameters
    ----------
    rows : sequence of (name, sequence of (title, adjacency))
    low, high : float
        Weights that are drawn white and black; what lies beyond is drawn as they are.

    Returns
    -------
    matplotlib.figure.Figure
    """
    count = max(len(panels) for _, panels in rows)
    figure = Figure(figsize=(3.3 * count + 1.0, 3.4 * len(rows)), layout="constrained")
    grid = figure.subplots(len(rows), count, squeeze=False)
    drawn: AxesImage | None = None
    for line, (name, panels) in zip(grid, rows, strict=True):
        for axes, (title, adjacency) in zip(line, panels, strict=True):
            drawn = heat_map(axes, adjacency, low=low, high=high)
            axes.set_title(title, fontsize=9.5)
        line[0].set_ylabel(name, fontsize=11)
    assert drawn is not None, "nothing to draw"
    figure.colorbar(drawn, ax=grid, shrink=0.6, label="similarity $-L_{ij}$, log scale", extend="both")
    return figure


def heat_map(axes: Axes, adjacency: Floats, *, low: float, high: float) -> AxesImage:
    """Draw one graph; the diagonal, which the graph does not have, is white."""
    axes.tick_params(labelsize=8)
    # White is `low` or less: a zero has no logarithm.
    shown = np.clip(adjacency, low, None)
    return axes.imshow(shown, cmap="Greys", norm=LogNorm(low, high), interpolation="nearest")
