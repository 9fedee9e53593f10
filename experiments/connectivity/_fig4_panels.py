"""The panels of Figure 4."""

from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.figure import Figure

from experiments._axes import plain

INKS = ("#1f5fa8", "#c2410c", "#2f855a")
RED = "#d11f2a"


def draw(result: dict[str, Any]) -> Figure:
    """Draw the matrix, one run, all patterns, the pairs across the blocks, saddle and greedy solution."""
    done = result["cells"]
    run = done["patterns"][0]
    figure = Figure(figsize=(15, 12.5), layout="constrained")
    panels = figure.subplots(3, 3)
    M = np.asarray(result["M"])
    hidden = np.ones((3, 3), dtype=bool)
    hidden[0, 0] = hidden[1:, 1:] = False
    saddle = next(p for p in run["plateaus"] if p["ranks"][0] == 1)
    _matrix(panels[0, 0], M, "(a) rank 1, observed in two blocks", hidden=hidden)
    _spectrum(panels[0, 1], run, "A", "b")
    _spectrum(panels[0, 2], run, "B", "c")
    _spectrum(panels[1, 0], run, "W_aug", "d")
    _patterns(panels[1, 1], done["patterns"], saddle)
    _pairs(panels[1, 2], result)
    _matrix(panels[2, 0], np.asarray(saddle["X"]), "(g) where the run stands still (red in e)")
    _matrix(panels[2, 1], np.asarray(run["greedy"]["X"]), "(h) greedy low-rank learning: rank 2, zeros across")
    _cosines(panels[2, 2], done["cosines"])
    return figure


def _finish(axes: Axes, title: str, xlabel: str, ylabel: str = "") -> None:
    axes.set_title(title, fontsize=11.5)
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    plain(axes)


def _matrix(axes: Axes, X: np.ndarray, title: str, hidden: np.ndarray | None = None) -> None:
    axes.imshow(np.where(hidden, 0, X) if hidden is not None else X, cmap="Blues", vmin=0, vmax=4)
    for i, j in np.ndindex(X.shape):
        text, size, ink = f"{X[i, j]:.2f}", 14, "white" if X[i, j] > 2.4 else "0.1"
        if hidden is not None and hidden[i, j]:
            axes.fill(
                [j - 0.5, j + 0.5, j + 0.5, j - 0.5], [i - 0.5, i - 0.5, i + 0.5, i + 0.5],
                facecolor="0.94", edgecolor="0.72", hatch="//", linewidth=0,
            )  # fmt: skip
            text, size, ink = "?", 18, "0.1"
        elif abs(X[i, j]) < 5e-3:
            text, ink = "0" if X[i, j] == 0 else f"{X[i, j]:.0e}".replace("e-0", "e-"), "0.45"
        box = {"facecolor": "white", "edgecolor": "none", "boxstyle": "circle,pad=0.12"} if text == "?" else None
        axes.text(j, i, text, ha="center", va="center", fontsize=size, color=ink, bbox=box)
    for block in (([-0.5, 0.5], [-0.5, 0.5]), ([0.5, 2.5], [0.5, 2.5])):
        (left, right), (top, bottom) = block
        axes.plot([left, right, right, left, left], [top, top, bottom, bottom, top], color="0.15", linewidth=1.8)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_xlim(-0.54, 2.54)
    axes.set_ylim(2.54, -0.54)
    axes.spines[:].set_visible(False)
    axes.set_title(title, fontsize=11.5)


def _spectrum(axes: Axes, run: dict[str, Any], name: str, letter: str) -> None:
    step, sigma = np.asarray(run["step"]), np.asarray(run[name])
    for k, ink in enumerate(INKS):
        axes.plot(step, sigma[:, k], color=ink, linewidth=2, label=rf"$\sigma_{k + 1}$")
    top = 1.15 * sigma.max()
    end = 330
    rises = [int(step[np.argmax(sigma[:, k] > 0.5 * sigma[-1, k])]) for k in (0, 1)]
    for k, (start, stop) in enumerate(((0, rises[0]), (rises[0], rises[1]), (rises[1], end))):
        axes.text((start + stop) / 2, top, f"rank {k}", fontsize=9.5, color="0.35", va="top", ha="center")
    for at in rises:
        axes.axvline(at, color="0.65", linestyle="--", linewidth=1)
    axes.set_xlim(0, end)
    axes.set_ylim(-0.03 * top, 1.02 * top)
    if letter == "b":
        axes.legend(frameon=False, fontsize=10, loc="center right")
    label = {"W_aug": r"$W_{\rm aug} = [A;\, B^T]$"}.get(name, f"${name}$")
    _finish(axes, f"({letter}) singular values of {label}", "step")


