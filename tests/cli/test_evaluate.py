"""``matmend evaluate``: every rating is tested once, by a training that has not seen it; errors are errors."""

import json

import jax
import numpy as np
import pytest

from matmend.cli import evaluation, rate
from matmend.cli.lists import read_with_ids
from matmend.methods.ratings import Predictions

SIZE = (12, 8)


class Guess:
    """Predicts the mean of its training, and remembers what that was."""

    heldout_error, baseline_error, noise, message = 1.0, 1.0, 0.5, ""

    def __init__(self, ratings):
        self.entries = set(zip(ratings.row_ids[ratings.rows], ratings.col_ids[ratings.cols], strict=True))
        self.users = set(ratings.row_ids)
        self.mean = ratings.values.mean(dtype=np.float64)

    def predict(self, users, items):
        assert not self.entries & set(zip(users, items, strict=True))
        values = np.full(users.size, self.mean, np.float32)
        known = np.array([user in self.users for user in users], bool)
        return Predictions(values, values, known, np.ones(users.size, bool))


@pytest.fixture
def models(monkeypatch):
    made, _ = [], jax.devices()  # the program makes devices of cores if there are none yet, for all tests after it
    monkeypatch.setattr(rate, "complete_ratings", lambda ratings, **_: made.append(Guess(ratings)) or made[-1])
    return made


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Ratings that are a sum of what users and items add; user 50 has one rating only."""
    monkeypatch.chdir(tmp_path)
    pairs = [(i, j) for i in range(SIZE[0]) for j in range(SIZE[1]) if (i + 2 * j) % 3]
    lines = [f"{i},{j},{i % 3 + j % 2 + 1}" for i, j in pairs]
    (tmp_path / "r.csv").write_text("\n".join(["user,item,rating", *lines, "50,0,2"]) + "\n")
    return tmp_path


def test_each_rating_is_tested_once_and_never_trained_on(matmend, models, folder):
    code, out, err = matmend("evaluate", "r.csv", "--folds", "4", "--json")
    assert (code, err) == (0, "")
    report, ratings = json.loads(out), read_with_ids(folder / "r.csv")
    everything = Guess(ratings).entries
    assert sum(fold["tested"] for fold in report["folds"]) == len(everything) == report["ratings"]
    tested = [everything - model.entries for model in models]
    assert sorted(map(len, tested)) == sorted(fold["tested"] for fold in report["folds"])
    assert set.union(*tested) == everything
    # User 50 is new in the fold that tests his only rating.
    assert sum(fold["with_unknown_ids"] for fold in report["folds"]) == 1
    value = {(i, j): y for (i, j), y in zip(_pairs(ratings), ratings.values, strict=True)}
    for fold, model, entries in zip(report["folds"], models, tested, strict=True):
        error = np.array([value[entry] - model.mean for entry in entries])
        assert fold["mean"]["rmse"] == pytest.approx(np.sqrt(np.mean(error**2)))
        assert fold["mean"]["mae"] == pytest.approx(np.abs(error).mean())
        assert fold["model"]["rmse"] == pytest.approx(fold["mean"]["rmse"], rel=1e-6)
        assert fold["baseline"]["rmse"] < fold["mean"]["rmse"]
    errors = [fold["baseline"]["mae"] for fold in report["folds"]]
    assert report["summary"]["baseline"]["mae"] == pytest.approx(np.mean(errors))
    assert report["summary"]["baseline"]["mae_sd"] == pytest.approx(np.std(errors, ddof=1))
    again = json.loads(matmend("evaluate", "r.csv", "--folds", "4", "--json")[1])
    other = json.loads(matmend("evaluate", "r.csv", "--folds", "4", "--json", "--seed", "1")[1])
    assert again["folds"] == report["folds"] != other["folds"]


def test_a_test_set_of_ones_own_is_kept_out_of_the_training(matmend, models, folder):
    (folder / "t.csv").write_text("user,item,rating\n0,1,5\n0,2,1\n77,2,3\n")
    code, out, err = matmend("evaluate", "r.csv", "--test", "t.csv", "-o", "report.json")
    assert code == 0
    assert "Left out of the training: 2 ratings of pairs that are tested on" in err
    report = json.loads((folder / "report.json").read_text())
    error = np.array([5, 1, 3]) - models[0].mean
    assert report["folds"][0]["model"]["rmse"] == pytest.approx(np.sqrt(np.mean(error**2)), rel=1e-6)
    assert (report["folds"][0]["tested"], report["folds"][0]["with_unknown_ids"]) == (3, 1)
    assert report["taken_from_training"] == 2
    assert len(models[0].entries) == read_with_ids(folder / "r.csv").values.size - 2
    assert report["summary"]["model"]["rmse_sd"] is None
    assert f"{report['folds'][0]['model']['rmse']:.4f}" in out
    assert "±" not in out


def test_the_table_has_the_numbers_of_the_report(matmend, models, folder):
    code, out, err = matmend("evaluate", "r.csv", "--folds", "2", "-o", "report.json")
    assert code == 0
    assert "65 ratings of 8 items by 13 users, in 2 folds" in err
    report = json.loads((folder / "report.json").read_text())
    for fold in report["folds"]:
        assert f"{fold['model']['rmse']:.4f}" in out
        assert f"{fold['model']['mae']:.4f}" in out
    for summary in report["summary"].values():
        assert f"{summary['rmse']:.4f} ± {summary['rmse_sd']:.4f}" in out


def test_ctrl_c_prints_the_folds_that_are_finished(matmend, models, folder, monkeypatch):
    train, count = evaluation.train, iter(range(10))

    def interrupted(*arguments):
        if next(count) == 2:
            raise KeyboardInterrupt
        return train(*arguments)

    monkeypatch.setattr(evaluation, "train", interrupted)
    code, _, err = matmend("evaluate", "r.csv", "--folds", "4", "-o", "report.json")
    assert code == 0
    assert "2 of 4 folds are finished" in err
    assert json.loads((folder / "report.json").read_text())["is_partial"]


BAD = {
    "more folds than ratings": (("r.csv", "--folds", "90"), "90 folds need as many ratings"),
    "nothing left": (("r.csv", "--test", "r.csv"), "nothing to train on"),
    "words for numbers": (("r.csv", "--test", "words.csv"), "expected integers as users"),
    "is there": (("r.csv", "-o", "r.csv"), "r.csv is there"),
    "devices": (("r.csv", "--devices", "0"), "--devices takes all"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gives_one_line(matmend, models, folder, case):
    (folder / "words.csv").write_text("user,item,rating\nann,1,5\n")
    arguments, words = BAD[case]
    code, out, err = matmend("evaluate", *arguments)
    assert (code, out) == (2, "")
    assert words in err
    assert models == []


def _pairs(ratings):
    return zip(ratings.row_ids[ratings.rows], ratings.col_ids[ratings.cols], strict=True)
