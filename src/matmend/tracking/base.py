"""What all trackers share: which training a record belongs to, and how a run is brought to its end."""

import abc
import importlib
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from matmend.solve import Result
from matmend.tracking.reading import MOST, clock, outcome, scalars

EXTRA = 'pip install "matmend[tracking]"'
"""How the optional extra is installed."""


class AbstractTracker(abc.ABC):
    """A callback for `on_block` and `on_sweep`, and a context manager that closes what it has opened.

    A method may train more than once: candidates, and then the chosen one on all entries. Names of the first training
    stand alone (``loss``); those of later ones say which it is (``training-2/loss``).

    Parameters
    ----------
    most : int, default 10
        Entries of a vector (singular values, say) that get a curve each.
    """

    def __init__(self, *, most: int = MOST):
        self._most = most
        self._training = 1
        self._step: int | None = None
        self._phase: Any = None
        self._has_ended = False

    def __call__(self, state: Any, row: dict[str, Any] | None = None) -> None:
        """Write a record; what a loop calls after every block or sweep. It never asks the run to end.

        Parameters
        ----------
        state : State, Alternation or Progress
            What trains; or, without a `row`, a moment of an estimator's fit, which has its own: the errors of the
            methods that were tried are written as ``choosing/knn`` and so on.
        row : dict, optional
            The record.
        """
        if row is None:
            row = state.row
            score = getattr(state, "score", None)
            if score is not None and score.error is not None:
                self._write({f"choosing/{state.method}": float(score.error)}, 0)
            if row is None:
                return
        step = clock(row, state)
        phase = row.get("phase")
        if self._step is not None and (step < self._step or self._has_ended or phase != self._phase):
            self._training += 1
        self._step, self._phase = step, phase
        self._has_ended = not bool(state.result == Result.running) if hasattr(state, "result") else False
        prefix = "" if self._training == 1 else f"training-{self._training}/"
        self._write({prefix + name: value for name, value in scalars(row, most=self._most).items()}, step)
        if phase is not None:
            self._note({f"{prefix}phase": str(phase)})

    def finish(self, result: Any) -> None:
        """Write what came of it: its numbers (``result/expected_rmse``, ...), settings and words.

        Parameters
        ----------
        result : object
            What a method, a solver or an estimator returned, see [`outcome`][matmend.tracking.outcome].
        """
        measured, told = outcome(result)
        self._conclude({f"result/{name}": value for name, value in measured.items()}, told)

    def close(self) -> None:
        """Write out what is left. A ``with`` block does so at its end."""
        self._close(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._close(error)

    @abc.abstractmethod
    def _write(self, values: Mapping[str, float], step: int) -> None:
        """Write one point of each curve."""

    @abc.abstractmethod
    def _note(self, words: Mapping[str, str]) -> None:
        """Write words that may have been written before, and be the same."""

    @abc.abstractmethod
    def _conclude(self, measured: Mapping[str, float], told: Mapping[str, str]) -> None:
        """Write the result."""

    @abc.abstractmethod
    def _close(self, error: BaseException | None) -> None:
        """Close; `error` is what ended the run, if something did."""


def needed(module: str, distribution: str) -> Any:
    """Import a library of the extra.

    Raises
    ------
    ValueError
        If it is not installed; the message says how to install it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ValueError(f"this tracker needs {distribution}, which is not installed: {EXTRA}") from error
