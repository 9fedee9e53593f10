"""Pages about mended pictures, for ``matmend report`` and ``matmend complete --report``."""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matmend.cli.inputs import plain
from matmend.io import Picture, check_writable
from matmend.methods import Completion
from matmend.report import Report


def check_page(path: Path, *, overwrite: bool) -> Path:
    """Check that a page can be written under this name.

    Examples
    --------
    >>> check_page(Path("page.pdf"), overwrite=False)
    Traceback (most recent call last):
        ...
    ValueError: A report is an HTML page: give it a name that ends in .html, not page.pdf.
    """
    if path.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"A report is an HTML page: give it a name that ends in .html, not {path}.")
    return check_writable(path, overwrite=overwrite)


def command_of(words: list[object], options: dict[str, object]) -> str:
    """Return what to type to do it again; options that are None are left out.

    Examples
    --------
    >>> command_of(["complete", "a b.png"], {"--mask": None, "--seed": 3})
    "matmend complete 'a b.png' --seed 3"
    """
    given = [str(word) for option, value in options.items() if value is not None for word in (option, value)]
    return shlex.join(["matmend", *map(str, words), *given])


def page_of_picture(
    path: Path,
    picture: Picture,
    completion: Completion,
    *,
    polarity: str,
    command: str,
    seed: int,
    reason: str = "",
    intervals: Any = None,
    rank: int | None = None,
    tell: Callable[[str], None] | None = None,
) -> Report:
    """Make the report of a mended picture."""
    what = f"are the mask's {polarity} pixels" if polarity else "is what is transparent or NaN"
    known: NDArray[np.floating] = plain(picture).astype(completion.completed.dtype, copy=False)
    return Report.of_completion(
        completion, known, completion.mask, title=path.name, kind="picture", notes=[f"Missing {what}."],
        num_bytes=path.stat().st_size, facts={"Format": picture.storage.kind}, intervals=intervals, rank=rank,
        command=command, seed=seed, reason=reason, tell=tell,
    )  # fmt: skip
