"""Theorem 2 and Corollary 1 of AIR-Net: what a graph becomes when its logits flow at a fixed matrix, and how fast.

The rows of the matrix have norm 1 and positive entries, some are equal; all logits start equal. ``m`` rows, ``k``
unordered pairs of equal ones, ``n_0 = m + 2 k``, ``n_1 = m^2 - n_0``, ``C_kl = 1 - <x_k, x_l>``. Claims, in numbers:

* the limit is the paper's but for a sign: ``-2 / (m + 2 k)`` on equal pairs, 0 on the others, to 1e-5;
* the logits stay symmetric, the energy ``R`` never rises and goes to 0 (Corollary 1's point);
* the three printed rates and the bound of Corollary 1, ``c exp(-D t)`` with ``D = min 4 C_kl / m^2``, do *not* hold:
  each is broken from some time on, and would be with any other ``D > 0``, because the flow slows down like ``1 / t``;
* these hold at all times instead: ``|L_kl| <= 2 / (n_0 + 2 C_kl t)`` on unequal pairs; on equal ones
  ``gamma - |L_kl| <= sum 2 / (n_0 + 2 C t) / n_0``, summed over the unequal ones; on the diagonal the larger of
  the two sums over its row; and ``R_0 / (1 + 2 R_0 t) <= R <= R_0 / (1 + n_0 R_0 t / (m^2 n_1))``;
* ``t R -> n_0 n_1 / m^2``, to 1 %, whatever the matrix.

``python -m experiments.air.theorem2`` takes about ten seconds, and so does ``--quick``. No data are needed.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from experiments._axes import plain
from experiments._harness import cells, main
from matmend.dynamics import flow
from matmend.matrix import Dense
from matmend.regularizer import AdaptiveLaplacian, TotalSoftmax

GRAPH = AdaptiveLaplacian(normalization=TotalSoftmax())
INK = {"unequal": "#1f5fa8", "equal": "#2f855a", "diagonal": "#805ad5"}
PRINTED, HOLDS = "#c2410c", "0.15"


@dataclass(frozen=True)
class Config:
    """What is run."""

    groups: tuple[int, ...]  # rows with one number are equal
    features: int
    decades: int  # of time, from 0.1 on
    seed: int = 0

    @property
    def equal(self) -> np.ndarray:
        """Which pairs of rows are equal, the diagonal included."""
        return np.equal.outer(self.groups, self.groups)


def paper() -> Config:
    """Return 12 rows: a group of four, one of three, a pair, and three that have no equal."""
    return Config((0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 4, 5), features=6, decades=8)


def quick() -> Config:
    """Return 5 rows with one pair."""
    return Config((0, 0, 1, 2, 3), features=3, decades=8)


def compute(config: Config, folder: Path | None = None) -> dict[str, Any]:
    """Follow the logits."""
    jax.config.update("jax_enable_x64", True)
    return cells(folder, config, {"flow": lambda: _flow(config)})["flow"]


def check(result: dict[str, Any]) -> None:
    """Assert the claims."""
    t, L, R = (np.asarray(result[name]) for name in ("times", "L", "R"))
    bounds = _bounds(result)
    np.testing.assert_allclose(L[-1], bounds["limit"], atol=1e-5)
    assert result["asymmetry"] < 1e-9, "the logits are not symmetric"
    assert (np.diff(R) < 0).all(), "the energy rose"
    errors = _errors(L, bounds)
    for name, error in errors.items():
        broken = error > bounds["printed"][name]
        first = t[broken.argmax()]
        print(f"{name:9s} error {error[0]:.2e} -> {error[-1]:.2e}; the printed bound is broken from t = {first:.3g} on")
        assert broken[-1], f"the printed bound on {name} entries was not broken"
        assert (error <= bounds["holds"][name] * (1 + 1e-6)).all(), f"the bound on {name} entries does not hold"
    broken = bounds["corollary"] < R
    print(f"energy    R {R[0]:.2e} -> {R[-1]:.2e}; Corollary 1 is broken from t = {t[broken.argmax()]:.3g} on")
    assert broken[-1], "the bound of Corollary 1 was not broken"
    assert (bounds["R_low"] * (1 - 1e-6) <= R).all(), "R is below its lower bound"
    assert (bounds["R_high"] * (1 + 1e-6) >= R).all(), "R is above its upper bound"
    print(f"t R / (n_0 n_1 / m^2) -> {t[-1] * R[-1] / bounds['tR']:.5f}")
    assert abs(t[-1] * R[-1] / bounds["tR"] - 1) < 0.01, "the limit of t R"


def draw(result: dict[str, Any]) -> Figure:
    """Draw the errors of the three classes, the energy, and the Laplacian on its way."""
    t, L, R = (np.asarray(result[name]) for name in ("times", "L", "R"))
    bounds = _bounds(result)
    figure = Figure(figsize=(16, 7.4), layout="constrained")
    above, below = list(figure.subfigures(2, 1, squeeze=False, height_ratios=(1.25, 1))[:, 0])
    titles = {
        "unequal": r"unequal pairs: $|L_{kl}|$",
        "equal": r"equal pairs: $\gamma - |L_{kl}|$",
        "diagonal": r"diagonal: $|L_{kk} - L^*_{kk}|$",
    }
    panels = above.subplots(1, 4)
    for axes, (name, error) in zip(panels, _errors(L, bounds).items(), strict=False):
        _panel(axes, t, error, INK[name], bounds["printed"][name], "Theorem 2 as printed")
        axes.plot(t[1:], bounds["holds"][name][1:], color=HOLDS, linestyle=":", linewidth=1.8, label="bound that holds")
        axes.set_title(titles[name])
    _panel(panels[3], t, R, "#b7791f", bounds["corollary"], "Corollary 1 as printed")
    panels[3].fill_between(t[1:], bounds["R_low"][1:], bounds["R_high"][1:], color="0.6", alpha=0.3, linewidth=0)
    panels[3].plot([], [], color="0.6", alpha=0.5, linewidth=8, label="bounds that hold")
    panels[3].plot(t[1:], bounds["tR"] / t[1:], color=HOLDS, linestyle=":", linewidth=1.8, label=r"$n_0 n_1 / (m^2 t)$")
    panels[3].set_title("the energy $R(t)$")
    for axes in panels:
        axes.legend(frameon=False, loc="lower left", fontsize=9)
    # The clock of the flow: its first changes are of order t / m^2.
    chosen = [*np.searchsorted(t, len(bounds["limit"]) ** 2 * np.array([0.1, 1, 3, 10, 100])), None]
    maps = below.subplots(1, len(chosen))
    colours = ScalarMappable(Normalize(0, bounds["gamma"]), cmap="magma_r")
    for axes, at in zip(maps, chosen, strict=True):
        shown = -(bounds["limit"] if at is None else L[at])
        off = np.where(np.eye(len(shown), dtype=bool), np.nan, shown)
        axes.set_facecolor("0.85")
        axes.imshow(off, cmap=colours.cmap, norm=colours.norm)
        axes.set_title(r"$L^*$" if at is None else f"t = {_nice(t[at])}")
        axes.set_xticks([])
        axes.set_yticks([])
    below.colorbar(colours, ax=maps, label=r"$-L_{kl}$, from 0 to $\gamma$", shrink=0.85)
    return figure


def _panel(axes: Any, t: np.ndarray, error: np.ndarray, ink: str, printed: np.ndarray, label: str) -> None:
    axes.loglog(t[1:], error[1:], color=ink, linewidth=2.4, label="the flow")
    axes.plot(t[1:], printed[1:], color=PRINTED, linestyle="--", linewidth=1.6, label=label)
    broken = int((error > printed).argmax())
    axes.plot(t[broken], error[broken], "x", color=PRINTED, markersize=9, markeredgewidth=2)
    axes.annotate(
        f"broken from\nt = {_nice(t[broken])}",
        (t[broken], error[broken]),
        (16, 16),
        textcoords="offset points",
        fontsize=9,
        color=PRINTED,
    )
    axes.set_ylim(0.1 * error[-1], 10 * max(printed[0], error[0]))
    axes.set_xlabel("t")
    plain(axes)


def _nice(t: Any) -> str:
    exponent = int(np.floor(np.log10(t)))
    return f"{t:.3g}" if exponent < 3 else rf"${t / 10**exponent:.1f} \cdot 10^{exponent}$"


class _Energy(eqx.Module):
    X: jax.Array

    def __call__(self, logits: jax.Array) -> jax.Array:
        return GRAPH.energy(logits, Dense(self.X))


def _flow(config: Config) -> dict[str, Any]:
    rng = np.random.default_rng(config.seed)
    X = rng.uniform(0.1, 1, size=(max(config.groups) + 1, config.features))[list(config.groups)]
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    times = np.r_[0, np.logspace(-1, config.decades - 1, 12 * config.decades + 1)]
    m = len(X)
    trajectory = flow(_Energy(jnp.asarray(X)), jnp.zeros((m, m)), times)
    return {
        "times": times.tolist(),
        "C": np.where(config.equal, 0, 1 - X @ X.T).tolist(),
        "L": np.asarray(jax.lax.map(GRAPH.laplacian, trajectory.params)).tolist(),
        "R": np.asarray(trajectory.loss).tolist(),
        "asymmetry": float(jnp.abs(trajectory.params - trajectory.params.swapaxes(1, 2)).max()),
        "steps": int(trajectory.num_steps),
    }


def _errors(L: np.ndarray, bounds: dict[str, Any]) -> dict[str, np.ndarray]:
    """Largest error of each class at each time."""
    distance = np.abs(L - bounds["limit"])
    return {name: distance[:, where].max(axis=1) for name, where in bounds["classes"].items()}


def _bounds(result: dict[str, Any]) -> dict[str, Any]:
    t, C = np.asarray(result["times"]), np.asarray(result["C"])
    R_0 = result["R"][0]
    m = len(C)
    diagonal = np.eye(m, dtype=bool)
    unequal, equal = C > 0, (C == 0) & ~diagonal
    n_0 = m + int(equal.sum())
    n_1 = m**2 - n_0
    gamma = 2 / n_0
    limit = np.where(equal, -gamma, 0)
    limit[diagonal] = -limit.sum(axis=1)
    decay = np.exp(-4 * C[unequal].min() / m**2 * t)
    each = np.where(unequal, 2 / (n_0 + 2 * C * t[:, None, None]), 0)
    of_equal = each.sum(axis=(1, 2)) / n_0
    of_rows = np.maximum(each.sum(axis=2), of_equal[:, None] * equal.sum(axis=1))
    return {
        "limit": limit,
        "gamma": gamma,
        "classes": {"unequal": unequal, "equal": equal, "diagonal": diagonal},
        "printed": {"unequal": n_0 * decay, "equal": decay, "diagonal": (m - 1) * n_0 * decay},
        "holds": {"unequal": each.max(axis=(1, 2)), "equal": of_equal, "diagonal": of_rows.max(axis=1)},
        "corollary": 2 * n_0 * (m - 1) * m * decay,
        "R_low": R_0 / (1 + 2 * R_0 * t),
        "R_high": R_0 / (1 + n_0 * R_0 * t / (m**2 * n_1)),
        "tR": n_0 * n_1 / m**2,
    }


if __name__ == "__main__":
    main("air-theorem2", paper=paper, quick=quick, compute=compute, check=check, draw=draw)
