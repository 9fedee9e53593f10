import os
import pickle
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks

from matmend.datasets import load_movielens_fold
from matmend.estimators import EntryRegressor, entries
from matmend.estimators.entries import PredictedIntervals
from matmend.estimators.entry_table import DuplicatePairsWarning

QUICK = {"rank": 2, "implicit": False, "num_draws": 20}
FOLDS = KFold(3, shuffle=True, random_state=0)


def rmse(x):
    return float(np.sqrt(np.mean(np.square(x))))


@parametrize_with_checks([EntryRegressor()])
@pytest.mark.filterwarnings("ignore::matmend.estimators.entry_table.DuplicatePairsWarning")  # few ids, many lines
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def table():
    """A matrix of rank 2, where it was seen, and what it is elsewhere."""
    rng = np.random.default_rng(3)
    truth = 100 + rng.normal(size=(40, 2)) @ rng.normal(size=(2, 30))
    i, j = np.divmod(rng.permutation(truth.size), 30)
    X, y = np.column_stack([i + 1000, j]), truth[i, j]
    return X[:700], y[:700], X[700:], y[700:]


@pytest.fixture(scope="module")
def fitted(table):
    return EntryRegressor(**QUICK).fit(*table[:2])


def test_a_matrix_of_low_rank_is_found_and_the_error_told(table):
    X, y, new, truth = table
    regressor = EntryRegressor().fit(X, y)
    assert rmse(regressor.predict(new) - truth) < 0.1 * y.std()
    assert regressor.expected_rmse_ is not None
    assert regressor.baseline_rmse_ is not None
    assert regressor.expected_rmse_ < 0.1 * regressor.baseline_rmse_
    assert regressor.rank_ >= 2
    assert regressor.score(new, truth) > 0.99


def test_errors_to_expect_fit_the_errors_made(table):
    X, y, new, truth = table
    noisy = y + np.random.default_rng(0).normal(0, 0.5, y.size)
    values, std = EntryRegressor(**QUICK).fit(X, noisy).predict(new, return_std=True)
    seen = truth + np.random.default_rng(1).normal(0, 0.5, truth.size)
    assert 0.85 < np.mean(np.abs(values - seen) < 1.645 * std) < 0.96


def test_a_search_over_the_rank_holds_out_entries(table):
    X, y, new, truth = table
    search = GridSearchCV(EntryRegressor(implicit=False, num_draws=20), {"rank": [0, 1, 2]}, cv=FOLDS).fit(X, y)
    assert search.best_params_ == {"rank": 2}
    assert search.best_estimator_.score(new, truth) > 0.98
    assert search.cv_results_["mean_test_score"][0] < 0.9


@pytest.mark.skipif(
    not os.environ.get("MATMEND_DATA"), reason="MATMEND_DATA is not set: MovieLens is not redistributed"
)
def test_a_search_on_movielens():
    fold = load_movielens_fold("u1")
    train, heldout = fold.train, fold.heldout
    rows = np.argsort(-np.bincount(train.rows))[:150]  # small part: those who rated most, and what was rated most
    cols = np.argsort(-np.bincount(train.cols))[:100]

    def part(ratings):
        chosen = np.isin(ratings.rows, rows) & np.isin(ratings.cols, cols)
        return np.column_stack([ratings.rows[chosen], ratings.cols[chosen]]), ratings.values[chosen]

    X, y = part(train)
    search = GridSearchCV(EntryRegressor(implicit=False, num_draws=20), {"rank": [0, 3]}, cv=FOLDS).fit(X, y)
    assert search.best_params_ == {"rank": 3}
    new, truth = part(heldout)
    found = search.best_estimator_
    error = rmse(found.predict(new) - truth)
    assert found.expected_rmse_ < found.baseline_rmse_
    assert error < 0.99 * rmse(EntryRegressor(rank=0).fit(X, y).predict(new) - truth)
    assert found.expected_rmse_ == pytest.approx(error, rel=0.1)


def test_a_pipeline_may_prepare_the_pairs(table):
    X, y, _new, _truth = table
    swapped = make_pipeline(FunctionTransformer(lambda X: X[:, ::-1]), EntryRegressor(**QUICK))
    assert cross_val_score(swapped, X, y, cv=FOLDS).min() > 0.95


