"""``matmend complete`` on ratings: from files to files."""

import contextlib
import dataclasses
import json as jsonlib
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from rich.console import Console

from matmend.cli.answers import fold, write_predictions, write_recommendations
from matmend.cli.cluster import Place, joined, mesh_of, number_of, part
from matmend.cli.device import on_device
from matmend.cli.progress import SweepWatch
from matmend.cli.rate_request import Inputs, Request, Training, check_options, check_outputs, read
from matmend.cli.rate_telling import tell_begin, tell_end
from matmend.cli.resuming import KeptRun, begin, restored, stored
from matmend.io import Ratings
from matmend.methods.ratings import RatingsModel, complete_ratings
from matmend.solve import Checkpoints
from matmend.trust import EntryIntervals, entry_intervals

COMMAND = "complete ratings"
"""How a kept run calls this."""


def rate(
    request: Request, training: Training, *, json: bool = False, quiet: bool = False, run: KeptRun | None = None
) -> dict[str, Any]:
    """Complete a matrix of ratings, or take a model that is complete; predict, recommend, report.

    Everything that can be refused is refused before the training. Of several processes all train, and the first one
    prints and writes.

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
        The report; empty in processes that are not the first.

    Raises
    ------
    ValueError
        If an input cannot be used, an output cannot be written, or the folder of checkpoints holds something.
    """
    begun = time.monotonic()
    check_options(request, training)
    with joined(num_devices=number_of(training.devices)) as place:
        is_told = place.is_first and not (quiet or json)
        console = Console(stderr=True)
        with place.together():
            if place.is_first:
                check_outputs(request)
            with console.status(f"reading {request.data.name}") if is_told else contextlib.nullcontext():
                inputs = read(request)
        if is_told:
            tell_begin(request, inputs)
        with _kept(request, training, run, place) as run:
            report: dict[str, Any] = {"data": str(request.data), **_size(inputs)}
            model, was_interrupted, found = inputs.model, False, None
            if inputs.ratings is not None:
                watch = SweepWatch(
                    console, float(inputs.ratings.values.std(dtype=np.float64)), visible=is_told,
                    heeds_ctrl_c=place.is_alone,
                )  # fmt: skip
                checkpoints = None if run is None else run.checkpoints
                model, trained, found = _trained(
                    inputs.ratings, training, place, watch, checkpoints, request.intervals
                )  # fmt: skip
                report, was_interrupted = report | trained, watch.was_interrupted
            part()
            if not place.is_first:
                return {}
            assert model is not None
            if run is not None:
                run.before_writing(request.outputs, overwrite=request.overwrite)
            report |= _answer(request, inputs, model, found, console, is_told=is_told)
            report |= {"is_partial": was_interrupted, "seconds": round(time.monotonic() - begun, 2)}
            if run is not None and not was_interrupted:
                run.finish(request.outputs[0])
    if json:
        print(jsonlib.dumps(report))
    elif not quiet:
        tell_end(report, None if run is None or not was_interrupted else run.folder)
    return report


def go_on(run: KeptRun, *, json: bool = False, quiet: bool = False) -> dict[str, Any]:
    """Complete the ratings of a run that was ended; see [`rate`][]."""
    request = restored(Request, run.arguments["request"])
    request = dataclasses.replace(request, overwrite=request.overwrite or run.may_overwrite)
    return rate(request, restored(Training, run.arguments["training"]), json=json, quiet=quiet, run=run)


def train(
    ratings: Ratings, training: Training, place: Place, watch: SweepWatch, checkpoints: Checkpoints | None = None
) -> tuple[RatingsModel, dict[str, Any]]:
    """Train on the devices asked for; return the model and what there is to report."""
    return _trained(ratings, training, place, watch, checkpoints)[:2]


