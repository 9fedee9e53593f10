from dataclasses import fields, replace

import numpy as np
import pytest

from matmend.io import Ratings
from matmend.methods.ratings import RatingsModel
from matmend.methods.ratings import model as module


def dense(model):
    m, n = model.shape
    X = np.mean(model.U[:, :m].astype(np.float64) @ np.swapaxes(model.V[:, :n], 1, 2), axis=0)
    return np.clip(model.offset + model.scale * X, model.low, model.high)


def every_pair(data):
    i, j = np.divmod(np.arange(data.truth.size), data.truth.shape[1])
    return data.row_ids[i], data.col_ids[j]


def test_predictions_are_the_mean_of_the_draws(model, data):
    found = model.predict(*every_pair(data))
    np.testing.assert_allclose(found.values.reshape(data.truth.shape), dense(model), rtol=1e-5, atol=1e-6)
    assert found.values.dtype == found.expected_errors.dtype == np.float32
    assert found.row_is_known.all()
    assert found.col_is_known.all()


def test_pieces_are_put_together(model, data, monkeypatch):
    whole = model.predict(*every_pair(data))
    monkeypatch.setattr(module, "PIECE", 7)
    for piece, one in zip(model.predict(*every_pair(data)), whole, strict=True):
        np.testing.assert_allclose(piece, one, rtol=1e-6)
    best = model.recommend(count=3)
    monkeypatch.undo()
    assert np.array_equal(best.col_ids, model.recommend(count=3).col_ids)


def test_unknown_ids_fall_back_to_what_is_usual_and_are_told(model, data):
    rows = np.array(["user 03", "nobody", "nobody"], object)
    found = model.predict(rows, [data.col_ids[4], data.col_ids[4], 1000])
    assert found.row_is_known.tolist() == [True, False, False]
    assert found.col_is_known.tolist() == [True, True, False]
    assert np.isfinite(found.values).all()
    assert np.isfinite(found.expected_errors).all()
    known, unknown_row, unknown_both = found.expected_errors
    assert known < min(unknown_row, unknown_both)


def test_the_unknown_get_what_is_usual(model, data):
    found = model.predict(["nobody"] * 40, data.col_ids)
    usual = data.truth.mean(axis=0)
    assert np.sqrt(np.mean((found.values - usual) ** 2)) < 0.3


def test_the_error_of_the_unknown_is_that_of_being_like_anybody():
    """One draw of uncorrelated columns: (u'v) of a u like the rows, of a v like the columns and of both."""
    rng = np.random.default_rng(0)
    U, V = (np.repeat(np.array([[1.0, 2.0], [-1.0, 2.0], [1.0, -2.0], [-1.0, -2.0]]), 2, axis=0) * c for c in (1, 0.5))
    centre_u, centre_v = np.array([0.3, -0.2]), np.array([0.1, 0.4])
    U, V = ((np.vstack([x + c, c])[None]).astype(np.float32) for x, c in ((U, centre_u), (V, centre_v)))
    none = np.ones((1, 2), np.float32)
    model = RatingsModel(
        U=U, V=V, ones=(None, None), row_centre=none, col_centre=none, row_precision=none, col_precision=none,
        noises=np.array([0.5], np.float32), scale=2.0,
    )  # fmt: skip
    found = model.predict([8, 0, 8], [0, 8, 8]).expected_errors
    u, v = (x[0, rng.integers(8, size=400_000)] for x in (U, V))
    spreads = [np.var(u @ V[0, 0]), np.var(v @ U[0, 0]), np.var(np.sum(u * v, axis=1))]
    np.testing.assert_allclose(found, 2 * np.sqrt(np.array(spreads) + 0.25), rtol=1e-2)


def test_predictions_stay_within_the_ratings_seen(model, data):
    wild = replace(model, scale=100 * model.scale)
    found = wild.predict(*every_pair(data)).values
    assert found.min() == np.float32(data.ratings.values.min())
    assert found.max() == np.float32(data.ratings.values.max())


def test_numbers_and_words_are_one_name(model, data):
    as_words = model.predict(data.row_ids[:5], data.col_ids[:5].astype(str))
    assert np.array_equal(as_words.values, model.predict(data.row_ids[:5], data.col_ids[:5]).values)
    assert model.predict([], []).values.size == 0


def test_pairs_must_be_pairs(model):
    for rows, cols in ((["a"], [1, 2]), ([["a"]], [[1]]), ("a", 1)):
        with pytest.raises(ValueError, match="Expected one column id for every row id"):
            model.predict(rows, cols)