def test_whole_rows_held_out_get_what_is_usual(fitted, table):
    _X, y, _new, _truth = table
    values, std = fitted.predict([[1000, 3], [7, 3], [1000, "x"], [-1, -1]], return_std=True)
    assert np.isfinite(values).all()
    assert y.min() <= values.min()
    assert values.max() <= y.max()
    assert std[0] < std[1] < std[3]
    assert fitted.known([[1000, 3], [7, 3], [1000, "x"]]).tolist() == [[True, True], [False, True], [True, False]]


def test_neither_the_order_of_samples_nor_the_kind_of_ids_changes_a_bit(fitted, table):
    X, y, new, _ = table
    values = fitted.predict(new)
    order = np.random.default_rng(0).permutation(len(y))
    assert np.array_equal(EntryRegressor(**QUICK).fit(X[order], y[order]).predict(new), values)
    words = np.char.add("user", X.astype(str))
    assert np.array_equal(
        EntryRegressor(**QUICK).fit(words, y).predict(np.char.add("user", new.astype(str))),
        EntryRegressor(**QUICK).fit(words.astype(object), y).predict(np.char.add("user", new.astype(str)).tolist()),
    )
    assert np.array_equal(fitted.predict(new.astype(float)), values)
    assert np.array_equal(fitted.predict(new.tolist()), values)
    assert np.array_equal(fitted.predict(new[::-1])[::-1], values)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_data_frames_keep_their_ids_apart(table, library):
    frames = pytest.importorskip(library)
    X, y, new, _ = table
    big = 2**60
    frame = frames.DataFrame({"user": X[:, 0] + big, "item": [f"i{j}" for j in X[:, 1]]})
    later = frames.DataFrame({"user": new[:, 0] + big, "item": [f"i{j}" for j in new[:, 1]]})
    regressor = EntryRegressor(**QUICK).fit(frame, y)
    assert regressor.row_ids_.tolist() == sorted(set((X[:, 0] + big).tolist()))  # as float64 they would be equal
    assert vars(regressor)["feature_names_in_"].tolist() == ["user", "item"]
    assert regressor.known(later).all()
    assert np.isfinite(regressor.predict(later)).all()
    with pytest.raises(ValueError, match="feature names"):
        regressor.predict(frames.DataFrame({"user": new[:, 0], "thing": new[:, 1]}))


def test_units_change_nothing_but_units(fitted, table):
    X, y, new, _ = table
    values, std = fitted.predict(new, return_std=True)
    found, scaled = EntryRegressor(**QUICK).fit(X, 1e6 + 2**-20 * y).predict(new, return_std=True)
    np.testing.assert_allclose((found - 1e6) * 2**20, values, atol=1e-3)
    np.testing.assert_allclose(scaled * 2**20, std, rtol=1e-3)


def test_a_constant_is_predicted_as_it_is(table):
    X, _, new, _ = table
    assert np.array_equal(EntryRegressor(**QUICK).fit(X, np.full(len(X), 7.0)).predict(new), np.full(len(new), 7.0))


def test_copies_predict_alike(fitted, table):
    X, y, new, _ = table
    assert np.array_equal(pickle.loads(pickle.dumps(fitted)).predict(new), fitted.predict(new))
    copy: Any = clone(fitted)
    with pytest.raises(NotFittedError):
        copy.predict(new)
    assert np.array_equal(copy.fit(X, y).predict(new), fitted.predict(new))
    copy.set_params(random_state=1)
    assert not np.array_equal(copy.fit(X, y).predict(new), fitted.predict(new))
    state = np.random.RandomState(5)
    assert np.isfinite(EntryRegressor(**QUICK, random_state=state).fit(X, y).predict(new)).all()


def test_several_values_of_a_pair_are_averaged(table):
    X, y, new, _ = table
    shift = np.random.default_rng(0).normal(size=len(y))
    with pytest.warns(DuplicatePairsWarning, match="700 of 1400 samples"):
        twice = EntryRegressor(**QUICK).fit(np.concatenate([X, X]), np.concatenate([y + shift, y - shift]))
    np.testing.assert_allclose(twice.predict(new), EntryRegressor(**QUICK).fit(X, y).predict(new), atol=0.1)
    assert twice.model_.shape == (40, 30)


