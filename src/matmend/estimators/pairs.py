"""Ids as people hold them: numbers, words, dates, columns of data frames; equal by value, whatever their type."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array
from sklearn.utils.validation import check_consistent_length, column_or_1d, validate_data

from matmend.estimators.frames import is_frame, is_pandas

MISSING = {"NAType", "NaTType", "NoneType"}
"""Types of pandas' own markers, told by name so that pandas need not be there."""

PLAIN = {str, int, bool, bytes}
"""Types of objects that are always equal to themselves."""


def read_pairs(
    estimator: Any, X: Any, y: Any = None, *, reset: bool = False
) -> tuple[list[NDArray[Any]], NDArray[np.float64]]:
    """Check what an estimator was given, as scikit-learn wants it.

    Parameters
    ----------
    estimator : estimator
        Gets, or is compared with, the number and the names of columns.
    X : array of shape (e, k), list of lists, or DataFrame of pandas or polars
        At least two columns, the ids of row and column.
    y : array of shape (e,), optional
        Finite numbers.
    reset : bool, default False
        True in `fit`, where `y` and two lines are needed.

    Returns
    -------
    columns : list of arrays of shape (e,)
        See [`id_columns`][matmend.estimators.pairs.id_columns].
    y : float64 array of shape (e,)
        Empty without `y`.

    Raises
    ------
    ValueError
        If something is missing, not finite or of the wrong shape.
    """
    if isinstance(X, (list, tuple)):
        X = np.array(X, dtype=object)  # else a word among numbers makes words of all of them
    has_y, least = reset or y is not None, 2 if reset else 1  # columns and lines; later, columns are those of `fit`
    options: dict[str, Any] = {"reset": reset} | ({"y": y} if has_y else {})
    if is_frame(X):
        validate_data(estimator, X, skip_check_array=True, **options)
        if min(X.shape) < least:
            raise ValueError(
                f"Expected a DataFrame with ids of row and column and at least {least} line(s), got shape {X.shape}."
            )
    else:
        options |= {"dtype": None, "ensure_min_features": least, "ensure_min_samples": least}
        options |= {"y_numeric": True} if has_y else {}
        checked = validate_data(estimator, X, **options)
        X, y = checked if has_y else (checked, None)
    if not has_y:
        return id_columns(X), np.zeros(0)
    wanted: Any = np.float64
    y = column_or_1d(check_array(y, ensure_2d=False, dtype=wanted, input_name="y"), warn=True)
    check_consistent_length(X, y)
    return id_columns(X), y


def id_columns(X: Any) -> list[NDArray[Any]]:
    """Return every column of X as whole numbers, numbers or objects, whichever of these holds it.

    Parameters
    ----------
    X : array of shape (e, k), or DataFrame of pandas or polars
        Columns of a DataFrame keep their types: large whole numbers stay exact beside a column of words.

    Returns
    -------
    list of arrays of shape (e,)
        int64, float64 (where some are not whole) or object.

    Raises
    ------
    ValueError
        If an id is missing, infinite, complex, or cannot be told from others (a list, a dict).

    Examples
    --------
    >>> [column.dtype.name for column in id_columns(np.array([[7, "b", 0.5], [8.0, "a", 2]], object))]
    ['int64', 'object', 'float64']
    """
    if not is_frame(X):
        X = np.asarray(X)
        columns = [X[:, j] for j in range(X.shape[1])]
    elif is_pandas(X):
        columns = [X.iloc[:, j].to_numpy() for j in range(X.shape[1])]
    else:
        columns = [column.to_numpy() for column in X.get_columns()]
    return [_plain(column, j) for j, column in enumerate(columns)]