def test_recommendations_are_the_best_unseen(model, data):
    found = model.recommend(count=6, seen=data.ratings)
    X = model.predict(*every_pair(data)).values.reshape(data.truth.shape)
    wide = replace(model, low=-np.inf, high=np.inf).predict(*every_pair(data)).values.reshape(data.truth.shape)
    for i, cols in enumerate(np.searchsorted(data.col_ids, found.col_ids)):
        assert not data.is_seen[i, cols].any()
        np.testing.assert_allclose(
            np.sort(wide[i, cols])[::-1], np.sort(wide[i, ~data.is_seen[i]])[::-1][:6], rtol=1e-5
        )
        np.testing.assert_allclose(found.values[i], X[i, cols], rtol=1e-5)
    assert np.all(np.diff(found.values, axis=1) <= 0)
    assert np.array_equal(found.row_ids, data.row_ids)


def test_recommendations_for_some_with_too_few_left_and_for_the_unknown(model, data):
    n = data.truth.shape[1]
    seen = data.ratings
    found = model.recommend(["user 05", "nobody"], count=n, seen=seen)
    left = int((~data.is_seen[5]).sum())
    assert np.isfinite(found.values[0, :left]).all()
    assert np.all(found.values[0, left:] == -np.inf)
    assert np.all(found.expected_errors[0, left:] == np.inf)
    assert np.isfinite(found.values[1]).all()
    everything = model.recommend(["user 05"], count=n)
    assert sorted(everything.col_ids[0]) == data.col_ids.tolist()
    for count in (0, n + 1):
        with pytest.raises(ValueError, match=f"Expected 1 to {n} recommendations"):
            model.recommend(count=count)


def test_what_was_seen_is_looked_up_by_id(model, data):
    """The list may be of other rows and columns, in other places."""
    rows, cols = np.array([0, 0, 1], np.int32), np.array([0, 1, 1], np.int32)
    ids = np.array(["nobody", "user 07"], object), np.array([-5, 3])
    seen = Ratings(rows, cols, np.ones(3, np.float32), (2, 2), *ids)
    n = data.truth.shape[1]
    assert model.recommend(["user 07"], count=n, seen=seen).values[0, -1] == -np.inf
    assert 3 not in model.recommend(["user 07"], count=n - 1, seen=seen).col_ids
    assert np.isfinite(model.recommend(["user 08"], count=n, seen=seen).values).all()


def test_exchanging_rows_and_columns(model, data):
    other = model.transpose()
    rows, cols = every_pair(data)
    assert other.shape == model.shape[::-1]
    for one, two in zip(model.predict(rows, cols)[:2], other.predict(cols, rows)[:2], strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-6)
    back = other.transpose()
    assert all(getattr(back, f.name) is getattr(model, f.name) for f in fields(model) if f.name != "ones")
    assert back.ones == model.ones


@pytest.mark.parametrize("part", ["words", "positions"])
def test_a_file_holds_all_of_it(model, data, tmp_path, part):
    kept = model if part == "words" else replace(model, row_ids=None, col_ids=None, row_links=None, heldout_error=None)
    kept.save(tmp_path / "model.npz")
    again = RatingsModel.load(tmp_path / "model.npz")
    for f in fields(RatingsModel):
        one, two = getattr(kept, f.name), getattr(again, f.name)
        if isinstance(one, np.ndarray):
            assert one.dtype == two.dtype
            assert np.array_equal(one, two)
        else:
            assert one == two, f.name
    with pytest.raises(ValueError, match="is there: choose another"):
        kept.save(tmp_path / "model.npz")
    kept.save(tmp_path / "model.npz", overwrite=True)
    with np.load(tmp_path / "model.npz", allow_pickle=False) as archive:  # no pickles: they could run anything
        assert all(archive[name].dtype != object for name in archive.files)


def test_a_damaged_file_is_refused(model, tmp_path):
    path, bad = tmp_path / "model.npz", tmp_path / "bad.npz"
    model.save(path)
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    np.savez(tmp_path / "other.npz", U=np.ones(3))
    np.save(tmp_path / "array.npy", np.ones(3))
    cut = [whole[:size] for size in (0, 10, len(whole) // 2, len(whole) - 30)]
    for content in (*cut, bytes(flipped), b"user,item\n", (tmp_path / "other.npz").read_bytes()):
        bad.write_bytes(content)
        with pytest.raises(ValueError, match=r"expected a model of ratings|empty"):
            RatingsModel.load(bad)
    with pytest.raises(ValueError, match="expected a model of ratings"):
        RatingsModel.load(tmp_path / "array.npy")
    with pytest.raises(ValueError, match="is not there: check the path"):
        RatingsModel.load(tmp_path / "nowhere.npz")


def test_what_it_is_in_words(model):
    assert repr(model).startswith("RatingsModel(60 x 40, 40 draws of width 5, held-out RMSE ")
    assert repr(RatingsModel.of_factors(np.ones((2, 1)), np.ones((3, 1)))) == "RatingsModel(2 x 3, 1 draws of width 1)"
