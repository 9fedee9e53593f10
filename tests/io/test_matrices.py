"""Any matrix in and out: formats against each other, names and types kept, what is ambiguous or hostile refused."""

import bz2
import gzip
import io
import lzma
import sys

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import io as scipy_io
from scipy import sparse

from matmend.datasets import find_data_folder
from matmend.io import open_pairs, read_matrix, read_ratings, tell_kind, write_matrix
from matmend.io.tables import Table, TableStorage

X = np.array([[1.0, np.nan, 3.0], [np.nan, 5.5, -6e-3]])
ARRAYS = [".npy", ".npz", ".mat", ".h5", ".mtx", ".mtx.gz"]
NAMED = [".csv", ".tsv", ".csv.gz", ".csv.bz2", ".csv.xz", ".parquet", ".feather", ".arrow"]


@settings(max_examples=15, deadline=None)
@given(
    values=st.tuples(st.integers(1, 4), st.integers(2, 4)).flatmap(
        lambda shape: arrays(float, shape, elements=st.floats(-1e300, 1e300) | st.just(np.nan))
    ),
    suffix=st.sampled_from(ARRAYS + NAMED),
)
def test_what_is_written_comes_back(tmp_path_factory, values, suffix):
    path = tmp_path_factory.mktemp("matrix") / f"x{suffix}"
    names = tuple(f"column {j}é" for j in range(values.shape[1]))
    rows = tuple(f'row, "{i}"' for i in range(len(values)))
    write_matrix(path, Table(np.zeros_like(values), rows, names, "who"), values)
    table = read_matrix(path, header=True)
    np.testing.assert_array_equal(table.values, values)
    if suffix in NAMED:
        assert (table.row_names, table.col_names, table.row_header) == (rows, names, "who")
        assert tell_kind(path, header=True) == "table"


@pytest.mark.parametrize("packed", [False, True])
def test_matlab_files_are_read_as_scipy_reads_them(tmp_path, packed):
    rng = np.random.default_rng(0)
    held = {name: (100 * rng.standard_normal((4, 5))).astype(name)
            for name in ("float64", "float32", "int8", "uint16", "int64")}  # fmt: skip
    others = {"b": np.eye(2) > 0, "text": "hi", "z": np.eye(2) * 1j, "s": {"a": 1}, "cube": np.zeros((2, 2, 2))}
    scipy_io.savemat(tmp_path / "x.mat", {**held, **others}, do_compression=packed)
    theirs = scipy_io.loadmat(tmp_path / "x.mat")
    for name in held:
        table = read_matrix(tmp_path / "x.mat", name=name)
        np.testing.assert_array_equal(table.values, theirs[name].astype(float))
        assert table.storage.dtypes == (name,)
    with pytest.raises(ValueError, match=r"float64 \(4 x 5\).*say by its name which one"):
        read_matrix(tmp_path / "x.mat")
    with pytest.raises(ValueError, match="got 'text'"):
        read_matrix(tmp_path / "x.mat", name="text")


def test_what_is_stored_is_observed(tmp_path):
    S = sparse.csc_array(([0.0, 2.0, 3.5], ([0, 2, 1], [1, 0, 3])), shape=(3, 4))
    expected = np.full((3, 4), np.nan)
    expected[[0, 2, 1], [1, 0, 3]] = [0.0, 2.0, 3.5]
    sparse.save_npz(tmp_path / "s.npz", S)
    scipy_io.mmwrite(tmp_path / "s.mtx", S)
    scipy_io.savemat(tmp_path / "s.mat", {"S": S})
    (tmp_path / "s.mtx.gz").write_bytes(gzip.compress((tmp_path / "s.mtx").read_bytes()))
    for name in ("s.npz", "s.mtx", "s.mtx.gz", "s.mat"):
        table = read_matrix(tmp_path / name)
        np.testing.assert_array_equal(table.values, expected)
        assert table.storage.is_sparse
    assert tell_kind(tmp_path / "s.mtx.gz") == "ratings"


@pytest.mark.skipif(find_data_folder() is None, reason="MATMEND_DATA names no folder")
def test_the_files_of_the_authors():
    folder = find_data_folder()
    assert folder is not None
    path = folder / "synthetic_netflix" / "synthetic_netflix.mat"
    with h5py.File(path) as file:
        M, num_edges = np.asarray(file["M"]).T, np.asarray(file["Wrow/data"]).size
    np.testing.assert_array_equal(read_matrix(path, name="M").values, M)
    assert read_matrix(path, key="Wrow").mask.sum() == num_edges
    with pytest.raises(ValueError, match=r"M \(150 x 200\)"):
        read_matrix(path)


