"""SIGTERM as a request to save and end, as clusters send it a while before they kill."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Terminated(SystemExit):
    """Raised after the snapshot that SIGTERM asked for; if nobody catches it, the program's exit code is 143."""

    def __init__(self, message: str):
        super().__init__(128 + signal.SIGTERM)
        self.message = message

    def __str__(self) -> str:
        return self.message


class Termination:
    """Whether SIGTERM has arrived while it was listened to.

    Examples
    --------
    >>> termination = Termination()
    >>> with termination.heeded():
    ...     signal.raise_signal(signal.SIGTERM)
    >>> termination.has_arrived
    True
    """

    def __init__(self) -> None:
        self.has_arrived = False

    @contextmanager
    def heeded(self) -> Iterator[None]:
        """Take a first SIGTERM as a request; a second one ends the program at once.

        The system hands signals to Python between two calls of compiled code, so what arrives during a block is
        noticed at its end. Outside the main thread, where Python allows no handlers, nothing is listened to.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def ask(signum: int, frame: FrameType | None) -> None:
            del signum, frame
            self.has_arrived = True
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

        before = signal.signal(signal.SIGTERM, ask)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before)