def _patterns(axes: Axes, lanes: list[dict[str, Any]], saddle: dict[str, Any]) -> None:
    inks = colormaps["turbo"](np.linspace(0.05, 0.95, len(lanes)))
    for lane, ink in zip(lanes, inks, strict=True):
        step, loss = np.asarray(lane["step"]), np.asarray(lane["loss"])
        i, j = lane["entry"]
        axes.semilogy(step, loss, color=ink, linewidth=1.6, label=f"({i}, {j})")
    axes.semilogy(saddle["step"], saddle["loss"], "o", color=RED, markersize=9, zorder=5)
    axes.set_xlim(0, 980)
    axes.set_ylim(1e-4, 100)
    axes.legend(
        frameon=False,
        fontsize=9,
        ncols=3,
        loc="upper right",
        bbox_to_anchor=(1, 0.92),
        title="entry by itself",
        title_fontsize=9,
    )
    _finish(axes, "(e) loss of the 9 patterns", "step", "loss")


def _pairs(axes: Axes, result: dict[str, Any]) -> None:
    sweep = result["cells"]["variances"]
    strength = np.sqrt(result["M"][0][0] * result["sigma"])
    (u2, _), (v2, _) = result["u"], result["v"]
    product = result["M"][0][0] * result["M"][1][1]
    span = np.geomspace(0.2, 8, 200)
    for sign in (-1, 1):
        label = r"rank 1: $W_{12} W_{21} = M_{11} M_{22}$" if sign == 1 else None
        axes.plot(sign * span, sign * product / span, color="0.55", linewidth=1.3, linestyle="--", label=label)
    ends = np.array([-1, 1]) * strength
    axes.plot(ends * u2, ends * v2, color="0.15", linewidth=1.3, label=r"least nuclear norm: $|c| \leq 1$")
    axes.plot(ends * u2, ends * v2, "|", color="0.15", markersize=11)
    variances = np.asarray(sweep["variance"])
    norm = LogNorm(variances.min(), variances.max())
    order = np.argsort(-variances)
    cmap = ListedColormap(colormaps["plasma_r"](np.linspace(0.2, 1, 256)))
    for k in order:
        axes.scatter(
            sweep["W21"][k], sweep["W12"][k], c=np.full(len(sweep["W21"][k]), variances[k]), norm=norm, cmap=cmap,
            s=62 - 48 * list(order).index(k) / max(len(order) - 1, 1), edgecolor="white", linewidth=0.4, zorder=3,
        )  # fmt: skip
    axes.figure.colorbar(
        ScalarMappable(norm, cmap), ax=axes, label="variance of the initial factors", shrink=0.85, pad=0.02
    )
    axes.set_xlim(-4.2, 4.2)
    axes.set_ylim(-4.2, 4.2)
    axes.set_aspect("equal")
    axes.legend(fontsize=9, loc="lower right", framealpha=0.9, edgecolor="none")
    _finish(axes, "(f) learned pairs across the blocks", r"$W_{21}$", r"$W_{12}$")


def _cosines(axes: Axes, cosines: dict[str, Any]) -> None:
    learned, predicted = np.asarray(cosines["learned"]), np.asarray(cosines["predicted"])
    axes.axline((0, 0), slope=1, color="0.6", linewidth=1, zorder=0)
    axes.plot(predicted, learned, ".", color=INKS[0], markersize=5, alpha=0.7)
    worst = float(np.max(np.abs(learned - predicted)))
    axes.text(-0.98, 0.96, f"{len(learned)} runs\nlargest difference {worst:.0e}", fontsize=10, va="top")
    inset = axes.inset_axes((0.56, 0.1, 0.4, 0.26))
    inset.hist(learned, bins=10, range=(-1, 1), density=True, color=INKS[0], alpha=0.45)
    inset.axhline(0.5, color="0.2", linewidth=1)
    inset.set_yticks([])
    inset.set_xticks([-1, 0, 1])
    inset.tick_params(labelsize=8)
    inset.spines[["top", "right", "left"]].set_visible(False)
    inset.set_title("how often, and 1/2", fontsize=9)
    axes.set_xlim(-1.05, 1.05)
    axes.set_ylim(-1.05, 1.05)
    axes.set_aspect("equal")
    _finish(
        axes, "(i) the number c across the blocks", "predicted from the initial factors", "read off the learned matrix"
    )
