"""Greedy low-rank learning: one singular direction of the residual after the other, until held-out entries say stop."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike, NDArray

from matmend.graph import ObservationGraph
from matmend.masks import matched_holdout
from matmend.methods.completion import Completion, channels_apart, checked, finished, side_by_side
from matmend.methods.floors import with_means_where_unseen

FEW, MANY = 20, 1000
"""Sweeps of a level on the way: the first ones are made in any case, more only while they pay."""
FEW_TOL, MANY_TOL = 1e-3, 0.03
"""A level on the way ends when a sweep lowers the loss by a smaller share: among the first few, and after them."""
PROXIMAL = 1e-4
"""How much a sweep is held back where the data say nothing, in units of the mean curvature."""
MARGIN = 0.01
"""Larger ranks are tried while the held-out error falls by this share; else exact data are fitted digit by digit."""
MET = 1e-7
"""The observed entries are met when the residual is below this many times the data."""


def complete(
    observed: ArrayLike,
    mask: ArrayLike | None = None,
    *,
    max_rank: int | None = None,
    steps: int = 200,
    tol: float = 1e-4,
    patience: int = 3,
    holdout: float = 0.05,
    seed: int = 0,
) -> Completion:
    r"""Complete a matrix by greedy low-rank learning, which finds the rank on its way.

    From X = 0, the first singular pair u, v of the residual R = P(Y - X) is added to the factors of X = AB, and

    .. math:: \min_{A, B} \tfrac12 \|P_\Omega(A B - Y)\|_F^2, \qquad A \in R^{m \times k}, B \in R^{k \times n}

    is followed from there to its next critical point, for k = 1, 2, ....

    Parameters
    ----------
    observed, mask
        As in [`complete_with`][matmend.methods.complete_with]; channels are completed as one matrix side by side.
    max_rank : int or None, default None
        Most ranks that are tried. None goes on while ``k (m + n - k)``, the numbers that a matrix of rank k is made of,
        is not more than the entries to learn from.
    steps : int, default 200
        Most sweeps at the rank of the result.
    tol : float, default 1e-4
        Ends them when a sweep lowers the loss by a smaller share.
    patience : int, default 3
        Ranks in a row that may be no better on the held-out entries, by a hundredth, before larger ones are given up.
    holdout : float in [0, 1), default 0.05
        Share of the observed entries set aside for choosing the rank, in the shape of what is missing (but for whole
        rows and columns); the result is then made from all of them. 0 chooses nothing: ranks are added until the
        observed entries are met or there are `max_rank` of them.
    seed : int
        Fixes the choice of held-out entries.

    Returns
    -------
    Completion
        ``settings["rank"]`` is the rank. ``record`` has a number for every level of the choice, rank 0 the first:
        ``"rank"``, ``"loss"`` (half the sum of squares), ``"sigma"`` and ``"gap"`` (first singular value of the
        residual, and second over first: near 1 the order of the levels means little), ``"sweeps"``, and with held-out
        entries ``"heldout_rmse"``; ``expected_rmse`` is the one at the chosen rank.

    Raises
    ------
    ValueError
        If the array, the mask or a setting cannot be used; the message says why.

    Notes
    -----
    The levels are the saddles that gradient descent on a factorization visits from a vanishing start. What the theory
    follows there by gradient descent ([`greedy`][matmend.dynamics.greedy] does) is done here by sweeps of alternating
    least squares, started from the last level's factors and the new direction: critical points are the same, and
    hundreds of rows take a second or a few. Which of several is reached may differ, and levels on the way are left
    before the last digits. A sweep minimises ``loss + c |A - A_before|^2 / 2``, with a small c: directions of which the
    data say nothing stay as they are, as under gradient descent. L-BFGS on A and B took as long and ended farther from
    exact data.

    Nothing shrinks the singular values. That suits data of low rank without much noise; where much noise is, and where
    large holes leave a rank open, `soft_impute` is safer. Held-out entries in the shape of what is missing keep the
    rank small there.

    If the observation graph is disconnected, entries across its components are 0 in X: nothing that is observed speaks
    of them ([`matmend.graph`][] tells). Rows and columns of which nothing was observed get means instead.

    References
    ----------
    Li, Luo & Lyu 2021, "Towards Resolving the Implicit Bias of Gradient Descent for Matrix Factorization: Greedy
    Low-Rank Learning", arXiv:2012.09839; Bai, Zhao & Zhang 2024, arXiv:2405.13721. Choosing the rank by held-out
    entries and the alternating least squares are not theirs.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.outer(np.arange(1.0, 7.0), np.arange(1.0, 9.0))
    >>> done = complete(X, X != X[2, 4])
    >>> float(round(done.completed[2, 4], 6)), done.settings["rank"]
    (15.0, 1)
    """
    started = time.perf_counter()
    if max_rank is not None and (max_rank != int(max_rank) or max_rank < 1):
        raise ValueError(
            f"max_rank: expected a whole number >= 1 or None, got {max_rank!r}; None lets the data choose."
        )
    for name, number in (("steps", steps), ("patience", patience)):
        if number != int(number) or number < 1:
            raise ValueError(f"{name}: expected a whole number >= 1, got {number!r}.")
    if not tol >= 0:
        raise ValueError(f"tol: expected a number >= 0, got {tol!r}; 1e-4 is usual.")
    if not 0 <= holdout < 1:
        raise ValueError(f"holdout: expected a number in [0, 1), got {holdout!r}; 0.05 is usual, 0 chooses no rank.")
    array, seen = checked(observed, mask)
    channels = array.shape[2] if array.ndim == 3 else 1
    P = np.tile(seen, channels)
    Y = np.where(P, side_by_side(array), 0).astype(np.float64)
    levels: list[_Level] = []
    rank, expected = _largest_rank(P, max_rank), None
    if holdout > 0:
        train, held = (np.tile(part, channels) for part in _heldout(seen, holdout, seed))
        levels, rank = _chosen(Y, train, held, _largest_rank(train, max_rank), patience)
        expected = levels[rank].heldout_rmse
    path = list(_greedy(Y, P, rank))
    end = _descend(Y, P, path[-1], int(steps), tol) if path[-1].rank else path[-1]
    levels = levels or [*path[:-1], end]
    X_hat = channels_apart(end.A @ end.B, None if array.ndim == 2 else channels)
    done = finished(
        array,
        seen,
        with_means_where_unseen(X_hat, array, seen),
        method="glrl",
        settings={"rank": end.rank, "tol": tol, "patience": patience, "holdout": holdout, "seed": seed},
        started=started,
        steps=end.sweeps,
        message="the loss no longer falls" if end.sweeps < steps else "all steps were made",
    )
    names = ("rank", "loss", "sigma", "gap", "sweeps", *(("heldout_rmse",) if holdout > 0 else ()))
    record = {name: np.array([getattr(level, name) for level in levels]) for name in names}
    return replace(done, expected_rmse=expected, record=record)


@dataclass(frozen=True)
class _Level:
    """Factors of one rank, and the first two singular values of what they leave."""

    A: NDArray[np.float64]
    B: NDArray[np.float64]
    loss: float
    sigma: float = 0.0
    gap: float = 0.0
    sweeps: int = 0
    heldout_rmse: float = np.inf

    @property
    def rank(self) -> int:
        return self.A.shape[1]


def _heldout(seen: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Set entries aside in the shape of what is missing, but for whole rows and columns, which no rank can tell."""
    some = np.ix_(seen.any(axis=1), seen.any(axis=0))
    train, held = np.zeros_like(seen), np.zeros_like(seen)
    train[some], held[some] = matched_holdout(seen[some], share, seed=seed)
    return train, held


