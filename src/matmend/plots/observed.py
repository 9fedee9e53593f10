"""Pictures of what is observed: the mask, its components, and which entries it determines."""

from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import ArrayLike, NDArray

from matmend.completability import Determinability
from matmend.graph import ObservationGraph
from matmend.plots.pictures import MISSING_COLOUR, _rgb

CELLS = 360
"""Most cells along a side of a drawing; larger matrices are drawn as shares of cells of several entries."""
LOWEST, TALLEST = 0.45, 2.0
"""Least and greatest height of a drawing divided by its width; longer matrices are squeezed."""
SAMPLES = 6
"""Entries looked at in a cell."""

OBSERVED_COLOUR = (0.86, 0.88, 0.91)
DETERMINED_COLOUR = (0.16, 0.48, 0.72)
OPEN_COLOUR = (0.95, 0.62, 0.20)
APART_COLOUR = (0.15, 0.11, 0.15)
_COMPONENTS = (
    (0.12, 0.37, 0.66), (0.18, 0.52, 0.34), (0.50, 0.35, 0.84), (0.72, 0.47, 0.12), (0.10, 0.55, 0.58),
    (0.55, 0.30, 0.45), (0.40, 0.45, 0.15), (0.35, 0.40, 0.50),
)  # fmt: skip


