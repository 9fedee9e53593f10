"""SVDimpute: fill, truncate to low rank, fill again."""

import time
from dataclasses import replace

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike, NDArray

from matmend.masks import holdout_split
from matmend.methods.completion import Completion, channels_apart, checked, finished, side_by_side
from matmend.methods.floors import with_means_where_unseen

CANDIDATES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
"""The ranks that are tried when none is given."""
PATIENCE = 3
"""Ranks in a row that may be no better before larger ones are given up."""


def complete(
    observed: ArrayLike,
    mask: ArrayLike | None = None,
    *,
    rank: int | None = 10,
    steps: int = 200,
    tol: float = 1e-5,
    holdout: float = 0.05,
    seed: int = 0,
) -> Completion:
    r"""Complete a matrix by the fixed point of "truncate to rank r, put the observed entries back".

    .. math:: X^{t+1} = \mathrm{svd}_r(P_\Omega(Y) + P_\Omega^\perp(X^t)), \qquad X^0 = 0,

    where svd_r keeps the r largest singular values; r is 1, 2, 4, ... in the first steps, up to `rank`.

    Parameters
    ----------
    observed, mask
        As in [`complete_with`][matmend.methods.complete_with]; channels are completed as one matrix side by side.
    rank : int or None, default 10
        Number of singular values kept, at most ``min(m, n) - 1`` (with all of them the zeros of the start would stay).
        None tries growing ranks on held-out entries until 3 in a row are no better, each started from the X of the
        last one, and the result from the X of the best.
    steps : int, default 200
        Most iterations.
    tol : float, default 1e-5
        Ends the iteration when the missing entries change by less, ``|change|^2 < tol |before|^2``.
    holdout : float in (0, 1), default 0.05
        Share of the observed entries set aside for choosing a rank. The result is then made from all of them.
    seed : int
        Fixes the choice of held-out entries.

    Returns
    -------
    Completion
        With ``rank=None`` there is an ``expected_rmse``, the error of the choice on the held-out entries.

    Raises
    ------
    ValueError
        If the array, the mask or a setting cannot be used; the message says why.

    Notes
    -----
    The start at zeros, the growing rank and the defaults are those of fancyimpute's IterativeSVD; Troyanskaya et al.
    start at row means and end at a change of 0.01. AIR-Net's SVD column on images is reached with ``rank=20``. Rows and
    columns of which nothing was observed would stay zero and get means instead.

    The problem is not convex, and the result depends on the start: growing the rank slowly (``rank=None``) is far
    better than doubling it on low-rank data of which little was observed, and worse on pictures with large holes. The
    singular vectors are eigenvectors of the smaller of X X' and X' X, in double precision: several times quicker than
    an SVD.

    References
    ----------
    Troyanskaya et al., "Missing value estimation methods for DNA microarrays", doi:10.1093/bioinformatics/17.6.520.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.outer(np.arange(1.0, 7.0), np.arange(1.0, 9.0))
    >>> done = complete(X, X != X[2, 4], rank=1, tol=1e-16)
    >>> float(round(done.completed[2, 4], 6)), float(X[2, 4])
    (15.0, 15.0)
    """
    started = time.perf_counter()
    if rank is not None and (rank != int(rank) or rank < 1):
        raise ValueError(f"rank: expected a whole number >= 1 or None, got {rank!r}; None lets the data choose.")
    if steps != int(steps) or steps < 1:
        raise ValueError(f"steps: expected a whole number >= 1, got {steps!r}; 200 is usual.")
    if not tol >= 0:
        raise ValueError(f"tol: expected a number >= 0, got {tol!r}; 1e-5 is usual.")
    array, seen = checked(observed, mask)
    channels = array.shape[2] if array.ndim == 3 else 1
    Y = side_by_side(array).astype(np.float64)
    largest = max(1, min(Y.shape) - 1)
    start = expected = None
    if rank is None:
        train, held = (np.tile(part, channels) for part in holdout_split(seen, holdout, seed=seed))
        rank, start, expected = _chosen(Y, train, held, largest, int(steps), tol)
    rank = min(int(rank), largest)
    X, made, has_converged = _iterate(Y, np.tile(seen, channels), rank, int(steps), tol, start)
    X_hat = channels_apart(X, None if array.ndim == 2 else channels)
    done = finished(
        array,
        seen,
        with_means_where_unseen(X_hat, array, seen),
        method="iterative_svd",
        settings={"rank": rank, "tol": tol, "holdout": holdout, "seed": seed},
        started=started,
        steps=made,
        message="the missing entries no longer change" if has_converged else "all steps were made",
    )
    return replace(done, expected_rmse=expected)


def _iterate(
    Y: np.ndarray, seen: np.ndarray, rank: int, steps: int, tol: float, start: np.ndarray | None = None
) -> tuple[NDArray[np.float64], int, bool]:
    """Iterate from `start` (zeros, with growing rank); return the last X, the steps made, and if it converged."""
    X = Z = np.where(seen, Y, 0.0 if start is None else start)
    for step in range(steps):
        now = rank if start is not None else min(2 ** min(step, 31), rank)
        X = _truncated(Z, now)
        change = np.sum((X - Z) ** 2, where=~seen)
        size = np.sum(Z**2, where=~seen)
        Z = np.where(seen, Y, X)
        if now == rank and change <= tol * size:
            return X, step + 1, True
    return X, steps, False


def _truncated(Z: NDArray[np.float64], rank: int) -> NDArray[np.float64]:
    if Z.shape[0] > Z.shape[1]:
        return _truncated(Z.T, rank).T
    m = Z.shape[0]
    _, u = scipy.linalg.eigh(Z @ Z.T, subset_by_index=(m - rank, m - 1), check_finite=False)
    return u @ (u.T @ Z)


def _chosen(
    Y: np.ndarray, train: np.ndarray, held: np.ndarray, largest: int, steps: int, tol: float
) -> tuple[int, NDArray[np.float64], float]:
    """Return the rank of least error on the held-out entries, its X, and the error."""
    X, best, chosen, least, num_worse = None, np.zeros_like(Y), 1, np.inf, 0
    for rank in (r for r in CANDIDATES if r <= largest):
        X = _iterate(Y, train, rank, steps, tol, start=X)[0]
        error = float(np.sqrt(np.mean((X - Y)[held] ** 2)))
        num_worse = num_worse + 1 if error >= least else 0
        if error < least:
            chosen, best, least = rank, X, error
        if num_worse == PATIENCE:
            break
    return chosen, best, least