@dataclass(frozen=True, eq=False)
class Ids:
    """Different ids, and where they stand.

    Parameters
    ----------
    values : array of shape (k,)
        int64, float64 or object, each once.
    """

    values: NDArray[Any]

    @classmethod
    def of(cls, column: NDArray[Any]) -> "tuple[Ids, NDArray[np.int64]]":
        """Return the different ids in increasing order, and the position of each.

        Examples
        --------
        >>> ids, places = Ids.of(np.array(["b", 3, "b"], object))
        >>> ids.values.tolist(), places.tolist()
        ([3, 'b'], [1, 0, 1])
        """
        if column.dtype != object:
            values, places = np.unique(column, return_inverse=True)
            return cls(values), places.astype(np.int64)
        words = list(dict.fromkeys(column.tolist()))
        try:
            words.sort()
        except TypeError:  # numbers and words in one column have no order of their own
            words.sort(key=lambda word: (type(word).__name__, str(word)))
        ids = cls(_objects(words))
        return ids, ids.positions(column)

    def __len__(self) -> int:
        return self.values.size

    def positions(self, column: NDArray[Any]) -> NDArray[np.int64]:
        """Return the position of each id, -1 of those that are not there.

        Examples
        --------
        >>> ids, _ = Ids.of(np.array([3, 5]))
        >>> ids.positions(np.array([5.0, 4.5])).tolist(), ids.positions(np.array(["5", 3], object)).tolist()
        ([1, -1], [-1, 0])
        """
        values = self.values
        if values.dtype == object or column.dtype == object:
            place = {value: i for i, value in enumerate(values.tolist())}
            return np.fromiter((place.get(value, -1) for value in column.tolist()), np.int64, column.size)
        if values.dtype != column.dtype:
            column, is_exact = _as_type(column, values.dtype)
        else:
            is_exact = np.ones(column.shape, bool)
        order = np.argsort(values, kind="stable")
        place = np.minimum(np.searchsorted(values, column, sorter=order), max(len(self) - 1, 0))
        found = order[place]
        return np.where(is_exact & (values[found] == column), found, -1)

    def extended(self, column: NDArray[Any]) -> "Ids":
        """Return these ids and, after them, the new ones of a column in increasing order."""
        new, _ = Ids.of(column[self.positions(column) < 0])
        if not len(new):
            return self
        if new.values.dtype == self.values.dtype:
            return Ids(np.concatenate([self.values, new.values]))
        return Ids(_objects([*self.values.tolist(), *new.values.tolist()]))


def _as_type(column: NDArray[Any], dtype: np.dtype[Any]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return whole numbers as numbers or the other way round, and where that is exact."""
    if dtype == np.int64:
        is_whole = (column == np.floor(column)) & (column >= -(2.0**63)) & (column < 2.0**63)
        return np.where(is_whole, column, 0).astype(np.int64), is_whole
    numbers = column.astype(np.float64)
    is_safe = (numbers >= -(2.0**63)) & (numbers < 2.0**63)
    return numbers, is_safe & (np.where(is_safe, numbers, 0).astype(np.int64) == column)


def _plain(column: NDArray[Any], place: int) -> NDArray[Any]:
    """Return ids as int64 if all are whole numbers, float64 if all are numbers, else as objects."""
    if column.dtype.kind in "mM":
        column = column.astype(f"{column.dtype.kind}8[us]")
        if np.isnat(column).any():
            raise ValueError(_missing(place))
    if column.dtype.kind not in "biuf":
        return _plain_objects(column.astype(object), place)
    if column.dtype.kind == "f":
        column = column.astype(np.float64)
        if np.isnan(column).any():
            raise ValueError(_missing(place))
        if np.isinf(column).any():
            raise ValueError(_infinite(place))
        whole, is_whole = _as_type(column, np.dtype(np.int64))
        return whole if is_whole.all() else column
    if column.dtype == np.uint64 and column.size and column.max() > 2**63 - 1:
        return column.astype(object)
    return column.astype(np.int64)


def _plain_objects(column: NDArray[Any], place: int) -> NDArray[Any]:
    values = column.tolist()
    kinds = {type(value) for value in values}
    if any(kind.__name__ in MISSING for kind in kinds):
        raise ValueError(_missing(place))
    if any(issubclass(kind, (complex, np.complexfloating)) for kind in kinds):
        raise ValueError(f"Complex data not supported: column {place} has complex numbers.")
    bad = next((kind for kind in kinds if kind.__hash__ is None), None)
    if bad is not None:
        raise ValueError(
            f"Expected ids that can be told apart (numbers, words, dates) in column {place}, got a {bad.__name__}."
        )
    if kinds - PLAIN:
        if any(value != value for value in values):  # NaN and NaT are what is not itself
            raise ValueError(_missing(place))
        if any(isinstance(value, (float, np.floating)) and np.isinf(value) for value in values):
            raise ValueError(_infinite(place))
    if any(issubclass(kind, (float, np.floating)) for kind in kinds):
        if all(issubclass(kind, (int, float, np.integer, np.floating)) for kind in kinds):
            numbers = np.array([float(value) if abs(value) < 2.0**63 else np.inf for value in values])
            is_exact = all(number == value for number, value in zip(numbers.tolist(), values, strict=True))
            return _plain(numbers, place) if is_exact else column
    elif kinds and all(issubclass(kind, (int, np.integer)) for kind in kinds):
        try:
            return np.array(values, np.int64)
        except OverflowError:  # whole numbers of more than 64 bits are told apart as they are
            pass
    return column


def _infinite(place: int) -> str:
    return f"Input X contains infinity: expected finite ids in column {place}."


def _missing(place: int) -> str:
    return (
        f"Input X contains NaN: expected an id in every line of column {place}, but one is missing; leave such lines "
        "out, or give them an id of their own."
    )


def _objects(values: list[Any]) -> NDArray[Any]:
    found = np.empty(len(values), object)
    found[:] = values
    return found
