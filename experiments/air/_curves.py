"""Training runs that the figures share: each is made once, whichever figure asks first."""

import hashlib
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from experiments._harness import cells
from experiments.air._data import Cell
from experiments.air._records import Graphs, TrueError, packed, unpacked
from matmend.metrics import nmae
from matmend.observation import Masked
from matmend.problem import Problem
from matmend.regularizer import AbstractRegularizer, AdaptiveLaplacian, Sum, frozen
from matmend.representation import DeepFactorization, Gaussian
from matmend.solve import adam, never, solve
from matmend.transform import Transpose

STORE = "air-curves"
"""Folder of results in which the figures find each other's runs."""

KEPT = {
    "baboon": (3000, 4000, 7000, 9000, 10_000),
    "syn-netflix": (1000, 2000, 3000, 4000, 5000, 7000, 10_000, 15_000, 20_000),
    "camera": (3000, 5000, 7000, 8000),
    "ratings": (200, 500, 2000),
}
"""Steps at which learned graphs are kept."""

Curve = dict[str, Any]
"""Lists ``step``, ``nmae``, ``fidelity``, ``energies`` (row graph, column graph; empty for DMF); see [`graphs`][]."""


@dataclass(frozen=True)
class Run:
    """One training: all observed entries, a fixed number of steps of Adam, no stop rule.

    Attributes
    ----------
    method : str
        ``air`` or ``dmf``.
    cell : Cell
    steps : int
    weight : float
        Of both graphs; unused by DMF.
    start : Gaussian
        Start of the factors.
    learning_rate : float
    seed : int
    keep : tuple of int
        Steps at which the learned graphs are kept.
    frozen_at : int, optional
        Take the graphs that the same run had learned at this step, and leave them as they are from step 0 on.
    """

    method: str
    cell: Cell
    steps: int
    weight: float
    start: Gaussian
    learning_rate: float = 1e-3
    seed: int = 0
    keep: tuple[int, ...] = ()
    frozen_at: int | None = None

    @property
    def key(self) -> str:
        """Name that no other run has."""
        return f"{self.name}-{hashlib.sha256(repr(self).encode()).hexdigest()[:8]}"

    @property
    def name(self) -> str:
        """Name for files and keys."""
        return f"{self.method}-{self.cell.name}" + ("" if self.frozen_at is None else f"-frozen-{self.frozen_at}")


def run_of(method: str, cell: Cell) -> Run:
    """Return a run by the protocol that reproduces Table 1, or one of its kind for the small data.

    Pictures and interactions: weight 1e-4, factors from N(1e-3, 1e-3^2), 10,001 steps. Ratings, raw in 1..5: weight
    1e-5, factors from N(0, 1e-5), 20,001 steps. On small data weight times number of entries is that of a large one,
    and steps are fewer.
    """
    keep = KEPT.get(cell.data, ()) if method == "air" else ()
    start = Gaussian(1e-3, 1e-3)
    match cell.data:
        case "syn-netflix":
            return Run(method, cell, 20_001, 1e-5, Gaussian(0.0, 1e-5**0.5), keep=keep)
        case "camera":
            return Run(method, cell, 8001, 1e-4 * 240**2 / 64**2, start, keep=keep)
        case "interactions":
            return Run(method, cell, 1501, 1e-4 * 210 * 204 / (40 * 42), start, 3e-3, keep=keep)
        case "ratings":
            # Larger entries at the start than those of the large one: fewer of them make up an entry of the product.
            return Run(method, cell, 2001, 1e-5 * 150 * 200 / (45 * 60), Gaussian(0.0, 0.02), 3e-3, keep=keep)
        case _:
            return Run(method, cell, 10_001, 1e-4, start, keep=keep)


def curves(runs: list[Run], folder: Path | None, workers: int = 1) -> dict[str, Curve]:
    """Make the runs, or read those that an earlier call made; by name."""
    learning = [replace(run, frozen_at=None) for run in runs if run.frozen_at is not None]
    found: dict[str, Curve] = {}
    # First what the frozen ones take their graphs from. A run is its own configuration, told by its key: figures that
    # ask for the same run share it.
    for stage in (dict.fromkeys(learning), dict.fromkeys(runs)):
        todo = {run.key: partial(_trained, run, _source(run, found)) for run in stage}
        found |= cells(folder, STORE, todo, workers=workers)
    return {run.name: found[run.key] for run in runs}


def graphs(curve: Curve, step: int) -> tuple[NDArray[np.float64], ...]:
    """Return the learned graphs of rows and of columns at a step that was kept: symmetric, zero diagonal."""
    found = []
    for logits in curve["graphs"][str(step)]:
        affinity = np.array(AdaptiveLaplacian().affinity(jnp.asarray(unpacked(logits))), dtype=np.float64)
        np.fill_diagonal(affinity, 0)
        found.append((affinity + affinity.T) / 2)
    return tuple(found)


def energy(curve: Curve) -> NDArray[np.float64]:
    """Return ``R_r + R_c``, without weights, at every record."""
    return np.sum(curve["energies"], axis=0)


def _source(run: Run, found: dict[str, Curve]) -> list[dict[str, Any]] | None:
    if run.frozen_at is None:
        return None
    return found[replace(run, frozen_at=None).key]["graphs"][str(run.frozen_at)]


def _trained(run: Run, given: list[dict[str, Any]] | None) -> Curve:
    X_true, mask = run.cell.load()
    m = X_true.shape[0]
    problem = Problem(
        Masked.from_array(X_true, mask, normalizer=X_true.size),
        DeepFactorization(depth=3, width=m, initialization=run.start),  # the authors' inner size is m, whatever n
        _regularizer(run, given),
    )
    kept = Graphs(() if run.frozen_at else run.keep)
    solution = solve(
        problem, adam(run.learning_rate), key=jax.random.key(run.seed), max_steps=run.steps, stop=never,
        record=TrueError(X_true, ~mask), on_block=[kept],
    )  # fmt: skip
    record = solution.record
    return {
        "step": record["step"].tolist(),
        "nmae": record["nmae"].tolist(),
        "fidelity": record["fidelity"].tolist(),
        "energies": [energy.tolist() for energy in record["energies"]],
        "least observed": {
            "step": int(solution.state.best.step),
            "nmae": nmae(np.asarray(solution.X_best.dense()), X_true, mask),
        },
        "graphs": {str(step): [packed(logits) for logits in both] for step, both in kept.kept.items()},
    }


def _regularizer(run: Run, given: list[dict[str, Any]] | None) -> AbstractRegularizer:
    if run.method == "dmf":
        return Sum()
    adaptive = run.weight * AdaptiveLaplacian() + run.weight * AdaptiveLaplacian(Transpose())
    return adaptive if given is None else frozen(adaptive, tuple(jnp.asarray(unpacked(logits)) for logits in given))
