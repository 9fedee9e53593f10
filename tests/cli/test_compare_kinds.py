"""``matmend compare`` on tables and ratings: who takes part, by what they are ranked, what is said of the winner."""

import json
import sys
from types import ModuleType

import numpy as np
import pytest

from matmend import methods
from matmend.io import Ratings
from matmend.masks import matched_holdout
from matmend.methods import Completion
from matmend.methods.ratings import comparing
from matmend.methods.ratings.comparing import compare_ratings, held_ratings

ROWS, COLS = 60, 5
UNITS = 10.0 ** np.array([0, 3, -2, 5, 1])


@pytest.fixture
def table(tmp_path):
    """A csv of columns that follow from each other, in units of their own, with a fifth missing."""
    rng = np.random.default_rng(0)
    X = (rng.normal(size=(ROWS, 1)) + 0.1 * rng.normal(size=(ROWS, COLS)) + 3) * UNITS
    X[rng.random(X.shape) < 0.2] = np.nan
    lines = [",".join("" if np.isnan(x) else f"{x:.9g}" for x in row) for row in X]
    path = tmp_path / "table.csv"
    path.write_text("a,b,c,d,e\n" + "\n".join(lines) + "\n")
    return path, np.genfromtxt(path, delimiter=",", skip_header=1)


@pytest.fixture
def ratings(tmp_path):
    """Ratings that are a user's habit and an item's fame, and a little more."""
    rng = np.random.default_rng(0)
    pairs = rng.choice(50 * 40, 900, replace=False)
    users, items = np.divmod(pairs, 40)
    values = np.clip(np.round(2 * (3 + np.sin(users) + np.cos(items) + 0.3 * rng.normal(size=900))) / 2, 0.5, 5)
    path = tmp_path / "ratings.csv"
    path.write_text(
        "user,item,rating\n" + "".join(f"u{u},i{i},{v}\n" for u, i, v in zip(users, items, values, strict=True))
    )
    return path


def test_a_table_is_judged_column_by_column(matmend, table):
    path, X = table
    code, out, err = matmend("compare", path, "--methods", "mean,knn,sklearn_simple", "--seed", "3", "--json")
    assert (code, err) == (0, "")
    report = json.loads(out)
    assert (report["kind"], report["measure"]) == ("table", "RMSE / sd of column")
    scores = {score["method"]: score for score in report["scores"]}
    seen = ~np.isnan(X)
    train, held = matched_holdout(seen, 0.1, seed=3)
    means, spread = np.nanmean(np.where(train, X, np.nan), axis=0), np.nanstd(X, axis=0)
    by_hand = np.sqrt(np.mean(np.square((means - X) / spread)[held]))
    assert scores["mean"]["error"] == pytest.approx(by_hand)
    assert scores["sklearn_simple"]["error"] == pytest.approx(by_hand)
    assert scores["knn"]["error"] < 0.5 * by_hand
    assert report["scores"][0]["method"] == "knn"
    assert report["determined"]["1"] == 1.0


