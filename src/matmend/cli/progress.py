"""The progress bar, and ctrl-C as a request rather than an end."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from types import FrameType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from matmend.cli.console import say
from matmend.solve import State


@contextmanager
def _asked_by_ctrl_c(ask: Callable[[], None]) -> Iterator[None]:
    """Call `ask` on every ctrl-C."""

    def hear(signum: int, frame: FrameType | None) -> None:
        del signum, frame
        ask()

    before = signal.signal(signal.SIGINT, hear)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Go on through ctrl-C, for as long as files are written that belong together."""
    with _asked_by_ctrl_c(lambda: None):
        yield


@contextmanager
def telling_of_ctrl_c() -> Iterator[None]:
    """Say, when ctrl-C ends the program, that there are no files: the framework below ends without a word."""
    try:
        yield
    except KeyboardInterrupt:
        say("[bold red]matmend:[/] interrupted; nothing was written")
        raise


class _Stoppable:
    """A bar, and whether somebody has asked for the end.

    Parameters
    ----------
    progress : rich.progress.Progress
    words : str
        What the bar says first.
    total : int or None
    title : str
        What stands before the words.
    heeds_ctrl_c : bool
        False leaves ctrl-C alone.
    errors : str
        What its field of that name says first.
    """

    def __init__(
        self,
        progress: Progress,
        words: str,
        *,
        total: int | None,
        title: str = "",
        heeds_ctrl_c: bool = True,
        errors: str = "",
    ):
        self.was_interrupted = False
        self._progress, self._title, self._heeds_ctrl_c = progress, title, heeds_ctrl_c
        self._task = progress.add_task(f"{title}{words}", total=total, errors=errors)

    @contextmanager
    def watching(self) -> Iterator[Self]:
        """Show the bar; the first ctrl-C asks the run to end at the next occasion, a second one ends the program."""

        def ask() -> None:
            if self.was_interrupted:
                raise KeyboardInterrupt
            self.was_interrupted = True
            self._progress.update(self._task, description=f"{self._title}stopping")

        heeding = _asked_by_ctrl_c(ask) if self._heeds_ctrl_c else nullcontext()
        with heeding, self._progress:
            yield self


class Watch(_Stoppable):
    """Shows how a training goes on, and ends it when asked to.

    Parameters
    ----------
    console : rich.console.Console
    total : int
        Most steps.
    visible : bool
    """

    def __init__(self, console: Console, total: int, *, visible: bool):
        self._step, self._runs = 0, 1
        bar = Progress(
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
        super().__init__(bar, "mending", total=total, errors="compiling")

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


class SweepWatch(_Stoppable):
    """Shows how sweeps over ratings go on, and ends them when asked to.

    Parameters
    ----------
    console : rich.console.Console
    scale : float
        Standard deviation of the ratings.
    visible : bool
    title : str
        What stands before the phase.
    heeds_ctrl_c : bool
        False leaves ctrl-C alone: of several processes none may stop by itself.
    """

    def __init__(self, console: Console, scale: float, *, visible: bool, title: str = "", heeds_ctrl_c: bool = True):
        self._scale = scale
        bar = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[errors]}"),
            TimeElapsedColumn(),
            console=console,
            disable=not (visible and console.is_terminal),
            transient=True,
        )
        super().__init__(bar, "arranging and compiling", total=None, title=title, heeds_ctrl_c=heeds_ctrl_c)

    def __call__(self, run: Any, row: dict[str, Any]) -> bool:
        """Show a sweep; True ends the run. Errors in rows are in units of the standard deviation."""
        del run
        name, error = ("fit", row["noise"]) if row["heldout"] is None else ("held-out", row["heldout"])
        words = "stopping" if self.was_interrupted else row.get("phase", "training")
        self._progress.update(
            self._task,
            total=row.get("max_sweeps"),
            completed=row["sweep"],
            description=f"{self._title}{words}",
            errors=f"{name} RMSE {self._scale * error:.4f}",
        )
        return self.was_interrupted


class PartWatch:
    """Shows how many parts of a picture are done.

    Parameters
    ----------
    console : rich.console.Console
    visible : bool
    """

    def __init__(self, console: Console, *, visible: bool):
        self._progress = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left ≤"),
            TimeRemainingColumn(),
            console=console,
            disable=not visible,
            transient=True,
        )
        self._task = self._progress.add_task("mending", total=None)

    def __call__(self, done: int, total: int) -> None:
        """Show that so many parts are done."""
        self._progress.update(self._task, completed=done, total=total)

    @contextmanager
    def showing(self) -> Iterator[None]:
        """Show the bar."""
        with self._progress:
            yield
