"""``matmend report``: what was given, what it determines, what was made of it, on one page."""

import contextlib
import json as jsonlib
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.status import Status

from matmend.cli.cluster import joined, number_of
from matmend.cli.console import literal, say
from matmend.cli.device import on_device
from matmend.cli.inputs import observed, plain
from matmend.cli.intervals import check_coverage
from matmend.cli.lists import read_with_ids
from matmend.cli.mend import train
from matmend.cli.mend_request import Training
from matmend.cli.names import Device, Kind, MethodName, Polarity, PresetName
from matmend.cli.pages import check_page, command_of, page_of_picture, page_of_table
from matmend.cli.progress import SweepWatch
from matmend.cli.rate import train as train_ratings
from matmend.cli.rate_request import Training as RatingsTraining
from matmend.cli.settings import check_options
from matmend.cli.subjects import notes_of_ratings
from matmend.estimators import EmptyWarning, MatrixCompleter
from matmend.io import read_matrix, read_picture, tell_kind
from matmend.report import Report, write
from matmend.trust import intervals


@dataclass(frozen=True)
class Request:
    """What to report on."""

    data: Path
    output: Path | None = None
    kind: Kind | None = None
    mask: Path | None = None
    missing: Polarity = "auto"
    method: MethodName | None = None
    intervals: float | None = None
    rank: int | None = None
    seed: int = 0
    device: Device = "auto"
    overwrite: bool = False
    preset: PresetName | None = None

    @property
    def target(self) -> Path:
        """Where the page goes.

        Examples
        --------
        >>> Request(Path("photo.png")).target.name, Request(Path("ratings.csv.gz")).target.name
        ('photo-report.html', 'ratings-report.html')
        """
        return self.output or self.data.with_name(f"{self.data.name.split('.')[0] or 'matmend'}-report.html")

    @property
    def command(self) -> str:
        """What to type to do it again.

        Examples
        --------
        >>> Request(Path("a b.png"), method="air", seed=3).command
        "matmend report 'a b.png' --method air --seed 3"
        """
        options = {
            "--as": self.kind, "--mask": self.mask, "--missing": self.missing,
            "--method": self.method, "--preset": self.preset, "--intervals": self.intervals, "--rank": self.rank,
            "--seed": self.seed, "--device": self.device,
        }  # fmt: skip
        return command_of(["report", self.data], options)


@dataclass(frozen=True, eq=False)
class Made:
    """A report, and what there is to tell of it in words and in JSON."""

    page: Report
    told: dict[str, Any]


def report(request: Request, *, json: bool = False, quiet: bool = False) -> dict[str, Any]:
    """Complete a picture, a table or ratings and write the page about it.

    Parameters
    ----------
    request : Request
    json : bool
        Print what the page is about as JSON.
    quiet : bool
        Print nothing.

    Returns
    -------
    dict
        What the page is about, in short.

    Raises
    ------
    ValueError
        If an input cannot be used, an option does not suit it, or the page cannot be written.
    """
    begun, is_told = time.monotonic(), not (quiet or json)
    check_coverage(request.intervals)
    check_page(request.target, overwrite=request.overwrite)
    kind = request.kind or tell_kind(request.data)
    make = {"picture": _picture, "table": _table, "ratings": _ratings}.get(kind)
    if make is None:
        raise ValueError(
            f"matmend report takes pictures, tables and ratings, and {request.data} is a {kind}: for what a mask "
            "determines use matmend inspect."
        )
    made = make(request, is_told)
    write(made.page, request.target, overwrite=request.overwrite)
    told = {"input": str(request.data), "page": str(request.target), "kind": kind, "seed": request.seed, **made.told}
    told |= {"is_partial": made.page.is_partial, "seconds": round(time.monotonic() - begun, 2)}
    if json:
        print(jsonlib.dumps(told))
    elif not quiet:
        if made.page.is_partial:
            say("[bold yellow]Partial result:[/] the page says so too.")
        say(f"Page: [bold green]{literal(request.target)}[/], {request.target.stat().st_size / 1e6:.2f} MB")
    return told


