"""Lists of entries: what was written comes back, whatever the file is called and however its ids look."""

import gzip

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import io as scipy_io
from scipy import sparse

from matmend.io import read_ratings

NAMES = ("userId", "movieId", "rating", "timestamp")


def by_hand(lines):
    """Ids and entries of (user, item, rating[, time]) tuples: the latest of equals, or the last, counts."""
    kept = {}
    for line in sorted(lines, key=lambda line: line[3] if len(line) > 3 else 0):  # stable
        kept[line[:2]] = line[2]
    users, items = (sorted({line[i] for line in lines}) for i in (0, 1))
    row, col = ({name: place for place, name in enumerate(names)} for names in (users, items))
    return users, items, {(row[u], col[i]): np.float32(r) for (u, i), r in kept.items()}


def entries(ratings):
    return dict(zip(zip(ratings.rows.tolist(), ratings.cols.tolist(), strict=True), ratings.values, strict=True))


def check(path, lines, **options):
    users, items, expected = by_hand(lines)
    ratings = read_ratings(path, **options)
    assert (ratings.rows.dtype, ratings.cols.dtype, ratings.values.dtype) == (np.int32, np.int32, np.float32)
    assert ratings.row_ids is not None
    assert ratings.col_ids is not None
    assert (ratings.row_ids.tolist(), ratings.col_ids.tolist()) == (users, items)
    assert ratings.shape == (len(users), len(items))
    assert entries(ratings) == expected
    assert ratings.num_merged == len(lines) - len(expected)
    return ratings


whole = st.integers(-(2**63), 2**63 - 1) | st.integers(0, 20)
words = st.text(st.characters(codec="utf-8", categories=["L", "N"]), min_size=1, max_size=6).map(lambda w: f"x{w}")
rating = st.floats(-1e6, 1e6, width=32, allow_subnormal=False)
time = st.integers(0, 2**52)


def lines_of(ids):
    return st.lists(st.tuples(ids, ids, rating, time), min_size=1, max_size=30)


@settings(max_examples=60, deadline=None)
@given(
    lines=lines_of(whole) | lines_of(words),
    separator=st.sampled_from(["\t", "::", ",", ";", "|", " "]),
    has_names=st.booleans(),
    has_time=st.booleans(),
)
def test_text_comes_back(tmp_path_factory, lines, separator, has_names, has_time):
    lines = [line if has_time else line[:3] for line in lines]
    named = [NAMES[: len(lines[0])]] if has_names else []
    path = tmp_path_factory.mktemp("text") / "ratings.txt"
    path.write_text("".join(separator.join(map(str, line)) + "\n" for line in named + lines), encoding="utf-8")
    check(path, lines, header=has_names)


@settings(max_examples=20, deadline=None)
@given(lines=lines_of(whole) | lines_of(words), order=st.permutations(range(4)))
def test_parquet_comes_back_with_columns_in_any_order(tmp_path_factory, lines, order):
    path = tmp_path_factory.mktemp("parquet") / "ratings.parquet"
    columns = list(zip(*lines, strict=True))
    pq.write_table(pa.table({NAMES[i]: list(columns[i]) for i in order}), path)
    check(path, lines)


@pytest.mark.parametrize("form", ["csr", "csc", "coo", "bsr"])
def test_what_a_sparse_matrix_stores_is_observed_zeros_too(tmp_path, form):
    rows, cols, values = np.array([0, 3, 3, 1]), np.array([2, 0, 2, 1]), np.array([1.5, 0.0, -2.0, 4.0])
    matrix = sparse.coo_array((values, (rows, cols)), shape=(5, 4))
    sparse.save_npz(tmp_path / "matrix.npz", matrix.asformat(form))
    ratings = read_ratings(tmp_path / "matrix.npz")
    assert ratings.shape == (5, 4)
    assert entries(ratings) == {(0, 2): 1.5, (3, 0): 0.0, (3, 2): -2.0, (1, 1): 4.0}
    assert ratings.row_ids is None


def test_arrays_and_matrix_market(tmp_path):
    np.savez(tmp_path / "arrays.npz", rows=np.array([0, 0, 2], np.uint8), cols=[1, 1, 0], shape=[4, 3])
    ratings = read_ratings(tmp_path / "arrays.npz")
    assert ratings.shape == (4, 3)
    assert entries(ratings) == {(0, 1): 1.0, (2, 0): 1.0}
    assert ratings.num_merged == 1
    half = sparse.coo_array(([2.0, 3.0], ([0, 2], [0, 1])), shape=(3, 3))
    scipy_io.mmwrite(tmp_path / "half.mtx", half)
    assert entries(read_ratings(tmp_path / "half.mtx")) == {(0, 0): 2.0, (2, 1): 3.0}
    text = "%%MatrixMarket matrix coordinate real symmetric\n2 2 2\n1 1 5\n2 1 7\n"
    (tmp_path / "symmetric.mtx").write_text(text)
    assert entries(read_ratings(tmp_path / "symmetric.mtx")) == {(0, 0): 5, (1, 0): 7, (0, 1): 7}


def test_words_that_come_late_among_whole_numbers(tmp_path):
    lines = [(str(i), str(i % 7), 1.0) for i in range(30_000)] + [("A1", "B1", 2.0)]
    (tmp_path / "late.csv").write_text("".join(f"{u},{i},{r}\n" for u, i, r in lines))
    check(tmp_path / "late.csv", lines)


def test_a_packed_file_and_a_time_in_words(tmp_path):
    with gzip.open(tmp_path / "ratings.csv.gz", "wt") as file:
        file.write("user,item,rating,timestamp\n1,2,3,2001-05-06\n1,2,4,1999-01-01\n")
    assert entries(read_ratings(tmp_path / "ratings.csv.gz")) == {(0, 0): 4.0}  # the last line: words have no order


