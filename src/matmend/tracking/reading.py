"""What of a record, and of a result, is a number with a name."""

import dataclasses
import numbers
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

MOST = 10
"""Entries of a vector that get a curve each, the first ones: of singular values the largest."""

_CLOCKS = ("step", "sweep", "max_sweeps")
"""Names in a row that say when it was made: the axis of the curves, not curves."""


def scalars(row: Mapping[str, Any], *, most: int = MOST) -> dict[str, float]:
    """Return the curves of a record: one number for each name.

    Parameters
    ----------
    row : mapping
        What a callback is handed: numbers, vectors, tuples of either. Words, None and arrays of two axes or more are
        left out.
    most : int, default 10
        How many entries of a vector are kept, the first ones.

    Returns
    -------
    dict
        Entries of vectors and tuples are called ``name/1``, ``name/2`` and so on.

    Examples
    --------
    >>> row = {"step": 100, "loss": np.float32(0.5), "energies": (np.float32(2), np.float32(3)), "heldout": None}
    >>> scalars(row)
    {'loss': 0.5, 'energies/1': 2.0, 'energies/2': 3.0}
    >>> scalars({"sigma": np.array([3.0, 2.0, 1.0])}, most=2)
    {'sigma/1': 3.0, 'sigma/2': 2.0}
    """
    found: dict[str, float] = {}
    for name, value in row.items():
        if name not in _CLOCKS:
            _add(found, name, value, most)
    return found


def clock(row: Mapping[str, Any], state: Any = None) -> int:
    """Return the step, or the sweep, that a record was made at.

    Examples
    --------
    >>> clock({"step": np.int32(200)}), clock({"sweep": 3})
    (200, 3)
    """
    for name in ("step", "sweep"):
        if name in row:
            return int(row[name])
    return int(state.step)  # a record of one's own need not say it


def outcome(result: Any) -> tuple[dict[str, float], dict[str, str]]:
    """Return what a result says of itself in numbers, and in words.

    Parameters
    ----------
    result : mapping or object
        A [`Completion`][matmend.methods.Completion], a [`RatingsModel`][matmend.methods.ratings.RatingsModel], a
        [`Solution`][matmend.solve.Solution], an estimator, or a mapping of your own. Of an object its public
        attributes are read, of an estimator its parameters and what it learned; arrays are left out.

    Returns
    -------
    measured : dict of float
        Such as ``expected_rmse``, ``seconds``, ``heldout_error``.
    told : dict of str
        Such as ``message`` and ``method``; entries of a mapping of settings are called ``settings/depth`` and so on.

    Examples
    --------
    >>> outcome({"expected_rmse": 0.25, "message": "done", "settings": {"depth": 2}, "X_hat": np.zeros((2, 2))})
    ({'expected_rmse': 0.25}, {'message': 'done', 'settings/depth': '2'})
    """
    measured: dict[str, float] = {}
    told: dict[str, str] = {}
    for name, value in _attributes(result).items():
        if isinstance(value, Mapping) and name != "record":
            told.update({f"{name}/{key}": str(entry) for key, entry in value.items() if _is_told(entry)})
        elif isinstance(value, bool | str):
            told[name] = str(value)
        elif isinstance(value, numbers.Real) or (isinstance(value, np.ndarray) and value.ndim == 0):
            measured[name] = float(value)
    return measured, told


def _attributes(result: Any) -> dict[str, Any]:
    if isinstance(result, Mapping):
        return dict(result)
    if hasattr(result, "get_params"):  # an estimator of scikit-learn: what it was given, and what it learned
        learned = {name[:-1]: value for name, value in vars(result).items() if re.fullmatch(r"[^_].*[^_]_", name)}
        return {**learned, "settings": result.get_params(deep=False)}
    if dataclasses.is_dataclass(result):
        found = {field.name: getattr(result, field.name, None) for field in dataclasses.fields(result)}
        found["message"] = getattr(result, "message", None)  # of a Solution it is a property
        return found
    return {name: value for name, value in vars(result).items() if not name.startswith("_")}


def _is_told(entry: Any) -> bool:
    """Tell whether an entry of the settings is for people to read: large arrays and callbacks are not."""
    return not callable(entry) and (not isinstance(entry, np.ndarray) or entry.size <= MOST)


def _add(found: dict[str, float], name: str, value: Any, most: int) -> None:
    if value is None or isinstance(value, str):
        return
    if isinstance(value, tuple | list):
        for number, part in enumerate(value[:most], 1):
            _add(found, f"{name}/{number}", part, most)
        return
    array = np.asarray(value)
    if not (np.issubdtype(array.dtype, np.number) or array.dtype == bool) or np.iscomplexobj(array):
        return
    if array.ndim == 0:
        found[name] = float(array)
    elif array.ndim == 1:
        found.update({f"{name}/{number}": float(entry) for number, entry in enumerate(array[:most], 1)})
