import dataclasses
import os
import re

import numpy as np
import pytest
from scipy.sparse import csc_matrix
from scipy.sparse.csgraph import connected_components

from matmend.datasets import Dataset, load_synthetic_netflix
from matmend.datasets.netflix import URL, _sparse

needs_data = pytest.mark.skipif(
    not os.environ.get("MATMEND_DATA"), reason="MATMEND_DATA is not set: Syn-Netflix is not redistributed"
)


@pytest.fixture(scope="module")
def netflix():
    return load_synthetic_netflix()


@needs_data
def test_ratings_are_as_described(netflix):
    X = netflix.X_true
    assert X.shape == (150, 200)
    assert (X.min(), X.max()) == (1, 5)
    assert X.mean() == pytest.approx(3.1039, abs=1e-4)
    assert np.unique(X).size == 180
    assert np.linalg.matrix_rank(X) == 12


@needs_data
def test_ratings_are_constant_on_15_by_12_contiguous_blocks(netflix):
    X = netflix.X_true
    assert np.count_nonzero((X[1:] != X[:-1]).any(axis=1)) + 1 == 15
    assert np.count_nonzero((X[:, 1:] != X[:, :-1]).any(axis=0)) + 1 == 12


@needs_data
def test_graphs_lie_on_the_communities_of_the_ratings(netflix):
    """Which also says that the matrix is not transposed: alike users are friends."""
    for X, W, num_edges in (
        (netflix.X_true, netflix.row_graph, 1713 - 137),
        (netflix.X_true.T, netflix.col_graph, 2796 - 122),
    ):
        assert np.array_equal(W, W.T)
        assert not np.diagonal(W).any()
        assert np.count_nonzero(W) == num_edges  # the file's non-zeros less those on the diagonal
        assert ((W >= 0) & (W <= 1)).all()
        alike = (X[:, None] == X[None]).all(axis=2)
        assert W[~alike].sum() < 1e-2 * W.sum()
        assert W[alike].sum() > 0.7 * (alike.sum() - len(X))
    assert np.count_nonzero((netflix.row_graph > 0) & (netflix.row_graph < 1)) == 192
    assert set(np.unique(netflix.col_graph)) == {0, 1}
    assert connected_components(netflix.col_graph)[0] == 12


@needs_data
def test_it_says_what_it_is(netflix):
    assert repr(netflix) == "Dataset('Syn-Netflix', 150 x 200 float64, row_graph, col_graph)"
    assert "GPL-3.0" in netflix.licence
    assert re.search("commit [0-9a-f]{40}$", netflix.source)
    assert re.search("/[0-9a-f]{40}/", URL)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"synthetic_netflix.mat: expected a file, got none"):
        load_synthetic_netflix(folder=tmp_path)


def test_sparse_groups_are_columns_compressed():
    S = csc_matrix(np.array([[0.0, 2.0, 0.0], [0.0, 3.0, 5.0], [7.0, 0.0, 0.0]]))
    group = {"data": S.data, "ir": S.indices.astype(np.uint64), "jc": S.indptr.astype(np.uint64)}
    assert np.array_equal(_sparse(group), S.toarray())


# Dataset


def test_a_data_set_cannot_be_changed_and_is_equal_to_itself_alone():
    data = Dataset(np.ones((2, 3), dtype=np.float32), row_names=("a", "b"))
    assert repr(data) == "Dataset('', 2 x 3 float32, row_names)"
    assert data.shape == (2, 3)
    assert data == data
    assert data != dataclasses.replace(data, name="other")
    with pytest.raises(dataclasses.FrozenInstanceError):
        data.name = "other"  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"X_true": np.ones(3)}, r"X_true: expected a float32 or float64 matrix \(m, n\), got float64 \(3,\)"),
        ({"X_true": np.ones((0, 3))}, r"X_true: expected .* got float64 \(0, 3\)"),
        ({"X_true": np.ones((2, 3), dtype=int)}, r"X_true: expected .* got int64 \(2, 3\)"),
        ({"X_true": np.array([[1.0, np.nan]])}, "X_true: expected finite values"),
        ({"row_graph": np.zeros((3, 3))}, r"row_graph: expected shape \(2, 2\) to fit X_true, got \(3, 3\)"),
        ({"col_similarity": np.zeros((2, 2))}, r"col_similarity: expected shape \(3, 3\)"),
        ({"row_graph": np.eye(2)}, "row_graph: expected weights >= 0 and a zero diagonal"),
        ({"row_graph": np.eye(2)[::-1] * -1}, "row_graph: expected weights >= 0 and a zero diagonal"),
        ({"col_graph": np.triu(np.ones((3, 3)), 1)}, "col_graph: expected finite and symmetric"),
        ({"row_similarity": np.full((2, 2), np.nan)}, "row_similarity: expected finite and symmetric"),
        ({"col_names": ("a", "b")}, "col_names: expected 3, got 2"),
    ],
)
def test_a_data_set_that_does_not_fit_together_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        Dataset(**{"X_true": np.ones((2, 3)), **fields})
