"""DMF+DE: graphs that say which rows and columns are alike must help, and bad ones must be refused."""

import numpy as np
import pytest

from matmend.datasets.synthetic import block_ratings
from matmend.masks import random_mask
from matmend.methods import dmf, dmf_de
from matmend.metrics import nmae
from matmend.solve import never

LAST = {"holdout": 0.0, "stop": never, "steps": 4000, "scale": 1.0}


@pytest.fixture(scope="module")
def ratings():
    data = block_ratings((24, 30), num_row_blocks=4, num_col_blocks=5, seed=3)
    return data, random_mask((24, 30), 0.75, seed=0)


@pytest.fixture(scope="module")
def plain(ratings):
    data, seen = ratings
    return nmae(dmf.complete(data.X_true, seen, **LAST).X_hat, data.X_true, seen)


@pytest.mark.parametrize(("is_spectral", "share"), [(True, 0.1), (False, 0.9)])
def test_true_graphs_help_and_most_as_the_basis(ratings, plain, is_spectral, share):
    data, seen = ratings
    done = dmf_de.complete(
        data.X_true, seen, row_affinity=data.row_graph, col_affinity=data.col_graph, is_spectral=is_spectral, **LAST
    )
    assert nmae(done.X_hat, data.X_true, seen) < share * plain


def test_graphs_come_in_any_unit(ratings):
    data, seen = ratings
    short = {**LAST, "steps": 50}
    one, other = (
        dmf_de.complete(data.X_true, seen, row_affinity=c * data.row_graph, col_affinity=data.col_graph, **short)
        for c in (1.0, 1024.0)
    )
    np.testing.assert_array_equal(one.X_hat, other.X_hat)


def test_neighbours_are_found_on_common_entries():
    rng = np.random.default_rng(0)
    kinds = rng.normal(size=(3, 40))
    X = np.repeat(kinds, 4, axis=0) + 0.01 * rng.normal(size=(12, 40))
    X[rng.random(X.shape) < 0.4] = np.nan
    W = dmf_de.neighbour_graph(X, k=3)
    same = np.kron(np.eye(3), np.ones((4, 4))) > 0
    np.testing.assert_array_equal(W > 0, same & ~np.eye(12, dtype=bool))
    np.testing.assert_array_equal(W, W.T)


@pytest.mark.parametrize(
    ("graph", "words"),
    [
        (np.zeros((24, 24)), "no edge"),
        (np.ones((3, 24)), "square"),
        (np.full((24, 24), np.nan), "finite"),
        (np.ones((5, 5)), "5 and 30 nodes"),
    ],
)
def test_bad_graphs_are_refused(ratings, graph, words):
    data, seen = ratings
    with pytest.raises(ValueError, match=words):
        dmf_de.complete(data.X_true, seen, row_affinity=graph, col_affinity=data.col_graph, steps=1)
