"""The models that are tried on held-out ratings."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from matmend.observation import Entries
from matmend.problem import Problem
from matmend.regularizer import AbstractRegularizer, EdgeLaplacian, FactorPrior, Features, Sum
from matmend.representation import Biased, DeepFactorization, Gaussian
from matmend.solve import SweepData, SweepState, last_axis
from matmend.transform import Centred, Identity, Transpose

NUM_NEIGHBORS = 10
"""Neighbours that are looked for where no graph is given."""

LEARNING_RATE = 0.3
"""Of the affinities, see [`EdgeLaplacian`][matmend.regularizer.EdgeLaplacian]."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """A model of ratings.

    Parameters
    ----------
    rank : int
    is_implicit : bool
        Whether who rated what tells where factors lie.
    weights : (float, float)
        Of the learned graphs of rows and of columns: so many ratings do a row's neighbours count for.
    graphs : (sparse matrix or None, sparse matrix or None)
        Given graphs; without one, neighbours are looked for.
    """

    rank: int
    is_implicit: bool
    weights: tuple[float, float] = (0.0, 0.0)
    graphs: tuple[sparse.csr_array | None, sparse.csr_array | None] = (None, None)

    @property
    def name(self) -> str:
        """What it is, in words."""
        words = ["with implicit feedback" if self.is_implicit else "ratings alone"]
        for side, weight, graph in zip(("rows", "columns"), self.weights, self.graphs, strict=True):
            if weight > 0:
                source = "found" if graph is None else "given"
                words.append(f"a learned graph of {side} ({source} neighbours count for {weight:.3g} ratings)")
        return ", ".join(words)

    def problem(self, entries: Entries, held: Entries | None, data: SweepData) -> Problem:
        """Compose it."""
        sides = (data.by_row, data.by_col), (data.by_col, data.by_row)
        features = [Features.pattern(*side) if self.is_implicit else None for side in sides]
        parts: list[AbstractRegularizer] = [
            FactorPrior(axis, self.rank + 2, features=features[axis]) for axis in (0, 1)
        ]
        parts += [self._graph(axis, entries) for axis in (0, 1) if self.weights[axis] > 0]
        factors = Biased(DeepFactorization(depth=2, width=self.rank, initialization=Gaussian(std=0.1), is_thin=True))
        return Problem(entries, factors, Sum(tuple(parts)), heldout=held)

    def _graph(self, axis: int, entries: Entries) -> AbstractRegularizer:
        nodes, size = (entries.rows, entries.shape[0]) if axis == 0 else (entries.cols, entries.shape[1])
        graph = self.graphs[axis]
        others = entries.shape[1 - axis]
        # Tastes are compared, not how generous somebody is; and as a prior, of the nodes alone.
        edges = EdgeLaplacian(
            Centred(Identity() if axis == 0 else Transpose()),
            graph=graph,
            num_neighbors=NUM_NEIGHBORS if graph is None else 0,
            num_observed=np.bincount(np.asarray(nodes)[np.asarray(entries.weights) > 0], minlength=size),
            rate=LEARNING_RATE,
            moves_features=False,
        )
        return self.weights[axis] / others * edges


def learned(state: SweepState) -> dict[str, Any]:
    """Return what a model keeps of the priors of a draw, and the draw of the factor that came last."""
    rows, cols = state.regularizer[0], state.regularizer[1]
    drawn = state.X.V if last_axis(state.X.shape) else state.X.U
    kept = {"variance": state.variance, "row_mean": rows.mean, "col_mean": cols.mean}
    kept |= {"row_precision": rows.ridge / state.variance, "col_precision": cols.ridge / state.variance}
    return kept | {"row_links": rows.links, "col_links": cols.links, "drawn": drawn}
