"""Which model predicts given ratings best: trained on the same part, judged by the same others."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matmend.io import Ratings
from matmend.methods.comparison import OnMethod, Score, ranked
from matmend.methods.ratings.baseline import baseline
from matmend.methods.ratings.completing import complete_ratings
from matmend.methods.resident import Growth

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Rater = Callable[..., tuple[Floats, str]]
"""``(ratings, is_held, *, seed, **settings) -> (predictions of the held-out ratings, how it ended)``."""


def runnable_raters() -> dict[str, Rater]:
    """Return what can predict ratings here, by the names that a comparison takes.

    Returns
    -------
    dict
        ``mean`` of all; ``baseline``, the mean and what is usual for a user and an item; ``cmfrec`` with its defaults,
        where it is installed; ``ratings``, our [`complete_ratings`][matmend.methods.ratings.complete_ratings].

    References
    ----------
    Cortes 2018, "Cold-start recommendations in Collective Matrix Factorization", arXiv:1809.00366.

    Examples
    --------
    >>> list(runnable_raters())[:2]
    ['mean', 'baseline']
    """
    peers = {} if find_spec("cmfrec") is None else {"cmfrec": _cmfrec}
    return {"mean": _mean, "baseline": _baseline, **peers, "ratings": _ours}


def compare_ratings(
    ratings: Ratings,
    *,
    methods: Iterable[str] | None = None,
    fraction: float = 0.1,
    seed: int = 0,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    on_method: Sequence[OnMethod] = (),
) -> list[Score]:
    """Predict held-out ratings by several models and rank these by their root mean squared error.

    Parameters
    ----------
    ratings : Ratings
    methods : iterable of str, optional
        Names in [`runnable_raters`][matmend.methods.ratings.comparing.runnable_raters]; by default all, in its order.
    fraction : float in (0, 1), default 0.1
        Share of the ratings held out, at random.
    seed : int, default 0
        Fixes the choice of held-out ratings, and is the seed of every model.
    settings : mapping ``method -> {setting: value}``, optional
        Settings other than the models' own defaults.
    on_method : sequence of callables ``(method, score or None)``
        Progress; an exception (``KeyboardInterrupt``, say) passes through.

    Returns
    -------
    list of Score
        By root mean squared error, the least first; what failed comes last, and says why. Without completions: a
        matrix of ratings may be too large for one.

    Raises
    ------
    ValueError
        If there are too few ratings, or a name is unknown.

    Notes
    -----
    Predictions are cut to the range of the ratings shown, for all models alike.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> rows, cols = np.divmod(rng.choice(40 * 30, 600, replace=False).astype(np.int32), np.int32(30))
    >>> ratings = Ratings(rows, cols, (rows % 5 + cols % 3).astype(np.float32), (40, 30))
    >>> [score.method for score in compare_ratings(ratings, methods=["mean", "baseline"])]
    ['baseline', 'mean']
    """
    known = runnable_raters()
    names = list(known) if methods is None else list(dict.fromkeys(methods))
    for name in (*names, *(settings or {})):
        if name not in known:
            raise ValueError(f"There is no method {name!r} for ratings; there are {', '.join(known)}.")
    if not names:
        raise ValueError(f"No method was named; there are {', '.join(known)}.")
    is_held = held_ratings(ratings.values.size, fraction, seed=seed)
    scores: list[Score] = []
    for name in names:
        for callback in on_method:
            callback(name, None)
        scores.append(_attempt(name, known[name], ratings, is_held, seed, (settings or {}).get(name, {})))
        for callback in on_method:
            callback(name, scores[-1])
    return ranked(scores)


def held_ratings(num_ratings: int, fraction: float, *, seed: int) -> Bools:
    """Choose ratings to hold out.

    Raises
    ------
    ValueError
        If the share is out of range, or fewer than two ratings are there.

    Examples
    --------
    >>> int(held_ratings(50, 0.1, seed=0).sum())
    5
    """
    if not 0 < fraction < 1:
        raise ValueError(f"fraction: expected a share in (0, 1), got {fraction!r}; 0.1 holds out every tenth rating.")
    if num_ratings < 2:
        raise ValueError(f"Expected two ratings or more to compare models on, got {num_ratings}.")
    num_held = min(max(1, round(fraction * num_ratings)), num_ratings - 1)
    is_held = np.zeros(num_ratings, bool)
    is_held[np.random.default_rng(seed).choice(num_ratings, num_held, replace=False, shuffle=False)] = True
    return is_held


def _attempt(
    name: str, rater: Rater, ratings: Ratings, is_held: Bools, seed: int, settings: Mapping[str, Any]
) -> Score:
    shown, truth = ratings.values[~is_held], ratings.values[is_held].astype(np.float64)
    started = time.perf_counter()
    growth = Growth()
    try:
        with growth:
            found, message = rater(ratings, is_held, seed=seed, **settings)
        off = np.clip(np.asarray(found, np.float64), shown.min(), shown.max()) - truth
        if not np.isfinite(off).all():
            raise ValueError("the predictions have values that are not finite.")
    except Exception as error:  # whatever it is, the other models still have something to say
        seconds = time.perf_counter() - started
        return Score(name, None, None, None, seconds, f"{type(error).__name__}: {error}", memory=growth.most)
    seconds = time.perf_counter() - started
    rmse, spread = float(np.sqrt(np.mean(off**2))), float(np.ptp(ratings.values)) or 1.0
    return Score(
        name, float(np.mean(np.abs(off))) / spread, rmse, None, seconds, message, errors=(rmse,), memory=growth.most
    )


def _mean(ratings: Ratings, is_held: Bools, *, seed: int = 0) -> tuple[Floats, str]:
    del seed
    return np.full(int(is_held.sum()), ratings.values[~is_held].mean(dtype=np.float64)), "one mean"


def _baseline(ratings: Ratings, is_held: Bools, *, seed: int = 0) -> tuple[Floats, str]:
    del seed
    found = baseline(ratings.rows, ratings.cols, ratings.values, ratings.shape, is_held)
    return found, "a mean for all, a bias for each user and item"


def _ours(ratings: Ratings, is_held: Bools, *, seed: int = 0, **settings: Any) -> tuple[Floats, str]:
    shown = replace(
        ratings, rows=ratings.rows[~is_held], cols=ratings.cols[~is_held], values=ratings.values[~is_held],
        row_ids=None, col_ids=None,
    )  # fmt: skip
    model = complete_ratings(shown, seed=seed, **settings)
    found = model.predict(ratings.rows[is_held], ratings.cols[is_held])
    return np.asarray(found.values, np.float64), model.message


def _cmfrec(ratings: Ratings, is_held: Bools, *, seed: int = 0, **settings: Any) -> tuple[Floats, str]:
    from cmfrec import CMF  # pyright: ignore[reportMissingImports] (an optional package)
    from scipy.sparse import coo_matrix

    rows, cols = ratings.rows[~is_held], ratings.cols[~is_held]
    shown = coo_matrix((ratings.values[~is_held].astype(np.float64), (rows, cols)), shape=ratings.shape)
    model = CMF(random_state=seed, verbose=False, **settings).fit(shown)
    found = np.asarray(model.predict(ratings.rows[is_held], ratings.cols[is_held]), np.float64)
    middle = float(shown.data.mean())  # users and items without any rating
    return np.where(np.isnan(found), middle, found), "done"
