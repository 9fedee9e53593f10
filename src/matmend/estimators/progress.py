"""How a fit goes on: for a callback, and for people who ask to see it."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.status import Status

from matmend.methods import Score


@dataclass(frozen=True, eq=False)
class Progress:
    """A moment of a fit.

    Attributes
    ----------
    stage : {"choosing", "completing", "training", "done"}
        Choosing a method; completing by the one chosen; a record of its training, if it trains; the end.
    method : str
    score : Score or None
        While choosing: how the method did, None before it runs.
    step : int or None
        While training.
    row : dict or None
        While training: the record, as callbacks of [`solve`][matmend.solve.solve] get it.
    """

    stage: str
    method: str
    score: Score | None = None
    step: int | None = None
    row: dict[str, Any] | None = None

    def __str__(self) -> str:
        """Return it in a few words."""
        if self.stage == "choosing":
            error = None if self.score is None else self.score.error
            return f"choosing: {self.method}" + ("" if error is None else f", error {error:.3g}")
        return f"{self.stage}: {self.method}" + ("" if self.step is None else f", step {self.step:,}")


Callback = Callable[[Progress], Any]
"""Called as a fit goes on; while a method trains, a result of True ends the training."""


class Teller:
    """Passes progress on to the callback and the screen."""

    def __init__(self, callback: Callback | None, status: Status | None):
        self._callback, self._status = callback, status

    def __call__(self, progress: Progress) -> bool:
        """Pass it on; True asks a training to end."""
        if self._status is not None:
            self._status.update(escape(str(progress)))
        return self._callback is not None and self._callback(progress) is True

    def on_method(self, method: str, score: Score | None) -> None:
        """Hear of a method that is tried."""
        self(Progress("choosing", method, score))

    def on_block(self, method: str) -> Callable[[Any, dict[str, Any]], bool]:
        """Return what hears of a training."""
        return lambda state, row: self(Progress("training", method, step=int(state.step), row=row))


@contextlib.contextmanager
def telling(callback: Callback | None, verbose: int) -> Iterator[Teller]:
    """Show a line on standard error if asked to, for as long as the fit takes.

    Examples
    --------
    >>> heard = []
    >>> with telling(heard.append, 0) as tell:
    ...     tell(Progress("completing", "knn"))
    False
    >>> str(heard[0])
    'completing: knn'
    """
    if not verbose:
        yield Teller(callback, None)
        return
    with Console(stderr=True).status("reading") as status:
        yield Teller(callback, status)
