"""The completion of tables as a transformer of scikit-learn."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils._set_output import _get_output_config
from sklearn.utils.validation import check_is_fitted, validate_data

from matmend.estimators.columns import Columns
from matmend.estimators.empty import filled_rows, warn_of_empty
from matmend.estimators.frames import is_frame, kind, like
from matmend.estimators.newrows import RowModel, subspace_of
from matmend.estimators.placement import on_device
from matmend.estimators.progress import Callback, Progress, telling
from matmend.estimators.reading import Marking, Table, read
from matmend.estimators.running import Chosen
from matmend.methods import Completion, Recipe
from matmend.methods.gaussian import MOST_COLUMNS, GaussianCompletion, fit_normal
from matmend.trust import Intervals, intervals

MOST_BY_DEFAULT = 500
"""Columns up to which new rows of a table without gaps are filled by a normal distribution if no method was named."""


class MatrixCompleter(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Fill the gaps of a table by the method that suits it, and those of new rows by what was learned from it.

    Parameters
    ----------
    method : str or Recipe, default "auto"
        A registered method, what a trained method is made of, or "auto":
        [`choose`][matmend.methods.choose] tries those that suit the table on held-out entries ("gaussian" is taken
        where fewer than 30 are observed).
    missing_values : number, str, None, pd.NA, or several in a list, default NaN
        What marks missing entries, besides NaN, None and null, which always do.
    sparse_zero : {"missing", "value"}, default "missing"
        What the absent entries of a `scipy.sparse` matrix are: **missing**, so that only stored entries are observed,
        stored zeros included; or observed zeros, as scikit-learn's ``SimpleImputer`` takes them.
    scale : {"auto", "columns", "none"}, default "auto"
        Whether the method works on columns of mean 0 and standard deviation 1, undone afterwards: "auto" scales where
        columns have units of their own, and leaves pictures and ratings as they are.
    settings : dict, optional
        Settings of the method, if it was named.
    warm_start : bool, default False
        Fit again with the method that an earlier fit chose.
    callback : callable ``Progress -> bool or None``, optional
        Hears how a fit goes on, see [`Progress`][matmend.estimators.progress.Progress]. While a method trains, True
        ends the training.
    verbose : int, default 0
        Above 0, a line on standard error tells how a fit goes on.
    device : {"auto", "cpu", "gpu"}, default "auto"
        Where JAX computes.
    random_state : int, RandomState or None, default 0
        Fixes starts and held-out entries; None draws anew in every fit.

    Attributes
    ----------
    completed_ : array of shape (m, n)
        The table of the fit; observed entries as they were.
    observed_ : bool array of shape (m, n)
        True where observed.
    method_ : str or None
        What completed it; None if nothing was missing and no method was named.
    scores_ : list of Score
        What "auto" chose from; empty if the method was named.
    reason_ : str
        Why this method.
    expected_rmse_ : float or None
        Root mean squared error to expect of filled entries, by held-out ones, in units of the data.
    column_expected_rmse_ : array of shape (n,) or None
        The same for every column.
    completion_ : Completion or None
        All that the method says, in units of the data (``record`` and ``laplacians`` as it worked); None if nothing was
        missing.
    columns_ : Columns
        How columns were scaled.
    empty_rows_, empty_columns_ : int arrays
        Rows and columns of which nothing was observed.
    reading_ : str
        How the table was read, in words.
    n_features_in_ : int
    feature_names_in_ : array of str
        Only where the table had names.

    Notes
    -----
    ``fit_transform(X)`` is the completion of the table by the method. ``fit(X).transform(X)`` treats the rows as new:
    it keeps what was learned of the columns and solves for each row by itself. New rows get the conditional mean given
    their observed entries: by the normal distribution that was fitted (method "gaussian", where both are the same up
    to rounding), or by one with the mean and the right singular vectors of the completed table and a ridge judged on
    its observed entries (all other methods, where the two differ). Rows without missing entries come back untouched.

    A row of which nothing was observed is filled by means of columns. A column of which nothing was observed has no
    unit: its entries are means of what was observed of their rows, in scaled columns brought back by the median of
    the others' means and spreads. Both are kept, told by a warning, and listed.

    Examples
    --------
    >>> X = np.outer(np.arange(1.0, 21.0), [1.0, 2.0, 3.0, 4.0])
    >>> X[4, 1] = np.nan
    >>> completer = MatrixCompleter("gaussian")
    >>> completer.fit_transform(X)[4].round(2)
    array([ 5., 10., 15., 20.])
    >>> completer.transform([[6.0, np.nan, 18.0, np.nan]]).round(2)
    array([[ 6., 12., 18., 24.]])
    """

    def __init__(
        self,
        method: str | Recipe = "auto",
        *,
        missing_values: Any = np.nan,
        sparse_zero: str = "missing",
        scale: str = "auto",
        settings: Mapping[str, Any] | None = None,
        warm_start: bool = False,
        callback: Callback | None = None,
        verbose: int = 0,
        device: str = "auto",
        random_state: Any = 0,
    ):
        self.method = method
        self.missing_values = missing_values
        self.sparse_zero = sparse_zero
        self.scale = scale
        self.settings = settings
        self.warm_start = warm_start
        self.callback = callback
        self.verbose = verbose
        self.device = device
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, *, missing_mask: Any = None) -> Self:
        """Complete a table, and learn what fills new rows.

        Parameters
        ----------
        X : array, masked array, list of rows, DataFrame of pandas or polars, or scipy.sparse matrix, of shape (m, n)
        y : ignored
        missing_mask : bool array of shape (m, n), optional
            True = missing, besides what is marked in `X`.

        Returns
        -------
        MatrixCompleter

        Raises
        ------
        ValueError
            If the table or a parameter cannot be used; the message says why.
        """
        self._fit(X, missing_mask)
        return self

    def fit_transform(  # pyright: ignore[reportIncompatibleMethodOverride] (there is one parameter of `fit`)
        self, X: Any, y: Any = None, *, missing_mask: Any = None
    ) -> Any:
        """Complete a table; see [`fit`][matmend.estimators.MatrixCompleter.fit].

        Returns
        -------
        array or DataFrame of shape (m, n)
            As [`transform`][matmend.estimators.MatrixCompleter.transform] returns it.
        """
        table = self._fit(X, missing_mask)
        return self._output(X, self.completed_.copy(), table.seen)

    def transform(self, X: Any, *, missing_mask: Any = None) -> Any:
        """Fill the gaps of new rows.

        Parameters
        ----------
        X : table of shape (p, n), of any kind that `fit` takes
        missing_mask : bool array of shape (p, n), optional
            True = missing.

        Returns
        -------
        array or DataFrame of shape (p, n)
            What `set_output` asks for; by default a DataFrame for a DataFrame, with its names, index and types (filled
            columns of integers become float64), and an array of float32 or float64 for anything else.

        Raises
        ------
        ValueError
            If the rows cannot be used; the message says why.
        """
        check_is_fitted(self)
        table = read(X, self._marking(), missing_mask, self)
        validate_data(self, X, reset=False, skip_check_array=True)
        if table.seen.all():
            return self._output(X, table.values.copy(), table.seen)
        scaled = self.columns_.into(table.values)
        filled = filled_rows(self._rows, scaled, table.seen, self.empty_columns_)
        filled = self.columns_.back(filled.astype(table.values.dtype, copy=False))
        return self._output(X, np.where(table.seen, table.values, filled), table.seen)

    def intervals(self, coverage: float = 0.9) -> Intervals:
        """Return intervals that cover the truth of the missing entries of the fitted table.

        Parameters
        ----------
        coverage : float in (0, 1), default 0.9

        Returns
        -------
        Intervals
            See [`intervals`][matmend.trust.intervals] for what is guaranteed; in units of the data.

        Raises
        ------
        ValueError
            If nothing was missing, or there are too few entries to hold out.

        Notes
        -----
        The method runs again without the entries that calibrate the intervals, so estimates differ a little from
        `completed_`.
        """
        check_is_fitted(self)
        if self.completion_ is None:
            raise ValueError("intervals: nothing was missing in the fitted table, so there is nothing to cover.")
        chosen, columns = self._chosen, self.columns_
        scaled = columns.into(np.where(self.observed_, self.completed_, np.nan).astype(self.completed_.dtype))
        method = self.method if isinstance(self.method, Recipe) else chosen.name
        with on_device(self.device):
            found = intervals(
                scaled, self.observed_, method=method, coverage=coverage, seed=self._seed, settings=chosen.settings
            )
        observed, values = self.observed_, self.completed_
        bounds = {
            name: np.where(observed, values, columns.back(getattr(found, name)))
            for name in ("estimate", "lower", "upper")
        }
        completion = columns.completion_back(found.completion, values)
        return replace(found, **bounds, scale=columns.widths_back(found.scale), completion=completion)

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        words = super().__repr__(N_CHAR_MAX)
        # A comment, so that the text is Python still: who hands in a sparse matrix should see what was made of it.
        reading = getattr(self, "reading_", "")
        return f"{words}  # {reading}" if reading.startswith("sparse") else words

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _marking(self) -> Marking:
        return Marking.of(self.missing_values, self.sparse_zero)

    def _fit(self, X: Any, missing_mask: Any) -> Table:
        chosen = Chosen.given(self.method, self.settings)
        table = read(X, self._marking(), missing_mask, self)
        validate_data(self, X, reset=True, skip_check_array=True)
        values, seen = table.values, table.seen
        if not seen.any():
            raise ValueError("Everything is missing: there is nothing to complete the table from.")
        if self.warm_start and chosen.name == "auto" and getattr(self, "method_", None) is not None:
            chosen = self._chosen
        columns = Columns.of(values, seen, self.scale)
        self.empty_rows_, self.empty_columns_ = (np.flatnonzero(~seen.any(axis=axis)) for axis in (1, 0))
        warn_of_empty(self.empty_rows_, self.empty_columns_, X)
        self._seed = _seed(self.random_state)
        with on_device(self.device), telling(self.callback, self.verbose) as tell:
            if seen.all():
                self._fit_complete(chosen, columns, values)
            else:
                chosen = chosen.resolved(values, seen, self._seed, tell)
                self._adopt(chosen, columns, values, chosen.run(columns.into(values), seen, self._seed, tell))
            tell(Progress("done", str(self.method_)))
        self.columns_, self.observed_, self.reading_ = columns, seen, table.reading
        return table

    def _adopt(self, chosen: Chosen, columns: Columns, values: NDArray[np.floating], done: Completion) -> None:
        """Take over what a method made of scaled columns."""
        self._chosen, self.method_, self.scores_, self.reason_ = chosen, chosen.name, chosen.scores, chosen.reason
        self.completion_ = columns.completion_back(done, values)
        self.completed_ = self.completion_.completed
        error = chosen.error(columns.is_scaled) if done.expected_rmse is None else done.expected_rmse
        self.expected_rmse_ = None if error is None else columns.error_back(error, done.mask)
        self.column_expected_rmse_ = None if error is None else error * columns.spread
        normal = done.normal if isinstance(done, GaussianCompletion) else None
        self._rows: RowModel = normal or subspace_of(done.completed, done.mask, seed=self._seed)

    def _fit_complete(self, chosen: Chosen, columns: Columns, values: NDArray[np.floating]) -> None:
        """Learn from a table without gaps what fills those of new rows."""
        self._chosen, self.scores_, self.reason_ = chosen, [], "nothing was missing"
        self.method_ = None if chosen.name == "auto" else chosen.name
        self.completed_, self.completion_ = values.copy(), None
        self.expected_rmse_ = self.column_expected_rmse_ = None
        scaled, seen = columns.into(values), np.full(values.shape, True)
        most = {"auto": MOST_BY_DEFAULT, "gaussian": MOST_COLUMNS}.get(chosen.name, 0)
        if values.shape[1] <= most:
            self._rows = fit_normal(scaled, seen, **{"seed": self._seed, **chosen.settings}).normal
        else:
            self._rows = subspace_of(scaled, seen, seed=self._seed)

    def _output(self, X: Any, values: NDArray[np.floating], seen: NDArray[np.bool_]) -> Any:
        asked = _get_output_config("transform", self)["dense"]
        return like(X, values, seen) if is_frame(X) and asked in ("default", kind(X)) else values


def _seed(random_state: Any) -> int:
    """Return a seed: an integer as it is, else one that is drawn."""
    if isinstance(random_state, (int, np.integer)) and not isinstance(random_state, bool):
        if random_state < 0:
            raise ValueError(f"random_state: expected a number >= 0, a RandomState or None, got {random_state!r}.")
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31 - 1))
