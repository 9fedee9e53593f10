"""The progress bar, and ctrl-C as a request rather than an end."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from matmend.solve import State


class Watch:
    """Shows how a training goes on, and ends it when asked to.

    Parameters
    ----------
    console : rich.console.Console
    total : int
        Most steps.
    visible : bool
    """

    def __init__(self, console: Console, total: int, *, visible: bool):
        self.was_interrupted = False
        self._step, self._runs = 0, 1
        self._progress = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[errors]}"),
            TimeElapsedColumn(),
            TextColumn("left ≤"),
            TimeRemainingColumn(),
            console=console,
            disable=not visible,
            transient=True,
        )
        self._task = self._progress.add_task("mending", total=total, errors="compiling")

    def __call__(self, state: State, row: dict[str, Any]) -> bool:
        """Show a record; True ends the run. A method may train more than once, each time from step 0."""
        errors = f"error: observed {row['rmse']:.2%}"
        if "heldout_rmse" in row:
            errors += f", held out {row['heldout_rmse']:.2%}"
        if row["energies"]:
            errors += f"; energy {float(sum(row['energies'])):.3g}"
        step = int(state.step)
        if step < self._step and not self.was_interrupted:
            self._runs += 1
            self._progress.update(self._task, description=f"mending, run {self._runs}")
        self._step = step
        self._progress.update(self._task, completed=step, errors=errors)
        return self.was_interrupted

    @contextmanager
    def watching(self) -> Iterator["Watch"]:
        """Show the bar; the first ctrl-C asks the run to end at its next record, a second one ends the program."""

        def ask(signum: int, frame: FrameType | None) -> None:
            del signum, frame
            if self.was_interrupted:
                raise KeyboardInterrupt
            self.was_interrupted = True
            self._progress.update(self._task, description="stopping")

        before = signal.signal(signal.SIGINT, ask)
        try:
            with self._progress:
                yield self
        finally:
            signal.signal(signal.SIGINT, before)
