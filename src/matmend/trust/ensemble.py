"""A scale from disagreement: the same method on other subsets of the entries, with other seeds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matmend.methods import Completion, Recipe, air, complete_many_with, dmf, rdmf
from matmend.solve import never
from matmend.trust.scale import ConditionalDeviation, Constant, Fit, LocalError, Scale


@dataclass(frozen=True)
class Ensemble:
    """How far completions of random parts of the training entries, with other seeds, are from the completion.

    Root mean square over the members. Where the method is trained, all members are one batch under `vmap`; elsewhere
    they are made one after the other, with the settings that were chosen on all training entries.

    Parameters
    ----------
    members : int, default 4
    share : float, default 0.8
        Of the training entries, for each member.

    Examples
    --------
    >>> from matmend.methods import registry
    >>> X = np.outer(np.arange(1.0, 21.0), np.ones(15))
    >>> train = np.random.default_rng(0).random(X.shape) < 0.5
    >>> train[3, 1:] = False  # one entry and no more tells of row 3
    >>> settings = {"axis": 1}
    >>> fit = Fit(X, train, registry["mean"](X, train, axis=1), registry["mean"], settings={"axis": 1})
    >>> int(np.argmax(Ensemble()(fit).mean(axis=1)))
    3
    """

    members: int = 4
    share: float = 0.8

    def __post_init__(self) -> None:
        """Refuse settings out of range."""
        if self.members < 1 or not 0 < self.share <= 1:
            raise ValueError(
                f"Expected members >= 1 and 0 < share <= 1, got members={self.members}, share={self.share}."
            )

    def __call__(self, fit: Fit) -> NDArray[np.floating]:
        """Return the disagreement."""
        rng = np.random.default_rng([fit.seed, 1])
        masks = [self._part(fit.train, rng) for _ in range(self.members)]
        seeds = [fit.seed + 1 + k for k in range(self.members)]
        made = _trained(fit, masks, seeds) if fit.recipe is not None else _made(fit, masks, seeds)
        squares = sum((one.X_hat.astype(np.float64) - fit.completion.X_hat) ** 2 for one in made)
        return np.sqrt(np.asarray(squares) / len(made))

    def _part(self, train: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.bool_]:
        part = train & (rng.random(train.shape) < self.share)
        return part if part.any() else train


def _made(fit: Fit, masks: list[NDArray[np.bool_]], seeds: list[int]) -> list[Completion]:
    chosen = CHOSEN.get(fit.completion.method, lambda done: {})(fit.completion)
    return [
        fit.method(_shown(fit.array, mask), mask, seed=seed, **{**fit.settings, **chosen})
        for mask, seed in zip(masks, seeds, strict=True)
    ]


def _trained(fit: Fit, masks: list[NDArray[np.bool_]], seeds: list[int]) -> list[Completion]:
    """Train all members as one batch, as long as was best for the completion."""
    assert fit.recipe is not None
    length = fit.settings.get("steps") or fit.recipe.steps
    return complete_many_with(
        fit.recipe,
        [_shown(fit.array, mask) for mask in masks],
        masks,
        seeds=seeds,
        steps=max(1, fit.completion.step),
        every=fit.settings.get("every", 100),
        optimizer=fit.settings.get("optimizer") or fit.recipe.optimizer(length),
        scale=fit.completion.settings["scale"],
        holdout=0.0,
        stop=never,
    )


def _shown(array: NDArray[np.floating], mask: NDArray[np.bool_]) -> NDArray[np.floating]:
    return np.where(mask if array.ndim == 2 else mask[..., None], array, np.nan).astype(array.dtype)


def _of_air(done: Completion, settings: dict[str, Any]) -> Recipe:
    width = settings.get("width")
    rest = {name: settings[name] for name in ("transforms",) if name in settings}
    for recipe in air.candidates(width, **rest):
        # The one that the held-out entries chose says so in its settings.
        names = ("depth", "is_slow")
        if "candidates" in done.settings and all(recipe.settings.get(n) == done.settings.get(n) for n in names):
            return recipe
    weight = done.settings["weights"][0]
    rest |= {name: settings[name] for name in ("initialization",) if settings.get(name) is not None}
    return air.recipe(done.settings["depth"], width, weight, **rest)


def _of(make: Callable[..., Recipe], *names: str) -> Callable[[Completion, dict[str, Any]], Recipe]:
    return lambda done, settings: make(**{name: settings[name] for name in names if name in settings})


RECIPES: Mapping[str, Callable[[Completion, dict[str, Any]], Recipe]] = MappingProxyType(
    {
        "air": _of_air,
        "dmf": _of(dmf.recipe, "depth", "width", "initialization"),
        "rdmf": _of(rdmf.recipe, "depth", "width", "weight", "initialization"),
    }
)
"""Trained methods, and what a completion and its settings were made of."""

CHOSEN: Mapping[str, Callable[[Completion], dict[str, Any]]] = MappingProxyType(
    {
        "glrl": lambda done: {"max_rank": max(1, done.settings["rank"]), "holdout": 0.0},
        "soft_impute": lambda done: {"shrinkage": done.settings["shrinkage"]},
    }
)
"""What a method need not choose again for every member."""

SCALES: Mapping[str, Scale] = MappingProxyType(
    {
        **dict.fromkeys(("patches", "biharmonic", "navier_stokes", "fsr", "pnmc"), LocalError()),
        **dict.fromkeys(("mean", "zeros"), Constant()),
        "gaussian": ConditionalDeviation(),
    }
)
"""Methods with a scale of their own; those of pictures take long, and their errors are local."""


def scale_for(method: str) -> Scale:
    """Return the scale that suits a method: its own, or an ensemble.

    Examples
    --------
    >>> scale_for("patches"), scale_for("soft_impute")
    (LocalError(window=7, power=0.5), Ensemble(members=4, share=0.8))
    """
    return SCALES.get(method, Ensemble())
