"""Pictures of a completion: before and after, the curves of the training, the learned graphs; and writing them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from matmend.io import atomic_write

MISSING_COLOUR = (0.85, 0.10, 0.35)
"""Painted where a pixel is missing: a colour that photographs rarely have."""
HELDOUT_COLOUR = (0.10, 0.35, 0.85)
"""Painted where a pixel is known, but held out."""

_OBSERVED, _HELDOUT, _ENERGIES = "#1f5fa8", "#c2410c", ("#2f855a", "#805ad5", "#718096", "#b7791f")


def panel(
    observed: ArrayLike, mask: ArrayLike, completed: ArrayLike, truth: ArrayLike | None = None, *, title: str = ""
) -> Figure:
    """Draw a picture before and after, with its mask and, where it is known, the truth.

    Parameters
    ----------
    observed, completed, truth : arrays of shape (h, w) or (h, w, 1 or 3)
        Values in 0..1.
    mask : bool array of shape (h, w)
        True where observed.
    title : str, optional

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import numpy as np
    >>> mask = np.eye(4) < 1
    >>> len(panel(np.ones((4, 4)), mask, np.ones((4, 4))).axes)
    3
    """
    seen = np.asarray(mask, dtype=bool)
    before = np.where(seen[..., None], _rgb(observed), MISSING_COLOUR)
    views: list[tuple[str, np.ndarray]] = [
        (f"before: {1 - seen.mean():.1%} missing", before),
        ("mask: white is observed", np.repeat(seen[..., None].astype(float), 3, axis=2)),
        ("after", _rgb(completed)),
    ]
    if truth is not None:
        views.append(("truth", _rgb(truth)))
    h, w = seen.shape
    figure = Figure(figsize=(3.6 * len(views), 3.6 * min(max(h / w, 0.4), 2.0) + 0.6), layout="constrained")
    for axes, (name, view) in zip(figure.subplots(1, len(views), squeeze=False)[0], views, strict=True):
        axes.imshow(view, interpolation="nearest")
        axes.set_title(name, fontsize=11)
        axes.set_axis_off()
    if title:
        figure.suptitle(title, fontsize=12)
    return figure


def gallery(views: Mapping[str, ArrayLike], *, title: str = "", most_columns: int = 4) -> Figure:
    """Draw pictures side by side, in several lines if there are many.

    Parameters
    ----------
    views : mapping of titles to arrays of shape (h, w) or (h, w, 1 or 3)
        Values in 0..1, all of one size.
    title : str, optional
    most_columns : int, default 4

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import numpy as np
    >>> len(gallery({f"method {i}": np.ones((4, 4)) for i in range(5)}).axes)
    5
    """
    h, w = np.shape(next(iter(views.values())))[:2]
    num_columns = min(len(views), most_columns)
    num_lines = -(-len(views) // num_columns)
    side = 3.2 * min(max(h / w, 0.4), 2.0) + 0.4
    figure = Figure(figsize=(3.2 * num_columns, side * num_lines + 0.4), layout="constrained")
    for i, (name, view) in enumerate(views.items(), 1):
        axes = figure.add_subplot(num_lines, num_columns, i)
        axes.imshow(_rgb(view), interpolation="nearest")
        axes.set_title(name, fontsize=11)
        axes.set_axis_off()
    if title:
        figure.suptitle(title, fontsize=12)
    return figure


def curves(record: Mapping[str, Any], *, chosen: int | None = None, title: str = "") -> Figure:
    """Draw the losses of a training against its steps.

    Above, the root mean squared error (the loss, where no errors were recorded) on observed and held-out entries;
    below, every regularizer's energy, without its weight.

    Parameters
    ----------
    record : mapping
        As in [`Solution.record`][matmend.solve.Solution].
    chosen : int, optional
        Step of the iterate that became the result; marked.
    title : str, optional

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> figure = curves({"step": [0, 100], "fidelity": [1.0, 0.1], "energies": ([0.0, 2.0],)})
    >>> len(figure.axes)
    2
    """
    energies = record.get("energies", ())
    figure = Figure(figsize=(7.5, 5.6 if energies else 3.4), layout="constrained")
    grid = figure.subplots(2 if energies else 1, 1, sharex=True, squeeze=False)[:, 0]
    steps = np.asarray(record["step"])
    observed, heldout, label = (
        ("rmse", "heldout_rmse", "RMS error") if "rmse" in record else ("fidelity", "heldout", "loss")
    )
    grid[0].plot(steps, record[observed], color=_OBSERVED, label="observed entries", linewidth=1.6)
    if heldout in record:
        grid[0].plot(steps, record[heldout], color=_HELDOUT, label="held-out entries", linewidth=1.6)
    grid[0].set_yscale("log")
    grid[0].set_ylabel(label)
    if energies:
        labels = ("rows", "columns") if len(energies) == 2 else tuple(f"R{i + 1}" for i in range(len(energies)))
        for energy, label, ink in zip(energies, labels, _ENERGIES, strict=False):
            grid[1].plot(steps, energy, color=ink, label=label, linewidth=1.6)
        grid[1].set_ylabel("regularizer's energy")
        grid[1].set_ylim(bottom=0)
    for axes in grid:
        _finish(axes, chosen)
    grid[-1].set_xlabel("step")
    grid[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    if title:
        figure.suptitle(title, fontsize=12)
    return figure


def laplacians(learned: Mapping[str, ArrayLike], *, title: str = "") -> Figure:
    """Draw learned Laplacians as heat maps of similarity: the darker ``(i, j)``, the more alike rows ``i`` and ``j``.

    Parameters
    ----------
    learned : mapping of names to arrays of shape (k, k)
        Such as [`Completion.laplacians`][matmend.methods.Completion].
    title : str, optional

    Returns
    -------
    matplotlib.figure.Figure

    Notes
    -----
    What is drawn is ``-L_ij`` off the diagonal. A few pairs of almost equal rows can outweigh all others by orders of
    magnitude, so the scale is logarithmic and runs from the median to the largest similarity.

    Examples
    --------
    >>> import numpy as np
    >>> figure = laplacians({"row": np.array([[1.0, -1.0], [-1.0, 1.0]])})
    >>> figure.axes[0].get_title()
    'similarity of rows'
    """
    if not learned:
        raise ValueError("No Laplacian was learned by this method, so there is none to draw; method 'air' learns two.")
    figure = Figure(figsize=(5.2 * len(learned), 4.6), layout="constrained")
    words = {"row": "rows", "col": "columns"}
    for axes, (name, L) in zip(figure.subplots(1, len(learned), squeeze=False)[0], learned.items(), strict=True):
        similarity = -np.asarray(L, dtype=float)
        np.fill_diagonal(similarity, np.nan)
        finite = similarity[np.isfinite(similarity) & (similarity > 0)]
        low, high = (np.median(finite), finite.max()) if finite.size else (1e-12, 1.0)
        shown = np.log10(np.clip(np.nan_to_num(similarity, nan=low), low, None))
        drawn = axes.imshow(
            shown, cmap="Greys", interpolation="nearest", vmin=np.log10(low), vmax=np.log10(high) + 1e-9
        )
        axes.set_title(f"similarity of {words.get(name, name)}", fontsize=11)
        figure.colorbar(drawn, ax=axes, shrink=0.85, label="log10 of similarity")
    if title:
        figure.suptitle(title, fontsize=12)
    return figure


def save(figure: Figure, path: str | Path, *, overwrite: bool = False, dpi: int = 130) -> None:
    """Write a figure, whole or not at all.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    path : path
        The suffix says the format: png, pdf, svg and what else matplotlib writes.
    overwrite : bool, default False
        Replace an existing file.
    dpi : int, default 130

    Raises
    ------
    ValueError
        If the file exists, its folder does not, or the format is unknown.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> path = Path(tempfile.mkdtemp()) / "curve.png"
    >>> save(curves({"step": [0, 1], "fidelity": [1.0, 0.5]}), path)
    >>> path.stat().st_size > 1000
    True
    """
    check_format(path)
    with atomic_write(path, overwrite=overwrite) as temporary:
        figure.savefig(temporary, dpi=dpi)


def check_format(path: str | Path) -> None:
    """Raise a ValueError if a figure cannot be written under this name.

    Examples
    --------
    >>> check_format("curves.png")
    """
    suffix = Path(path).suffix.lower().lstrip(".")
    known = Figure().canvas.get_supported_filetypes()
    if suffix not in known:
        raise ValueError(f"{path}: a figure is written as one of {', '.join(sorted(known))}, not as '{suffix}'.")


def _finish(axes: Axes, chosen: int | None) -> None:
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    if chosen is not None:
        axes.axvline(chosen, color="0.35", linestyle=":", linewidth=1.2, label=f"result: step {chosen:,}")
    axes.legend(frameon=False)


def _rgb(image: ArrayLike) -> np.ndarray:
    x = np.clip(np.nan_to_num(np.asarray(image, dtype=float)), 0, 1)
    x = x[..., None] if x.ndim == 2 else x
    return np.repeat(x[..., :1], 3, axis=2) if x.shape[2] < 3 else x[..., :3]
