"""From a model of ratings to its report."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from matmend.graph import ObservationGraph
from matmend.report import judging, outcome
from matmend.report.charts import Chart, Line
from matmend.report.contents import Grid, Report, Section
from matmend.report.numbers import duration, size, value
from matmend.report.verdict import Subject
from matmend.report.verdict.sentences import strong
from matmend.report.verdict.words import share

LEVELS = 24
"""Most different ratings of which each has its own place in the chart."""


def of_ratings(
    model: Any,
    ratings: Any,
    *,
    title: str,
    words: tuple[str, str],
    notes: Sequence[str],
    num_bytes: int | None,
    verdict: bool,
    rank: int | None,
    command: str,
    seed: int | None,
    seconds: float | None,
    is_partial: bool,
    tell: Callable[[str], None],
) -> Report:
    """Make the report; [`Report.of_ratings`][matmend.report.Report.of_ratings] says what is what."""
    parts: dict[str, Any] = {
        "given": given(ratings, words, notes, num_bytes),
        "result": result(model, ratings),
        "choice": choice(model, seed, seconds),
        "training": training(model),
        "spectrum": spectrum(model),
        "again": outcome.again(command, seed),
    }
    if verdict:
        graph = ObservationGraph.from_entries(ratings.rows, ratings.cols, ratings.shape)
        subject = Subject(title, "ratings", graph, *words, ratings.row_ids, ratings.col_ids)
        parts["verdict"] = judging.verdict(subject, rank, tell)
    return Report(title=title, is_partial=is_partial, **parts)


def given(ratings: Any, words: tuple[str, str], notes: Sequence[str], num_bytes: int | None) -> Section:
    """Say how many ratings there are, of what range, and how they are spread."""
    (m, n), values = ratings.shape, ratings.values
    levels, counts = np.unique(values, return_counts=True)
    if levels.size > LEVELS:
        counts, ends = np.histogram(values, LEVELS)
        levels = (ends[1:] + ends[:-1]) / 2
    alt = "How many ratings there are of each value."
    line = Line.of("ratings", levels, counts)
    low, high = (np.bincount(x, minlength=k) for x, k in ((ratings.rows, m), (ratings.cols, n)))
    return Section(
        "What was given",
        f"Of all pairs of a {words[0]} and {_a(words[1])} {share(values.size, m * n)} are rated; the others are what "
        "is to be told.",
        (
            ("Kind", "ratings"),
            ("Ratings", f"{values.size:,}"),
            (f"{words[0].capitalize()}s", f"{m:,}"),
            (f"{words[1].capitalize()}s", f"{n:,}"),
            *((("File", size(num_bytes)),) if num_bytes is not None else ()),
            ("Values", f"{value(float(values.min()))} to {value(float(values.max()))}"),
            ("Mean", value(float(values.mean(dtype=np.float64)))),
            (f"Ratings of a {words[0]}", f"{low.min():,} to {low.max():,}, median {np.median(low):.0f}"),
            (f"Ratings of {_a(words[1])}", f"{high.min():,} to {high.max():,}, median {np.median(high):.0f}"),
        ),
        tuple(notes),
        (Chart(alt, alt, (line,), "rating", "number"),),
    )


def _a(word: str) -> str:
    return f"{'an' if word[:1].lower() in 'aeiou' else 'a'} {word}"


def result(model: Any, ratings: Any) -> Section | None:
    """Say how well held-out ratings are predicted, beside what anything has to beat."""
    if model.heldout_error is None:
        return None
    spread = float(ratings.values.std(dtype=np.float64))
    errors = [("This model", model.heldout_error), ("Means of users and items", model.baseline_error)]
    rows = [
        (name, value(error), share(error, spread)) for name, error in (*errors, ("One mean for all", spread)) if error
    ]
    is_better = model.baseline_error is None or model.heldout_error < model.baseline_error
    found = (
        f"The model is {strong('better than the means', 'good')} of users and items."
        if is_better
        else f"The model is {strong('no better than means', 'bad')}: nothing was found beyond how users and items "
        "differ on average."
    )
    grid = Grid(
        "Errors on ratings held out",
        ("Predicted by", "RMS error", "Of one mean's"),
        tuple(rows),
        (False, True, True),
        chosen=0,
    )
    return Section(
        "The result",
        "On ratings that the training did not see, the model is off by this much on average.",
        (
            ("Expected error (RMS)", value(model.heldout_error)),
            ("Noise of a rating", value(model.noise)),
        ),
        (found,),
        grids=(grid,),
    )  # fmt: skip


def choice(model: Any, seed: int | None, seconds: float | None) -> Section:
    """Say which model was chosen."""
    draws, _, width = model.U.shape
    return Section(
        "What was chosen, and why",
        "Held-out ratings chose among models; its widths and its noise it learned by itself.",
        (
            ("Chosen", model.message or "the model as it was saved"),
            ("Columns of the factors", f"{width:,}, of biases {sum(x is not None for x in model.ones)}"),
            ("Models averaged", f"{draws:,}"),
            *((("Seed", str(seed)),) if seed is not None else ()),
            *((("Time, with compilation", duration(seconds)),) if seconds is not None else ()),
        ),
    )  # fmt: skip


def training(model: Any) -> Section | None:
    """Show held-out error and noise sweep by sweep, in units of the ratings."""
    if len(model.record) < 2:
        return None
    sweeps = [row["sweep"] for row in model.record]
    lines = []
    for name, key in (("held-out ratings", "heldout"), ("noise of a rating", "noise")):
        y = [np.nan if row[key] is None else float(row[key]) * model.scale for row in model.record]
        line = Line.of(name, sweeps, y)
        lines += [line] if line.x else []
    words = f"{' and '.join(line.name for line in lines).capitalize()}, sweep by sweep, in units of the ratings."
    return Section(
        "How the training went",
        "A sweep solves once for all users and once for all items; the error should fall and level out.",
        figures=(Chart(words, words, tuple(lines), "sweep", "rating"),),
    )


def spectrum(model: Any) -> Section | None:
    """Show the singular values of the first draw, without the biases."""
    import jax.numpy as jnp

    from matmend.matrix import LowRank
    from matmend.spectrum import effective_rank, singular_values

    free = [k for k in range(model.U.shape[2]) if k not in model.ones]
    if len(free) < 2:
        return None
    U, V = model.U[0, :-1][:, free], model.V[0, :-1][:, free]
    values = singular_values(LowRank(jnp.asarray(U), jnp.asarray(V)))
    sigma = np.asarray(values, dtype=np.float64)
    line = Line.of("singular values", np.arange(1, sigma.size + 1), sigma, is_log=True)
    alt = "Singular values of one of the models that are averaged, without its biases, on a scale of factors."
    return Section(
        "Singular values of the result",
        "The quicker they fall, the fewer tastes the ratings are made of.",
        (("Effective rank", f"{float(effective_rank(values)):.4g}"), ("Factors", f"{len(free)}")),
        figures=(Chart(alt, alt, (line,), "number", "singular value", is_log=True),),
    )
