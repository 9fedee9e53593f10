"""What ``matmend inspect`` looks at: the observed entries of a picture, a table or a list of ratings, with names."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from matmend.cli.inputs import observed, plain
from matmend.cli.names import Kind, Polarity
from matmend.cli.words import plural, share, short, some
from matmend.graph import ObservationGraph
from matmend.io import Ratings, read_picture, read_ratings, read_table, tell_kind

SUFFIXES_WITH_MASK = (".npy",)


@dataclass(frozen=True, eq=False)
class Subject:
    """The observed entries and how to speak of them.

    Parameters
    ----------
    path : Path
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
    """

    path: Path
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


def read_subject(path: Path, kind: Kind | None = None, mask: Path | None = None, missing: Polarity = "auto") -> Subject:
    """Read what is observed in a file.

    Parameters
    ----------
    path : Path
    kind : str, optional
        What the file holds; by default it is looked at.
    mask : Path, optional
        Picture of what is missing, for pictures and matrices in .npy.
    missing : {"auto", "white", "black"}
        Colour that the mask paints missing pixels in.

    Raises
    ------
    ValueError
        If a file cannot be used, nothing is observed, or a mask is given for something that takes none.
    """
    kind = kind or tell_kind(path)
    if kind == "picture":
        return _picture(path, mask, missing)
    if mask is not None and not (kind == "table" and path.suffix.lower() in SUFFIXES_WITH_MASK):
        raise ValueError(f"--mask is for pictures and for matrices in .npy; what {path} lacks is seen from its gaps.")
    if kind == "ratings":
        return _ratings(path, read_ratings(path))
    return _table(path, kind, mask, missing)


def _picture(path: Path, mask: Path | None, missing: Polarity) -> Subject:
    picture = read_picture(path)
    seen, polarity = observed(path, picture.mask, picture.nan_mask, mask, missing)
    notes = [f"Missing are the mask's {polarity} pixels."] if polarity else ["Missing is what is transparent or NaN."]
    if picture.pixels.shape[2] == 3:
        notes.append(
            "Each colour channel is taken as a matrix of its own; side by side, as one matrix, they determine at least "
            "as much."
        )
    return Subject(path, "picture", ObservationGraph.from_mask(seen), image=plain(picture), notes=notes)


def _table(path: Path, kind: Kind, mask: Path | None, missing: Polarity) -> Subject:
    if kind == "mask":
        array = np.load(path, allow_pickle=False)
        if array.ndim != 2 or array.dtype != np.bool_:
            raise ValueError(f"{path}: expected a mask (m, n) of booleans, got {array.dtype} of shape {array.shape}.")
        return _checked(Subject(path, kind, ObservationGraph.from_mask(array), notes=["True is taken as observed."]))
    table = read_table(path)
    seen, notes = table.mask, []
    if mask is not None:
        seen, polarity = observed(path, seen, ~seen, mask, missing)
        notes.append(f"Missing are NaN and the mask's {polarity} pixels.")
    if path.suffix.lower() not in (".npy", ".npz", ".mtx"):
        if table.col_names is None:
            notes.append("The first line was read as data: columns are called by their positions from 1.")
        if table.row_names is not None:
            column = "the first column" if table.row_header in (None, "") else f"column '{short(table.row_header)}'"
            notes.append(f"Rows are called by {column}.")
    if table.aside:
        shown = some([f"'{short(name)}'" for name in table.aside[:5]], len(table.aside))
        notes.append(
            f"Put aside, because they hold no numbers: {plural(len(table.aside), 'column', counted=False)} {shown}."
        )
    graph = ObservationGraph.from_mask(seen)
    return _checked(Subject(path, kind, graph, "row", "column", table.row_names, table.col_names, notes=notes))


def _ratings(path: Path, ratings: Ratings) -> Subject:
    graph = ObservationGraph.from_entries(ratings.rows, ratings.cols, ratings.shape)
    notes = []
    if ratings.num_merged:
        notes.append(
            f"{plural(ratings.num_merged, 'line')} rated what a later one rates again: the latest counts "
            f"({share(ratings.num_merged, ratings.num_merged + graph.num_observed)} of all lines)."
        )
    if ratings.num_without_value:
        verb = "does" if ratings.num_without_value == 1 else "do"
        notes.append(f"{plural(ratings.num_without_value, 'line')} without a value {verb} not count.")
    if ratings.row_ids is None:
        return Subject(path, "ratings", graph, notes=notes)
    notes.append("Users and items are called by the ids of the file.")
    return Subject(path, "ratings", graph, "user", "item", ratings.row_ids, ratings.col_ids, notes=notes)


def _checked(subject: Subject) -> Subject:
    if subject.graph.num_observed == 0:
        raise ValueError(f"Everything is missing in {subject.path}: at least some entries must be observed.")
    if subject.row_names is None and subject.col_names is None:
        subject.notes.append("Rows and columns are counted from 1.")
    return subject
