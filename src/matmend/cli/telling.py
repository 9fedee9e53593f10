"""The report of ``matmend inspect`` in words."""

from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from matmend.cli.console import literal
from matmend.cli.words import listed, plural, share, some

WIDEST = 110
"""Columns beyond which lines are hard to read."""


def tell(report: dict[str, Any]) -> None:
    """Print a report on standard output."""
    console = Console()
    console.print(rendered(report), width=min(console.width, WIDEST), highlight=False)


def rendered(report: dict[str, Any]) -> RenderableType:
    """Return a report as something rich can print, sections one below the other.

    Parameters
    ----------
    report : dict
        As [`inspect`][matmend.cli.inspection.inspect] returns it.
    """
    parts: list[RenderableType] = [Text(report["input"], style="bold", overflow="fold"), Rule()]
    parts += [_line(sentence) for sentence in (_size(report), *map(literal, report["notes"]))]
    for title, section in (
        ("In short", _short(report)),
        ("What hangs together", _connectivity(report)),
        ("What can be recovered at which rank", _ranks(report)),
        ("Where the trouble is", _trouble(report)),
        ("What to observe next", _next(report)),
        ("What training will tend to", _bias(report)),
    ):
        if section:
            parts += [Text(), Text(title, style="bold cyan"), *(_line(p) if isinstance(p, str) else p for p in section)]
    return Group(*parts)


def _line(sentence: str) -> RenderableType:
    return Padding(Text.from_markup(sentence), (0, 0, 0, 2), expand=False)


def _size(report: dict[str, Any]) -> str:
    (m, n), e = report["shape"], report["observed"]
    words = {"ratings": "Ratings", "table": "Table", "picture": "Picture", "mask": "Mask"}[report["kind"]]
    rows, cols = plural(m, report["row_word"]), plural(n, report["col_word"])
    return f"{words}: {rows} x {cols}, {e:,} of {m * n:,} entries observed ({share(e, m * n)})."


def _short(report: dict[str, Any]) -> list[str]:
    """Return the answer to "can it be completed?", in a few sentences."""
    if report["missing"] == 0:
        return ["Nothing is missing: there is nothing to recover."]
    told, links, largest = [], report["connectivity"], report["largest_rank"]
    open_ = links["between_components"]
    if open_:
        told.append(
            f"[bold red]No rank determines {plural(open_, 'entry')}[/] ({share(open_, report['missing'])} of what is "
            f"missing): {_why_open(report)}."
        )
    else:
        told.append("[bold green]The observed entries hang together[/]: at rank 1 they determine all that is missing.")
    where = "everything" if not open_ else f"the largest part ({largest['rows']:,} x {largest['cols']:,})"
    if largest["at_least"] == largest["at_most"]:
        told.append(f"{where.capitalize()} is determined up to rank [bold]{largest['at_most']:,}[/], and not beyond.")
    else:
        told.append(
            f"{where.capitalize()} is determined up to rank {largest['at_least']:,} at least, and not beyond rank "
            f"{largest['at_most']:,}; in between it was not decided in the time given."
        )
    rung = next(rung for rung in report["ranks"] if rung["rank"] == report["rank"])
    if rung["determined"] is not None and not rung["completable"]:
        left = report["missing"] * (1 - rung["determined"])
        about = "about " if rung["is_sampled"] else ""
        count = int(float(f"{left:.3g}")) if rung["is_sampled"] else round(left)
        told.append(
            f"At rank {report['rank']}, {about}{share(rung['determined'], 1)} of what is missing is determined; {about}"
            f"{plural(count, 'entry')} {'is' if count == 1 else 'are'} open."
        )
    if open_ or rung["completable"] is False:
        told.append("What is open, low rank alone cannot fill: only smoothness, side information or more entries can.")
    return told


def _why_open(report: dict[str, Any]) -> str:
    links = report["connectivity"]
    reasons = []
    for key, word in (("isolated_rows", report["row_word"]), ("isolated_cols", report["col_word"])):
        if links[key]:
            reasons.append(f"{plural(links[key], word)} without any observed entry")
    if (parts := links["components_with_entries"]) > 1:
        reasons.append(f"{parts:,} parts that share no {report['row_word']} and no {report['col_word']}")
    return f"there {'is' if reasons[0].startswith('1 ') else 'are'} {listed(reasons)}"


