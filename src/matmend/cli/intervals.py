"""``--intervals`` of ``matmend complete``: what is asked, where the bounds go, and what they promise, in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matmend.cli.console import literal, say
from matmend.cli.words import plural, share
from matmend.io import check_writable

SIDES = ("lower", "upper")
_PACKED = (".gz", ".bz2", ".xz", ".zst", ".lz4")


def check_coverage(coverage: float | None) -> None:
    """Refuse what is no share.

    Raises
    ------
    ValueError
        If it is not above 0 and below 1.

    Examples
    --------
    >>> check_coverage(90)
    Traceback (most recent call last):
        ...
    ValueError: --intervals takes the share that they shall cover, above 0 and below 1; got 90: 0.9 covers nine in ten.
    """
    if coverage is not None and not 0 < coverage < 1:
        raise ValueError(
            f"--intervals takes the share that they shall cover, above 0 and below 1; got {coverage:g}: 0.9 covers "
            "nine in ten."
        )


def beside(path: Path, word: str) -> Path:
    """Return the path of a file that goes with another one: its name, a word, its suffix.

    Examples
    --------
    >>> beside(Path("photo.png"), "lower").name, beside(Path("table.csv.gz"), "upper").name
    ('photo-lower.png', 'table-upper.csv.gz')
    """
    suffix = path.suffix
    if suffix.lower() in _PACKED and (inner := Path(path.stem).suffix):
        suffix = inner + suffix
    return path.with_name(f"{path.name.removesuffix(suffix)}-{word}{suffix}")


def bounds_beside(target: Path, coverage: float | None, *, overwrite: bool = False) -> dict[str, Path]:
    """Return where lower and upper bounds go, checked; empty if none are asked for.

    Raises
    ------
    ValueError
        If one cannot be written.
    """
    if coverage is None:
        return {}
    paths = {side: beside(target, side) for side in SIDES}
    for path in paths.values():
        check_writable(path, overwrite=overwrite)
    return paths


def containing(
    lower: NDArray[np.floating], upper: NDArray[np.floating], values: NDArray[np.floating]
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Widen intervals, where that is needed, such that they contain what was filled in.

    They come from a completion without the entries that calibrated them, and what is filled in from one with all.
    Wider intervals cover no less, so what is promised of them still holds.

    Examples
    --------
    >>> low, high = containing(np.array([0.0, 0.0]), np.array([1.0, 1.0]), np.array([0.5, 1.5]))
    >>> low.tolist(), high.tolist()
    ([0.0, 0.0], [1.0, 1.5])
    """
    return np.minimum(lower, values), np.maximum(upper, values)


@dataclass
class Widths:
    """The widths of intervals, added up piece by piece.

    Examples
    --------
    >>> widths = Widths()
    >>> widths.add(np.array([1.0, -np.inf]), np.array([3.0, np.inf]))
    >>> widths.mean, widths.unbounded
    (2.0, 1)
    """

    total: float = 0.0
    bounded: int = 0
    unbounded: int = 0

    def add(self, lower: NDArray[np.floating], upper: NDArray[np.floating]) -> None:
        """Take in some more; where a bound is NaN there is no interval."""
        width = upper.astype(np.float64) - lower
        is_bounded = np.isfinite(width)
        self.total += float(np.maximum(width[is_bounded], 0).sum())
        self.bounded += int(is_bounded.sum())
        self.unbounded += int(np.isinf(width).sum())

    @property
    def mean(self) -> float | None:
        """Mean width of those with bounds, None if there are none."""
        return self.total / self.bounded if self.bounded else None


class Holds(Enum):
    """What intervals guarantee; ``{share}`` stands for the coverage."""

    BY_CHANCE = (
        "On average over all that is missing, {share} of the true values or more are expected within, whatever the "
        "method is worth, if what is missing was left out by chance, more often in some rows and columns than in "
        "others. Of a single value, or of one kind of values, this promises nothing."
    )
    IN_GAPS = (
        "No guarantee: whole regions are missing. {share} of the true values are expected within as far as the data "
        "are alike here and there."
    )
    RATINGS = (
        "On average over pairs like those rated, {share} of the true ratings or more are expected within. Of pairs "
        "that nobody would rate, or of one user, this promises nothing."
    )


def facts(widths: Widths, coverage: float, calibration: int, holds: Holds) -> dict[str, Any]:
    """Return what the report says of intervals, `calibration` being the number of entries that they rest on.

    Examples
    --------
    >>> facts(Widths(4.0, 2, 0), 0.9, 50, Holds.IN_GAPS)["mean_width"]
    2.0
    """
    return {
        "coverage": coverage,
        "calibration": calibration,
        "mean_width": widths.mean,
        "unbounded": widths.unbounded,
        "is_guaranteed": holds is not Holds.IN_GAPS,
        "promise": holds.value.format(share=share(coverage, 1)),
    }


def tell_intervals(report: Mapping[str, Any], word: str, *, width: str | None = None) -> None:
    """Say how wide the intervals are, what they promise, and where they are.

    Parameters
    ----------
    report : mapping
        As [`facts`][matmend.cli.intervals.facts] returns it, with paths as ``lower`` and ``upper`` where files were
        written, and ``covered`` where the truth is known.
    word : str
        What one entry is called.
    width : str, optional
        The mean width in words.
    """
    mean = report["mean_width"]
    told = "none has bounds" if mean is None else f"mean width {f'{mean:.4g}' if width is None else width}"
    say(
        f"Intervals for {share(report['coverage'], 1)}: {told}, calibrated on {plural(report['calibration'], word)} "
        f"held out{'' if report['is_guaranteed'] else ' in the shape of what is missing'}."
    )
    say(f"[dim]{report['promise']}[/]")
    if report["unbounded"]:
        say(
            f"[bold yellow]Without bounds:[/] {plural(report['unbounded'], word)}, of a kind too seldom observed to "
            "say anything for this coverage."
        )
    if report.get("covered") is not None:
        say(f"Of the true values {share(report['covered'], 1)} are within.")
    for side in SIDES:
        if side in report:
            say(f"{side.capitalize()} bounds: {literal(report[side])}")
