"""``matmend complete`` on tables: files in, the same files without gaps out."""

import io
import json
import os
import signal
import sys
import threading

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from matmend.cli import tabulate
from matmend.io import read_matrix

NAMES = [f"sensor {j}" for j in range(5)]
FAST = ("--method", "soft_impute")


def rank_one(seed=0, m=30, n=5):
    """A matrix of rank 1 with a fifth of its entries missing, all of them determined, and the truth."""
    rng = np.random.default_rng(seed)
    truth = np.outer(rng.uniform(1, 2, m), rng.uniform(1, 2, n))
    gaps = rng.random(truth.shape) < 0.2
    gaps[0], gaps[:, 0] = False, False  # a whole row and a whole column: everything hangs together
    return np.where(gaps, np.nan, truth), truth


def lines(values, separator=","):
    """Rows with names and a column of words, the way a person would have written them."""
    rows = [separator.join(["name", *NAMES, "note"])]
    for i, row in enumerate(values):
        cells = ["" if np.isnan(value) else repr(float(value)) for value in row]
        rows.append(separator.join([f"r{i}", *cells, "wet" if i % 2 else "dry"]))
    return "\n".join(rows) + "\n"


def cells(path):
    """The cells of a text file, as they are written."""
    separator = "\t" if ".tsv" in path.name else ","
    return [line.split(separator) for line in path.read_text().splitlines()]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A table with gaps and the truth as csv, in the folder that the program runs in."""
    monkeypatch.chdir(tmp_path)
    X, truth = rank_one()
    (tmp_path / "table.csv").write_text(lines(X))
    (tmp_path / "truth.csv").write_text(lines(truth))
    return tmp_path, X, truth


def test_a_table_of_rank_one_is_filled_to_a_small_error(matmend, folder):
    path, _, truth = folder
    code, out, err = matmend("complete", "table.csv", "--truth", "truth.csv", "--json")
    assert (code, err) == (0, "")
    report = json.loads(out)
    filled = read_matrix(path / "table-filled.csv").values
    assert np.sqrt(np.mean((filled - truth) ** 2)) < 0.05 * truth.std()
    missing = np.isnan(folder[1])
    assert report["rmse"] == pytest.approx(np.sqrt(np.mean((filled - truth)[missing] ** 2)), rel=1e-6)
    assert (report["rows"], report["columns"], report["missing_cells"]) == (30, 5, missing.sum())
    assert report["compared"] == missing.sum()
    tried = {score["method"]: score["error"] for score in report["scores"]}
    assert report["method"] in tried
    assert tried[report["method"]] < tried["mean"]
    assert report["is_asked"] is False
    assert report["expected_rmse"] > 0
    assert report["undetermined"] == 0


@pytest.mark.parametrize(("suffix", "separator"), [("csv", ","), ("tsv", "\t")])
def test_text_keeps_names_words_and_observed_cells(matmend, folder, suffix, separator):
    path, X, _ = folder
    (path / f"some.{suffix}").write_text(lines(X, separator))
    assert matmend("complete", f"some.{suffix}", "-o", f"filled.{suffix}", *FAST, "--quiet") == (0, "", "")
    before, after = cells(path / f"some.{suffix}"), cells(path / f"filled.{suffix}")
    assert [len(row) for row in after] == [len(row) for row in before]
    for old, new in zip(before, after, strict=True):
        assert [cell for cell, was in zip(new, old, strict=True) if was] == [cell for cell in old if cell]
        assert all(np.isfinite(float(cell)) for cell, was in zip(new, old, strict=True) if not was)


def test_parquet_keeps_names_and_types(matmend, folder):
    path, X, _ = folder
    whole = pa.array([None if i % 4 == 3 else i for i in range(len(X))], pa.int32())
    columns = {name: pa.array(X[:, j], from_pandas=True) for j, name in enumerate(NAMES)}
    before = pa.table({"name": [f"r{i}" for i in range(len(X))], **columns, "count": whole})
    pq.write_table(before, path / "in.parquet")
    assert matmend("complete", "in.parquet", *FAST, "-q")[0] == 0
    after = pq.read_table(path / "in-filled.parquet")
    assert after.column_names == before.column_names
    assert after["name"].to_pylist() == before["name"].to_pylist()
    for name in (*NAMES, "count"):
        old, new = (np.array(table[name].to_pylist(), dtype=float) for table in (before, after))
        np.testing.assert_array_equal(new[~np.isnan(old)], old[~np.isnan(old)])
        assert np.isfinite(new).all()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_npy_keeps_its_type(matmend, folder, dtype):
    path, X, _ = folder
    np.save(path / "x.npy", X.astype(dtype))
    assert matmend("complete", "x.npy", *FAST, "-q")[0] == 0
    filled = np.load(path / "x-filled.npy")
    assert filled.dtype == dtype
    seen = ~np.isnan(X)
    np.testing.assert_array_equal(filled[seen], X.astype(dtype)[seen])
    assert np.isfinite(filled).all()


def test_another_format_can_be_written(matmend, folder):
    path, X, _ = folder
    assert matmend("complete", "table.csv", "-o", "out.parquet", *FAST, "-q")[0] == 0
    table = pq.read_table(path / "out.parquet")
    assert table.column_names == ["name", *NAMES, "note"]
    seen = ~np.isnan(X)
    np.testing.assert_array_equal(read_matrix(path / "out.parquet").values[seen], X[seen])


def test_intervals_contain_what_is_filled_in_and_most_of_the_truth(matmend, folder):
    path, X, truth = folder
    noisy = truth + np.random.default_rng(3).normal(0, 0.1, truth.shape)
    (path / "noisy.csv").write_text(lines(np.where(np.isnan(X), np.nan, noisy)))
    (path / "whole.csv").write_text(lines(noisy))
    code, out, err = matmend(
        "complete", "noisy.csv", "-o", "out.csv", "--truth", "whole.csv", "--intervals", "0.8", "--json", *FAST
    )
    assert (code, err) == (0, "")
    estimate, lower, upper = (read_matrix(path / f"out{side}.csv").values for side in ("", "-lower", "-upper"))
    assert (lower <= estimate).all()
    assert (estimate <= upper).all()
    seen = ~np.isnan(X)
    for bound in (lower, upper):
        np.testing.assert_array_equal(bound[seen], noisy[seen])
    assert (upper - lower)[~seen].min() > 0
    told = json.loads(out)["intervals"]
    within = (lower <= noisy) & (noisy <= upper)
    assert told["covered"] == pytest.approx(within[~seen].mean())
    assert told["covered"] > 0.5
    assert told["mean_width"] == pytest.approx((upper - lower)[~seen].mean(), rel=1e-6)
    assert (told["coverage"], told["unbounded"]) == (0.8, 0)
    assert told["calibration"] > 0
    assert [told[side] for side in ("lower", "upper")] == ["out-lower.csv", "out-upper.csv"]


def test_constant_columns_stay_what_they_are(matmend, folder):
    path, X, _ = folder
    X[:, 2] = np.where(np.isnan(X[:, 2]), np.nan, 7.0)
    (path / "constant.csv").write_text(lines(X))
    assert matmend("complete", "constant.csv", "--method", "gaussian", "-q")[0] == 0
    np.testing.assert_allclose(read_matrix(path / "constant-filled.csv").values[:, 2], 7.0, atol=1e-6)


@pytest.fixture
def holed(folder):
    """The same with a row and a column of which nothing is observed."""
    path, X, _ = folder
    X[4], X[:, 1] = np.nan, np.nan
    (path / "holed.csv").write_text(lines(X))
    return path, X


def test_empty_rows_and_columns_are_told_and_mapped(matmend, holed):
    path, X = holed
    code, out, err = matmend("complete", "holed.csv", *FAST)
    assert (code, out) == (0, "")
    assert "row 'r4' and column 'sensor 1' are missing altogether" in err
    assert "34 cells" in err
    assert "holed-filled-undetermined.csv" in err
    chart = read_matrix(path / "holed-filled-undetermined.csv").values
    expected = np.zeros(X.shape)
    expected[4], expected[:, 1] = 1, 1
    np.testing.assert_array_equal(chart, expected)
    assert np.isfinite(read_matrix(path / "holed-filled.csv").values).all()


def test_nan_leaves_them_empty(matmend, holed):
    path, X = holed
    code, _, err = matmend("complete", "holed.csv", "--undetermined", "nan", "--intervals", "0.5", *FAST)
    assert code == 0
    assert "They stay empty." in err
    open_ = np.zeros(X.shape, bool)
    open_[4], open_[:, 1] = True, True
    for side in ("", "-lower", "-upper"):
        np.testing.assert_array_equal(np.isnan(read_matrix(path / f"holed-filled{side}.csv").values), open_)
    assert not (path / "holed-filled-undetermined.csv").exists()


def test_without_bounds_cells_of_an_empty_column_stay_empty_in_both_files(matmend, holed):
    path, _ = holed
    code, _, err = matmend("complete", "holed.csv", "--intervals", "0.8", *FAST)
    assert code == 0
    lower, upper = (read_matrix(path / f"holed-filled-{side}.csv").values for side in ("lower", "upper"))
    np.testing.assert_array_equal(np.isnan(lower), np.isnan(upper))
    assert np.isnan(lower[:, 1]).all()
    assert f"Without bounds: {np.isnan(lower).sum()} cells" in err


def test_flag_writes_a_map_in_any_case(matmend, folder):
    assert matmend("complete", "table.csv", "--undetermined", "flag", "-q", *FAST) == (0, "", "")
    assert (read_matrix(folder[0] / "table-filled-undetermined.csv").values == 0).all()


def test_words_for_people(matmend, folder):
    code, out, err = matmend("complete", "table.csv", "--truth", "truth.csv", "--intervals", "0.9")
    assert (code, out) == (0, "")
    missing = int(np.isnan(folder[1]).sum())
    assert f"table.csv: 30 rows x 5 columns, {missing} cells missing" in err
    assert "Left as they are, because they hold no numbers: column 'note'." in err
    assert "Chosen: " in err
    assert "Expected error (RMS)" in err
    assert f"on {missing} missing cells" in err
    assert "Intervals for 90 %" in err
    assert "Of the true values" in err
    assert "Filled table" in err
    assert "Warning" not in err


class Standard:
    """A standard stream: bytes below, text above."""

    def __init__(self, content=b""):
        self.buffer = io.BytesIO(content)

    def write(self, words):
        return self.buffer.write(words.encode())

    def flush(self):
        pass


def test_standard_streams(matmend, folder, monkeypatch):
    path, X, _ = folder
    monkeypatch.setattr(sys, "stdin", Standard((path / "table.csv").read_bytes()))
    out = Standard()
    monkeypatch.setattr(sys, "stdout", out)
    code, _, err = matmend("complete", "-", *FAST)
    assert code == 0
    assert "standard input: 30 rows" in err
    table = pacsv.read_csv(pa.BufferReader(out.buffer.getvalue()))  # nothing but the table
    assert table.column_names == ["name", *NAMES, "note"]
    values = np.array([table[name].to_pylist() for name in NAMES]).T
    np.testing.assert_array_equal(values[~np.isnan(X)], X[~np.isnan(X)])
    assert matmend("complete", "table.csv", "-o", "same.csv", *FAST)[0] == 0
    assert out.buffer.getvalue() == (path / "same.csv").read_bytes()
    assert sorted(file.name for file in path.iterdir()) == ["same.csv", "table.csv", "truth.csv"]


def test_same_seed_same_file(matmend, folder):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        assert matmend("complete", "table.csv", "-o", f"{name}.csv", "--intervals", "0.9", "--seed", seed, "-q")[0] == 0
    a, b, c = ((folder[0] / f"{name}-upper.csv").read_bytes() for name in "abc")
    assert a == b
    assert a != c


BAD = {
    "coverage of 90": (("table.csv", "--intervals", "90"), "0.9 covers nine in ten"),
    "coverage of all": (("table.csv", "--intervals", "1"), "above 0 and below 1"),
    "coverage of none": (("table.csv", "--intervals", "0"), "above 0 and below 1"),
    "option of pictures": (("table.csv", "--mask", "mask.png"), "--mask is for pictures"),
    "option of ratings": (("table.csv", "--predict", "pairs.csv"), "--predict is for ratings"),
    "checkpoint": (("table.csv", "--checkpoint", "kept"), "--checkpoint is for pictures and ratings"),
    "holdout": (("table.csv", "--holdout", "0.1"), "--holdout is for pictures and ratings"),
    "setting of no method": (("table.csv", "--steps", "10"), "say which by --method"),
    "setting of another method": (("table.csv", "--method", "mean", "--steps", "10"), "does not take --steps"),
    "nothing missing": (("truth.csv",), "Nothing is missing in truth.csv"),
    "everything missing": (("empty.npy",), "Everything is missing in empty.npy"),
    "no file": (("nowhere.csv",), "nowhere.csv is not there"),
    "unknown output": (("table.csv", "-o", "out.xlsx"), "out.xlsx"),
    "over an input": (("table.csv", "-o", "table.csv", "--overwrite"), "over an input"),
    "bounds over the truth": (("table.csv", "--truth", "t-lower.csv", "-o", "t.csv", "--intervals", "0.9"), "t-lower"),
    "is there": (("table.csv", "-o", "truth.csv"), "truth.csv is there"),
    "no folder": (("table.csv", "-o", "no/out.csv"), "no"),
    "truth of another size": (("table.csv", "--truth", "small.csv"), "(30, 5)"),
    "truth in another order": (("table.csv", "--truth", "turned.csv"), "'sensor 4', not 'sensor 0'"),
    "truth that knows nothing": (("table.csv", "--truth", "table.csv"), "knows none"),
    "json beside the table": (("table.csv", "-o", "-", "--json"), "standard output"),
    "bounds on a stream": (("table.csv", "-o", "-", "--intervals", "0.9"), "name that one by -o"),
    "a map on a stream": (("table.csv", "-o", "-", "--undetermined", "flag"), "name that one by -o"),
    "one stream for two": (("-", "--truth", "-"), "not both"),
    "no numbers": (("words.csv", "--as", "table"), "columns of numbers"),
    "a mask": (("mask.npy",), "is a mask"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gives_one_line_and_writes_nothing(matmend, folder, case, monkeypatch):
    path, X, truth = folder
    monkeypatch.setattr(sys, "stdin", Standard((path / "table.csv").read_bytes()))
    np.save(path / "empty.npy", np.full((3, 4), np.nan))
    np.save(path / "mask.npy", np.isnan(X))
    (path / "small.csv").write_text(lines(truth[:9]))
    (path / "turned.csv").write_text(lines(truth).replace("sensor 0", "sensor 4", 1).replace("3,sensor 4", "3,s 0", 1))
    (path / "t-lower.csv").write_text(lines(truth))
    (path / "words.csv").write_text("a,b\nx,y\nz,w\n")
    before = {file.name: file.read_bytes() for file in path.iterdir()}
    arguments, words = BAD[case]
    code, out, err = matmend("complete", *arguments)
    assert (code, out) == (2, "")
    assert words in err
    assert "Traceback" not in err
    assert len([line for line in err.splitlines() if line.startswith("matmend:")]) == 1
    assert {file.name: file.read_bytes() for file in path.iterdir()} == before


@pytest.mark.parametrize("name", ["out.csv", "out-lower.csv", "out-upper.csv", "out-undetermined.csv"])
def test_what_is_there_is_kept_unless_told_otherwise(matmend, folder, name):
    (folder[0] / name).write_text("mine")
    arguments = ("complete", "table.csv", "-o", "out.csv", "--intervals", "0.9", "--undetermined", "flag", *FAST, "-q")
    code, _, err = matmend(*arguments)
    assert code == 2
    assert f"{name} is there" in err
    assert (folder[0] / name).read_text() == "mine"
    assert len(list(folder[0].iterdir())) == 3
    assert matmend(*arguments, "--overwrite")[0] == 0
    assert (folder[0] / name).read_text() != "mine"


def test_ctrl_c_writes_nothing_and_says_so(matmend, folder, monkeypatch):
    def wait(*arguments, **named):
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
        threading.Event().wait(20)

    monkeypatch.setattr(tabulate.MatrixCompleter, "intervals", wait)
    before = sorted(file.name for file in folder[0].iterdir())
    code, out, err = matmend("complete", "table.csv", "--intervals", "0.9", *FAST)
    assert (code, out) == (130, "")
    assert "interrupted; nothing was written" in err
    assert sorted(file.name for file in folder[0].iterdir()) == before


def test_ctrl_c_while_files_are_written_leaves_all_of_them(matmend, folder, monkeypatch):
    write = tabulate.write_matrix

    def interrupted(path, *arguments, **named):
        write(path, *arguments, **named)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(tabulate, "write_matrix", interrupted)
    assert matmend("complete", "table.csv", "-o", "out.csv", "--intervals", "0.9", *FAST, "-q")[0] == 0
    for name in ("out.csv", "out-lower.csv", "out-upper.csv"):
        assert (folder[0] / name).is_file()
