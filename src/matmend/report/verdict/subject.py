"""What a verdict is about: the observed entries of a picture, a table or a list of ratings, with names."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from matmend.graph import ObservationGraph
from matmend.report.verdict.words import short

Kind = Literal["picture", "mask", "table", "ratings"]


@dataclass(frozen=True, eq=False)
class Subject:
    """The observed entries and how to speak of them.

    Parameters
    ----------
    name : str
        Where they come from: a path or a title.
    kind : {"picture", "mask", "table", "ratings"}
    graph : ObservationGraph
    row_word, col_word : str
        What a row and a column are called.
    row_names, col_names : sequences, optional
        Names or ids from the file; positions from 1 are used where there are none.
    image : float array of shape (m, n) or (m, n, 3), optional
        Something to draw below the mask, values in 0..1.
    notes : list of str
        What was decided in reading, in sentences.

    Examples
    --------
    >>> graph = ObservationGraph.from_mask(np.eye(2, dtype=bool))
    >>> subject = Subject("small.csv", "table", graph, col_names=("height", "weight"))
    >>> subject.row_name(1), subject.col_name(1), subject.num_missing
    ('2', 'weight', 2)
    """

    name: str
    kind: Kind
    graph: ObservationGraph
    row_word: str = "row"
    col_word: str = "column"
    row_names: Sequence[Any] | np.ndarray | None = None
    col_names: Sequence[Any] | np.ndarray | None = None
    image: np.ndarray | None = None
    notes: list[str] = field(default_factory=list)

    def row_name(self, i: int) -> str:
        """Return what row i is called: its name, or its position from 1."""
        return str(i + 1) if self.row_names is None else short(self.row_names[i])

    def col_name(self, j: int) -> str:
        """Return what column j is called: its name, or its position from 1."""
        return str(j + 1) if self.col_names is None else short(self.col_names[j])

    @property
    def num_missing(self) -> int:
        """Number of missing entries."""
        return self.graph.shape[0] * self.graph.shape[1] - self.graph.num_observed
