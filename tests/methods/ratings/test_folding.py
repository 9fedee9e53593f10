from dataclasses import replace

import numpy as np
import pytest

from matmend.io import Ratings
from matmend.methods.ratings import RatingsModel


def only(ratings, rows, ids):
    """The ratings of some rows, under other ids."""
    keep = np.isin(ratings.rows, rows)
    places = np.searchsorted(rows, ratings.rows[keep]).astype(np.int32)
    shape = (len(rows), ratings.shape[1])
    return Ratings(places, ratings.cols[keep], ratings.values[keep], shape, np.array(ids, object), ratings.col_ids)


def test_a_row_folded_in_is_predicted_nearly_as_one_that_was_trained(model, data):
    rows = [3, 8, 20]
    bigger = model.fold_in(only(data.ratings, rows, ["a", "new 1", "z"]))
    assert bigger.shape == (63, 40)
    assert bigger.row_ids.tolist() == ["a", "new 1", *data.row_ids, "z"]
    for i, name in zip(rows, ["a", "new 1", "z"], strict=True):
        new = bigger.predict(np.full(40, name, object), data.col_ids)
        old = model.predict(np.full(40, data.row_ids[i], object), data.col_ids)
        assert new.row_is_known.all()
        assert np.sqrt(np.mean((new.values - old.values) ** 2)) < 0.12  # of values that scatter by 1
        assert np.sqrt(np.mean((new.values - data.truth[i]) ** 2)) < 0.35
    same = [data.row_ids[i] for i in range(60)]
    for column in data.col_ids[:3]:
        before, after = (m.predict(np.array(same, object), np.full(60, column)).values for m in (model, bigger))
        assert np.array_equal(before, after)  # who was there stays


def test_new_ratings_of_a_known_row_replace_it_alone(model, data):
    changed = model.fold_in(only(data.ratings, [8], ["user 03"]))
    assert changed.shape == model.shape
    differs = np.any(changed.U != model.U, axis=(0, 2))
    assert np.flatnonzero(differs).tolist() == [3]


def test_positions_without_ratings_stay_as_they_are(model, data):
    """A list of positions has as many rows as the matrix, whoever is in it."""
    plain = replace(model, row_ids=None, col_ids=None)
    keep = data.ratings.rows == 8
    part = Ratings(data.ratings.rows[keep], data.ratings.cols[keep], data.ratings.values[keep], (60, 40))
    changed = plain.fold_in(part)
    assert np.flatnonzero(np.any(changed.U != model.U, axis=(0, 2))).tolist() == [8]
    beyond = Ratings(np.array([60], np.int32), np.array([1], np.int32), np.ones(1, np.float32), (61, 40))
    with pytest.raises(ValueError, match="has rows 0 to 59 and no ids: new rows need a model of ratings with ids"):
        plain.fold_in(beyond)


def test_unknown_columns_are_left_out_and_who_rated_only_these_stays(model, data):
    rows, cols = np.array([0, 0, 1], np.int32), np.array([0, 1, 1], np.int32)
    ids = np.array(["somebody", "user 03"], object), np.array([data.col_ids[2], 998])
    changed = model.fold_in(Ratings(rows, cols, np.array([4.0, 1.0, 1.0], np.float32), (2, 2), *ids))
    assert changed.shape == (61, 40)
    assert changed.predict(["somebody", "user 03"], [1, 1]).row_is_known.all()
    old = model.predict(["user 03"], [1])
    assert changed.predict(["user 03"], [1]).values == old.values
    with pytest.raises(ValueError, match=r"None of the 2 columns .* check their ids .*transpose\(\)\.fold_in"):
        model.fold_in(Ratings(rows, cols, np.ones(3, np.float32), (2, 2), ids[0], np.array([997, 998])))


def test_new_columns_come_in_through_the_transpose(model, data):
    keep = data.ratings.cols == 7
    ids = np.array(["product"], object), data.row_ids
    zeros = np.zeros(int(keep.sum()), np.int32)
    column = Ratings(zeros, data.ratings.rows[keep], data.ratings.values[keep], (1, 60), *ids)
    bigger = model.transpose().fold_in(column).transpose()
    assert bigger.shape == (60, 41)
    assert "product" in bigger.col_ids.tolist()  # ids that were numbers are words now
    new, old = (bigger.predict(data.row_ids, np.full(60, name)).values for name in ("product", data.col_ids[7]))
    assert np.sqrt(np.mean((new - old) ** 2)) < 0.12
    assert np.array_equal(old, model.predict(data.row_ids, np.full(60, data.col_ids[7])).values)
    again = bigger.fold_in(only(data.ratings, [8], ["user 61"]))  # links have grown along
    assert again.shape == (61, 41)


def test_numbers_for_words_are_new_names(model, data):
    ids = np.array([5, 12]), data.col_ids
    part = data.ratings.rows < 2
    added = model.fold_in(
        Ratings(data.ratings.rows[part], data.ratings.cols[part], data.ratings.values[part], (2, 40), *ids)
    )
    assert added.row_ids[:2].tolist() == ["12", "5"]
    assert added.predict([5, 12, 6], [1, 1, 1]).row_is_known.tolist() == [True, True, False]


def test_one_draw_is_solved_for_in_closed_form():
    rng = np.random.default_rng(1)
    U, V = rng.normal(size=(4, 2)), rng.normal(size=(6, 2))
    plain = RatingsModel.of_factors(U, V)
    model = replace(
        plain, noises=np.array([0.5], np.float32), row_precision=np.array([[2.0, 3.0]], np.float32), offset=1.0,
        scale=2.0, row_ids=np.arange(4), col_ids=np.arange(6),
    )  # fmt: skip
    y = rng.normal(size=3).astype(np.float32)
    cols = np.array([1, 2, 5], np.int32)
    new = model.fold_in(Ratings(np.zeros(3, np.int32), cols, y, (1, 6), np.array([9]), np.arange(6)))
    F, R = V[cols], 0.25 * np.diag([2.0, 3.0])
    expected = np.linalg.solve(F.T @ F + R, F.T @ ((y - 1) / 2) + R @ U.mean(axis=0))
    np.testing.assert_allclose(new.U[0, 4], expected, rtol=1e-4)
    assert new.row_ids is not None
    assert new.row_ids.tolist() == [0, 1, 2, 3, 9]
