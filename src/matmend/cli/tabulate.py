"""``matmend complete`` on tables: from files to files."""

import contextlib
import json as jsonlib
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.status import Status

from matmend.cli.console import literal, say
from matmend.cli.intervals import Holds, Widths, containing, facts
from matmend.cli.pages import page_of_table
from matmend.cli.progress import telling_of_ctrl_c, undisturbed
from matmend.cli.tabulate_request import STREAM, Request, Training, check_outputs, check_request
from matmend.cli.tabulate_telling import tell_begin, tell_end
from matmend.cli.undetermined import Doubt
from matmend.estimators import EmptyWarning, MatrixCompleter, Progress
from matmend.io import Table, read_matrix, write_matrix
from matmend.methods import Score
from matmend.report import Report
from matmend.report import write as write_page
from matmend.trust import Intervals

BECOMES = {
    "keep": "what is filled in there comes from the assumptions of the method, not from the data",
    "flag": "what is filled in there comes from the assumptions of the method, not from the data",
    "nan": "they stay empty",
}
"""What becomes of cells that no rank determines."""
ROUNDING = 1e-9
"""Share of its size by which a bound may miss the truth: what is stored in fewer digits is rounded."""


def tabulate(request: Request, training: Training, *, json: bool = False, quiet: bool = False) -> dict[str, Any]:
    """Complete a table and report.

    Everything that can be refused is refused before the work: inputs are read and outputs are checked first. Ctrl-C
    ends it, and no file is written.

    Parameters
    ----------
    request : Request
    training : Training
    json : bool
        Print the report as JSON instead of words.
    quiet : bool
        Print nothing.

    Returns
    -------
    dict
        The report.

    Raises
    ------
    ValueError
        If an input cannot be used or an output cannot be written.
    """
    begun, is_told = time.monotonic(), not (quiet or json)
    console = Console(stderr=True)
    check_request(request, training, json=json)
    with telling_of_ctrl_c(), console.status("reading") if is_told else contextlib.nullcontext():
        table = read_matrix(request.table)
    _check(request.table, table)
    truth = None if request.truth is None else _truth(request.truth, table)
    doubt = Doubt(table.mask, "cell", table.row_names, table.col_names)
    has_map = _has_map(request, doubt)
    check_outputs(request, has_map=has_map)
    if is_told:
        tell_begin(request.table, table)
        if not doubt.is_empty:
            say(f"[bold yellow]Not determined:[/] {doubt.warning(BECOMES[request.undetermined])}")

    with telling_of_ctrl_c(), console.status("choosing") if is_told else contextlib.nullcontext() as status:
        completer, found = _complete(table, request.intervals, training, status)
        page = None if request.report is None else _page(request, training, table, completer, found)
    gaps = doubt.pixels if request.undetermined == "nan" else np.zeros_like(table.mask)
    filled = np.where(table.mask, table.values, completer.completed_)
    values = {request.target: np.where(gaps, np.nan, filled)}
    report = _report(request, training, table, completer) | doubt.counts
    report |= {
        "undetermined_become": request.undetermined,
        "undetermined_map": str(request.map) if has_map else None,
        "page": None if request.report is None else str(request.report),
        "intervals": None,
    }
    missing, units = ~table.mask & ~gaps, completer.columns_.spread
    if truth is not None:
        report |= _errors(filled, truth, missing, units)
    if found is not None:
        sides, told = _intervals(found, filled, missing, truth, units)
        values |= {path: np.where(gaps, np.nan, sides[side]) for side, path in request.bounds.items()}
        report["intervals"] = told | {side: str(path) for side, path in request.bounds.items()}
    # Who reads a pipe may never come to its end: there ctrl-C must help.
    with undisturbed() if request.target != STREAM else contextlib.nullcontext():
        for path, written in values.items():
            write_matrix(path, table, written, overwrite=request.overwrite)
        if has_map:
            write_matrix(request.map, table, doubt.pixels.astype(np.float64), overwrite=request.overwrite)
        if page is not None and request.report is not None:
            write_page(page, request.report, overwrite=request.overwrite)
    report["seconds"] = round(time.monotonic() - begun, 2)
    if json:
        print(jsonlib.dumps(report))
    elif not quiet:
        tell_end(report)
    return report


def _check(path: Path, table: Table) -> None:
    name = "standard input" if path == STREAM else path
    if table.mask.all():
        raise ValueError(f"Nothing is missing in {name}: there is nothing to complete.")
    if not table.mask.any():
        raise ValueError(f"Everything is missing in {name}: at least some cells must be observed.")


def _has_map(request: Request, doubt: Doubt) -> bool:
    """Tell whether a map of undetermined cells is to be written."""
    if request.undetermined == "nan" or request.target == STREAM:
        return False
    return request.undetermined == "flag" or not doubt.is_empty


