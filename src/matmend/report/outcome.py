"""The sections about the data: what was given, what came of it, and how to do it again."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from matmend.methods.suitable import kind_of
from matmend.report.contents import Grid, Section
from matmend.report.images import SIDE, Image, heat, photo
from matmend.report.numbers import size, value
from matmend.report.verdict.words import plural, share, short

SMALL = 256
"""Pixels along a side of the picture that is shown first; the result is shown larger."""
MADE = 8
"""Most methods of which is shown what they made."""
IN_SHAPE = {"glrl", "patches"}
"""Methods that hold out entries in the shape of the gaps."""
COLUMNS = 8
"""Most columns of a table that are named."""
PACKAGES = ("matmend", "numpy", "scipy", "jax", "scikit-learn")
"""Of which versions the numbers may depend."""
Names = tuple[Sequence[str] | None, Sequence[str] | None]


@dataclass(frozen=True, eq=False)
class Data:
    """An array with gaps, and how to show it.

    Parameters
    ----------
    array : floating-point array of shape (m, n) or (m, n, c)
    seen : bool array of shape (m, n)
        True where observed.
    is_picture : bool
        Values are then in 0..1.
    has_units : bool
        Whether every column has a unit of its own.
    names : pair of sequences of str
    """

    array: NDArray[Any]
    seen: NDArray[np.bool_]
    is_picture: bool
    has_units: bool
    names: Names

    @classmethod
    def of(cls, array: NDArray[Any], seen: NDArray[np.bool_], kind: str | None, names: Names) -> "Data":
        """Tell a picture from a table, and columns of one unit from those of several."""
        kind = kind or ("picture" if array.ndim == 3 else "table")
        if kind not in ("picture", "table") or (kind == "table" and array.ndim != 2):
            raise ValueError(f"kind: expected 'picture', or 'table' for a matrix (m, n), got {kind!r}.")
        if seen.shape != array.shape[:2]:
            raise ValueError(f"Expected a mask of shape {array.shape[:2]} like the array, got {seen.shape}.")
        return cls(array, seen, kind == "picture", kind == "table" and kind_of(array, seen) == "table", names)

    @property
    def word(self) -> str:
        """What an entry is called."""
        return "pixel" if self.is_picture else "entry"

    def column_name(self, j: int) -> str:
        """Return what column j is called: its name, or its position from 1."""
        return str(j + 1) if self.names[1] is None else short(self.names[1][j], most=40)

    def image(
        self, x: NDArray[Any], known: NDArray[np.bool_] | None, *, alt: str, caption: str, most: int = SIDE
    ) -> Image:
        """Show an array like this one."""
        if self.is_picture:
            return photo(x, known, alt=alt, caption=caption, most=most)
        shown = shares(x, self.array, self.seen, by_column=self.has_units)
        return heat(shown, np.isfinite(shown) if known is None else known, alt=alt, caption=caption, limits=(0.0, 1.0))


def given(data: Data, *, notes: Sequence[str], num_bytes: int | None, facts: Mapping[str, str]) -> Section:
    """Say what was given: size, kind, share missing, range; and show it with its gaps."""
    array, seen = data.array, data.seen
    m, n = seen.shape
    known = array[seen].astype(np.float64)
    shape = f"{n} x {m} pixels" if data.is_picture else f"{plural(m, 'row')} x {plural(n, 'column')}"
    if array.ndim == 3:
        shape += f", {plural(array.shape[2], 'channel')}"
    missing = int((~seen).sum())
    what = "picture" if data.is_picture else "table"
    scale = "" if data.is_picture else " Blue is the least value" + (" of a column" if data.has_units else "")
    scale += ", yellow the greatest." if scale else ""
    figure = data.image(
        array, seen, most=SMALL, caption=f"What was given. Red: missing.{scale}",
        alt=f"The {what}{'' if data.is_picture else ' as a heat map'} with its gaps painted red.",
    )  # fmt: skip
    grids = ()
    if not data.is_picture:
        gaps = (~seen).sum(axis=0)
        rows = []
        for j in np.argsort(-gaps, kind="stable")[:COLUMNS].tolist():
            column = array[seen[:, j], j].astype(np.float64)
            ends = (value(column.min()), value(column.max())) if column.size else ("", "")
            rows.append((data.column_name(j), f"{gaps[j]:,}", share(int(gaps[j]), m), *ends))
        caption = "Columns" if n <= COLUMNS else f"The {COLUMNS} columns with most missing, of {n:,}"
        headers = ("Column", "Missing", "Share", "Least", "Greatest")
        grids = (Grid(caption, headers, tuple(rows), (False, True, True, True, True)),)
    return Section(
        "What was given",
        f"{plural(missing, data.word)} of {m * n:,} {'is' if missing == 1 else 'are'} missing; everything else on this "
        "page follows from those that are there.",
        (
            ("Kind", what),
            ("Size", shape),
            *((("File", size(num_bytes)),) if num_bytes is not None else ()),
            ("Missing", f"{missing:,} ({share(missing, m * n)})"),
            ("Values", f"{value(known.min())} to {value(known.max())}" if known.size else "none"),
            *facts.items(),
        ),
        tuple(notes),
        (figure,),
        grids,
    )


def result(completion: Any, data: Data, column_errors: ArrayLike | None = None) -> Section:
    """Show what came of it: before and after, and the error to expect."""
    array, seen = data.array, data.seen
    done = np.asarray(completion.completed)
    errors = None if column_errors is None else np.asarray(column_errors, dtype=np.float64)
    facts = [("Filled", plural(int((~seen).sum()), data.word))]
    told = []
    if completion.is_partial:
        told.append(f"This is a partial result: {completion.message}.")
    if (words := expected_error(completion.expected_rmse, data, errors)) is not None:
        facts.append(("Expected error (RMS)", words))
        told.append(
            "The expected error was measured on observed entries that were held out"
            + (
                " in the shape of what is missing. Missing ones unlike all that is observed may have a larger one."
                if completion.method in IN_SHAPE
                else ". Missing ones that lie together, or are missing for a reason, may have a larger one."
            )
        )
    what = "picture" if data.is_picture else "table"
    figures = (
        data.image(array, seen, alt=f"The {what} before, with its gaps painted red.", caption="Before."),
        data.image(done, None, alt=f"The {what} after, without gaps.", caption="After."),
    )
    return Section(
        "The result",
        "What was observed is left exactly as it was; only what was missing has been filled.",
        tuple(facts),
        tuple(told),
        figures,
        () if data.is_picture else (_filled_columns(done, data, errors),),
    )


def expected_error(error: float | None, data: Data, column_errors: NDArray[np.float64] | None) -> str | None:
    """Say how large an error is to be expected; None if nobody knows.

    Examples
    --------
    >>> X, seen = np.array([[0.0, 0.5], [1.0, 0.2]]), np.array([[True, False], [True, True]])
    >>> expected_error(0.05, Data.of(X, seen, "picture", (None, None)), None)
    '5 % of the full range'
    """
    if column_errors is not None and data.has_units:
        known = np.where(data.seen, data.array.astype(np.float64), np.nan)[:, data.seen.any(axis=0)]
        spread, errors = np.nanstd(known, axis=0), column_errors[data.seen.any(axis=0)]
        if (spread > 0).any():
            parts = errors[spread > 0] / spread[spread > 0]
            return f"{share(float(np.median(parts)), 1)} of a column's standard deviation"
    if error is None:
        return None
    return f"{share(error, 1)} of the full range" if data.is_picture else value(error)


def made_by(scores: Sequence[Any], data: Data) -> list[Image]:
    """Show what the best methods made of the array without the held-out entries."""
    made = [score for score in scores if score.completion is not None and score.nmae is not None][:MADE]
    what = "picture" if data.is_picture else "table"
    return [
        data.image(
            np.asarray(score.completion.completed), None, alt=f"What {score.method} made of the {what}.",
            caption=f"{score.method}.", most=SMALL,
        )
        for score in made
    ]  # fmt: skip


def _filled_columns(done: NDArray[Any], data: Data, errors: NDArray[np.float64] | None) -> Grid:
    array, seen = data.array, data.seen
    rows, gaps = [], (~seen).sum(axis=0)
    order = [j for j in np.argsort(-gaps, kind="stable").tolist() if gaps[j]]
    for j in order[:COLUMNS]:
        filled, known = done[~seen[:, j], j].astype(np.float64), array[seen[:, j], j].astype(np.float64)
        cells = [f"{filled.size:,}", value(known.mean()) if known.size else "", value(filled.mean())]
        cells += [
            f"{value(filled.min())} to {value(filled.max())}",
            *([] if errors is None else [value(float(errors[j]))]),
        ]
        rows.append((data.column_name(j), *cells))
    headers = ("Column", "Filled", "Mean observed", "Mean filled", "Range filled")
    headers += () if errors is None else ("Expected error",)
    caption = "What was filled in, by column"
    if len(order) > COLUMNS:
        caption += f": the {COLUMNS} with most missing, of {len(order):,}"
    return Grid(caption, headers, tuple(rows), (False, *[True] * (len(headers) - 1)))


def shares(x: NDArray[Any], array: NDArray[Any], seen: NDArray[np.bool_], *, by_column: bool) -> NDArray[np.float64]:
    """Return values as shares of the range that was observed: of their column, where these have units of their own.

    Examples
    --------
    >>> X = np.array([[0.0, 10.0], [2.0, 50.0]])
    >>> shares(X, X, X < 99, by_column=True).tolist(), shares(X, X, X < 99, by_column=False).tolist()
    ([[0.0, 0.0], [1.0, 1.0]], [[0.0, 0.2], [0.04, 1.0]])
    """
    known = array.astype(np.float64)
    axis = 0 if by_column else None
    low = np.min(np.where(seen, known, np.inf), axis=axis, keepdims=True)
    high = np.max(np.where(seen, known, -np.inf), axis=axis, keepdims=True)
    spread = np.where(high > low, high - low, 1.0)
    return np.where(high > low, (x - np.where(high > low, low, 0.0)) / spread, 0.5 + 0.0 * x)


def again(command: str, seed: int | None) -> Section:
    """Say how to do it again, and with which versions it was done."""
    facts = [("Seed", str(seed))] if seed is not None else []
    for package in PACKAGES:
        try:
            facts.append((package, version(package)))
        except PackageNotFoundError:  # run from a folder that is not installed
            continue
    facts.append(("Python", platform.python_version()))
    return Section(
        "How to do it again",
        "The same file, command, seed and versions give the same result.",
        tuple(facts),
        code=command,
    )