def test_further_columns_add_effects(table):
    X, y, new, truth = table
    rng = np.random.default_rng(1)
    device, later = rng.integers(0, 2, len(X)), rng.integers(0, 2, len(new))
    with_device, y = np.column_stack([X, device]), y + 5 * device
    regressor = EntryRegressor(**QUICK).fit(with_device, y)
    assert rmse(regressor.predict(np.column_stack([new, later])) - truth - 5 * later) < 0.3
    assert np.diff(regressor.effects_.values[0]) == pytest.approx(5, abs=0.3)
    unknown = regressor.predict(np.column_stack([new, np.full(len(new), 9)]))
    assert rmse(unknown - truth - 5 * device.mean()) < 0.3


def test_new_rows_are_taken_in_without_training(fitted, table):
    X, y, new, truth = table
    rest = X[:, 0] >= 1005
    small = EntryRegressor(**QUICK).fit(X[rest], y[rest])
    folded = small.fold_in(np.r_[X[~rest], [[1002, 999]]], np.r_[y[~rest], 0.0])  # column 999 is unknown
    assert not small.known([[1003, 0]])[0, 0]
    assert folded.known([[1003, 0]]).all()
    asked = new[:, 0] < 1005
    assert rmse(folded.predict(new[asked]) - truth[asked]) < 0.3 * rmse(small.predict(new[asked]) - truth[asked])
    np.testing.assert_allclose(folded.predict(new[~asked]), small.predict(new[~asked]), rtol=1e-6)
    again = folded.fold_in([[1020, 4], ["anna", 5]], [150.0, 100.0])  # an old row keeps its other values
    assert again.predict([[1020, 4]]) > folded.predict([[1020, 4]])
    assert again.known([["anna", 5], [1020, 4]]).all()
    assert abs(again.predict([[1021, 7]]) - folded.predict([[1021, 7]])) < 1e-4
    with pytest.raises(ValueError, match="None of the column ids is known"):
        fitted.fold_in([[1, 999]], [1.0])


def test_what_is_best_is_recommended_by_its_id(table):
    X, y, _, _ = table
    words = np.column_stack([X[:, 0].astype(object), np.array([f"i{j}" for j in X[:, 1]], object)])
    regressor = EntryRegressor(**QUICK).fit(words, y)
    found = regressor.recommend([1003, 1004], count=5)
    seen = {tuple(pair) for pair in words.tolist()}
    assert found.col_ids.shape == (2, 5)
    assert not any(
        (row, col) in seen for row, cols in zip([1003, 1004], found.col_ids.tolist(), strict=True) for col in cols
    )
    pairs = [[1003, col] for col in found.col_ids[0]]
    np.testing.assert_allclose(regressor.predict(pairs), found.values[0], rtol=1e-6)
    every = [[1003, f"i{j}"] for j in range(30) if (1003, f"i{j}") not in seen]
    assert regressor.predict(every).max() == pytest.approx(found.values[0, 0], rel=1e-6)


def test_progress_is_heard_and_may_end_the_training(table, capsys):
    X, y, new, _ = table
    heard = []
    EntryRegressor(**QUICK, callback=heard.append).fit(X, y)
    assert {progress.stage for progress in heard} == {"training", "done"}
    assert heard[-2].row["sweep"] == heard[-2].row["max_sweeps"] == heard[-2].step
    assert [p.row["phase"] for p in heard[:-1]] == sorted(p.row["phase"] for p in heard[:-1])  # first part, training …
    ended = EntryRegressor(**QUICK, callback=lambda progress: progress.step == 5, verbose=1).fit(X, y)
    assert "interrupted" in ended.message_ or "asked" in ended.message_, ended.message_
    assert np.isfinite(ended.predict(new)).all()
    assert capsys.readouterr().out == ""


def test_many_pairs_are_trained_on_by_compiled_code(fitted, table, monkeypatch):
    X, y, new, truth = table
    monkeypatch.setattr(entries, "SMALL", 100)
    heard = []
    regressor = EntryRegressor(**QUICK, device="cpu", callback=heard.append).fit(X, y)
    assert {p.row["phase"] for p in heard if p.row} == {"first part", "training on all ratings"}
    assert not np.array_equal(regressor.predict(new), fitted.predict(new))
    assert rmse(regressor.predict(new) - truth) < 0.2 * y.std()
    with pytest.raises(ValueError, match="rank"):
        EntryRegressor(rank=0).fit(X, y)


