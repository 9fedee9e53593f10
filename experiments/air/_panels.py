"""How the curves of several runs are drawn and judged."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from experiments.air._curves import Curve

BLUE, RED = "#1f5fa8", "#c2410c"


def summary(curve: Curve) -> dict[str, float]:
    """Return where a curve ends, its least value with its step, and the NMAE of the iterate of least observed loss."""
    least = int(np.argmin(curve["nmae"]))
    return {
        "final": curve["nmae"][-1],
        "least": curve["nmae"][least],
        "at": curve["step"][least],
        "kept": curve["least observed"]["nmae"],
    }


def without_graphs(curve: Curve) -> dict[str, Any]:
    """Return what a figure's result keeps of a curve."""
    return {"step": curve["step"], "nmae": curve["nmae"], "summary": summary(curve)}


def draw_pair(axes: Axes, air: dict[str, Any], dmf: dict[str, Any], *, note: str = "", dash: str = "-") -> None:
    """Draw NMAE of AIR-Net and DMF against the step."""
    for name, curve, colour in (("AIR-Net", air, BLUE), ("DMF", dmf, RED)):
        label = f"{name}{note}: {curve['summary']['kept']:.2g}"
        axes.plot(curve["step"], curve["nmae"], color=colour, linestyle=dash, linewidth=1.5, label=label)


def finish(axes: Axes, title: str, *, is_left: bool = True) -> None:
    """Give a panel of curves its words."""
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    # Where a panel spans but a decade or two, powers of ten alone would leave it without numbers.
    between = "246" if high < 100 * low else ""
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
    axes.yaxis.set_minor_formatter(FuncFormatter(lambda y, _: f"{y:g}" if f"{y:e}"[0] in between else ""))
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.tick_params(which="both", labelsize=9)
    axes.set_title(title, fontsize=11)
    axes.set_xlabel("step")
    if is_left:
        axes.set_ylabel("NMAE on missing entries")
    axes.grid(alpha=0.25, which="both")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8.5)


def grid(num_rows: int, num_columns: int, *, width: float = 4.4, height: float = 3.5) -> tuple[Figure, np.ndarray]:
    """Return a figure and its panels."""
    figure = Figure(figsize=(width * num_columns, height * num_rows), layout="constrained")
    return figure, figure.subplots(num_rows, num_columns, squeeze=False)
