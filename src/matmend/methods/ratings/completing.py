"""From a list of ratings to a model: what is tried, what is chosen, and how sure it is."""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh
from jaxtyping import PRNGKeyArray

from matmend.io import Ratings
from matmend.matrix import LowRank
from matmend.methods.ratings.baseline import baseline_error
from matmend.methods.ratings.building import built
from matmend.methods.ratings.candidates import Candidate, learned
from matmend.methods.ratings.model import RatingsModel
from matmend.methods.ratings.piloting import PILOT, pilot
from matmend.methods.ratings.standard import StandardRatings
from matmend.solve import Alternation, Checkpoints, Result, Schedule, SweepData, alternate

_log = logging.getLogger(__name__)

OnSweep = Callable[[Alternation, dict[str, Any]], bool | None]

RANK = 14
"""Columns of the factors; with two for the biases 16, a round number for processors."""

MOST_TRIED = 5_000_000
"""Up to so many ratings several models are tried; above, only the plain one unless another is asked for."""

GRAPH_WEIGHTS = (30.0, 100.0)
"""How many ratings the neighbours of a row may count for; the held-out ratings choose."""

LOOK, BEHIND = 12, 0.005
"""A model that has a larger error by this share than the best so far, after so many sweeps, is given up."""

TRIAL = Schedule(warmup=8, max_sweeps=20, patience=20)
FINAL = Schedule(warmup=12, max_sweeps=72, patience=100)
LARGE = Schedule(warmup=2, max_sweeps=30, patience=3, tolerance=1e-3)


