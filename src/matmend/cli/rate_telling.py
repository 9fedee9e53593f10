"""What ``matmend complete`` says about ratings, in words."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Table

from matmend.cli.console import literal, say
from matmend.cli.intervals import tell_intervals
from matmend.cli.words import listed, plural, share
from matmend.io.streams import is_stream

if TYPE_CHECKING:
    from matmend.cli.rate_request import Inputs, Request


LABELS = {"model": "this model", "baseline": "means of users and items", "mean": "one mean for all"}
"""What is judged, and how it is called."""


def tell_begin(request: "Request", inputs: "Inputs") -> None:
    """Say what was read."""
    name = "standard input" if is_stream(request.data) else literal(request.data)
    if inputs.ratings is None:
        assert inputs.model is not None
        m, n = inputs.model.shape
        told = f"[bold]{name}[/]: a model of {plural(m, 'user')} and {plural(n, 'item')}"
        error = inputs.model.heldout_error
        say(told + ("" if error is None else f", held-out RMSE {error:.4f}"))
        return
    ratings = inputs.ratings
    (m, n), e = ratings.shape, ratings.values.size
    say(
        f"[bold]{name}[/]: {plural(e, 'rating')}, {ratings.values.min():g} to {ratings.values.max():g}, of "
        f"{plural(n, 'item')} by {plural(m, 'user')} ({share(e, m * n)} of all pairs)"
    )
    if ratings.num_merged:
        say(f"{plural(ratings.num_merged, 'line')} rated what a later one rates again: the latest counts.")
    if ratings.num_without_value:
        say(f"{plural(ratings.num_without_value, 'line')} without a rating left out.")
    if ratings.values.min() == ratings.values.max():
        say(
            f"[bold yellow]All ratings are {ratings.values.min():g}:[/] there is nothing to tell one from another, and "
            "every prediction will be that."
        )


def tell_end(report: dict[str, Any], folder: Path | None) -> None:
    """Say how good the model is, what was written, and what can be done next."""
    if "heldout_rmse" in report:
        _tell_training(report)
    if (folded := report.get("folded_in")) is not None:
        say(
            f"Folded in: {plural(folded['new_users'], 'new user')} and {plural(folded['new_items'], 'new item')}, from "
            f"{plural(folded['used'], 'rating')}."
            + (
                f" [bold yellow]{plural(folded['left_out'], 'rating')} left out[/]: of known items by known users, or "
                "tied to nothing known. To use these too, train anew on all ratings."
                if folded["left_out"]
                else ""
            )
        )
    if "predictions" in report:
        unknown = [
            f"{report[key]:,} with {words}"
            for key, words in (("new_user", "a new user"), ("new_item", "a new item"), ("both_new", "both new"))
            if report[key]
        ]
        if unknown:
            say(
                f"[bold yellow]Not in the ratings:[/] of {plural(report['pairs'], 'pair')} {listed(unknown)}. These "
                "get what is usual otherwise, and the column [bold]known[/] says so."
            )
        if "intervals" in report:
            tell_intervals(report["intervals"], "rating")
        say(f"Predictions of {plural(report['pairs'], 'pair')}: [bold green]{literal(report['predictions'])}[/]")
    if "recommendations" in report:
        say(
            f"Recommendations to {plural(report['users'], 'user')}, {plural(report['recommended'], 'line')}: "
            f"[bold green]{literal(report['recommendations'])}[/]"
        )
        if not report["seen_left_out"]:
            say("A model does not remember who rated what: name the ratings by --seen to leave those items out.")
    if "model" in report:
        name = literal(report["model"])
        say(f"Model: [bold green]{name}[/]")
        if not {"predictions", "recommendations"} & set(report):
            say(f"To use it: [bold]matmend complete {name} --predict pairs.csv[/], or [bold]--recommend 10[/]")
    if folder is not None:
        say(f"To go on and replace it by the whole result: [bold]matmend resume {literal(folder)}[/]")


def _tell_training(report: dict[str, Any]) -> None:
    if report["is_partial"]:
        say("[bold yellow]Partial result:[/] ended by ctrl-C.")
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    table.add_column("on ratings held out")
    table.add_column("RMSE", justify="right")
    for name, key in (("model", "heldout_rmse"), ("baseline", "baseline_rmse"), ("mean", "mean_rmse")):
        table.add_row(LABELS[name], f"{report[key]:.4f}", style="bold green" if name == "model" else None)
    Console(stderr=True).print(table, highlight=False)
    if report["heldout_rmse"] >= report["baseline_rmse"]:
        say(
            "[bold yellow]No better than means:[/] in these ratings nothing was found beyond how users and items "
            "differ on average."
        )
    where = plural(report["devices"], "device") + (
        f" of {report['processes']:,} processes" if report["processes"] > 1 else ""
    )
    say(f"Chosen: {literal(report['ended'])}. {report['training_seconds']:.1f} s on {where}, with compilation.")
