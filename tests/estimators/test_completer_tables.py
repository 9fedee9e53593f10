"""Tables in all the forms that people hold them in."""

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal

from matmend.estimators import DuplicateEntriesWarning, MatrixCompleter

Completer: Any = MatrixCompleter
rng = np.random.default_rng(0)
X = np.round(10 * (rng.normal(size=(40, 2)) @ rng.normal(size=(2, 4)))) + 1000.0
GAPS = rng.random(X.shape) < 0.2
GAPS[:, 0] = False
Y = np.where(GAPS, np.nan, X)
DONE = Completer("gaussian").fit_transform(Y)


def marked(marker) -> Any:
    """Return the table as objects, with a marker for what is missing."""
    table = X.astype(object)
    table[GAPS] = marker
    return table


def completed(table, **parameters):
    mask = parameters.pop("missing_mask", None)
    return Completer("gaussian", **parameters).fit_transform(table, missing_mask=mask)


@pytest.mark.parametrize(
    ("table", "parameters"),
    [
        (np.where(GAPS, -1, X), {"missing_values": -1}),
        (np.where(GAPS, -1, X).astype(int), {"missing_values": -1}),
        (np.where(GAPS, np.where(rng.random(X.shape) < 0.5, -1, -9), X), {"missing_values": [-1, -9]}),
        (np.where(GAPS, -np.inf, X), {"missing_values": [np.inf, -np.inf]}),
        (marked(None), {}),
        (marked(None), {"missing_values": None}),
        (marked(pd.NA), {"missing_values": pd.NA}),
        (marked("?"), {"missing_values": "?"}),
        (np.ma.masked_array(X, GAPS), {}),
        (np.ma.masked_array(X.astype(int), GAPS), {}),
        (marked(None).tolist(), {}),
        (X, {"missing_mask": GAPS}),
        (np.where(GAPS, np.inf, X), {"missing_mask": GAPS}),
        (pd.DataFrame(Y), {}),
        (pl.DataFrame(marked(None).tolist(), orient="row"), {}),
        (scipy.sparse.csr_matrix((X[~GAPS], np.nonzero(~GAPS)), shape=X.shape), {}),
    ],
)
def test_whatever_marks_them_the_same_entries_are_missing(table, parameters):
    found = completed(table, **parameters)
    assert_array_equal(found.to_numpy() if hasattr(found, "to_numpy") else found, DONE)


@pytest.mark.parametrize("container", [scipy.sparse.csr_array, scipy.sparse.csc_matrix, scipy.sparse.coo_array,
                                       scipy.sparse.lil_matrix, scipy.sparse.dok_array])  # fmt: skip
def test_sparse_matrices_of_all_formats(container):
    table = container(scipy.sparse.coo_array((X[~GAPS], np.nonzero(~GAPS)), shape=X.shape))
    completer = Completer("gaussian")
    assert_array_equal(completer.fit_transform(table), DONE)
    stored = f"sparse: {np.count_nonzero(~GAPS)} stored entries of 160 are observed, absent ones are missing"
    assert completer.reading_ == stored
    assert repr(completer) == f"MatrixCompleter(method='gaussian')  # {stored}"
    assert_allclose(completer.transform(table), DONE, rtol=1e-9)


def test_stored_zeros_are_observed_and_absent_entries_are_what_was_said():
    values = np.where(rng.random(X.shape) < 0.3, 0.0, X)
    stored = scipy.sparse.csr_array((values[~GAPS], np.nonzero(~GAPS)), shape=X.shape)
    assert stored.nnz == np.count_nonzero(~GAPS) > stored.count_nonzero()
    assert_array_equal(completed(stored), completed(np.where(GAPS, np.nan, values)))
    assert_array_equal(completed(stored, sparse_zero="value"), np.where(GAPS, 0, values))
    with_gaps = scipy.sparse.csr_array(np.where(GAPS, np.nan, values))
    assert_array_equal(completed(with_gaps, sparse_zero="value"), completed(np.where(GAPS, np.nan, values)))


def test_values_stored_twice_are_summed_and_told():
    rows, cols = np.nonzero(~GAPS)
    table = scipy.sparse.coo_array(
        (np.append(X[~GAPS], 5.0), (np.append(rows, rows[0]), np.append(cols, cols[0]))), shape=X.shape
    )
    summed = Y.copy()
    summed[rows[0], cols[0]] += 5
    with pytest.warns(DuplicateEntriesWarning, match="^1 entries of the sparse matrix are stored more than once"):
        found = completed(table)
    assert_array_equal(found, completed(summed))


