"""What ``matmend inspect`` looks at: the observed entries of a picture, a table or a list of ratings, with names."""

from pathlib import Path

import numpy as np

from matmend.cli.inputs import observed, plain
from matmend.cli.names import Kind, Polarity
from matmend.cli.words import plural, share, short, some
from matmend.graph import ObservationGraph
from matmend.io import Ratings, Table, read_matrix, read_picture, read_ratings, tell_kind
from matmend.report.verdict import Subject

SUFFIXES_WITH_MASK = (".npy",)


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
    found = kind or tell_kind(path)
    if found == "model":
        raise ValueError(f"{path} is a model of ratings, which has no gaps: give the ratings that it was made of.")
    if found == "picture":
        return _picture(path, mask, missing)
    if mask is not None and not (found == "table" and path.suffix.lower() in SUFFIXES_WITH_MASK):
        raise ValueError(f"--mask is for pictures and for matrices in .npy; what {path} lacks is seen from its gaps.")
    if found == "ratings":
        return _ratings(path, read_ratings(path))
    return _table(path, found, mask, missing)


def _picture(path: Path, mask: Path | None, missing: Polarity) -> Subject:
    picture = read_picture(path)
    seen, polarity = observed(path, picture.mask, picture.nan_mask, mask, missing)
    notes = [f"Missing are the mask's {polarity} pixels."] if polarity else ["Missing is what is transparent or NaN."]
    if picture.pixels.shape[2] == 3:
        notes.append(
            "Each colour channel is taken as a matrix of its own; side by side, as one matrix, they determine at least "
            "as much."
        )
    return Subject(str(path), "picture", ObservationGraph.from_mask(seen), image=plain(picture), notes=notes)


def _table(path: Path, kind: Kind, mask: Path | None, missing: Polarity) -> Subject:
    if kind == "mask":
        array = np.load(path, allow_pickle=False)
        if array.ndim != 2 or array.dtype != np.bool_:
            raise ValueError(f"{path}: expected a mask (m, n) of booleans, got {array.dtype} of shape {array.shape}.")
        return _checked(
            Subject(str(path), kind, ObservationGraph.from_mask(array), notes=["True is taken as observed."])
        )
    table = read_matrix(path)
    seen, notes = table.mask, notes_of_table(path, table)
    if mask is not None:
        seen, polarity = observed(path, seen, ~seen, mask, missing)
        notes.insert(0, f"Missing are NaN and the mask's {polarity} pixels.")
    graph = ObservationGraph.from_mask(seen)
    return _checked(Subject(str(path), kind, graph, "row", "column", table.row_names, table.col_names, notes=notes))


def notes_of_table(path: Path, table: Table) -> list[str]:
    """Say what was decided in reading a table."""
    notes = []
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
    return notes


def _ratings(path: Path, ratings: Ratings) -> Subject:
    graph = ObservationGraph.from_entries(ratings.rows, ratings.cols, ratings.shape)
    notes = notes_of_ratings(ratings)
    if ratings.row_ids is None:
        return Subject(str(path), "ratings", graph, notes=notes)
    notes.append("Users and items are called by the ids of the file.")
    return Subject(str(path), "ratings", graph, "user", "item", ratings.row_ids, ratings.col_ids, notes=notes)


def notes_of_ratings(ratings: Ratings) -> list[str]:
    """Say which lines of a list of ratings do not count."""
    notes, counted = [], ratings.values.size
    if ratings.num_merged:
        notes.append(
            f"{plural(ratings.num_merged, 'line')} rated what a later one rates again: the latest counts "
            f"({share(ratings.num_merged, ratings.num_merged + counted)} of all lines)."
        )
    if ratings.num_without_value:
        verb = "does" if ratings.num_without_value == 1 else "do"
        notes.append(f"{plural(ratings.num_without_value, 'line')} without a value {verb} not count.")
    return notes


def _checked(subject: Subject) -> Subject:
    if subject.graph.num_observed == 0:
        raise ValueError(f"Everything is missing in {subject.name}: at least some entries must be observed.")
    if subject.row_names is None and subject.col_names is None:
        subject.notes.append("Rows and columns are counted from 1.")
    return subject
