"""Memory that the allocator keeps after much has been freed, handed back to the system."""

import ctypes
from functools import cache
from typing import Any


def trim() -> bool:
    """Hand memory that is free back to the system, where the C library can.

    Threads that come and go, and a compiler at work in between, leave glibc with many pools of free memory: a third of
    the peak of a picture with deep gaps. A call takes a few milliseconds.

    Returns
    -------
    bool
        Whether anything could be handed back.

    References
    ----------
    ``man 3 malloc_trim``.

    Examples
    --------
    >>> trim() in (True, False)
    True
    """
    library = _glibc()
    return library is not None and bool(library.malloc_trim(0))


@cache
def _glibc() -> Any | None:
    try:
        library = ctypes.CDLL("libc.so.6")
        library.malloc_trim.argtypes = [ctypes.c_size_t]
    except (OSError, AttributeError):  # another system, or another C library
        return None
    return library