def _connectivity(report: dict[str, Any]) -> list[RenderableType | str]:
    links, trouble = report["connectivity"], report["trouble"]
    row, col = report["row_word"], report["col_word"]
    told: list[RenderableType | str] = []
    if links["components_with_entries"] == 1 and links["components"] == 1:
        told.append(f"All {plural(2, row, counted=False)} and {plural(2, col, counted=False)} are in one component.")
    else:
        told.append(f"The mask is {links['class']}: {_parts(report)}.")
        if links["class"] != links["class_without_isolated"]:
            told.append(f"Without what is not observed at all it is {links['class_without_isolated']}.")
    if links["components_with_entries"] > 1:
        table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
        table.add_column(f"{row}s", justify="right")
        table.add_column(f"{col}s", justify="right")
        table.add_column("observed", justify="right")
        table.add_column("density", justify="right")
        table.add_column(f"has {row} / {col}", overflow="fold")
        for part in links["largest"]:
            table.add_row(
                f"{part['rows']:,}", f"{part['cols']:,}", f"{part['entries']:,}", share(part["density"], 1),
                literal(f"{part['a_row']} / {part['a_col']}"),
            )  # fmt: skip
        told.append(Padding(table, (0, 0, 0, 2), expand=False))
        if (more := links["components_with_entries"] - len(links["largest"])) > 0:
            told.append(f"and {more:,} more")
    bridges = trouble["bridges"]
    if bridges["count"]:
        inner = bridges["count"] - bridges["count_of_ends"]
        are = "is a bridge" if bridges["count"] == 1 else "are bridges"
        told.append(
            f"{plural(bridges['count'], 'observed entry')} {are}: the loss of one disconnects the mask, and a small "
            "value in it says little about what lies behind"
            + (f" ({plural(inner, 'bridge')} with more than one {row} or {col} behind)." if inner else ".")
        )
    else:
        told.append("No single entry holds the mask together.")
    if links["spectral_gap"] is not None:
        told.append(
            f"Spectral gap {links['spectral_gap']:.3f} (0 falls apart, 1 is fully observed): the larger, the less the "
            "result hangs on few entries."
        )
    return told


def _parts(report: dict[str, Any]) -> str:
    links = report["connectivity"]
    parts = [plural(links["components_with_entries"], "component") + " with observed entries"]
    for key, word in (("isolated_rows", report["row_word"]), ("isolated_cols", report["col_word"])):
        if links[key]:
            parts.append(f"{plural(links[key], word)} without any")
    return listed(parts)


def _ranks(report: dict[str, Any]) -> list[RenderableType | str]:
    if report["missing"] == 0:
        return []
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    table.add_column("rank", justify="right")
    table.add_column("of what is missing,\nis determined", justify="right")
    table.add_column(f"{report['row_word']}s with\nenough entries", justify="right")
    table.add_column(f"{report['col_word']}s with\nenough entries", justify="right")
    table.add_column("entries still\nneeded", justify="right")
    (m, n), marks = report["shape"], set()
    for rung in report["ranks"]:
        style = "bold" if rung["rank"] == report["rank"] else None
        if rung["determined"] is None:
            value = f"at most {share(rung['at_most'], 1)}"
            marks.add("bound")
        else:
            value = share(rung["determined"], 1)
        table.add_row(
            f"{rung['rank']:,}", value, _of(rung["can_rows"], m), _of(rung["can_cols"], n),
            "?" if rung["deficit"] is None else f"{rung['deficit']:,}", style=style,
        )  # fmt: skip
    told: list[RenderableType | str] = [Padding(table, (0, 0, 0, 2), expand=False)]
    told.append(
        "Determined: the same, up to finitely many choices, in all matrices of that rank that have the observed "
        "values, whatever these are (but for rare exceptions). Whether a method finds it, and how noise grows, is "
        "another matter."
    )
    if "bound" in marks:
        told.append(f'"At most": counted by {report["row_word"]}s and {report["col_word"]}s with enough entries only.')
    return told


def _of(part: int, whole: int) -> str:
    return "all" if part == whole else f"{part:,} of {whole:,}"


