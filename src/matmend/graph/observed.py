"""The observation graph and what can be read off it."""

import enum
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from matmend.graph.blocks import Cuts, find_cuts
from matmend.graph.components import ComponentTable, component_labels, pieces, row_starts
from matmend.graph.cores import core_numbers
from matmend.graph.reading import (
    checked_shape,
    entries_of_array,
    entries_of_list,
    entries_of_mask,
    entries_of_sparse,
    is_sorted,
)

Ints = NDArray[np.int32]
Counts = NDArray[np.int64]


class MaskClass(enum.Enum):
    """The three classes of masks that the connectivity paper tells apart; the values are plain words."""

    CONNECTED = "connected"
    COMPLETE_BIPARTITE = "disconnected, every component complete"
    OTHER = "disconnected, some component incomplete"


@dataclass(frozen=True, eq=False, repr=False)
class ObservationGraph:
    """The observed entries as a bipartite graph: rows and columns are its vertices, observed entries its edges.

    Built by one of the constructors `from_mask`, `from_array`, `from_entries` and `from_sparse`. What takes longer
    than a glance (components, cuts, core numbers) is computed when first asked for, and kept.

    Parameters
    ----------
    shape : (m, n)
    rows, cols : int32 arrays, shape (e,)
        The observed entries, by row and then by column, each once.

    Raises
    ------
    ValueError
        If `rows` and `cols` are not so sorted, not int32, or outside the shape; `from_entries` takes any list.

    Notes
    -----
    Memory is ``O(e + m + n)``, nothing of size ``m n`` is formed. Arrays are kept as given: do not write into them.

    Whether an unobserved row or column makes a mask disconnected is an open point of our reading of the paper: the
    caption of its Fig. 4 counts 9 disconnected patterns of 3 x 3 with 5 entries, as one does without isolated vertices
    (with them: 45). Here they are components of their own, because nothing can be said about them, and `kind` can be
    told to leave them out.

    References
    ----------
    Bai, Zhao & Zhang 2024, arXiv:2405.13721.

    Examples
    --------
    >>> graph = ObservationGraph.from_array([[1.0, 2.0, np.nan], [np.nan, np.nan, 3.0]])
    >>> graph
    ObservationGraph(2 x 3, 3 observed)
    >>> graph.num_components, graph.row_labels, graph.col_labels
    (2, array([0, 1], dtype=int32), array([0, 0, 1], dtype=int32))
    >>> graph.kind().value
    'disconnected, every component complete'
    """

    shape: tuple[int, int]
    rows: Ints
    cols: Ints

    def __post_init__(self) -> None:
        m, n = checked_shape(self.shape)
        i, j = self.rows, self.cols
        if i.dtype != np.int32 or j.dtype != np.int32 or i.ndim != 1 or i.shape != j.shape or not is_sorted(i, j):
            raise ValueError(
                f"rows, cols: expected int32 arrays of one length, by row and then by column without repetition, got "
                f"{i.dtype} {i.shape} and {j.dtype} {j.shape}; ObservationGraph.from_entries sorts any list."
            )
        if i.size and (i[0] < 0 or i[-1] >= m or j.min() < 0 or j.max() >= n):
            raise ValueError(f"rows, cols: expected indices within {m} x {n}, got others; count from 0.")

    @classmethod
    def from_mask(cls, mask: ArrayLike) -> "ObservationGraph":
        """Graph of a mask.

        Parameters
        ----------
        mask : bool array, shape (m, n)
            True = observed.

        Raises
        ------
        ValueError
            If `mask` is not a two-dimensional bool array with at least one row and one column.

        Examples
        --------
        >>> ObservationGraph.from_mask(np.eye(3, dtype=bool)).num_components
        3
        """
        return cls(*entries_of_mask(mask))

    @classmethod
    def from_array(cls, X: ArrayLike) -> "ObservationGraph":
        """Graph of an array with gaps.

        Parameters
        ----------
        X : array of numbers, shape (m, n)
            NaN = missing.

        Raises
        ------
        ValueError
            If `X` is not a two-dimensional array of numbers with at least one row and one column.

        Examples
        --------
        >>> ObservationGraph.from_array([[1, np.nan], [2, 3]]).num_observed
        3
        """
        return cls(*entries_of_array(X))

    @classmethod
    def from_entries(cls, rows: ArrayLike, cols: ArrayLike, shape: tuple[int, int] | None = None) -> "ObservationGraph":
        """Graph of a list of entries.

        Parameters
        ----------
        rows, cols : integer arrays, shape (e,)
            Indices counted from 0, in any order. An entry that occurs more than once is one edge.
        shape : (m, n), optional
            By default the smallest that holds all entries, which hides unobserved last rows and columns.

        Raises
        ------
        ValueError
            If lengths disagree, indices are not integers within the shape, or there is neither an entry nor a shape.

        Examples
        --------
        >>> graph = ObservationGraph.from_entries([1, 0, 1], [0, 2, 0])
        >>> graph, graph.isolated_cols
        (ObservationGraph(2 x 3, 2 observed), array([1]))
        """
        return cls(*entries_of_list(rows, cols, shape))

    @classmethod
    def from_sparse(cls, matrix: Any) -> "ObservationGraph":
        """Graph of a scipy sparse matrix or array: what it stores is observed, zeros included.

        Raises
        ------
        ValueError
            If it is not a two-dimensional sparse matrix with at least one row and one column.

        Examples
        --------
        >>> from scipy import sparse
        >>> ObservationGraph.from_sparse(sparse.eye_array(3)).num_observed
        3
        """
        return cls(*entries_of_sparse(matrix))

    def __repr__(self) -> str:
        return f"ObservationGraph({self.shape[0]} x {self.shape[1]}, {self.num_observed} observed)"

    @property
    def num_observed(self) -> int:
        """Number of observed entries."""
        return self.rows.size

    @cached_property
    def row_degrees(self) -> Counts:
        """Observed entries of each row, shape (m,). The least is an upper bound of the rank that can be completed."""
        return np.diff(row_starts(self.shape[0], self.rows))

    @cached_property
    def col_degrees(self) -> Counts:
        """Observed entries of each column, shape (n,). The least bounds the rank like that of the rows."""
        return np.bincount(self.cols, minlength=self.shape[1])

    @cached_property
    def labels(self) -> Ints:
        """Component of each vertex, shape (m + n,): rows first, then columns; numbered by their first vertices."""
        m, n = self.shape
        edges = ((i, j + np.int32(m)) for i, j in pieces(self.rows, self.cols))
        return component_labels(m + n, edges)

    @property
    def row_labels(self) -> Ints:
        """Component of each row, shape (m,)."""
        return self.labels[: self.shape[0]]

    @property
    def col_labels(self) -> Ints:
        """Component of each column, shape (n,)."""
        return self.labels[self.shape[0] :]

    @cached_property
    def num_components(self) -> int:
        """Number of components, isolated rows and columns included."""
        return int(self.labels.max()) + 1

    @cached_property
    def isolated_rows(self) -> Counts:
        """Indices of rows of which nothing is observed."""
        return np.flatnonzero(self.row_degrees == 0)

    @cached_property
    def isolated_cols(self) -> Counts:
        """Indices of columns of which nothing is observed."""
        return np.flatnonzero(self.col_degrees == 0)

    @property
    def is_connected(self) -> bool:
        """True if there is one component, hence no isolated row or column."""
        return self.num_components == 1

    @cached_property
    def components(self) -> ComponentTable:
        """Rows, columns and entries of each component."""
        c = self.num_components
        return ComponentTable(
            num_rows=np.bincount(self.row_labels, minlength=c),
            num_cols=np.bincount(self.col_labels, minlength=c),
            num_entries=np.bincount(self.row_labels, weights=self.row_degrees, minlength=c).astype(np.int64),
        )

    def kind(self, count_isolated: bool = True) -> MaskClass:
        """Tell the class: connected, disconnected with complete bipartite components, or other.

        Parameters
        ----------
        count_isolated : bool, default True
            Whether unobserved rows and columns count, as components that are trivially complete.

        Returns
        -------
        MaskClass
            A mask without any entry is disconnected, with (trivially) complete components.

        Examples
        --------
        >>> graph = ObservationGraph.from_mask([[True, True, False], [True, False, False]])
        >>> graph.kind()
        <MaskClass.OTHER: 'disconnected, some component incomplete'>
        >>> graph.kind(count_isolated=False)
        <MaskClass.CONNECTED: 'connected'>
        """
        table = self.components
        counted = np.full(self.num_components, count_isolated) | ~table.is_isolated
        if np.count_nonzero(counted) == 1:
            return MaskClass.CONNECTED
        return MaskClass.COMPLETE_BIPARTITE if table.is_complete[counted].all() else MaskClass.OTHER

    @cached_property
    def cuts(self) -> Cuts:
        """Bridges, cut rows and cut columns: the single entries, rows and columns that hold components together.

        Examples
        --------
        >>> cuts = ObservationGraph.from_array([[1, 2, np.nan], [3, 4, 5]]).cuts
        >>> cuts.bridge_rows, cuts.bridge_cols, cuts.cut_rows
        (array([1]), array([2]), array([1]))
        """
        return find_cuts(self.shape, self.rows, self.cols, self.labels)

    @cached_property
    def core_numbers(self) -> Counts:
        """Largest k such that a vertex is in the k-core, shape (m + n,): rows first, then columns."""
        return core_numbers(self.shape, self.rows, self.cols)

    def core(self, k: int) -> tuple[Counts, Counts]:
        """Rows and columns that stay when those with fewer than k entries are taken away, again and again.

        A missing entry whose row or column is not among them cannot be determined at rank k, whatever the others are: a
        row with fewer than k entries leaves its k coefficients open, so its entries say nothing about the columns
        either, and may be taken away. Being among them is necessary, not sufficient.

        Parameters
        ----------
        k : int, >= 0

        Returns
        -------
        rows, cols : int64 arrays
            Indices, ascending; empty if nothing stays.

        Notes
        -----
        Rank k is meant to be below m and n: at ``k = min(m, n)`` any values complete the matrix.

        Examples
        --------
        >>> ObservationGraph.from_array([[1, 2, np.nan], [3, 4, 5]]).core(2)
        (array([0, 1]), array([0, 1]))
        """
        stays = self.core_numbers >= k
        m = self.shape[0]
        return np.flatnonzero(stays[:m]), np.flatnonzero(stays[m:])
