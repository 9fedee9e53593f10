"""Small completions to report on, with names that want to break out of the page."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from matmend.io import Ratings
from matmend.methods import compare, registry
from matmend.methods.ratings import complete_ratings
from matmend.report import Report

EVIL = ('<script>alert("x")</script>', "a' onload='alert(1)", "</style><img src=http://evil.example/x>", "{{ 7 * 7 }}")
"""Names of columns that a page must show and must not follow."""


def small_table(seed=0):
    """Return a matrix of rank 1 with gaps, (12, 8), columns of different units."""
    rng = np.random.default_rng(seed)
    X = np.outer(rng.random(12) + 1, rng.random(8) + 1) * 10.0 ** np.arange(8)
    X[rng.random(X.shape) < 0.2] = np.nan
    return X


@pytest.fixture(scope="session")
def table():
    """Array, completion, scores and report of a table, all sections that it can have."""
    X = small_table()
    done = registry["iterative_svd"](X, rank=1)
    scores = compare(X, methods=["mean", "zeros"])
    width = np.where(np.isnan(X), 2.0, 0.0)
    found = SimpleNamespace(lower=done.completed - width, upper=done.completed + width, coverage=0.9, calibration=1234)
    names = (None, [*EVIL, *(f"column {j}" for j in range(4))])
    report = Report.of_completion(
        done, X, title=f"{EVIL[0]}.csv", names=names, notes=[EVIL[2]], scores=scores, intervals=found, seed=7,
        reason=EVIL[1], command=f"matmend report '{EVIL[0]}'",
    )  # fmt: skip
    return SimpleNamespace(X=X, done=done, scores=scores, report=report)


@pytest.fixture(scope="session")
def trained():
    """Array, completion and report of a small picture that a training completed, with learned graphs."""
    rng = np.random.default_rng(1)
    blocks = np.kron(rng.random((3, 3)), np.ones((8, 8))).astype(np.float32)
    seen = rng.random(blocks.shape) < 0.7
    seen[3] = False
    done = registry["air"](blocks, seen, depth=2, weight=1e-3, steps=300, every=50)
    report = Report.of_completion(done, blocks, seen, title="blocks.png", kind="picture", seed=0)
    return SimpleNamespace(X=blocks, seen=seen, done=done, report=report)


@pytest.fixture(scope="session")
def rated():
    """Ratings, model and report."""
    rng = np.random.default_rng(2)
    rows, cols = np.nonzero(rng.random((30, 20)) < 0.5)
    values = np.clip(np.round(3 + rng.normal(size=30)[rows] + rng.normal(size=20)[cols]), 1, 5).astype(np.float32)
    ratings = Ratings(rows.astype(np.int32), cols.astype(np.int32), values, (30, 20))
    model = complete_ratings(ratings, rank=2, num_draws=2, implicit=False, adaptive=False)
    return SimpleNamespace(
        ratings=ratings, model=model, report=Report.of_ratings(model, ratings, title="u.data", seed=0)
    )


@pytest.fixture(scope="session")
def compared():
    """Report of a comparison on a picture, of which one method ended with a long sentence."""
    X = np.kron(np.random.default_rng(3).random((4, 4)), np.ones((4, 4)))
    seen = np.random.default_rng(4).random(X.shape) < 0.8
    scores = compare(X, seen, methods=["biharmonic", "iterative_svd", "mean"])
    scores[0] = replace(scores[0], message="gaps of many kinds by candidates with names of several words; " * 8)
    return SimpleNamespace(report=Report.of_comparison(scores, X, seen, title="blocks.png", kind="picture", seed=0))
