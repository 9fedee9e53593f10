import pickle
import warnings
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.impute import KNNImputer
from sklearn.linear_model import Ridge
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from matmend.estimators import EmptyWarning, MatrixCompleter, Progress
from matmend.methods import Recipe, gaussian, registry
from matmend.representation import DeepFactorization

Completer: Any = MatrixCompleter  # its attributes may be None, and are not where the tests look


def draw(seed=0, shape=(60, 6), missing=0.2, units=None):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(shape[0], 2)) @ rng.normal(size=(2, shape[1])) + 0.1 * rng.normal(size=shape)
    if units is not None:
        X = X * units + 10 * units
    return X, np.where(rng.random(shape) < missing, np.nan, X)


UNITS = 10.0 ** np.arange(-2, 4)


def rms(values):
    return float(np.sqrt(np.mean(np.square(values))))


@pytest.mark.parametrize("method", ["gaussian", "knn", "soft_impute"])
def test_without_units_the_table_is_completed_as_by_the_method_itself(method):
    _, Y = draw()
    completer = Completer(method, random_state=3)
    done = completer.fit_transform(Y)
    assert_array_equal(done, registry[method](Y, seed=3).completed)
    assert_array_equal(completer.completed_, done)
    assert_array_equal(completer.observed_, ~np.isnan(Y))
    assert (completer.method_, completer.scores_, completer.columns_.is_scaled) == (method, [], False)


@pytest.mark.parametrize("scale", ["auto", "columns"])
def test_columns_of_different_units_are_scaled_and_brought_back(scale):
    X, Y = draw(units=UNITS)
    completer = Completer("soft_impute", scale=scale).fit(Y)
    assert completer.columns_.is_scaled
    gaps = np.isnan(Y)
    error = rms(((completer.completed_ - X) / X.std(axis=0))[gaps])
    assert error < 0.3 < rms(((Completer("soft_impute", scale="none").fit_transform(Y) - X) / X.std(axis=0))[gaps])
    assert completer.completed_[~gaps].tobytes() == Y[~gaps].tobytes()
    # What to expect, of every column and of all: within a factor of 2, as 70 entries tell.
    true = np.array([rms((completer.completed_ - X)[gaps[:, j], j]) for j in range(6)])
    assert 0.4 < np.median(completer.column_expected_rmse_ / true) < 2.5
    assert 0.4 < completer.expected_rmse_ / rms((completer.completed_ - X)[gaps]) < 2.5


def test_the_completion_tells_in_units_of_the_data():
    _, Y = draw(units=UNITS)
    scaled = Completer("gaussian").fit(Y)
    plain = Completer("gaussian", scale="none").fit(Y)
    assert_allclose(scaled.completion_.X_hat, plain.completion_.X_hat, rtol=1e-6)
    assert_allclose(scaled.completion_.normal.covariance, plain.completion_.normal.covariance, rtol=1e-5)
    assert scaled.completion_.expected_rmse == scaled.expected_rmse_


def test_new_rows_have_the_conditional_mean_of_the_fitted_distribution():
    _, Y = draw(units=UNITS)
    new, gaps = draw(1, units=UNITS)[1][:15], np.isnan(draw(1, units=UNITS)[1][:15])
    completer = Completer("gaussian").fit(Y)
    normal: Any = gaussian.complete(Y).normal
    expected = new.copy()
    for row, u in zip(expected, gaps, strict=True):
        gain = normal.covariance[np.ix_(u, ~u)] @ np.linalg.inv(normal.covariance[np.ix_(~u, ~u)])
        row[u] = normal.mean[u] + gain @ (row[~u] - normal.mean[~u])
    assert_allclose(completer.transform(new), expected, rtol=1e-6)
    assert_allclose(completer.transform(Y), completer.completed_, rtol=1e-6)  # for this method both are one


@pytest.mark.parametrize("method", ["soft_impute", "knn"])
def test_new_rows_are_filled_by_a_ridge_in_the_space_of_singular_vectors(method):
    X, Y = draw()
    completer = Completer(method).fit(Y)
    truth, new = draw(1)  # with loadings of its own: another table
    truth = X[:10] * 1.3
    new = np.where(np.isnan(draw(1)[1][:10]), np.nan, truth)
    done = completer.completed_
    covariance = np.cov(done.T, bias=True) + completer._rows.ridge * np.eye(6)
    for row, found in zip(new, completer.transform(new), strict=True):
        u = np.isnan(row)
        gain = covariance[np.ix_(u, ~u)] @ np.linalg.inv(covariance[np.ix_(~u, ~u)])
        assert_allclose(found[u], (done.mean(axis=0)[u] + gain @ (row - done.mean(axis=0))[~u]), atol=1e-8)
    assert rms((completer.transform(new) - truth)[np.isnan(new)]) < 0.5 * rms(
        (truth - done.mean(axis=0))[np.isnan(new)]
    )


