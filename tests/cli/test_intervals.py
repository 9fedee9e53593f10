"""``matmend complete --intervals`` on pictures and ratings: bounds beside what is completed."""

import csv
import io
import json
import sys

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from matmend.cli import progress, rate
from matmend.cli.intervals import beside
from matmend.methods.ratings import RatingsModel

KNN = ("--method", "knn")


def read(path):
    return imagecodecs.png_decode(path.read_bytes())


def arguments(folder, *more):
    return ("complete", folder / "photo.png", "-m", folder / "mask.png", "-o", folder / "out.png", *KNN, *more)


@pytest.mark.parametrize("is_colour", [False, True])
def test_two_pictures_of_the_same_depth_and_mode(matmend, damaged, is_colour):
    folder, X, seen = damaged
    if is_colour:
        X = np.stack([X, 255 - X, X // 2], axis=2)
        Image.fromarray(X).save(folder / "photo.png")
        Image.fromarray(X).save(folder / "truth.png")
    code, out, err = matmend(*arguments(folder, "--intervals", "0.8", "--truth", folder / "truth.png", "--json"))
    assert (code, err) == (0, "")
    mended, lower, upper = (read(folder / f"out{side}.png") for side in ("", "-lower", "-upper"))
    for bound in (lower, upper):
        assert (bound.dtype, bound.shape) == (mended.dtype, X.shape)
        np.testing.assert_array_equal(bound[seen], X[seen])
    assert (lower <= mended).all()
    assert (mended <= upper).all()
    told = json.loads(out)["intervals"]
    within = ((lower <= X) & (upper >= X))[~seen].mean()  # rounding to whole numbers takes no whole number out
    assert told["covered"] == pytest.approx(within, abs=0.03)
    assert within > 0.55
    assert told["mean_width"] == pytest.approx((upper.astype(float) - lower)[~seen].mean() / 255, abs=0.003)
    assert (told["coverage"], told["unbounded"]) == (0.8, 0)
    assert [told[side] for side in ("lower", "upper")] == [str(folder / f"out-{s}.png") for s in ("lower", "upper")]


def test_more_coverage_is_wider(matmend, damaged):
    folder = damaged[0]
    reports = [
        json.loads(matmend(*arguments(folder, "--intervals", c, "--json", "--overwrite"))[1]) for c in (0.5, 0.9)
    ]
    widths = [report["intervals"]["mean_width"] for report in reports]
    assert 0 < widths[0] < widths[1]


def test_the_mended_picture_is_the_same_with_and_without(matmend, damaged):
    folder = damaged[0]
    assert matmend(*arguments(folder, "-q"))[0] == 0
    without = (folder / "out.png").read_bytes()
    assert not (folder / "out-lower.png").exists()
    assert matmend(*arguments(folder, "-q", "--intervals", "0.9", "--overwrite"))[0] == 0
    assert (folder / "out.png").read_bytes() == without


def test_words_for_people_about_a_picture(matmend, damaged):
    folder = damaged[0]
    code, out, err = matmend(*arguments(folder, "--intervals", "0.9"))
    assert (code, out) == (0, "")
    assert "Intervals for 90 %: mean width" in err
    assert "of the full range" in err
    assert f"Upper bounds: {folder / 'out-upper.png'}" in err


def test_nan_stays_nan_in_floating_point(matmend, tmp_path):
    X = np.random.default_rng(0).normal(size=(20, 17)).astype(np.float32)
    X[2] = np.nan
    X[5:8, 5] = np.nan
    tifffile.imwrite(tmp_path / "heat.tif", X)
    code, _, err = matmend(
        "complete", tmp_path / "heat.tif", *KNN, "--undetermined", "nan", "--intervals", "0.9", "-q"
    )  # fmt: skip
    assert (code, err) == (0, "")
    for side in ("lower", "upper"):
        bound = tifffile.imread(tmp_path / f"heat-mended-{side}.tif")
        assert bound.dtype == np.float32
        np.testing.assert_array_equal(np.isnan(bound), np.arange(20)[:, None].repeat(17, axis=1) == 2)


def test_a_jpeg_gets_bounds_that_its_format_does_not_move(matmend, damaged):
    folder, _, seen = damaged
    Image.open(folder / "photo.png").save(folder / "photo.jpg")
    X = np.asarray(Image.open(folder / "photo.jpg"))
    code, _, err = matmend(
        "complete", folder / "photo.jpg", "-m", folder / "mask.png", *KNN, "--intervals", "0.9", "-q"
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert (folder / "photo-mended.jpg").exists()
    for side in ("lower", "upper"):
        np.testing.assert_array_equal(read(folder / f"photo-mended-{side}.png")[seen], X[seen])


@pytest.mark.parametrize("name", ["out-lower.png", "out-upper.png"])
def test_a_picture_that_is_there_is_kept(matmend, damaged, name):
    folder = damaged[0]
    (folder / name).write_text("mine")
    code, _, err = matmend(*arguments(folder, "--intervals", "0.9"))
    assert code == 2
    assert f"{name} is there" in err
    assert not (folder / "out.png").exists()


def test_an_interrupted_training_has_no_intervals(matmend, damaged, monkeypatch):
    folder = damaged[0]
    monkeypatch.setattr(progress.Watch, "__call__", lambda self, state, row: True)
    code, _, err = matmend(
        "complete", folder / "photo.png", "-m", folder / "mask.png", "-o", folder / "out.png", "--method", "dmf",
        "--steps", "400", "--depth", "2", "--intervals", "0.9",
    )  # fmt: skip
    assert code == 0
    assert "No intervals" in err
    assert (folder / "out.png").exists()
    assert not (folder / "out-lower.png").exists()


@pytest.fixture
def ratings(tmp_path, monkeypatch):
    """Ratings of 30 users, each of two thirds of 24 films, and pairs, one of them unknown."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    scores = 3 + np.outer(np.sin(np.arange(30)), np.cos(np.arange(24))) + rng.normal(0, 0.2, (30, 24))
    lines = [(f"u{i}", 100 + j, round(scores[i, j], 2)) for i in range(30) for j in range(24) if (i + j) % 3]
    pairs = [("u3", 100), ("u1", 999), *((f"u{i}", 100 + j) for i in range(30) for j in range(24) if not (i + j) % 3)]
    for name, header, content in (("ratings", ["user", "item", "rating"], lines), ("pairs", ["user", "item"], pairs)):
        with (tmp_path / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([header, *content])
    return tmp_path, scores, pairs


def test_ratings_have_columns_lower_and_upper(matmend, ratings):
    folder, scores, pairs = ratings
    code, out, err = matmend(
        "complete", "ratings.csv", "--predict", "pairs.csv", "-o", "out.csv", "--intervals", "0.8", "--rank", "2",
        "--draws", "10", "--no-implicit", "--devices", "1", "--json",
    )  # fmt: skip
    assert (code, err) == (0, "")
    with (folder / "out.csv").open() as file:
        names, *lines = csv.reader(file)
    assert names == ["user", "item", "prediction", "expected_error", "lower", "upper", "known"]
    assert [(line[0], int(line[1])) for line in lines] == pairs
    prediction, lower, upper = np.array([line[2:] for line in lines])[:, [0, 2, 3]].astype(float).T
    assert (lower <= prediction).all()
    assert (prediction <= upper).all()
    assert (lower < upper).all()
    truth = np.array([scores[int(who[1:]), what - 100] for who, what in pairs[2:]])
    assert 0.6 < ((lower[2:] <= truth) & (truth <= upper[2:])).mean() <= 1
    told = json.loads(out)["intervals"]
    assert told["mean_width"] == pytest.approx((upper - lower).mean(), rel=1e-4)
    assert told["coverage"] == 0.8
    assert told["calibration"] == 48  # a tenth


@pytest.fixture
def asked(monkeypatch):
    """No training takes place; what was asked of it is returned."""
    made = []

    def refuse(ratings, **settings):
        made.append(settings)
        raise ValueError("trained")

    monkeypatch.setattr(rate, "complete_ratings", refuse)
    monkeypatch.setattr(rate, "entry_intervals", refuse)
    return made


def test_settings_of_ratings_arrive(matmend, ratings, asked):
    matmend("complete", "ratings.csv", "--predict", "pairs.csv", "--intervals", "0.7", "--rank", "3", "--seed", "4")
    settings = {name: asked[0][name] for name in ("coverage", "rank", "seed")}
    assert settings == {"coverage": 0.7, "rank": 3, "seed": 4}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--intervals", "0.9"), "add --predict"),
        (("--intervals", "1.5", "--predict", "pairs.csv"), "above 0 and below 1"),
    ],
)
def test_what_makes_no_sense_is_refused_before_the_training(matmend, ratings, asked, more, words):
    code, out, err = matmend("complete", "ratings.csv", *more)
    assert (code, out, asked) == (2, "", [])
    assert words in err


def test_a_model_has_no_intervals(matmend, ratings):
    RatingsModel.of_factors(np.ones((2, 1)), np.ones((3, 1))).save(ratings[0] / "model.npz")
    code, _, err = matmend("complete", "model.npz", "--predict", "pairs.csv", "--intervals", "0.9")
    assert code == 2
    assert "give the ratings in its place" in err


def test_ratings_from_standard_input(matmend, ratings, monkeypatch):
    model = RatingsModel.of_factors(np.ones((30, 1)), np.ones((24, 1)))

    def complete(ratings, **settings):
        facts = {"heldout_error": 0.8, "baseline_error": 0.9, "message": "so", "low": -9.0, "high": 9.0}
        return rate.dataclasses.replace(model, row_ids=ratings.row_ids, col_ids=ratings.col_ids, **facts)

    monkeypatch.setattr(rate, "complete_ratings", complete)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO((ratings[0] / "ratings.csv").read_bytes())))
    arguments = ("complete", "-", "--as", "ratings", "--predict", "pairs.csv")
    code, _, err = matmend(*arguments)
    assert code == 2
    assert "add -o" in err
    code, _, err = matmend(*arguments, "-o", "out.csv")
    assert code == 0
    assert "standard input: 480 ratings" in err
    assert len((ratings[0] / "out.csv").read_text().splitlines()) == len(ratings[2]) + 1


def test_a_picture_is_no_stream(matmend, damaged, monkeypatch):
    folder = damaged[0]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO((folder / "photo.png").read_bytes())))
    code, _, err = matmend("complete", "-", "-m", folder / "mask.png", "-o", folder / "out.png")
    assert code == 2
    assert "a picture is read from a file" in err


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.csv", "a-lower.csv"), ("a.b.csv.gz", "a.b-lower.csv.gz"), ("a.gz", "a-lower.gz"), ("a", "a-lower")],
)
def test_names_beside(tmp_path, name, expected):
    assert beside(tmp_path / name, "lower") == tmp_path / expected
