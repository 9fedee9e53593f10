import hashlib
import os
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.impute import KNNImputer
from sklearn.neighbors import NearestNeighbors

from matmend.datasets import holdout_entries, knn_graph, load_yamanishi
from matmend.datasets import interactions as module
from matmend.masks import random_mask
from matmend.metrics import auc, aupr, nmae


def known(field):
    assert field is not None
    return field


needs_data = pytest.mark.skipif(
    not os.environ.get("MATMEND_DATA"), reason="MATMEND_DATA is not set: the interactions are not redistributed"
)

FACTS = {"ic": ((210, 204), 1476, 79), "gpcr": ((223, 95), 635, 74)}  # shape, ones, rank

# peer comparison, 20 % hidden: NMAE of zeros, NMAE of the mean; NMAE, AUPR, AUC of scikit-learn's KNNImputer()
PEERS = {"ic": (0.0339, 0.0662, 0.0155, 0.792, 0.918), "gpcr": (0.0320, 0.0596, 0.0328, 0.422, 0.815)}


# the files


@needs_data
@pytest.mark.parametrize("name", FACTS)
def test_interactions_are_as_described(name):
    data = load_yamanishi(name)
    shape, num_ones, rank = FACTS[name]
    assert data.shape == shape
    assert set(np.unique(data.X_true)) == {0, 1}
    assert data.X_true.sum() == num_ones
    assert np.linalg.matrix_rank(data.X_true) == rank
    assert data.row_graph is None
    assert data.col_graph is None


@needs_data
@pytest.mark.parametrize("name", FACTS)
def test_similarities_are_symmetric_and_of_the_right_side(name):
    data = load_yamanishi(name)
    for S, X in ((known(data.row_similarity), data.X_true), (known(data.col_similarity), data.X_true.T)):
        assert np.array_equal(S, S.T)
        assert S.min() >= 0
        assert S.max() == 1
        apart = ~np.eye(len(S), dtype=bool)
        shares = (X @ X.T > 0)[apart]
        assert S[apart][shares].mean() > 1.2 * S[apart][~shares].mean()  # the alike interact with the same
    assert (np.diagonal(known(data.col_similarity)) == 1).all()
    assert 0.7 <= np.diagonal(known(data.row_similarity)).min() < 1


@needs_data
@pytest.mark.parametrize("name", FACTS)
def test_names_are_those_of_all_three_files(name):
    data = load_yamanishi(name)
    assert all(re.fullmatch(r"D\d{5}", drug) for drug in known(data.row_names))
    assert all(re.fullmatch(r"hsa\d+", target) for target in known(data.col_names))
    for stem, names in (("simmat_dc", data.row_names), ("simmat_dg", data.col_names)):
        _, rows, cols = module._read_table(f"{name}_{stem}", None)
        assert rows == cols == names


@needs_data
def test_an_interaction_is_where_the_file_says():
    data = load_yamanishi("gpcr")
    text = (Path(os.environ["MATMEND_DATA"]) / "dti_yamanishi" / "gpcr_admat_dgc.txt").read_text()
    flags = next(line for line in text.splitlines() if line.startswith("hsa154\t")).split("\t")[1:]
    assert data.X_true[:, known(data.col_names).index("hsa154")].tolist() == [float(flag) for flag in flags]


def test_a_table_made_by_hand_is_read(monkeypatch, tmp_path):
    tables = {
        "nr_admat_dgc": "\tD1\tD2\tD3\nhsa1\t0\t1\t0\nhsa2\t1\t0\t0\n",
        "nr_simmat_dc": "\tD1\tD2\tD3\nD1\t1\t0.5\t0\nD2\t0.3\t1\t0\nD3\t0\t0\t0.75\n",
        "nr_simmat_dg": "\thsa1\thsa2\nhsa1\t1\t0.25\nhsa2\t0.25\t1\n",
    }
    (tmp_path / "dti_yamanishi").mkdir()
    for stem, text in tables.items():
        (tmp_path / "dti_yamanishi" / f"{stem}.txt").write_bytes(text.encode())
        monkeypatch.setitem(module.SHA256, stem, hashlib.sha256(text.encode()).hexdigest())
    data = load_yamanishi("nr", folder=tmp_path)
    assert data.X_true.tolist() == [[0, 1], [1, 0], [0, 0]]
    assert np.array_equal(known(data.row_similarity), [[1, 0.4, 0], [0.4, 1, 0], [0, 0, 0.75]])
    assert np.array_equal(known(data.col_similarity), [[1, 0.25], [0.25, 1]])
    assert (data.row_names, data.col_names) == (("D1", "D2", "D3"), ("hsa1", "hsa2"))
    assert data.name == "Yamanishi Nuclear Receptor"


def test_every_family_has_three_checksums_and_a_pinned_address():
    assert {*module.SHA256} == {f"{f}_{t}" for f in module.FAMILIES for t in ("admat_dgc", "simmat_dc", "simmat_dg")}
    assert all(re.fullmatch("[0-9a-f]{64}", sha256) for sha256 in module.SHA256.values())
    assert re.search("/[0-9a-f]{40}/1.%20Main/data/$", module.MIRROR)


