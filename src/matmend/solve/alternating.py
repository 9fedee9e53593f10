"""Alternating least squares, and draws from the posterior by the same sweeps: the loop on the host."""

import logging
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray
from numpy.typing import NDArray

from matmend.matrix import LowRank
from matmend.observation import Entries
from matmend.problem import Problem
from matmend.regularizer import is_refreshed
from matmend.solve.checkpoint import Checkpoints
from matmend.solve.processes import agreed, check_alike, replicated
from matmend.solve.state import Result
from matmend.solve.sweeps import SweepData, SweepState, start, sweep

_log = logging.getLogger(__name__)

OnSweep = Callable[["Alternation", dict[str, Any]], bool | None]
"""Called after every sweep with the run and its newest row; returning True ends the run."""


class Schedule(NamedTuple):
    """How many sweeps are made, and which of them count.

    Attributes
    ----------
    temperature : float
        0: least squares, the last sweep counts. 1: draws from the posterior distribution, their mean counts.
    warmup : int
        Sweeps before the first draw that counts.
    max_sweeps : int
        In all.
    refresh_every : int
        Sweeps between two searches for neighbours, where a regularizer wants them.
    tolerance, patience : float, int
        The run ends when the held-out error (of the mean of the draws) fell by less than this share in so many sweeps;
        without held-out entries it is the error on the observed ones at temperature 0, and there is no such end at 1.
    """

    temperature: float = 1.0
    warmup: int = 10
    max_sweeps: int = 100
    refresh_every: int = 5
    tolerance: float = 1e-3
    patience: int = 5


class Draw(eqx.Module):
    """A draw from the posterior: numpy arrays.

    Attributes
    ----------
    X : LowRank
    extra : pytree
        What else `alternate` was asked to keep of it.
    """

    X: LowRank
    extra: Any = ()


class Alternation(eqx.Module):
    """A run of sweeps.

    Attributes
    ----------
    problem : Problem
    state : SweepState
        The newest sweep; with `draws` all that a run is.
    draws : tuple of Draw
        The draws that count; none at temperature 0.
    record : tuple of dict
        One row per sweep: ``noise`` (standard deviation), ``heldout`` (root mean square of the held-out error of what
        counts so far, None without held-out entries).
    result : Result
    """

    problem: Problem
    state: SweepState
    draws: tuple[Draw, ...]
    record: tuple[dict[str, Any], ...]
    result: Result

    @property
    def message(self) -> str:
        """Why the run ended, in words."""
        return Result[self.result]

    @property
    def X(self) -> LowRank:  # noqa: N802 (the field's symbol for the matrix)
        """The last sweep, or the mean of the draws: as many factors side by side, none of it multiplied out."""
        return mean_of([draw.X for draw in self.draws]) if self.draws else self.state.X


def mean_of(draws: Sequence[LowRank]) -> LowRank:
    """Return the mean of low-rank matrices as one, of the sum of their ranks.

    Examples
    --------
    >>> one, three = (LowRank(np.full((2, 1), x), np.ones((2, 1))) for x in (1.0, 3.0))
    >>> np.asarray(mean_of([one, three]).dense()).tolist()
    [[2.0, 2.0], [2.0, 2.0]]
    """
    share = np.asarray(1 / len(draws), np.asarray(draws[0].U).dtype)
    U: Any = np.concatenate([np.asarray(X.U) * share for X in draws], axis=1)
    V: Any = np.concatenate([np.asarray(X.V) for X in draws], axis=1)
    return LowRank(U, V)


_start = eqx.filter_jit(start)
_sweep = eqx.filter_jit(sweep)


@eqx.filter_jit
def _predict(X: LowRank, entries: Entries) -> Float[Array, " e"]:
    return entries.predict(X)