@pytest.mark.parametrize("method", ["auto", "gaussian", "soft_impute"])
def test_a_table_without_gaps_teaches_what_fills_new_rows(method):
    X, _ = draw()
    completer = Completer(method).fit(X)
    assert_array_equal(completer.completed_, X)
    assert completer.completion_ is completer.expected_rmse_ is None
    assert completer.method_ == (None if method == "auto" else method)
    row = X[:1].copy()
    row[0, 2] = np.nan
    assert abs(completer.transform(row)[0, 2] - X[0, 2]) < 0.5
    with pytest.raises(ValueError, match="nothing was missing"):
        completer.intervals()


def test_a_mask_hides_entries_of_new_rows_too():
    X, Y = draw()
    completer = Completer("gaussian").fit(X, missing_mask=np.isnan(Y))
    assert_array_equal(completer.completed_, Completer("gaussian").fit_transform(Y))
    assert_array_equal(completer.transform(X, missing_mask=np.isnan(Y)), completer.transform(Y))


def test_rows_without_gaps_come_back_untouched_and_every_row_by_itself():
    X, Y = draw()
    completer = Completer("soft_impute").fit(Y)
    assert completer.transform(X).tobytes() == X.tobytes()
    together = completer.transform(Y[:20])
    assert_allclose(np.vstack([completer.transform(Y[i : i + 1]) for i in range(20)]), together, atol=1e-12)


def test_auto_chooses_and_a_warm_start_keeps_the_choice():
    _, Y = draw(units=UNITS)
    heard = []
    completer = Completer(callback=heard.append, warm_start=True).fit(Y)
    assert completer.method_ == heard[-1].method
    assert {score.method for score in completer.scores_} >= {"gaussian", "knn", "mean"}
    assert all(score.completion is None for score in completer.scores_)
    assert completer.expected_rmse_ > 0
    assert all(isinstance(progress, Progress) for progress in heard)
    assert [progress.stage for progress in heard[-2:]] == ["completing", "done"]
    assert heard[0].stage == "choosing"
    completer.callback = None  # a bound method of a list of this test
    assert pickle.loads(pickle.dumps(completer)).transform(Y).tobytes() == completer.transform(Y).tobytes()
    completer.callback = heard.append
    first, heard[:] = completer.completed_, []
    assert_array_equal(completer.fit_transform(Y), first)
    assert [progress.stage for progress in heard] == ["completing", "done"]
    heard.clear()
    completer.set_params(warm_start=False).fit(Y)
    assert heard[0].stage == "choosing"


@pytest.mark.parametrize("X", [[[1.0, np.nan]], [[1.0], [np.nan]], [[1, 2, None], [None, 5, 6], [7, None, 9]]])
@pytest.mark.filterwarnings("ignore:Nothing was observed")
def test_of_very_few_entries_nothing_is_chosen(X):
    completer = Completer().fit(X)
    assert np.isfinite(completer.completed_).all()
    assert (completer.method_, completer.reason_) == ("gaussian", "there are too few entries to choose by")


def test_a_recipe_trains_and_a_callback_may_end_it():
    _, Y = draw(shape=(12, 8))
    rows = []
    recipe = Recipe("two factors", DeepFactorization(depth=2), steps=300)

    def until(progress):
        if progress.stage == "training":
            rows.append((progress.step, progress.row["rmse"]))
        return progress.stage == "training" and progress.step >= 100

    completer = Completer(recipe, settings={"holdout": 0.0, "every": 50}, callback=until).fit(Y)
    assert [step for step, _ in rows] == [0, 50, 100]
    assert completer.method_ == "two factors"
    assert completer.completion_.is_partial
    assert np.isfinite(completer.completed_).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("method", ["gaussian", "soft_impute"])
def test_types_are_kept(dtype, method):
    _, Y = draw(units=UNITS)
    Y = Y.astype(dtype)
    completer = Completer(method)
    assert completer.fit_transform(Y).dtype == completer.transform(Y).dtype == dtype
    assert completer.transform(Y)[~np.isnan(Y)].tobytes() == Y[~np.isnan(Y)].tobytes()


@pytest.mark.parametrize("method", ["gaussian", "knn", Recipe("deep", DeepFactorization(depth=1), steps=50)])
def test_pickled_estimators_give_the_same_bits(method):
    _, Y = draw(units=UNITS)
    completer = Completer(method).fit(Y)
    other = pickle.loads(pickle.dumps(completer))
    assert other.transform(Y).tobytes() == completer.transform(Y).tobytes()
    assert other.completed_.tobytes() == completer.completed_.tobytes()
    again: Any = clone(completer)
    assert again.fit_transform(Y).tobytes() == completer.completed_.tobytes()


def test_random_states():
    _, Y = draw()

    def fitted(state):
        return Completer("soft_impute", random_state=state).fit_transform(Y)

    assert_array_equal(fitted(5), fitted(5))
    assert_array_equal(fitted(np.random.RandomState(2)), fitted(np.random.RandomState(2)))
    assert np.isfinite(fitted(None)).all()