def test_by_default_what_suits_takes_part_peers_too(matmend, table, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setitem(sys.modules, "cmfrec", None)
    path, _ = table
    code, out, err = matmend("compare", path, "--repeats", "2")
    assert code == 0
    for name in ("mean", "knn", "iterative_svd", "gaussian", "sklearn_knn", "sklearn_iterative", "sklearn_simple"):
        assert f" {name} " in out
    assert "biharmonic" not in out
    assert "Left out: patches, " in err
    assert "neighbouring entries are not alike" in err
    assert "over" in out  # the span over the hold-outs
    assert max(map(len, out.splitlines())) <= 120


def test_the_winner_is_told_when_it_is_not_ours(matmend, table, monkeypatch):
    path, _ = table

    def poor(observed, mask=None, *, seed=0) -> Completion:
        return methods.registry["zeros"](observed, mask)

    monkeypatch.setitem(methods.registry, "knn", poor)
    code, out, err = matmend("compare", path, "--methods", "knn,mean,sklearn_knn")
    assert code == 0
    assert out.index("sklearn_knn") < out.index("mean")
    assert "sklearn_knn" in err
    assert "a method of scikit-learn, not of matmend" in err
    assert "matmend complete" not in err


def test_truth_of_a_table(matmend, table, tmp_path):
    path, X = table
    truth = np.where(np.isnan(X), 7.0, X)
    np.save(tmp_path / "truth.npy", truth)
    arguments = ("compare", path, "--methods", "zeros", "--truth", tmp_path / "truth.npy", "--json")
    score = json.loads(matmend(*arguments)[1])["scores"][0]
    means = np.broadcast_to(
        np.nanmean(np.where(matched_holdout(~np.isnan(X), 0.1, seed=0)[0], X, np.nan), axis=0), X.shape
    )
    missing = np.isnan(X)
    assert score["true_nmae"] == pytest.approx(np.abs(means - 7.0)[missing].mean() / np.ptp(truth))


def test_ratings_are_compared_as_ratings(matmend, ratings, monkeypatch):
    monkeypatch.setitem(sys.modules, "cmfrec", None)
    monkeypatch.setattr(comparing, "find_spec", lambda name: None)
    code, out, err = matmend("compare", ratings, "--methods", "mean,baseline", "--json")
    assert (code, err) == (0, "")
    report = json.loads(out)
    assert (report["kind"], report["measure"]) == ("ratings", "RMSE")
    assert [score["method"] for score in report["scores"]] == ["baseline", "mean"]
    assert report["scores"][1]["error"] > 1.5 * report["scores"][0]["error"]
    code, out, err = matmend("compare", ratings)
    assert code == 0
    assert "900 ratings of 40 items by 50 users" in err
    assert "pip install cmfrec" in err
    assert all(f" {name} " in out for name in ("mean", "baseline", "ratings"))


def test_a_model_of_another_package_takes_part(monkeypatch):
    rows, cols = (index.ravel().astype(np.int32) for index in np.indices((12, 10)))
    data = Ratings(rows, cols, (1 + rows % 5).astype(np.float32), (12, 10))
    shown = []

    class CMF:
        def __init__(self, **settings):
            assert settings["random_state"] == 2

        def fit(self, matrix):
            shown.append(matrix)
            return self

        def predict(self, users, items):
            return np.where(users == 0, np.nan, 1 + users % 5)

    package = ModuleType("cmfrec")
    vars(package)["CMF"] = CMF
    monkeypatch.setitem(sys.modules, "cmfrec", package)
    monkeypatch.setattr(comparing, "find_spec", lambda name: package)
    scores = compare_ratings(data, methods=["mean", "cmfrec"], seed=2)
    is_held = held_ratings(120, 0.1, seed=2)
    assert scores[0].method == "cmfrec"
    assert shown[0].nnz == 108
    middle = data.values[~is_held].mean()
    off = np.where(rows[is_held] == 0, middle - 1, 0.0)
    assert scores[0].rmse == pytest.approx(np.sqrt(np.mean(off**2)))


def test_a_model_that_fails_is_told_of(monkeypatch):
    rows, cols = (index.ravel().astype(np.int32) for index in np.indices((4, 5)))
    data = Ratings(rows, cols, np.arange(20, dtype=np.float32), (4, 5))

    def broken(ratings, is_held, *, seed):
        raise MemoryError("a whole house")

    monkeypatch.setattr(comparing, "_baseline", broken)
    scores = compare_ratings(data, methods=["baseline", "mean"])
    assert [score.method for score in scores] == ["mean", "baseline"]
    assert scores[1].message == "MemoryError: a whole house"
    with pytest.raises(ValueError, match="no method 'magic' for ratings"):
        compare_ratings(data, methods=["magic"])


BAD = {
    "unknown method": (("--methods", "mean,magic"), "magic"),
    "a mask for ratings": (("--as", "ratings", "--steps", "3"), "--steps is for pictures and tables"),
    "not a table": (("--as", "picture"), "table.csv"),
    "repeats of ratings": (("--as", "ratings", "--repeats", "3"), "--repeats is for pictures and tables"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gives_one_line(matmend, table, case):
    arguments, word = BAD[case]
    code, out, err = matmend("compare", table[0], *arguments)
    assert (code, out) == (2, "")
    assert word in err
    assert len([line for line in err.splitlines() if line.startswith("matmend:")]) == 1
