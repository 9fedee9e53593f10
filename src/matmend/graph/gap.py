"""How well a mask hangs together: the spectral gap of the observation graph."""

import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from matmend.graph.components import Ints, row_starts
from matmend.graph.observed import ObservationGraph

Floats = NDArray[np.float64]

DENSE = 1 << 18
"""Matrices of so many entries are decomposed whole."""

BASIS = 40
"""Vectors that the Lanczos method keeps."""


def spectral_gap(
    graph: ObservationGraph, component: int | None = None, *, tolerance: float = 1e-8, max_products: int = 400
) -> float:
    r"""How far an observation graph is from falling apart: 0 = disconnected, 1 = fully observed.

    .. math:: 1 - \sigma_2(D_r^{-1/2} P D_c^{-1/2})

    with the 0/1 mask P and the degrees D_r of the rows and D_c of the columns; sigma_1 = 1.

    Parameters
    ----------
    graph : ObservationGraph
    component : int, optional
        A component by its label; by default the whole graph.
    tolerance : float, default 1e-8
        Residual of ``sigma_2^2`` at which the iteration ends (large graphs; small ones are decomposed whole). The error
        is of the order of its square.
    max_products : int, default 400
        Most products with P and its transpose. If they do not suffice, because the graph is large and nearly falls
        apart, a RuntimeWarning says so.

    Returns
    -------
    float in [0, 1]
        Of the whole graph: 0 unless it is connected. Of a component with one row or one column, isolated ones included:
        1, as there is no second singular value. Never too small, even where the iteration has not converged.

    Raises
    ------
    ValueError
        If there is no such component.

    Notes
    -----
    Not in the connectivity paper, which knows connected and disconnected only. That nuclear-norm completion wants a
    well-connected graph of similar degrees is a result of Lee, Mazumder, Song & Honorio 2023.

    The first pair of singular vectors is known (roots of the degrees), so sigma_2 is the largest singular value of what
    remains. A Lanczos method with restarts (K. Wu, H. Simon, SIAM J. Matrix Anal. Appl. 22 (2000) 602-616) finds it on
    the smaller side, from a fixed start.

    Examples
    --------
    >>> ring = ObservationGraph.from_mask([[True, True, False], [False, True, True], [True, False, True]])
    >>> round(spectral_gap(ring), 12)  # 1 - cos(pi / 3)
    0.5
    >>> spectral_gap(ObservationGraph.from_mask([[True, False], [False, True]]))
    0.0
    """
    if component is None:
        if not graph.is_connected:
            return 0.0
        component = 0
    if not 0 <= component < graph.num_components:
        raise ValueError(f"component: expected a label in 0..{graph.num_components - 1}, got {component}.")
    shape, rows, cols = _part(graph, component)
    m, n = shape
    if min(m, n) <= 1:
        return 1.0  # a star, or one vertex: no second singular value
    row_degrees, col_degrees = np.bincount(rows, minlength=m), np.bincount(cols, minlength=n)
    if m * n <= DENSE:
        N = np.zeros(shape)
        N[rows, cols] = 1 / np.sqrt(row_degrees[rows] * col_degrees[cols])
        return _clipped(np.linalg.svd(N, compute_uv=False)[1])

    P = sparse.csr_array((np.ones(rows.size), cols, row_starts(m, rows)), shape=shape)
    near, far = (P, P.T) if n <= m else (P.T, P)
    small, large = (col_degrees, row_degrees) if n <= m else (row_degrees, col_degrees)
    top = np.sqrt(small / rows.size)  # a unit vector, as the degrees sum up to the number of entries
    scale, weights = 1 / np.sqrt(small), 1 / large

    def apply(x: Floats) -> Floats:
        y = scale * (far @ (weights * (near @ (scale * x))))
        return y - top * (top @ y)

    start = np.random.default_rng(0).standard_normal(top.size)
    value, residual = _largest_eigenvalue(apply, start - top * (top @ start), tolerance, max_products)
    gap = _clipped(np.sqrt(max(value, 0.0)))
    if residual > tolerance:
        warnings.warn(
            f"The spectral gap is only known to be at most {gap:.2e}: after {max_products} products the residual is "
            f"{residual:.1e} instead of {tolerance:.0e}; raise max_products, or take it as a rough value.",
            RuntimeWarning,
            stacklevel=2,
        )
    return gap


def _part(graph: ObservationGraph, component: int) -> tuple[tuple[int, int], Ints, Ints]:
    """Shape, rows and columns of one component, numbered anew."""
    if graph.is_connected:
        return graph.shape, graph.rows, graph.cols
    has_row, has_col = graph.row_labels == component, graph.col_labels == component
    used = has_row[graph.rows]
    new_row, new_col = (np.cumsum(has, dtype=np.int32) - np.int32(1) for has in (has_row, has_col))
    shape = int(np.count_nonzero(has_row)), int(np.count_nonzero(has_col))
    return shape, new_row[graph.rows[used]], new_col[graph.cols[used]]


def _clipped(sigma: float) -> float:
    """Take off the rounding that would leave [0, 1]."""
    return float(min(max(1 - sigma, 0.0), 1.0))


def _largest_eigenvalue(
    apply: Callable[[Floats], Floats], start: Floats, tolerance: float, max_products: int
) -> tuple[float, float]:
    """Largest eigenvalue of a symmetric operator, and the residual of its vector; the value is never too large.

    All vectors are orthogonalized against each other (twice), which also yields the projected matrix H, arrow-shaped
    after a restart, without special cases.
    """
    size = min(BASIS, start.size)
    V, H = np.zeros((size, start.size)), np.zeros((size, size))
    j, new = 0, start / np.linalg.norm(start)
    value, residual = 0.0, np.inf
    for _ in range(max_products):
        V[j] = new
        new = apply(V[j])
        j += 1
        coefficients = np.zeros(j)
        for _ in range(2):
            step = V[:j] @ new
            new -= step @ V[:j]
            coefficients += step
        H[:j, j - 1] = H[j - 1, :j] = coefficients
        values, vectors = np.linalg.eigh(H[:j, :j])
        length = np.linalg.norm(new)
        value, residual = float(values[-1]), float(length * abs(vectors[-1, -1]))
        if residual <= tolerance or j == start.size:
            break
        if j == size:
            j = size // 4
            V[:j] = vectors[:, -j:].T @ V
            H[:] = 0
            H[range(j), range(j)] = values[-j:]
        new /= length
    return value, residual