def _trouble(report: dict[str, Any]) -> list[str]:
    trouble, largest, told = report["trouble"], report["largest_rank"], []
    sides = (("rows", "isolated_rows", report["row_word"]), ("cols", "isolated_cols", report["col_word"]))
    for _, key, word in sides:
        found = trouble[key]
        if found["count"]:
            told.append(f"Nothing is observed of {_names(word, found)}.")
    for side, _, word in sides:
        least, back = trouble[f"least_{side}"], largest["holding_back"][side]
        entries = plural(least["entries"], "observed entry")
        if report["missing"]:
            told.append(f"The fewest among {word}s: {entries}, in {_names(word, least)}.")
        if back["count"] and back["count"] < report["shape"][side == "cols"] and back["examples"] != least["examples"]:
            told.append(f"Too few for rank {largest['at_most'] + 1:,}, others such taken away: {_names(word, back)}.")
    bridges = trouble["bridges"]
    if bridges["count"]:
        shown = [
            f"({literal(b['row'])}, {literal(b['col'])}) cuts off {b['cuts_off']:,}" for b in bridges["examples"][:5]
        ]
        told.append(f"Bridges, the weightiest first: {some(shown, bridges['count'])}.")
    for key, word in (("cut_rows", report["row_word"]), ("cut_cols", report["col_word"])):
        found = trouble[key]
        if found["count"]:
            told.append(f"The mask falls apart without {_names(word, found)}.")
    return told


def _names(word: str, found: dict[str, Any]) -> str:
    return f"{plural(found['count'], word, counted=False)} {literal(found['listed'])}"


def _next(report: dict[str, Any]) -> list[str]:
    advice, rank = report["observe_next"], report["rank"]
    row, col = report["row_word"], report["col_word"]
    if report["missing"] == 0:
        return []
    told = []
    for connects in (True, False):
        count = advice["connecting"] if connects else (advice["needed"] or 0) - advice["connecting"]
        shown = [
            f"({literal(entry['row'])}, {literal(entry['col'])})"
            for entry in advice["entries"]
            if entry["connects"] is connects
        ]
        if connects and count:
            told.append(
                f"{plural(count, 'entry')} {'connects' if count == 1 else 'connect'} the mask, as few as can do: "
                f"({row}, {col}) = {some(shown, count)}."
            )
        elif count > 0:
            first = f": ({row}, {col}) = {some(shown, count)}" if shown else _where(report)
            told.append(
                f"At rank {rank}, {plural(count, 'further entry') if advice['connecting'] else plural(count, 'entry')} "
                f"{'is' if count == 1 else 'are'} needed, no fewer{first}."
            )
    if advice["needed"] == 0:
        top = report["largest_rank"]["at_most"]
        told.append(f"Nothing for rank {rank}: everything is determined." + _for_more(report, top))
    elif advice["needed"] is None:
        told.append(
            f"For rank {rank}, observe {row}s and {col}s that have fewer than {rank} entries; how many are needed was "
            "not counted in the time given."
        )
    return told


def _where(report: dict[str, Any]) -> str:
    """Say where entries help at the rank looked at, if none are named."""
    rung = next(rung for rung in report["ranks"] if rung["rank"] == report["rank"])
    words, able = (report["row_word"], report["col_word"]), (rung["can_rows"], rung["can_cols"])
    lacking = [
        plural(size - number, word)
        for size, number, word in zip(report["shape"], able, words, strict=True)
        if size > number
    ]
    return f", most of all in the {listed(lacking)} without enough entries for it" if lacking else ""


def _for_more(report: dict[str, Any], top: int) -> str:
    back = report["largest_rank"]["holding_back"]
    who = [_names(report[f"{side}_word"], back[f"{side}s"]) for side in ("row", "col") if back[f"{side}s"]["count"]]
    if top >= min(report["shape"]) or not who:
        return ""
    return f" For a rank above {top:,}: {listed(who)}."


def _bias(report: dict[str, Any]) -> list[str]:
    if report["bias"] is None or report["missing"] == 0:
        return []
    bias = report["bias"]
    aim = "neither low rank nor minimum nuclear norm" if bias["bias"] == "neither" else bias["bias"]
    told = [
        f"Two factors trained from a small start, without regularizer, tend to [bold]{aim}[/]. "
        f"{literal(bias['reason'])}"
    ]
    return told + [literal(warning) for warning in bias["warnings"]]