def _picture(request: Request, is_told: bool) -> Made:
    picture = read_picture(request.data)
    seen, polarity = observed(request.data, picture.mask, picture.nan_mask, request.mask, request.missing)
    training = Training(
        method=request.method or "patches", seed=request.seed, device=request.device, preset=request.preset
    )
    check_options(training.method, training.given)
    known, found = plain(picture).astype(np.float32, copy=False), None
    with on_device(request.device):
        done = train(picture, seen, training, None, visible=is_told)
        with _status(is_told) as status:
            if request.intervals is not None and not done.is_partial:
                _show(status, "calibrating intervals")
                found = intervals(
                    known,
                    seen,
                    method=training.method,
                    coverage=request.intervals,
                    seed=request.seed,
                    settings={"preset": request.preset} if request.preset else None,
                )
            page = page_of_picture(
                request.data, picture, done, polarity=polarity, command=request.command, seed=request.seed,
                intervals=found, rank=request.rank, tell=lambda words: _show(status, words),
                reason="" if request.method else "No method was asked for: patches is what pictures are mended by.",
            )  # fmt: skip
    told = {"shape": list(known.shape), "missing": 1 - float(seen.mean()), "method": done.method}
    return Made(page, told | {"expected_rmse": done.expected_rmse, "ended": done.message})


def _table(request: Request, is_told: bool) -> Made:
    for option, value in (("--mask", request.mask), ("--preset", request.preset)):
        if value is not None:
            raise ValueError(f"{option} is for pictures, and {request.data} is a table: leave it out.")
    table = read_matrix(request.data)
    if table.mask.all() or not table.mask.any():
        some = "Nothing" if table.mask.all() else "Everything"
        raise ValueError(f"{some} is missing in {request.data}: there is nothing to complete.")
    with _status(is_told) as status:
        completer = MatrixCompleter(
            request.method or "auto", callback=lambda progress: _show(status, str(progress)), device=request.device,
            random_state=request.seed,
        )  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", EmptyWarning)  # the verdict says it, with names
            completer.fit(table.values)
        found = None
        if request.intervals is not None:
            _show(status, "calibrating intervals")
            found = completer.intervals(request.intervals)
        page = page_of_table(
            request.data, table, completer, command=request.command, seed=request.seed,
            is_asked=request.method is not None, intervals=found, rank=request.rank,
            tell=lambda words: _show(status, words),
        )  # fmt: skip
    told = {"shape": list(table.values.shape), "missing": 1 - float(table.mask.mean()), "method": completer.method_}
    told |= {"reason": completer.reason_, "expected_rmse": completer.expected_rmse_}
    return Made(page, told | {"scores": {score.method: score.error for score in completer.scores_}})


def _ratings(request: Request, is_told: bool) -> Made:
    for name in ("mask", "method", "preset", "intervals"):
        if getattr(request, name) is not None:
            raise ValueError(f"--{name} is for pictures and tables, and {request.data} is a list of ratings.")
    training = RatingsTraining(seed=request.seed, device=request.device)
    with joined(num_devices=number_of(training.devices)) as place:
        with _status(is_told) as status:
            _show(status, f"reading {request.data.name}")
            ratings = read_with_ids(request.data)
        spread = float(ratings.values.std(dtype=np.float64))
        watch = SweepWatch(Console(stderr=True), spread, visible=is_told)
        model, told = train_ratings(ratings, training, place, watch)
        with _status(is_told) as status:
            page = Report.of_ratings(
                model, ratings, title=request.data.name, notes=notes_of_ratings(ratings),
                num_bytes=request.data.stat().st_size, rank=request.rank, command=request.command, seed=request.seed,
                seconds=told["training_seconds"], is_partial=watch.was_interrupted,
                tell=lambda words: _show(status, words),
            )  # fmt: skip
    (m, n), kept = ratings.shape, ("heldout_rmse", "baseline_rmse", "mean_rmse", "noise", "ended")
    return Made(page, {"shape": [m, n], "ratings": int(ratings.values.size), **{name: told[name] for name in kept}})


def _status(is_told: bool) -> contextlib.AbstractContextManager[Status | None]:
    return Console(stderr=True).status("") if is_told else contextlib.nullcontext()


def _show(status: Status | None, words: str) -> None:
    if status is not None:
        status.update(literal(words))