@pytest.mark.parametrize(
    ("table", "parameters", "message"),
    [
        (scipy.sparse.csr_array(X), {"missing_values": 0}, "could mean its absent entries or its stored zeros"),
        (scipy.sparse.csr_array(X), {"missing_mask": GAPS}, "a sparse matrix says itself what is missing"),
        (scipy.sparse.dia_array(X), {}, "of format dia stores zeros that nobody put there"),
        (scipy.sparse.bsr_array(X), {}, "of format bsr stores zeros that nobody put there"),
        (scipy.sparse.coo_array((10**6, 10**6)), {}, "EntryRegressor predicts single entries"),
        (X, {"missing_mask": GAPS.astype(int)}, "missing_mask: expected booleans"),
        (X, {"missing_mask": GAPS.T}, "missing_mask: expected booleans of shape"),
        (np.where(GAPS, np.inf, X), {}, "infinity"),
        (X + 1j, {}, "Complex data not supported"),
        (X[:, 0], {}, "Reshape your data"),
        (marked("?"), {}, "pass missing_values='\\?' if it stands for nothing"),
        (pd.DataFrame({"a": ["x", "y"]}), {}, "column 'a': expected numbers, got 'x'"),
        (pd.DataFrame({"a": pd.Categorical(["x", "y"])}), {}, "column 'a': expected numbers, got categories"),
        (pd.DataFrame({"a": pd.to_datetime(["2020-01-01", None])}), {}, "column 'a': expected numbers, got datetime64"),
        (pl.DataFrame({"a": [[1], [2]]}), {}, "column 'a': expected numbers, got List"),
        (pl.LazyFrame({"a": [1]}), {}, "call .to_frame.. or .collect"),
        (pd.Series([1.0]), {}, "Reshape your data"),
    ],
)
def test_what_can_be_read_in_two_ways_or_none_is_refused(table, parameters, message):
    with pytest.raises(ValueError, match=message):
        completed(table, **parameters)


@pytest.mark.parametrize("cell", [[1], pd.Timestamp("2020-01-01"), pd.Period("2020")])
def test_objects_that_are_no_numbers_are_told_with_their_column(cell):
    with pytest.raises(TypeError, match=r"column 'day': float\(\) argument must be .* leave it out"):
        completed(pd.DataFrame({"x": X[:, 0], "day": pd.Series([cell] * len(X), dtype=object)}))


def pandas_table():
    return pd.DataFrame(
        {
            "whole": X[:, 0].astype("int64"),
            "holes": pd.array(marked(None)[:, 1], dtype="Int64"),
            "single": Y[:, 2].astype("float32"),
            "arrow": pd.array(marked(None)[:, 3], dtype="double[pyarrow]"),
        },
        index=[f"row {i}" for i in range(len(X))],
    )


def test_pandas_in_and_out():
    table = pandas_table()
    given = table.copy()
    completer = Completer("gaussian")
    found = completer.fit_transform(table)
    assert [str(dtype) for dtype in found.dtypes] == ["int64", "Float64", "float32", "double[pyarrow]"]
    assert found.index.equals(table.index)
    assert_array_equal(found.columns, table.columns)
    assert_array_equal(completer.feature_names_in_, table.columns)
    assert_array_equal(completer.get_feature_names_out(), table.columns)
    assert_allclose(found.to_numpy(dtype=float), DONE, rtol=1e-6)
    pd.testing.assert_frame_equal(table, given)
    new = completer.transform(table[3:5])
    assert new.index.tolist() == ["row 3", "row 4"]
    whole: Any = table[~GAPS.any(axis=1)]
    pd.testing.assert_frame_equal(completer.transform(whole), whole)
    with pytest.raises(ValueError, match="feature names should match"):
        completer.transform(table.rename(columns={"whole": "other"}))


def test_polars_in_and_out():
    table = pl.DataFrame(
        {
            "whole": X[:, 0].astype("int64"),
            "holes": [None if gap else int(x) for gap, x in zip(GAPS[:, 1], X[:, 1], strict=True)],
            "single": pl.Series(Y[:, 2].astype("float32")),
            "nan": Y[:, 3],
        }
    )
    completer = Completer("gaussian")
    found = completer.fit_transform(table)
    assert found.schema == pl.Schema({"whole": pl.Int64, "holes": pl.Float64, "single": pl.Float32, "nan": pl.Float64})
    assert_allclose(found.to_numpy(), DONE, rtol=1e-6)
    assert completer.get_feature_names_out().tolist() == ["whole", "holes", "single", "nan"]
    assert isinstance(completer.transform(table[:3]), pl.DataFrame)


@pytest.mark.parametrize(
    "table", [Y, pandas_table(), pl.from_pandas(pandas_table())], ids=["array", "pandas", "polars"]
)
def test_set_output(table):
    completer = Completer("gaussian").fit(table)
    names = completer.get_feature_names_out().tolist()
    for asked, kind in (("pandas", pd.DataFrame), ("polars", pl.DataFrame)):
        for found in (completer.set_output(transform=asked).transform(table), completer.fit_transform(table)):
            assert isinstance(found, kind)
            assert list(found.columns) == names
            assert_allclose(np.stack([found[name].to_numpy() for name in names], 1).astype(float), DONE, rtol=1e-6)
    found = completer.set_output(transform="pandas").transform(table)
    assert found.index.tolist() == (table.index.tolist() if isinstance(table, pd.DataFrame) else list(range(len(X))))
    assert type(completer.set_output(transform="default").transform(table)) is type(table)


def test_booleans_and_markers_in_frames():
    table = pd.DataFrame({"a": [True, False, True, True], "b": [1, -1, 3, 4], "c": [1.0, 2.0, 3.0, 4.0]})
    found = Completer("mean", missing_values=-1).fit_transform(table)
    assert [str(dtype) for dtype in found.dtypes] == ["bool", "float64", "float64"]
    assert found["b"].tolist()[2:] == [3.0, 4.0]
    assert found["b"][1] != -1


def test_sparse_columns_of_pandas_are_read_as_any_others():
    table = pd.DataFrame(Y).astype({j: pd.SparseDtype(float, fill) for j, fill in enumerate([0.0, np.nan, 0.0, 0.0])})
    found = completed(table)
    assert [str(dtype) for dtype in found.dtypes] == ["Sparse[float64, 0.0]", "float64", "float64", "float64"]
    assert_array_equal(found.to_numpy(dtype=float), DONE)
