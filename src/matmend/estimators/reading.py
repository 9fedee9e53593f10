"""Tables as people hold them, as numbers: arrays, masked arrays, lists, data frames and sparse matrices."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import NDArray
from sklearn.utils import check_array

from matmend.estimators.frames import columns_of, is_frame
from matmend.matrix import DENSE_LIMIT

NOT_A_VALUE = {"NAType", "NaTType"}
"""Types of pandas' own markers, told by name so that pandas need not be there."""


class DuplicateEntriesWarning(UserWarning):
    """A sparse matrix has several values for one entry; their sum was taken."""


@dataclass(frozen=True)
class Marking:
    """What counts as missing.

    Attributes
    ----------
    markers : tuple
        Besides NaN, None and null, which always do.
    sparse_zero : {"missing", "value"}
        What the absent entries of a sparse matrix are.
    """

    markers: tuple[Any, ...]
    sparse_zero: str

    @classmethod
    def of(cls, missing_values: Any, sparse_zero: str) -> "Marking":
        """Check the parameters of an estimator."""
        if sparse_zero not in ("missing", "value"):
            raise ValueError(
                f'sparse_zero: expected "missing" (only stored entries are observed) or "value" (absent entries are '
                f"observed zeros), got {sparse_zero!r}."
            )
        several = isinstance(missing_values, (list, tuple, set, frozenset))
        markers = tuple(missing_values) if several else (missing_values,)
        return cls(tuple(marker for marker in markers if not _is_null(marker)), sparse_zero)

    def has(self, value: Any) -> bool:
        """Tell whether a single value is a marker."""
        return any(type(marker) is type(value) and marker == value for marker in self.markers)

    def hides(self, values: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Return where numbers are missing."""
        hidden = np.isnan(values)
        for marker in self.markers:
            if not isinstance(marker, str):
                hidden |= values == marker
        return hidden


@dataclass(frozen=True)
class Table:
    """A table as numbers.

    Attributes
    ----------
    values : float array of shape (m, n)
        NaN where missing.
    seen : bool array of shape (m, n)
        True where observed.
    reading : str
        What was given and how it was read, in words.
    """

    values: NDArray[np.floating]
    seen: NDArray[np.bool_]
    reading: str


def read(X: Any, marking: Marking, missing_mask: Any = None, estimator: Any = None) -> Table:
    """Read a table.

    Parameters
    ----------
    X : array, masked array, list of rows, pandas or polars DataFrame, or scipy.sparse matrix or array
    marking : Marking
    missing_mask : bool array of shape (m, n), optional
        True = missing, in addition.
    estimator : object, optional
        Named in the messages of scikit-learn.

    Returns
    -------
    Table
        In float32 if all that was given was, else in float64.

    Raises
    ------
    ValueError
        If something is no number, infinite, or could be read in two ways; the message says what to do.

    Examples
    --------
    >>> table = read([[1, None], [-1, 4]], Marking.of(-1, "missing"))
    >>> table.seen.tolist(), table.reading
    ([[True, False], [False, True]], '2 of 4 entries observed')
    """
    if scipy.sparse.issparse(X):
        return _read_sparse(X, marking, missing_mask, estimator)
    if type(X).__module__.startswith(("polars", "pandas")) and not is_frame(X):
        raise ValueError(
            f"X: expected a DataFrame, got a {type(X).__name__}. Reshape your data: call .to_frame() or .collect()."
        )
    if is_frame(X):
        columns = [_as_numbers(column, marking, f"column {name!r}") for name, column in columns_of(X)]
        dtype = np.result_type(np.float32, *(column.dtype for column in columns))
        values = np.stack(columns, axis=1).astype(dtype) if columns else np.empty(X.shape)
    elif isinstance(X, np.ma.MaskedArray):
        values = np.where(np.ma.getmaskarray(X), np.nan, np.ma.getdata(X).astype(_float_of(X.dtype)))
    else:
        values = _as_numbers(np.asarray(X), marking, "X")
    if missing_mask is not None:
        values = np.where(_checked_mask(missing_mask, values.shape), values.dtype.type(np.nan), values)
    # Before the check: what marks a gap may be infinite.
    hidden = marking.hides(values)
    values = _checked(np.where(hidden, values.dtype.type(np.nan), values), estimator)
    return Table(values, ~hidden, f"{np.count_nonzero(~hidden):,} of {hidden.size:,} entries observed")


def _read_sparse(X: Any, marking: Marking, missing_mask: Any, estimator: Any) -> Table:
    if X.ndim != 2:
        raise ValueError(f"X: expected a sparse matrix of two dimensions, got {X.ndim}.")
    if np.issubdtype(X.dtype, np.complexfloating):
        raise ValueError(f"Complex data not supported\n{X!r}")
    if missing_mask is not None:
        raise ValueError("missing_mask: a sparse matrix says itself what is missing; pass an array with the mask.")
    if any(not isinstance(marker, str) and marker == 0 for marker in marking.markers):
        raise ValueError(
            "missing_values=0 with a sparse matrix could mean its absent entries or its stored zeros: absent entries "
            'are missing anyway (sparse_zero="missing"); take stored zeros away with eliminate_zeros() if they are too.'
        )
    if X.shape[0] * X.shape[1] > DENSE_LIMIT:
        raise ValueError(
            f"The completed table of a sparse matrix is dense: {X.shape[0]:,} x {X.shape[1]:,} is beyond "
            f"{DENSE_LIMIT:,} entries. EntryRegressor predicts single entries of such a matrix."
        )
    absent = "absent ones are missing" if marking.sparse_zero == "missing" else "absent ones are observed zeros"
    if marking.sparse_zero == "missing" and X.format in ("dia", "bsr"):
        raise ValueError(
            f"A sparse matrix of format {X.format} stores zeros that nobody put there: stored entries are observed "
            f'and absent ones missing, so convert it to "csr" or "coo" first, or pass sparse_zero="value".'
        )
    entries = X.tocoo()
    dtype = _float_of(entries.dtype)
    sums = np.zeros(X.shape, dtype=dtype)
    np.add.at(sums, (entries.row, entries.col), entries.data.astype(dtype))
    count = np.bincount(entries.row.astype(np.int64) * X.shape[1] + entries.col, minlength=sums.size)
    num_double = int(np.count_nonzero(count > 1))
    if num_double:
        warnings.warn(
            f"{num_double} entries of the sparse matrix are stored more than once: their values were added up, as "
            "scipy.sparse does. If these are repeated measurements, average them first.",
            DuplicateEntriesWarning,
            stacklevel=2,
        )
    if marking.sparse_zero == "missing":
        sums[count.reshape(X.shape) == 0] = np.nan
    hidden = marking.hides(sums)
    values = _checked(np.where(hidden, sums.dtype.type(np.nan), sums), estimator)
    stored = f"sparse: {np.count_nonzero(count):,} stored entries of {hidden.size:,} are observed, {absent}"
    return Table(values, ~hidden, stored)


def _as_numbers(array: NDArray[Any], marking: Marking, name: str) -> NDArray[Any]:
    """Return float32 or float64; objects become numbers one by one, and complex numbers are left to be refused."""
    if array.dtype.kind in "biuf":
        return array.astype(_float_of(array.dtype), copy=False)
    if array.dtype.kind == "c":
        return array
    if array.dtype.kind not in "OUST":
        raise ValueError(f"{name}: expected numbers, got {array.dtype}; encode it as numbers or leave it out.")
    out = np.empty(array.shape)
    for place, value in np.ndenumerate(array):
        try:
            out[place] = np.nan if _is_null(value) or marking.has(value) else float(value)
        except ValueError:
            raise ValueError(
                f"{name}: expected numbers, got {value!r}; encode it as a number, leave it out, or pass "
                f"missing_values={value!r} if it stands for nothing."
            ) from None
        except TypeError as error:  # scikit-learn's checks ask for this class and these words
            raise TypeError(f"{name}: {error}; encode it as numbers or leave it out.") from None
    return out


def _checked(values: NDArray[Any], estimator: Any) -> NDArray[np.floating]:
    options: dict[str, Any] = {"dtype": (np.float64, np.float32), "ensure_all_finite": "allow-nan"}  # wrongly stubbed
    return check_array(values, estimator=estimator, input_name="X", **options)


def _is_null(value: Any) -> bool:
    if value is None or type(value).__name__ in NOT_A_VALUE:
        return True
    return isinstance(value, (float, np.floating)) and bool(np.isnan(value))


def _float_of(dtype: Any) -> type[np.floating]:
    return np.float32 if dtype == np.float32 else np.float64


def _checked_mask(missing_mask: Any, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    mask = np.asarray(missing_mask)
    if mask.dtype != bool or mask.shape != shape:
        raise ValueError(
            f"missing_mask: expected booleans of shape {shape}, True = missing, got {mask.dtype} of shape "
            f"{mask.shape}; of a mask that is True where observed pass ~mask."
        )
    return mask
