"""Which method suits these data: all of them on the same entries, judged by the same others."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from matmend.masks import matched_holdout
from matmend.methods.completion import Completion, Method, checked
from matmend.methods.inpainting.opencv import has_opencv
from matmend.methods.peers import runnable_peers
from matmend.methods.suitable import OF_OPENCV
from matmend.methods.trial import Trial, attempt
from matmend.methods.yardstick import Yardstick, by_range
from matmend.metrics import nmae


@dataclass(frozen=True)
class Score:
    """How one method did.

    Attributes
    ----------
    method : str
    nmae : float or None
        Mean absolute error on the held-out entries, divided by the range of all observed ones (by 1 if they are all
        equal); the mean over the hold-outs. None if the method failed.
    rmse : float or None
        Root mean squared error on the same entries, in units of the data; the mean over the hold-outs.
    true_nmae : float or None
        [`nmae`][matmend.metrics.nmae] on the entries that are missing indeed, where the truth was given.
    seconds : float
        Wall time of one run, compilation included; the mean over the hold-outs.
    message : str
        Why the method ended, or failed.
    completion : Completion or None
        What it made of the array *without* the held-out entries (those of the first hold-out).
    errors : tuple of float
        What methods are ranked by, for each hold-out; empty where that is `nmae`.
    memory : int or None
        Bytes by which the resident memory of the process grew during a run, sampled; the largest of the hold-outs
        (`matmend.methods.resident.Growth`). None where the system does not tell.
    """

    method: str
    nmae: float | None
    rmse: float | None
    true_nmae: float | None
    seconds: float
    message: str
    completion: Completion | None = field(default=None, repr=False, compare=False)
    errors: tuple[float, ...] = ()
    memory: int | None = field(default=None, compare=False)

    @property
    def error(self) -> float | None:
        """What methods are ranked by: the mean of `errors`, without any the `nmae`; None if the method failed."""
        return None if self.nmae is None else float(np.mean(self.errors)) if self.errors else self.nmae


OnMethod = Callable[[str, Score | None], Any]
"""Called with the name of a method before it runs (and None), and again with its score."""

Unit = Callable[[NDArray[Any], NDArray[np.bool_]], Yardstick]
"""From an array and its mask to what errors are measured by."""


def compare(
    observed: ArrayLike,
    mask: ArrayLike | None = None,
    *,
    methods: Iterable[str] | None = None,
    fraction: float = 0.1,
    seed: int = 0,
    truth: ArrayLike | None = None,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    on_method: Sequence[OnMethod] = (),
    repeats: int = 1,
    unit: Unit = by_range,
    around: Callable[[Method], Method] | None = None,
) -> list[Score]:
    r"""Complete an array by several methods and rank them by their error on entries that none of them saw.

    .. math:: \frac{1}{|H|} \sum_{(i,j) \in H} \frac{|\hat X_{ij} - Y_{ij}|}{\max Y - \min Y}, \quad H \subset \Omega

    where H is a part of the observed entries in the shape of what is missing: scattered if that is scattered, holes if
    it has holes (see [`matched_holdout`][matmend.masks.matched_holdout]).

    Parameters
    ----------
    observed, mask
        As in [`complete_with`][matmend.methods.complete_with].
    methods : iterable of str, optional
        Names in the `registry` or of peers ([`runnable_peers`][matmend.methods.runnable_peers]); by default all of the
        registry that can run here ([`runnable`][matmend.methods.runnable]), the floors `zeros` and `mean` first. Run in
        this order.
    fraction : float in (0, 1), default 0.1
        Share of the observed entries held out.
    seed : int, default 0
        Fixes the choice of held-out entries, and is the seed of every method.
    truth : array like ``observed``, optional
        If there is one: the true error is computed too, and changes nothing else.
    settings : mapping ``method -> {setting: value}``, optional
        Settings other than the methods' own defaults.
    on_method : sequence of callables ``(method, score or None)``, optional
        Progress; an exception (``KeyboardInterrupt``, say) passes through.
    repeats : int >= 1, default 1
        Hold-outs, each drawn by itself; errors are means over them.
    unit : callable ``(array, mask) -> Yardstick``, default `by_range`
        What errors are measured by: for tables whose columns have units of their own
        `matmend.methods.yardstick.by_column`.
    around : callable ``Method -> Method``, optional
        Put around every method, such as [`standardised`][matmend.methods.standardised].

    Returns
    -------
    list of Score
        By error, the least first; methods that failed come last, and say why.

    Raises
    ------
    ValueError
        If the array, the mask or the truth cannot be used, or a method is unknown; the message says why.

    Notes
    -----
    All methods train on nine tenths of what there is, so each can be expected to do a little better on all of it. The
    methods that set entries aside themselves take these from the nine tenths. Which of two is better is not certain
    where their errors are close: another `seed` holds out others.

    References
    ----------
    Stone, "Cross-validatory choice and assessment of statistical predictions", doi:10.1111/j.2517-6161.1974.tb00994.x.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.outer(np.arange(1.0, 21.0), np.arange(1.0, 16.0))  # of rank 1
    >>> mask = np.random.default_rng(0).random(X.shape) > 0.2
    >>> scores = compare(X, mask, methods=["mean", "iterative_svd"], settings={"iterative_svd": {"rank": 1}})
    >>> [score.method for score in scores]
    ['iterative_svd', 'mean']
    >>> scores[0].nmae < 0.01 < scores[1].nmae
    True
    """
    known = {**_registry(), **runnable_peers()}
    names = runnable() if methods is None else list(dict.fromkeys(methods))
    for name in (*names, *(settings or {})):
        if name not in known:
            raise ValueError(f"There is no method {name!r}; there are {', '.join(known)}.")
    if not names:
        raise ValueError(f"No method was named; there are {', '.join(known)}.")
    if repeats < 1:
        raise ValueError(f"repeats: expected a number of hold-outs >= 1, got {repeats!r}.")
    array, seen = checked(observed, mask)
    true = None if truth is None else np.asarray(truth)
    if true is not None:
        if true.shape != array.shape:
            raise ValueError(f"The truth must have shape {array.shape} like the array, got {true.shape}.")
        nmae(true, true, seen)  # refuses what it could not judge by, before the work and not after
    holdouts = [matched_holdout(seen, fraction, seed=holdout_seed(seed, k)) for k in range(repeats)]
    yardsticks = by_range(array, seen), unit(array, seen)

    scores: list[Score] = []
    for name in names:
        for callback in on_method:
            callback(name, None)
        method = known[name] if around is None else around(known[name])
        trials: list[Trial] = []
        for train, held in holdouts:
            if trials and trials[-1].errors is None:
                break
            chosen = (settings or {}).get(name, {})
            trials.append(attempt(method, array, train, held, yardsticks, seed=seed, settings=chosen))
        scores.append(scored(name, trials, truth=true, seen=seen))
        for callback in on_method:
            callback(name, scores[-1])
    return ranked(scores)


def runnable() -> list[str]:
    """Return the methods for which all that they need is installed, the floors first.

    Examples
    --------
    >>> runnable()[:2], runnable()[-1]
    (['zeros', 'mean'], 'patches')
    """
    without = set() if has_opencv() else OF_OPENCV
    return [name for name in reversed(_registry()) if name not in without]


def ranked(scores: Iterable[Score]) -> list[Score]:
    """Sort by error, the least first and those without one last.

    Examples
    --------
    >>> [s.method for s in ranked([Score("a", None, *3 * [None], ""), Score("b", 0.2, *3 * [None], "")])]
    ['b', 'a']
    """
    return sorted(scores, key=lambda score: (score.error is None, score.error or 0.0))


def scored(
    name: str, trials: Sequence[Trial], *, truth: NDArray[Any] | None = None, seen: NDArray[np.bool_] | None = None
) -> Score:
    """Sum up the trials of a method, one for each hold-out; one that failed is a failure.

    Examples
    --------
    >>> scored("mean", [Trial((0.1, 2.0), 3.0, 1.0, None, ""), Trial((0.3, 4.0), 5.0, 1.0, None, "")]).error
    3.0
    """
    seconds = float(np.mean([trial.seconds for trial in trials]))
    memory = max((trial.memory for trial in trials if trial.memory is not None), default=None)
    failed = next((trial for trial in trials if trial.errors is None), None)
    if failed is not None:
        return Score(name, None, None, None, seconds, failed.message, memory=memory)
    done = trials[0].completion
    return Score(
        name,
        float(np.mean([trial.errors[0] for trial in trials if trial.errors])),
        float(np.mean([trial.rmse for trial in trials if trial.rmse is not None])),
        None if truth is None or seen is None or done is None else nmae(done.X_hat, truth, seen),
        seconds,
        trials[0].message,
        done,
        errors=tuple(trial.errors[1] for trial in trials if trial.errors),
        memory=memory,
    )


def holdout_seed(seed: int, number: int) -> int:
    """Return the seed of a hold-out: that of the first one is the seed given.

    Examples
    --------
    >>> holdout_seed(5, 0), len({holdout_seed(5, k) for k in range(9)})
    (5, 9)
    """
    return seed if number == 0 else int(np.random.SeedSequence((seed, number)).generate_state(1)[0])


def _registry() -> dict[str, Method]:
    from matmend.methods import registry  # it is made where this module's functions are exported

    return registry
