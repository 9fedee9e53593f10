"""What kind of data an array is, and which methods are worth trying on it."""

import numpy as np
import pytest
from sklearn.datasets import load_iris, load_wine

from matmend.datasets import load_sample
from matmend.masks import random_mask
from matmend.methods import registry, suitability
from matmend.methods.suitable import has_units, is_smooth, kind_of, suitable

RNG = np.random.default_rng(0)
CAMERA = load_sample("camera", size=64)
SERIES = np.cumsum(RNG.normal(size=(100, 40)), axis=0)  # smooth down the columns, not along the rows
RATINGS = np.clip(np.round(3 + RNG.normal(size=(80, 60)) + RNG.normal(size=60)), 1, 5)
INTERACTIONS = (RNG.random((80, 60)) < 0.04).astype(float)
TABLE = RNG.normal(size=(100, 6)) * [1, 5, 1e3, 1e-2, 7, 1e5]


@pytest.mark.parametrize("missing", [0.1, 0.5, 0.8])
@pytest.mark.parametrize(
    ("array", "kind"),
    [
        (CAMERA, "picture"),
        (load_sample("astronaut", size=64), "picture"),
        ((CAMERA > 0.5).astype(float), "picture"),  # a scan: 0 and 1, but side by side alike
        (CAMERA[RNG.permutation(64)], "matrix"),
        (RATINGS, "matrix"),
        (INTERACTIONS, "interactions"),
        (TABLE, "table"),
        (RNG.normal(size=(50, 4)) + 100 * np.arange(4), "table"),
    ],
)
def test_the_kind_is_seen_through_the_gaps(array, kind, missing):
    seen = random_mask(array.shape[:2], missing, seed=1)
    assert kind_of(np.where(seen if array.ndim == 2 else seen[..., None], array, np.nan), seen) == kind


def test_smooth_one_way_is_no_picture():
    seen = random_mask(SERIES.shape, 0.3, seed=1)
    assert not is_smooth(SERIES, seen)
    assert not is_smooth(SERIES.T, seen.T)


def test_smoothness_does_not_depend_on_unit_or_level():
    seen = random_mask(CAMERA.shape, 0.3, seed=1)
    for array in (CAMERA, SERIES[:64, :40]):
        there = seen[:, : array.shape[1]]
        assert is_smooth(array, there) == is_smooth(1e6 * array - 3e6, there) == is_smooth(array.T, there.T)


@pytest.mark.parametrize("shape", [(1, 40), (40, 1), (2, 2), (3, 8)])
def test_of_few_entries_nothing_is_claimed(shape):
    assert not is_smooth(np.ones(shape), np.ones(shape, bool))
    assert not has_units(np.ones(shape), np.ones(shape, bool))


def test_methods_for_pictures_are_for_pictures_only():
    seen = random_mask(CAMERA.shape, 0.3, seed=1)
    assert {"patches", "biharmonic", "knn"} <= set(suitable(CAMERA, seen))
    found = suitability(CAMERA[RNG.permutation(64)], seen)
    assert not {"patches", "biharmonic", "navier_stokes", "fsr", "pnmc", "rdmf"} & set(found.methods)
    assert "not alike" in found.left_out["patches"]


def test_every_method_suits_or_is_left_out_with_a_reason():
    for array in (CAMERA, RATINGS, INTERACTIONS, TABLE):
        found = suitability(array, random_mask(array.shape, 0.3, seed=1), with_peers=True)
        names = [*found.methods, *found.left_out]
        assert set(registry) < set(names)
        assert {"sklearn_knn", "sklearn_simple", "sklearn_iterative", "sklearn_trees"} <= set(names)
        assert len(set(names)) == len(names)
        assert "mean" in found.methods
        assert all(found.left_out.values())


def test_zeros_are_a_guess_where_most_values_are_zero():
    seen = random_mask(INTERACTIONS.shape, 0.3, seed=1)
    assert "zeros" in suitable(INTERACTIONS, seen)
    assert "zeros" not in suitable(RATINGS, seen)


def test_of_huge_matrices_only_what_is_cheap(monkeypatch):
    monkeypatch.setattr("matmend.methods.suitable.MOST_ENTRIES", RATINGS.size - 1)
    monkeypatch.setattr("matmend.methods.suitable.MOST_REGRESSED", RATINGS.size - 1)
    found = suitability(RATINGS, random_mask(RATINGS.shape, 0.3, seed=1), with_peers=True)
    assert set(found.methods) == {"mean", "sklearn_simple"}
    assert found.left_out["knn"] == "takes long: there are 4,800 entries"


def test_without_opencv_its_methods_are_left_out(monkeypatch):
    monkeypatch.setattr("matmend.methods.suitable.has_opencv", lambda: False)
    found = suitability(CAMERA, random_mask(CAMERA.shape, 0.3, seed=1))
    assert 'pip install "matmend[images]"' in found.left_out["fsr"]
    assert "navier_stokes" in found.left_out


@pytest.mark.parametrize("seed", range(4))
def test_one_column_of_large_numbers_makes_no_picture_of_a_sorted_table(seed):
    X = np.asarray(load_wine(return_X_y=True)[0])  # sorted by kind; the last column is a thousand times the others
    assert kind_of(X, np.random.default_rng(seed).random(X.shape) < 0.8) == "table"


@pytest.mark.parametrize("share", [0.2, 0.6])
def test_a_smooth_product_is_a_picture_though_its_columns_differ_by_a_factor_only(share):
    X = np.outer(np.arange(1.0, 41.0), np.arange(1.0, 31.0))
    assert kind_of(X, np.random.default_rng(0).random(X.shape) > share) == "picture"
    columns = np.random.default_rng(1).permutation(30)  # out of order, it is a table: spreads from 1 to 30
    assert kind_of(X[:, columns], np.random.default_rng(0).random(X.shape) > share) == "table"


@pytest.mark.parametrize("seed", range(4))
def test_columns_of_levels_of_their_own_make_a_table(seed):
    X = np.asarray(load_iris(return_X_y=True)[0])  # centimetres all of them, but lengths of 5.8 beside widths of 1.2
    assert kind_of(X, np.random.default_rng(seed).random(X.shape) < 0.5) == "table"
    rng = np.random.default_rng(seed)
    low_rank = rng.random((100, 2)) @ rng.random((2, 40))  # where levels are part of the pattern it is a matrix
    assert kind_of(low_rank, rng.random(low_rank.shape) < 0.5) == "matrix"
