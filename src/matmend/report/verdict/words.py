"""Numbers and names in sentences: counts, shares, spans of positions, ids cut to a length that can be read."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike


def plural(count: int, word: str, *, counted: bool = True) -> str:
    """Return a count and a word in the right number.

    Examples
    --------
    >>> plural(1, "row"), plural(1200, "entry"), plural(2, "column", counted=False)
    ('1 row', '1,200 entries', 'columns')
    """
    if count != 1:
        word = f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"
    return f"{count:,} {word}" if counted else word


def share(part: float, whole: float) -> str:
    """Return a share in per cent, with as many digits as tell it from none and from all.

    Examples
    --------
    >>> share(1, 4), share(0, 5), share(1, 123456), share(99_999_999, 100_000_000), share(93, 1000)
    ('25 %', '0 %', '0.0008 %', 'over 99.99 %', '9.3 %')
    """
    if whole == 0 or part == 0:
        return "0 %"
    if part == whole:
        return "100 %"
    value = 100 * part / whole
    if value > 99.99:
        return "over 99.99 %"
    digits = 1 if 1 <= value <= 99 else 2 if value > 99 else max(1, -int(np.floor(np.log10(value))))
    words = f"{value:.{min(digits, 9)}f}"
    return f"{words.rstrip('0').rstrip('.') if '.' in words else words} %"


def spans(positions: ArrayLike, *, most: int = 6) -> str:
    """Return positions counted from 1, neighbours joined.

    Examples
    --------
    >>> spans([0, 1, 2, 6]), spans(range(0, 40, 2), most=3)
    ('1-3, 7', '1, 3, 5 and 17 more')
    """
    ordered = np.unique(np.asarray(positions))
    if ordered.size == 0:
        return "none"
    runs = np.split(ordered, np.flatnonzero(np.diff(ordered) > 1) + 1)
    told = ", ".join(f"{run[0] + 1}" if run.size == 1 else f"{run[0] + 1}-{run[-1] + 1}" for run in runs[:most])
    rest = sum(run.size for run in runs[most:])
    return f"{told} and {rest:,} more" if rest else told


def listed(parts: Iterable[str]) -> str:
    """Join words by commas and an "and".

    Examples
    --------
    >>> listed(["a", "b", "c"]), listed(["a"])
    ('a, b and c', 'a')
    """
    *most, last = parts
    return f"{', '.join(most)} and {last}" if most else last


def short(name: object, *, most: int = 24) -> str:
    r"""Cut a long name in the middle, and leave out what is no character to be seen.

    Examples
    --------
    >>> short("a" * 30 + "z", most=9), short("red\x1b[31m")
    ('aaaa…aaaz', 'red[31m')
    """
    words = " ".join("".join(c for c in str(name) if c.isprintable() or c.isspace()).split())
    return words if len(words) <= most else f"{words[: most // 2]}…{words[len(words) - (most - 1 - most // 2) :]}"


def some(names: Sequence[str], total: int) -> str:
    """Return names with commas between them and how many more there are.

    Examples
    --------
    >>> some(["a", "b"], 12), some(["a"], 1)
    ('a, b and 10 more', 'a')
    """
    more = total - len(names)
    return f"{', '.join(names)} and {more:,} more" if more > 0 else ", ".join(names)
