"""``matmend inspect``: what the observed entries decide, before anything is completed."""

import contextlib
import json as jsonlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from matmend.cli.console import literal, say
from matmend.cli.names import Kind, Polarity
from matmend.cli.subjects import read_subject
from matmend.cli.telling import tell as tell_report
from matmend.completability import Determinability
from matmend.io import check_writable
from matmend.report.verdict import Subject, Tell, inspected


@dataclass(frozen=True)
class Inspection:
    """What to inspect."""

    data: Path
    kind: Kind | None = None
    mask: Path | None = None
    missing: Polarity = "auto"
    rank: int | None = None
    plot: Path | None = None
    overwrite: bool = False


def inspect(request: Inspection, *, json: bool = False, quiet: bool = False) -> dict[str, Any]:
    """Report what can and what cannot be recovered from what is observed.

    Parameters
    ----------
    request : Inspection
    json : bool
        Print the report as JSON instead of words.
    quiet : bool
        Print nothing.

    Returns
    -------
    dict
        The report.

    Raises
    ------
    ValueError
        If an input cannot be used or the figure cannot be written.
    """
    begun = time.monotonic()
    if request.plot is not None:
        from matmend import plots

        plots.check_format(request.plot)
        check_writable(request.plot, overwrite=request.overwrite)
    with _progress(visible=not (quiet or json)) as tell:
        tell(f"reading {request.data.name}")
        subject = read_subject(request.data, request.kind, request.mask, request.missing)
        report, found = inspected(subject, request.rank, tell=tell)
        if request.plot is not None:
            tell("drawing")
            _draw(subject, report, found, request.plot, overwrite=request.overwrite)
    report["plot"] = None if request.plot is None else str(request.plot)
    report["seconds"] = round(time.monotonic() - begun, 2)
    if json:
        print(jsonlib.dumps(report))
    elif not quiet:
        tell_report(report)
        if request.plot is not None:
            say(f"Figure: {literal(request.plot)}")
    return report


@contextlib.contextmanager
def _progress(*, visible: bool) -> Iterator[Tell]:
    """Show on standard error what is being done."""
    if not visible:
        yield lambda words: None
        return
    with Console(stderr=True).status("") as status:
        yield lambda words: status.update(literal(words))


def _draw(subject: Subject, report: dict[str, Any], found: Determinability, path: Path, *, overwrite: bool) -> None:
    from matmend import plots

    figure = plots.determinability(
        subject.graph, found, image=subject.image, is_sorted=subject.kind == "ratings",
        title=f"{Path(subject.name).name}: rank {report['rank']}", words=(subject.row_word, subject.col_word),
    )  # fmt: skip
    plots.save(figure, path, overwrite=overwrite)