def _largest_rank(P: np.ndarray, max_rank: int | None) -> int:
    m, n = P.shape
    if max_rank is not None:
        return min(max_rank, m, n)
    ranks = np.arange(1, min(m, n))
    return int(max(1, np.sum(ranks * (m + n - ranks) <= P.sum())))


def _greedy(Y: np.ndarray, P: np.ndarray, rank: int) -> Iterator[_Level]:
    """Yield level 0, 1, ..., up to `rank` or to where the observed entries are met."""
    components = _components(P)
    Y = np.where(P, Y, 0.0)
    level = _Level(np.zeros((Y.shape[0], 0)), np.zeros((0, Y.shape[1])), float(np.vdot(Y, Y)) / 2)
    size = np.sqrt(2 * level.loss)
    while True:
        R = _residual(Y, P, level)
        u, v, sigma = _direction(R, components)
        level = replace(level, sigma=float(sigma[0]), gap=float(sigma[1] / sigma[0]) if sigma[0] > 0 else 0.0)
        yield level
        if level.rank >= rank or np.sqrt(2 * level.loss) <= MET * size:
            return
        # The multiple of u v' that lowers the loss most, shared by the two factors.
        root = np.sqrt(float(u @ R @ v) / float((u**2) @ P @ (v**2)))
        wider = replace(level, A=np.c_[level.A, root * u], B=np.r_[level.B, root * v[None]])
        level = _descend(Y, P, wider, FEW, FEW_TOL)
        if level.sweeps == FEW:
            # Data of exactly this rank: the loss falls geometrically to 0, and must not be taken for another rank.
            level = _descend(Y, P, level, MANY, MANY_TOL, MET**2 / 2 * size**2)