def test_types_and_columns_of_words_are_kept(tmp_path):
    table = pa.table({"id": [7, 8, 9], "count": pa.array([1, None, 3], pa.int16()), "note": ["a", "b", None],
                      "height": pa.array([1.5, 2.5, None], pa.float32()), "ok": [True, None, False]})  # fmt: skip
    pq.write_table(table, tmp_path / "t.parquet")
    read = read_matrix(tmp_path / "t.parquet")
    assert read.row_names == ("7", "8", "9")
    filled = np.where(read.mask, read.values, 1.0)
    for suffix, read_back in ((".parquet", pq.read_table), (".feather", feather.read_table)):
        write_matrix(tmp_path / f"out{suffix}", read, filled)
        back = read_back(tmp_path / f"out{suffix}")
        assert back.column_names == table.column_names
        assert [back.schema.field(name).type for name in ("id", "count", "height", "ok")] == [
            table.schema.field(name).type for name in ("id", "count", "height", "ok")
        ]
        assert back["note"].cast(pa.string()).to_pylist() == ["a", "b", None]
        assert back["count"].to_pylist() == [1, 1, 3]
    filled[1, 0] = 1.5  # no whole number: the column becomes one of fractions, nothing is rounded
    write_matrix(tmp_path / "out.parquet", read, filled, overwrite=True)
    assert pq.read_table(tmp_path / "out.parquet")["count"].to_pylist() == [1, 1.5, 3]


def test_text_comes_back_as_it_was(tmp_path):
    text = "city;1999;2001;note\nRom;3,5;7;wet\nOslo;;8;dry\n"
    (tmp_path / "t.csv").write_text(text)
    table = read_matrix(tmp_path / "t.csv")
    write_matrix(tmp_path / "out.csv", table)
    assert (tmp_path / "out.csv").read_text() == text
    with pytest.raises(ValueError, match="is there"):
        write_matrix(tmp_path / "out.csv", table)
    with pytest.raises(ValueError, match="shape of the table"):
        write_matrix(tmp_path / "new.csv", table, np.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"\.csv.*got out\.xlsx"):
        write_matrix("out.xlsx", table)
    assert not (tmp_path / "new.csv").exists()


def test_mat_7_3_is_what_h5py_and_matlab_expect(tmp_path):
    table = Table(X, storage=TableStorage("hdf5", ("float64",), variable="A"))
    write_matrix(tmp_path / "x.mat", table)
    with h5py.File(tmp_path / "x.mat") as file:
        np.testing.assert_array_equal(np.asarray(file["A"]), X.T)
        assert file["A"].attrs["MATLAB_class"] == b"double"
    assert (tmp_path / "x.mat").read_bytes()[:10] == b"MATLAB 7.3"
    np.testing.assert_array_equal(read_matrix(tmp_path / "x.mat").values, X)


class Standard(io.TextIOWrapper):
    def __init__(self, data=b""):
        self.held = io.BytesIO(data)
        super().__init__(self.held, encoding="utf-8")

    def written(self):
        return self.held.getvalue()


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_standard_input_is_sniffed_and_can_be_read_again(monkeypatch, pack):
    monkeypatch.setattr(sys, "stdin", Standard(pack(b"name,x,y\na,1,\nb,,2\n")))
    assert tell_kind("-") == "table"
    np.testing.assert_array_equal(read_matrix("-").values, [[1, np.nan], [np.nan, 2]])
    monkeypatch.setattr(sys, "stdin", Standard(pack(b"user,item,rating\na,1,2.5\n")))
    assert tell_kind("-") == "ratings"
    assert read_ratings("-").values.tolist() == [2.5]
    assert open_pairs("-").num_pairs == 1


def test_binary_standard_input_and_standard_output(monkeypatch):
    stream = io.BytesIO()
    np.save(stream, X)
    monkeypatch.setattr(sys, "stdin", Standard(stream.getvalue()))
    table = read_matrix("-")
    out = Standard()
    monkeypatch.setattr(sys, "stdout", out)
    write_matrix("-", table)
    assert out.written() == b"1,,3\n,5.5,-0.006\n"
    monkeypatch.setattr(sys, "stdin", Standard(b""))
    with pytest.raises(ValueError, match="standard input, but it is empty"):
        tell_kind("-")
    monkeypatch.setattr(sys, "stdin", Standard(b"a\n1\n"))
    with pytest.raises(ValueError, match="but standard input has one column"):
        read_matrix("-")


def test_ratings_from_arrow(tmp_path):
    table = pa.table({"rating": [4.0, 5.0], "user": ["x", "y"], "item": [3, 1]})
    feather.write_feather(table, str(tmp_path / "r.feather"))
    assert tell_kind(tmp_path / "r.feather") == "ratings"
    ratings = read_ratings(tmp_path / "r.feather")
    assert ratings.row_ids is not None
    assert ratings.col_ids is not None
    assert ratings.row_ids.tolist() == ["x", "y"]
    assert ratings.col_ids.tolist() == [1, 3]
    assert ratings.values[ratings.rows == 0].tolist() == [4.0]
    with pytest.raises(ValueError, match="leave it out"):
        read_matrix(tmp_path / "r.feather", name="rating")


TABLES = {
    "named": "a,b,c\n1,2,3\n4,5,6\n",
    "gaps": "1,2,3\n,5,6\n7,8,9\n",
    "names of rows": "who,x,y\nann,1,2\nbob,3,4\n",
}


@pytest.mark.parametrize("case", TABLES)
def test_three_columns_that_are_a_table(tmp_path, case):
    (tmp_path / "t.csv").write_text(TABLES[case])
    assert tell_kind(tmp_path / "t.csv") == "table"
