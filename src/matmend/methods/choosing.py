"""Choose the method for given data: the quick ones that suit it race on several hold-outs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from matmend.masks import matched_holdout
from matmend.methods.comparison import OnMethod, Score, Unit, holdout_seed, ranked, scored
from matmend.methods.completion import Method, checked
from matmend.methods.standardising import standardised
from matmend.methods.suitable import OF_PICTURES, TRAINED, Nature, suitability
from matmend.methods.trial import Trial, attempt
from matmend.methods.yardstick import by_column, by_range, by_spread

SIMPLEST = (
    "mean", "zeros", "biharmonic", "navier_stokes", "iterative_svd", "soft_impute", "gaussian", "knn", "glrl", "fsr",
    "patches", "rdmf", "dmf", "dmf_de", "air", "pnmc",
)  # fmt: skip
"""All methods, those that are quick and easy to understand first: between equals the first one is chosen."""

QUICK: dict[str, dict[str, Any]] = {
    "mean": {},
    "zeros": {},
    "biharmonic": {},
    "navier_stokes": {},
    "iterative_svd": {"rank": None},
    "soft_impute": {},
    "gaussian": {},
    "knn": {"k": None},
    "glrl": {},
    "patches": {"preset": "fast"},
}
"""What is tried by default, with settings other than the defaults: those that the data choose, and the quick ones."""
ONLY_TRIED = {"patches": {"preset"}}
"""Settings that only save time in trying: a method that wins by them is to be run without."""

MOST_FOR_AIR = 256 * 256
"""Entries up to which AIR-Net is tried, where columns have one unit ..."""
MOST_UNEQUAL = 4
"""... if the longer side is at most so many times the shorter one: a long table has too little to tell columns by."""
STRUCTURED = 0.7
"""Error of the best quick method, in standard deviations, up to which there is something for a training to sharpen."""
MOST_CUBED = 1_000_000_000
"""Rows times columns cubed up to which `gaussian` takes seconds."""
FRACTION = 0.1
"""Share of the observed entries held out each time."""
LEAST_HELD = 1000
"""Held-out entries that all hold-outs together should have."""
HOLDOUTS = (3, 8)
"""Fewest and most hold-outs."""
CLEAR = 1.1
"""How much larger the errors of all others must be for the race to end early."""
BEHIND = 1.25
"""A method with an error that many times the least leaves the race."""
EQUAL = 0.01
"""Errors that differ by less than this share count as equal."""
WITHIN_NOISE = 0.03
"""... and so do errors that differ by less than their standard error, up to this share."""


@dataclass(frozen=True)
class Choice:
    """What was chosen, and against what.

    Attributes
    ----------
    method : str
        Its name in the registry.
    scores : list of Score
        Of all that were tried: those that stayed in the race by their mean error, the least first, then those that
        left it, then those that failed. The chosen method may come second: where errors are equal within noise the
        simpler method is taken.
    settings : dict
        What to run the chosen method with besides its defaults: what it was tried with, but for what only saved time
        (`patches` is tried with its fast preset).
    kind : {"picture", "interactions", "matrix", "table"}
        What the data were taken for.
    left_out : dict
        The methods that were not tried, with reasons.
    reason : str
        Why this one, in words.
    """

    method: str
    scores: list[Score]
    settings: dict[str, Any] = field(default_factory=dict)
    kind: Nature = "matrix"
    left_out: dict[str, str] = field(default_factory=dict)
    reason: str = ""


def choose(
    observed: ArrayLike,
    mask: ArrayLike | None = None,
    *,
    seed: int = 0,
    methods: Iterable[str] | None = None,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    on_method: Sequence[OnMethod] = (),
    fraction: float = FRACTION,
) -> Choice:
    """Choose the method that completes an array best, on entries that are held out in the shape of what is missing.

    All methods run on a first hold-out; those near the best run on more. Of those that are then equal within noise the
    simplest is taken.

    Parameters
    ----------
    observed, mask
        As in [`complete_with`][matmend.methods.complete_with].
    seed : int, default 0
        Fixes the choice of held-out entries, and is the seed of every method.
    methods : iterable of str, optional
        Names in the `registry`; by default the quick ones among those that suit
        ([`suitability`][matmend.methods.suitability]), and AIR-Net where it can be expected to help and has up to
        256 x 256 entries to train on, see below.
    settings : mapping ``method -> {setting: value}``, optional
        Settings in place of those of `QUICK`.
    on_method : sequence of callables ``(method, score or None)``
        Progress, as in [`compare`][matmend.methods.compare]; methods that stay in the race are heard of several times.
    fraction : float in (0, 1), default 0.1
        Share of the observed entries held out each time.

    Returns
    -------
    Choice

    Raises
    ------
    ValueError
        If the array or the mask cannot be used, a method is unknown, or no method could do it; the message says why.

    Notes
    -----
    Errors are root mean squares. In a *table*, of columns with units of their own, every column is standardised before
    a method sees it, and each entry's error is divided by the standard deviation of its column: no column decides by
    its unit.

    AIR-Net runs on matrices of one unit whose sides are not too unequal, if the best quick method is within 0.7
    standard deviations (beyond, noise is most of what there is) and is none of those for pictures.

    The hold-outs are 3 to 8, the more the fewer entries each has. Once they have 1000 entries together, a method whose
    error is 1.25 times the least leaves the race, which ends early if no other is within a tenth of the best. A trained
    method leaves as soon as it does not lead. Two errors are equal if they differ, in the mean over the hold-outs, by
    less than 1 %, or by less than 3 % and than the standard error of their difference. Times play no part, so that the
    same data and seed always lead to the same choice.

    References
    ----------
    Breiman, Friedman, Olshen & Stone 1984, *Classification and Regression Trees*, section 3.4.3, on the rule of one
    standard error; Roberts et al., doi:10.1111/ecog.02881, on hold-outs in the shape of what is missing.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(60, 2)) @ rng.normal(size=(2, 12))
    >>> choice = choose(np.where(rng.random(X.shape) < 0.2, np.nan, X), methods=["mean", "knn", "iterative_svd"])
    >>> choice.method, choice.scores[0].method
    ('iterative_svd', 'iterative_svd')
    """
    from matmend.methods import registry  # it is made where this function is exported

    array, seen = checked(observed, mask)
    found = suitability(array, seen)
    names = _tried(found.kind, found.methods, array.shape) if methods is None else list(dict.fromkeys(methods))
    for name in (*names, *(settings or {})):
        if name not in registry:
            raise ValueError(f"There is no method {name!r}; there are {', '.join(registry)}.")
    if not names:
        raise ValueError(f"No method was named; there are {', '.join(registry)}.")
    given = {name: dict((settings or {}).get(name, QUICK.get(name, {}))) for name in names}
    around = standardised if found.kind == "table" else _as_it_is
    race = _Race(
        {name: around(registry[name]) for name in names}, given, array, seen, fraction, seed, unit_for(found.kind),
        on_method, is_open=methods is None,
    )  # fmt: skip
    race.run()
    scores = race.scores()
    if scores[0].error is None:
        raise ValueError(f"No method could complete the array: {scores[0].method} ended with {scores[0].message}")
    method, reason = race.winner()
    tried = {score.method for score in scores}
    left_out = {name: found.left_out.get(name, "takes long") for name in registry if name not in tried}
    only_tried = set() if method in (settings or {}) else ONLY_TRIED.get(method, set())
    kept = {name: value for name, value in given[method].items() if name not in only_tried}
    return Choice(method, scores, kept, found.kind, left_out, reason)


def unit_for(kind: Nature) -> Unit:
    """Return what errors are measured by in data of a kind.

    Examples
    --------
    >>> unit_for("table").__name__, unit_for("picture").__name__
    ('by_column', 'by_spread')
    """
    return by_column if kind == "table" else by_spread


class _Race:
    """The trials of all methods, hold-out by hold-out."""

    def __init__(
        self,
        methods: Mapping[str, Method],
        settings: Mapping[str, Mapping[str, Any]],
        array: NDArray[Any],
        seen: NDArray[np.bool_],
        fraction: float,
        seed: int,
        unit: Unit,
        on_method: Sequence[OnMethod],
        *,
        is_open: bool,
    ):
        self.methods, self.settings, self.seed, self.on_method = methods, settings, seed, on_method
        self.array, self.seen, self.fraction, self.is_open = array, seen, fraction, is_open
        self.yardsticks = by_range(array, seen), unit(array, seen)
        self.trials: dict[str, list[Trial]] = {name: [] for name in methods}

    def run(self) -> None:
        """Run everything once, what takes long last, and what is near the best again."""
        slow = [name for name in self.methods if name in TRAINED]
        num_held = self._round(0, [name for name in self.methods if name not in slow])
        if slow and (not self.is_open or self._is_promising()):
            num_held = self._round(0, slow)
        rounds = int(np.clip(np.ceil(LEAST_HELD / num_held), *HOLDOUTS))
        for number in range(1, rounds):
            names = self._staying(slow, is_known=number * num_held >= LEAST_HELD)
            if len(names) < 2:
                return
            self._round(number, names)

    def scores(self) -> list[Score]:
        """Return those with most hold-outs first, by error; then the others, then the failed."""
        scores = [self._score(name) for name, trials in self.trials.items() if trials]
        return sorted(ranked(scores), key=lambda score: (score.error is None, -len(score.errors)))

    def winner(self) -> tuple[str, str]:
        """Return the simplest of those that are equal to the best, and why it was taken."""
        errors = self._errors()
        best = min(errors, key=lambda name: float(errors[name].mean()))
        equal = [name for name in errors if _is_equal(errors[name], errors[best])]
        chosen = min(equal, key=_place)
        held = f"{errors[best].size} hold-out{'s' if errors[best].size > 1 else ''}"
        if chosen == best:
            return best, f"{best} has the least error on {held}"
        return chosen, f"{chosen} is as good as {best} within noise on {held}, and simpler"

    def _round(self, number: int, names: Sequence[str]) -> int:
        train, held = matched_holdout(self.seen, self.fraction, seed=holdout_seed(self.seed, number))
        for name in names:
            for callback in self.on_method:
                callback(name, None)
            trial = attempt(
                self.methods[name], self.array, train, held, self.yardsticks, seed=self.seed,
                settings=self.settings[name],
            )  # fmt: skip
            self.trials[name].append(trial)
            for callback in self.on_method:
                callback(name, self._score(name))
        return int(held.sum())

    def _score(self, name: str) -> Score:
        return scored(name, self.trials[name])

    def _errors(self) -> dict[str, NDArray[np.float64]]:
        """Return the errors of those that are still in the race, one for each hold-out."""
        done = {name: np.array([t.errors[1] for t in ts if t.errors]) for name, ts in self.trials.items()}
        most = max(map(len, done.values()))
        return {name: errors for name, errors in done.items() if len(errors) == most > 0}

    def _staying(self, slow: Sequence[str], *, is_known: bool) -> list[str]:
        """Return who runs again; from few entries nobody is told to leave but what takes long and does not lead."""
        if is_known and len(self._in_reach(CLEAR)) < 2:
            return []
        names = self._in_reach(BEHIND if is_known else np.inf)
        return [name for name in names if name not in slow or name in self._in_reach(1.0)]

    def _is_promising(self) -> bool:
        """Tell whether a training may be worth its time, going by the quick methods."""
        errors = {name: float(found.mean()) for name, found in self._errors().items()}
        best = min(errors, key=errors.__getitem__, default="")
        return errors.get(best, np.inf) <= STRUCTURED and best not in OF_PICTURES

    def _in_reach(self, ratio: float) -> list[str]:
        errors = {name: float(found.mean()) for name, found in self._errors().items()}
        return [name for name, error in errors.items() if error <= ratio * min(errors.values())]


def _tried(kind: Nature, methods: Iterable[str], shape: tuple[int, ...]) -> list[str]:
    """Return what is quick among what suits, the simplest first."""
    m, n, size = shape[0], int(np.prod(shape[1:])), int(np.prod(shape))
    slow = set() if m * n**3 <= MOST_CUBED else {"gaussian"}
    is_for_air = kind != "table" and len(shape) == 2 and max(m, n) <= MOST_UNEQUAL * min(m, n)
    more = {"air"} if is_for_air and size <= MOST_FOR_AIR else set()
    return sorted((name for name in methods if name in (QUICK.keys() | more) - slow), key=_place)


def _is_equal(errors: NDArray[np.float64], best: NDArray[np.float64]) -> bool:
    """Tell whether a method is as good as the best one, from errors on the same hold-outs."""
    excess, noise = errors - best, 0.0
    if errors.size > 1:
        noise = min(float(excess.std(ddof=1)) / np.sqrt(errors.size), WITHIN_NOISE * float(best.mean()))
    return float(excess.mean()) <= max(EQUAL * float(best.mean()), noise)


def _place(name: str) -> int:
    return SIMPLEST.index(name) if name in SIMPLEST else len(SIMPLEST)


def _as_it_is(method: Method) -> Method:
    return method
