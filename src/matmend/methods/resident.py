"""How much memory a piece of work takes, as the operating system sees it."""

import os
import threading
from pathlib import Path
from typing import Self

STATUS = Path("/proc/self/statm")
"""Where Linux tells the pages of this process; the second number is those in memory."""


class Growth:
    """Watch the resident memory of this process while a ``with`` block runs.

    Sampled 100 times a second by a thread of its own. It counts whatever the process comes to hold meanwhile, compiled
    code and loaded libraries too; memory that earlier work left behind and that is used again does not count. So it is
    the price of one more run in this process, a lower bound of what a fresh one needs.

    Attributes
    ----------
    most : int or None
        Largest growth in bytes; None where the system has no ``/proc``.

    Examples
    --------
    >>> with Growth() as growth:
    ...     pass
    >>> growth.most is None or growth.most >= 0
    True
    """

    EVERY = 0.01

    def __init__(self) -> None:
        self.most: int | None = None
        self._done = threading.Event()
        self._before = 0
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        before = resident()
        if before is not None:
            self.most, self._before = 0, before
            self._thread = threading.Thread(target=self._watch, daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        if self._thread is not None:
            self._thread.join()
            self._look()

    def _watch(self) -> None:
        while not self._done.wait(self.EVERY):
            self._look()

    def _look(self) -> None:
        now = resident()
        if now is not None:
            self.most = max(self.most or 0, now - self._before)


def resident() -> int | None:
    """Return the bytes of this process that are in memory, None where the system does not tell.

    Examples
    --------
    >>> found = resident()
    >>> found is None or found > 1_000_000
    True
    """
    try:
        return int(STATUS.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError, AttributeError):
        return None
