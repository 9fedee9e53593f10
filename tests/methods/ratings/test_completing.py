import os
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from _ratings import NOISE, known

from matmend.datasets import load_movielens_fold
from matmend.io import Ratings
from matmend.methods.ratings import complete_ratings, completing
from matmend.solve import Checkpoints, Schedule

OPTIONS = {"rank": 3, "implicit": True, "num_draws": 40}  # those of the model in conftest.py


def rmse(x):
    return float(np.sqrt(np.mean(np.square(x))))


def same_bits(one, two):
    assert one.message == two.message
    for f in fields(one):
        if isinstance(getattr(one, f.name), np.ndarray):
            assert np.array_equal(getattr(one, f.name), getattr(two, f.name)), f.name


def test_what_was_not_seen_is_found_and_how_well_is_told(model, data):
    i, j = np.nonzero(~data.is_seen)
    found = model.predict(data.row_ids[i], data.col_ids[j])
    errors = found.values - data.truth[i, j]
    assert rmse(errors) < 0.25
    assert model.noise == pytest.approx(NOISE, rel=0.15)
    ratings = data.truth[i, j] + NOISE * np.random.default_rng(7).normal(size=i.size)
    share = np.abs(found.values - ratings) / found.expected_errors
    # On so few ratings a little cautious: over seeds 0 to 3, .51 to .55 and .90 to .92 are covered.
    for width, expected in ((0.674, 0.5), (1.645, 0.9)):
        assert expected - 0.02 < np.mean(share < width) < expected + 0.06
    assert model.heldout_error == pytest.approx(rmse(found.values - ratings), rel=0.25)
    assert model.heldout_error < 0.7 * model.baseline_error


def test_the_same_seed_gives_the_same_bits(model, data):
    same_bits(complete_ratings(data.ratings, **OPTIONS), model)
    assert not np.array_equal(complete_ratings(data.ratings, **OPTIONS, seed=1).U, model.U)


class KilledError(Exception):
    pass


@pytest.mark.parametrize(("phase", "sweep"), [("first part", 4), ("training on all ratings", 20)])
def test_a_run_that_was_killed_goes_on_to_the_same_bits(model, data, tmp_path, phase, sweep):
    def kill(run, row):
        if (row["phase"], row["sweep"]) == (phase, sweep):
            raise KilledError

    with pytest.raises(KilledError):
        complete_ratings(data.ratings, **OPTIONS, checkpoint=Checkpoints(tmp_path, every_seconds=0), on_sweep=[kill])
    same_bits(complete_ratings(data.ratings, **OPTIONS, checkpoint=Checkpoints(tmp_path)), model)


def test_progress_is_told_and_a_callback_can_end_it(data):
    told = []

    def at_once(run, row):
        told.append((row["phase"], row["sweep"], row["max_sweeps"]))
        return True

    found = complete_ratings(data.ratings, **OPTIONS, on_sweep=[at_once])
    assert told == [("first part", 1, completing.TRIAL.max_sweeps)]
    assert found.U.shape == (1, 61, 5)
    predicted = found.predict(["user 01", "nobody"], [1, 1])
    assert np.isfinite(predicted.values).all()
    assert np.isfinite(predicted.expected_errors).all()


def test_the_unit_of_the_ratings_is_of_no_consequence(model, data):
    scaled = replace(data.ratings, values=8 * data.ratings.values)
    found = complete_ratings(scaled, **OPTIONS)
    rows, cols = data.row_ids, np.full(60, data.col_ids[3])
    np.testing.assert_allclose(found.predict(rows, cols).values, 8 * model.predict(rows, cols).values, rtol=1e-6)


def some(m, n, values):
    rows, cols = np.divmod(np.arange(m * n, dtype=np.int32), np.int32(n))
    return Ratings(rows, cols, np.asarray(values, np.float32), (m, n))


@pytest.mark.parametrize(
    "ratings",
    [some(2, 5, np.arange(10)), some(1, 12, np.arange(12)), some(5, 8, np.full(40, 3.0))],
    ids=["ten ratings", "one row", "all the same"],
)
def test_tiny_and_dull_ratings(ratings):
    """The rank is above both sizes."""
    found = complete_ratings(ratings, implicit=False, num_draws=3)
    predicted = found.predict([*ratings.rows, 99, 0, 99], [*ratings.cols, 0, 99, 99])
    assert np.isfinite(predicted.values).all()
    assert np.isfinite(predicted.expected_errors).all()
    assert predicted.row_is_known[-3:].tolist() == [False, True, False]
    assert np.all((predicted.values >= ratings.values.min()) & (predicted.values <= ratings.values.max()))


def test_bad_arguments_are_told():
    with pytest.raises(ValueError, match="Expected at least 10 ratings, got 9"):
        complete_ratings(some(3, 3, np.arange(9)))
    bad: dict[str, Any]
    for bad in ({"heldout": 0.0}, {"heldout": 1.0}, {"rank": 0}, {"num_draws": 1}):
        with pytest.raises(ValueError, match="Expected 0 < heldout < 1, rank >= 1 and num_draws >= 2"):
            complete_ratings(known().ratings, **bad)


@pytest.mark.skipif(
    not os.environ.get("MATMEND_DATA"), reason="MATMEND_DATA is not set: MovieLens is not redistributed"
)
def test_movielens_with_a_short_schedule(monkeypatch):
    monkeypatch.setattr(completing, "TRIAL", Schedule(warmup=0, max_sweeps=1))
    fold = load_movielens_fold("u1")
    found = complete_ratings(fold.train, implicit=True, num_draws=25)
    assert fold.train.row_ids is not None
    assert fold.train.col_ids is not None
    names = fold.train.row_ids[fold.heldout.rows], fold.train.col_ids[fold.heldout.cols]
    predicted = found.predict(*names)
    errors = predicted.values - fold.heldout.values
    assert rmse(errors) <= 0.905
    assert rmse(errors) == pytest.approx(rmse(predicted.expected_errors), rel=0.1)
