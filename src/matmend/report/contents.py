"""What a report has to say, before anybody thinks of a page: sections of facts, sentences, figures and tables."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from matmend.report.charts import Chart
from matmend.report.images import Image


@dataclass(frozen=True)
class Grid:
    """A table.

    Parameters
    ----------
    caption : str
    headers : tuple of str
    rows : tuple of tuples of str
        One cell for each header.
    is_number : tuple of bool
        Which columns are set flush right.
    chosen : int, optional
        The row that matters most.

    Raises
    ------
    ValueError
        If a row or `is_number` has not one cell for each header.

    Examples
    --------
    >>> Grid("Sizes", ("name", "size"), (("a", "3"),), (False, True)).rows
    (('a', '3'),)
    """

    caption: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    is_number: tuple[bool, ...]
    chosen: int | None = None

    def __post_init__(self) -> None:
        lengths = {len(row) for row in (*self.rows, self.is_number)}
        if lengths != {len(self.headers)}:
            raise ValueError(
                f"Expected {len(self.headers)} cells in every row of '{self.caption}', one for each header, got "
                f"{sorted(lengths)}."
            )


@dataclass(frozen=True)
class Section:
    """A part of the page under one heading.

    Parameters
    ----------
    title : str
    meaning : str
        One plain sentence that says what the section means.
    facts : tuple of (str, str)
        Names and values.
    sentences : tuple of str
        May have the marks of `matmend.report.verdict.sentences.strong`.
    figures : tuple of Image or Chart
    grids : tuple of Grid
    details : tuple of str
        Sentences for those who want to know more.
    code : str
        Commands to be copied.
    """

    title: str
    meaning: str
    facts: tuple[tuple[str, str], ...] = ()
    sentences: tuple[str, ...] = ()
    figures: tuple[Image | Chart, ...] = ()
    grids: tuple[Grid, ...] = ()
    details: tuple[str, ...] = ()
    code: str = ""


@dataclass(frozen=True)
class Report:
    """All that the page of one run says; a section of which nothing is known is None and is left out.

    Parameters
    ----------
    title : str
        Such as the name of the file.
    given, result, verdict, choice, training, spectrum, graphs, intervals, comparison, again : Section, optional
        What was given, what came of it, what the observed entries determine, what was chosen and why, curves of the
        training, singular values, learned graphs, intervals, other methods, and how to do it again.
    is_partial : bool
        Whether the run was interrupted.

    Examples
    --------
    >>> import numpy as np
    >>> from matmend.methods import registry
    >>> X = np.outer(np.arange(1.0, 9.0), np.arange(1.0, 7.0))
    >>> X[2, 3] = np.nan
    >>> done = registry["iterative_svd"](X, rank=1)
    >>> report = Report.of_completion(done, X, title="small")
    >>> [section.title for section in report.sections][:2]
    ['What was given', 'The result']
    """

    title: str
    given: Section
    result: Section | None = None
    verdict: Section | None = None
    choice: Section | None = None
    comparison: Section | None = None
    training: Section | None = None
    spectrum: Section | None = None
    graphs: Section | None = None
    intervals: Section | None = None
    again: Section | None = None
    is_partial: bool = False

    @property
    def sections(self) -> tuple[Section, ...]:
        """Those that are there, in the order of the page."""
        return tuple(self._sections())

    def _sections(self) -> Iterator[Section]:
        for part in fields(self):
            if isinstance(section := getattr(self, part.name), Section):
                yield section

    @classmethod
    def of_completion(
        cls,
        completion: Any,
        observed: ArrayLike,
        mask: ArrayLike | None = None,
        *,
        title: str,
        kind: str | None = None,
        names: tuple[Sequence[str] | None, Sequence[str] | None] = (None, None),
        notes: Sequence[str] = (),
        num_bytes: int | None = None,
        scores: Sequence[Any] = (),
        reason: str = "",
        measure: str = "",
        column_errors: ArrayLike | None = None,
        intervals: Any = None,
        verdict: bool = True,
        rank: int | None = None,
        command: str = "",
        seed: int | None = None,
        facts: Mapping[str, str] | None = None,
        tell: Any = None,
    ) -> "Report":
        """Make the report of a completed picture or table.

        Parameters
        ----------
        completion : Completion
            What a method returned.
        observed : array of shape (m, n) or (m, n, c)
            What it was given.
        mask : bool array of shape (m, n), optional
            True where observed; by default that of the completion.
        title : str
        kind : {"picture", "table"}, optional
            By default a picture if there are channels. Values of a picture are in 0..1.
        names : pair of sequences of str
            What rows and columns are called; None where they are counted from 1.
        notes : sequence of str
            What was decided in reading, in sentences.
        num_bytes : int, optional
            Size of the file.
        scores : sequence of Score
            Of the methods that were compared, as [`compare`][matmend.methods.compare] and
            `choose` return them.
        reason : str
            Why the method was chosen.
        measure : str
            What the methods are ranked by.
        column_errors : array of shape (n,), optional
            Root mean squared error to expect in each column of a table.
        intervals : Intervals, optional
            With ``lower``, ``upper`` and ``coverage``.
        verdict : bool, default True
            Whether to look at what the observed entries determine, which may take half a minute.
        rank : int, optional
            At which rank to look closely.
        command : str
            What to type to do it again.
        seed : int, optional
        facts : mapping of str to str, optional
            More about what was given.
        tell : callable, optional
            Is told what is being done.

        Returns
        -------
        Report

        Raises
        ------
        ValueError
            If shapes do not fit.
        """
        from matmend.report.completions import of_completion

        return of_completion(
            completion, np.asarray(observed), mask, title=title, kind=kind, names=names, notes=notes,
            num_bytes=num_bytes, scores=scores, reason=reason, measure=measure, column_errors=column_errors,
            intervals=intervals, verdict=verdict, rank=rank, command=command, seed=seed, facts=facts or {},
            tell=tell or (lambda words: None),
        )  # fmt: skip

    @classmethod
    def of_comparison(
        cls,
        scores: Sequence[Any],
        observed: Any,
        mask: ArrayLike | None = None,
        *,
        title: str,
        kind: str | None = None,
        measure: str = "NMAE",
        left_out: Mapping[str, str] | None = None,
        num_bytes: int | None = None,
        command: str = "",
        seed: int | None = None,
    ) -> "Report":
        """Make the report of a comparison of methods.

        Parameters
        ----------
        scores : sequence of Score
            As [`compare`][matmend.methods.compare] returns them.
        observed : array of shape (m, n) or (m, n, c), or Ratings
            What was compared on.
        mask : bool array of shape (m, n), optional
            True where observed; by default where no channel is NaN.
        title, kind, num_bytes, command, seed
            As in [`of_completion`][matmend.report.Report.of_completion].
        measure : str, default "NMAE"
            What the methods are ranked by.
        left_out : mapping of str to str, optional
            Methods that were not tried, with reasons.

        Returns
        -------
        Report
        """
        from matmend.report.completions import of_comparison

        return of_comparison(
            scores, observed, mask, title=title, kind=kind, measure=measure, left_out=left_out or {},
            num_bytes=num_bytes, command=command, seed=seed,
        )  # fmt: skip

    @classmethod
    def of_ratings(
        cls,
        model: Any,
        ratings: Any,
        *,
        title: str,
        words: tuple[str, str] = ("user", "item"),
        notes: Sequence[str] = (),
        num_bytes: int | None = None,
        verdict: bool = True,
        rank: int | None = None,
        command: str = "",
        seed: int | None = None,
        seconds: float | None = None,
        is_partial: bool = False,
        tell: Any = None,
    ) -> "Report":
        """Make the report of a completed list of ratings.

        Parameters
        ----------
        model : RatingsModel
            As [`complete_ratings`][matmend.methods.ratings.complete_ratings] returns it.
        ratings : Ratings
            What it was made of.
        title : str
        words : pair of str
            What a row and a column are called.
        notes, num_bytes, verdict, rank, command, seed, tell
            As in [`of_completion`][matmend.report.Report.of_completion].
        seconds : float, optional
            Time of the training.
        is_partial : bool, default False
            Whether it was interrupted.

        Returns
        -------
        Report
        """
        from matmend.report.ratings import of_ratings

        return of_ratings(
            model, ratings, title=title, words=words, notes=notes, num_bytes=num_bytes, verdict=verdict, rank=rank,
            command=command, seed=seed, seconds=seconds, is_partial=is_partial, tell=tell or (lambda words: None),
        )  # fmt: skip
