"""DMF+DE: deep factorization in the eigenbases of given graphs, with their Dirichlet energies (SGMC)."""

from typing import Unpack

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics.pairwise import nan_euclidean_distances

from matmend.datasets import knn_graph
from matmend.methods.completion import Completion, checked, side_by_side
from matmend.methods.recipe import Recipe, Training
from matmend.methods.training import complete_with
from matmend.regularizer import AbstractRegularizer, GivenLaplacian
from matmend.representation import AbstractInitialization, DeepFactorization, ScaledIdentity, Spectral
from matmend.transform import Transpose

REFERENCE_WEIGHT = 0.3
"""Weight times number of entries; 1e-5 on the 150 x 200 matrix of Syn-Netflix."""


def complete(
    observed: ArrayLike,
    mask: ArrayLike | None = None,
    *,
    row_affinity: ArrayLike | None = None,
    col_affinity: ArrayLike | None = None,
    depth: int = 3,
    weight: float | None = None,
    is_spectral: bool = True,
    initialization: AbstractInitialization = ScaledIdentity(1e-2),  # noqa: B008 (frozen)
    **training: Unpack[Training],
) -> Completion:
    """Complete a matrix by deep factorization with given graphs of its rows and columns.

    ``min mean((X - Y)^2 on observed) + weight (tr(X' L_r X) + tr(X L_c X'))`` over the factors of ``C`` in
    ``X = Phi C Psi'``, with ``Phi`` and ``Psi`` the eigenvectors of ``L_r`` and ``L_c``.

    Parameters
    ----------
    observed, mask
        As in [`complete_with`][matmend.methods.complete_with]; channels of a picture share its graphs of rows.
    row_affinity, col_affinity : arrays of shape (m, m), (n, n), optional
        Graphs of rows and of columns (of all columns side by side, for a picture with channels): symmetric,
        non-negative. By default those of the 5 nearest neighbours, measured on the entries that two rows (columns)
        have in common.
    depth : int, default 3
    weight : float, optional
        ``mu_r = mu_c``; ``0.3 / (number of entries)`` by default.
    is_spectral : bool, default True
        False factorizes ``X`` itself (``Phi = Psi = I``).
    initialization : AbstractInitialization, default ``ScaledIdentity(1e-2)``
        Of the factors of ``C``.
    **training
        Seed, steps, held-out share and what else [`complete_with`][matmend.methods.complete_with] takes.

    Returns
    -------
    Completion

    Raises
    ------
    ValueError
        If a graph has another size, negative numbers, or no edge.

    Notes
    -----
    Departures from the reference: graphs are scaled to a mean degree of 1, so that one weight serves for graphs of any
    unit; the loss is a mean and is minimized by Adam, not a root mean square by gradient descent of up to 800,000
    steps; ``rho_r = rho_c = 0``, as in the authors' notebook.

    References
    ----------
    Boyarski, Vedula & Bronstein 2019, arXiv:1911.07255.

    Examples
    --------
    >>> from matmend.datasets.synthetic import block_ratings
    >>> from matmend.masks import random_mask
    >>> ratings = block_ratings((20, 30), num_row_blocks=3, num_col_blocks=4, seed=0)
    >>> seen = random_mask((20, 30), 0.5, seed=0)
    >>> done = complete(ratings.X_true, seen, row_affinity=ratings.row_graph, col_affinity=ratings.col_graph, steps=200)
    >>> done.method
    'dmf_de'
    """
    array, seen = checked(observed, mask)
    if row_affinity is None or col_affinity is None:
        known = side_by_side(np.where(seen if array.ndim == 2 else seen[..., None], array, np.nan))
        row_affinity = neighbour_graph(known) if row_affinity is None else row_affinity
        col_affinity = neighbour_graph(known.T) if col_affinity is None else col_affinity
    return complete_with(
        recipe(
            row_affinity,
            col_affinity,
            depth=depth,
            weight=weight,
            is_spectral=is_spectral,
            initialization=initialization,
        ),
        array,
        seen,
        **training,
    )


def recipe(
    row_affinity: ArrayLike,
    col_affinity: ArrayLike,
    *,
    depth: int = 3,
    weight: float | None = None,
    is_spectral: bool = True,
    initialization: AbstractInitialization = ScaledIdentity(1e-2),  # noqa: B008 (frozen)
) -> Recipe:
    """Say what the method is made of, for [`complete_many_with`][matmend.methods.complete_many_with].

    Examples
    --------
    >>> import numpy as np
    >>> recipe(1 - np.eye(3), 1 - np.eye(4)).method
    'dmf_de'
    """
    W_row, W_col = _unit_degree(row_affinity, "row_affinity"), _unit_degree(col_affinity, "col_affinity")
    w = REFERENCE_WEIGHT / (W_row.shape[0] * W_col.shape[0]) if weight is None else weight

    def regularizer(shape: tuple[int, int], channels: int) -> AbstractRegularizer:
        del shape, channels
        return w * GivenLaplacian(W_row) + w * GivenLaplacian(W_col, Transpose())

    factors = DeepFactorization(depth, initialization=initialization)
    representation = Spectral.from_graphs(W_row, W_col, coefficients=factors) if is_spectral else factors
    settings = {"depth": depth, "is_spectral": is_spectral}
    return Recipe("dmf_de", representation, regularizer, settings=settings)


def neighbour_graph(known: np.ndarray, k: int = 5) -> np.ndarray:
    """Connect every row to the ``k`` nearest by mean squared distance over the entries that both have.

    Parameters
    ----------
    known : array of shape (m, n)
        NaN where missing.
    k : int, default 5

    Returns
    -------
    array of shape (m, m)
        Symmetric affinities ``exp(-d^2 / (2 s^2))``, ``s`` the median distance to the ``k``-th neighbour (1 if
        that is 0). Rows with no entry in common have affinity 0.

    Examples
    --------
    >>> neighbour_graph(np.array([[0.0, 1.0], [0.0, np.nan], [9.0, 1.0]]), k=1).round(2).tolist()
    [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    distances = nan_euclidean_distances(known)
    distances[np.isnan(distances)] = np.inf
    k = min(k, len(known) - 1)
    nearest = np.sort(distances + np.diag(np.full(len(known), np.inf)), axis=1)[:, k - 1]
    finite = nearest[np.isfinite(nearest)]
    s = float(np.median(finite)) if finite.size and np.median(finite) > 0 else 1.0
    return knn_graph(np.exp(-((distances / s) ** 2) / 2), k)


def _unit_degree(affinity: ArrayLike, name: str) -> np.ndarray:
    W = np.array(affinity, dtype=np.float64)
    if W.ndim != 2 or W.shape[0] != W.shape[1] or not (np.isfinite(W).all() and (W >= 0).all()):
        raise ValueError(f"{name} is a square matrix of finite numbers >= 0, got one of shape {W.shape}.")
    np.fill_diagonal(W, 0)
    W = (W + W.T) / 2
    if not W.any():
        raise ValueError(f"{name} has no edge: leave the graph out, or pass one that says which are alike.")
    return W / W.sum(axis=1).mean()
