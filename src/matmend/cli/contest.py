"""``matmend compare``: several methods on the same data, ranked."""

import dataclasses
import json as jsonlib
from contextlib import nullcontext
from typing import Any

import numpy as np
from rich.console import Console
from rich.status import Status

from matmend import plots
from matmend.cli.arena import Arena, RatingsArena, arena_of
from matmend.cli.console import literal, say
from matmend.cli.contest_page import page_of_contest
from matmend.cli.contest_request import Contest
from matmend.cli.contest_telling import tell
from matmend.cli.device import on_device
from matmend.cli.pages import check_page
from matmend.io import atomic_write, check_writable
from matmend.methods import Score
from matmend.methods.comparison import ranked
from matmend.report import write


def contest(request: Contest, *, json: bool = False, quiet: bool = False) -> dict[str, Any]:
    """Run the methods, print a table, write what is asked for.

    Parameters
    ----------
    request : Contest
    json : bool
        Print the report as JSON instead of the table.
    quiet : bool
        Print nothing.

    Returns
    -------
    dict
        The report.

    Raises
    ------
    ValueError
        If an input cannot be used, an output cannot be written, or no method could do it.
    KeyboardInterrupt
        If nothing is finished yet.
    """
    arena = arena_of(request)
    for path in (request.output, request.panel):
        if path is not None:
            check_writable(path, overwrite=request.overwrite)
    if request.report is not None:
        check_page(request.report, overwrite=request.overwrite)
    if request.panel is not None:
        plots.check_format(request.panel)
    is_told = not (quiet or json)
    if is_told:
        say(f"[bold]{literal(request.data)}[/]: {arena.words}")

    console = Console(stderr=True)
    with on_device(request.device), console.status("") if is_told else nullcontext() as status:
        scores, was_interrupted = _run(arena, status)
    report = reported(arena, scores, was_interrupted=was_interrupted)
    if request.output is not None:
        with atomic_write(request.output, overwrite=request.overwrite) as temporary:
            temporary.write_text(jsonlib.dumps(report, indent=1) + "\n", encoding="utf-8")
    if isinstance(arena, Arena) and request.panel is not None and any(score.completion for score in scores):
        plots.save(_panel(arena, scores), request.panel, overwrite=request.overwrite)
    if request.report is not None:
        write(page_of_contest(arena, scores), request.report, overwrite=request.overwrite)
    if json:
        print(jsonlib.dumps(report))
    elif not quiet:
        tell(arena, scores, report, was_interrupted=was_interrupted)
    if scores[0].error is None:
        raise ValueError(f"No method could complete {request.data}: {scores[0].method} ended with {scores[0].message}")
    return report


def reported(arena: Arena | RatingsArena, scores: list[Score], *, was_interrupted: bool = False) -> dict[str, Any]:
    """Return what there is to tell of a comparison, ready for JSON.

    Parameters
    ----------
    arena : Arena or RatingsArena
    scores : list of Score
        Ranked.
    was_interrupted : bool

    Returns
    -------
    dict
        ``measure`` says what methods are ranked by, ``determined`` what share of the held-out entries low rank
        determines (``determined_at_most`` the ranks at which this is an upper bound).
    """
    request, found = arena.request, arena.determined()
    return {
        "data": str(request.data),
        "kind": "ratings" if isinstance(arena, RatingsArena) else arena.data.kind,
        "missing": arena.share_missing,
        "seed": request.seed,
        "holdout": request.holdout,
        "repeats": request.repeats,
        "measure": arena.measure,
        "determined": {} if found is None else {str(rank): share for rank, share in found.shares.items()},
        "determined_at_most": [] if found is None else list(found.bounded),
        "left_out": arena.left_out,
        "is_partial": was_interrupted,
        "scores": [_fields(score) for score in scores],
    }


def _run(arena: Arena | RatingsArena, status: Status | None) -> tuple[list[Score], bool]:
    """Compare until done or ctrl-C; return the scores, ranked, and whether it was interrupted."""
    names, finished = arena.names, list[Score]()

    def show(words: str) -> None:
        if status is not None:
            status.update(f"{len(finished) + 1} of {len(names)}: {words} (ctrl-C prints what is finished)")

    def on_method(name: str, score: Score | None) -> None:
        if score is None:
            show(name)
        else:
            finished.append(score)

    try:
        arena.run([on_method], show)
    except KeyboardInterrupt:
        if not finished:
            raise
        return ranked(finished), True
    return ranked(finished), False


def _fields(score: Score) -> dict[str, Any]:
    kept = [field.name for field in dataclasses.fields(score) if field.name != "completion"]
    return {name: getattr(score, name) for name in kept} | {"error": score.error, "errors": list(score.errors)}


def _panel(arena: Arena, scores: list[Score]) -> Any:
    data, truth = arena.data, arena.truth
    low, high = (0.0, 1.0) if arena.is_picture else (data.values[data.seen].min(), data.values[data.seen].max())

    def shown(values: np.ndarray) -> np.ndarray:
        return (values - low) / ((high - low) or 1.0)

    done = [(score, score.completion) for score in scores if score.completion is not None]
    train = done[0][1].mask
    before = np.repeat(np.atleast_3d(shown(data.values)), 3 if data.values.ndim == 2 else 1, axis=2)
    before[~data.seen] = plots.MISSING_COLOUR
    before[data.seen & ~train] = plots.HELDOUT_COLOUR
    views = {"missing (red) and held out (blue)": before}
    views |= {f"{score.method}: {score.error:.4f}": shown(made.completed) for score, made in done}
    if truth is not None:
        views["truth"] = shown(truth)
    return plots.gallery(views, title=f"{arena.request.data.name}: error ({arena.measure}) on held-out entries")
