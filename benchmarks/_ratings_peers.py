"""Fit one peer on one set of ratings, in the interpreter that has the peers: they are no dependencies of matmend.

``PYTHON benchmarks/_ratings_peers.py METHOD TRAIN.npz OUT`` reads ``rows, cols, values, shape`` and the places to
predict, ``test_rows, test_cols`` (never their values), fits, and writes ``OUT.npz`` (predictions) and ``OUT.json``
(seconds, peak memory, the settings that were chosen). NumPy and the standard library are all it needs besides the peer.

Whatever a peer chooses, it chooses by a tenth of the training entries, drawn with seed 0.
"""

import argparse
import importlib.metadata
import itertools
import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np


class Job(NamedTuple):
    """Entries to learn from, places to predict, and how many threads may be used."""

    rows: np.ndarray
    cols: np.ndarray
    values: np.ndarray
    shape: tuple[int, int]
    test_rows: np.ndarray
    test_cols: np.ndarray
    threads: int

    def inner(self, share: float = 1.0) -> "tuple[Job, np.ndarray]":
        """Hide a tenth of the entries, and return their values; look at a share of the rows only."""
        rng = np.random.default_rng(0)
        hidden = rng.random(self.values.size) < 0.1
        if share < 1:
            here = (rng.random(self.shape[0]) < share)[self.rows]
            hidden, known = hidden & here, ~hidden & here
        else:
            known = ~hidden
        entries = (self.rows[known], self.cols[known], self.values[known])
        return Job(*entries, self.shape, self.rows[hidden], self.cols[hidden], self.threads), self.values[hidden]


class Answer(NamedTuple):
    """Predictions, seconds of the last fit, of the search before it, and what was chosen."""

    predictions: np.ndarray
    fit_seconds: float
    search_seconds: float = 0.0
    settings: dict[str, Any] = {}  # noqa: RUF012
    tried: int = 0


Method = Callable[[Job], Answer]


def cmfrec(job: Job, **settings: Any) -> Answer:
    """Alternating least squares by conjugate gradients in float32, biases, its default (cmfrec.CMF)."""
    from cmfrec import CMF
    from scipy.sparse import coo_matrix

    X = coo_matrix((job.values, (job.rows, job.cols)), shape=job.shape)
    start = time.perf_counter()
    options: dict[str, Any] = {"use_float": True, "verbose": False, "random_state": 1} | settings
    # What it prepares for later queries is not asked for here, so it need not take time or memory.
    model = CMF(**options, nthreads=job.threads, precompute_for_predictions=False, include_all_X=False)
    model.fit(X)
    seconds = time.perf_counter() - start
    predictions = np.asarray(model.predict(job.test_rows, job.test_cols), np.float64)
    unknown = ~np.isfinite(predictions)
    predictions[unknown] = job.values.mean()
    return Answer(predictions, seconds, settings=settings)


def libmf(job: Job, *, weight: float, **settings: Any) -> Answer:
    """Stochastic gradient descent on blocks in parallel, no biases but for the mean (LIBMF); no ALS, but quick."""
    from libmf import mf

    mean = float(job.values.mean())
    entries = np.column_stack([job.rows, job.cols, job.values - np.float32(mean)]).astype(np.float32)
    start = time.perf_counter()
    weights = {"lambda_p1": 0, "lambda_q1": 0, "lambda_p2": weight, "lambda_q2": weight}
    model = mf.MF(nr_threads=job.threads, quiet=True, **weights, **settings)
    model.fit(entries)
    seconds = time.perf_counter() - start
    known = np.zeros(job.shape[0], bool), np.zeros(job.shape[1], bool)
    known[0][job.rows], known[1][job.cols] = True, True
    # By hand: predict() of the wrapper, 0.9.2, takes rows and columns from the wrong places of its argument.
    (m, n), k = job.shape, model.model.k
    P, Q = np.full((m, k), np.nan, np.float32), np.full((n, k), np.nan, np.float32)
    for factor, size, pointer in ((P, model.model.m, model.model.P), (Q, model.model.n, model.model.Q)):
        factor[:size] = np.ctypeslib.as_array(pointer, (size, k))
    predictions = mean + np.einsum("er,er->e", P[job.test_rows], Q[job.test_cols])
    predictions[~(known[0][job.test_rows] & known[1][job.test_cols])] = mean
    return Answer(predictions, seconds, settings=settings | {"weight": weight})


def surprise(job: Job, name: str, **settings: Any) -> Answer:
    """Fit one of scikit-surprise's algorithms: one thread, seed 0, no clipping of predictions."""
    import pandas
    import surprise as package

    frame = pandas.DataFrame({"user": job.rows, "item": job.cols, "rating": job.values})
    reader = package.Reader(rating_scale=(float(job.values.min()), float(job.values.max())))
    train = package.Dataset.load_from_df(frame, reader).build_full_trainset()
    np.random.seed(0)  # noqa: NPY002  (KNN and baselines have no random_state)
    start = time.perf_counter()
    model = getattr(package, name)(verbose=False, **settings)
    model.fit(train)
    seconds = time.perf_counter() - start
    pairs = zip(job.test_rows.tolist(), job.test_cols.tolist(), strict=True)
    return Answer(np.array([model.predict(*pair, clip=False).est for pair in pairs]), seconds, settings=settings)


