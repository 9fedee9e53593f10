"""From the parameters of an estimator to a completion: which method, run on what."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matmend.estimators.progress import Progress, Teller
from matmend.methods import Completion, Method, Recipe, Score, Training, choose, complete_with, registry

LEAST_TO_CHOOSE = 30
"""Observed entries below which held-out ones decide nothing, and "gaussian" is taken."""


@dataclass(frozen=True)
class Chosen:
    """A method with its settings, and what it was chosen against.

    Attributes
    ----------
    name : str
        "auto" stands for a method that is still to be chosen.
    method : Method or None
    settings : dict
    scores : list of Score
        Without the arrays that the methods made.
    reason : str
    is_table : bool
        Whether the scores are of scaled columns.
    """

    name: str
    method: Method | None
    settings: dict[str, Any]
    scores: list[Score]
    reason: str
    is_table: bool = False

    @classmethod
    def given(cls, method: str | Recipe, settings: Mapping[str, Any] | None) -> "Chosen":
        """Check what a person named."""
        if isinstance(method, Recipe):
            return cls(method.method, partial(complete_with, method), dict(settings or {}), [], "given")
        if not isinstance(method, str) or (method not in registry and method != "auto"):
            raise ValueError(f'method: expected "auto", a Recipe or one of {", ".join(registry)}, got {method!r}.')
        if method == "auto" and settings:
            raise ValueError(
                'settings: they belong to a method, and method="auto" may choose another; name the method.'
            )
        if method in registry:
            _check_settings(method, settings or {})
        return cls(method, registry.get(method), dict(settings or {}), [], "given")

    def resolved(self, values: NDArray[np.floating], seen: NDArray[np.bool_], seed: int, tell: Teller) -> "Chosen":
        """Choose by held-out entries if it is still open. Values are in units of the data."""
        if self.method is not None:
            return self
        if np.count_nonzero(seen) < LEAST_TO_CHOOSE:
            return Chosen("gaussian", registry["gaussian"], {}, [], "there are too few entries to choose by")
        choice = choose(values, seen, seed=seed, on_method=[tell.on_method])
        scores = [replace(score, completion=None) for score in choice.scores]
        return Chosen(
            choice.method, registry[choice.method], choice.settings, scores, choice.reason, choice.kind == "table"
        )

    def run(self, values: NDArray[np.floating], seen: NDArray[np.bool_], seed: int, tell: Teller) -> Completion:
        """Complete the array."""
        assert self.method is not None
        tell(Progress("completing", self.name))
        settings = dict(self.settings)
        if _trains(self.method):
            settings["on_block"] = (*settings.get("on_block", ()), tell.on_block(self.name))
        return self.method(np.where(seen, values, values.dtype.type(np.nan)), seen, seed=seed, **settings)

    def error(self, is_scaled: bool) -> float | None:
        """Return the root mean squared error of the choice in units of the data or of scaled columns, if known."""
        for score in self.scores:
            if score.method == self.name and is_scaled == self.is_table:
                return score.error if is_scaled else score.rmse
        return None


def _check_settings(name: str, settings: Mapping[str, Any]) -> None:
    """Refuse settings that a method does not take, before anything is run."""
    parameters = inspect.signature(registry[name]).parameters.values()
    takes = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.name != "seed"]
    if any(p.kind is p.VAR_KEYWORD for p in parameters):  # **training: Unpack[Training]
        takes += [setting for setting in Training.__annotations__ if setting not in ("seed", *takes)]
    if unknown := [str(setting) for setting in settings if setting not in takes]:
        raise ValueError(
            f"settings: {name} does not take {', '.join(unknown)}; it takes {', '.join(takes) or 'none'} (the seed is "
            "random_state)."
        )


def _trains(method: Method) -> bool:
    parameters = inspect.signature(method).parameters.values()
    return any(p.name == "on_block" or p.kind is p.VAR_KEYWORD for p in parameters)
