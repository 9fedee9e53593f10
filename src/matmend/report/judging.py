"""The sections that judge: what the entries determine, what was chosen, how other methods did, how sure it is."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from matmend import plots
from matmend.report.contents import Grid, Section
from matmend.report.images import LOWEST, TALLEST, Image, colours, heat
from matmend.report.numbers import duration, setting, size, value
from matmend.report.outcome import COLUMNS, Data
from matmend.report.verdict import Subject, Tell, inspected, sentences
from matmend.report.verdict.words import plural, share


def verdict(subject: Subject, rank: int | None, tell: Tell) -> Section:
    """Say what can be recovered from what is observed: what ``matmend inspect`` says, with its picture."""
    found, at_rank = inspected(subject, rank, tell=tell)
    tell("drawing what is determined")
    views = plots.maps(subject.graph, at_rank, image=subject.image, is_sorted=subject.kind == "ratings")
    row, col, chosen = found["row_word"], found["col_word"], found["rank"]
    rung = next(rung for rung in found["ranks"] if rung["rank"] == chosen)
    links, largest = found["connectivity"], found["largest_rank"]
    open_share = "not decided" if rung["determined"] is None else share(1 - rung["determined"], 1)
    top = f"{largest['at_least']:,}" + (
        f" to {largest['at_most']:,}" if largest["at_most"] > largest["at_least"] else ""
    )
    number = links["components"]
    figures = [
        colours(
            views.classes, ratio=_ratio(subject), is_coarse=True,
            alt=f"Map of the entries: observed, determined or open at rank {chosen}.",
            caption=f"At rank {chosen}. Pale: observed. Blue: missing, and determined. Orange: open at this rank"
            + ("" if at_rank.is_settled else ", or not decided") + ". Black: open at every rank.",
        ),
    ]  # fmt: skip
    if number > 1:
        figures.append(
            colours(
                views.components, ratio=_ratio(subject), is_coarse=True,
                alt=f"Map of the {number} components, sorted, each in a colour of its own.",
                caption=f"The same, {row}s and {col}s sorted by component: a colour for each, and darker where "
                "observed. White lies between components, black has no observed entry.",
            )
        )  # fmt: skip
    grids = [
        Grid(
            "What can be recovered at which rank",
            ("Rank", "Determined of what is missing", f"{row.capitalize()}s with enough entries",
             f"{col.capitalize()}s with enough entries", "Entries still needed"),
            tuple(sentences.ladder_row(found, rung) for rung in found["ranks"]),
            (True,) * 5,
            chosen=next(i for i, rung in enumerate(found["ranks"]) if rung["rank"] == chosen),
        )
    ]  # fmt: skip
    if links["components_with_entries"] > 1:
        grids.append(
            Grid(
                "Components with observed entries, the largest first",
                (f"Has {row}", f"Has {col}", f"{row.capitalize()}s", f"{col.capitalize()}s", "Observed", "Density"),
                tuple(
                    (part["a_row"], part["a_col"], f"{part['rows']:,}", f"{part['cols']:,}", f"{part['entries']:,}",
                     share(part["density"], 1))
                    for part in links["largest"]
                ),
                (False, False, True, True, True, True),
            )
        )  # fmt: skip
    is_missing = found["missing"] > 0
    more = [*sentences.hanging_together(found), *sentences.holding_together(found), *sentences.trouble(found)]
    return Section(
        "What the observed entries determine",
        "If the whole were of low rank, this much would follow from what is observed alone, before any method is run.",
        (
            ("Components", f"{number:,}"),
            (f"{row.capitalize()}s without any entry", f"{links['isolated_rows']:,}"),
            (f"{col.capitalize()}s without any entry", f"{links['isolated_cols']:,}"),
            *((("Largest rank that determines all of the largest part", top),) if is_missing else ()),
            *(((f"Not determined at rank {chosen}", f"{open_share} of what is missing"),) if is_missing else ()),
        ),
        (*sentences.verdict(found), *sentences.observe_next(found), *sentences.bias(found)),
        tuple(figures),
        tuple(grids) if is_missing else tuple(grids[1:]),
        (*more, *sentences.ranks(found)),
    )


def _ratio(subject: Subject) -> float:
    m, n = subject.graph.shape
    return m / n if subject.image is not None else float(np.clip(m / n, LOWEST, TALLEST))


def choice(method: str, settings: Mapping[str, Any], completion: Any, reason: str, seed: int | None) -> Section:
    """Say which method was run, with which settings, why these, and how it ended."""
    candidates = settings.get("candidates") or ()
    seed = settings.get("seed") if seed is None else seed
    shown = {name: setting(x) for name, x in settings.items() if name not in ("candidates", "seed")}
    grids = []
    if candidates:
        names = list(dict.fromkeys(name for one in candidates for name in one))
        best = min(range(len(candidates)), key=lambda i: candidates[i].get("heldout_rmse", np.inf))
        taken = next((i for i, one in enumerate(candidates) if _is_taken(one, settings)), best)
        rows = tuple(tuple(setting(one[name]) if name in one else "" for name in names) for one in candidates)
        headers = tuple(_words(name) for name in names)
        grids.append(Grid("Candidates, judged by held-out entries", headers, rows, (True,) * len(names), chosen=taken))
    why = [reason] if reason else []
    if candidates:
        tried = plural(len(candidates), "candidate")
        why.append(f"Of {tried} the held-out entries chose one; a later one had to be better by a tenth.")
    return Section(
        "What was chosen, and why",
        "The method and its settings decide what the missing entries become where the data leave them open.",
        (
            ("Method", method),
            *((("Seed", str(seed)),) if seed is not None else ()),
            *((_words(name), x) for name, x in shown.items()),
            *((("Ended", completion.message),) if completion.message not in shown.values() else ()),
            *((("Steps made", f"{completion.steps:,}"), ("Step of the result", f"{completion.step:,}"))
              if completion.steps else ()),
            ("Time, with compilation", duration(completion.seconds)),
        ),
        tuple(why),
        grids=tuple(grids),
    )  # fmt: skip


def _is_taken(candidate: Mapping[str, Any], settings: Mapping[str, Any]) -> bool:
    """Tell whether the result has this candidate's settings."""
    own = {name: x for name, x in candidate.items() if name not in ("heldout_rmse", "step")}
    has_more = candidate.get("is_slow", False) != settings.get("is_slow", False)
    return not has_more and all(settings.get(name) == x for name, x in own.items())