def _residual(Y: np.ndarray, P: np.ndarray, level: _Level) -> NDArray[np.float64]:
    return np.where(P, Y - level.A @ level.B, 0.0)


def _components(P: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Label rows and columns by component; None if there is one, but for rows and columns without an entry."""
    graph = ObservationGraph.from_mask(P)
    used = np.unique(graph.row_labels[P.any(axis=1)])
    return None if len(used) < 2 else (graph.row_labels, graph.col_labels)


def _direction(
    R: np.ndarray, components: tuple[np.ndarray, np.ndarray] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the first singular pair of R, exactly 0 outside one component, and the two largest singular values."""
    u, v, sigma = _first_pair(R)
    if components is None:
        return u, v, sigma
    rows, cols = components
    here = rows[np.argmax(np.abs(u))]
    of_row, of_col = rows == here, cols == here
    # Rounding leaks into the other components, and equal singular values mix them.
    u, v, _ = _first_pair(R * np.outer(of_row, of_col))
    return np.where(of_row, u, 0.0), np.where(of_col, v, 0.0), sigma


def _first_pair(R: np.ndarray) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    if R.shape[0] > R.shape[1]:
        v, u, sigma = _first_pair(R.T)
        return u, v, sigma
    m = R.shape[0]
    squares, U = scipy.linalg.eigh(R @ R.T, subset_by_index=(max(m - 2, 0), m - 1), check_finite=False)
    sigma = np.sqrt(np.maximum(squares[::-1], 0))
    v = R.T @ U[:, -1]
    return U[:, -1], v / max(float(np.linalg.norm(v)), np.finfo(np.float64).tiny), np.append(sigma, 0.0)[:2]


def _descend(Y: np.ndarray, P: np.ndarray, level: _Level, sweeps: int, tol: float, least_loss: float = 0.0) -> _Level:
    """Sweep until the loss no longer falls; it never rises."""
    A, B, loss, made = level.A, level.B, np.inf, 0
    weights = P.astype(np.float64)
    while made < sweeps:
        A = _least_squares(Y, weights, A, B)
        B = _least_squares(Y.T, weights.T, B.T, A.T).T
        R = np.where(P, Y - A @ B, 0.0)
        before, loss, made = loss, float(np.vdot(R, R)) / 2, made + 1
        if loss <= least_loss or before - loss <= tol * before < np.inf:
            break
    return replace(level, A=A, B=B, loss=loss, sweeps=made)


def _least_squares(Y: np.ndarray, weights: np.ndarray, A: np.ndarray, B: np.ndarray) -> NDArray[np.floating]:
    """Minimise over every row of A by itself, held back a little from moving."""
    k = len(B)
    i, j = np.triu_indices(k)
    curvature = np.empty((len(A), k, k))
    curvature[:, i, j] = curvature[:, j, i] = weights @ (B[i] * B[j]).T
    hold = PROXIMAL * float(np.mean(np.trace(curvature, axis1=1, axis2=2))) / k
    right = Y @ B.T + hold * A
    return np.linalg.solve(curvature + hold * np.eye(k), right[:, :, None])[:, :, 0]


def _chosen(Y: np.ndarray, train: np.ndarray, held: np.ndarray, rank: int, patience: int) -> tuple[list[_Level], int]:
    """Return the levels that were tried and the index of the best on the held-out entries."""
    levels: list[_Level] = []
    best = 0
    for level in _greedy(Y, train, rank):
        error = float(np.sqrt(np.mean((level.A @ level.B - Y)[held] ** 2)))
        levels.append(replace(level, heldout_rmse=error))
        if error < (1 - MARGIN) * levels[best].heldout_rmse:
            best = level.rank
        if level.rank - best >= patience:
            break
    return levels, int(np.argmin([level.heldout_rmse for level in levels]))
