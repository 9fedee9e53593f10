"""The panels of Figure 3."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from experiments._axes import plain

INKS = ("#1f5fa8", "#2f855a", "#b7791f", "#c2410c")
BLUE, RED, CYAN = "#1f5fa8", "#c2410c", "#0e9fb5"


def draw(result: dict[str, Any]) -> Figure:
    """Draw the matrix, the sweep over variances, all patterns, and one run closely."""
    done = result["cells"]
    run, patterns = done["curves"]["run"], done["curves"]["patterns"]
    figure = Figure(figsize=(15, 11.5), layout="constrained")
    panels = figure.subplots(3, 3)
    _matrix(panels[0, 0], np.asarray(result["M"]))
    _variances(panels[0, 1], done["variances"])
    _gradient(panels[0, 2], run)
    _patterns(panels[1, 0], patterns["even"], "(c) all patterns, even matrix")
    _patterns(panels[1, 1], patterns["random"], "(c') all patterns, random matrix")
    for axes, name, letter in zip((panels[1, 2], *panels[2]), ("W", "A", "B", "W_aug"), "efgh", strict=True):
        _spectrum(axes, run, name, letter)
    return figure


def _finish(axes: Axes, title: str, xlabel: str) -> None:
    axes.set_title(title, fontsize=11.5)
    axes.set_xlabel(xlabel)
    plain(axes)


def _matrix(axes: Axes, M: np.ndarray) -> None:
    bound = float(np.abs(M).max())
    axes.imshow(M, cmap="RdBu_r", vmin=-1.3 * bound, vmax=1.3 * bound)
    axes.fill([-0.5, 0.5, 0.5, -0.5], [-0.5, -0.5, 0.5, 0.5], facecolor="0.93", edgecolor="0.5", hatch="///")
    for i, j in np.ndindex(M.shape):
        hidden = (i, j) == (0, 0)
        axes.text(
            j, i, "?" if hidden else f"{M[i, j]:.2f}", ha="center", va="center", fontsize=18 if hidden else 11,
            color="white" if abs(M[i, j]) > 0.8 * bound and not hidden else "0.1",
            bbox={"facecolor": "white", "edgecolor": "none", "boxstyle": "circle,pad=0.15"} if hidden else None,
        )  # fmt: skip
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    axes.set_title("(a) rank 3, one entry hidden", fontsize=11.5)


def _variances(axes: Axes, sweep: dict[str, Any]) -> None:
    variance, sigma = np.asarray(sweep["variance"]), np.asarray(sweep["sigma"])
    for k, ink in enumerate(INKS):
        axes.loglog(variance, sigma[:, k], "o-", color=ink, markersize=4, linewidth=1.4, label=rf"$\sigma_{k + 1}$")
    small = (variance <= 1e-2) & (variance >= 1e-12)
    factor = np.exp(np.mean(np.log(sigma[small, 3] / variance[small])))
    axes.loglog(variance, factor * variance, color="0.45", linestyle=":", linewidth=1.5, label=f"{factor:.2f} var")
    axes.invert_xaxis()
    axes.xaxis.set_major_locator(LogLocator(numticks=9))
    axes.legend(frameon=False, fontsize=9.5)
    _finish(axes, r"(b) singular values of the learned $W$", "variance of the initial factors")


def _gradient(axes: Axes, run: dict[str, Any]) -> None:
    axes.semilogy(run["step"], run["gradient_norm"], color=BLUE, linewidth=1.5, label="norm of the gradient")
    passed = [plateau for plateau in run["plateaus"] if plateau["ranks"][0] > 0]
    axes.semilogy(
        [plateau["step"] for plateau in passed],
        [plateau["distance"] for plateau in passed],
        "x", color=CYAN, markersize=10, markeredgewidth=2.5, label=r"$\|W - \mathrm{best\ of\ rank\ } k\|$ there",
    )  # fmt: skip
    for plateau in passed:
        k = plateau["ranks"][0]
        axes.annotate(
            f"k = {k}", (plateau["step"], plateau["distance"]), xytext=(0, -18), textcoords="offset points",
            ha="center", fontsize=9.5,
        )  # fmt: skip
    axes.legend(frameon=False, fontsize=9.5)
    _finish(axes, "(d) where the run almost stands still", "step")


def _patterns(axes: Axes, lanes: list[dict[str, Any]], title: str) -> None:
    num_ok = sum(lane["rank"] == 3 for lane in lanes)
    for kind, ink, wanted in (("rank 3", BLUE, True), ("rank 4", RED, False)):
        chosen = [lane for lane in lanes if (lane["rank"] == 3) is wanted]
        for place, lane in enumerate(chosen):
            label = f"{len(chosen)} end at {kind}" if place == 0 else None
            axes.loglog(np.asarray(lane["step"]) + 1, lane["loss"], color=ink, linewidth=1, alpha=0.75, label=label)
    axes.set_xlim(left=20)
    axes.set_ylim(1e-19, 60)
    axes.legend(frameon=False, fontsize=9.5, loc="lower left")
    _finish(axes, f"{title}: {num_ok} of {len(lanes)}", "step")
    axes.set_ylabel("loss")


def _spectrum(axes: Axes, run: dict[str, Any], name: str, letter: str) -> None:
    step, sigma = np.asarray(run["step"]), np.asarray(run[name])
    steps = [plateau["step"] for plateau in run["plateaus"]]
    for k, ink in enumerate(INKS):
        axes.plot(step, sigma[:, k], color=ink, linewidth=1.8, label=rf"$\sigma_{k + 1}$")
    top = 1.12 * sigma.max()
    for plateau, at in zip(run["plateaus"], steps, strict=True):
        if plateau["ranks"][0] > 0:
            axes.axvline(at, color="0.6", linestyle="--", linewidth=1)
    ends = [*steps[1:], 0.5 * (steps[-1] + 600)]
    for k, at in enumerate(ends, start=1):
        axes.text(at, top, f" rank {k}", fontsize=9.5, color="0.35", va="top", ha="left" if k < 3 else "center")
    axes.set_xlim(0, 600)
    axes.set_ylim(-0.03 * top, top * 1.02)
    if letter == "e":
        axes.legend(frameon=False, fontsize=9.5, loc="center right")
    label = {"W_aug": r"$W_{\rm aug} = [A;\, B^T]$"}.get(name, f"${name}$")
    _finish(axes, f"({letter}) singular values of {label}", "step")
