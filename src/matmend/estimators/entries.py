"""`EntryRegressor`: entries of a matrix as samples, so that scikit-learn's folds and searches hold out entries."""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted

from matmend.estimators.effects import Effects
from matmend.estimators.entry_table import PredictedIntervals, averaged, in_units, joined, standard, warn_of_duplicates
from matmend.estimators.pairs import Ids, id_columns, read_pairs
from matmend.estimators.placement import on_device
from matmend.estimators.progress import Callback, Progress, telling
from matmend.io import Ratings
from matmend.methods.ratings import RatingsModel, Recommendations, complete_ratings
from matmend.methods.ratings.small import SMALL, complete_small_ratings


class EntryRegressor(RegressorMixin, BaseEstimator):
    """Predict entries of a matrix from their row and column: ratings, affinities, sales, any pairs of two kinds.

    A sample is a pair of ids and its target is the value there, so `KFold`, `cross_val_score` and `GridSearchCV` hold
    out entries as they hold out samples elsewhere. The model is a mean, a bias for each row and each column, and a
    product of two thin factors, averaged over draws from its posterior distribution: there is nothing to tune, and
    every prediction comes with the error to expect.

    Parameters
    ----------
    rank : int, optional
        Columns of the factors besides the biases, as in [`complete_ratings`][matmend.methods.ratings.complete_ratings];
        chosen by default. 0 leaves biases alone (up to `SMALL` pairs).
    implicit : bool, optional
        Whether it tells something that a pair was observed at all, whatever its value. By default both answers are
        tried on held-out pairs, if there are enough of them.
    num_draws : int, optional
        Draws that are averaged; 60 by default, fewer of many millions of pairs.
    heldout : float in (0, 1), optional
        Share of the pairs that the choice and the error told rest on; the final model is trained on all pairs.
    warm_start : bool, default False
        Keep what the last `fit` chose (rank, implicit) and only train, which takes a fraction of the time: for
        data that grow. New data of old columns need no training at all, see `fold_in`.
    callback : callable ``Progress -> bool or None``, optional
        Hears how a fit goes on, see [`Progress`][matmend.estimators.progress.Progress]: after every sweep its ``row``
        has ``phase``, ``sweep``, ``max_sweeps``, ``noise`` and ``heldout``. Returning True ends the training there, and
        the model is what there is then.
    verbose : int, default 0
        Above 0, a line on standard error tells how a fit goes on.
    device : {"auto", "cpu", "gpu"}, default "auto"
        Where JAX trains on more than `SMALL` pairs. Fewer never leave the processor.
    random_state : int, RandomState or None, default 0
        The same number gives the same bits on the same machine.

    Attributes
    ----------
    model_ : RatingsModel
        In which ``row_ids_[i]`` is row i and ``col_ids_[j]`` is column j; for saving, recommending, looking inside.
    row_ids_, col_ids_ : arrays of shape (m,) and (n,)
    rank_, implicit_ : int, bool
        What was chosen, or given.
    expected_rmse_ : float
        Root mean square error on pairs held out, before the final training.
    baseline_rmse_ : float
        That of a mean with row and column offsets, on the same pairs. If it is the smaller one, a pair says no more
        than its row and its column do.
    message_ : str
        What was chosen, against what, and why training ended.
    effects_ : Effects
        What the groups in further columns of X add.
    n_features_in_ : int
    feature_names_in_ : array of str, if X had names

    Notes
    -----
    The first two columns of X are ids of row and column: numbers, words or dates, told apart by value, so 7 and 7.0
    are one. Further columns are circumstances (device, month, batch): each group of equal values adds a constant,
    fitted with offsets of rows and columns before the rest. All columns are names, not quantities: 1.5 is no nearer to
    1.6 than to 100. Ids without any pair get what is usual otherwise; predictions are never NaN, and the part without
    circumstances stays within the range that was seen.

    Lists of pairs are mostly sorted by row, and folds without ``shuffle=True`` then hold out whole rows, of which
    nothing is known in training: shuffle to ask how well entries of known rows and columns are predicted.

    Several values for one pair in the same circumstances are averaged, with a `DuplicatePairsWarning`; to keep only the
    latest, drop the others before. The order of the samples does not matter.

    Up to `SMALL` = 50,000 pairs nothing is compiled
    ([`complete_small_ratings`][matmend.methods.ratings.small.complete_small_ratings]): a second for hundreds of pairs,
    ten for 50,000, where compiling takes some twenty for every new fold, whatever its size. The model is the same one;
    its numbers differ as those of two seeds do. `predict_interval` does compile.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.model_selection import KFold, cross_val_score
    >>> users, items = np.repeat(np.arange(30), 20), np.tile(np.arange(20), 30)
    >>> X, y = np.column_stack([users, items]), np.sin(users) * np.cos(items) + 3
    >>> folds = KFold(5, shuffle=True, random_state=0)
    >>> bool(cross_val_score(EntryRegressor(), X, y, cv=folds).min() > 0.99)
    True
    """

    def __init__(
        self,
        *,
        rank: int | None = None,
        implicit: bool | None = None,
        num_draws: int | None = None,
        heldout: float | None = None,
        warm_start: bool = False,
        callback: Callback | None = None,
        verbose: int = 0,
        device: str = "auto",
        random_state: Any = 0,
    ):
        self.rank = rank
        self.implicit = implicit
        self.num_draws = num_draws
        self.heldout = heldout
        self.warm_start = warm_start
        self.callback = callback
        self.verbose = verbose
        self.device = device
        self.random_state = random_state

    def fit(self, X: Any, y: ArrayLike) -> Self:
        """Learn from observed pairs.

        Parameters
        ----------
        X : array of shape (e, k), or DataFrame of pandas or polars
            Ids of row and column, and of any further groups; at least two lines.
        y : array of shape (e,)
            Finite numbers.

        Returns
        -------
        EntryRegressor
            Itself.

        Raises
        ------
        ValueError
            If X has fewer than two columns or lines, an id is missing, a value is not finite, or a parameter is out of
            range.
        """
        columns, y = read_pairs(self, X, y, reset=True)
        ids, places = zip(*(Ids.of(column) for column in columns), strict=True)
        # Sums are made in one order, so that the order of the samples changes no bit.
        order = np.lexsort((y, *places[::-1]))
        rows, cols, *groups = (place[order] for place in places)
        warn_of_duplicates([rows, cols, *groups])
        effects = Effects.fit(rows, cols, groups, y[order], ids[2:])
        rest = y[order] - effects.of(groups)
        offset, scale = float(rest.mean()), float(rest.std()) or 1.0
        ratings = averaged(rows, cols, (rest - offset) / scale, (len(ids[0]), len(ids[1])))
        with telling(self.callback, self.verbose) as tell:

            def on_sweep(run: Any, row: dict[str, Any]) -> bool:
                return tell(Progress("training", f"ratings ({row['phase']})", step=row["sweep"], row=row))

            with on_device(self.device):
                complete, settings = self._method(ratings)
                model = complete(ratings, seed=self._seed(), on_sweep=[on_sweep], **settings)
            tell(Progress("done", "ratings"))
        self.row_ids_, self.col_ids_, self.effects_ = ids[0].values, ids[1].values, effects
        self._keep(in_units(model, offset, scale), ratings)
        return self

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Predict the values of pairs.

        Parameters
        ----------
        X : array of shape (e, k), or DataFrame
            As in `fit`. Ids that were not there get what is usual otherwise.
        return_std : bool, default False
            Whether the error to expect is returned, too: by how much the draws disagree, and the noise of a value.

        Returns
        -------
        y : float64 array of shape (e,)
        std : float64 array of shape (e,), if asked for

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If X has another number of columns than in `fit`, or an id is missing.
        """
        check_is_fitted(self)
        columns, _ = read_pairs(self, X)
        found = standard(self.model_).predict(*self._places(columns))
        values = self.model_.offset + self.model_.scale * found.values.astype(np.float64)
        values = values + self.effects_.at(columns[2:])
        return (values, self.model_.scale * found.expected_errors.astype(np.float64)) if return_std else values

    def predict_interval(self, X: Any, coverage: float = 0.9) -> PredictedIntervals:
        """Predict between which bounds values lie.

        A tenth of the pairs is set aside, a second model is trained on the others, and its errors on those set aside
        say how wide intervals have to be ([`entry_intervals`][matmend.trust.entry_intervals]). That is done at the
        first call for each coverage.

        Parameters
        ----------
        X : array of shape (e, k), or DataFrame
        coverage : float in (0, 1), default 0.9
            The share of new pairs, of the same kind as those given, whose interval is to hold their value.

        Returns
        -------
        PredictedIntervals
            ``lower, upper``, around what the second model predicts: nearly what `predict` does.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If there are too few pairs to set some aside, `coverage` is out of range, or as in `predict`.
        """
        check_is_fitted(self)
        columns, _ = read_pairs(self, X)
        if coverage not in self._intervals:
            from matmend.trust import entry_intervals

            settings = {"rank": self.rank_, "implicit": self.implicit_, "num_draws": self.num_draws}
            self._intervals[coverage] = entry_intervals(
                self._ratings, coverage=coverage, seed=self._seed(), complete=self._method(self._ratings)[0], **settings
            )
        _, *bounds = self._intervals[coverage].interval(*self._places(columns))
        more = self.effects_.at(columns[2:])
        model = self.model_
        return PredictedIntervals(*(model.offset + model.scale * part.astype(np.float64) + more for part in bounds))

    def known(self, X: Any) -> NDArray[np.bool_]:
        """Tell which ids were in the data: of row and column, bool of shape (e, 2)."""
        check_is_fitted(self)
        return np.column_stack(self._places(read_pairs(self, X)[0])) >= 0

    def recommend(self, row_ids: ArrayLike | None = None, *, count: int = 10, new_only: bool = True) -> Recommendations:
        """Find the columns of highest prediction for each row, the best first.

        Parameters
        ----------
        row_ids : array of shape (k,), optional
            All rows by default; unknown ids get what is high for all.
        count : int, default 10
        new_only : bool, default True
            Whether pairs that were in the data are left out.

        Returns
        -------
        Recommendations
            With ids as they were given, and values without circumstances.
        """
        check_is_fitted(self)
        ids = self.row_ids_ if row_ids is None else np.asarray(row_ids)
        places = Ids(self.row_ids_).positions(id_columns(ids.reshape(-1, 1))[0])
        found = self.model_.recommend(places, count=count, seen=self._ratings if new_only else None)
        return found._replace(row_ids=ids, col_ids=self.col_ids_[found.col_ids])

    def fold_in(self, X: Any, y: ArrayLike) -> Self:
        """Take in pairs of new rows, or more pairs of old rows, without training.

        Their rows are solved for with the columns as they are; pairs of unknown columns are left out. Effects of groups
        stay as they are, too. (For new columns, fit with the two columns of X exchanged.)

        Parameters
        ----------
        X : array of shape (e, k), or DataFrame
        y : array of shape (e,)
            A value for a pair that has one takes its place.

        Returns
        -------
        EntryRegressor
            Another, fitted one; this one stays as it is.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If no column is known, or as in `fit`.
        """
        check_is_fitted(self)
        columns, y = read_pairs(self, X, y)
        row_ids = Ids(self.row_ids_).extended(columns[0])
        rows, cols = row_ids.positions(columns[0]), Ids(self.col_ids_).positions(columns[1])
        if not (cols >= 0).any():
            raise ValueError(
                f"None of the column ids is known (such as {columns[1][0]!r}): expected some of those in fit, "
                f"such as {self.col_ids_[0]!r}."
            )
        keep = cols >= 0
        values = (y - self.effects_.at(columns[2:]) - self.model_.offset) / self.model_.scale
        shape = len(row_ids), len(self.col_ids_)
        both, told = joined(self._ratings, averaged(rows[keep], cols[keep], values[keep], shape))
        # New rows need ids: here they are positions, the new ones after the old.
        model = replace(standard(self.model_), row_ids=np.arange(len(self.row_ids_)))
        folded = replace(model.fold_in(told), row_ids=None)
        other = copy.copy(self)
        other.row_ids_ = row_ids.values
        other._keep(in_units(folded, self.model_.offset, self.model_.scale), both)
        return other

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = tags.input_tags.categorical = True
        # Columns are names: where each name occurs once, as in scikit-learn's own tests, there is nothing to learn.
        assert tags.regressor_tags is not None
        tags.regressor_tags.poor_score = True
        return tags

    def _places(self, columns: list[NDArray[Any]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        return Ids(self.row_ids_).positions(columns[0]), Ids(self.col_ids_).positions(columns[1])

    def _seed(self) -> int:
        if isinstance(self.random_state, (int, np.integer)):
            return int(self.random_state)
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _method(self, ratings: Ratings) -> tuple[Callable[..., RatingsModel], dict[str, Any]]:
        """Return what completes so many pairs, and its settings."""
        rank, implicit = self.rank, self.implicit
        if self.warm_start and hasattr(self, "model_"):
            rank, implicit = self.rank_, self.implicit_
        settings = {"rank": rank, "implicit": implicit, "num_draws": self.num_draws}
        if self.heldout is not None:
            settings["heldout"] = self.heldout
        return (complete_small_ratings if ratings.values.size <= SMALL else complete_ratings), settings

    def _keep(self, model: RatingsModel, ratings: Ratings) -> None:
        self.model_, self._ratings = model, ratings
        self.rank_, self.implicit_ = model.U.shape[2] - 2, model.row_links is not None
        self.expected_rmse_, self.baseline_rmse_ = model.heldout_error, model.baseline_error
        self.message_ = model.message
        self._intervals: dict[float, Any] = {}
