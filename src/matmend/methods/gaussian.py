"""One multivariate normal distribution of all rows: an entry is what is expected of it given the others of its row."""

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from matmend.masks import holdout_split
from matmend.methods._normal import Mask, Matrix, Normal, Patterns
from matmend.methods.completion import Completion, channels_apart, checked, finished, side_by_side
from matmend.methods.floors import with_means_where_unseen

PATH = (0.9, 0.7, 0.45, 0.2, 0.08, 0.03, 0.01, 3e-3, 1e-3, 3e-4, 1e-4)
"""The shrinkages that are tried when none is given."""
PATH_TOL = 3e-3
"""The tolerance on the path: choosing needs less precision than the result."""
PATIENCE = 2
"""Shrinkages in a row that may be no better before smaller ones are given up."""
UNCHOSEN = 0.2
"""The shrinkage where no entry can be held out."""
MOST_ROWS = 2000
"""Rows that shrinkages are tried on, or four times the columns if these are more."""
MOST_COLUMNS = 4096
"""Beyond, one step would take minutes."""


@dataclass(frozen=True)
class GaussianCompletion(Completion):
    """A completion with the distribution that it was made from.

    Attributes
    ----------
    normal : Normal or None
        Mean and covariance of the rows, in units of the data (channels side by side). Its ``conditional`` fills new
        rows.
    """

    normal: Normal | None = None


def complete(
    observed: ArrayLike,
    mask: ArrayLike | None = None,
    *,
    shrinkage: float | None = None,
    steps: int = 200,
    tol: float = 1e-3,
    holdout: float = 0.1,
    seed: int = 0,
) -> GaussianCompletion:
    r"""Complete a table whose rows are draws from one multivariate normal distribution.

    .. math:: \hat x_m = \mu_m + \Sigma_{mo} \Sigma_{oo}^{-1} (x_o - \mu_o)

    for a row with observed entries o and missing entries m, with μ and Σ fitted to all observed entries by EM.

    Parameters
    ----------
    observed, mask
        As in [`complete_with`][matmend.methods.complete_with]; channels are completed as one matrix side by side.
    shrinkage : float in (0, 1] or None, default None
        λ, by which correlations are pulled towards 0: the covariance of the columns, each divided by its standard
        deviation, is ``(1 - λ) S + λ I``; with 1 every column is filled by its mean. None goes from 0.9 down to 1e-4,
        until 2 in a row are no better on held-out entries, and takes the best.
    steps : int, default 200
        Most steps of EM.
    tol : float, default 1e-3
        Ends EM when the missing entries change by less, root mean square in standard deviations of their columns.
    holdout : float in (0, 1), default 0.1
        Share of the observed entries set aside for choosing λ. The result is then made from all of them.
    seed : int
        Fixes the choice of held-out entries, and of the rows that λ is chosen on.

    Returns
    -------
    GaussianCompletion
        ``record`` has the ``"change"`` of every step. With ``shrinkage=None`` there is an ``expected_rmse``, the error
        on the held-out entries. ``normal`` is the distribution.

    Raises
    ------
    ValueError
        If the array, the mask or a setting cannot be used, or there are more than 4096 columns; the message says why.

    Notes
    -----
    The result maximises the likelihood times an inverse Wishart prior of Σ around the variances, whose weight is
    ``λ / (1 - λ)`` times the number of rows, so that Σ is definite however few rows there are; EM never makes it
    smaller. λ is chosen on 2000 rows where there are more; its weight in rows is kept.

    Rows with the same gaps share their systems of equations, which are as large as the number of missing or of observed
    entries, whichever is smaller. A step costs about the cube of that for every pattern of gaps, and of the number of
    columns once. Columns of different scale do not matter. A row of which nothing was observed gets μ, a column
    of which nothing was observed the means of the rows.

    References
    ----------
    Dempster, Laird & Rubin, "Maximum likelihood from incomplete data via the EM algorithm",
    doi:10.1111/j.2517-6161.1977.tb01600.x. Schafer, "Analysis of Incomplete Multivariate Data",
    doi:10.1201/9780367803025, on the prior.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 1)) * [1.0, 2.0, -3.0] + 0.01 * rng.normal(size=(200, 3))
    >>> done = complete(X, X != X[5, 2])
    >>> bool(abs(done.completed[5, 2] - X[5, 2]) < 0.05)
    True
    """
    started = time.perf_counter()
    if shrinkage is not None and not 0 < shrinkage <= 1:
        raise ValueError(
            f"shrinkage: expected a share in (0, 1] or None, got {shrinkage!r}; None lets the data choose."
        )
    if steps != int(steps) or steps < 1:
        raise ValueError(f"steps: expected a whole number >= 1, got {steps!r}; 200 is usual.")
    if not tol >= 0:
        raise ValueError(f"tol: expected a number >= 0, got {tol!r}; 1e-3 is usual.")
    array, seen = checked(observed, mask)
    channels = array.shape[2] if array.ndim == 3 else None
    found = fit_normal(
        side_by_side(array), seen, shrinkage=shrinkage, steps=int(steps), tol=tol, holdout=holdout, seed=seed
    )
    X = channels_apart(found.rows, channels)
    # The conditional mean of an empty row is the mean, better than that of what was observed; a column of which nothing
    # was observed has none in any unit.
    empty_col = ~seen.any(axis=0).reshape(1, -1, *(1,) * (array.ndim - 2))
    done = finished(
        array,
        seen,
        np.where(empty_col, with_means_where_unseen(X, array, seen), X),
        method="gaussian",
        settings={"shrinkage": found.shrinkage, "tol": tol, "holdout": holdout, "seed": seed},
        started=started,
        steps=len(found.changes),
        message="the missing entries no longer change" if found.changes[-1] <= tol else "all steps were made",
    )
    told = {"expected_rmse": found.expected_rmse, "record": {"change": np.array(found.changes)}}
    return GaussianCompletion(**{**vars(done), **told}, normal=found.normal)


