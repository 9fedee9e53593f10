"""The panels of Figure 5."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from experiments._axes import plain

BLUE, RED, GREEN = "#1f5fa8", "#c2410c", "#2f855a"


def draw_paths(axes: Any, paths: list[dict[str, Any]]) -> None:
    """Draw every run in the space of the two learned blocks and the cross block."""
    for path in reversed(paths):
        lowest = path["width"] == 1
        axes.plot(
            path["first block"], path["second block"], path["c"], color=BLUE if lowest else RED,
            linewidth=2.4 if lowest else 1.1, alpha=1 if lowest else 0.75, zorder=5 if lowest else 3,
        )  # fmt: skip
        axes.plot(1, 1, path["c"][-1], "o", color=BLUE if lowest else RED, markersize=7 if lowest else 4)
    axes.plot([1, 1], [1, 1], [-1, 1], color="0.35", linewidth=1, linestyle=":")
    axes.plot(0, 0, 0, "o", color="0.2", markersize=6)
    axes.plot(0, 1, 0, "D", color="0.2", markersize=7, zorder=10)
    axes.text(0.02, 0.02, -0.28, "start", fontsize=10)
    axes.text(0, 1, 0.2, "critical\npoint  ", fontsize=10, ha="right")
    axes.text(1, 1, 1.12, "lowest rank", fontsize=10, color=BLUE, ha="center")
    axes.set_xlabel(r"$W_{11}\, /\, M_{11}$")
    axes.set_ylabel(r"$u^T W_{22}\, v\, /\, \sigma$")
    axes.set_zlabel("c, cross block")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_zlim(-1, 1)
    axes.set_xticks([0, 0.5, 1])
    axes.set_yticks([0, 0.5, 1])
    axes.set_zticks([-1, 0, 1])
    axes.view_init(elev=16, azim=-52)
    axes.set_box_aspect((1, 1, 0.85), zoom=1.02)


def draw_rank(axes: Axes, paths: list[dict[str, Any]]) -> None:
    """Draw the distance to the matrices of rank 1."""
    for width, ink, label in ((3, RED, "full width: rank 2"), (1, BLUE, "width 1: exactly 0")):
        chosen = [path for path in paths if path["width"] == width]
        for place, path in enumerate(chosen):
            axes.plot(
                path["step"], path["sigma_2"], color=ink, linewidth=2.4 if width == 1 else 1.1,
                alpha=1 if width == 1 else 0.75, label=label if place == 0 else None,
            )  # fmt: skip
    axes.set_xlim(0, 350)
    axes.set_xlabel("step")
    axes.set_ylabel(r"$\sigma_2(W)$")
    plain(axes)
    axes.legend(frameon=False, fontsize=10, loc="upper left")


def draw_escape(axes: Any, escape: dict[str, Any]) -> None:
    """Draw the rows of A and the columns of B in polar coordinates of a plane."""
    S = np.asarray(escape["projected"])
    reach = 1.12 * np.abs(np.linalg.norm(S, axis=2)).max()
    line = np.asarray(escape["line"])
    angle = np.arctan2(line[1], line[0])
    axes.plot([angle, angle + np.pi], [reach, reach], color="0.55", linestyle="--", linewidth=1.2)
    for row in range(S.shape[1]):
        ink, name = (BLUE, "rows of A") if row < S.shape[1] // 2 else (RED, "columns of B")
        # A straight move in the plane: interpolated in Cartesian coordinates by the records themselves.
        x, y = S[:, row].T
        theta, radius = np.unwrap(np.arctan2(y, x)), np.hypot(x, y)
        axes.plot(theta, radius, color=ink, linewidth=1.6)
        axes.plot(theta[0], radius[0], "o", color="white", markeredgecolor=ink, markeredgewidth=1.6, markersize=6.5)
        first = row in (0, S.shape[1] // 2)
        axes.plot(theta[-1], radius[-1], "o", color=ink, markersize=6.5, label=name if first else None)
    axes.plot([], [], "o", color="white", markeredgecolor="0.3", markeredgewidth=1.6, label="on the plateau of rank 1")
    axes.plot([], [], "o", color="0.3", label="on that of rank 2")
    axes.set_rlim(0, reach)
    axes.set_rlabel_position(np.degrees(angle) + 90)
    axes.tick_params(labelsize=8.5)
    axes.set_xticklabels([])  # the axes of a random plane mean nothing
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize=9.5, loc="upper center", bbox_to_anchor=(0.5, -0.06), ncol=2)
