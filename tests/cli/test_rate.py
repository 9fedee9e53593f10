"""``matmend complete`` on ratings: files in, files out, and the same numbers as from Python."""

import csv
import json

import jax
import numpy as np
import pyarrow.parquet as pq
import pytest

from matmend.cli import rate
from matmend.io import Ratings, read_ratings
from matmend.methods.ratings import RatingsModel

NUM_USERS, NUM_ITEMS = 9, 6
ANN = 'Ann, "A"'
"""A name that csv has to quote."""


def user(i):
    return ANN if i == 0 else f"u{i}"


@pytest.fixture
def calls(monkeypatch):
    """Training that takes no time: a fixed model of the ids; what it was called with is returned."""
    made, _ = [], jax.devices()  # the program makes devices of cores if there are none yet, for all tests after it

    def complete(ratings, **settings):
        made.append((ratings, settings))
        rng = np.random.default_rng(ratings.shape)
        m, n = ratings.shape
        model = RatingsModel.of_factors(rng.normal(size=(m, 2)), rng.normal(size=(n, 2)))
        for callback in settings["on_sweep"]:
            callback(None, {"sweep": 1, "noise": 0.5, "heldout": 0.6, "phase": "training", "max_sweeps": 2})
        facts = {"heldout_error": 0.8, "baseline_error": 0.9, "message": "chosen so", "low": -9.0, "high": 9.0}
        return rate.dataclasses.replace(model, row_ids=ratings.row_ids, col_ids=ratings.col_ids, **facts)

    monkeypatch.setattr(rate, "complete_ratings", complete)
    return made


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Ratings of nine users, each of four of six films, pairs with unknown ids among them."""
    monkeypatch.chdir(tmp_path)
    lines = [(user(i), 100 + j, 1 + (i * j) % 5) for i in range(NUM_USERS) for j in range(NUM_ITEMS) if (i + j) % 3]
    write(tmp_path / "ratings.csv", ["userId", "movieId", "rating"], [*lines, (*lines[0][:2], 5)])
    pairs = [("u3", 100), ("u1", 999), ("new", 101), ("nobody", 998), (ANN, 103), ("u3", 100)]
    write(tmp_path / "pairs.csv", ["who", "what"], pairs)
    return tmp_path


def write(path, names, lines):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([names, *lines])


def read(path):
    if path.suffix == ".parquet":
        table = pq.read_table(path)
        return table.column_names, [tuple(row.values()) for row in table.to_pylist()]
    with path.open(newline="") as file:
        names, *lines = csv.reader(file, delimiter="\t" if path.suffix == ".tsv" else ",")
    return names, [tuple(line) for line in lines]


@pytest.mark.parametrize("suffix", ["csv", "tsv", "parquet"])
def test_predictions_are_those_of_the_model_in_the_order_of_the_pairs(matmend, calls, folder, suffix):
    code, out, _ = matmend(
        "complete", "ratings.csv", "--predict", "pairs.csv", "-o", f"out.{suffix}", "--save-model", "kept.npz", "--json"
    )
    assert code == 0
    names, lines = read(folder / f"out.{suffix}")
    assert names == ["who", "what", "prediction", "expected_error", "known"]
    pairs = read(folder / "pairs.csv")[1]
    assert [(who, str(what)) for who, what, *_ in lines] == pairs
    assert [line[-1] for line in lines] == ["yes", "new item", "new user", "both new", "yes", "yes"]
    found = RatingsModel.load(folder / "kept.npz").predict(*np.array(pairs, dtype=object).T)
    np.testing.assert_allclose([float(line[2]) for line in lines], found.values, rtol=1e-6)
    np.testing.assert_allclose([float(line[3]) for line in lines], found.expected_errors, rtol=1e-6)
    report = json.loads(out)
    assert (report["pairs"], report["new_user"], report["new_item"], report["both_new"]) == (6, 1, 1, 1)
    assert (report["merged"], report["shape"], report["ratings"]) == (1, [NUM_USERS, NUM_ITEMS], 36)
    assert len(calls) == 1


def test_many_pieces_make_the_same_file_as_one(matmend, calls, folder, monkeypatch):
    arguments = ("complete", "ratings.csv", "--predict", "pairs.csv", "--recommend", "2")
    assert matmend(*arguments, "-o", "whole.csv")[0] == 0
    monkeypatch.setattr("matmend.io.pairs.PIECE", 2)
    monkeypatch.setattr("matmend.cli.answers.BLOCK", 4)
    assert matmend(*arguments, "-o", "pieces.csv")[0] == 0
    for suffix in ("", "-recommended"):
        assert read(folder / f"whole{suffix}.csv") == read(folder / f"pieces{suffix}.csv")


def test_recommendations_are_the_best_of_what_is_not_rated(matmend, calls, folder):
    code, _, err = matmend("complete", "ratings.csv", "--recommend", "5", "--save-model", "kept.npz")
    assert code == 0
    assert "Recommendations to 9 users, 18 lines: ratings-recommended.csv" in err
    names, lines = read(folder / "ratings-recommended.csv")
    assert names == ["userId", "rank", "movieId", "prediction", "expected_error"]
    ratings, model = read_ratings("ratings.csv"), RatingsModel.load(folder / "kept.npz")
    assert ratings.row_ids is not None
    assert ratings.col_ids is not None
    expected = []
    for i, name in enumerate(ratings.row_ids):
        free = np.setdiff1d(np.arange(NUM_ITEMS), ratings.cols[ratings.rows == i])
        values = model.predict(np.repeat(ratings.row_ids[[i]], free.size), ratings.col_ids[free]).values
        best = free[np.argsort(-values)]
        expected += [(name, str(rank), str(ratings.col_ids[j])) for rank, j in enumerate(best, 1)]
    assert [line[:3] for line in lines] == expected


def test_some_users_only(matmend, calls, folder):
    (folder / "users.txt").write_text("userId\nu4\nstranger\n\nu4\n")
    assert matmend("complete", "ratings.csv", "--recommend", "1", "--for", "users.txt", "-o", "some.csv")[0] == 0
    assert [line[:2] for line in read(folder / "some.csv")[1]] == [("u4", "1"), ("stranger", "1"), ("u4", "1")]


def test_without_a_question_the_model_is_written_and_answers_later(matmend, calls, folder):
    code, _, err = matmend("complete", "ratings.csv")
    assert code == 0
    assert "matmend complete ratings-model.npz --predict pairs.csv" in err
    assert matmend("complete", "ratings.csv", "--predict", "pairs.csv", "-o", "now.csv", "-q") == (0, "", "")
    code, _, err = matmend("complete", "ratings-model.npz", "--predict", "pairs.csv", "-o", "later.csv")
    assert (code, len(calls)) == (0, 2)
    assert "a model of 9 users and 6 items" in err
    assert (folder / "now.csv").read_bytes() == (folder / "later.csv").read_bytes()
    _, _, err = matmend("complete", "ratings-model.npz", "--recommend", "6", "-o", "all.csv")
    assert "name the ratings by --seen" in err
    assert len(read(folder / "all.csv")[1]) == NUM_USERS * NUM_ITEMS
    assert (
        matmend("complete", "ratings-model.npz", "--recommend", "6", "--seen", "ratings.csv", "-o", "new.csv")[0] == 0
    )
    assert len(read(folder / "new.csv")[1]) == NUM_USERS * NUM_ITEMS - 36


def test_what_is_new_is_folded_in_and_what_is_known_stays(matmend, calls, folder):
    matmend("complete", "ratings.csv", "-q")
    new = [
        ("zoe", 100, 5),
        ("zoe", 101, 4),
        ("zoe", 555, 3),
        ("u1", 555, 5),
        ("u2", 555, 4),
        ("u1", 100, 1),
        ("y", 7, 1),
    ]
    write(folder / "new.csv", ["user", "item", "rating"], new)
    pairs = [("u5", 102), ("zoe", 102), ("zoe", 555), ("y", 7)]
    write(folder / "asked.csv", ["user", "item"], pairs)
    arguments = ("complete", "ratings-model.npz", "--fold-in", "new.csv", "--predict", "asked.csv", "--recommend", "9")
    code, out, _ = matmend(*arguments, "-o", "out.csv", "--json")
    assert code == 0
    assert json.loads(out)["folded_in"] == {"new_users": 1, "new_items": 1, "used": 5, "left_out": 2}
    lines = read(folder / "out.csv")[1]
    assert [line[-1] for line in lines] == ["yes", "yes", "yes", "both new"]
    before = RatingsModel.load(folder / "ratings-model.npz").predict(np.array(["u5"]), np.array([102])).values
    assert float(lines[0][2]) == pytest.approx(float(before[0]), rel=1e-6)
    rated = {line[:2] for line in new}
    for name, _, item, *_ in read(folder / "out-recommended.csv")[1]:
        assert (name, int(item)) not in rated
    write(folder / "old.csv", ["user", "item", "rating"], [("u1", 100, 1)])
    assert (
        "is known to the model already"
        in matmend("complete", "ratings-model.npz", "--fold-in", "old.csv", "-o", "m.npz")[2]
    )
    write(folder / "far.csv", ["user", "item", "rating"], [("y", 7, 1)])
    assert (
        "None of the ratings to fold in"
        in matmend("complete", "ratings-model.npz", "--fold-in", "far.csv", "-o", "m.npz")[2]
    )


def test_ids_are_those_of_the_file(matmend, calls, folder):
    """Whole numbers are numbers unless the ratings have words; positions count as their kind of file counts."""
    write(folder / "whole.csv", ["user", "item", "rating"], [(i, j, 3) for i in (7, 10) for j in range(5)])
    write(folder / "words.csv", ["user", "item", "rating"], [(i, j, 3) for i in ("007", "x") for j in range(5)])
    for name, asked, known in (("whole", "7", ("yes", "new user")), ("words", "007", ("yes", "new user"))):
        write(folder / "asked.csv", ["user", "item"], [(asked, 1), ("8", 1)])
        assert matmend("complete", f"{name}.csv", "--predict", "asked.csv", "-o", f"{name}-out.parquet")[0] == 0
        lines = read(folder / f"{name}-out.parquet")[1]
        assert [line[-1] for line in lines] == list(known)
        assert lines[0][0] == (7 if name == "whole" else "007")
    (folder / "sparse.mtx").write_text("%%MatrixMarket matrix coordinate real general\n2 3 3\n1 1 5\n2 3 4\n1 2 1\n")
    np.savez(folder / "sparse.npz", rows=[0, 1, 0], cols=[0, 2, 1], values=[5.0, 4.0, 1.0])
    for name, first in (("sparse.mtx", 1), ("sparse.npz", 0)):
        ratings = rate.read(rate.Request(folder / name)).ratings
        assert ratings is not None
        assert ratings.row_ids.tolist() == [first, first + 1]  # pyright: ignore[reportOptionalMemberAccess]


def test_words_for_people(matmend, calls, folder):
    code, out, err = matmend("complete", "ratings.csv", "--predict", "pairs.csv")
    assert (code, out) == (0, "")
    assert "36 ratings, 1 to 5, of 6 items by 9 users (66.7 % of all pairs)" in err
    assert "1 line rated what a later one rates again" in err
    assert "of 6 pairs 1 with a new user, 1 with a new item and 1 with both new" in err
    assert "Chosen: chosen so." in err
    rows = [line.strip().rsplit(maxsplit=1) for line in err.splitlines() if line.startswith(" ") and "." in line]
    table = dict(rows)
    assert table["this model"] == "0.8000"
    assert table["means of users and items"] == "0.9000"
    assert float(table["one mean for all"]) == pytest.approx(np.std(read_ratings("ratings.csv").values), abs=1e-4)


def test_settings_arrive(matmend, calls, folder):
    matmend(
        "complete", "ratings.csv", "--rank", "3", "--draws", "5", "--no-implicit", "--holdout", "0.2", "--seed", "4",
        "--devices", "1",
    )  # fmt: skip
    settings = {name: value for name, value in calls[0][1].items() if name != "on_sweep"}
    assert settings == {
        "rank": 3, "num_draws": 5, "implicit": False, "heldout": 0.2, "seed": 4, "mesh": None, "checkpoint": None,
    }  # fmt: skip
    assert isinstance(calls[0][0], Ratings)


BAD = {
    "picture option": (("ratings.csv", "--depth", "3"), "--depth is for pictures"),
    "ratings option": (("photo.png", "--predict", "pairs.csv"), "--predict is for ratings"),
    "training a model": (("model.npz", "--rank", "3"), "--rank is for training"),
    "ambiguous": (("both.csv",), "--as table or --as ratings"),
    "a whole table": (("both.csv", "--as", "table"), "Nothing is missing"),
    "model suffix": (("ratings.csv", "-o", "out.csv"), "needs the suffix .npz"),
    "table suffix": (("ratings.csv", "--predict", "pairs.csv", "-o", "out.xlsx"), ".csv, .tsv or .parquet"),
    "one column": (("ratings.csv", "--predict", "users.txt"), "one column"),
    "no user": (("ratings.csv", "--predict", "gap.csv"), "has none in pair 2"),
    "for nobody": (("ratings.csv", "--for", "users.txt"), "add --recommend"),
    "seen by nobody": (("model.npz", "--seen", "ratings.csv"), "add --recommend"),
    "fold into ratings": (("ratings.csv", "--fold-in", "pairs.csv"), "for a model that was saved"),
    "over an input": (("ratings.csv", "--predict", "pairs.csv", "-o", "pairs.csv", "--overwrite"), "over an input"),
    "no suffix of a model": (("ratings.csv", "--save-model", "ratings.csv"), ".npz"),
    "is there": (("ratings.csv", "-o", "model.npz"), "model.npz is there"),
    "devices": (("ratings.csv", "--devices", "some"), "--devices takes all or a whole number"),
    "too many devices": (("ratings.csv", "--devices", "99"), "99 devices are asked for"),
    "no holdout": (("ratings.csv", "--holdout", "0"), "--holdout 0 is for pictures"),
    "no file": (("nowhere.csv",), "nowhere.csv is not there"),
    "checkpoint of a model": (("model.npz", "-o", "m.npz", "--checkpoint", "kept"), "--checkpoint is for training"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gives_one_line_and_trains_nothing(matmend, calls, folder, case):
    (folder / "both.csv").write_text("1,2,3\n4,5,6\n")
    (folder / "gap.csv").write_text("user,item\nu1,100\n,101\n")
    (folder / "users.txt").write_text("u1\nu2\n")
    (folder / "photo.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    RatingsModel.of_factors(np.ones((2, 1)), np.ones((3, 1))).save(folder / "model.npz")
    before = sorted(path.name for path in folder.iterdir())
    arguments, words = BAD[case]
    code, out, err = matmend("complete", *arguments)
    assert (code, out) == (2, "")
    assert words in err
    assert "Traceback" not in err
    assert len([line for line in err.splitlines() if line.startswith("matmend:")]) == 1
    assert sorted(path.name for path in folder.iterdir()) == before
    assert calls == []


def test_what_fails_on_the_way_leaves_no_file(matmend, calls, folder, monkeypatch):
    def fail(self, users, items):
        raise ValueError("something failed")

    monkeypatch.setattr(RatingsModel, "predict", fail)
    before = sorted(path.name for path in folder.iterdir())
    code, _, err = matmend("complete", "ratings.csv", "--predict", "pairs.csv", "-o", "out.csv")
    assert code == 2
    assert "something failed" in err
    assert sorted(path.name for path in folder.iterdir()) == before


def test_long_files_go_through_in_pieces(matmend, calls, folder):
    rng = np.random.default_rng(0)
    lines = "\n".join(f"u{i},{j}" for i, j in rng.integers(100, 120, (300_000, 2)).tolist())
    (folder / "many.csv").write_text(f"user,item\n{lines}\n")
    assert matmend("complete", "ratings.csv", "--predict", "many.csv", "-o", "many.parquet", "-q")[0] == 0
    assert pq.read_metadata(folder / "many.parquet").num_rows == 300_000
    assert pq.read_metadata(folder / "many.parquet").num_row_groups > 1
