"""What ``matmend complete`` was given: a picture, a table, ratings or a model, and whether the options suit it."""

from pathlib import Path
from typing import Literal

import typer

from matmend.cli.names import Kind
from matmend.cli.options import ARRAYS, PICTURES, RATINGS
from matmend.io import tell_kind
from matmend.io.streams import is_stream

SUITS = {PICTURES: {"picture"}, ARRAYS: {"picture", "table"}, RATINGS: {"ratings", "model"}}
"""Headings of the help to the kinds that take what is listed there."""
OF_TRAINING = {"rank", "draws", "implicit", "holdout", "devices", "checkpoint", "checkpoint_every"}
"""Parameters that say how to train a model."""
NOT_FOR_TABLES = {"holdout", "checkpoint", "checkpoint_every"}
"""Parameters under no heading that tables do not take."""


def kind_of(path: Path, kind: Kind | None, context: typer.Context) -> Literal["picture", "table", "ratings", "model"]:
    """Tell what a file is, and refuse options that are for something else.

    Raises
    ------
    ValueError
        If it is none of the four, or an option does not suit it.
    """
    found = kind or tell_kind(path)
    if found == "mask":
        raise ValueError(
            f"matmend complete takes pictures, tables and ratings, and {path} is a mask: give the picture, and this "
            "file as --mask; to take true and false as the numbers 1 and 0 say --as table."
        )
    if found == "picture" and is_stream(path):
        raise ValueError("Standard input can be a table or ratings; a picture is read from a file: name it.")
    what = {
        "picture": "a picture", "table": "a table", "ratings": "a list of ratings", "model": "a model of ratings"
    }[found]  # fmt: skip
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if source is None or source.name != "COMMANDLINE":
            continue
        option = max(parameter.opts, key=len)
        heading = getattr(parameter, "rich_help_panel", None)
        if heading in SUITS and found not in SUITS[heading]:
            raise ValueError(f"{option} is for {heading.lower()}, and {path} is {what}: leave it out.")
        if found == "table" and parameter.name in NOT_FOR_TABLES:
            raise ValueError(f"{option} is for pictures and ratings, and {path} is {what}: leave it out.")
        if found == "model" and parameter.name in OF_TRAINING:
            raise ValueError(f"{option} is for training, and {path} is {what}, which is trained: leave it out.")
    return found
