"""``matmend compare``: several methods on the same pixels, ranked."""

import dataclasses
import json as jsonlib
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.status import Status
from rich.table import Table

from matmend import plots
from matmend.cli.console import literal, say
from matmend.cli.device import on_device
from matmend.cli.inputs import Data, read_data, read_truth
from matmend.cli.mend import every
from matmend.cli.names import Device, Polarity
from matmend.cli.settings import is_trained
from matmend.io import atomic_write, check_writable
from matmend.methods import Score, compare, registry, runnable
from matmend.methods.comparison import ranked


@dataclass(frozen=True)
class Contest:
    """What to compare on what."""

    data: Path
    mask: Path | None = None
    missing: Polarity = "auto"
    truth: Path | None = None
    methods: str | None = None
    seed: int = 0
    steps: int | None = None
    holdout: float = 0.1
    device: Device = "auto"
    output: Path | None = None
    panel: Path | None = None
    overwrite: bool = False

    @property
    def names(self) -> list[str]:
        """The methods in the order in which they run: floors first, so that something is there after ctrl-C."""
        if self.methods is None:
            return runnable()
        return list(dict.fromkeys(name.strip() for name in self.methods.split(",") if name.strip()))


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
    data = read_data(request.data, request.mask, request.missing)
    truth = None if request.truth is None else read_truth(request.truth, data.values.shape)
    for path in (request.output, request.panel):
        if path is not None:
            check_writable(path, overwrite=request.overwrite)
    if request.panel is not None:
        plots.check_format(request.panel)
    is_told = not (quiet or json)
    if is_told:
        h, w = data.seen.shape
        told = f"[bold]{literal(request.data)}[/]: {w} x {h}, {data.kind}, {1 - data.seen.mean():.2%} missing"
        say(told + (f" (the mask's {data.polarity} pixels)" if data.polarity else ""))

    console = Console(stderr=True)
    with on_device(request.device), console.status("") if is_told else nullcontext() as status:
        scores, was_interrupted = _run(request, data, truth, status)
    report = {
        "data": str(request.data),
        "missing": 1 - float(data.seen.mean()),
        "seed": request.seed,
        "holdout": request.holdout,
        "is_partial": was_interrupted,
        "scores": [{name: value for name, value in _fields(score).items() if name != "completion"} for score in scores],
    }
    if request.output is not None:
        with atomic_write(request.output, overwrite=request.overwrite) as temporary:
            temporary.write_text(jsonlib.dumps(report, indent=1) + "\n", encoding="utf-8")
    if request.panel is not None and any(score.completion for score in scores):
        plots.save(_panel(request, data, truth, scores), request.panel, overwrite=request.overwrite)
    if json:
        print(jsonlib.dumps(report))
    elif not quiet:
        _tell(request, scores, was_interrupted)
    if scores[0].nmae is None:
        raise ValueError(f"No method could complete {request.data}: {scores[0].method} ended with {scores[0].message}")
    return report


def _run(request: Contest, data: Data, truth: np.ndarray | None, status: Status | None) -> tuple[list[Score], bool]:
    """Compare until done or ctrl-C; return the scores, ranked, and whether it was interrupted."""
    names, finished = request.names, []

    def show(words: str) -> None:
        if status is not None:
            status.update(f"{len(finished) + 1} of {len(names)}: {words} (ctrl-C prints what is finished)")

    def on_method(name: str, score: Score | None) -> None:
        if score is None:
            show(name)
        else:
            finished.append(score)

    def on_block(name: str) -> Callable[..., None]:
        return lambda state, row: show(f"{name}, step {int(state.step):,}")

    settings: dict[str, dict[str, Any]] = {}
    for name in names:
        if name in registry and is_trained(name):
            settings[name] = {"every": every(data.seen.size), "on_block": [on_block(name)]}
            if request.steps is not None:
                settings[name]["steps"] = request.steps
    try:
        compare(
            data.values, data.seen, methods=names, fraction=request.holdout, seed=request.seed, truth=truth,
            settings=settings, on_method=[on_method],
        )  # fmt: skip
    except KeyboardInterrupt:
        if not finished:
            raise
        return ranked(finished), True
    return ranked(finished), False


def _fields(score: Score) -> dict[str, Any]:
    return {field.name: getattr(score, field.name) for field in dataclasses.fields(score)}


def _panel(request: Contest, data: Data, truth: np.ndarray | None, scores: list[Score]) -> Any:
    low, high = data.values[data.seen].min(), data.values[data.seen].max()
    if data.kind != "matrix":
        low, high = 0.0, 1.0

    def shown(values: np.ndarray) -> np.ndarray:
        return (values - low) / ((high - low) or 1.0)

    done = [(score, score.completion) for score in scores if score.completion is not None]
    train = done[0][1].mask
    before = np.repeat(np.atleast_3d(shown(data.values)), 3 if data.values.ndim == 2 else 1, axis=2)
    before[~data.seen] = plots.MISSING_COLOUR
    before[data.seen & ~train] = plots.HELDOUT_COLOUR
    views = {"missing (red) and held out (blue)": before}
    views |= {f"{score.method}: {score.nmae:.4f}": shown(made.completed) for score, made in done}
    if truth is not None:
        views["truth"] = shown(truth)
    return plots.gallery(views, title=f"{request.data.name}: error (NMAE) on held-out pixels")


def _tell(request: Contest, scores: list[Score], was_interrupted: bool) -> None:
    table = Table(header_style="bold")
    has_truth = any(score.true_nmae is not None for score in scores)
    table.add_column("")
    table.add_column("method")
    table.add_column("held-out\nNMAE", justify="right")
    if has_truth:
        table.add_column("true\nNMAE", justify="right")
    table.add_column("seconds", justify="right")
    table.add_column("how it ended", overflow="fold")
    for place, score in enumerate(scores, 1):
        has_failed = score.nmae is None
        table.add_row(
            "-" if has_failed else str(place),
            score.method,
            "failed" if has_failed else f"{score.nmae:.4f}",
            *([_number(score.true_nmae)] if has_truth else []),
            f"{score.seconds:.1f}",
            literal(score.message),
            style="red" if has_failed else "bold green" if place == 1 else None,
        )
    Console().print(table, highlight=False)
    if was_interrupted:
        say(f"[bold yellow]Interrupted:[/] {len(scores)} of {len(request.names)} methods are finished.")
    if scores[0].nmae is not None:
        say(
            f"Least error on the {request.holdout:.0%} of the observed entries that no method saw, hidden in the shape "
            f"of what is missing: [bold green]{scores[0].method}[/]."
        )
        if request.data.suffix.lower() != ".npy":
            mask = f" --mask {literal(request.mask)}" if request.mask else ""
            say(f"To mend by it: [bold]matmend complete {literal(request.data)}{mask} --method {scores[0].method}[/]")
    for path in (request.output, request.panel):
        if path is not None:
            say(f"Written: {literal(path)}")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
