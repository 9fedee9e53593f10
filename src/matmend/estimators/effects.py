"""Circumstances of a measurement besides row and column: each adds something of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matmend.estimators.pairs import Ids

DAMPING = 5.0
"""Measurements of 0 that are added to each group, so that one measurement does not say all."""

ROUNDS = 20
"""Passes over rows, columns and groups; each is fitted to what the others leave."""


@dataclass(frozen=True, eq=False)
class Effects:
    """What the groups of each further column add.

    Parameters
    ----------
    ids : tuple of Ids
    values : tuple of float64 arrays
        ``values[g][k]`` is what belonging to ``ids[g].values[k]`` adds.
    """

    ids: tuple[Ids, ...]
    values: tuple[NDArray[np.float64], ...]

    @classmethod
    def fit(
        cls,
        rows: NDArray[np.int64],
        cols: NDArray[np.int64],
        groups: Sequence[NDArray[np.int64]],
        y: NDArray[np.float64],
        ids: Sequence[Ids],
    ) -> "Effects":
        """Fit ``mean + b_row + c_col + sum of the groups' effects`` and keep the effects.

        Rows and columns are in the fit so that the effect of a group is not that of those who are in it.

        Parameters
        ----------
        rows, cols : int64 arrays of shape (e,)
            Positions.
        groups : sequence of int64 arrays of shape (e,)
            Positions among the ids.
        y : float64 array of shape (e,)
        ids : sequence of Ids
            Of the groups.

        Examples
        --------
        >>> rows, cols = np.divmod(np.arange(200), 20)
        >>> ids, device = Ids.of(np.where(rows % 2 == cols % 2, "a", "b").astype(object))
        >>> effects = Effects.fit(rows, cols, [device], 5.0 + rows + 3.0 * device, [ids])
        >>> effects.at([np.array(["a", "b", "c"], object)]).round(1).tolist()
        [-1.4, 1.4, 0.0]
        """
        if not groups:
            return cls((), ())
        rest = y - y.mean()
        places = [rows, cols, *groups]
        counts = [np.bincount(place) for place in places]
        found = [np.zeros(count.size) for count in counts]
        for _ in range(ROUNDS):
            for k, (place, count) in enumerate(zip(places, counts, strict=True)):
                rest += found[k][place]
                found[k] = np.bincount(place, rest, minlength=count.size) / (count + DAMPING)
                rest -= found[k][place]
        return cls(tuple(ids), tuple(found[2:]))

    def at(self, columns: Sequence[NDArray[Any]]) -> NDArray[np.float64] | float:
        """Return what groups add that are given by their ids; an unknown one adds nothing."""
        return self.of([ids.positions(column) for ids, column in zip(self.ids, columns, strict=True)])

    def of(self, groups: Sequence[NDArray[np.int64]]) -> NDArray[np.float64] | float:
        """Return what groups add that are given by their positions, -1 for an unknown one."""
        total: NDArray[np.float64] | float = 0.0
        for values, group in zip(self.values, groups, strict=True):
            total = total + np.append(values, 0.0)[group]
        return total
