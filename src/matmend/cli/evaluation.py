"""``matmend evaluate``: how well ratings are predicted that training did not see."""

import dataclasses
import json as jsonlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from matmend.cli.cluster import Place, joined, number_of, part
from matmend.cli.console import literal, say
from matmend.cli.lists import like_ids, part_of, read_with_ids, together
from matmend.cli.progress import SweepWatch
from matmend.cli.rate import train
from matmend.cli.rate_request import Training
from matmend.cli.rate_telling import LABELS
from matmend.cli.words import plural, share
from matmend.io import Ratings, atomic_write, check_writable
from matmend.methods.ratings.baseline import baseline


@dataclass(frozen=True)
class Evaluation:
    """What to evaluate on what."""

    ratings: Path
    folds: int = 5
    test: Path | None = None
    output: Path | None = None
    overwrite: bool = False


@dataclass(frozen=True, eq=False)
class Split:
    """All ratings, and which of them each fold is tested on."""

    ratings: Ratings
    tested: list[NDArray[np.bool_]]
    num_shared: int = 0


def evaluate(request: Evaluation, training: Training, *, json: bool = False, quiet: bool = False) -> dict[str, Any]:
    """Train without a part of the ratings, predict it, and do so for each part.

    Parameters
    ----------
    request : Evaluation
    training : Training
        Whatever a model chooses it chooses on held-out ratings of its own training part.
    json : bool
        Print the report as JSON instead of the table.
    quiet : bool
        Print nothing.

    Returns
    -------
    dict
        The report; ``folds`` has errors of each. Empty in processes that are not the first.

    Raises
    ------
    ValueError
        If an input cannot be used, or the report cannot be written.
    KeyboardInterrupt
        If nothing is finished yet.
    """
    begun = time.monotonic()
    with joined(num_devices=number_of(training.devices)) as place:
        is_told = place.is_first and not (quiet or json)
        with place.together():
            if request.output is not None and place.is_first:
                check_writable(request.output, overwrite=request.overwrite)
            split = _split(request, training.seed)
        if is_told:
            _tell_begin(request, split)
        scores, was_interrupted = _scores(split, training, place, is_told)
        part()
    if not place.is_first:
        return {}
    report = {
        "data": str(request.ratings),
        "test": None if request.test is None else str(request.test),
        "ratings": int(split.ratings.values.size),
        "shape": list(split.ratings.shape),
        "taken_from_training": split.num_shared,
        **dataclasses.asdict(training),
        "is_partial": was_interrupted,
        "folds": scores,
        "summary": {name: _summary(scores, name) for name in LABELS},
        "seconds": round(time.monotonic() - begun, 2),
    }
    if request.output is not None:
        with atomic_write(request.output, overwrite=request.overwrite) as temporary:
            temporary.write_text(jsonlib.dumps(report, indent=1) + "\n", encoding="utf-8")
    if json:
        print(jsonlib.dumps(report))
    elif not quiet:
        _tell(request, report, len(split.tested))
    return report


def folds_of(num_ratings: int, folds: int, seed: int) -> Iterator[NDArray[np.bool_]]:
    """Deal ratings at random into folds whose sizes differ by at most one.

    Examples
    --------
    >>> sum(folds_of(7, 3, seed=0)).tolist(), sorted(int(fold.sum()) for fold in folds_of(7, 3, seed=0))
    ([1, 1, 1, 1, 1, 1, 1], [2, 2, 3])
    """
    number = np.empty(num_ratings, np.int32)
    number[np.random.default_rng(seed).permutation(num_ratings)] = np.arange(num_ratings) % folds
    return (number == fold for fold in range(folds))


def _split(request: Evaluation, seed: int) -> Split:
    ratings = read_with_ids(request.ratings)
    if request.test is None:
        if request.folds > ratings.values.size:
            raise ValueError(
                f"{request.folds} folds need as many ratings, {request.ratings} has {ratings.values.size}."
            )
        return Split(ratings, list(folds_of(ratings.values.size, request.folds, seed)))
    test = like_ids(read_with_ids(request.test), ratings.row_ids, ratings.col_ids, request.test)
    both = together(ratings, test)
    is_test = np.arange(both.values.size) >= ratings.values.size
    keys = both.rows.astype(np.int64) * both.shape[1] + both.cols
    is_shared = ~is_test & np.isin(keys, keys[is_test])
    if is_shared[~is_test].all():
        raise ValueError(f"All ratings of {request.ratings} are in {request.test} too: there is nothing to train on.")
    keep = ~is_shared
    return Split(part_of(both, keep), [is_test[keep]], int(is_shared.sum()))


