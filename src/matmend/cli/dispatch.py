"""What ``matmend complete`` was given: a picture, ratings or a model of ratings, and whether the options suit it."""

from pathlib import Path
from typing import Literal

import typer

from matmend.cli.names import Kind
from matmend.cli.options import PICTURES, RATINGS
from matmend.io import tell_kind
from matmend.io.sparse_files import archive_arrays

OF_A_MODEL = {"U", "V", "row_precision", "col_precision"}
"""Arrays in the .npz file of a model of ratings, and of nothing else."""
OF_TRAINING = {"rank", "draws", "implicit", "holdout", "devices", "checkpoint", "checkpoint_every"}
"""Parameters that say how to train a model."""


def kind_of(path: Path, kind: Kind | None, context: typer.Context) -> Literal["picture", "ratings", "model"]:
    """Tell what a file is, and refuse options that are for something else.

    Raises
    ------
    ValueError
        If it is none of the three, or an option does not suit it.
    """
    found: str = kind or tell_kind(path)
    if kind is None and path.suffix.lower() == ".npz" and set(archive_arrays(path)) >= OF_A_MODEL:
        found = "model"
    if found not in ("picture", "ratings", "model"):
        raise ValueError(
            f"matmend complete takes pictures and ratings, and {path} is a {found}: for a list of user, item and "
            "rating say --as ratings; to see what a table determines use matmend inspect."
        )
    heading = RATINGS if found == "picture" else PICTURES
    what = {"picture": "a picture", "ratings": "a list of ratings", "model": "a model of ratings"}[found]
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if source is None or source.name != "COMMANDLINE":
            continue
        option = max(parameter.opts, key=len)
        if getattr(parameter, "rich_help_panel", None) == heading:
            raise ValueError(f"{option} is for {heading.lower()}, and {path} is {what}: leave it out.")
        if found == "model" and parameter.name in OF_TRAINING:
            raise ValueError(f"{option} is for training, and {path} is {what}, which is trained: leave it out.")
    return found  # pyright: ignore[reportReturnType] - one of the three
