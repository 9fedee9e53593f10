"""What ``matmend --verbose`` and the variable MATMEND_LOG let one hear of the logger ``matmend``."""

import logging
import os
from collections.abc import Mapping

VARIABLE = "MATMEND_LOG"
"""Environment variable with the name of a level: debug, info, warning, error."""

_LEVELS = ("debug", "info", "warning", "error")


def level_of(verbose: int, environment: Mapping[str, str]) -> int | None:
    """Return the level to listen at, None for silence.

    Parameters
    ----------
    verbose : int
        How often ``--verbose`` was given: once for what happens, twice for every record of a training.
    environment : mapping
        Of the variables only MATMEND_LOG counts, and `verbose` before it.

    Raises
    ------
    ValueError
        If the variable names no level.

    Examples
    --------
    >>> level_of(1, {}) == logging.INFO, level_of(0, {"MATMEND_LOG": "debug"}) == logging.DEBUG, level_of(0, {})
    (True, True, None)
    """
    if verbose:
        return logging.INFO if verbose == 1 else logging.DEBUG
    name = environment.get(VARIABLE, "").strip().lower()
    if not name:
        return None
    if name not in _LEVELS:
        raise ValueError(f"{VARIABLE} is one of {', '.join(_LEVELS)}, got {name!r}.")
    return int(getattr(logging, name.upper()))


def listen(verbose: int) -> None:
    """Write what the logger ``matmend`` is told to standard error, with the time, if anybody asked for it."""
    level = level_of(verbose, os.environ)
    if level is None:
        return
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s: %(message)s", datefmt="%H:%M:%S"))
    logger = logging.getLogger("matmend")
    logger.addHandler(handler)
    logger.setLevel(level)
