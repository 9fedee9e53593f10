"""What a data set is: a known matrix, and what is known about its rows and columns."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Dataset"]

Floats = NDArray[np.float32] | NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """A matrix whose entries are all known, with side information on its rows and columns.

    Parameters
    ----------
    X_true : float32 or float64 array, shape (m, n)
        The matrix. Which entries are shown to a method is the business of a mask (:mod:`matmend.masks`).
    row_graph, col_graph : float array, shape (m, m) or (n, n), optional
        Affinities of rows, of columns: symmetric, not negative, zero diagonal; larger = more alike, 0 = no edge.
    row_similarity, col_similarity : float array, shape (m, m) or (n, n), optional
        Similarities as published, only made symmetric; a graph is still to be made of them (``knn_graph``).
    row_names, col_names : tuple of str, optional
        One name for each row, each column.
    name, source, licence : str
        Which data these are, where they come from, and the terms of use.

    Raises
    ------
    ValueError
        If a value is not finite, or a shape or one of the properties above does not hold.

    Notes
    -----
    The fields cannot be set anew. Arrays are kept as given, not copied: do not write into them.

    Examples
    --------
    >>> Dataset(np.eye(2, 3), row_graph=np.array([[0.0, 1.0], [1.0, 0.0]]), name="tiny")
    Dataset('tiny', 2 x 3 float64, row_graph)
    """

    X_true: Floats
    row_graph: Floats | None = None
    col_graph: Floats | None = None
    row_similarity: Floats | None = None
    col_similarity: Floats | None = None
    row_names: tuple[str, ...] | None = None
    col_names: tuple[str, ...] | None = None
    name: str = ""
    source: str = ""
    licence: str = ""

    def __post_init__(self) -> None:
        X = self.X_true
        if X.ndim != 2 or X.size == 0 or X.dtype not in (np.float32, np.float64):
            got = f"{X.dtype} {X.shape}"
            raise ValueError(f"X_true: expected a float32 or float64 matrix (m, n), got {got}; convert it first.")
        if not np.isfinite(X).all():
            raise ValueError("X_true: expected finite values, got NaN or infinite ones; leave out what is not known.")
        for axis, side in enumerate(("row", "col")):
            self._check_square(f"{side}_graph", X.shape[axis], is_graph=True)
            self._check_square(f"{side}_similarity", X.shape[axis], is_graph=False)
            names = getattr(self, f"{side}_names")
            if names is not None and len(names) != X.shape[axis]:
                raise ValueError(f"{side}_names: expected {X.shape[axis]}, got {len(names)}; one name for each {side}.")

    @property
    def shape(self) -> tuple[int, int]:
        """(m, n)."""
        return self.X_true.shape[0], self.X_true.shape[1]

    def __repr__(self) -> str:
        optional = ("row_graph", "col_graph", "row_similarity", "col_similarity", "row_names", "col_names")
        there = [f"{self.shape[0]} x {self.shape[1]} {self.X_true.dtype}"]
        there += [field for field in optional if getattr(self, field) is not None]
        return f"Dataset({self.name!r}, {', '.join(there)})"

    def _check_square(self, field: str, size: int, *, is_graph: bool) -> None:
        S = getattr(self, field)
        if S is None:
            return
        if S.shape != (size, size):
            raise ValueError(f"{field}: expected shape {(size, size)} to fit X_true, got {S.shape}; transpose X_true?")
        if not (np.isfinite(S).all() and np.array_equal(S, S.T)):
            raise ValueError(f"{field}: expected finite and symmetric, got another; take (S + S.T) / 2.")
        if is_graph and (S.min() < 0 or np.diagonal(S).any()):
            raise ValueError(f"{field}: expected weights >= 0 and a zero diagonal, got others; clip and clear them.")
