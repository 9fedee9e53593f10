"""Interactions as 0/1 data with similarities of both sides: one composed problem, and what is compared with it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from matmend.datasets import Dataset, knn_graph, load_yamanishi, synthetic
from matmend.fidelity import bernoulli
from matmend.metrics import auc, aupr, nmae
from matmend.observation import Masked
from matmend.problem import Problem
from matmend.regularizer import AdaptiveLaplacian, GivenLaplacian, Sum
from matmend.representation import DeepFactorization, Gaussian
from matmend.solve import adam, solve_many
from matmend.transform import Transpose

Floats = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Setting:
    r"""Weighted logistic deep factorization with given graphs; one setting for all sets.

    .. math:: \min \frac{1}{|\Omega|} \sum_{\Omega} c_{ij} (\log(1 + e^{X_{ij}}) - Y_{ij} X_{ij})
              + \frac{\lambda}{m n} (\mathrm{tr}(X^T L_r X) + \mathrm{tr}(X L_c X^T)), \quad X = W_2 W_1 W_0

    Parameters
    ----------
    positives : float
        c of a known interaction; c = 1 for the others, of which some are interactions nobody has looked for.
    neighbours : int
        Of each drug and each target in its graph.
    graph_weight : float
        The lambda of both graphs; 0 leaves them out.
    depth, width, std, learning_rate, steps
        Of the factorization and its training by Adam. The number of steps is a regularizer of its own: the low-rank
        bias of the small start, which later steps train away.
    starts : int
        Independent starts whose logits are averaged: one "training seed" is the average of so many.

    Notes
    -----
    Logistic loss, the weight 5 and graphs of nearest neighbours are from NRLMF. Its graphs are on two factors, have 5
    neighbours, and ridge terms keep the factors small; here the graphs are on X itself, the factors are three, and an
    early stop takes the place of the ridge.

    References
    ----------
    Liu et al. 2016, "Neighborhood Regularized Logistic Matrix Factorization for Drug-Target Interaction Prediction",
    doi:10.1371/journal.pcbi.1004760.
    """

    positives: float = 5.0
    neighbours: int = 3
    graph_weight: float = 0.01
    depth: int = 3
    width: int = 50
    std: float = 0.05
    learning_rate: float = 1e-2
    steps: int = 250
    starts: int = 5

    def without_graphs(self) -> "Setting":
        """Return the same setting with the interactions alone."""
        return replace(self, graph_weight=0.0)


def load(name: str) -> Dataset:
    """Load one of Yamanishi's sets, or make interactions up ("synthetic"), which needs no data folder."""
    return synthetic.interactions((60, 50), density=0.06, seed=0) if name == "synthetic" else load_yamanishi(name)


def normalized_graph(similarity: Floats, k: int) -> NDArray[np.float32]:
    """Return the graph of k nearest neighbours with weights ``W_ij / sqrt(d_i d_j)``, d the sums of its rows.

    Without this a node that is everybody's neighbour would weigh as much as all of its neighbours together.
    """
    W = knn_graph(similarity, k)
    root = np.sqrt(np.maximum(W.sum(axis=1), np.finfo(np.float64).tiny))
    return (W / np.outer(root, root)).astype(np.float32)


def problem(data: Dataset, mask: Mask, setting: Setting) -> Problem:
    """Compose the problem that a setting describes."""
    m, n = data.shape
    Y = data.X_true.astype(np.float32)
    weights = np.where(Y > 0, setting.positives, 1.0)
    # Divided by the number of entries, not by the sum of weights: the pull of the negative ones stays what it is.
    observation = Masked.from_array(Y, mask, weights=weights, normalizer=float(mask.sum()))
    representation = DeepFactorization(setting.depth, setting.width, Gaussian(0.0, setting.std))
    regularizer = Sum()
    if setting.graph_weight:
        if data.row_similarity is None or data.col_similarity is None:
            raise ValueError(
                f"data: expected similarities of rows and columns, got {data!r}; or take without_graphs()."
            )
        weight = setting.graph_weight / (m * n)
        rows, cols = (normalized_graph(S, setting.neighbours) for S in (data.row_similarity, data.col_similarity))
        regularizer = weight * GivenLaplacian(rows) + weight * GivenLaplacian(cols, Transpose())
    return Problem(observation, representation, regularizer, bernoulli)


def scores(data: Dataset, mask: Mask, setting: Setting, *, seed: int) -> Floats:
    """Return the probability of an interaction at every entry.

    All starts are trained as one batch. The weight of positive entries multiplies the odds, which is undone in the
    probabilities; it changes no order.
    """
    keys = list(jax.random.split(jax.random.key(seed), setting.starts))
    problems = [problem(data, mask, setting)] * len(keys)
    optim, steps = adam(setting.learning_rate), setting.steps
    done = solve_many(problems, optim, keys=keys, max_steps=steps, every=max(steps, 1))
    logits = np.mean([np.asarray(solution.X.dense(), dtype=np.float64) for solution in done], axis=0)
    return expit(logits - np.log(setting.positives))


def profile_scores(data: Dataset, mask: Mask) -> Floats:
    """Return the weighted profiles, a floor for similarities: the mean of those of drugs and of targets.

    The profile of a drug is the mean of the other drugs' observed interactions, weighted by their similarity to it; a
    target's likewise.

    References
    ----------
    Yamanishi et al. 2008, doi:10.1093/bioinformatics/btn162.
    """
    if data.row_similarity is None or data.col_similarity is None:
        raise ValueError(f"data: expected similarities of rows and columns, got {data!r}.")
    Y = np.where(mask, data.X_true, 0)
    rows, cols = (S - np.diag(np.diagonal(S)) for S in (data.row_similarity, data.col_similarity))
    return (rows @ Y / rows.sum(axis=1, keepdims=True) + Y @ cols / cols.sum(axis=0)) / 2


def air_scores(data: Dataset, mask: Mask, *, steps: int, seeds: Sequence[int]) -> list[Floats]:
    """Return AIR-Net's matrix by the protocol of its authors' code: all settings as for their images, last iterate."""
    m, n = data.shape
    observation = Masked.from_array(data.X_true.astype(np.float32), mask, normalizer=m * n)
    regularizer = 1e-4 * AdaptiveLaplacian() + 1e-4 * AdaptiveLaplacian(Transpose())
    described = Problem(observation, DeepFactorization(3, initialization=Gaussian(1e-3, 1e-3)), regularizer)
    keys = [jax.random.key(seed) for seed in seeds]
    done = solve_many([described] * len(keys), adam(1e-3), keys=keys, max_steps=steps, every=max(steps, 1))
    return [np.asarray(solution.X.dense()) for solution in done]


def judge(score: Floats, data: Dataset, hidden: Mask) -> dict[str, float]:
    """Judge the hidden entries: NMAE as the AIR-Net paper does, AUC and AUPR as the field of drug-target prediction."""
    X = data.X_true
    return {"nmae": nmae(score, X, ~hidden), "auc": auc(score, X, hidden), "aupr": aupr(score, X, hidden)}