def determinability(
    graph: ObservationGraph,
    found: Determinability,
    *,
    image: ArrayLike | None = None,
    is_sorted: bool = False,
    title: str = "",
    words: tuple[str, str] = ("row", "column"),
) -> Figure:
    """Draw the mask, its components, and which missing entries are determined at a rank.

    Parameters
    ----------
    graph : ObservationGraph
    found : Determinability
        Of this graph.
    image : array of shape (m, n) or (m, n, 3), optional
        Values in 0..1, drawn where observed.
    is_sorted : bool, default False
        Whether rows and columns with most entries come first, as for ratings, where the order of ids says nothing.
    title : str, optional
    words : tuple of str
        What a row and a column are called.

    Returns
    -------
    matplotlib.figure.Figure

    Notes
    -----
    Of a matrix with more than 360 rows or columns a cell of the drawing stands for several entries: it has the mean
    colour of a few random ones, and in the mask the share of observed entries on a scale by orders of magnitude.

    Examples
    --------
    >>> from matmend.completability import determinability as determine
    >>> graph = ObservationGraph.from_mask(np.eye(4) < 1)
    >>> [axes.get_title() for axes in determinability(graph, determine(graph, 1)).axes]
    ['observed: 75.0%', '1 component', 'at rank 1']
    """
    m, n = graph.shape
    views = maps(graph, found, image=image, is_sorted=is_sorted)
    height = 3.4 * min(max(m / n, LOWEST), TALLEST)
    figure = Figure(figsize=(11.4, height + 1.7), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    number = graph.num_components
    for axes, view, name in (
        (left, views.mask, f"observed: {graph.num_observed / (m * n):.1%}"),
        (middle, views.components, f"{number:,} component{'s' if number != 1 else ''}"),
        (right, views.classes, f"at rank {found.rank}"),
    ):
        axes.imshow(
            view, interpolation="nearest", extent=(0, n, m, 0), aspect="equal" if LOWEST <= m / n <= TALLEST else "auto"
        )
        axes.set_title(name, fontsize=11)
        axes.set_xticks([])
        axes.set_yticks([])
    by = ", most entries first" if is_sorted else ""
    left.set_xlabel(f"{words[1]}s{by}", fontsize=9)
    left.set_ylabel(f"{words[0]}s{by}", fontsize=9)
    middle.set_xlabel("sorted by component", fontsize=9)
    figure.legend(
        handles=[
            Patch(facecolor=OBSERVED_COLOUR, edgecolor="0.6", label="observed"),
            Patch(facecolor=DETERMINED_COLOUR, label="missing, determined"),
            Patch(facecolor=OPEN_COLOUR, label="open at this rank" if found.is_settled else "open, or not decided"),
            Patch(facecolor=APART_COLOUR, label="open at every rank"),
        ],
        loc="outside lower right", ncols=4, frameon=False, fontsize=9,
    )  # fmt: skip
    if title:
        figure.suptitle(title, fontsize=12)
    return figure


class Maps(NamedTuple):
    """Colours, arrays of shape (h, w, 3) within 0..1.

    Attributes
    ----------
    mask : array
        What is observed.
    components : array
        Rows and columns sorted by their component, a colour for each.
    classes : array
        Observed, determined, open at the rank, open at every rank: in the colours named above.
    """

    mask: NDArray[np.float64]
    components: NDArray[np.float64]
    classes: NDArray[np.float64]


def maps(
    graph: ObservationGraph, found: Determinability, *, image: ArrayLike | None = None, is_sorted: bool = False
) -> Maps:
    """Return what [`determinability`][matmend.plots.determinability] draws, which takes the same arguments, as arrays.

    Examples
    --------
    >>> from matmend.completability import determinability as determine
    >>> graph = ObservationGraph.from_mask(np.eye(4) < 1)
    >>> maps(graph, determine(graph, 1)).classes.shape
    (4, 4, 3)
    """
    order = np.arange(graph.shape[0]), np.arange(graph.shape[1])
    if is_sorted:
        order = tuple(np.argsort(-degrees, kind="stable") for degrees in (graph.row_degrees, graph.col_degrees))
    blocks = (
        np.lexsort((-graph.row_degrees, _by_size(graph)[graph.row_labels])),
        np.lexsort((-graph.col_degrees, _by_size(graph)[graph.col_labels])),
    )
    return Maps(_mask(graph, order, image), _components(graph, blocks), _classes(graph, found, order))


def _by_size(graph: ObservationGraph) -> NDArray[np.int64]:
    """Rank of each component by its entries, largest first; isolated rows and columns come last."""
    place = np.empty(graph.num_components, dtype=np.int64)
    place[np.argsort(-graph.components.num_entries, kind="stable")] = np.arange(graph.num_components)
    return place


def _cells(order: NDArray[np.intp]) -> tuple[NDArray[np.int64], int]:
    """Return the cell of each row or column when they are put in this order, and how many cells there are."""
    number = min(order.size, CELLS)
    cell = np.empty(order.size, dtype=np.int64)
    cell[order] = np.arange(order.size, dtype=np.int64) * number // order.size
    return cell, number


def _density(graph: ObservationGraph, order: tuple[NDArray[np.intp], ...]) -> NDArray[np.float64]:
    """Share of observed entries in each cell."""
    (row_cell, height), (col_cell, width) = (_cells(part) for part in order)
    counts = np.zeros(height * width, dtype=np.int64)
    for start in range(0, graph.num_observed, 1 << 22):
        part = slice(start, start + (1 << 22))
        counts += np.bincount(row_cell[graph.rows[part]] * width + col_cell[graph.cols[part]], minlength=height * width)
    areas = np.outer(np.bincount(row_cell), np.bincount(col_cell))
    return counts.reshape(height, width) / areas


def _mask(graph: ObservationGraph, order: tuple[NDArray[np.intp], ...], image: ArrayLike | None) -> NDArray[np.float64]:
    density = _density(graph, order)
    if image is not None and density.shape == graph.shape:
        return np.where((density > 0)[..., None], _rgb(image), MISSING_COLOUR)
    shade = density
    if density.shape != graph.shape and density.mean() < 0.2:
        low = 1 / max(1, graph.shape[0] * graph.shape[1] / density.size)  # one entry of a cell
        shade = np.where(
            density > 0, 0.15 + 0.85 * (1 - np.log10(np.maximum(density, low)) / min(np.log10(low), -1)), 0
        )
    return np.repeat(1 - shade[..., None], 3, axis=2)


def _components(graph: ObservationGraph, order: tuple[NDArray[np.intp], ...]) -> NDArray[np.float64]:
    """Blocks of the components, a colour each, darker where observed; white between them."""
    rows, cols = _looked_at(order)
    p, q = _by_size(graph)[graph.row_labels[rows]], _by_size(graph)[graph.col_labels[cols]]
    colours = np.array(_COMPONENTS)[p % len(_COMPONENTS)]
    shade = _density(graph, order)[..., None, None]
    inside = (p == q)[..., None]
    tint = 0.30 + 0.70 * shade / max(float(shade.max()), 1e-9)
    colours = np.where(inside, 1 - tint * (1 - colours), 1.0)
    apart = (graph.row_degrees[rows] == 0) | (graph.col_degrees[cols] == 0)
    colours[apart] = APART_COLOUR
    return colours.mean(axis=2)


def _classes(
    graph: ObservationGraph, found: Determinability, order: tuple[NDArray[np.intp], ...]
) -> NDArray[np.float64]:
    rows, cols = _looked_at(order)
    i, j = rows.ravel(), cols.ravel()
    colours = np.where(found.determined(i, j)[:, None], DETERMINED_COLOUR, OPEN_COLOUR)
    colours[graph.row_labels[i] != graph.col_labels[j]] = APART_COLOUR
    colours[_is_observed(graph, i, j)] = OBSERVED_COLOUR
    return colours.reshape(*rows.shape, 3).mean(axis=2)


def _is_observed(graph: ObservationGraph, i: NDArray[np.intp], j: NDArray[np.intp]) -> NDArray[np.bool_]:
    if graph.num_observed == 0:
        return np.zeros(i.shape, dtype=bool)
    n = graph.shape[1]
    keys = graph.rows.astype(np.int64) * n + graph.cols
    return keys[np.minimum(np.searchsorted(keys, i * n + j), keys.size - 1)] == i * n + j


def _looked_at(order: tuple[NDArray[np.intp], ...]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of the entries that are looked at in each cell, shape (cells, cells, samples)."""
    rng = np.random.default_rng(0)
    sides = []
    for part in order:
        number = min(part.size, CELLS)
        ends = -(-np.arange(number + 1) * part.size // number)  # the first place of each cell
        sides.append((number, ends, part))
    samples = 1 if all(number == part.size for number, _, part in sides) else SAMPLES
    shape = (sides[0][0], sides[1][0], samples)
    picked = []
    for (_, ends, part), axis in zip(sides, (0, 1), strict=True):
        start, size = (np.expand_dims(x, (1 - axis, 2)) for x in (ends[:-1], np.diff(ends)))
        picked.append(part[start + (rng.random(shape) * size).astype(np.intp)])
    return picked[0], picked[1]
