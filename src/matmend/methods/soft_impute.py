"""Soft-Impute: the least squares fit of small nuclear norm."""

import time
from dataclasses import replace

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike, NDArray

from matmend.masks import holdout_split
from matmend.methods.completion import Completion, channels_apart, checked, finished, side_by_side
from matmend.methods.floors import with_means_where_unseen

PATH = np.geomspace(1, 1e-4, 17)[1:]
"""The shrinkages that are tried when none is given, as shares of the one that makes everything 0."""
PATH_TOL = 3e-4
"""The tolerance on the path: choosing needs less precision than the result, and small shrinkages are slow."""
PATIENCE = 3
"""Shrinkages in a row that may be no better before smaller ones are given up."""


def complete(
    observed: ArrayLike,
    mask: ArrayLike | None = None,
    *,
    shrinkage: float | None = None,
    steps: int = 500,
    tol: float = 1e-5,
    holdout: float = 0.05,
    seed: int = 0,
) -> Completion:
    r"""Complete a matrix by nuclear-norm regularised least squares.

    .. math:: \min_X \tfrac12 \|P_\Omega(X - Y)\|_F^2 + \lambda \|X\|_*

    by iterating "put the observed entries back, make every singular value smaller by λ (or 0)".

    Parameters
    ----------
    observed, mask
        As in [`complete_with`][matmend.methods.complete_with]; channels are completed as one matrix side by side.
    shrinkage : float >= 0 or None, default None
        λ, in units of the singular values; from the largest singular value of P(Y) on, X is 0. None goes down a path
        from there to 1e-4 of it, each λ started from the X of the last one, until 3 in a row are no better on held-out
        entries, and takes the best.
    steps : int, default 500
        Most iterations for one λ.
    tol : float, default 1e-5
        Ends the iteration when X changes by less, ``|change| < tol |X|``.
    holdout : float in (0, 1), default 0.05
        Share of the observed entries set aside for choosing λ. The result is then made from all of them.
    seed : int
        Fixes the choice of held-out entries.

    Returns
    -------
    Completion
        ``record`` has the ``"objective"`` of every step at the λ of the result, which never rises. With
        ``shrinkage=None`` there is an ``expected_rmse``, the error of the choice on the held-out entries.

    Raises
    ------
    ValueError
        If the array, the mask or a setting cannot be used; the message says why.

    Notes
    -----
    The problem is convex. The paper iterates plainly; here the steps are extrapolated (Nesterov's weights) and the
    extrapolation starts anew whenever it would raise the objective: the same minimiser in fewer steps. The singular
    vectors are eigenvectors of the smaller of X X' and X' X, in double precision. Rows and columns of which nothing
    was observed are zero in the minimiser and get means instead.

    Shrinking makes X too small as well as of low rank. The choice is made for entries that are missing like the
    held-out ones, *scattered*: for holes and blocks a larger λ is better.

    References
    ----------
    Mazumder, Hastie & Tibshirani 2010, "Spectral regularization algorithms for learning large incomplete matrices",
    Journal of Machine Learning Research 11, 2287-2322. O'Donoghue & Candès 2012, "Adaptive restart for accelerated
    gradient schemes", arXiv:1204.3982.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.outer(np.arange(1.0, 7.0), np.arange(1.0, 9.0))
    >>> done = complete(X, X != X[2, 4], shrinkage=1e-3, tol=1e-9)
    >>> float(round(done.completed[2, 4], 2)), float(X[2, 4])
    (15.0, 15.0)
    """
    started = time.perf_counter()
    if shrinkage is not None and not 0 <= shrinkage < np.inf:
        raise ValueError(f"shrinkage: expected a number >= 0 or None, got {shrinkage!r}; None lets the data choose.")
    if steps != int(steps) or steps < 1:
        raise ValueError(f"steps: expected a whole number >= 1, got {steps!r}; 500 is usual.")
    if not tol >= 0:
        raise ValueError(f"tol: expected a number >= 0, got {tol!r}; 1e-5 is usual.")
    array, seen = checked(observed, mask)
    channels = array.shape[2] if array.ndim == 3 else 1
    Y = side_by_side(array).astype(np.float64)
    start, expected = np.zeros_like(Y), None
    if shrinkage is None:
        train, held = (np.tile(part, channels) for part in holdout_split(seen, holdout, seed=seed))
        shrinkage, start, expected = _chosen(Y, train, held, int(steps), max(tol, PATH_TOL))
    X, objective, has_converged = _minimize(Y, np.tile(seen, channels), float(shrinkage), start, int(steps), tol)
    X_hat = channels_apart(X, None if array.ndim == 2 else channels)
    done = finished(
        array,
        seen,
        with_means_where_unseen(X_hat, array, seen),
        method="soft_impute",
        settings={"shrinkage": float(shrinkage), "tol": tol, "holdout": holdout, "seed": seed},
        started=started,
        steps=len(objective),
        message="the matrix no longer changes" if has_converged else "all steps were made",
    )
    return replace(done, expected_rmse=expected, record={"objective": np.array(objective)})


