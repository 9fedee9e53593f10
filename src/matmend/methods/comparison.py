"""Which method suits these data: all of them on the same entries, judged by the same others."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from matmend.masks import matched_holdout
from matmend.methods.completion import Completion, checked
from matmend.methods.inpainting.opencv import has_opencv
from matmend.metrics import mae, nmae, rmse

OF_OPENCV = {"navier_stokes", "fsr"}
"""Methods that need the optional extra ``images``."""


@dataclass(frozen=True)
class Score:
    """How one method did.

    Attributes
    ----------
    method : str
    nmae : float or None
        Mean absolute error on the held-out entries, divided by the range of all observed ones (by 1 if they are all
        equal). None if the method failed.
    rmse : float or None
        Root mean squared error on the same entries, in units of the data.
    true_nmae : float or None
        [`nmae`][matmend.metrics.nmae] on the entries that are missing indeed, where the truth was given.
    seconds : float
        Wall time, compilation included.
    message : str
        Why the method ended, or failed.
    completion : Completion or None
        What it made of the array *without* the held-out entries.
    """

    method: str
    nmae: float | None
    rmse: float | None
    true_nmae: float | None
    seconds: float
    message: str
    completion: Completion | None = field(default=None, repr=False, compare=False)


OnMethod = Callable[[str, Score | None], Any]
"""Called with the name of a method before it runs (and None), and again with its score."""


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
        Names in the `registry`; by default all of them that can run here ([`runnable`][matmend.methods.runnable]), the
        floors `zeros` and `mean` first. Run in this order.
    fraction : float in (0, 1), default 0.1
        Share of the observed entries held out.
    seed : int
        Fixes the choice of held-out entries, and is the seed of every method.
    truth : array like ``observed``, optional
        If there is one: the true error is computed too, and changes nothing else.
    settings : mapping ``method -> {setting: value}``, optional
        Settings other than the methods' own defaults.
    on_method : sequence of callables ``(method, score or None)``
        Progress; an exception (``KeyboardInterrupt``, say) passes through.

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
    from matmend.methods import registry  # it is made where this function is exported

    names = runnable() if methods is None else list(dict.fromkeys(methods))
    for name in (*names, *(settings or {})):
        if name not in registry:
            raise ValueError(f"There is no method {name!r}; there are {', '.join(registry)}.")
    if not names:
        raise ValueError(f"No method was named; there are {', '.join(registry)}.")
    array, seen = checked(observed, mask)
    true = None if truth is None else np.asarray(truth)
    if true is not None:
        if true.shape != array.shape:
            raise ValueError(f"The truth must have shape {array.shape} like the array, got {true.shape}.")
        nmae(true, true, seen)  # refuses what it could not judge by, before the work and not after
    train, held = matched_holdout(seen, fraction, seed=seed)

    scores: list[Score] = []
    shown = np.where(train if array.ndim == 2 else train[..., None], array, np.nan).astype(array.dtype, copy=False)
    for name in names:
        for callback in on_method:
            callback(name, None)
        started = time.perf_counter()
        try:
            done = registry[name](shown, train, seed=seed, **(settings or {}).get(name, {}))
            scores.append(_score(name, done, array, seen, held, true))
        except Exception as error:  # whatever it is, the other methods still have something to say
            message = f"{type(error).__name__}: {error}"
            scores.append(Score(name, None, None, None, time.perf_counter() - started, message))
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
    from matmend.methods import registry  # as above

    without = set() if has_opencv() else OF_OPENCV
    return [name for name in reversed(registry) if name not in without]


def ranked(scores: Iterable[Score]) -> list[Score]:
    """Sort by error, the least first and those without one last.

    Examples
    --------
    >>> [s.method for s in ranked([Score("a", None, *3 * [None], ""), Score("b", 0.2, *3 * [None], "")])]
    ['b', 'a']
    """
    return sorted(scores, key=lambda score: (score.nmae is None, score.nmae or 0.0))


def _score(
    name: str, done: Completion, array: np.ndarray, seen: np.ndarray, held: np.ndarray, truth: np.ndarray | None
) -> Score:
    known = array[seen].astype(np.float64)
    spread = float(known.max() - known.min()) or 1.0
    return Score(
        name,
        mae(done.X_hat[held], array[held]) / spread,
        rmse(done.X_hat[held], array[held]),
        None if truth is None else nmae(done.X_hat, truth, seen),
        done.seconds,
        done.message,
        done,
    )