def _words(name: str) -> str:
    words = {"heldout_rmse": "held-out RMS error", "nmae": "NMAE", "rmse": "RMS error"}.get(name)
    words = words or name.replace("_", " ")
    return words[:1].upper() + words[1:]


def comparison(
    scores: Sequence[Any],
    measure: str = "",
    *,
    left_out: Mapping[str, str] | None = None,
    pictures: Sequence[Image] = (),
) -> Section:
    """Rank the methods that were run on the same entries."""
    has_truth = any(score.true_nmae is not None for score in scores)
    has_memory = any(score.memory is not None for score in scores)
    is_other = any(score.errors and score.error != score.nmae for score in scores)
    headers = ["Method", *([measure or "Error"] if is_other else []), "NMAE", "RMS error"]
    headers += [*(["True NMAE"] if has_truth else []), "Time", *(["Memory"] if has_memory else []), "How it ended"]
    rows = []
    for score in scores:
        row = [score.method, *([_number(score.error)] if is_other else []), _number(score.nmae), _number(score.rmse)]
        row += [*([_number(score.true_nmae)] if has_truth else []), duration(score.seconds)]
        if has_memory:
            row.append("" if score.memory is None else size(score.memory))
        rows.append((*row, score.message))
    best, count = scores[0], sum(score.nmae is not None for score in scores)
    is_done = best.nmae is not None
    first = f"Least error: {sentences.strong(best.method, 'good')}." if is_done else "No method could do it."
    meant = "NMAE is the mean absolute error divided by the range of all observed values. "
    if is_other and measure:
        meant = f"The methods are ranked by {measure}. {meant}"
    return Section(
        "How the methods compare",
        "All were judged by the same observed entries, which were hidden from them in the shape of what is missing.",
        (("Methods that came through", f"{count} of {len(scores)}"),),
        (first, meant + "Another seed hides other entries: errors that are close may change places."),
        tuple(pictures),
        (
            Grid(
                "Methods by error, the least first", tuple(headers), tuple(rows),
                (False, *[True] * (len(headers) - 2), False), chosen=0 if is_done else None,
            ),
        ),
        tuple(f"Not tried: {name} ({reason})." for name, reason in (left_out or {}).items()),
    )  # fmt: skip


def _number(x: float | None) -> str:
    return "failed" if x is None else value(x)


def intervals(found: Any, data: Data) -> Section:
    """Say how wide the intervals are, and where."""
    seen = data.seen
    widths = np.asarray(found.upper, dtype=np.float64) - np.asarray(found.lower, dtype=np.float64)
    flat = widths if widths.ndim == 2 else widths.mean(axis=2)
    finite = flat[~seen & np.isfinite(flat)]
    shown, unit = flat, ""
    if data.has_units:
        known = np.where(seen, data.array.astype(np.float64), np.nan)
        spread = np.array(
            [np.ptp(column[~np.isnan(column)]) if seen[:, j].any() else 0 for j, column in enumerate(known.T)]
        )
        shown, unit = flat / np.where(spread > 0, spread, 1.0), ", in parts of its column's range"
    facts = [
        ("Coverage asked for", share(found.coverage, 1)),
        ("Entries they are calibrated on", f"{found.calibration:,}"),
    ]
    if finite.size and not data.has_units:
        facts += [("Median width", value(float(np.median(finite)))), ("Greatest width", value(float(finite.max())))]
    without = int((~seen).sum()) - finite.size
    if without:
        facts.append(("Without bounds", plural(without, data.word)))
    grids = ()
    if data.has_units and finite.size:
        rows = []
        for j in np.argsort(-np.where(seen | ~np.isfinite(shown), 0, shown).max(axis=0), kind="stable").tolist():
            column = flat[~seen[:, j] & np.isfinite(flat[:, j]), j]
            if column.size and len(rows) < COLUMNS:
                ends = value(float(np.median(column))), value(float(column.max()))
                rows.append((data.column_name(j), f"{column.size:,}", *ends))
        headers = ("Column", "Filled", "Median width", "Greatest width")
        grids = (Grid("Columns with the widest intervals", headers, tuple(rows), (False, True, True, True)),)
    widest = float(np.quantile(inside, 0.98)) if (inside := shown[~seen & np.isfinite(shown)]).size else 1.0
    picture = heat(
        shown, ~seen, missing=(0.86, 0.88, 0.91), limits=(0.0, widest), alt="Heat map of the widths of the intervals.",
        caption=f"Width of each interval{unit}: blue is narrow, yellow is wide. Pale: observed, or without bounds.",
    )  # fmt: skip
    told = ()
    if getattr(found, "is_shaped", False):
        told = (
            "The entries they are calibrated on lie in the shape of the gaps, so this is an estimate, no guarantee.",
        )
    return Section(
        "How sure it is",
        f"About {share(found.coverage, 1)} of the missing entries should lie within their intervals; a wide one says "
        "that the data leave much open there.",
        tuple(facts),
        told,
        (picture,),
        grids,
    )