def test_unknown_families_and_missing_files_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"name: expected one of e, ic, gpcr, nr, got 'kinase'"):
        load_yamanishi("kinase")
    with pytest.raises(FileNotFoundError, match=r"e_admat_dgc.txt: expected a file, got none"):
        load_yamanishi("e", folder=tmp_path)


# the split


@needs_data
@pytest.mark.parametrize("name", PEERS)
def test_the_split_is_that_of_the_peer_comparison(name):
    X = load_yamanishi(name).X_true
    hidden = holdout_entries(X.shape, 0.2, seed=0)
    zeros, mean, *knn = PEERS[name]
    assert nmae(np.zeros_like(X), X, ~hidden) == pytest.approx(zeros, abs=5e-5)
    assert nmae(np.full_like(X, X[~hidden].mean()), X, ~hidden) == pytest.approx(mean, abs=5e-5)
    assert auc(np.zeros_like(X), X, hidden) == 0.5
    assert aupr(np.zeros_like(X), X, hidden) == pytest.approx(zeros, abs=5e-5)

    imputer = KNNImputer(keep_empty_features=True)  # its samples were the targets
    guess = imputer.fit_transform(np.where(hidden, np.nan, X).T).T
    assert nmae(guess, X, ~hidden) == pytest.approx(knn[0], abs=5e-5)
    assert aupr(guess, X, hidden) == pytest.approx(knn[1], abs=5e-4)
    assert auc(guess, X, hidden) == pytest.approx(knn[2], abs=5e-4)

    other = np.random.RandomState(0).random_sample(X.shape) < 0.2  # over drugs x targets: not this
    assert nmae(np.zeros_like(X), X, ~other) != pytest.approx(zeros, abs=5e-5)


def test_the_split_runs_down_the_columns():
    hidden = holdout_entries((3, 4), 0.2, seed=0)
    assert np.array_equal(hidden.T.ravel(), np.random.RandomState(0).random_sample(12) < 0.2)
    assert np.array_equal(~holdout_entries((3, 4), 0.4, seed=7), random_mask((4, 3), 0.4, seed=7).T)
    assert not holdout_entries((3, 4), 0, seed=0).any()
    assert holdout_entries((3, 4), 1, seed=0).all()


@pytest.mark.parametrize(
    ("shape", "fraction", "message"),
    [
        ((3,), 0.2, "shape: expected two positive integers"),
        ((3, 0), 0.2, "shape: expected two positive integers"),
        ((3, 4), 1.2, "fraction: expected a share"),
        ((3, 4), np.nan, "fraction: expected a share"),
    ],
)
def test_the_split_says_what_is_wrong(shape, fraction, message):
    with pytest.raises(ValueError, match=message):
        holdout_entries(shape, fraction, seed=0)


# the graph

similarities = st.integers(2, 12).flatmap(
    lambda size: st.tuples(hnp.arrays(np.float64, (size, size), elements=st.floats(0, 1)), st.integers(1, size - 1))
)


@settings(deadline=None, max_examples=100)
@given(similarities)
def test_the_graph_is_symmetric_hollow_and_a_part_of_the_similarity(pair):
    similarity, k = pair
    before = similarity.copy()
    W = knn_graph(similarity, k)
    S = (similarity + similarity.T) / 2
    apart = ~np.eye(len(S), dtype=bool)
    assert np.array_equal(W, W.T)
    assert not np.diagonal(W).any()
    assert ((W == 0) | (W == S))[apart].all()
    for weights, row, others in zip(W, S, apart, strict=True):
        kth = np.sort(row[others])[-k]
        assert (weights[others & (row > kth)] == row[others & (row > kth)]).all()
    if (S > 0).all():
        assert ((W > 0).sum(axis=1) >= k).all()
    assert np.array_equal(similarity, before)


def test_neighbours_are_those_of_scikit_learn():
    points = np.random.default_rng(0).standard_normal((40, 3))
    distance = np.linalg.norm(points[:, None] - points[None], axis=2)
    nearest = NearestNeighbors(n_neighbors=5).fit(points).kneighbors_graph().toarray() > 0
    assert np.array_equal(knn_graph(np.exp(-distance)) > 0, nearest | nearest.T)


@pytest.mark.parametrize(
    ("similarity", "k", "message"),
    [
        (np.ones((2, 3)), 1, r"similarity: expected shape \(n, n\), n >= 2, got \(2, 3\)"),
        (np.ones((1, 1)), 1, r"similarity: expected shape"),
        (np.ones((3, 3)), 3, r"k: expected a whole number in \[1, 2\], got 3"),
        (np.ones((3, 3)), 0, r"k: expected a whole number"),
        (np.ones((3, 3)), 1.5, r"k: expected a whole number"),
        (-np.ones((3, 3)), 1, r"similarity: expected finite numbers >= 0"),
        (np.full((3, 3), np.nan), 1, r"similarity: expected finite numbers >= 0"),
    ],
)
def test_the_graph_says_what_is_wrong(similarity, k, message):
    with pytest.raises(ValueError, match=message):
        knn_graph(similarity, k)