def _scores(split: Split, training: Training, place: Place, is_told: bool) -> tuple[list[dict[str, Any]], bool]:
    scores: list[dict[str, Any]] = []
    console, count = Console(stderr=True), len(split.tested)
    for number, is_tested in enumerate(split.tested, 1):
        ratings = part_of(split.ratings, ~is_tested)
        title = f"fold {number} of {count}: " if count > 1 else ""
        watch = SweepWatch(
            console, float(ratings.values.std(dtype=np.float64)), visible=is_told, title=title, heeds_ctrl_c=False
        )
        try:
            model, _ = train(ratings, training, place, watch)
            scores.append(_score(split.ratings, is_tested, model.predict))
        except KeyboardInterrupt:
            if not scores or not place.is_alone:
                raise
            return scores, True
    return scores, False


def _score(ratings: Ratings, is_tested: NDArray[np.bool_], predict: Callable[..., Any]) -> dict[str, Any]:
    assert ratings.row_ids is not None
    assert ratings.col_ids is not None
    rows, cols, values = ratings.rows, ratings.cols, ratings.values
    found = predict(ratings.row_ids[rows[is_tested]], ratings.col_ids[cols[is_tested]])
    seen = values[~is_tested]
    low, high = seen.min(), seen.max()
    guesses = {
        "model": found.values,
        "baseline": np.clip(baseline(rows, cols, values, ratings.shape, is_tested), low, high),
        "mean": np.full(int(is_tested.sum()), seen.mean(dtype=np.float64)),
    }
    score: dict[str, Any] = {
        "tested": int(is_tested.sum()),
        "with_unknown_ids": int((~(found.row_is_known & found.col_is_known)).sum()),
    }
    for name, guess in guesses.items():
        error = np.asarray(guess, np.float64) - values[is_tested]
        score[name] = {"rmse": float(np.sqrt(np.mean(error**2))), "mae": float(np.mean(np.abs(error)))}
    return score


def _summary(scores: list[dict[str, Any]], name: str) -> dict[str, float | None]:
    """Return means over the folds, and their standard deviations where there are several."""
    summary: dict[str, float | None] = {}
    for measure in ("rmse", "mae"):
        values = np.array([score[name][measure] for score in scores])
        summary[measure] = float(values.mean())
        summary[f"{measure}_sd"] = float(values.std(ddof=1)) if values.size > 1 else None
    return summary


def _tell_begin(request: Evaluation, split: Split) -> None:
    (m, n), e = split.ratings.shape, split.ratings.values.size
    if request.test is None:
        told = f"{plural(e, 'rating')} of {plural(n, 'item')} by {plural(m, 'user')}, in {len(split.tested)} folds"
        say(f"[bold]{literal(request.ratings)}[/]: {told}")
        return
    tested = int(split.tested[0].sum())
    say(
        f"[bold]{literal(request.ratings)}[/]: {plural(e - tested, 'rating')} to train on; "
        f"[bold]{literal(request.test)}[/]: {tested:,} to test on"
    )
    if split.num_shared:
        say(
            f"Left out of the training: {plural(split.num_shared, 'rating')} of pairs that are tested on "
            f"({share(split.num_shared, tested)} of these)."
        )


def _tell(request: Evaluation, report: dict[str, Any], num_folds: int) -> None:
    table = Table(header_style="bold")
    table.add_column("" if len(report["folds"]) == 1 else "fold")
    for name in ("RMSE", "MAE"):
        table.add_column(name, justify="right")
    table.add_column("ratings", justify="right")
    table.add_column("of new users\nor items", justify="right")
    scores = report["folds"]
    is_single = len(scores) == 1
    for number, score in enumerate(scores, 1):
        model = score["model"]
        table.add_row(
            LABELS["model"] if is_single else str(number), f"{model['rmse']:.4f}", f"{model['mae']:.4f}",
            f"{score['tested']:,}", f"{score['with_unknown_ids']:,}", style="bold green" if is_single else None,
            end_section=number == len(scores),
        )  # fmt: skip
    for name, words in LABELS.items():
        if not (is_single and name == "model"):
            cells = (_mean_and_sd(report["summary"][name], measure) for measure in ("rmse", "mae"))
            table.add_row(words, *cells, "", "", style="bold green" if name == "model" else None)
    Console().print(table, highlight=False)
    if report["is_partial"]:
        say(f"[bold yellow]Interrupted:[/] {len(scores)} of {num_folds} folds are finished.")
    if not is_single:
        say(f"Mean ± standard deviation over {len(scores)} folds. {report['seconds']:.1f} s with compilation.")
    else:
        say(f"{report['seconds']:.1f} s with compilation.")
    if request.output is not None:
        say(f"Written: {literal(request.output)}")


def _mean_and_sd(summary: dict[str, float | None], measure: str) -> str:
    spread = summary[f"{measure}_sd"]
    return f"{summary[measure]:.4f}" + ("" if spread is None else f" ± {spread:.4f}")