def _truth(path: Path, table: Table) -> NDArray[np.float64]:
    """Read the truth, a table of the same rows and columns; cells that it does not know are left out."""
    truth = read_matrix(path)
    if truth.values.shape != table.values.shape:
        raise ValueError(
            f"The truth must have the rows and columns of the table, {table.values.shape}; {path} has "
            f"{truth.values.shape}."
        )
    for what, mine, theirs in (
        ("rows", table.row_names, truth.row_names),
        ("columns", table.col_names, truth.col_names),
    ):
        if mine is not None and theirs is not None and mine != theirs:
            k = next(k for k, (one, other) in enumerate(zip(mine, theirs, strict=True)) if one != other)
            raise ValueError(
                f"The truth must have the {what} of the table in their order; in {path} number {k + 1:,} is "
                f"'{theirs[k]}', not '{mine[k]}'."
            )
    if not (truth.mask & ~table.mask).any():
        raise ValueError(f"The truth is to tell what is missing, but {path} knows none of these cells.")
    return truth.values


def _complete(
    table: Table, coverage: float | None, training: Training, status: Status | None
) -> tuple[MatrixCompleter, Intervals | None]:
    """Choose a method, complete, and look for intervals if they are asked for."""

    def show(progress: Progress) -> None:
        if status is not None:
            status.update(literal(progress))

    completer = MatrixCompleter(
        training.method or "auto", settings=training.given or None, callback=show, device=training.device,
        random_state=training.seed,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EmptyWarning)  # told already, with names
        completer.fit(table.values)
    if coverage is None:
        return completer, None
    if status is not None:
        status.update("calibrating intervals")
    return completer, completer.intervals(coverage)


def _page(
    request: Request, training: Training, table: Table, completer: MatrixCompleter, found: Intervals | None
) -> Report:
    return page_of_table(
        request.table, table, completer, command=training.command(request), seed=training.seed,
        is_asked=training.method is not None, intervals=found,
    )  # fmt: skip


def _report(request: Request, training: Training, table: Table, completer: MatrixCompleter) -> dict[str, Any]:
    (m, n), missing = table.values.shape, int((~table.mask).sum())
    by_column, units = completer.column_expected_rmse_, completer.columns_
    return {
        "input": str(request.table),
        "output": str(request.target),
        "rows": m,
        "columns": n,
        "missing_cells": missing,
        "missing": missing / (m * n),
        "put_aside": list(table.aside),
        "seed": training.seed,
        "device": training.device,
        **training.given,
        "method": completer.method_,
        "is_asked": training.method is not None,
        "reason": completer.reason_,
        "scores": [_score(score) for score in completer.scores_],
        "has_units": units.is_scaled,
        "expected_rmse": completer.expected_rmse_,
        "expected_rmse_by_column": None if by_column is None else by_column.tolist(),
        "relative_expected_rmse": None
        if by_column is None or not units.is_scaled
        else float(by_column[0] / units.spread[0]),
    }


def _score(score: Score) -> dict[str, Any]:
    return {
        "method": score.method,
        "error": score.error,
        "nmae": score.nmae,
        "rmse": score.rmse,
        "seconds": round(score.seconds, 2),
        "message": score.message,
    }


def _errors(
    filled: NDArray[np.float64], truth: NDArray[np.float64], missing: NDArray[np.bool_], units: NDArray[np.float64]
) -> dict[str, float | int]:
    """Compare with the truth where it is known: in units of the data, of its range and of each column's spread."""
    at, known = missing & ~np.isnan(truth), truth[~np.isnan(truth)]
    errors = (filled - truth)[at]
    return {
        "compared": int(at.sum()),
        "rmse": float(np.sqrt(np.mean(errors**2))),
        "nmae": float(np.abs(errors).mean() / ((known.max() - known.min()) or 1.0)),
        "relative_rmse": float(np.sqrt(np.mean(((filled - truth) / units)[at] ** 2))),
    }


def _intervals(
    found: Intervals,
    filled: NDArray[np.float64],
    missing: NDArray[np.bool_],
    truth: NDArray[np.float64] | None,
    units: NDArray[np.float64],
) -> tuple[dict[str, NDArray[np.float64]], dict[str, Any]]:
    """Return bounds that contain what is filled in, NaN where there are none, and what there is to report."""
    lower, upper = containing(found.lower.astype(np.float64), found.upper.astype(np.float64), filled)
    lower, upper = (np.where(missing, bound, filled) for bound in (lower, upper))
    widths, relative = Widths(), Widths()
    widths.add(lower[missing], upper[missing])
    relative.add((lower / units)[missing], (upper / units)[missing])
    holds = Holds.IN_GAPS if found.is_shaped else Holds.BY_CHANCE
    report = facts(widths, found.coverage, found.calibration, holds) | {"relative_mean_width": relative.mean}
    if truth is not None:
        at = missing & ~np.isnan(truth)
        slack = ROUNDING * np.abs(truth[at])
        report["covered"] = float(np.mean((lower[at] - slack <= truth[at]) & (truth[at] <= upper[at] + slack)))
    sides = {"lower": lower, "upper": upper}
    return {side: np.where(np.isinf(bound), np.nan, bound) for side, bound in sides.items()}, report
