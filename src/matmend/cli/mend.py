"""``matmend complete``: from files to files."""

import contextlib
import dataclasses
import json as jsonlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from matmend import plots
from matmend.cli.console import literal, say
from matmend.cli.device import on_device, precision
from matmend.cli.inputs import observed, plain
from matmend.cli.intervals import bounds_beside, check_coverage
from matmend.cli.mend_intervals import intervals_of, without_loss
from matmend.cli.mend_request import Request, Training
from matmend.cli.mend_telling import reported, tell
from matmend.cli.pages import check_page, command_of, page_of_picture
from matmend.cli.progress import PartWatch, Watch, telling_of_ctrl_c, undisturbed
from matmend.cli.resuming import KeptRun, begin, restored, stored
from matmend.cli.settings import can_be_kept, check_options, is_trained, settings_of
from matmend.cli.undetermined import Doubt, map_path
from matmend.io import Picture, Storage, check_target, check_writable, read_picture, with_gaps, write_picture
from matmend.methods import Completion, registry
from matmend.report import write as write_page
from matmend.solve import Checkpoints, EnergyDecay, HeldoutRise, Result, never

LARGE = 1024 * 1024
"""Pixels above which a person is told beforehand that it takes long."""
MOST_STEPS = 10_000
"""What the bar shows as most steps if a method is left to decide."""
COMMAND = "complete picture"
"""How a kept run calls this."""


def mend(
    request: Request, training: Training, *, json: bool = False, quiet: bool = False, run: KeptRun | None = None
) -> dict[str, Any]:
    """Complete a picture file and report.

    Everything that can be refused is refused before the training: inputs are read and outputs are checked first.

    Parameters
    ----------
    request : Request
    training : Training
    json : bool
        Print the report as JSON instead of words.
    quiet : bool
        Print nothing.
    run : KeptRun, optional
        The run to go on with; by default a new one, kept if ``request.checkpoint`` says where.

    Returns
    -------
    dict
        The report.

    Raises
    ------
    ValueError
        If an input cannot be used, an output cannot be written, or the folder of checkpoints holds something.
    """
    check_coverage(request.intervals)
    check_options(training.method, {**training.given, "plot": request.plot})
    picture = read_picture(request.picture)
    seen, polarity = observed(request.picture, picture.mask, picture.nan_mask, request.mask, request.missing)
    truth = None if request.truth is None else _truth(request.truth, picture)
    figures, doubt = _figures(request, training), Doubt(seen)
    has_gaps = request.undetermined == "nan" and not doubt.is_empty
    storage = with_gaps(picture.storage, picture.shape) if has_gaps else picture.storage
    check_target(request.target, storage, overwrite=request.overwrite)
    for path in figures:
        plots.check_format(path)
        check_writable(path, overwrite=request.overwrite)
    chart = _chart(request, doubt)
    bounds = bounds_beside(without_loss(request.target), request.intervals, overwrite=request.overwrite)
    pages = [] if request.report is None else [check_page(request.report, overwrite=request.overwrite)]

    if not (quiet or json):
        h, w = seen.shape
        told = f"[bold]{literal(request.picture)}[/]: {w} x {h}, {picture.storage.kind}, {1 - seen.mean():.2%} missing"
        say(told + (f" (the mask's {polarity} pixels)" if polarity else ""))
        if seen.size > LARGE and is_trained(training.method):
            say(
                "[bold yellow]Large picture:[/] the cost of a step grows with the cube of the side, so this can take "
                "hours. Ctrl-C stops and writes what has been reached."
            )
        if not doubt.is_empty:
            say(f"[bold yellow]Not determined:[/] {doubt.warning(_becomes(request, training, storage))}")
    with _kept(request, training, run, is_told=not quiet) as run:
        checkpoints = None if run is None else run.checkpoints
        with precision(training.float64), on_device(training.device):
            completion = train(picture, seen, training, checkpoints, visible=not (quiet or json))
            found = None
            if request.intervals is not None and not completion.is_partial:
                found = intervals_of(
                    picture, completion, truth, method=training.method, settings=_settings(training),
                    coverage=request.intervals, seed=training.seed, visible=not (quiet or json),
                )  # fmt: skip
        bounds = {} if found is None else bounds
        if run is not None:
            outputs = [request.target, *figures, *pages, *bounds.values(), *([] if chart is None else [chart])]
            run.before_writing(outputs, overwrite=request.overwrite)
        pixels = completion.completed if picture.pixels.shape[2] > 1 else completion.completed[..., None]
        gaps = doubt.pixels if has_gaps else np.zeros_like(seen)
        pictures = {request.target: pixels} | ({} if found is None else {bounds[s]: found.sides[s] for s in bounds})
        with undisturbed():
            for path, values in pictures.items():
                write_picture(path, values, storage, filled=~seen & ~gaps, missing=gaps, overwrite=request.overwrite)
        if chart is not None:
            drawn = doubt.pixels[..., None].astype(np.float32)
            write_picture(chart, drawn, Storage(bands="gray"), overwrite=request.overwrite)
        for path, draw in figures.items():
            plots.save(draw(picture, completion, truth), path, overwrite=request.overwrite)
        for path in pages:
            options: dict[str, Any] = {"--mask": request.mask, "--missing": request.missing}
            options |= {"--method": training.method, "--seed": training.seed, "--device": training.device}
            options |= {f"--{name}": value for name, value in training.given.items()}
            options |= {"--float64": training.float64, "--intervals": request.intervals}
            page = page_of_picture(
                request.picture, picture, completion, polarity=polarity, seed=training.seed,
                command=command_of(["complete", request.picture], options),
                intervals=None if found is None else found.intervals,
            )  # fmt: skip
            write_page(page, path, overwrite=request.overwrite)
        goes_on = run is not None and completion.message == Result[Result.interrupted]
        if run is not None and not goes_on:
            run.finish(request.target)
    report = reported(request, training, completion, pixels, truth) | doubt.counts
    report |= {"undetermined_become": request.undetermined, "undetermined_map": None if chart is None else str(chart)}
    if request.intervals is not None:
        told = None if found is None else found.report | {side: str(path) for side, path in bounds.items()}
        report["intervals"] = told
    if json:
        print(jsonlib.dumps(report))
    elif not quiet:
        tell(report, [*figures], pages)
        if run is not None and goes_on:
            say(f"To go on and replace it by the whole result: [bold]matmend resume {literal(run.folder)}[/]")
    return report


