"""Rows and columns of which nothing was observed: kept, filled, and told."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matmend.estimators.frames import is_frame
from matmend.estimators.newrows import RowModel

MOST_NAMED = 5
"""Names in a warning."""


class EmptyWarning(UserWarning):
    """Nothing was observed of some rows or columns; they are filled by means."""


def warn_of_empty(rows: NDArray[np.intp], columns: NDArray[np.intp], X: Any) -> None:
    """Warn of rows and columns, by number or name, of which nothing was observed.

    Examples
    --------
    >>> with warnings.catch_warnings(record=True) as heard:
    ...     warnings.simplefilter("always")
    ...     warn_of_empty(np.array([3]), np.array([], dtype=int), None)
    >>> str(heard[0].message)
    'Nothing was observed of 1 row (3): filled by the means of columns.'
    """
    for numbers, word, means in ((rows, "row", "columns"), (columns, "column", "rows")):
        if numbers.size:
            named = [str(X.columns[j]) if word == "column" and is_frame(X) else str(j) for j in numbers[:MOST_NAMED]]
            more = ", ..." if numbers.size > MOST_NAMED else ""
            warnings.warn(
                f"Nothing was observed of {numbers.size} {word}{'s' if numbers.size > 1 else ''} "
                f"({', '.join(named)}{more}): filled by the means of {means}.",
                EmptyWarning,
                stacklevel=4,
            )


def filled_rows(
    model: RowModel, values: NDArray[np.floating], seen: NDArray[np.bool_], empty: NDArray[np.intp]
) -> NDArray[np.floating]:
    """Fill new rows; columns that were empty when the model was learned get the mean of what the row has elsewhere.

    Examples
    --------
    >>> from matmend.estimators.newrows import Subspace
    >>> model = Subspace(np.zeros(3), np.array([[1.0, 3.0, 0.0]]), 0.0)
    >>> filled_rows(model, np.array([[2.0, np.nan, np.nan]]), np.array([[True, False, False]]), np.array([2]))
    array([[2., 6., 2.]])
    """
    usable = seen.copy()
    usable[:, empty] = False
    filled = model.conditional(np.where(usable, values, 0.0), usable)
    if empty.size:
        count = np.count_nonzero(usable, axis=1)
        of_observed = np.where(usable, values, 0.0).sum(axis=1) / np.maximum(count, 1)
        means = np.where(count > 0, of_observed, np.delete(filled, empty, axis=1).mean(axis=1))
        filled[:, empty] = means[:, None]
    return filled
