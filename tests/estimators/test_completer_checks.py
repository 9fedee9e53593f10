"""The checks of scikit-learn, all of them and no exception expected; and what they do not look at."""

from typing import Any

import pytest
from sklearn.impute import KNNImputer
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

from matmend.estimators import MatrixCompleter

# Sparse matrices of the checks are so empty that some rows are: that is told, as it should be.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Nothing was observed"),
    pytest.mark.filterwarnings("ignore:Can't check dok sparse matrix for nan or inf"),
]


@parametrize_with_checks([MatrixCompleter("gaussian"), MatrixCompleter("soft_impute"), MatrixCompleter("knn")])
def test_scikit_learn(estimator, check):
    check(estimator)


# The same with the method left open. Left out are those two in which sparse matrices of ten formats are given: each
# would be a race of all methods, and takes a minute.
SLOW = {"check_estimator_sparse_array", "check_estimator_sparse_matrix"}


def named_checks(estimator) -> dict[str, Any]:
    pairs: Any = estimator_checks_generator(estimator, legacy=True)
    return {f"{check.func.__name__}{sorted(check.keywords)}": check for _, check in pairs}


CHECKS = named_checks(MatrixCompleter())


@pytest.mark.parametrize("name", [name for name, check in CHECKS.items() if check.func.__name__ not in SLOW])
def test_scikit_learn_with_the_method_left_open(name):
    CHECKS[name](MatrixCompleter())


def test_as_many_checks_as_for_the_imputer_of_scikit_learn():
    assert CHECKS.keys() >= named_checks(KNNImputer()).keys()
    assert len(CHECKS) == 46
