"""``matmend resume``: go on with a run that was ended before its time."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from matmend.cli import mend, rate
from matmend.cli.cluster import is_first
from matmend.cli.console import literal, say
from matmend.cli.resuming import KeptRun, reopen

COMMANDS: dict[str, Callable[..., dict[str, Any]]] = {mend.COMMAND: mend.go_on, rate.COMMAND: rate.go_on}
"""What each command does with a [`KeptRun`][matmend.cli.resuming.KeptRun] that is reopened, ``json`` and ``quiet``."""


def resume(folder: Path, *, json: bool = False, quiet: bool = False) -> dict[str, Any]:
    """Go on with the run that a folder holds.

    Parameters
    ----------
    folder : Path
        What ``--checkpoint`` was given.
    json, quiet : bool
        As for the command itself.

    Returns
    -------
    dict
        The report of the command.

    Raises
    ------
    ValueError
        If there is nothing to go on with, or an input is not what it was.
    """
    with reopen(folder, is_first=is_first()) as run:
        if run.is_first and not (quiet or json):
            say(_told(run))
        return COMMANDS[run.command](run, json=json, quiet=quiet)


def _told(run: KeptRun) -> str:
    return f"[bold]{literal(run.folder)}[/]: {run.command} goes on {run.where()}"