def searched(
    fit: Callable[..., Answer], stages: list[dict[str, list[Any]]], *, share: float = 1.0, **fixed: Any
) -> Method:
    """Choose settings stage by stage: in each, the best combination by the hidden tenth is kept for the next.

    The weights of the peers are those of a row, not of all entries: they can be chosen on a share of the rows.
    """

    def method(job: Job) -> Answer:
        start = time.perf_counter()
        inner, hidden = job.inner(share)
        best, chosen, tried, seen = np.inf, dict(fixed), 0, set()
        for stage in stages:
            kept = dict(chosen)
            for values in itertools.product(*stage.values()):
                settings = kept | dict(zip(stage, values, strict=True))
                if (key := json.dumps(settings, sort_keys=True)) in seen:
                    continue
                seen.add(key)
                tried += 1
                error = rmse(fit(inner, **settings).predictions, hidden)
                print(f"{error:.4f} {settings}", file=sys.stderr)
                if error < best:
                    best, chosen = error, settings
        search_seconds = time.perf_counter() - start
        return fit(job, **chosen)._replace(search_seconds=search_seconds, tried=tried)

    return method


def rmse(predictions: np.ndarray, values: np.ndarray) -> float:
    """Root of the mean squared error, in float64."""
    return float(np.sqrt(np.mean((np.asarray(predictions, np.float64) - values) ** 2)))


METHODS: dict[str, Method] = {
    "cmfrec, default": cmfrec,
    "cmfrec, tuned, implicit features": searched(
        cmfrec,
        [
            {"k": [5, 10, 20, 40], "lambda_": [5.0, 7.5, 10.0, 15.0, 20.0, 30.0]},
            {"w_implicit": [0.25, 1.0], "lambda_": [2.0, 3.0, 4.0, 6.0, 9.0, 12.0, 18.0, 24.0]},
            {"k": [3, 4, 6, 7]},
            {"niter": [20]},
        ],
        add_implicit_features=True,
        use_cg=False,
    ),
    "cmfrec, tuned, implicit features, scaled lambda": searched(
        cmfrec,
        [
            {"k": [5, 10, 20, 40], "lambda_": [0.03, 0.05, 0.08, 0.12, 0.2]},
            {"w_implicit": [0.25, 1.0], "lambda_": [0.04, 0.06, 0.1, 0.15]},
            {"niter": [20]},
        ],
        add_implicit_features=True,
        use_cg=False,
        scale_lam=True,
    ),
    "cmfrec, tuned": searched(
        cmfrec,
        [
            {"k": [8, 16], "lambda_": [1.0, 4.0, 16.0]},
            {"lambda_": [0.5, 2.0, 8.0, 12.0, 24.0]},
            {"use_cg": [True, False], "niter": [10, 20]},
        ],
    ),
    "cmfrec, tuned on a tenth of the rows": searched(cmfrec, [{"k": [8, 12], "lambda_": [0.5, 1.0, 2.0]}], share=0.1),
    "LIBMF, tuned": searched(libmf, [{"weight": [0.005, 0.01, 0.02, 0.04]}, {"nr_iters": [40]}], k=16, nr_iters=20),
    "LIBMF, tuned on a tenth of the rows": searched(
        libmf, [{"weight": [0.005, 0.01, 0.02, 0.04]}, {"nr_iters": [40]}], share=0.1, k=16, nr_iters=20
    ),
    "Surprise BaselineOnly": lambda job: surprise(job, "BaselineOnly"),
    "Surprise SVD": lambda job: surprise(job, "SVD", random_state=0),
    "Surprise KNNBaseline, items": lambda job: surprise(
        job, "KNNBaseline", sim_options={"name": "pearson_baseline", "user_based": False}
    ),
    "Surprise SVD++": lambda job: surprise(job, "SVDpp", random_state=0),
}


def work(methods: dict[str, Method], packages: tuple[str, ...]) -> None:
    """Read the job from the command line, do it, and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("method", choices=list(methods))
    parser.add_argument("train", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    with np.load(arguments.train) as file:
        fields = [file[name] for name in ("rows", "cols", "values", "shape", "test_rows", "test_cols")]
    rows, cols, values, shape, *places = fields
    m, n = (int(size) for size in shape)
    job = Job(rows, cols, values, (m, n), places[0], places[1], arguments.threads)
    answer = methods[arguments.method](job)
    np.savez(arguments.out.with_suffix(".npz"), predictions=np.asarray(answer.predictions, np.float32))
    report = {
        "fit_seconds": answer.fit_seconds,
        "search_seconds": answer.search_seconds,
        "tried": answer.tried,
        "settings": answer.settings,
        "processor_seconds": time.process_time(),  # of all threads, imports included
        "peak_mb": peak_mb(),
        "versions": {name: importlib.metadata.version(name) for name in packages if _is_there(name)},
    }
    arguments.out.with_suffix(".json").write_text(json.dumps(report), encoding="utf-8")


def peak_mb() -> float:
    """Return the peak of resident memory; Linux's ru_maxrss would count the process that started this one."""
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="ascii").splitlines() if status.exists() else []
    for line in lines:
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    unit = 1024**2 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def _is_there(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


if __name__ == "__main__":
    work(METHODS, ("cmfrec", "scikit-surprise", "libmf", "numpy", "scipy"))