def test_empty_rows_and_columns_are_filled_and_told():
    _, Y = draw(units=UNITS)
    Y[[4, 7]] = Y[:, 2] = np.nan
    with pytest.warns(EmptyWarning) as heard:
        completer = Completer("soft_impute").fit(Y)
    assert [str(one.message) for one in heard] == [
        "Nothing was observed of 2 rows (4, 7): filled by the means of columns.",
        "Nothing was observed of 1 column (2): filled by the means of rows.",
    ]
    assert (completer.empty_rows_.tolist(), completer.empty_columns_.tolist()) == ([4, 7], [2])
    assert np.isfinite(completer.completed_).all()
    others = [0, 1, 3, 4, 5]
    assert_allclose(completer.completed_[4, others], np.nanmean(Y[:, others], axis=0))
    # The empty column: means of rows in scaled columns, brought back by medians.
    centre, spread = np.nanmean(Y[:, others], axis=0), np.nanstd(Y[:, others], axis=0)
    row = np.nanmean((Y[0, others] - centre) / spread)
    assert_allclose(completer.completed_[0, 2], row * np.median(spread) + np.median(centre))
    assert_allclose(completer.transform(Y[:1])[0, 2], completer.completed_[0, 2])
    assert np.isfinite(completer.transform(np.full((1, 6), np.nan))).all()


def test_intervals_cover_and_are_in_units_of_the_data():
    X, Y = draw(2, shape=(300, 6), units=UNITS)
    completer = Completer("gaussian").fit(Y)
    found = completer.intervals(0.8)
    gaps = np.isnan(Y)
    covered = ((found.lower <= X) & (found.upper >= X))[gaps]
    assert 0.7 < covered.mean() < 0.9
    assert_array_equal(found.lower[~gaps], Y[~gaps])
    assert_array_equal(found.upper[~gaps], Y[~gaps])
    widths = np.array([np.median((found.upper - found.lower)[gaps[:, j], j]) for j in range(6)])
    assert np.log(widths / X.std(axis=0)).std() < 1
    assert widths[-1] > 1e3 * widths[0]
    assert np.abs(found.estimate - X)[gaps].max() < 10 * UNITS.max()


def test_in_a_pipeline_with_subsets_of_rows_and_columns():
    X, Y = draw(3, shape=(120, 6), missing=0.1)
    y = X @ np.arange(6.0)
    pipeline = make_pipeline(Completer("gaussian"), Ridge())
    assert cross_val_score(pipeline, Y, y, cv=3).mean() > 0.8
    assert Completer("gaussian").fit_transform(Y[:50, [0, 2, 5]]).shape == (50, 3)


def test_better_than_the_imputer_by_neighbours_on_new_rows():
    X, Y = draw(4, shape=(300, 6))
    ours, theirs = (one.fit(Y[:200]).transform(Y[200:]) for one in (Completer("gaussian"), KNNImputer()))
    gaps = np.isnan(Y[200:])
    assert rms((ours - X[200:])[gaps]) < rms((theirs - X[200:])[gaps])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"method": "magic"}, 'method: expected "auto", a Recipe or one of'),
        ({"settings": {"k": 3}}, "settings: they belong to a method"),
        ({"method": "knn", "settings": {"neighbours": 3}}, "settings: knn does not take neighbours; it takes k, axis"),
        ({"method": "air", "settings": {"step": 3}}, "settings: air does not take step; it takes .*steps"),
        ({"method": "mean", "settings": {"seed": 3}}, "settings: mean does not take seed; .*random_state"),
        ({"scale": "yes"}, "scale: expected"),
        ({"sparse_zero": "zero"}, "sparse_zero: expected"),
        ({"device": "abacus"}, "device: expected"),
        ({"random_state": -1}, "random_state: expected"),
    ],
)
def test_parameters_that_cannot_be_used_are_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        Completer(**parameters).fit(draw()[1])


def test_nothing_to_go_by_and_not_fitted():
    with pytest.raises(ValueError, match="Everything is missing"):
        Completer().fit(np.full((3, 2), np.nan))
    with pytest.raises(NotFittedError):
        Completer().transform([[1.0]])
    with pytest.raises(ValueError, match="2 features, but MatrixCompleter is expecting 6"):
        Completer("mean").fit(draw()[1]).transform([[1.0, np.nan]])


def test_progress_is_shown_on_standard_error_only_if_asked(capsys):
    _, Y = draw()
    Completer("mean").fit(Y)
    assert capsys.readouterr() == ("", "")
    with warnings.catch_warnings():
        Completer("mean", verbose=1).fit(Y)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("method", ["soft_impute", "iterative_svd", "glrl", "knn", "gaussian"])
def test_no_method_does_worse_than_column_means_on_a_small_table(method):
    X = np.asarray(load_iris(return_X_y=True)[0])
    for seed in range(2):
        seen = np.random.default_rng(seed).random(X.shape) > 0.2
        done = MatrixCompleter(method, random_state=0).fit(np.where(seen, X, np.nan)).completed_
        off = np.square((done - X) / X.std(axis=0))[~seen]
        means = np.square((np.nanmean(np.where(seen, X, np.nan), axis=0) - X) / X.std(axis=0))[~seen]
        assert off.mean() <= means.mean() * (1 + 1e-9)
