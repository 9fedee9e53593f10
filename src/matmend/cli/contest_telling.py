"""What ``matmend compare`` says: the table, the winner, what was left out."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from matmend.cli.arena import Arena, RatingsArena
from matmend.cli.console import literal, say
from matmend.cli.pages import command_of
from matmend.methods import Score, registry


def tell(
    arena: Arena | RatingsArena, scores: Sequence[Score], report: dict[str, Any], *, was_interrupted: bool
) -> None:
    """Print the table of all methods and what follows from it."""
    Console().print(_table(arena, scores), highlight=False)
    request = arena.request
    if was_interrupted:
        say(f"[bold yellow]Interrupted:[/] {len(scores)} of {len(arena.names)} methods are finished.")
    if scores and scores[0].error is not None:
        _tell_winner(arena, scores[0].method)
    if report["determined"]:
        at_most = {str(rank) for rank in report["determined_at_most"]}
        shares = " and ".join(
            f"{'at most ' if rank in at_most else ''}{told:.0%} at rank {rank}"
            for rank, told in report["determined"].items()
        )
        rest = "; the rest can only be guessed" if min(report["determined"].values()) < 1 else ""
        say(f"Of the held-out entries the others determine {shares}{rest}.")
    for reason in dict.fromkeys(report["left_out"].values()):
        names = [name for name, why in report["left_out"].items() if why == reason]
        say(f"Left out: {', '.join(names)} ({literal(reason)}).")
    for path in (request.output, request.panel, request.report):
        if path is not None:
            say(f"Written: {literal(path)}")


def _tell_winner(arena: Arena | RatingsArena, winner: str) -> None:
    request = arena.request
    if isinstance(arena, RatingsArena):
        say(f"Least error on the {request.holdout:.0%} of the ratings that no model saw: [bold green]{winner}[/].")
        if winner == "ratings":
            say(f"To use it: [bold]matmend complete {literal(request.data)}[/]")
    else:
        say(
            f"Least error on the {request.holdout:.0%} of the observed entries that no method saw, hidden in the shape "
            f"of what is missing: [bold green]{winner}[/]."
        )
        if winner in registry:
            options = {"--as": request.kind, "--mask": request.mask, "--missing": request.missing, "--method": winner}
            say(f"To mend by it: [bold]{literal(command_of(['complete', request.data], options))}[/]")
    if winner not in registry and winner.startswith(("sklearn_", "cmfrec")):
        package = "scikit-learn" if winner.startswith("sklearn_") else "cmfrec"
        say(f"It is a method of {package}, not of matmend.")


def _table(arena: Arena | RatingsArena, scores: Sequence[Score]) -> Table:
    table = Table(header_style="bold")
    has_truth = any(score.true_nmae is not None for score in scores)
    has_spread = any(len(score.errors) > 1 for score in scores)
    table.add_column("")
    table.add_column("method")
    table.add_column(f"held-out\n{arena.measure}", justify="right")
    if has_spread:
        table.add_column("over\nhold-outs", justify="right")
    if has_truth:
        table.add_column("true\nNMAE", justify="right")
    table.add_column("seconds", justify="right")
    table.add_column("memory\nMB", justify="right")
    table.add_column("how it ended", overflow="fold")
    for place, score in enumerate(scores, 1):
        error = score.error
        table.add_row(
            "-" if error is None else str(place),
            score.method,
            "failed" if error is None else f"{error:.4f}",
            *([_span(score.errors)] if has_spread else []),
            *([_number(score.true_nmae)] if has_truth else []),
            f"{score.seconds:.1f}",
            "" if score.memory is None else f"{score.memory / 1e6:.0f}",
            literal(score.message),
            style="red" if error is None else "bold green" if place == 1 else None,
        )
    return table


def _span(errors: Sequence[float]) -> str:
    return f"{min(errors):.4f}-{max(errors):.4f}" if errors else ""


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
