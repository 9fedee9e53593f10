"""Fill the gaps of a table with one peer, in a process of its own; `tables.py` starts it.

``python _tables_peers.py METHOD IN.npz OUT --threads N``: IN has ``X`` of shape (m, n) and
``masks`` of shape (k, m, n), True where it is shown. OUT.npz has ``filled``, OUT.json the seconds of every call. The
first mask is filled once before, so that everything is imported and compiled; its seconds are reported apart.

Columns are brought to mean 0 and standard deviation 1 for the methods that compare columns by their values, as their
handbooks tell their users to do, and back.
"""

import argparse
import importlib.metadata
import json
import os
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

Method = Callable[[np.ndarray], np.ndarray]
"""From a table with NaN to a whole one."""


def standardised(fill: Method) -> Method:
    """Let a method see columns of mean 0 and standard deviation 1."""

    def method(X: np.ndarray) -> np.ndarray:
        mean, spread = np.nanmean(X, axis=0), np.nanstd(X, axis=0)
        spread = np.where(spread > 0, spread, 1.0)
        return fill((X - mean) / spread) * spread + mean

    return method


def sklearn_simple(X: np.ndarray) -> np.ndarray:
    """Return column means."""
    from sklearn.impute import SimpleImputer

    return SimpleImputer().fit_transform(X)


def sklearn_knn(X: np.ndarray) -> np.ndarray:
    """Return means of five neighbours."""
    from sklearn.impute import KNNImputer

    return KNNImputer().fit_transform(X)


def sklearn_iterative(X: np.ndarray) -> np.ndarray:
    """Return Bayesian ridge regressions of each column on the others, ten rounds."""
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401
    from sklearn.impute import IterativeImputer

    return np.asarray(IterativeImputer(random_state=0).fit_transform(X))


def sklearn_trees(X: np.ndarray) -> np.ndarray:
    """Return regressions by random trees, scikit-learn's stand-in for missForest."""
    from sklearn.ensemble import ExtraTreesRegressor
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401
    from sklearn.impute import IterativeImputer

    trees = ExtraTreesRegressor(n_estimators=50, random_state=0, n_jobs=-1)
    return np.asarray(IterativeImputer(trees, max_iter=5, random_state=0).fit_transform(X))


def fancyimpute(name: str, **settings: object) -> Method:
    """Make a method of fancyimpute."""

    def method(X: np.ndarray) -> np.ndarray:
        import fancyimpute as package

        return getattr(package, name)(verbose=False, **settings).fit_transform(X)

    return standardised(method)


METHODS: dict[str, Method] = {
    "scikit-learn mean": sklearn_simple,
    "scikit-learn KNNImputer": standardised(sklearn_knn),
    "scikit-learn IterativeImputer": sklearn_iterative,
    "scikit-learn IterativeImputer, trees": sklearn_trees,
    "fancyimpute KNN": fancyimpute("KNN", k=5),
    "fancyimpute SoftImpute": fancyimpute("SoftImpute"),
    "fancyimpute IterativeSVD": fancyimpute("IterativeSVD", rank=3),
    "fancyimpute MatrixFactorization": fancyimpute("MatrixFactorization", rank=3),
}
"""Name in the table, function; settings that have no default get what the package's own examples have, rank 3."""


def work(methods: dict[str, Method], packages: tuple[str, ...]) -> None:
    """Read the job from the command line, do it, and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("method", choices=list(methods))
    parser.add_argument("job", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[: arguments.threads]))
    with np.load(arguments.job) as file:
        X, masks = file["X"], file["masks"]
    warnings.simplefilter("ignore")  # peers warn of rounds that did not converge: their defaults are what is compared
    filled, seconds = [], []
    for mask in (masks[0], *masks):
        begun = time.perf_counter()
        filled.append(np.asarray(methods[arguments.method](np.where(mask, X, np.nan)), np.float64))
        seconds.append(time.perf_counter() - begun)
    np.savez(arguments.out.with_suffix(".npz"), filled=np.stack(filled[1:]))
    report = {
        "first_seconds": seconds[0],
        "seconds": seconds[1:],
        "versions": {name: importlib.metadata.version(name) for name in packages},
    }
    arguments.out.with_suffix(".json").write_text(json.dumps(report), encoding="utf-8")


if __name__ == "__main__":
    work(METHODS, ("fancyimpute",) if any("fancyimpute" in word for word in sys.argv) else ("scikit-learn", "numpy"))
