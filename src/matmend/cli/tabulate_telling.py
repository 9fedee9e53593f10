"""What ``matmend complete`` says about a table, in words."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table as Lines

from matmend.cli.console import literal, say
from matmend.cli.intervals import tell_intervals
from matmend.cli.words import plural, share, short, some
from matmend.io import Table

SPREADS = "standard deviations of a column"
SHOWN = 8
"""Methods in the table of those tried, and names of columns in a sentence."""


def tell_begin(path: Path, table: Table) -> None:
    """Say what was read."""
    (m, n), missing = table.values.shape, int((~table.mask).sum())
    name = "standard input" if str(path) == "-" else literal(path)
    say(
        f"[bold]{name}[/]: {plural(m, 'row')} x {plural(n, 'column')}, {plural(missing, 'cell')} missing "
        f"({share(missing, m * n)})"
    )
    if table.aside:
        shown = some([f"'{literal(short(name))}'" for name in table.aside[:SHOWN]], len(table.aside))
        word = plural(len(table.aside), "column", counted=False)
        say(f"Left as they are, because they hold no numbers: {word} {shown}.")


def tell_end(report: Mapping[str, Any]) -> None:
    """Say which method was taken and why, how good the result is, and what was written."""
    _tell_choice(report)
    # Where columns have units of their own, only shares of their spreads can be averaged over all of them.
    prefix, unit = ("relative_", f" {SPREADS}") if report["has_units"] else ("", "")
    if (error := report[f"{prefix}expected_rmse"]) is not None:
        say(f"Expected error (RMS) {error:.4g}{unit}, measured on cells held out.")
    if "rmse" in report:
        say(
            f"Against the truth: RMS error {report[f'{prefix}rmse']:.4g}{unit}, on "
            f"{plural(report['compared'], 'missing cell')}."
        )
    if (found := report["intervals"]) is not None:
        tell_intervals(found, "cell", width=_number(found[f"{prefix}mean_width"], unit))
    if report["undetermined_map"] is not None:
        say(f"Map of what the data leave open (1): {literal(report['undetermined_map'])}")
    if report["page"] is not None:
        say(f"Page: {literal(report['page'])}")
    where = "standard output" if report["output"] == "-" else literal(report["output"])
    say(f"Filled table, {report['seconds']:.1f} s: [bold green]{where}[/]")


def _number(value: float | None, unit: str) -> str | None:
    return None if value is None else f"{value:.4g}{unit}"


def _tell_choice(report: Mapping[str, Any]) -> None:
    method, scores = report["method"], report["scores"]
    if report["is_asked"]:
        say(f"Method {method}, as asked.")
        return
    lines = Lines(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    lines.add_column("on cells held out")
    lines.add_column("error", justify="right")
    lines.add_column("seconds", justify="right")
    for score in scores[:SHOWN]:
        error = "failed" if score["error"] is None else f"{score['error']:.4f}"
        lines.add_row(
            score["method"], error, f"{score['seconds']:.1f}", style="bold green" if score["method"] == method else None
        )
    Console(stderr=True).print(lines, highlight=False)
    say(f"Chosen: [bold green]{method}[/], since {literal(report['reason'])}.")
