"""What all panels of curves share."""

from matplotlib.axes import Axes


def plain(axes: Axes) -> None:
    """Give a panel a faint grid, and no frame above and to the right."""
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