def _minimize(
    Y: np.ndarray, seen: np.ndarray, shrinkage: float, start: np.ndarray, steps: int, tol: float
) -> tuple[NDArray[np.float64], list[float], bool]:
    """Minimise from `start`; return X, the objective after every step, and whether the iteration converged."""

    def proximal_step(Z: np.ndarray) -> tuple[np.ndarray, float]:
        X, nuclear_norm = _shrunk(np.where(seen, Y, Z), shrinkage)
        return X, 0.5 * float(np.sum((X - Y) ** 2, where=seen)) + shrinkage * nuclear_norm

    X = before = start
    objective: list[float] = []
    t = 1.0
    for _ in range(steps):
        t_next = (1 + np.sqrt(1 + 4 * t**2)) / 2
        new, value = proximal_step(X + (t - 1) / t_next * (X - before))
        if objective and value > objective[-1]:
            t_next = 1.0
            new, value = proximal_step(X)
            if value > objective[-1]:  # by rounding only, since a plain step cannot rise: nothing is left to gain
                return X, objective, True
        before, X, t = X, new, t_next
        objective.append(value)
        if np.linalg.norm(X - before) <= tol * np.linalg.norm(X):
            return X, objective, True
    return X, objective, False


def _shrunk(Z: NDArray[np.float64], shrinkage: float) -> tuple[NDArray[np.float64], float]:
    """Return Z with singular values (sigma - shrinkage)+, and their sum."""
    if Z.shape[0] > Z.shape[1]:
        X, nuclear_norm = _shrunk(Z.T, shrinkage)
        return X.T, nuclear_norm
    above = (shrinkage**2, np.inf)
    eigenvalues, u = scipy.linalg.eigh(Z @ Z.T, subset_by_value=above, check_finite=False)
    sigma = np.sqrt(eigenvalues)
    return u @ ((1 - shrinkage / sigma)[:, None] * (u.T @ Z)), float(np.sum(sigma - shrinkage))


def _chosen(
    Y: np.ndarray, train: np.ndarray, held: np.ndarray, steps: int, tol: float
) -> tuple[float, np.ndarray, float]:
    """Return the shrinkage of least error on the held-out entries, its X, and the error."""
    largest = float(np.linalg.norm(np.where(train, Y, 0), 2))
    X = best = np.zeros_like(Y)
    chosen, least, num_worse = largest, float(np.sqrt(np.mean(Y[held] ** 2))), 0
    for shrinkage in largest * PATH:
        X = _minimize(Y, train, float(shrinkage), X, steps, tol)[0]
        error = float(np.sqrt(np.mean((X - Y)[held] ** 2)))
        num_worse = num_worse + 1 if error >= least else 0
        if error < least:
            chosen, best, least = float(shrinkage), X, error
        if num_worse == PATIENCE:
            break
    return chosen, best, least
