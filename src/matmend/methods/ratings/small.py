"""Small lists of ratings: the model of `complete_ratings` where compiling would take nearly all of the time."""

import logging
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from matmend.io import Ratings
from matmend.methods.ratings.baseline import baseline_error
from matmend.methods.ratings.gibbs import Report, Run, Table, draw
from matmend.methods.ratings.model import RatingsModel
from matmend.solve import Result, Schedule, last_axis

_log = logging.getLogger(__name__)

SMALL = 50_000
"""Up to so many ratings nothing is compiled: that takes some ten seconds for each new shape of the data."""

RANK = 14
"""Columns of the factors at most; as many as there are ratings for each row and column, if these are fewer."""

LEAST_HELD, MOST_PARTS = 300, 5
"""Parts of the ratings are held out one after another until the error told rests on so many, or there are so many."""

LEAST_IMPLICIT = 1000
"""With fewer ratings, who rated what is not tried: it tells nothing that so few could show."""

TRIAL = Schedule(warmup=16, max_sweeps=40)
FINAL = Schedule(warmup=40, max_sweeps=100)


def complete_small_ratings(
    ratings: Ratings,
    *,
    rank: int | None = None,
    implicit: bool | None = None,
    heldout: float = 0.1,
    num_draws: int | None = None,
    seed: int = 0,
    on_sweep: Sequence[Report] = (),
) -> RatingsModel:
    """Complete a small matrix of ratings, with nothing to tune and nothing to compile.

    The model is that of [`complete_ratings`][matmend.methods.ratings.complete_ratings] without graphs, computed on the
    processor in double precision. Compiled code knows one shape of the data, and every fold of a cross-validation has
    another.

    Parameters
    ----------
    ratings : Ratings
        Meant for at most `SMALL`; time grows with their number.
    rank : int, optional
        Columns of the factors besides two for the biases. By default 0, biases alone, and as many as there are ratings
        for each row and column, at least 1 and at most `RANK`, are both tried on held-out ratings.
    implicit : bool, optional
        Whether who rated what is used besides the ratings. By default both are tried from `LEAST_IMPLICIT` ratings on.
    heldout : float, default 0.1
        Share of the ratings that is held out at once, at least one; of few ratings, several parts one after another,
        see `LEAST_HELD`.
    num_draws : int, optional
        Draws that are averaged in the end: 60 by default.
    seed : int, default 0
        The same seed on the same machine gives the same bits.
    on_sweep : sequence of callables ``(run, row) -> bool or None``
        Called after every sweep; ``row`` is the newest of ``run.record``, with ``phase``, in words, and ``max_sweeps``.
        Returning True ends the training there.

    Returns
    -------
    RatingsModel
        Trained on all ratings, those held out before among them.

    Raises
    ------
    ValueError
        If there are fewer than 2 ratings, or an argument is out of range.

    References
    ----------
    Salakhutdinov & Mnih 2008, doi:10.1145/1390156.1390267; Koren 2008, doi:10.1145/1401890.1401944; Simm et al. 2015,
    arXiv:1509.04610.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> rows, cols = np.divmod(rng.choice(40 * 30, 600, replace=False).astype(np.int32), np.int32(30))
    >>> ratings = Ratings(rows, cols, (3 + np.sin(rows) * np.cos(cols)).astype(np.float32), (40, 30))
    >>> model = complete_small_ratings(ratings, rank=2, implicit=False, num_draws=20)
    >>> bool(np.abs(model.predict(np.arange(30), np.arange(30)).values - 3 - np.sin(2 * np.arange(30)) / 2).max() < 0.1)
    True
    """
    e, (m, n) = ratings.values.size, ratings.shape
    if e < 2:
        raise ValueError(f"Expected at least 2 ratings, got {e}: there is too little to learn from.")
    if not 0 < heldout < 1 or (rank is not None and rank < 0) or (num_draws is not None and num_draws < 2):
        raise ValueError(
            f"Expected 0 < heldout < 1, rank >= 0 and num_draws >= 2, got heldout={heldout}, rank={rank}, "
            f"num_draws={num_draws}."
        )
    most = int(np.clip(e // (m + n), 1, RANK)) if rank is None else rank
    answers = ([False, True] if e >= LEAST_IMPLICIT else [False]) if implicit is None else [implicit]
    candidates = [_Candidate(most, answer) for answer in answers]
    if rank is None and not implicit:
        candidates.append(_Candidate(0, False))
    offset = float(np.mean(ratings.values, dtype=np.float64))
    scale = float(np.std(ratings.values, dtype=np.float64)) or 1.0
    table = Table(ratings.rows, ratings.cols, (ratings.values.astype(np.float64) - offset) / scale, ratings.shape)
    parts = _parts(e, heldout, seed)

    def run(phase: str, schedule: Schedule, candidate: _Candidate, is_held: NDArray[np.bool_] | None = None) -> Run:
        report = [_told(callback, phase, schedule) for callback in on_sweep]
        return draw(
            table, candidate.rank, is_implicit=candidate.is_implicit, schedule=schedule,
            rng=np.random.default_rng(seed), is_held=is_held, report=report,
        )  # fmt: skip

    trials: list[tuple[float, Run]] = []
    for candidate in candidates:
        phase = f"trying {candidate.name}" if len(candidates) > 1 else "first part"
        runs: list[Run] = []
        for is_held in parts:
            runs.append(run(phase, TRIAL, candidate, is_held))
            if runs[-1].is_interrupted:
                break
        residuals = [one.predicted - table.values[part] for one, part in zip(runs, parts, strict=False)]
        trials.append((scale * _rms(residuals), runs[-1]))
        _log.info("%s: held-out RMSE %.6g", candidate.name, trials[-1][0])
        if runs[-1].is_interrupted:
            break
    errors = [error for error, _ in trials]
    is_over = trials[-1][1].is_interrupted
    place = len(trials) - 1 if is_over else int(np.argmin(errors))
    found = trials[place][1]
    _log.info("chosen: %s", candidates[place].name)
    if not is_over:
        schedule = FINAL if num_draws is None else FINAL._replace(max_sweeps=FINAL.warmup + num_draws)
        found = run("training on all ratings", schedule, candidates[place])
    floors = [
        baseline_error(table.rows, table.cols, table.values, table.shape, part) * np.ones(int(part.sum()))
        for part in parts
    ]
    words = [f"{c.name}: held-out RMSE {error:.4g}" for c, error in zip(candidates, errors, strict=False)]
    del words[place]
    ending = Result[Result.interrupted if found.is_interrupted else Result.max_steps]
    return _built(
        found, ratings, offset=offset, scale=scale, heldout_error=errors[place], baseline_error=scale * _rms(floors),
        message="; ".join([candidates[place].name, *words, ending]),
    )  # fmt: skip


class _Candidate(NamedTuple):
    rank: int
    is_implicit: bool

    @property
    def name(self) -> str:
        if self.rank == 0 and not self.is_implicit:
            return "biases alone"
        return "with implicit feedback" if self.is_implicit else "ratings alone"


def _rms(parts: Sequence[NDArray[np.float64]]) -> float:
    return float(np.sqrt(np.mean(np.concatenate(parts) ** 2)))


def _parts(count: int, share: float, seed: int) -> list[NDArray[np.bool_]]:
    """Return which ratings are held out, in each of the parts."""
    size = max(1, int(share * count))
    most = min(MOST_PARTS, count // size)  # each rating at most once
    order = np.random.default_rng(seed).permutation(count)
    parts = []
    for k in range(min(-(-LEAST_HELD // size), most)):
        is_held = np.zeros(count, bool)
        is_held[order[k * size : (k + 1) * size]] = True
        parts.append(is_held)
    return parts


def _told(on_sweep: Report, phase: str, schedule: Schedule) -> Report:
    return lambda run, row: on_sweep(run, {**row, "phase": phase, "max_sweeps": schedule.max_sweeps})


def _built(run: Run, ratings: Ratings, **settings: Any) -> RatingsModel:
    """Put a model together."""
    draws, last = run.draws, last_axis(ratings.shape)
    U, V = (np.stack([_with_unknown(x.factors[axis]) for x in draws]) for axis in (0, 1))
    drawn = np.stack([_with_unknown(x.drawn) for x in draws])
    links = [[x.links[axis] for x in draws if x.links is not None] for axis in (0, 1)]
    row_links, col_links = (np.stack(x).astype(np.float32) if x else None for x in links)

    def stacked(name: str, axis: int) -> NDArray[np.float32]:
        return np.stack([getattr(x, name)[axis] for x in draws]).astype(np.float32)

    r = U.shape[2]
    return RatingsModel(
        U=U, V=V, U_drawn=drawn if last == 0 else None, V_drawn=drawn if last == 1 else None, ones=(r - 1, r - 2),
        row_centre=stacked("means", 0), col_centre=stacked("means", 1),
        row_precision=stacked("precisions", 0), col_precision=stacked("precisions", 1),
        noises=np.array([x.noise for x in draws], np.float32), row_links=row_links, col_links=col_links,
        low=float(ratings.values.min()), high=float(ratings.values.max()),
        row_ids=ratings.row_ids, col_ids=ratings.col_ids, record=tuple(run.record), **settings,
    )  # fmt: skip


def _with_unknown(factor: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.concatenate([factor, factor.mean(axis=0, keepdims=True)]).astype(np.float32)
