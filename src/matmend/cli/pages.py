"""Pages about pictures and tables, for ``matmend report`` and ``matmend complete --report``."""

import dataclasses
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matmend.cli.inputs import plain
from matmend.cli.subjects import notes_of_table
from matmend.estimators import MatrixCompleter
from matmend.io import Picture, Table, check_writable
from matmend.io.streams import is_stream
from matmend.methods import Completion
from matmend.report import Report


def check_page(path: Path, *, overwrite: bool) -> Path:
    """Check that a page can be written under this name.

    Examples
    --------
    >>> check_page(Path("page.pdf"), overwrite=False)
    Traceback (most recent call last):
        ...
    ValueError: A report is an HTML page: give it a name that ends in .html, not page.pdf.
    """
    if path.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"A report is an HTML page: give it a name that ends in .html, not {path}.")
    return check_writable(path, overwrite=overwrite)


def command_of(words: list[object], options: dict[str, object]) -> str:
    """Return what to type to do it again; options that are None or "auto" are left out, those that are True bare.

    Examples
    --------
    >>> command_of(["complete", "a.png"], {"--missing": "auto", "--device": "cpu", "--float64": True})
    'matmend complete a.png --device cpu --float64'
    >>> command_of(["complete", "a b.png"], {"--mask": None, "--seed": 3})
    "matmend complete 'a b.png' --seed 3"
    """
    given = {option: value for option, value in options.items() if value is not False and value not in (None, "auto")}
    typed = [word for option, value in given.items() for word in ([option] if value is True else [option, value])]
    return shlex.join(["matmend", *map(str, [*words, *typed])])


def page_of_picture(
    path: Path,
    picture: Picture,
    completion: Completion,
    *,
    polarity: str,
    command: str,
    seed: int,
    reason: str = "",
    intervals: Any = None,
    rank: int | None = None,
    tell: Callable[[str], None] | None = None,
) -> Report:
    """Make the report of a mended picture."""
    what = f"are the mask's {polarity} pixels" if polarity else "is what is transparent or NaN"
    known: NDArray[np.floating] = plain(picture).astype(completion.completed.dtype, copy=False)
    return Report.of_completion(
        completion, known, completion.mask, title=path.name, kind="picture", notes=[f"Missing {what}."],
        num_bytes=path.stat().st_size, facts={"Format": picture.storage.kind}, intervals=intervals, rank=rank,
        command=command, seed=seed, reason=reason, tell=tell,
    )  # fmt: skip


def page_of_table(
    path: Path,
    table: Table,
    completer: MatrixCompleter,
    *,
    command: str,
    seed: int,
    is_asked: bool,
    intervals: Any = None,
    rank: int | None = None,
    tell: Callable[[str], None] | None = None,
) -> Report:
    """Make the report of a table that was completed; `is_asked` says that the method was not chosen but asked for."""
    units, completion = completer.columns_, completer.completion_
    assert completion is not None  # something was missing
    from_stream = is_stream(path)
    return Report.of_completion(
        dataclasses.replace(completion, expected_rmse=completer.expected_rmse_), table.values, table.mask,
        title="standard input" if from_stream else path.name, kind="table",
        names=(table.row_names, table.col_names), notes=notes_of_table(path, table),
        num_bytes=None if from_stream else path.stat().st_size,
        facts={
            "Columns scaled": "each column by its standard deviation"
            if units.is_scaled
            else "no, the columns have one unit"
        },
        scores=completer.scores_, measure="RMSE / sd of column" if units.is_scaled else "",
        reason="It was asked for." if is_asked else f"Why: {completer.reason_}.",
        column_errors=completer.column_expected_rmse_, intervals=intervals, rank=rank, command=command, seed=seed,
        tell=tell,
    )  # fmt: skip
