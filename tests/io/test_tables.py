"""Tables with gaps, and telling what kind of input a file is."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from scipy import io as scipy_io
from scipy import sparse

from matmend.io import open_pairs, read_ratings, read_table, tell_kind
from matmend.io.delimited import MISSING

cells = st.none() | st.floats(-1e300, 1e300, allow_subnormal=False)
matrices = st.tuples(st.integers(1, 6), st.integers(2, 5)).flatmap(
    lambda shape: arrays(np.object_, shape, elements=cells)
)


@settings(max_examples=60, deadline=None)
@given(
    matrix=matrices,
    separator=st.sampled_from(["\t", ",", ";", "|", " "]),
    gap=st.sampled_from(MISSING).filter(lambda word: word.strip()),
    names=st.booleans(),
    ids=st.booleans(),
)
def test_text_comes_back(tmp_path_factory, matrix, separator, gap, names, ids):
    m, n = matrix.shape
    row_names = [f"row {'äß'[i % 2]}{i}".replace(" ", "-") for i in range(m)]
    lines = [[gap if cell is None else repr(cell) for cell in row] for row in matrix]
    if ids:
        lines = [[name, *line] for name, line in zip(row_names, lines, strict=True)]
    head = ([""] if ids else []) + [f"c{j}" for j in range(n)]
    path = tmp_path_factory.mktemp("table") / "table.csv"
    text = "".join(separator.join(line) + "\n" for line in ([head] if names else []) + lines)
    path.write_text(text, encoding="utf-8")
    table = read_table(path, header=names)
    np.testing.assert_array_equal(table.values, np.array(matrix, dtype=float))
    np.testing.assert_array_equal(table.mask, [[cell is not None for cell in row] for row in matrix])
    assert table.row_names == (tuple(row_names) if ids else None)
    assert table.col_names == (tuple(f"c{j}" for j in range(n)) if names else None)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a,b\n1,2\n", ("a", "b")),
        ("1,2\n3,4\n", None),
        ("country,2001,2002\nItaly,3,4\nPeru,5,6\n", ("2001", "2002")),
        ("Italy,3,4\nPeru,5,6\n", ("3", "4")),  # cannot be told from years: header=False says so
        ("Italy,4,3\nPeru,5,6\n", None),
        (",x,y\nA,1,2\n", ("x", "y")),
        ("A,1,\nB,,2\n", None),
        ("a, b\n1, 2\n3, NA \n", ("a", "b")),
    ],
)
def test_the_line_of_names_is_recognized(tmp_path, text, names):
    (tmp_path / "t.csv").write_text(text)
    assert read_table(tmp_path / "t.csv").col_names == names


def test_ids_words_and_truth_values(tmp_path):
    text = "sample_id,height,alive,note,born\n7,1.5,true,small,2001-02-03\n3,,false,,1999-01-01\n5,2,,tall,\n"
    (tmp_path / "t.csv").write_text(text)
    table = read_table(tmp_path / "t.csv")
    assert table.row_names == ("7", "3", "5")
    assert table.row_header == "sample_id"
    assert table.col_names == ("height", "alive")
    assert table.aside == ("note", "born")
    np.testing.assert_array_equal(table.values, [[1.5, 1], [np.nan, 0], [2, np.nan]])


def test_a_column_without_any_number_stays(tmp_path):
    (tmp_path / "t.csv").write_text("a,b,c\n1,,3\n4,NA,6\n")
    np.testing.assert_array_equal(read_table(tmp_path / "t.csv").values, [[1, np.nan, 3], [4, np.nan, 6]])


def test_parquet_and_decimal_commas(tmp_path):
    pq.write_table(pa.table({"name": ["u", "v"], "x": [1, None], "y": [None, 2.5]}), tmp_path / "t.parquet")
    table = read_table(tmp_path / "t.parquet")
    assert table.row_names == ("u", "v")
    np.testing.assert_array_equal(table.values, [[1, np.nan], [np.nan, 2.5]])
    (tmp_path / "t.csv").write_text("name;x;y\nu;1,5;\nv;;2,25\n")
    np.testing.assert_array_equal(read_table(tmp_path / "t.csv").values, [[1.5, np.nan], [np.nan, 2.25]])


def test_saved_arrays(tmp_path):
    X = np.array([[1.0, np.nan, 3.0], [np.nan, 5.0, 6.0]])
    np.save(tmp_path / "x.npy", X)
    np.savez(tmp_path / "x.npz", X=X)
    scipy_io.mmwrite(tmp_path / "x.mtx", np.nan_to_num(X))
    np.testing.assert_array_equal(read_table(tmp_path / "x.npy").values, X)
    np.testing.assert_array_equal(read_table(tmp_path / "x.npz").values, X)
    np.testing.assert_array_equal(read_table(tmp_path / "x.mtx").values, np.nan_to_num(X))


BAD = {
    "empty": (b"", "empty"),
    "only names": (b"a,b\n", "only text"),
    "one column": (b"a\n1\n2\n", "one column"),
    "ragged": (b"a,b\n1,2\n3\n", "line 3"),
    "a word among numbers": (b"a,b\n1,2\n3,four\n5,6\n", "row 2 of column 'b' holds 'four'"),
    "a word for what is missing": (b"a,b\n1,gone\ngone,2\n3,4\n", "row 1 of column 'b' holds 'gone'"),
    "only words": (b"a,b\nx,y\n", "only text"),
    "infinite": (b"a,b\n1,inf\n", "row 1 of column 'b' is infinite"),
    "binary": (b"\0\1\2\3", "binary"),
    "a picture of another kind": (b"GIF89a\2\0\2\0", "or a picture as PNG, JPEG, TIFF, BMP or WebP"),
    "Latin-1": ("a,b\n1,2\né,3\n".encode("latin-1"), "UTF-8"),
    "Latin-1 further down": (b"a,b\nx,2\n" + b"y,3\n" * 20_000 + "é,3\n".encode("latin-1"), "UTF-8"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_tables_are_refused_in_words(tmp_path, case):
    content, word = BAD[case]
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(ValueError, match=word):
        read_table(tmp_path / "t.csv")


@pytest.mark.parametrize(
    ("array", "word"),
    [
        (np.zeros(3), "matrix"),
        (np.zeros((0, 3)), "matrix"),
        (np.array([["a"]]), "matrix"),
        (np.array([[np.inf, 1]]), "infinite"),
        (np.zeros((2, 2), complex), "real"),
    ],
)
def test_bad_arrays_are_refused(tmp_path, array, word):
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(ValueError, match=word):
        read_table(tmp_path / "x.npy")
    np.savez(tmp_path / "two.npz", a=np.eye(2), b=np.eye(2))
    with pytest.raises(ValueError, match="one matrix"):
        read_table(tmp_path / "two.npz")


def test_a_table_beyond_the_limit_is_refused(tmp_path, monkeypatch):
    from matmend.io import tables

    monkeypatch.setattr(tables, "MOST_CELLS", 5)
    (tmp_path / "t.csv").write_text("a,b\n1,2\n3,4\n5,6\n")
    pq.write_table(pa.table({"a": [1, 2, 3], "b": [1, 2, 3]}), tmp_path / "t.parquet")
    np.save(tmp_path / "t.npy", np.zeros((3, 2)))
    for name in ("t.csv", "t.parquet", "t.npy"):
        with pytest.raises(ValueError, match="at most 5 cells"):
            read_table(tmp_path / name)


@settings(max_examples=80, deadline=None)
@given(
    content=st.binary(max_size=300),
    start=st.sampled_from([b"", b"PK\3\4", b"PAR1", b"ARROW1\0\0", b"\xff" * 4, b"\x93NUMPY\1\0", b"MATLAB 5.0",
                           b"\x1f\x8b", b"\xfd7zXZ\0", b"BZh9", b"\x89HDF\r\n\x1a\n", b"%%MatrixMarket matrix "]),
    suffix=st.sampled_from([".csv", ".parquet", ".npy", ".npz", ".mtx", ".gz", ".mat", ".arrow", ".h5"]),
)  # fmt: skip
def test_any_bytes_raise_nothing_but_value_errors_of_ours(tmp_path_factory, content, start, suffix):
    path = tmp_path_factory.mktemp("bytes") / f"file{suffix}"
    path.write_bytes(start + content)
    for read in (read_table, tell_kind, read_ratings, open_pairs):
        try:
            read(path)
        except ValueError as error:
            assert str(error).startswith("expected")  # noqa: PT017 - an answer is fine too


TEXTS = {
    "u.data": ("196\t242\t3\t881250949\n186\t302\t3\t891717742\n", "ratings"),
    "ratings.dat": ("1::1193::5::978300760\n", "ratings"),
    "ratings.csv": ("userId,movieId,rating,timestamp\n1,31,2.5,1260759144\n", "ratings"),
    "reversed.csv": ("rating,item,user\n1,31,2.5\n", "ratings"),
    "words.csv": ("ann,film,5\nbob,film,4\n", "ratings"),
    "table.csv": ("name,height,weight\nann,1.7,60\nbob,1.8,\n", "table"),
    "wide.csv": ("1,2,3,4,5\n", "table"),
    "narrow.csv": ("1.5,2\n2.5,3\n", "table"),
    "fractions.csv": ("1.5,2.5,3\n2.5,3,4\n", "table"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_the_kind_of_text_is_told(tmp_path, name):
    text, kind = TEXTS[name]
    (tmp_path / name).write_text(text)
    assert tell_kind(tmp_path / name) == kind


def test_what_can_be_both_is_asked_for(tmp_path):
    (tmp_path / "both.csv").write_text("1,2,3\n4,5,6\n")
    with pytest.raises(ValueError, match="--as table or --as ratings"):
        tell_kind(tmp_path / "both.csv")


def test_the_kind_of_binary_files_is_told(tmp_path):
    Image.fromarray(np.zeros((3, 3), np.uint8)).save(tmp_path / "p.png")
    np.save(tmp_path / "mask.npy", np.eye(2) > 0)
    np.save(tmp_path / "x.npy", np.eye(2))
    np.savez(tmp_path / "x.npz", np.eye(2))
    sparse.save_npz(tmp_path / "s.npz", sparse.eye_array(3))
    scipy_io.mmwrite(tmp_path / "s.mtx", sparse.eye_array(3))
    scipy_io.mmwrite(tmp_path / "x.mtx", np.eye(3))
    pq.write_table(pa.table({"uid": [1], "item_id": [1], "score": [2.0]}), tmp_path / "r.parquet")
    pq.write_table(pa.table({"height": [1], "weight": [1], "age": [2.0]}), tmp_path / "t.parquet")
    expected = {"p.png": "picture", "mask.npy": "mask", "x.npy": "table", "x.npz": "table", "s.npz": "ratings",
                "s.mtx": "ratings", "x.mtx": "table", "r.parquet": "ratings", "t.parquet": "table"}  # fmt: skip
    assert {path.name: tell_kind(path) for path in tmp_path.iterdir()} == expected
