"""The report of ``matmend inspect`` in words."""

from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from matmend.cli.console import literal
from matmend.report.verdict import sentences
from matmend.report.verdict.sentences import ladder_row
from matmend.report.verdict.words import share

WIDEST = 110
"""Columns beyond which lines are hard to read."""
STYLES = {"": "bold", "good": "bold green", "bad": "bold red"}
"""Of what the sentences mark as important."""


def tell(report: dict[str, Any]) -> None:
    """Print a report on standard output."""
    console = Console()
    console.print(rendered(report), width=min(console.width, WIDEST), highlight=False)


def rendered(report: dict[str, Any]) -> RenderableType:
    """Return a report as something rich can print, sections one below the other.

    Parameters
    ----------
    report : dict
        As [`inspect`][matmend.cli.inspection.inspect] returns it.
    """
    parts: list[RenderableType] = [Text(report["input"], style="bold", overflow="fold"), Rule()]
    parts += [_line(sentence) for sentence in (sentences.size(report), *report["notes"])]
    for title, section in (
        ("In short", sentences.verdict(report)),
        ("What hangs together", _connectivity(report)),
        ("What can be recovered at which rank", _ranks(report)),
        ("Where the trouble is", sentences.trouble(report)),
        ("What to observe next", sentences.observe_next(report)),
        ("What training will tend to", sentences.bias(report)),
    ):
        if section:
            parts += [Text(), Text(title, style="bold cyan"), *(_line(p) if isinstance(p, str) else p for p in section)]
    return Group(*parts)


def _line(sentence: str) -> RenderableType:
    return Padding(Text.from_markup(_markup(sentence)), (0, 0, 0, 2), expand=False)


def _markup(sentence: str) -> str:
    return sentences.marked(literal(sentence), lambda words, tone: f"[{STYLES[tone]}]{words}[/]")


def _connectivity(report: dict[str, Any]) -> list[RenderableType | str]:
    links, row, col = report["connectivity"], report["row_word"], report["col_word"]
    told: list[RenderableType | str] = [*sentences.hanging_together(report)]
    if links["components_with_entries"] > 1:
        table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
        table.add_column(f"{row}s", justify="right")
        table.add_column(f"{col}s", justify="right")
        table.add_column("observed", justify="right")
        table.add_column("density", justify="right")
        table.add_column(f"has {row} / {col}", overflow="fold")
        for part in links["largest"]:
            table.add_row(
                f"{part['rows']:,}", f"{part['cols']:,}", f"{part['entries']:,}", share(part["density"], 1),
                literal(f"{part['a_row']} / {part['a_col']}"),
            )  # fmt: skip
        told.append(Padding(table, (0, 0, 0, 2), expand=False))
        if (more := links["components_with_entries"] - len(links["largest"])) > 0:
            told.append(f"and {more:,} more")
    return [*told, *sentences.holding_together(report)]


def _ranks(report: dict[str, Any]) -> list[RenderableType | str]:
    if report["missing"] == 0:
        return []
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    table.add_column("rank", justify="right")
    table.add_column("of what is missing,\nis determined", justify="right")
    table.add_column(f"{report['row_word']}s with\nenough entries", justify="right")
    table.add_column(f"{report['col_word']}s with\nenough entries", justify="right")
    table.add_column("entries still\nneeded", justify="right")
    for rung in report["ranks"]:
        table.add_row(*ladder_row(report, rung), style="bold" if rung["rank"] == report["rank"] else None)
    return [Padding(table, (0, 0, 0, 2), expand=False), *sentences.ranks(report)]
