"""What was found of the observed entries, in sentences.

Every function takes what [`inspected`][matmend.report.verdict.inspected] returns. Names in the sentences are the
user's: whoever shows them escapes them first and then reads the marks of [`strong`][], see [`marked`][].
"""

import re
from collections.abc import Callable
from typing import Any

from matmend.report.verdict.words import listed, plural, share, some

_OPEN, _MIDDLE, _CLOSE = "\x02", "\x03", "\x04"
"""Characters that no words have: `short` takes them out of names."""


def strong(words: str, tone: str = "") -> str:
    """Mark words as important, and as good or bad news where `tone` is "good" or "bad"."""
    return f"{_OPEN}{tone}{_MIDDLE}{words}{_CLOSE}"


def marked(sentence: str, show: Callable[[str, str], str]) -> str:
    """Replace what [`strong`][] marked by what `show` makes of words and tone.

    Examples
    --------
    >>> marked("It is " + strong("so", "good") + ".", lambda words, tone: f"<b>{words}</b>")
    'It is <b>so</b>.'
    """
    shown = re.sub(r"\x02(good|bad|)\x03([^\x02-\x04]*)\x04", lambda found: show(found[2], found[1]), sentence)
    return re.sub(r"[\x02-\x04]", "", shown)


def size(report: dict[str, Any]) -> str:
    """Say how large it is and how much is observed."""
    (m, n), e = report["shape"], report["observed"]
    words = {"ratings": "Ratings", "table": "Table", "picture": "Picture", "mask": "Mask"}[report["kind"]]
    rows, cols = plural(m, report["row_word"]), plural(n, report["col_word"])
    return f"{words}: {rows} x {cols}, {e:,} of {m * n:,} entries observed ({share(e, m * n)})."


def verdict(report: dict[str, Any]) -> list[str]:
    """Return the answer to "can it be completed?", in a few sentences."""
    if report["missing"] == 0:
        return ["Nothing is missing: there is nothing to recover."]
    told, links, largest = [], report["connectivity"], report["largest_rank"]
    open_ = links["between_components"]
    if open_:
        told.append(
            strong(f"No rank determines {plural(open_, 'entry')}", "bad")
            + f" ({share(open_, report['missing'])} of what is missing): {_why_open(report)}."
        )
    else:
        together = strong("The observed entries hang together", "good")
        told.append(f"{together}: at rank 1 they determine all that is missing.")
    where = "everything" if not open_ else f"the largest part ({largest['rows']:,} x {largest['cols']:,})"
    if largest["at_least"] == largest["at_most"]:
        top = strong(f"{largest['at_most']:,}")
        told.append(f"{where.capitalize()} is determined up to rank {top}, and not beyond.")
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


def _parts(report: dict[str, Any]) -> str:
    links = report["connectivity"]
    parts = [plural(links["components_with_entries"], "component") + " with observed entries"]
    for key, word in (("isolated_rows", report["row_word"]), ("isolated_cols", report["col_word"])):
        if links[key]:
            parts.append(f"{plural(links[key], word)} without any")
    return listed(parts)


def hanging_together(report: dict[str, Any]) -> list[str]:
    """Say whether all is in one component."""
    links = report["connectivity"]
    if links["components_with_entries"] == 1 and links["components"] == 1:
        row, col = (plural(2, report[word], counted=False) for word in ("row_word", "col_word"))
        return [f"All {row} and {col} are in one component."]
    told = [f"The mask is {links['class']}: {_parts(report)}."]
    if links["class"] != links["class_without_isolated"]:
        told.append(f"Without what is not observed at all it is {links['class_without_isolated']}.")
    return told


def holding_together(report: dict[str, Any]) -> list[str]:
    """Say how much hangs on single entries."""
    links, bridges = report["connectivity"], report["trouble"]["bridges"]
    row, col, told = report["row_word"], report["col_word"], []
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


def ranks(report: dict[str, Any]) -> list[str]:
    """Say what the shares at several ranks mean."""
    if report["missing"] == 0:
        return []
    told = [
        "Determined: the same, up to finitely many choices, in all matrices of that rank that have the observed "
        "values, whatever these are (but for rare exceptions). Whether a method finds it, and how noise grows, is "
        "another matter."
    ]
    if any(rung["determined"] is None for rung in report["ranks"]):
        told.append(f'"At most": counted by {report["row_word"]}s and {report["col_word"]}s with enough entries only.')
    return told


def ladder_row(report: dict[str, Any], rung: dict[str, Any]) -> tuple[str, ...]:
    """Return rank, share determined, rows and columns with enough entries, and entries still needed, in words."""
    (m, n), found = report["shape"], rung["determined"]
    return (
        f"{rung['rank']:,}",
        f"at most {share(rung['at_most'], 1)}" if found is None else share(found, 1),
        _of(rung["can_rows"], m),
        _of(rung["can_cols"], n),
        "?" if rung["deficit"] is None else f"{rung['deficit']:,}",
    )


def _of(part: int, whole: int) -> str:
    return "all" if part == whole else f"{part:,} of {whole:,}"


def trouble(report: dict[str, Any]) -> list[str]:
    """Name the rows, columns and entries that are the trouble."""
    found_trouble, largest, told = report["trouble"], report["largest_rank"], []
    sides = (("rows", "isolated_rows", report["row_word"]), ("cols", "isolated_cols", report["col_word"]))
    for _, key, word in sides:
        found = found_trouble[key]
        if found["count"]:
            told.append(f"Nothing is observed of {_names(word, found)}.")
    for side, _, word in sides:
        least, back = found_trouble[f"least_{side}"], largest["holding_back"][side]
        entries = plural(least["entries"], "observed entry")
        if report["missing"]:
            told.append(f"The fewest among {word}s: {entries}, in {_names(word, least)}.")
        if back["count"] and back["count"] < report["shape"][side == "cols"] and back["examples"] != least["examples"]:
            told.append(f"Too few for rank {largest['at_most'] + 1:,}, others such taken away: {_names(word, back)}.")
    bridges = found_trouble["bridges"]
    if bridges["count"]:
        shown = [f"({b['row']}, {b['col']}) cuts off {b['cuts_off']:,}" for b in bridges["examples"][:5]]
        told.append(f"Bridges, the weightiest first: {some(shown, bridges['count'])}.")
    for key, word in (("cut_rows", report["row_word"]), ("cut_cols", report["col_word"])):
        found = found_trouble[key]
        if found["count"]:
            told.append(f"The mask falls apart without {_names(word, found)}.")
    return told


def _names(word: str, found: dict[str, Any]) -> str:
    return f"{plural(found['count'], word, counted=False)} {found['listed']}"


def observe_next(report: dict[str, Any]) -> list[str]:
    """Say which entries to observe next."""
    advice, rank = report["observe_next"], report["rank"]
    row, col = report["row_word"], report["col_word"]
    if report["missing"] == 0:
        return []
    told = []
    for connects in (True, False):
        count = advice["connecting"] if connects else (advice["needed"] or 0) - advice["connecting"]
        shown = [f"({entry['row']}, {entry['col']})" for entry in advice["entries"] if entry["connects"] is connects]
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


def bias(report: dict[str, Any]) -> list[str]:
    """Say what training without regularizer will tend to."""
    if report["bias"] is None or report["missing"] == 0:
        return []
    found = report["bias"]
    aim = "neither low rank nor minimum nuclear norm" if found["bias"] == "neither" else found["bias"]
    told = [f"Two factors trained from a small start, without regularizer, tend to {strong(aim)}. {found['reason']}"]
    return told + list(found["warnings"])
