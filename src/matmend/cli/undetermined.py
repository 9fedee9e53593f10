"""Which pixels or cells no low rank determines, told before they are completed, and what becomes of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from matmend.cli.console import literal
from matmend.cli.words import listed, plural, share, short, some, spans
from matmend.graph import ObservationGraph

MOST_NAMED = 6


@dataclass(frozen=True, eq=False)
class Doubt:
    """What the observed pixels of a picture, or cells of a table, leave open at every rank.

    Rows and columns of pixels are vertices of a graph, and every observed pixel joins its row to its column. A missing
    pixel whose row and column are in different components is not determined at any rank: at rank 1 already, the part
    ``u_p v_p'`` of one component can be multiplied by any number and that of another divided by it.

    Parameters
    ----------
    seen : bool array, shape (h, w)
        True where observed.
    word : str
        What an entry is called.
    row_names, col_names : sequences of str, optional
        What rows and columns are called; by default by their positions from 1.
    """

    seen: np.ndarray
    word: str = "pixel"
    row_names: Sequence[str] | None = None
    col_names: Sequence[str] | None = None

    @cached_property
    def graph(self) -> ObservationGraph:
        """The observation graph."""
        return ObservationGraph.from_mask(self.seen)

    @cached_property
    def pixels(self) -> np.ndarray:
        """True where nothing but a regularizer says what the pixel should be, shape (h, w)."""
        return self.graph.row_labels[:, None] != self.graph.col_labels[None, :]

    @property
    def is_empty(self) -> bool:
        """True if every missing pixel is determined at rank 1 at least."""
        return self.graph.is_connected

    @property
    def counts(self) -> dict[str, Any]:
        """What the report in JSON says."""
        graph = self.graph
        return {
            "undetermined": int(self.pixels.sum()),
            "components": graph.num_components,
            "isolated_rows": graph.isolated_rows.size,
            "isolated_cols": graph.isolated_cols.size,
            "mask_class": graph.kind().value,
        }

    def warning(self, becomes: str) -> str:
        """Say in two sentences which pixels are open and what becomes of them.

        Examples
        --------
        >>> seen = np.ones((4, 5), dtype=bool)
        >>> seen[1:3] = False
        >>> print(Doubt(seen).warning("they stay transparent"))
        rows 2-3 are missing altogether, so by low rank alone 10 pixels (100 % of what is missing) are determined at no
        rank. They stay transparent.
        """
        graph, count = self.graph, int(self.pixels.sum())
        whole = [
            f"{plural(isolated.size, word, counted=False)} {called(isolated, names)}"
            for word, isolated, names in (
                ("row", graph.isolated_rows, self.row_names),
                ("column", graph.isolated_cols, self.col_names),
            )
            if isolated.size
        ]
        parts = graph.num_components - graph.isolated_rows.size - graph.isolated_cols.size
        reasons = []
        if whole:
            is_one = graph.isolated_rows.size + graph.isolated_cols.size == 1
            reasons.append(f"{listed(whole)} {'is' if is_one else 'are'} missing altogether")
        if parts > 1:
            reasons.append(f"what is observed falls into {parts} parts that share no row and no column")
        open_ = f"{plural(count, self.word)} ({share(count, (~self.seen).sum())} of what is missing)"
        are = "is" if count == 1 else "are"
        told = f"{listed(reasons)}, so by low rank alone {open_} {are} determined at no rank."
        return f"{told} {becomes[0].upper()}{becomes[1:]}."


def called(positions: np.ndarray, names: Sequence[str] | None) -> str:
    """Return what some rows or columns are called.

    Examples
    --------
    >>> called(np.array([0, 2]), ["tea", "milk", "rum"]), called(np.array([0, 1]), None)
    ("'tea', 'rum'", '1-2')
    """
    if names is None:
        return spans(positions)
    return literal(some([f"'{short(names[k])}'" for k in positions[:MOST_NAMED]], positions.size))


def map_path(target: Path) -> Path:
    """Return where the map of undetermined pixels goes: beside the mended picture.

    Examples
    --------
    >>> map_path(Path("photo-mended.tif")).name
    'photo-mended-undetermined.png'
    """
    return target.with_name(f"{target.stem}-undetermined.png")
