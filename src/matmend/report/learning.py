"""The sections about the inside: curves of the training, singular values, learned graphs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matmend.report.charts import Chart, Line
from matmend.report.clustering import MOST, clustered, log_similarity, most_alike, similarity
from matmend.report.contents import Grid, Section
from matmend.report.images import heat
from matmend.report.numbers import value
from matmend.report.verdict.words import plural, short, some, spans

LARGEST = 2000
"""Length of the shorter side above which all singular values would take too long."""
ROUNDING = 1e-6
"""Share of the largest one below which a singular value is rounding."""
SHOWN = 100
"""Singular values in the chart."""
_LABELS = {
    "loss": "loss", "objective": "objective", "change": "change in a step", "heldout": "held-out error",
    "effective_rank": "effective rank",
}  # fmt: skip


def training(record: Mapping[str, Any], chosen: int | None) -> Section | None:
    """Show the errors and energies of a training, or whatever curves a method recorded; None if there are none."""
    steps = record.get("step")
    charts, mark = [], None if chosen is None or steps is None else float(chosen)
    marked = "" if mark is None else f" The dotted line is the result, step {chosen:,}."
    observed, heldout, label = (
        ("rmse", "heldout_rmse", "RMS error") if "rmse" in record else ("fidelity", "heldout", "loss")
    )
    used = {"step", "loss"} if observed in record else {"step"}
    if steps is not None and observed in record:
        lines = [Line.of("observed entries", steps, record[observed], is_log=True)]
        if heldout in record:
            lines.append(Line.of("held-out entries", steps, record[heldout], is_log=True))
        words = f"{label} at each step, on a scale of factors."
        charts.append(Chart(words + marked, words, tuple(lines), "step", label, is_log=True, mark=mark))
        used |= {observed, heldout, "fidelity", "heldout"}
    energies = record.get("energies") or ()
    if steps is not None and len(energies):
        names = ("rows", "columns") if len(energies) == 2 else tuple(f"R{i + 1}" for i in range(len(energies)))
        words = "Energy of each regularizer, without its weight."
        lines = tuple(Line.of(name, steps, energy) for name, energy in zip(names, energies, strict=True))
        charts.append(Chart(words + marked, words, lines, "step", "energy", mark=mark))
    used.add("energies")
    for name, curve in record.items():
        if name in used or isinstance(curve, tuple | list | dict):
            continue
        y = np.asarray(curve)
        if y.ndim != 1 or y.size < 2 or y.dtype.kind not in "fiu" or not np.isfinite(y.astype(np.float64)).any():
            continue
        x = np.arange(1, y.size + 1) if steps is None or np.size(steps) != y.size else steps
        told, is_log = _LABELS.get(name, name.replace("_", " ")), bool(np.nanmin(y) > 0)
        words = f"{told[:1].upper()}{told[1:]} at each step."
        charts.append(Chart(words, words, (Line.of(told, x, y, is_log=is_log),), "step", told, is_log=is_log))
    charts = [chart for chart in charts if any(len(line.x) > 1 for line in chart.lines)]
    if not charts:
        return None
    return Section(
        "How the training went",
        "The error on held-out entries says how well what was not seen is met; where it rises while the other falls, "
        "the training fits noise."
        if heldout in record
        else "The curves should fall and level out; one that is still falling at its end was cut short.",
        figures=tuple(charts[:4]),
    )


def spectrum(matrix: NDArray[Any], *, is_standardised: bool) -> Section | None:
    """Show the singular values of the completed matrix; None if it is too large for that.

    Parameters
    ----------
    matrix : array of shape (m, n)
    is_standardised : bool
        Whether columns are to be centred and divided by their spread, as for tables, whose columns have units of their
        own.
    """
    X = np.asarray(matrix, dtype=np.float64)
    if min(X.shape) > LARGEST or min(X.shape) < 2 or not np.isfinite(X).all():
        return None
    if is_standardised:
        spread = X.std(axis=0)
        X = (X - X.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    sigma, effective = singular_values(X)
    if not sigma[0] > 0:
        return None
    energy = np.cumsum(sigma**2) / np.sum(sigma**2)
    number = int(np.searchsorted(energy, 0.99)) + 1
    drawn = sigma[:SHOWN][sigma[:SHOWN] > ROUNDING * sigma[0]]
    line = Line.of("singular values", np.arange(1, drawn.size + 1), drawn, is_log=True)
    of = "the completed matrix" + (", its columns centred and divided by their spread" if is_standardised else "")
    first = f"The first {SHOWN} singular values" if sigma.size > SHOWN else "Singular values"
    words = f"{first} of {of}, on a scale of factors."
    if drawn.size < min(sigma.size, SHOWN):
        words += f" From number {drawn.size + 1:,} on they are 0 but for rounding."
    return Section(
        "Singular values of the result",
        "The quicker they fall, the fewer patterns the completed matrix is made of.",
        (
            ("Effective rank", f"{effective:.4g}"),
            ("Singular values for 99 % of the energy", f"{number:,} of {sigma.size:,}"),
            ("The largest", value(float(sigma[0]))),
        ),
        figures=(Chart(words, words, (line,), "number", "singular value", is_log=True),),
    )


def singular_values(X: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Return singular values and the effective rank, both as [`matmend.spectrum`][] has them."""
    import jax.numpy as jnp

    from matmend.matrix import Dense
    from matmend.spectrum import effective_rank
    from matmend.spectrum import singular_values as values

    sigma = values(Dense(jnp.asarray(X, dtype=float)))
    return np.asarray(sigma, dtype=np.float64), float(effective_rank(sigma))


