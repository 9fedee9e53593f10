import hashlib
import os
import zipfile

import numpy as np
import pytest

from matmend.datasets import load_movielens, load_movielens_fold
from matmend.datasets import movielens as module

needs_data = pytest.mark.skipif(
    not os.environ.get("MATMEND_DATA"), reason="MATMEND_DATA is not set: MovieLens is not redistributed"
)
LINES = ["7\t30\t5\t100", "7\t10\t3\t101", "9\t30\t4\t102", "2\t20\t1\t103"]


@pytest.fixture
def tiny(monkeypatch):
    """A set of four ratings, three users and three films in the place of the smallest one."""
    archive = module.ARCHIVES["100k"]._replace(num_entries=4, shape=(3, 3))
    monkeypatch.setitem(module.ARCHIVES, "100k", archive)
    monkeypatch.delenv("MATMEND_DATA", raising=False)
    return {"u.data": LINES, "u1.base": LINES[:2] + LINES[3:], "u1.test": LINES[2:3]}


def write(folder, files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, lines in files.items():
        (folder / name).write_text("".join(line + "\n" for line in lines))


def check_fold(split):
    assert split.train.shape == split.heldout.shape == (3, 3)
    for part in (split.train, split.heldout):
        assert part.row_ids.tolist() == [2, 7, 9]
        assert part.col_ids.tolist() == [10, 20, 30]
    assert split.train.rows.tolist() == [1, 1, 0]
    assert split.train.cols.tolist() == [2, 0, 1]
    assert split.train.values.tolist() == [5, 3, 1]
    assert (split.heldout.rows.tolist(), split.heldout.cols.tolist()) == ([2], [2])  # user 9 is in this part only
    assert split.heldout.values.tolist() == [4]


def test_a_fold_has_the_positions_of_all_ratings(tiny, tmp_path):
    write(tmp_path / "movielens100k", tiny)
    check_fold(load_movielens_fold("u1", folder=tmp_path))
    assert load_movielens("100k", folder=tmp_path).values.tolist() == [5, 3, 4, 1]


def test_an_archive_is_read_too(tiny, tmp_path, monkeypatch):
    (tmp_path / "movielens").mkdir()
    path = tmp_path / "movielens" / "ml-100k.zip"
    with zipfile.ZipFile(path, "w") as file:
        for name, lines in tiny.items():
            file.writestr(f"ml-100k/{name}", "\n".join(lines) + "\n")
    with pytest.raises(ValueError, match="expected SHA-256"):
        load_movielens("100k", folder=tmp_path)
    right = module.ARCHIVES["100k"]._replace(sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    monkeypatch.setitem(module.ARCHIVES, "100k", right)
    check_fold(load_movielens_fold("u1", folder=tmp_path))
    assert sorted(child.name for child in tmp_path.iterdir()) == ["movielens"]  # nothing is left behind


@pytest.mark.parametrize(("size", "separator"), [("1m", "::"), ("25m", ",")])
def test_other_sizes_are_read_in_their_own_format(size, separator, monkeypatch, tmp_path):
    archive = module.ARCHIVES[size]
    monkeypatch.setitem(module.ARCHIVES, size, archive._replace(num_entries=4, shape=(3, 3)))
    head = ["userId,movieId,rating,timestamp"] if size == "25m" else []
    lines = [separator.join(line.split("\t")) for line in LINES]
    write(tmp_path / f"movielens{size}", {archive.member.split("/")[1]: head + lines})
    ratings = load_movielens(size, folder=tmp_path)
    assert ratings.rows.tolist() == [1, 1, 2, 0]
    assert ratings.cols.tolist() == [2, 0, 2, 1]
    assert ratings.values.tolist() == [5, 3, 4, 1]


def test_a_file_that_is_cut_short_is_refused(tmp_path):
    write(tmp_path / "movielens1m", {"ratings.dat": ["1::2::3::4"]})
    with pytest.raises(ValueError, match="expected 1,000,209 ratings, 6,040 x 3,706, got 1, 1 x 1"):
        load_movielens("1m", folder=tmp_path)


@pytest.mark.parametrize("test", [["9\t31\t4\t102"], LINES[1:2], []])
def test_parts_that_are_not_the_whole_are_refused(test, tiny, tmp_path):
    write(tmp_path / "movielens100k", tiny | {"u1.test": test or ["9\t10\t4\t102"]})
    with pytest.raises(ValueError, match=r"u1\.base, u1\.test: expected the entries of u\.data"):
        load_movielens_fold("u1", folder=tmp_path)


def test_names_and_missing_files_are_told(tmp_path):
    with pytest.raises(ValueError, match="size: expected one of 100k, 1m, 10m, 25m, got '2m'"):
        load_movielens("2m")
    with pytest.raises(ValueError, match="name: expected one of u1"):
        load_movielens_fold("u9")
    with pytest.raises(FileNotFoundError, match=r"ml-10m\.zip: expected a file, got none"):
        load_movielens("10m", folder=tmp_path)


@needs_data
def test_the_first_fold_is_as_published():
    split = load_movielens_fold("u1")
    assert (split.train.values.size, split.heldout.values.size) == (80_000, 20_000)
    assert split.train.shape == (943, 1682)
    assert np.unique(np.append(split.train.values, split.heldout.values)).tolist() == [1, 2, 3, 4, 5]
    cold = np.bincount(split.train.cols, minlength=1682) == 0
    assert cold.sum() == cold[split.heldout.cols].sum() == 32
    error = split.heldout.values - split.train.values.mean()
    assert np.sqrt(np.mean(error**2)) == pytest.approx(1.154, abs=5e-4)
