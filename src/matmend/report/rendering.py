"""From a report to its page."""

import os
from functools import cache

import jinja2
from markupsafe import Markup, escape

from matmend.io import atomic_write
from matmend.report.charts import Chart, drawn
from matmend.report.contents import Report
from matmend.report.verdict import sentences

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
"""What a browser may do with the page: show the pictures and the style that are in it, and load nothing."""


def page(report: Report) -> str:
    """Return a report as one HTML page that needs no network and runs no program.

    Parameters
    ----------
    report : Report

    Returns
    -------
    str
        Names of files, rows and columns are escaped wherever they stand.

    Examples
    --------
    >>> from matmend.report import Report, Section
    >>> html = page(Report("<script>", Section("What was given", "Nothing much.")))
    >>> "<script>" in html, "&lt;script&gt;" in html
    (False, True)
    """
    return _templates().get_template("page.html.jinja").render(report=report, policy=POLICY)


def write(report: Report, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Write the page of a report, whole or not at all.

    Parameters
    ----------
    report : Report
    path : str or path-like
    overwrite : bool, default False
        Replace a file that exists.

    Raises
    ------
    ValueError
        If the file exists or cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from matmend.report import Report, Section
    >>> path = Path(tempfile.mkdtemp()) / "page.html"
    >>> write(Report("small", Section("What was given", "Nothing much.")), path)
    >>> path.read_text(encoding="utf-8").startswith("<!doctype html>")
    True
    """
    html = page(report)
    with atomic_write(path, overwrite=overwrite) as temporary:
        temporary.write_text(html, encoding="utf-8", errors="replace")  # a file's name may be no text at all


def strengthened(sentence: str) -> Markup:
    """Escape a sentence and show what is marked in it as important.

    Examples
    --------
    >>> strengthened("a < b, " + sentences.strong("really", "good"))
    Markup('a &lt; b, <strong class="good">really</strong>')
    """
    tag = '<strong class="{}">{}</strong>'
    # The words are escaped already, and the tone is one of three words.
    return Markup(sentences.marked(str(escape(sentence)), lambda words, tone: tag.format(tone or "plain", words)))


@cache
def _templates() -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("matmend.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters["strengthened"] = strengthened
    made.filters["drawn"] = drawn
    made.tests["chart"] = lambda figure: isinstance(figure, Chart)
    return made
