"""Ablation on MovieLens-100K, fold u1: no graph Laplacian, given graphs, adaptive edges that are found.

``python -m benchmarks.ratings_ablation`` needs ``movielens100k`` in the folder ``MATMEND_DATA``, with ``u.data``,
``u1.base``, ``u1.test``, and ``monti_split_1.mat``: the same fold with graphs of nearest neighbours in what is known of
users and of films (Monti, Bronstein & Bresson 2017, arXiv:1704.06803).

*Offered*: `complete_ratings` with the option named; it takes the graphs only if 5 % of the training ratings, held out,
say so. *Forced*: the graphs stay on, with the smaller weight that `complete_ratings` tries, whatever held-out ratings
say. The model besides (implicit feedback or not) is the one that was chosen without graphs. Affinities are learned in
all. The error is over all 20,000 entries of the test fold, clipped to the range of the training ratings; nothing is
chosen or tuned on it. Seconds are those of the whole call, the search included, compilation too, but for the forced:
they find their programs compiled by the row before. Seeds change the draws and what is held out, not the fold.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import jax
import numpy as np
from scipy import sparse

from matmend.datasets import find_data_folder, load_movielens_fold
from matmend.datasets.movielens import RatingsSplit
from matmend.methods.ratings import RatingsModel, complete_ratings
from matmend.methods.ratings.building import built
from matmend.methods.ratings.candidates import Candidate, learned
from matmend.methods.ratings.completing import FINAL, GRAPH_WEIGHTS, RANK
from matmend.methods.ratings.standard import StandardRatings
from matmend.solve import SweepData, alternate


class Graphs(NamedTuple):
    """Given graphs of users and of films, in the order of the ratings' ids."""

    rows: sparse.csr_array
    cols: sparse.csr_array


def load_graphs(path: Path, split: RatingsSplit) -> Graphs:
    """Read the graphs, and make sure that their nodes are those of the ratings."""
    with h5py.File(path) as file:
        stored: Any = file
        M, train = np.asarray(stored["M"]).T, np.asarray(stored["Otraining"]).T
        found = []
        for name in ("W_users", "W_movies"):
            part = stored[name]
            k = len(part["jc"]) - 1
            # MATLAB stores columns: read as rows this is the transpose.
            W = sparse.csr_array(
                (part["data"][:], part["ir"][:].astype(np.int64), part["jc"][:].astype(np.int64)), (k, k)
            )
            found.append(sparse.csr_array(W.T))
    ratings = split.train
    same = np.array_equal(M[ratings.rows, ratings.cols], ratings.values)
    if M.shape != ratings.shape or not same or int(train.sum()) != ratings.values.size:
        raise ValueError(f"{path}: expected fold u1 with users and films in the order of u.data, got other ratings.")
    return Graphs(*found)


def forced(split: RatingsSplit, seed: int, candidate: Candidate) -> RatingsModel:
    """Train one candidate on all training ratings, as `complete_ratings` does in the end."""
    table = StandardRatings.of(split.train)
    graphs = table.graph(0, candidate.graphs[0]), table.graph(1, candidate.graphs[1])
    candidate = Candidate(candidate.rank, candidate.is_implicit, candidate.weights, graphs)
    entries = table.entries()
    data = SweepData.from_entries(entries)
    run = alternate(
        candidate.problem(entries, None, data), data, key=jax.random.key(seed), schedule=FINAL, extra=learned
    )
    nothing = float("nan")
    return built(run, table, split.train, heldout_error=nothing, baseline_error=nothing, message=candidate.name)


def judged(split: RatingsSplit, fit: Callable[[], RatingsModel]) -> tuple[float, float, float, str]:
    """Return RMSE, MAE, seconds, and what was chosen."""
    start = time.perf_counter()
    model = fit()
    seconds = time.perf_counter() - start
    test, ids = split.heldout, (split.train.row_ids, split.train.col_ids)
    assert ids[0] is not None
    assert ids[1] is not None
    predicted = model.predict(ids[0][test.rows], ids[1][test.cols]).values
    predicted = np.clip(predicted, split.train.values.min(), split.train.values.max())
    residual = (predicted - test.values).astype(np.float64)
    return float(np.sqrt(np.mean(residual**2))), float(np.mean(np.abs(residual))), seconds, model.message


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=3, help="how many seeds (default: 3)")
    arguments = parser.parse_args()
    folder = find_data_folder()
    if folder is None:
        raise SystemExit("Set MATMEND_DATA to the folder of data sets that has movielens100k/monti_split_1.mat.")
    split = load_movielens_fold("u1")
    given = load_graphs(folder / "movielens100k" / "monti_split_1.mat", split)
    print(f"{jax.devices()[0].device_kind}, jax {jax.__version__}; edges given: {given.rows.nnz:,} of users, "
          f"{given.cols.nnz:,} of films", flush=True)  # fmt: skip
    weight = GRAPH_WEIGHTS[0]
    table: dict[str, list[tuple[float, float]]] = {}
    for seed in range(arguments.seeds):
        is_implicit = False

        def force(weights: tuple[float, float], graphs: Any = (None, None), seed: int = seed) -> RatingsModel:
            return forced(split, seed, Candidate(RANK, is_implicit, weights, graphs))  # noqa: B023

        def offer(seed: int = seed, **options: Any) -> RatingsModel:
            return complete_ratings(split.train, seed=seed, **options)

        rows: dict[str, Callable[[], RatingsModel]] = {
            "no Laplacian": lambda: offer(adaptive=False),
            "given graphs, offered": lambda: offer(row_graph=given.rows, col_graph=given.cols),
            "given graphs, forced": lambda: force((weight, weight), given),
            "found edges of users, offered": lambda: offer(adaptive=True),
            "found edges of users, forced": lambda: force((weight, 0.0)),
        }
        for name, fit in rows.items():
            rmse, mae, seconds, words = judged(split, fit)
            if name == "no Laplacian":
                is_implicit = words.startswith("with implicit feedback")
            table.setdefault(name, []).append((rmse, mae))
            print(f"seed {seed}  {name:30} RMSE {rmse:.4f}  MAE {mae:.4f}  {seconds:5.1f} s  {words}", flush=True)
    print(f"\nmean over {arguments.seeds} seeds (least to most)")
    for name, errors in table.items():
        rmse, mae = np.array(errors).T
        print(f"{name:30} RMSE {rmse.mean():.4f} ({rmse.min():.4f} to {rmse.max():.4f})  MAE {mae.mean():.4f}")


if __name__ == "__main__":
    main()
