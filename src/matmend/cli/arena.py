"""What ``matmend compare`` runs on: the data, what takes part, and what errors are measured by."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from matmend.cli.contest_request import Contest
from matmend.cli.inputs import Data, observed, read_data, read_truth
from matmend.cli.lists import read_with_ids
from matmend.cli.mend import every
from matmend.cli.settings import is_trained
from matmend.cli.words import plural
from matmend.graph import ObservationGraph
from matmend.io import Ratings, read_matrix, tell_kind
from matmend.masks import matched_holdout
from matmend.methods import Method, Score, compare, registry, runnable, standardised, suitability
from matmend.methods.choosing import unit_for
from matmend.methods.comparison import Unit
from matmend.methods.determined import Determined, determined_entries, determined_share
from matmend.methods.ratings.comparing import compare_ratings, held_ratings, runnable_raters
from matmend.methods.yardstick import by_range

MEASURES = {"by_range": "NMAE", "by_spread": "RMSE / sd", "by_column": "RMSE / sd of column"}
"""What the numbers that methods are ranked by are called."""
MOST_LOOKED_AT = 5_000_000
"""Ratings above which their graph is not looked at."""

OnMethod = Callable[[str, Score | None], None]
Show = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Arena:
    """A picture, matrix or table, and the methods for it.

    Parameters
    ----------
    request : Contest
    data : Data
    truth : array or None
    names : list of str
        What takes part, in the order in which it runs.
    left_out : dict
        What does not, with reasons.
    unit : callable
        What errors are measured by.
    around : callable or None
        Put around every method.
    is_picture : bool
        Whether it came as one.
    """

    request: Contest
    data: Data
    truth: np.ndarray | None
    names: list[str]
    left_out: dict[str, str] = field(default_factory=dict)
    unit: Unit = by_range
    around: Callable[[Method], Method] | None = None
    is_picture: bool = False

    @property
    def measure(self) -> str:
        """What methods are ranked by."""
        return MEASURES[self.unit.__name__]

    @property
    def share_missing(self) -> float:
        """Of all entries."""
        return 1 - float(self.data.seen.mean())

    @property
    def words(self) -> str:
        """What it is."""
        h, w = self.data.seen.shape
        size = f"{w} x {h}" if self.is_picture else f"{plural(h, 'row')}, {plural(w, 'column')}"
        words = f"{size}, {self.data.kind}, {self.share_missing:.2%} missing"
        return words + (f" (the mask's {self.data.polarity} pixels)" if self.data.polarity else "")

    def run(self, on_method: Sequence[OnMethod], show: Show) -> None:
        """Compare; `show` hears of the steps of trainings."""

        def on_block(name: str) -> Callable[..., None]:
            return lambda state, row: show(f"{name}, step {int(state.step):,}")

        settings: dict[str, dict[str, Any]] = {}
        for name in self.names:
            if name in registry and is_trained(name):
                settings[name] = {"every": every(self.data.seen.size), "on_block": [on_block(name)]}
                if self.request.steps is not None:
                    settings[name]["steps"] = self.request.steps
        compare(
            self.data.values, self.data.seen, methods=self.names, fraction=self.request.holdout, seed=self.request.seed,
            truth=self.truth, settings=settings, on_method=on_method, repeats=self.request.repeats, unit=self.unit,
            around=self.around,
        )  # fmt: skip

    def determined(self) -> Determined | None:
        """Tell what low rank determines of the held-out entries, the first of several times."""
        train, held = matched_holdout(self.data.seen, self.request.holdout, seed=self.request.seed)
        return determined_share(train, held)


@dataclass(frozen=True, eq=False)
class RatingsArena:
    """A list of ratings, and the models for it."""

    request: Contest
    ratings: Ratings
    names: list[str]
    left_out: dict[str, str] = field(default_factory=dict)
    measure: str = "RMSE"
    is_picture: bool = False

    @property
    def share_missing(self) -> float:
        """Of all entries."""
        m, n = self.ratings.shape
        return 1 - self.ratings.values.size / (m * n)

    @property
    def words(self) -> str:
        """What it is."""
        m, n = self.ratings.shape
        return f"{plural(self.ratings.values.size, 'rating')} of {plural(n, 'item')} by {plural(m, 'user')}"

    def run(self, on_method: Sequence[OnMethod], show: Show) -> None:
        """Compare; `show` hears of the sweeps of trainings."""

        def on_sweep(_: Any, row: dict[str, Any]) -> None:
            show(f"ratings, {row['phase']}")

        settings = {"ratings": {"on_sweep": [on_sweep]}} if "ratings" in self.names else {}
        compare_ratings(
            self.ratings, methods=self.names, fraction=self.request.holdout, seed=self.request.seed, settings=settings,
            on_method=on_method,
        )  # fmt: skip

    def determined(self) -> Determined | None:
        """Tell what low rank determines of the held-out ratings; of very many nothing."""
        ratings = self.ratings
        if ratings.values.size > MOST_LOOKED_AT:
            return None
        is_held = held_ratings(ratings.values.size, self.request.holdout, seed=self.request.seed)
        graph = ObservationGraph.from_entries(ratings.rows[~is_held], ratings.cols[~is_held], ratings.shape)
        return determined_entries(graph, ratings.rows[is_held], ratings.cols[is_held])


def arena_of(request: Contest) -> Arena | RatingsArena:
    """Read the data and tell what takes part.

    Raises
    ------
    ValueError
        If an input cannot be used, or an option does not suit it.
    """
    kind = request.kind or tell_kind(request.data)
    if kind == "picture":
        data = read_data(request.data, request.mask, request.missing)
        truth = None if request.truth is None else read_truth(request.truth, data.values.shape)
        return Arena(request, data, truth, runnable() if request.named is None else request.named, is_picture=True)
    if kind == "table":
        return _of_table(request)
    if kind == "ratings":
        return _of_ratings(request)
    raise ValueError(
        f"matmend compare takes pictures, tables and ratings, and {request.data} is a {kind}: to take true and false "
        "as the numbers 1 and 0 say --as table."
    )


def _of_table(request: Contest) -> Arena:
    values = read_matrix(request.data).values
    is_nan = np.isnan(values)
    seen, polarity = observed(request.data, ~is_nan, is_nan, request.mask, request.missing)
    truth = None if request.truth is None else _true(request.truth, values.shape)
    found = suitability(values, seen, with_peers=True)
    data = Data(values, seen, polarity, "matrix" if found.kind == "picture" else found.kind)
    # Floors first and what takes longest last, so that something is there after ctrl-C.
    names = list(reversed(found.methods)) if request.named is None else request.named
    names.sort(key=lambda name: (name not in ("zeros", "mean"), name in registry and is_trained(name)))
    left_out = found.left_out if request.named is None else {}
    if found.kind == "picture":
        return Arena(request, data, truth, names, left_out)
    around = standardised if found.kind == "table" else None
    return Arena(request, data, truth, names, left_out, unit_for(found.kind), around)


def _true(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    values = read_matrix(path).values
    if values.shape != shape:
        raise ValueError(f"The truth must have the size of the data, {shape}; {path} has {values.shape}.")
    return values


def _of_ratings(request: Contest) -> RatingsArena:
    given = {"--mask": request.mask, "--truth": request.truth, "--panel": request.panel, "--steps": request.steps}
    for option, value in given.items():
        if value is not None:
            raise ValueError(f"{option} is for pictures and tables, and {request.data} is a list of ratings.")
    if request.repeats > 1:
        raise ValueError(f"--repeats is for pictures and tables, and {request.data} is a list of ratings.")
    ratings = replace(read_with_ids(request.data), row_ids=None, col_ids=None)
    raters = runnable_raters()
    left_out = {} if "cmfrec" in raters or request.named is not None else {"cmfrec": "needs: pip install cmfrec"}
    return RatingsArena(request, ratings, list(raters) if request.named is None else request.named, left_out)