def complete_ratings(
    ratings: Ratings,
    *,
    rank: int | None = None,
    implicit: bool | None = None,
    adaptive: bool | None = None,
    row_graph: Any = None,
    col_graph: Any = None,
    heldout: float = 0.05,
    num_draws: int | None = None,
    seed: int = 0,
    mesh: Mesh | None = None,
    on_sweep: Sequence[OnSweep] = (),
    checkpoint: Checkpoints | None = None,
) -> RatingsModel:
    """Complete a matrix of ratings, with nothing to tune.

    The model is ``offset + scale (u_i'v_j + b_i + c_j)`` with Gaussian priors on factors and biases whose widths are
    learned, and, with implicit feedback, centres that depend on which columns a row has rated at all. It is averaged
    over draws from its posterior distribution ([`alternate`][matmend.solve.alternate]): no weight has to be tuned, and
    the draws tell how sure each prediction is.

    Parameters
    ----------
    ratings : Ratings
        Such as [`read_ratings`][matmend.io.read_ratings] gives.
    rank : int, optional
        Columns of the factors besides two for the biases. More than needed does little harm but costs time. By default
        14; above `MOST_TRIED` ratings fewer, if they do as well on a sample
        (`matmend.methods.ratings.piloting`).
    implicit : bool, optional
        Whether who rated what is used besides the ratings. By default both are tried on held-out ratings if there are
        at most `MOST_TRIED` ratings; above it is not used.
    adaptive : bool, optional
        Whether learned graphs that draw rows towards their neighbours (and columns, if `col_graph` is given) are tried.
        By default they are if a graph is given. Without one the neighbours are those nearest in the factors so far;
        that pays little (0.7 % on MovieLens-100K, nothing on the generated data of `experiments/ratings`): with few
        ratings of a row its neighbours are not well told.
    row_graph, col_graph : sparse or dense matrices of shape (m, m), (n, n), optional
        Who is connected with whom, in the order of the ratings' ids (`row_ids`, `col_ids`). Edges may be wrong: how
        much each counts is learned.
    heldout : float, default 0.05
        Share of the ratings that the choice, the end of training and the error told are based on, at most 250,000
        ratings. Up to `MOST_TRIED` ratings the model is then trained once more on all of them.
    num_draws : int, optional
        Draws that are averaged: 60 by default; up to 25 above `MOST_TRIED`, where training ends when they no longer
        help.
    seed : int, default 0
        The same seed on the same machine gives the same bits.
    mesh : jax.sharding.Mesh, optional
        The devices to share the work, on one axis named "devices".
    on_sweep : sequence of callables ``(alternation, row) -> bool or None``
        As in [`alternate`][matmend.solve.alternate]; rows have ``phase``, in words, and ``max_sweeps`` besides.
        Returning True ends the phase under way.
    checkpoint : Checkpoints, optional
        Where to save, and to go on from.

    Returns
    -------
    RatingsModel

    Raises
    ------
    ValueError
        If there are fewer than 10 ratings, or an argument is out of range.

    References
    ----------
    Salakhutdinov & Mnih 2008, doi:10.1145/1390156.1390267; Koren 2008, doi:10.1145/1401890.1401944; Simm et al. 2015,
    arXiv:1509.04610.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> rows, cols = np.divmod(rng.choice(40 * 30, 600, replace=False).astype(np.int32), np.int32(30))
    >>> ratings = Ratings(rows, cols, (3 + np.sin(rows) * np.cos(cols)).astype(np.float32), (40, 30))
    >>> model = complete_ratings(ratings, rank=2, implicit=False, num_draws=20)
    >>> bool(np.abs(model.predict(np.arange(30), np.arange(30)).values - 3 - np.sin(2 * np.arange(30)) / 2).max() < 0.1)
    True
    """
    e = ratings.values.size
    if e < 10:
        raise ValueError(f"Expected at least 10 ratings, got {e}: there is too little to learn from.")
    if not 0 < heldout < 1 or (rank is not None and rank < 1) or (num_draws is not None and num_draws < 2):
        raise ValueError(
            f"Expected 0 < heldout < 1, rank >= 1 and num_draws >= 2, got heldout={heldout}, rank={rank}, "
            f"num_draws={num_draws}."
        )
    graphs = row_graph, col_graph
    has_edges = any(graph is not None for graph in graphs) if adaptive is None else adaptive
    table = StandardRatings.of(ratings)
    graphs = table.graph(0, row_graph), table.graph(1, col_graph)
    is_held = np.zeros(e, bool)
    num_held = max(1, min(int(heldout * e), 250_000))
    is_held[np.random.default_rng(seed).choice(e, num_held, replace=False, shuffle=False)] = True
    is_large = e > MOST_TRIED
    schedule, phase = (_schedule(LARGE, num_draws), "training") if is_large else (TRIAL, "first part")
    # Sorting and copying leave Python to itself: what else there is to do is done beside it.
    with ThreadPoolExecutor(2) as pool:
        floor = pool.submit(baseline_error, table.rows, table.cols, table.values, table.shape, is_held)
        made = pool.submit(_Search, table, is_held, mesh, schedule, seed, on_sweep, checkpoint, phase)
        first_look = None
        if is_large:
            asked = _told(on_sweep, "looking at a sample", PILOT)
            first_look = pilot(table, rank or RANK, is_choice=rank is None, seed=seed, mesh=mesh, on_sweep=asked)
            rank = first_look.rank
    search, rank = made.result(), rank or RANK
    search.start = None if first_look is None else first_look.start(search.data)
    answers = ([False] if is_large else [False, True]) if implicit is None else [implicit]
    search.attempt([Candidate(rank, answer) for answer in answers], is_choice=has_edges or len(answers) > 1)
    if has_edges and not search.is_interrupted:
        # Without a graph, rows are what is looked at: columns have more entries each, and need their neighbours less.
        sides = [graphs[0] is not None or adaptive is True, graphs[1] is not None]
        more = [
            replace(search.best, weights=(weight * sides[0], weight * sides[1]), graphs=graphs)
            for weight in GRAPH_WEIGHTS
        ]
        search.attempt(more, is_choice=True)
    run, error = search.runs[search.place], search.errors[search.place]
    words = search.words()
    _log.info("chosen: %s", search.best.name)
    if not is_large and not search.is_interrupted:
        everything = table.entries()
        data = SweepData.from_entries(everything, mesh)
        schedule = _schedule(FINAL, num_draws)
        run = alternate(
            search.best.problem(everything, None, data), data, key=_key(seed), schedule=schedule,
            extra=learned,
            on_sweep=_told(on_sweep, "training on all ratings", schedule),
            checkpoint=None if checkpoint is None else checkpoint.part("all"),
        )  # fmt: skip
    return built(
        run,
        table,
        ratings,
        heldout_error=error,
        baseline_error=table.scale * floor.result(),
        message=f"{words}; {run.message}",
    )


