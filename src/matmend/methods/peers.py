"""Methods of other packages in the form of our own, for comparisons: `compare` runs them, `complete` does not."""

import time
import warnings
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from matmend.methods.completion import Completion, Method, channels_apart, checked, finished, side_by_side
from matmend.methods.floors import with_means_where_unseen

Floats = NDArray[np.float64]

MOST_PREDICTORS = 20
"""Columns from which scikit-learn's IterativeImputer predicts each column: its cost grows with their cube."""


def runnable_peers() -> dict[str, Method]:
    """Return the peers for which all that they need is installed, by the names that `compare` takes.

    Returns
    -------
    dict of Method
        ``sklearn_simple``, ``sklearn_knn`` and ``sklearn_iterative`` are scikit-learn's imputers with their defaults
        (the last one with the 20 nearest predictors in wide tables), and ``sklearn_trees`` is its IterativeImputer with
        50 random trees and five rounds, in the manner of missForest; ``cmfrec`` is David Cortes's collective matrix
        factorization (``pip install cmfrec``) with its defaults. Each takes ``seed`` and what its class takes.

    Notes
    -----
    scikit-image and OpenCV are in the registry: ``biharmonic``, ``navier_stokes``, ``fsr``.

    References
    ----------
    Stekhoven & Bühlmann 2012, "MissForest: non-parametric missing value imputation for mixed-type data",
    doi:10.1093/bioinformatics/btr597. Cortes 2018, "Cold-start recommendations in Collective Matrix Factorization",
    arXiv:1809.00366.

    Examples
    --------
    >>> sorted(runnable_peers())[-3:]
    ['sklearn_knn', 'sklearn_simple', 'sklearn_trees']
    """
    peers: dict[str, Method] = {
        "sklearn_simple": partial(_by, "sklearn_simple", _simple),
        "sklearn_knn": partial(_by, "sklearn_knn", _knn),
        "sklearn_iterative": partial(_by, "sklearn_iterative", _iterative),
        "sklearn_trees": partial(_by, "sklearn_trees", _trees),
    }
    if find_spec("cmfrec") is not None:
        peers["cmfrec"] = partial(_by, "cmfrec", _cmfrec)
    return peers


def _by(
    name: str,
    imputed: Callable[..., Floats],
    observed: ArrayLike,
    mask: ArrayLike | None = None,
    *,
    seed: int = 0,
    **settings: Any,
) -> Completion:
    started = time.perf_counter()
    array, seen = checked(observed, mask)
    values = np.where(seen if array.ndim == 2 else seen[..., None], array, np.nan).astype(np.float64)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        matrix = imputed(side_by_side(values), seed, **settings)
    X_hat = with_means_where_unseen(channels_apart(matrix, None if array.ndim == 2 else array.shape[2]), array, seen)
    message = "; ".join(dict.fromkeys(str(warning.message) for warning in told)) or "done"
    return finished(array, seen, X_hat, method=name, settings=settings, started=started, message=message)


def _simple(matrix: Floats, seed: int, **settings: Any) -> Floats:
    from sklearn.impute import SimpleImputer

    del seed
    return np.asarray(SimpleImputer(keep_empty_features=True, **settings).fit_transform(matrix))


def _knn(matrix: Floats, seed: int, **settings: Any) -> Floats:
    from sklearn.impute import KNNImputer

    del seed
    return np.asarray(KNNImputer(keep_empty_features=True, **settings).fit_transform(matrix))


def _iterative(matrix: Floats, seed: int, **settings: Any) -> Floats:
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401  # pyright: ignore[reportUnusedImport]
    from sklearn.impute import IterativeImputer

    nearest = {"n_nearest_features": MOST_PREDICTORS} if matrix.shape[1] > MOST_PREDICTORS else {}
    imputer = IterativeImputer(keep_empty_features=True, random_state=seed, **{**nearest, **settings})
    return np.asarray(imputer.fit_transform(matrix))


def _trees(matrix: Floats, seed: int, *, num_trees: int = 50, **settings: Any) -> Floats:
    from sklearn.ensemble import ExtraTreesRegressor

    trees = ExtraTreesRegressor(n_estimators=num_trees, random_state=seed, n_jobs=-1)
    return _iterative(matrix, seed, **{"estimator": trees, "max_iter": 5, **settings})


def _cmfrec(matrix: Floats, seed: int, **settings: Any) -> Floats:
    from cmfrec import CMF_imputer  # pyright: ignore[reportMissingImports] (an optional package)

    return np.asarray(CMF_imputer(random_state=seed, verbose=False, **settings).fit_transform(matrix))
