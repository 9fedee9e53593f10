"""Lists of pairs: whatever the layout, the pairs come out in the order of the file; and tables go out as they came."""

import bz2
import gzip

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from matmend.io import open_pairs, table_writer
from matmend.io.pairs import PIECE


def read(path, **how):
    pairs = open_pairs(path)
    pieces = list(pairs.pieces(**how))
    assert sum(users.size for users, _ in pieces) == pairs.num_pairs
    return pairs.names, [pair for users, items in pieces for pair in zip(users.tolist(), items.tolist(), strict=True)]


LAYOUTS = {
    "names above numbers": ("user,item\n3,4\n1,2\n", ("user", "item"), [(3, 4), (1, 2)]),
    "names above words": ("userId,movieId\nann,x\nbob,y\n", ("userId", "movieId"), [("ann", "x"), ("bob", "y")]),
    "any names above numbers": ("who,what\n3,4\n", ("who", "what"), [(3, 4)]),
    "other order": ("rating\titem\tuser\n5\tx\t7\n4\ty\t8\n", ("user", "item"), [(7, "x"), (8, "y")]),
    "u.data": ("196\t242\t3\t881250949\n186\t302\t3\t891717742\n", None, [(196, 242), (186, 302)]),
    "ratings.dat": ("1::1193::5::978300760\n1::661::3::978302109\n", None, [(1, 1193), (1, 661)]),
    "duplicates stay": ("1,2\n1,2\n0,5\n1,2\n", None, [(1, 2), (1, 2), (0, 5), (1, 2)]),
    "quotes": ('user,item\n"a, b","say ""x"""\n', ("user", "item"), [("a, b", 'say "x"')]),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(tmp_path, layout):
    text, names, pairs = LAYOUTS[layout]
    (tmp_path / "pairs.txt").write_text(text)
    assert read(tmp_path / "pairs.txt") == (names, pairs)


def test_ids_as_they_are_written(tmp_path):
    (tmp_path / "pairs.csv").write_text("user,item\n007,04\n7,4\n")
    assert read(tmp_path / "pairs.csv")[1] == [(7, 4), (7, 4)]
    assert read(tmp_path / "pairs.csv", as_text=(True, False))[1] == [("007", 4), ("7", 4)]


def test_words_after_many_numbers(tmp_path):
    lines = [f"{i},{i % 7}" for i in range(PIECE + 5)]
    (tmp_path / "pairs.csv").write_text("\n".join(["user,item", *lines, "last,3"]) + "\n")
    names, pairs = read(tmp_path / "pairs.csv")
    assert names == ("user", "item")
    assert pairs == [(str(i), i % 7) for i in range(PIECE + 5)] + [("last", 3)]


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress])
def test_packed(tmp_path, pack):
    path = tmp_path / f"pairs.csv.{'gz' if pack is gzip.compress else 'bz2'}"
    path.write_bytes(pack(b"user,item\n1,2\n"))
    assert read(path)[1] == [(1, 2)]


def test_parquet_and_back(tmp_path):
    columns = {"film": np.array([5, 6], np.int64), "user": np.array(["a", "b"], dtype=object)}
    with table_writer(tmp_path / "pairs.parquet") as write:
        write(columns)
        write(columns)
    assert read(tmp_path / "pairs.parquet") == (("user", "film"), 2 * [("a", 5), ("b", 6)])
    assert read(tmp_path / "pairs.parquet", as_text=(True, True))[1][0] == ("a", "5")


BAD = {
    "one column": ("1\n2\n", "one column"),
    "no item": ("user,item\na,x\nb,\n", "expected a item|item in every line"),
    "blank user": ("user,item\na,x\n ,y\n", "none in pair 2"),
    "no number": ("user,item\n1,2\n,3\n", "none in pair 2"),
    "names only": ("user,item\n", "only a line of names"),
    "uneven": ("1,2\n1,2,3\n", "same number of cells"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_files(tmp_path, case):
    text, words = BAD[case]
    (tmp_path / "pairs.csv").write_text(text)
    with pytest.raises(ValueError, match=words):
        open_pairs(tmp_path / "pairs.csv")


def test_bad_parquet(tmp_path):
    pq.write_table(pa.table({"user": [1, None], "item": [1, 2]}), tmp_path / "null.parquet")
    with pytest.raises(ValueError, match=r"user in every line.*pair 2"):
        open_pairs(tmp_path / "null.parquet")
    (tmp_path / "no.parquet").write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match="cannot be read"):
        open_pairs(tmp_path / "no.parquet")
    pq.write_table(pa.table({"user": [1]}), tmp_path / "narrow.parquet")
    with pytest.raises(ValueError, match="columns user and item"):
        open_pairs(tmp_path / "narrow.parquet")


@pytest.mark.parametrize("suffix", ["csv", "tsv", "parquet"])
def test_a_table_that_fails_is_not_there(tmp_path, suffix):
    def fails():
        with table_writer(tmp_path / f"out.{suffix}") as write:
            write({"x": np.arange(3)})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fails()
    assert list(tmp_path.iterdir()) == []