def _trained(
    ratings: Ratings,
    training: Training,
    place: Place,
    watch: SweepWatch,
    checkpoints: Checkpoints | None = None,
    coverage: float | None = None,
) -> tuple[RatingsModel, dict[str, Any], EntryIntervals | None]:
    """Train as [`train`][] does, with some of the ratings set aside for intervals if a coverage is asked for."""
    begun = time.monotonic()
    mesh = mesh_of(training.devices, training.device, place)
    where = on_device(training.device) if mesh is None else contextlib.nullcontext()
    with where, watch.watching():
        settings = {"seed": training.seed, "mesh": mesh, "on_sweep": [watch], "checkpoint": checkpoints}
        settings |= training.given
        found = None if coverage is None else entry_intervals(ratings, coverage=coverage, **settings)
        model = complete_ratings(ratings, **settings) if found is None else found.model
    values = ratings.values
    report = {
        **{name: value for name, value in dataclasses.asdict(training).items() if name != "devices"},
        "devices": 1 if mesh is None else mesh.size,
        "processes": place.num_processes,
        "heldout_rmse": model.heldout_error,
        "baseline_rmse": model.baseline_error,
        "mean_rmse": float(values.std(dtype=np.float64)),
        "noise": model.noise,
        "ended": model.message,
        "training_seconds": round(time.monotonic() - begun, 2),
    }
    return model, report, found


def _answer(
    request: Request,
    inputs: Inputs,
    model: RatingsModel,
    found: EntryIntervals | None,
    console: Console,
    *,
    is_told: bool,
) -> dict[str, Any]:
    """Write all that is asked for."""
    report: dict[str, Any] = {}
    if inputs.fold_in is not None:
        model, report["folded_in"] = fold(model, inputs.fold_in)
    with console.status("") if is_told else contextlib.nullcontext() as status:

        def tell(words: str, done: int, total: int | None) -> None:
            if status is not None:
                status.update(f"{words} {done:,} of {total:,}")

        if (path := request.model) is not None:
            model.save(path, overwrite=request.overwrite)
            report["model"] = str(path)
        if (path := request.predictions) is not None and (pairs := inputs.pairs) is not None:
            counts = write_predictions(
                model, pairs, path, overwrite=request.overwrite,
                tell=lambda done: tell("predicting pairs,", done, pairs.num_pairs), found=found,
            )  # fmt: skip
            report |= {"predictions": str(path), **counts}
        if (path := request.recommendations) is not None:
            counts = write_recommendations(
                model, inputs.users, path, count=request.recommend or 1, names=inputs.names, seen=inputs.seen,
                overwrite=request.overwrite, tell=lambda done: tell("recommending, users", done, model.shape[0]),
            )  # fmt: skip
            report |= {"recommendations": str(path), **counts, "seen_left_out": inputs.seen is not None}
    return report


@contextlib.contextmanager
def _kept(request: Request, training: Training, run: KeptRun | None, place: Place) -> Iterator[KeptRun | None]:
    """Keep the run if that is asked for: the first process does, the others read what it kept."""
    if run is not None or request.checkpoint is None:
        yield run
        return
    asked = {name: value for name, value in stored(request).items() if not name.startswith("checkpoint")}
    arguments = {"request": asked, "training": stored(training)}
    with contextlib.ExitStack() as stack:
        with place.together():
            run = stack.enter_context(
                begin(
                    request.checkpoint,
                    COMMAND,
                    arguments,
                    request.inputs,
                    every_seconds=request.checkpoint_every,
                    is_first=place.is_first,
                )
            )
        yield run


def _size(inputs: Inputs) -> dict[str, Any]:
    if inputs.ratings is None:
        assert inputs.model is not None
        return {"shape": list(inputs.model.shape)}
    ratings = inputs.ratings
    return {
        "shape": list(ratings.shape),
        "ratings": int(ratings.values.size),
        "merged": ratings.num_merged,
        "without_value": ratings.num_without_value,
        "least": float(ratings.values.min()),
        "greatest": float(ratings.values.max()),
    }