def go_on(run: KeptRun, *, json: bool = False, quiet: bool = False) -> dict[str, Any]:
    """Complete the picture of a run that was ended; see [`mend`][]."""
    request = restored(Request, run.arguments["request"])
    request = dataclasses.replace(request, overwrite=request.overwrite or run.may_overwrite)
    return mend(request, restored(Training, run.arguments["training"]), json=json, quiet=quiet, run=run)


def _kept(
    request: Request, training: Training, run: KeptRun | None, *, is_told: bool
) -> contextlib.AbstractContextManager[KeptRun | None]:
    """Keep the run if that is asked for and is not done already."""
    if run is not None or request.checkpoint is None:
        return contextlib.nullcontext(run)
    if not can_be_kept(training.method):
        if is_told:
            say(f"[bold yellow]No checkpoints:[/] method {training.method} has no parts that could be saved.")
        return contextlib.nullcontext()
    # Where it is kept and how often it is saved make no other run of it.
    asked = {name: value for name, value in stored(request).items() if not name.startswith("checkpoint")}
    arguments = {"request": asked, "training": stored(training)}
    inputs = [path for path in (request.picture, request.mask, request.truth) if path is not None]
    return begin(request.checkpoint, COMMAND, arguments, inputs, every_seconds=request.checkpoint_every)


def _chart(request: Request, doubt: Doubt) -> Path | None:
    """Tell where a map of undetermined pixels is to be written, if one is."""
    if request.undetermined == "nan" or (request.undetermined == "keep" and doubt.is_empty):
        return None
    return check_writable(map_path(request.target), overwrite=request.overwrite)


def _becomes(request: Request, training: Training, storage: Storage) -> str:
    if request.undetermined == "nan":
        return "they are written as NaN" if storage.is_float else "they stay transparent"
    source = (
        "the smoothness that air learns" if training.method == "air" else f"the assumptions of method {training.method}"
    )
    return f"what is filled in there comes from {source}, not from the data"


def _truth(path: Path, picture: Picture) -> np.ndarray:
    truth = read_picture(path)
    if truth.pixels.shape != picture.pixels.shape:
        raise ValueError(
            f"The truth must have the picture's size and channels {picture.pixels.shape}, "
            f"{path} has {truth.pixels.shape}."
        )
    return truth.pixels


Draw = Callable[[Picture, Completion, np.ndarray | None], Any]


def _figures(request: Request, training: Training) -> dict[Path, Draw]:
    if request.graphs is not None and training.method != "air":
        raise ValueError(f"--graphs draws learned graphs, and method {training.method} learns none: use --method air.")
    wanted: dict[Path | None, Draw] = {
        request.plot: lambda picture, done, truth: plots.curves(
            done.record, chosen=done.step, title=f"{request.picture.name}: {done.method}"
        ),
        request.panel: lambda picture, done, truth: plots.panel(
            picture.pixels, done.mask, done.completed, truth, title=request.picture.name
        ),
        request.graphs: lambda picture, done, truth: plots.laplacians(done.laplacians, title=request.picture.name),
    }
    return {path: draw for path, draw in wanted.items() if path is not None}


def train(
    picture: Picture, seen: np.ndarray, training: Training, checkpoints: Checkpoints | None, *, visible: bool
) -> Completion:
    """Complete a picture, with a bar if that is to be visible; ctrl-C ends a training early."""
    method, known = (
        registry[training.method],
        plain(picture).astype(np.float64 if training.float64 else np.float32, copy=False),
    )
    settings, console = _settings(training), Console(stderr=True)
    if "on_part" in settings_of(training.method):
        watch = PartWatch(console, visible=visible)
        with contextlib.nullcontext() if checkpoints is not None else telling_of_ctrl_c(), watch.showing():
            return method(known, seen, seed=training.seed, on_part=[watch], checkpoint=checkpoints, **settings)
    if not is_trained(training.method):
        status = console.status(f"mending by {training.method}") if visible else contextlib.nullcontext()
        with telling_of_ctrl_c(), status:
            return method(known, seen, seed=training.seed, **settings)
    watch = Watch(console, settings.get("steps", MOST_STEPS), visible=visible)
    with watch.watching():
        return method(
            known,
            seen,
            seed=training.seed,
            every=every(seen.size),
            on_block=[watch],
            checkpoint=checkpoints,
            **settings,
        )


def _settings(training: Training) -> dict[str, Any]:
    """Return what is asked of the method, in its own terms."""
    settings = {name: value for name, value in training.given.items() if value is not None}
    if settings.pop("stop", "auto") != "auto":
        settings["stop"] = {"decay": EnergyDecay(), "heldout": HeldoutRise(), "none": never}[training.stop or "none"]
    return settings


def every(num_pixels: int) -> int:
    """Return the steps between two records: where a step takes seconds, ctrl-C must not wait for minutes.

    Examples
    --------
    >>> every(256 * 256), every(1024 * 1024)
    (100, 6)
    """
    return int(np.clip(100 * (256 * 256) / num_pixels, 5, 100))
