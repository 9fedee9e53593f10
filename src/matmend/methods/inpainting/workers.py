"""The threads that all fillers share."""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache


def available_cores() -> int:
    """How many processor cores this process may use.

    Examples
    --------
    >>> available_cores() >= 1
    True
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@cache
def workers() -> ThreadPoolExecutor:
    """Return as many threads as there were cores at the first call; they live as long as the process.

    Fillers that run at the same time share them, so that memory is bounded by the number of cores. What they are given
    must not wait for other work of theirs.

    Examples
    --------
    >>> list(workers().map(abs, [-1, 2]))
    [1, 2]
    """
    return ThreadPoolExecutor(available_cores(), thread_name_prefix="matmend-filler")
