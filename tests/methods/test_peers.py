"""Methods of other packages: the same numbers as calling them, and no surprise beside."""

import importlib.machinery
import sys
from types import ModuleType

import numpy as np
import pytest
from sklearn.datasets import load_wine
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer

from matmend.masks import random_mask
from matmend.methods import compare, registry, runnable_peers

X = np.asarray(load_wine(return_X_y=True)[0])[:60]
MASK = random_mask((60, 13), 0.2, seed=1)
GAPS = np.where(MASK, X, np.nan)


@pytest.mark.parametrize(
    ("name", "imputer", "settings"),
    [
        ("sklearn_simple", SimpleImputer(), {}),
        ("sklearn_simple", SimpleImputer(strategy="median"), {"strategy": "median"}),
        ("sklearn_knn", KNNImputer(), {}),
        ("sklearn_knn", KNNImputer(n_neighbors=2), {"n_neighbors": 2}),
        ("sklearn_iterative", IterativeImputer(random_state=3, max_iter=2, tol=10), {"max_iter": 2, "tol": 10}),
        (
            "sklearn_trees",
            IterativeImputer(ExtraTreesRegressor(5, random_state=3), random_state=3, max_iter=2, tol=10),
            {"num_trees": 5, "max_iter": 2, "tol": 10},
        ),
    ],
)
def test_numbers_are_those_of_the_package(name, imputer, settings):
    done = runnable_peers()[name](X, MASK, seed=3, **settings)
    np.testing.assert_allclose(done.completed, imputer.fit_transform(GAPS), rtol=1e-12)
    np.testing.assert_array_equal(done.completed[MASK], X[MASK])
    assert (done.method, done.settings) == (name, settings)


def test_a_warning_becomes_the_message():
    done = runnable_peers()["sklearn_iterative"](X, MASK, max_iter=1, tol=1e-9)
    assert "Early stopping criterion not reached" in done.message


def test_empty_columns_and_rows_keep_their_place():
    mask = MASK.copy()
    mask[:, 3] = mask[7] = False
    for name in ("sklearn_simple", "sklearn_knn", "sklearn_iterative"):
        done = runnable_peers()[name](X, mask)
        assert done.completed.shape == X.shape
        assert np.isfinite(done.completed).all()


def test_channels_go_side_by_side():
    picture = np.stack([X, X**2, -X], axis=2)
    done = runnable_peers()["sklearn_simple"](picture, MASK)
    for c in range(3):
        np.testing.assert_allclose(
            done.completed[..., c], SimpleImputer().fit_transform(np.where(MASK, picture[..., c], np.nan))
        )


def test_peers_take_part_in_comparisons_and_are_not_ours():
    scores = compare(X, MASK, methods=["mean", "sklearn_simple", "sklearn_knn"])
    assert {score.method for score in scores} == {"mean", "sklearn_simple", "sklearn_knn"}
    assert all(score.error is not None for score in scores)
    assert not set(runnable_peers()) & set(registry)


def test_cmfrec_is_there_where_it_is_installed(monkeypatch):
    """A stand-in of the same name: what is asked of the package, and what becomes of its answer."""
    asked = []

    class CMF_imputer:  # noqa: N801
        def __init__(self, **settings):
            asked.append(settings)

        def fit_transform(self, values):
            asked.append(values)
            return np.where(np.isnan(values), 7.0, values)

    package = ModuleType("cmfrec")
    package.__spec__ = importlib.machinery.ModuleSpec("cmfrec", None)
    vars(package)["CMF_imputer"] = CMF_imputer
    monkeypatch.setitem(sys.modules, "cmfrec", package)
    done = runnable_peers()["cmfrec"](X, MASK, seed=5, k=3)
    assert asked[0] == {"random_state": 5, "verbose": False, "k": 3}
    np.testing.assert_array_equal(asked[1], GAPS)
    np.testing.assert_array_equal(done.completed, np.where(MASK, X, 7.0))