def test_lines_without_a_value_do_not_count(tmp_path):
    (tmp_path / "gaps.csv").write_text("user,item,rating\nann,x,4\nbob,y,\ncid,x,NA\nann,y,2\n")
    ratings = read_ratings(tmp_path / "gaps.csv")
    assert ratings.num_without_value == 2
    assert ratings.row_ids is not None
    assert ratings.row_ids.tolist() == ["ann"]
    assert entries(ratings) == {(0, 0): 4.0, (0, 1): 2.0}


def test_decimal_commas(tmp_path):
    (tmp_path / "european.csv").write_text("user;item;rating\n1;1;3,5\n2;1;4,25\n")
    assert entries(read_ratings(tmp_path / "european.csv")) == {(0, 0): 3.5, (1, 0): 4.25}


BAD_TEXT = {
    "empty": (b"", "empty"),
    "only names": (b"user,item,rating\n", "invalid value .rating"),
    "one column": (b"1\n2\n", "one column"),
    "ragged": (b"1,2,3\n1,2\n", "line 2"),
    "ragged further down": (b"1,2,3\n" * 20_000 + b"1,2\n", "3 columns"),
    "five columns": (b"1,2,3,4,5\n", "2 to 4 columns"),
    "words for ratings": (b"user,item,rating\n1,2,good\n", "rating"),
    "no user": (b"user,item,rating\n1,2,3\n,2,3\n", "none in entry 2"),
    "no item": (b"user,item,rating\na,b,3\nc,,3\n", "none in entry 2"),
    "infinite": (b"1,2,3\n1,3,inf\n", "finite"),
    "too large for single precision": (b"1,2,3\n1,3,1e39\n", "finite"),
    "no rating at all": (b"user,item,rating\n1,2,\n3,4,NA\n", "every one is missing"),
    "binary": (b"\0\1\2\3" * 100, "binary"),
    "Latin-1": ("é,ü,3\n".encode("latin-1"), "UTF-8"),
    "Latin-1 further down": (b"a,b,3\n" * 20_000 + "é,ü,3\n".encode("latin-1"), "ratings.csv"),
}


@pytest.mark.parametrize("case", BAD_TEXT)
def test_bad_text_is_refused_in_words(tmp_path, case):
    content, word = BAD_TEXT[case]
    path = tmp_path / "ratings.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=word):
        read_ratings(path)


BAD_ARRAYS = {
    "negative": {"rows": [-1], "cols": [0]},
    "outside": {"rows": [5], "cols": [0], "shape": [3, 3]},
    "fractions": {"rows": [0.5], "cols": [0]},
    "lengths": {"rows": [0, 1], "cols": [0]},
    "two axes": {"rows": [[0]], "cols": [[0]]},
    "nothing": {"rows": np.zeros(0, int), "cols": np.zeros(0, int)},
    "infinite": {"rows": [0], "cols": [0], "values": [np.inf]},
    "words": {"rows": [0], "cols": [0], "values": ["a"]},
    "objects": {"rows": np.array([None]), "cols": [0]},
    "enormous": {"rows": [0], "cols": [0], "shape": [2**40, 2]},
    "shape of three": {"rows": [0], "cols": [0], "shape": [2, 2, 2]},
    "other arrays": {"a": [1], "b": [2]},
    "broken pointers": {"format": "csr", "shape": [2, 2], "data": [1.0], "indices": [0], "indptr": [0, 5, 1]},
    "short pointers": {"format": "csr", "shape": [2, 2], "data": [1.0], "indices": [0], "indptr": [0, 1]},
    "column outside": {"format": "csr", "shape": [2, 2], "data": [1.0], "indices": [7], "indptr": [0, 1, 1]},
    "unknown format": {"format": "xyz", "shape": [2, 2], "data": [1.0]},
}


@pytest.mark.parametrize("case", BAD_ARRAYS)
def test_bad_archives_are_refused(tmp_path, case):
    np.savez(tmp_path / "bad.npz", **BAD_ARRAYS[case])
    with pytest.raises(ValueError, match=r"^expected"):
        read_ratings(tmp_path / "bad.npz")


@settings(max_examples=60, deadline=None)
@given(place=st.integers(0, 10_000), byte=st.integers(0, 255), cut=st.integers(0, 400), form=st.integers(0, 2))
def test_damaged_files_raise_nothing_but_value_errors(tmp_path_factory, place, byte, cut, form):
    folder = tmp_path_factory.mktemp("damaged")
    matrix = sparse.random_array((6, 5), density=0.5, rng=np.random.default_rng(0), format="csr")
    path = folder / ("matrix.npz", "matrix.mtx", "matrix.parquet")[form]
    if form == 0:
        sparse.save_npz(path, matrix)
    elif form == 1:
        scipy_io.mmwrite(path, matrix)
    else:
        coo = matrix.tocoo()
        pq.write_table(pa.table({"user": coo.row, "item": coo.col, "rating": coo.data}), path)
    content = bytearray(path.read_bytes())
    content[place % len(content)] = byte
    path.write_bytes(content[: len(content) - cut] if cut < len(content) else b"")
    try:
        ratings = read_ratings(path)
    except ValueError as error:
        assert str(path) in str(error)  # noqa: PT017
    else:
        assert ratings.rows.max() < ratings.shape[0]
        assert ratings.cols.max() < ratings.shape[1]
        assert np.isfinite(ratings.values).all()


def test_what_is_not_there(tmp_path):
    for path in (tmp_path / "nowhere.csv", tmp_path / "nowhere.npz", tmp_path):
        with pytest.raises(ValueError, match="expected a file"):
            read_ratings(path)
