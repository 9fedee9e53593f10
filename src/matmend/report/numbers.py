"""Numbers as people read them."""

import numpy as np


def value(x: float) -> str:
    """Write a value with four digits.

    Examples
    --------
    >>> value(3.14159), value(1234567.0), value(0.5), value(-0.0)
    ('3.142', '1.235e+06', '0.5', '0')
    """
    return f"{x + 0.0:.4g}"


def size(num_bytes: int) -> str:
    """Write the size of a file.

    Examples
    --------
    >>> size(12), size(2_500_000)
    ('12 bytes', '2.5 MB')
    """
    if num_bytes < 1000:
        return f"{num_bytes} bytes"
    power = min(int(np.log10(num_bytes) // 3), 4)
    return f"{num_bytes / 1000**power:.3g} {['', 'kB', 'MB', 'GB', 'TB'][power]}"


def duration(seconds: float) -> str:
    """Write a time.

    Examples
    --------
    >>> duration(0.123), duration(75.0), duration(7260.0)
    ('0.12 s', '1 min 15 s', '2 h 1 min')
    """
    if seconds < 60:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def setting(x: object) -> str:
    """Write a setting of a method, a long one cut.

    Examples
    --------
    >>> setting(0.1234567), setting(None), setting([1.0, 2]), setting(True)
    ('0.1235', 'none', '1, 2', 'yes')
    """
    if x is None or isinstance(x, bool):
        return {None: "none", True: "yes", False: "no"}[x]
    if isinstance(x, float | np.floating):
        return value(float(x))
    if isinstance(x, list | tuple):
        return ", ".join(map(setting, x)) or "none"
    words = str(x)
    return words if len(words) <= 200 else f"{words[:199]}…"
