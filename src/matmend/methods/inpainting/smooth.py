"""Surfaces through the observed pixels: biharmonic, and of least total variation."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.sparse.linalg import splu

from matmend.methods.inpainting.filler import Observed, Picture, put_back


@dataclass(frozen=True)
class Biharmonic:
    r"""Minimise :math:`\sum (\Delta X)^2`, the bending of a plate that may tilt at the borders of the picture.

    The linear system is the one of scikit-image's ``inpaint_biharmonic``, solved here as what it is, symmetric and
    positive definite, in double precision and for all channels at once.

    References
    ----------
    Damelin and Hoang, "On surface completion and image inpainting by biharmonic functions: numerical aspects",
    arXiv:1707.06567.

    Examples
    --------
    >>> ramp = np.arange(6, dtype=np.float32) ** 2 * np.ones((6, 1), np.float32)
    >>> observed = np.ones((6, 6), bool)
    >>> observed[3, 3] = False
    >>> round(float(Biharmonic()(ramp[..., None], observed)[3, 3, 0]), 4)
    9.0
    """

    @property
    def name(self) -> str:
        """What it is, in words."""
        return "biharmonic"

    def __call__(self, picture: Picture, observed: Observed) -> Picture:
        """Fill a picture, see [`Filler`][matmend.methods.inpainting.filler.Filler]."""
        if observed.all():
            return picture.copy()
        grid = _Grid(observed)
        laplacian = sparse.csr_array(grid.differences.T @ grid.differences)[np.flatnonzero(grid.inner)]
        X = _minimise(grid.read(picture), grid.missing, np.ones(np.count_nonzero(grid.inner)), laplacian)
        return grid.written(X, picture, observed)


@dataclass(frozen=True)
class TotalVariation:
    r"""Minimise :math:`\sum h(|\nabla X|)`, h the loss of Huber: flat areas with sharp edges.

    The gradient of a pixel holds the differences to its right and lower neighbour in all channels, so that edges
    fall on the same place in all of them. Reweighted least squares, from the harmonic surface.

    Parameters
    ----------
    huber : float > 0, default 0.01
        Lengths of the gradient below are squared, above they count as they are.
    rounds : int >= 0, default 8
        Reweighted systems to solve; 0 leaves the harmonic surface.

    References
    ----------
    Chan and Shen, "Mathematical models for local nontexture inpaintings", doi:10.1137/S0036139900368844; reweighting:
    Chan and Mulet, "On the convergence of the lagged diffusivity fixed point method in total variation image
    restoration", doi:10.1137/S0036142997327075.

    Examples
    --------
    >>> row = np.array([[[0.0], [9.0], [9.0], [3.0]]], np.float32)
    >>> TotalVariation()(row, np.array([[True, False, False, True]])).ravel().round(3).tolist()
    [0.0, 1.0, 2.0, 3.0]
    """

    huber: float = 0.01
    rounds: int = 8

    def __post_init__(self) -> None:
        if not 0 < self.huber < np.inf:
            raise ValueError(f"huber: expected a number > 0, got {self.huber!r}; 0.01 suits pictures in [0, 1].")
        if self.rounds != int(self.rounds) or self.rounds < 0:
            raise ValueError(f"rounds: expected a whole number >= 0, got {self.rounds!r}; 8 are usual.")

    @property
    def name(self) -> str:
        """What it is, in words."""
        return "total variation"

    def __call__(self, picture: Picture, observed: Observed) -> Picture:
        """Fill a picture, see [`Filler`][matmend.methods.inpainting.filler.Filler]."""
        if observed.all():
            return picture.copy()
        grid = _Grid(observed)
        X = grid.read(picture)
        starts = grid.edges[0]
        weights = np.ones(len(starts))
        X = _minimise(X, grid.missing, weights, grid.differences)
        for _ in range(self.rounds):
            squares = ((grid.differences @ X) ** 2).sum(axis=1)
            length = np.sqrt(np.bincount(starts, squares, len(X)))
            weights = 1 / np.maximum(length, self.huber)
            # Only ratios matter; of order 1 they keep the system well scaled.
            X = _minimise(X, grid.missing, (weights * self.huber)[starts], grid.differences)
        return grid.written(X, picture, observed)


class _Grid:
    """The missing pixels and all pixels within two steps of one, numbered, and the edges between neighbours there."""

    def __init__(self, observed: Observed) -> None:
        near = ndimage.binary_dilation(~observed, iterations=2)
        self.places = np.flatnonzero(near)
        self.missing = ~observed.ravel()[self.places]
        """Of the numbered pixels, those to be found."""
        self.inner = ndimage.binary_dilation(~observed).ravel()[self.places]
        """Those of which all neighbours are numbered: what they compute from them does not lack one."""
        number = np.full(observed.shape, -1)
        number.ravel()[self.places] = np.arange(len(self.places))
        pairs = [(number[:, :-1], number[:, 1:]), (number[:-1], number[1:])]
        both = [(a[(a >= 0) & (b >= 0)], b[(a >= 0) & (b >= 0)]) for a, b in pairs]
        self.edges = np.concatenate([a for a, _ in both]), np.concatenate([b for _, b in both])
        rows = np.arange(len(self.edges[0]))
        signs = np.ones(len(rows))
        self.differences = sparse.csr_array(
            (np.concatenate([-signs, signs]), (np.concatenate([rows, rows]), np.concatenate(self.edges))),
            shape=(len(rows), len(self.places)),
        )

    def read(self, picture: Picture) -> NDArray[np.float64]:
        """Return the values of the numbered pixels, zero where missing."""
        values = picture.reshape(-1, picture.shape[2])[self.places].astype(np.float64)
        return np.where(self.missing[:, None], 0.0, values)

    def written(self, X: NDArray[np.float64], picture: Picture, observed: Observed) -> Picture:
        """Return the picture with the values found."""
        filled = picture.copy()
        filled.reshape(-1, picture.shape[2])[self.places] = X
        return put_back(filled, picture, observed)


def _minimise(
    X: NDArray[np.float64], missing: NDArray[np.bool_], weights: NDArray[np.float64], rows: sparse.csr_array
) -> NDArray[np.float64]:
    """Return the values where the missing ones minimise the weighted sum of the squared rows."""
    columns = sparse.csc_array(rows)
    unknown, known = columns[:, np.flatnonzero(missing)], columns[:, np.flatnonzero(~missing)]
    weighted = sparse.diags_array(weights) @ unknown
    system = sparse.csc_array(unknown.T @ weighted)
    target = -weighted.T @ (known @ X[~missing])
    # Positive definite, as every gap touches an observed pixel: an order for symmetric matrices, and no pivoting.
    factors = splu(system, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    filled = X.copy()
    filled[missing] = factors.solve(target)
    return filled