def alternate(
    problem: Problem,
    data: SweepData | None = None,
    *,
    key: PRNGKeyArray,
    schedule: Schedule = Schedule(),  # noqa: B008 (frozen)
    extra: Callable[[SweepState], Any] = lambda state: (),
    on_sweep: Sequence[OnSweep] = (),
    X: LowRank | None = None,
    run: Alternation | None = None,
    checkpoint: Checkpoints | None = None,
) -> Alternation:
    """Solve for all rows with the columns held, then for all columns, again and again.

    Each row is a small system, ``(sum_j w_ij v_j v_j' + R) u_i = sum_j w_ij y_ij v_j + ...``, solved exactly; the
    regularizer adds what [`NormalTerms`][matmend.regularizer.NormalTerms] says and learns between two sweeps. At
    temperature 1 noise of the covariance of the solution is added to each: a Gibbs sampler, whose draws are averaged.
    That needs no weight to be tuned (the regularizer's ridges are learned), over-fits less than any single solution,
    and says how sure it is.

    Parameters
    ----------
    problem : Problem
        `Entries` with the squared loss, thin factors (two, or a `Biased` of two), and quadratic regularizers.
    data : SweepData, optional
        The observed entries arranged, if they are already, or for more than one device.
    key : PRNG key
    schedule : Schedule, optional
    extra : callable ``SweepState -> pytree of arrays``, optional
        What to keep of every draw besides the factors.
    on_sweep : sequence of callables ``(alternation, row) -> bool or None``
        Progress bars. Returning True ends the run with ``Result.interrupted``.
    X : LowRank, optional
        Start from these factors; they are drawn by default.
    run : Alternation, optional
        Continue this one.
    checkpoint : Checkpoints, optional
        Save there after a sweep when it is due and at the end, and go on from the newest snapshot found there, before
        `run`: the result has the bits that the undisturbed run would have had.

    Returns
    -------
    Alternation

    Raises
    ------
    ValueError
        If the problem is not one of least squares, see `matmend.solve.sweeps.start`.
    FloatingPointError
        If a system is singular: a ridge is too small for the precision.

    Notes
    -----
    Rows coupled by a graph are solved for with their neighbours at the values of the sweep before (block Jacobi), of
    draws too; these are then nearly, not exactly, those of the posterior.

    References
    ----------
    Zhou et al. 2008, doi:10.1007/978-3-540-68880-8_32 (alternating least squares); Salakhutdinov & Mnih 2008,
    doi:10.1145/1390156.1390267 (draws).

    Examples
    --------
    >>> from matmend.regularizer import FactorPrior
    >>> from matmend.representation import DeepFactorization
    >>> rows, cols = np.divmod(np.arange(60 * 40), 40)
    >>> values = np.outer(np.arange(1, 61), np.arange(1, 41)).ravel() / 600
    >>> seen = np.random.default_rng(0).random(values.size) < 0.3
    >>> entries = Entries.from_triplets(rows[seen], cols[seen], values[seen].astype(np.float32), normalizer=1.0)
    >>> prior = FactorPrior(axis=0, width=1, ridge=1e-3) + FactorPrior(axis=1, width=1, ridge=1e-3)
    >>> problem = Problem(entries, DeepFactorization(depth=2, width=1), prior)
    >>> found = alternate(problem, key=jax.random.key(0), schedule=Schedule(temperature=0.0, max_sweeps=20)).X
    >>> bool(abs(np.asarray(found.dense()).ravel() - values).max() < 1e-2)
    True
    """
    if not isinstance(problem.observation, Entries):
        raise ValueError(
            f"Alternating least squares reads a list of entries, got {type(problem.observation).__name__}: make it one "
            "with Entries.from_triplets, or train with `solve` and Adam."
        )
    data = SweepData.from_entries(problem.observation) if data is None else data
    begun = run
    if begun is None:
        state = _start(problem, key=key)
        state = state if X is None else eqx.tree_at(lambda s: (s.X, s.mean), state, (X, X))
        begun = Alternation(problem, state, (), (), Result.running)
    found = None if checkpoint is None else checkpoint.latest_of(lambda info: _shapes(begun, extra, info))
    run = begun if found is None else _restored(problem, *found)
    mesh = data.by_row.mesh
    check_alike(mesh, int(run.state.sweep), "the sweep to go on from")
    # All devices hold the factors; a state that starts on one of them would be compiled for twice.
    state = replicated(run.state, mesh)
    run = Alternation(problem, state, run.draws, run.record, Result.running)
    temperature = np.asarray(schedule.temperature, data.num_entries.dtype)
    average = _Average(problem.heldout, run.draws)
    if run.record and _has_settled(run, schedule):
        return _ended(run, Result.settled)
    saved = int(state.sweep)

    while run.result == Result.running and int(run.state.sweep) < schedule.max_sweeps:
        count, draws = int(run.state.sweep), run.draws
        state = _sweep(problem.regularizer, data, _refreshed(run, schedule), temperature)
        variance = float(state.variance)
        if not np.isfinite(variance):
            raise FloatingPointError(
                f"Sweep {count + 1} has no finite solution: a ridge is too small for {temperature.dtype}. Raise it."
            )
        if schedule.temperature > 0 and count >= schedule.warmup:
            draws = (*draws, jax.tree.map(np.asarray, Draw(state.mean, extra(state))))
        row = {"sweep": count + 1, "noise": variance**0.5, "heldout": average.error(state.mean, len(draws))}
        _log.debug("sweep %d: noise %.6g, held-out error %s", count + 1, row["noise"], row["heldout"])
        run = Alternation(problem, state, draws, (*run.record, row), Result.running)
        if _has_settled(run, schedule):
            run = _ended(run, Result.settled)
        answers = [callback(run, row) for callback in on_sweep]
        is_due = checkpoint is not None and checkpoint.is_due()
        is_over = checkpoint is not None and checkpoint.termination.has_arrived
        is_asked, is_due, is_over = agreed(mesh, any(answers), is_due, is_over)
        if is_asked and run.result == Result.running:
            run = _ended(run, Result.interrupted)
        if checkpoint is not None and is_due:
            checkpoint.termination.has_arrived |= is_over  # what ends one process ends all
            saved = _save(run, checkpoint)
    if run.result == Result.running:
        run = _ended(run, Result.max_steps)
    _log.info("ended at sweep %d: %s", int(run.state.sweep), run.message)
    if checkpoint is not None and int(run.state.sweep) != saved:
        _save(run, checkpoint)
    return run


