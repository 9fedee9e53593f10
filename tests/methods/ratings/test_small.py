from dataclasses import replace

import numpy as np
import pytest
from _ratings import NOISE, known
from threadpoolctl import threadpool_info

from matmend.io import Ratings
from matmend.methods.ratings.gibbs import Table, draw
from matmend.methods.ratings.small import LEAST_IMPLICIT, complete_small_ratings
from matmend.solve import Schedule

OPTIONS = {"rank": 3, "implicit": True, "num_draws": 40}  # those of the model in conftest.py


def rmse(x):
    return float(np.sqrt(np.mean(np.square(x))))


@pytest.fixture(scope="module")
def small(data):
    return complete_small_ratings(data.ratings, **OPTIONS)


def errors(found, data):
    i, j = np.nonzero(~data.is_seen)
    return found.predict(data.row_ids[i], data.col_ids[j]).values - data.truth[i, j]


def test_it_is_the_model_of_the_compiled_code(small, model, data):
    assert rmse(errors(small, data)) == pytest.approx(rmse(errors(model, data)), rel=0.15)  # seeds differ by 10 %
    i, j = np.nonzero(~data.is_seen)
    ids = data.row_ids[i], data.col_ids[j]
    one, two = small.predict(*ids), model.predict(*ids)
    # Two seeds of the compiled code differ by as much: both are means of 40 draws.
    assert rmse(one.values - two.values) < 0.4 * rmse(errors(model, data))
    assert np.mean(one.expected_errors) == pytest.approx(np.mean(two.expected_errors), rel=0.05)
    assert small.noise == pytest.approx(model.noise, rel=0.1)
    assert small.U.shape == model.U.shape
    assert (small.ones, small.row_links.shape) == (model.ones, model.row_links.shape)
    # Factors may be longer on one side and shorter on the other: what links add to predictions is compared.
    added = [rmse(np.einsum("dfr,dnr->dfn", x.row_links, x.V)) for x in (small, model)]
    assert added[0] == pytest.approx(added[1], rel=0.4)


def test_errors_to_expect_are_those_made(small, data):
    i, j = np.nonzero(~data.is_seen)
    found = small.predict(data.row_ids[i], data.col_ids[j])
    ratings = data.truth[i, j] + NOISE * np.random.default_rng(7).normal(size=i.size)
    share = np.abs(found.values - ratings) / found.expected_errors
    for width, expected in ((0.674, 0.5), (1.645, 0.9)):
        assert expected - 0.02 < np.mean(share < width) < expected + 0.06
    assert small.heldout_error == pytest.approx(rmse(found.values - ratings), rel=0.25)
    assert small.heldout_error < 0.7 * small.baseline_error


def test_new_rows_can_be_folded_in(small, data):
    ids = data.row_ids[:1]
    cols = np.flatnonzero(data.is_seen[0])
    alone = Ratings(
        np.zeros(cols.size, np.int32), np.arange(cols.size, dtype=np.int32), data.truth[0, cols].astype(np.float32),
        (1, cols.size), np.array(["somebody new"], object), data.col_ids[cols],
    )  # fmt: skip
    named = replace(small, row_ids=small.row_ids.astype(str).astype(object))
    unseen = np.flatnonzero(~data.is_seen[0])
    found = named.fold_in(alone).predict(np.full(unseen.size, "somebody new"), data.col_ids[unseen]).values
    expected = small.predict(np.repeat(ids, unseen.size), data.col_ids[unseen]).values
    assert rmse(found - expected) < 0.3


def test_the_same_seed_gives_the_same_bits(small, data):
    assert np.array_equal(complete_small_ratings(data.ratings, **OPTIONS).U, small.U)
    assert not np.array_equal(complete_small_ratings(data.ratings, **OPTIONS, seed=1).U, small.U)


def test_more_rows_than_columns_or_fewer_is_the_same(data, small):
    r = data.ratings
    turned = Ratings(r.cols, r.rows, r.values, r.shape[::-1], r.col_ids, r.row_ids)
    found = complete_small_ratings(turned, **OPTIONS).transpose()
    assert rmse(errors(found, data)) == pytest.approx(rmse(errors(small, data)), rel=0.1)