@dataclass(frozen=True)
class FittedNormal:
    """What [`fit_normal`][matmend.methods.gaussian.fit_normal] found.

    Attributes
    ----------
    normal : Normal
        In units of the data.
    rows : array of shape (m, n)
        The given rows as their model: observed entries as they are, conditional means for the others.
    shrinkage : float
    expected_rmse : float or None
        Root mean squared error on the held-out entries, in units of the data; None if none were held out.
    changes : list of float
        How much the missing entries changed in every step of EM, root mean square in standard deviations.
    """

    normal: Normal
    rows: Matrix
    shrinkage: float
    expected_rmse: float | None
    changes: list[float]


def fit_normal(
    values: ArrayLike,
    seen: Mask,
    *,
    shrinkage: float | None = None,
    steps: int = 200,
    tol: float = 1e-3,
    holdout: float = 0.1,
    seed: int = 0,
) -> FittedNormal:
    """Fit one normal distribution to rows with gaps, or without: what `complete` does, for whoever wants its model.

    Parameters
    ----------
    values : array of shape (m, n * channels)
    seen : bool array of shape (m, n)
        True where observed, in all channels.
    shrinkage, steps, tol, holdout, seed
        As in [`complete`][matmend.methods.gaussian.complete].

    Returns
    -------
    FittedNormal

    Raises
    ------
    ValueError
        If there are more than 4096 columns.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(1000, 2)) @ np.array([[2.0, 1.0], [0.0, 1.0]])
    >>> fit_normal(X, np.full((1000, 2), True)).normal.covariance.round(0)
    array([[4., 2.],
           [2., 2.]])
    """
    table = np.asarray(values, dtype=np.float64)
    if table.shape[1] > MOST_COLUMNS:
        raise ValueError(
            f"gaussian: expected at most {MOST_COLUMNS} columns, got {table.shape[1]}; transpose the table if it has "
            "fewer rows, or use soft_impute."
        )
    whole = np.tile(seen, table.shape[1] // seen.shape[1])
    centre, scale = _standard(table, whole)
    standard = np.where(whole, (table - centre) / scale, 0.0)
    has_any = seen.any(axis=1)
    used = Rows.of(standard[has_any], whole[has_any])
    start, expected = None, None
    if shrinkage is None:
        shrinkage, start, errors = _chosen(used, seen[has_any], steps, tol, holdout, seed)
        expected = None if errors is None else float(np.sqrt(np.nanmean((errors * scale) ** 2)))
    fitted, changes = _fitted(used, float(shrinkage), steps, tol, start)
    rows = fitted.conditional(standard, whole) * scale + centre
    normal = Normal(fitted.mean * scale + centre, fitted.covariance * scale[:, None] * scale)
    return FittedNormal(normal, rows, float(shrinkage), expected, changes)


@dataclass(frozen=True)
class Rows:
    """Standardized rows, 0 where missing, and the patterns of their gaps."""

    values: Matrix
    patterns: Patterns

    @classmethod
    def of(cls, values: Matrix, seen: Mask) -> "Rows":
        """Find the patterns."""
        return cls(np.where(seen, values, 0.0), Patterns.of(seen))


def _standard(table: Matrix, seen: Mask) -> tuple[Matrix, Matrix]:
    """Return the mean and the standard deviation of what is seen of every column, 0 and 1 where that says nothing."""
    count = np.maximum(np.count_nonzero(seen, axis=0), 1)
    centre = np.where(seen, table, 0.0).sum(axis=0) / count
    deviations = np.where(seen, table - centre, 0.0)
    # Divided before they are squared: large numbers do not overflow, and constant columns are told from rounding.
    size = np.abs(deviations).max(axis=0, initial=0.0)
    is_constant = size <= 1e-12 * np.abs(centre)
    size = np.where(is_constant, 1.0, size)
    scale = size * np.sqrt(np.sum((deviations / size) ** 2, axis=0) / count)
    return centre, np.where(is_constant, 1.0, scale)


def _fitted(rows: Rows, shrinkage: float, steps: int, tol: float, start: Normal | None) -> tuple[Normal, list[float]]:
    """Maximise the penalized likelihood by EM."""
    (m, n), seen = rows.values.shape, rows.patterns.seen
    normal = Normal(np.zeros(n), np.eye(n)) if start is None else start
    num_missing = max(1, seen.size - np.count_nonzero(seen))
    before, changes = rows.values, []
    for _ in range(steps):
        filled, spread = rows.patterns.expected(normal, rows.values)
        mean = filled.mean(axis=0)
        covariance = ((filled - mean).T @ (filled - mean) + spread) / m
        normal = Normal(mean, (1 - shrinkage) * covariance + shrinkage * np.eye(n))
        changes.append(float(np.sqrt(np.sum((filled - before) ** 2) / num_missing)))
        before = filled
        # The first step fills by means and says nothing of how far it is to go.
        if changes[-1] <= tol and (len(changes) > 1 or seen.all()):
            break
    return normal, changes


def _chosen(
    rows: Rows, seen: Mask, steps: int, tol: float, holdout: float, seed: int
) -> tuple[float, Normal | None, Matrix | None]:
    """Return the shrinkage of least error on held-out entries, a start for it, and the errors (NaN where none)."""
    (m, n), channels = rows.values.shape, rows.values.shape[1] // seen.shape[1]
    try:
        train, held = (np.tile(part, channels) for part in holdout_split(seen, holdout, seed=seed))
    except ValueError:  # too few entries to spare one
        return UNCHOSEN, None, None
    some = np.random.default_rng(seed).permutation(m)[: max(MOST_ROWS, 4 * n)]
    tried = Rows.of(rows.values[some], train[some])
    normal = best = None
    chosen, least, num_worse, errors = 1.0, np.inf, 0, None
    for shrinkage in PATH:
        normal, _ = _fitted(tried, shrinkage, steps, max(tol, PATH_TOL), normal)
        found = _errors(normal, rows.values[some], train[some], held[some])
        error = float(np.nansum(found**2))
        num_worse = num_worse + 1 if error >= least else 0
        if error < least:
            chosen, best, least, errors = shrinkage, normal, error, found
        if num_worse == PATIENCE:
            break
    if some.size < m:
        # What was found is the weight of the prior in rows.
        weight = chosen / (1 - chosen) * some.size
        chosen = weight / (weight + m)
        best, _ = _fitted(Rows.of(rows.values, train), chosen, steps, max(tol, PATH_TOL), best)
        errors = _errors(best, rows.values, train, held)
    return chosen, best, errors


def _errors(normal: Normal, values: Matrix, train: Mask, held: Mask) -> Matrix:
    return np.where(held, normal.conditional(values, train) - values, np.nan)