def _refreshed(run: Alternation, schedule: Schedule) -> SweepState:
    count, regularizer = int(run.state.sweep), run.problem.regularizer
    if not is_refreshed(regularizer) or count == 0 or count % schedule.refresh_every:
        return run.state
    fresh = regularizer.refresh(run.state.regularizer, run.state.mean)
    return eqx.tree_at(lambda s: s.regularizer, run.state, fresh)


def _ended(run: Alternation, result: Result) -> Alternation:
    return Alternation(run.problem, run.state, run.draws, run.record, result)


def _save(run: Alternation, checkpoint: Checkpoints) -> int:
    draws = jax.tree.map(lambda *leaves: np.stack(leaves), *run.draws) if run.draws else ()
    info = {"sweep": int(run.state.sweep), "draws": len(run.draws), "record": list(run.record)}
    checkpoint.save((jax.tree.map(np.asarray, run.state), draws), info)
    return info["sweep"]


def _shapes(run: Alternation, extra: Callable[[SweepState], Any], info: dict[str, Any]) -> Any:
    if not info["draws"]:
        return run.state, ()
    draw = eqx.filter_eval_shape(lambda state: Draw(state.mean, extra(state)), run.state)
    return run.state, jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((info["draws"], *leaf.shape), leaf.dtype), draw)


def _restored(problem: Problem, saved: tuple[SweepState, Any], info: dict[str, Any]) -> Alternation:
    state, stacked = saved
    draws = tuple(jax.tree.map(lambda leaf: np.asarray(leaf[i]), stacked) for i in range(info["draws"]))  # noqa: B023
    return Alternation(problem, state, draws, tuple(info["record"]), Result.running)


class _Average:
    """Predictions of held-out entries, averaged over the draws that count."""

    def __init__(self, heldout: Any, draws: Sequence[Draw]):
        self.heldout = heldout
        self.total: NDArray[np.floating] | None = None
        self.count = 0
        for draw in draws if heldout is not None else ():
            self._add(draw.X)

    def _add(self, X: LowRank) -> None:
        new = np.asarray(_predict(X, self.heldout), np.float64)
        self.total = new if self.total is None else self.total + new
        self.count += 1

    def error(self, X: LowRank, num_draws: int) -> float | None:
        """Root mean square error of the mean of the draws, of X itself before there are any."""
        if self.heldout is None:
            return None
        X = jax.tree.map(np.asarray, X)
        if num_draws == 0:
            predicted = np.asarray(_predict(X, self.heldout), np.float64)
        else:
            self._add(X)
            assert self.total is not None
            predicted = self.total / self.count
        weights = np.asarray(self.heldout.weights, np.float64)
        return float(np.sqrt(np.sum(weights * (predicted - np.asarray(self.heldout.values)) ** 2) / weights.sum()))


def _has_settled(run: Alternation, schedule: Schedule) -> bool:
    name = "noise" if run.record[-1]["heldout"] is None else "heldout"
    errors = [row[name] for row in run.record]
    if schedule.temperature > 0:
        errors = errors[-len(run.draws) :] if run.draws and name == "heldout" else []
    if len(errors) <= schedule.patience:
        return False
    return min(errors[-schedule.patience :]) > (1 - schedule.tolerance) * min(errors[: -schedule.patience])