def test_what_is_not_there_is_not_found():
    rng = np.random.default_rng(0)
    rows, cols = np.divmod(rng.choice(1200, 500, replace=False).astype(np.int32), np.int32(30))
    biases = rng.normal(size=40)[rows] + rng.normal(size=30)[cols]
    model = complete_small_ratings(
        Ratings(rows, cols, (biases + 0.5 * rng.normal(size=500)).astype(np.float32), (40, 30))
    )
    assert model.U.shape[2] == 2
    assert model.message.startswith("biases alone; ratings alone: held-out RMSE")
    assert model.heldout_error is not None
    assert model.baseline_error is not None
    assert model.heldout_error < 1.05 * model.baseline_error


def test_implicit_feedback_is_tried_and_found():
    rng = np.random.default_rng(0)
    m, n = 150, 60
    taste, kind = rng.choice([-1.0, 1.0], m), rng.choice([-1.0, 1.0], n)
    likes = np.outer(taste, kind)
    rows, cols = np.nonzero(rng.random((m, n)) < np.where(likes > 0, 0.3, 0.03))  # people rate what they like
    values = likes[rows, cols] + rng.normal(0, 1.0, rows.size)
    ratings = Ratings(rows.astype(np.int32), cols.astype(np.int32), values.astype(np.float32), (m, n))
    assert rows.size > LEAST_IMPLICIT
    with_it, without = (complete_small_ratings(ratings, implicit=implicit, rank=2) for implicit in (True, False))
    assert complete_small_ratings(ratings, rank=2).message.startswith("with implicit feedback")
    i, j = np.nonzero(rng.random((m, n)) < 1)
    assert rmse(with_it.predict(i, j).values - likes[i, j]) < 0.95 * rmse(without.predict(i, j).values - likes[i, j])


def test_a_callback_may_end_it(data):
    rows = []

    def until(phase, sweep):
        return lambda run, row: rows.append(row) or (row["phase"], row["sweep"]) == (phase, sweep)

    model = complete_small_ratings(data.ratings, rank=3, on_sweep=[until("training on all ratings", 50)])
    assert len(model.U) == 10
    assert [row["sweep"] for row in rows if row["phase"] == rows[-1]["phase"]] == list(range(1, 51))
    assert {"noise", "heldout", "max_sweeps"} < set(rows[0])
    assert rows[0]["heldout"] > 0
    assert rows[-1]["heldout"] is None
    early = complete_small_ratings(data.ratings, rank=3, on_sweep=[until(rows[0]["phase"], 3)])
    assert early.U.shape[0] == 1
    assert np.isfinite(early.predict(data.row_ids[:3], data.col_ids[:3]).values).all()
    assert early.message != model.message.split("; ")[0]


@pytest.mark.parametrize("count", [2, 3, 11])
def test_few_ratings_are_enough_for_a_mean(count):
    rows = np.arange(count, dtype=np.int32)
    model = complete_small_ratings(Ratings(rows, rows[::-1].copy(), rows.astype(np.float32), (count, count)))
    found = model.predict(np.arange(-1, count), np.arange(-1, count))
    assert np.isfinite(found.values).all()
    assert np.isfinite(found.expected_errors).all()
    assert found.values[0] == pytest.approx((count - 1) / 2, abs=0.5 * count)


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"heldout": 0.0}, "heldout=0.0"), ({"rank": -1}, "rank=-1"), ({"num_draws": 1}, "num_draws=1")],
)
def test_arguments_out_of_range_are_refused(data, settings, words):
    with pytest.raises(ValueError, match=words):
        complete_small_ratings(data.ratings, **settings)
    one = known().ratings
    one = replace(one, rows=one.rows[:1], cols=one.cols[:1], values=one.values[:1])
    with pytest.raises(ValueError, match="at least 2 ratings, got 1"):
        complete_small_ratings(one)


def test_systems_of_a_hundred_unknowns_stay_on_one_thread(monkeypatch):
    """Threads of BLAS that wait for each other took minutes where one takes seconds."""
    seen = []
    cholesky = np.linalg.cholesky

    def watched(systems):
        seen.append({pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"})
        return cholesky(systems)

    monkeypatch.setattr(np.linalg, "cholesky", watched)
    rng = np.random.default_rng(0)
    rows, cols = (x.astype(np.int32) for x in np.divmod(rng.permutation(200)[:120], 10))
    table = Table(rows, cols, rng.standard_normal(120), (20, 10))
    draw(table, 100, is_implicit=False, schedule=Schedule(warmup=1, max_sweeps=2), rng=rng)
    assert seen
    assert all(threads == {1} for threads in seen)
