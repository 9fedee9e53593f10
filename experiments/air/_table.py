"""Table 1 as words and as a picture."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

COLUMNS = {
    "zeros": "zeros",
    "mean": "mean",
    "knn": "KNN",
    "svd": "SVD(20)",
    "soft_impute": "SoftImpute",
    "pnmc": "PNMC",
    "dmf": "DMF",
    "rdmf": "RDMF 1e-3",
    "rdmf_10": "RDMF 1e-2",
    "dmf_de": "DMF+DE",
    "air": "AIR",
    "air_defaults": "AIR, defaults",
}
"""Methods and the titles of their columns."""

_TITLES = ("knn", "svd", "pnmc", "dmf", "rdmf", "dmf_de", "air")
_ROWS = {
    "barbara-30": (0.083, 0.0621, 0.0622, 0.0613, 0.0494, None, 0.0471),
    "barbara-patch": (0.1563, 0.2324, 0.2055, 0.7664, 0.3025, None, 0.1195),
    "barbara-texture": (0.0712, 0.1331, 0.1100, 0.3885, 0.1864, None, 0.0692),
    "baboon-30": (0.0831, 0.1631, 0.0965, 0.2134, 0.0926, None, 0.0814),
    "baboon-patch": (0.1195, 0.1571, 0.1722, 0.8133, 0.2111, None, 0.1316),
    "baboon-texture": (0.1237, 0.1815, 0.1488, 0.5835, 0.2818, None, 0.1208),
    "syn-netflix-70": (0.0032, 0.0376, None, 0.0003, None, 0.0008, 0.0002),
    "syn-netflix-75": (0.0046, 0.0378, None, 0.0004, None, 0.0009, 0.0003),
    "syn-netflix-80": (0.0092, 0.0414, None, 0.0014, None, 0.0012, 0.0007),
    "ic-20": (0.0169, 0.0547, None, 0.0773, None, 0.0151, 0.0134),
    "gpcr-20": (0.0409, 0.0565, None, 0.1513, None, 0.0245, 0.0271),
}
PAPER: dict[str, dict[str, float]] = {
    row: {title: value for title, value in zip(_TITLES, values, strict=True) if value is not None}
    for row, values in _ROWS.items()
}
"""What the paper prints: cell, then method, then NMAE."""


def arrange(result: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Rows and columns of the table, in the paper's order."""
    rows = [f"{cell['data']}-{cell['missing']}" for cell in result["config"]["cells"]]
    columns = [method for method in COLUMNS if method in result["config"]["methods"]]
    return rows, columns


def print_table(result: dict[str, Any]) -> None:
    """Print median, range over the seeds and the paper's value as a Markdown table."""
    rows, columns = arrange(result)
    print("| cell | " + " | ".join(COLUMNS[column] for column in columns) + " |")
    print("|---" * (len(columns) + 1) + "|")
    for row in rows:
        print(f"| {row} | " + " | ".join(_entry(result, row, column) for column in columns) + " |")


def _entry(result: dict[str, Any], row: str, column: str) -> str:
    if (cell := result["cells"].get(f"{row}-{column}")) is None:
        return "-"
    errors = cell["nmae"]
    digits = 4 if np.median(errors) > 0.003 else 5
    text = f"{np.median(errors):.{digits}f} ({np.min(errors):.{digits}f}..{np.max(errors):.{digits}f})"
    printed = PAPER.get(row, {}).get(column)
    return text if printed is None else f"{text} [{printed:.4f}]"


def draw_table(result: dict[str, Any]) -> Figure:
    """Draw a row of dots per cell: methods on a common axis, ranges as bars, the paper's values as crosses."""
    rows, columns = arrange(result)
    num_columns = min(len(rows), 3)
    figure = Figure(figsize=(4.4 * num_columns, 3.1 * -(-len(rows) // num_columns)), layout="constrained")
    panels = figure.subplots(-(-len(rows) // num_columns), num_columns, squeeze=False).ravel()
    for axes, row in zip(panels, rows, strict=False):
        for place, column in enumerate(columns):
            if (cell := result["cells"].get(f"{row}-{column}")) is None:
                continue
            errors = np.array(cell["nmae"])
            colour = "#1f5fa8" if column.startswith("air") else "#6b7280"
            axes.plot([errors.min(), errors.max()], [place, place], color=colour, linewidth=3, alpha=0.35)
            axes.plot(np.median(errors), place, "o", color=colour, markersize=5)
            if (printed := PAPER.get(row, {}).get(column)) is not None:
                axes.plot(printed, place, "x", color="#c2410c", markersize=7, markeredgewidth=1.8)
        axes.set_yticks(range(len(columns)), [COLUMNS[column] for column in columns])
        axes.invert_yaxis()
        axes.set_xscale("log")
        least, most = axes.get_xlim()
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if most < 50 * least else (1,)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_title(row)
        axes.grid(alpha=0.25, which="both", axis="x")
    for axes in panels[len(rows) :]:
        axes.axis("off")
        axes.plot([], [], "o", color="#6b7280", label="matmend, median (bar: range) of the seeds")
        axes.plot([], [], "x", color="#c2410c", label="printed in the paper")
        axes.legend(frameon=False, loc="center")
    figure.supxlabel("NMAE on the missing entries")
    return figure