def test_a_warm_start_keeps_the_choice(table):
    X, y, _, _ = table
    heard = []
    regressor = EntryRegressor(warm_start=True, callback=lambda p: heard.append(p.row and p.row["phase"]))
    regressor.fit(X[:500], y[:500])
    rank, tried = regressor.rank_, set(heard)
    heard.clear()
    regressor.fit(X, y)
    assert regressor.rank_ == rank
    assert not any("trying" in phase for phase in heard if phase)
    assert any("trying" in phase for phase in tried if phase)


def test_intervals_come_from_calibration(table, monkeypatch):
    X, y, _new, _truth = table
    asked = []

    class StandIn:
        def interval(self, rows, cols):
            estimate = (rows + 100 * cols).astype(np.float32)
            return estimate, estimate - 1, estimate + 2

    def entry_intervals(ratings, *, coverage, seed, complete, **settings):
        assert complete is entries.complete_small_ratings
        asked.append((ratings.values.size, coverage, seed, settings))
        return StandIn()

    monkeypatch.setattr("matmend.trust.entry_intervals", entry_intervals, raising=False)
    regressor = EntryRegressor(**QUICK).fit(X, y)
    found = regressor.predict_interval([[1000, 0], [1002, 1]], 0.8)
    assert isinstance(found, PredictedIntervals)
    scale = y.std()
    np.testing.assert_allclose(found.upper - found.lower, 3 * scale)
    np.testing.assert_allclose(found.lower - y.mean(), [-scale, 101 * scale], atol=1e-9)  # positions, not ids
    regressor.predict_interval([[1000, 0]], 0.8)
    assert asked == [(700, 0.8, 0, QUICK)]  # once for each coverage


def test_intervals_cover(table):
    X, y, new, truth = table
    rng = np.random.default_rng(0)
    regressor = EntryRegressor(**QUICK).fit(X, y + rng.normal(0, 0.5, y.size))
    lower, upper = regressor.predict_interval(new, coverage=0.8)
    covered = np.mean((lower <= (seen := truth + rng.normal(0, 0.5, truth.size))) & (seen <= upper))
    assert 0.7 < covered < 0.9  # 70 calibration entries: the standard deviation of the coverage is 0.05


def pairs(*lines):
    return np.array(lines, object)


@pytest.mark.parametrize(
    ("X", "y", "words"),
    [
        ([[1, 2], [3, 4]], [1.0, np.nan], "Input y contains NaN"),
        ([[1, 2], [3, 4]], [1.0, np.inf], "Input y contains infinity"),
        ([[1, 2], [3, 4]], [1.0], "inconsistent numbers of samples"),
        ([[1, 2], [3, 4]], None, "requires y to be passed"),
        ([[1], [2]], [1.0, 2.0], "1 feature"),
        ([1, 2], [1.0, 2.0], "Expected 2D array"),
        (np.empty((0, 2)), [], "0 sample"),
        ([[1, 2]], [1.0], "1 sample"),
        ([[1, np.nan], [3, 4]], [1.0, 2.0], "NaN"),
        (pairs(["a", None], ["b", "c"]), [1.0, 2.0], "expected an id in every line of column 1"),
        (pairs(["a", ["b"]], ["b", "c"]), [1.0, 2.0], "told apart"),
    ],
)  # fmt: skip
def test_what_cannot_be_learned_from_is_refused(X, y, words):
    with pytest.raises(ValueError, match=words):
        EntryRegressor().fit(X, y)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"heldout": 1.5}, "heldout"),
        ({"rank": -1}, "rank"),
        ({"num_draws": 1}, "num_draws"),
        ({"device": "abacus"}, "device"),
    ],
)
def test_parameters_out_of_range_are_refused(table, parameters, words):
    with pytest.raises(ValueError, match=words):
        EntryRegressor(**parameters).fit(*table[:2])


def test_before_fit_nothing_is_predicted():
    with pytest.raises(NotFittedError):
        EntryRegressor().predict([[1, 2]])
    with pytest.raises(NotFittedError):
        EntryRegressor().predict_interval([[1, 2]])


def test_a_column_of_values_is_a_vector_with_a_warning(table):
    X, y, _new, _ = table
    with pytest.warns(DataConversionWarning):
        EntryRegressor(**QUICK).fit(X, y[:, None])