class _Search:
    """Candidates trained on all ratings but those held out, and their errors there."""

    def __init__(
        self,
        table: StandardRatings,
        is_held: np.ndarray,
        mesh: Mesh | None,
        schedule: Schedule,
        seed: int,
        on_sweep: Sequence[OnSweep],
        checkpoint: Checkpoints | None,
        phase: str,
    ):
        self.table, self.schedule, self.seed, self.phase = table, schedule, seed, phase
        self.on_sweep, self.checkpoint = on_sweep, checkpoint
        self.entries, self.held = table.entries(~is_held), table.chosen(is_held)
        self.data = SweepData.from_entries(self.entries, mesh)
        self.start: LowRank | None = None
        self.candidates: list[Candidate] = []
        self.runs: list[Alternation] = []
        self.errors: list[float] = []

    def attempt(self, candidates: Sequence[Candidate], *, is_choice: bool) -> None:
        """Train candidates, until somebody interrupts."""
        for candidate in candidates:
            if self.is_interrupted:
                return
            checkpoint = (
                None if self.checkpoint is None else self.checkpoint.part(f"try-{len(self.runs)}-{candidate.rank}")
            )
            problem = candidate.problem(self.entries, self.held, self.data)
            told = _told(self.on_sweep, f"trying {candidate.name}" if is_choice else self.phase, self.schedule)
            run = None
            for max_sweeps in (LOOK, self.schedule.max_sweeps) if self.runs else (self.schedule.max_sweeps,):
                if run is None or not (_is_interrupted(run) or self._is_behind(run)):
                    run = alternate(
                        problem, self.data, key=_key(self.seed), schedule=self.schedule._replace(max_sweeps=max_sweeps),
                        extra=learned, X=self.start, on_sweep=told, run=run, checkpoint=checkpoint,
                    )  # fmt: skip
            assert run is not None
            self.candidates.append(candidate)
            self.runs.append(run)
            self.errors.append(self.table.scale * run.record[-1]["heldout"])
            _log.info("%s: held-out RMSE %.6g", candidate.name, self.errors[-1])

    def _is_behind(self, run: Alternation) -> bool:
        """Tell whether the best run was better at the same sweep by more than what may still change."""
        best, count = self.runs[self.place].record, len(run.record)
        return len(best) >= count and run.record[-1]["heldout"] > (1 + BEHIND) * best[count - 1]["heldout"]

    @property
    def is_interrupted(self) -> bool:
        return bool(self.runs) and _is_interrupted(self.runs[-1])

    @property
    def place(self) -> int:
        return int(np.argmin(self.errors))

    @property
    def best(self) -> Candidate:
        return self.candidates[self.place]

    def words(self) -> str:
        """Say what was chosen, and what against."""
        others = [
            f"{candidate.name}: held-out RMSE {error:.4g}"
            for i, (candidate, error) in enumerate(zip(self.candidates, self.errors, strict=True))
            if i != self.place
        ]
        return "; ".join([self.best.name, *others])


def _is_interrupted(run: Alternation) -> bool:
    return bool(run.result == Result.interrupted)


def _key(seed: int) -> PRNGKeyArray:
    # XLA compiles its own generator in a quarter of the time of JAX's, and there are many random numbers in a sweep.
    return jax.random.key(seed, impl="rbg")


def _schedule(schedule: Schedule, num_draws: int | None) -> Schedule:
    return schedule if num_draws is None else schedule._replace(max_sweeps=schedule.warmup + num_draws)


def _told(on_sweep: Sequence[OnSweep], phase: str, schedule: Schedule) -> list[OnSweep]:
    def with_phase(callback: OnSweep) -> OnSweep:
        return lambda run, row: callback(run, {**row, "phase": phase, "max_sweeps": schedule.max_sweeps})

    return [with_phase(callback) for callback in on_sweep]