def graphs(
    laplacians: Mapping[str, Any], names: tuple[Sequence[str] | None, Sequence[str] | None], words: tuple[str, str]
) -> Section | None:
    """Show learned graphs with their rows in an order in which blocks can be seen; None without any."""
    if not laplacians:
        return None
    figures, grids, told = [], [], []
    for key, laplacian in laplacians.items():
        side = {"row": 0, "col": 1}.get(key)
        word = f"{words[side]}" if side is not None else "node"
        S = similarity(laplacian)
        called = names[side] if side is not None else None
        labels = [str(i + 1) if called is None or len(called) != len(S) else short(called[i]) for i in range(len(S))]
        order, groups = clustered(S)
        shown, low, high = log_similarity(S)
        where = f"{word}s" if side is not None else f"the nodes of {key}"
        orders = [(np.arange(len(S)), f"the {word}s in their own order")]
        if len(S) <= MOST:
            orders.insert(0, (order, f"the {word}s sorted so that those that are alike stand together"))
        for picked, order_words in orders:
            figures.append(
                heat(
                    shown[np.ix_(picked, picked)], limits=(low, high),
                    alt=f"Heat map of the learned similarity of {where}, {order_words}.",
                    caption=f"Similarity of {where}, {order_words}: blue is the median or less, yellow is most alike, "
                    "on a scale of factors.",
                )
            )  # fmt: skip
        pairs = most_alike(S, labels)
        if pairs:
            rows = tuple((a, b, value(s)) for a, b, s in pairs)
            heads = (f"One {word}", "and another", "Similarity")
            grids.append(Grid(f"The {word}s that are most alike", heads, rows, (False, False, True)))
        if groups.max(initial=0) > 0:
            members = [[int(i) for i in order if groups[i] == g] for g in range(groups.max() + 1)]
            lists = [
                spans(part) if called is None else some([labels[i] for i in part[:12]], len(part)) for part in members
            ]
            rows = tuple((str(g + 1), f"{len(members[g]):,}", found) for g, found in enumerate(lists))
            heads = ("Group", f"{word.capitalize()}s", "Which")
            grids.append(Grid(f"Groups of {word}s that are alike", heads, rows, (True, True, False)))
            told.append(f"The {word}s fall into {plural(len(members), 'group')} by what was learned.")
    return Section(
        "What was learned to be alike",
        "The method learned by itself which rows and which columns are alike: blocks on the diagonal are groups.",
        sentences=tuple(told),
        figures=tuple(figures),
        grids=tuple(grids),
    )
