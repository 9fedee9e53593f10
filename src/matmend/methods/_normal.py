"""A multivariate normal distribution of rows, and what it expects of the missing entries given the observed ones."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.floating]
Mask = NDArray[np.bool_]

BLOCK = 2**21
"""Most numbers in the systems that are solved together (16 MB)."""


@dataclass(frozen=True)
class Normal:
    """A normal distribution of rows.

    Attributes
    ----------
    mean : array of shape (n,)
    covariance : array of shape (n, n)
        Symmetric and positive definite.
    """

    mean: Matrix
    covariance: Matrix

    def conditional(self, values: Matrix, seen: Mask) -> Matrix:
        """Fill rows by what is expected of their missing entries given the observed ones.

        Parameters
        ----------
        values : array of shape (m, n)
            What is not seen is not looked at, and may be NaN.
        seen : bool array of shape (m, n)

        Returns
        -------
        array of shape (m, n)

        Examples
        --------
        >>> normal = Normal(np.zeros(2), np.array([[1.0, 0.5], [0.5, 1.0]]))
        >>> normal.conditional(np.array([[2.0, np.nan]]), np.array([[True, False]]))
        array([[2., 1.]])
        """
        return Patterns.of(seen).expected(self, np.where(seen, values, 0.0)).rows


class Expected(NamedTuple):
    """What one step of expectation finds: the filled rows, and the sum of their conditional covariances."""

    rows: Matrix
    spread: Matrix


@dataclass(frozen=True)
class _Group:
    """Patterns whose systems are solved together.

    Attributes
    ----------
    columns : int array of shape (p, s)
        The columns of each pattern's system, n where a pattern has fewer than s.
    rows, pattern : int arrays of shape (r,)
        The rows that have one of the patterns, and which.
    """

    columns: NDArray[np.int64]
    rows: NDArray[np.int64]
    pattern: NDArray[np.int64]


@dataclass(frozen=True)
class Patterns:
    """The rows of a table by which of their entries are missing.

    A row is conditioned on its observed entries by a system of their number (by blocks of the covariance) or of that of
    the missing ones (by blocks of its inverse), whichever are fewer.
    """

    seen: Mask
    by_missing: list[_Group]
    by_observed: list[_Group]

    @classmethod
    def of(cls, seen: Mask) -> "Patterns":
        """Find the rows that have entries missing, and those of the same."""
        gaps = np.flatnonzero(~seen.all(axis=1))
        if not gaps.size:
            return cls(seen, [], [])
        _, first, pattern = np.unique(np.packbits(seen[gaps], axis=1), axis=0, return_index=True, return_inverse=True)
        kinds, pattern = seen[gaps][first], pattern.ravel()
        few = 2 * np.count_nonzero(kinds, axis=1) < seen.shape[1]
        return cls(
            seen,
            list(_groups(~kinds, ~few, gaps, pattern)),
            list(_groups(kinds, few, gaps, pattern)),
        )

    def expected(self, normal: Normal, values: Matrix) -> Expected:
        """Return the conditional means, and the sum over rows of the conditional covariances.

        Parameters
        ----------
        normal : Normal
        values : array of shape (m, n)
            Finite everywhere; looked at where seen.
        """
        covariance, n = normal.covariance, normal.mean.size
        deviations = np.where(self.seen, values - normal.mean, 0.0)
        spread = np.zeros((n, n))
        filled = deviations.copy()
        if self.by_missing:
            precision = np.linalg.inv(covariance)
            pulls = _with_margin(deviations @ precision, 1)
            wide, sums = _with_margin(filled, 1), np.zeros((n + 1) ** 2)
            for group in self.by_missing:
                inverses, where = _inverses(precision, group, sums)
                wide[group.rows[:, None], where] = -(inverses @ pulls[group.rows[:, None], where][..., None])[..., 0]
            filled = wide[:, :n]
            spread += sums.reshape(n + 1, n + 1)[:n, :n]
        if self.by_observed:
            sums = np.zeros((n + 1) ** 2)
            for group in self.by_observed:
                inverses, where = _inverses(covariance, group, sums)
                weights = np.zeros((group.rows.size, n + 1))
                given = _with_margin(deviations[group.rows], 1)
                order = np.arange(group.rows.size)[:, None]
                weights[order, where] = (inverses @ given[order, where][..., None])[..., 0]
                filled[group.rows] = np.where(self.seen[group.rows], filled[group.rows], weights[:, :n] @ covariance)
                spread += group.rows.size * covariance
            spread -= covariance @ sums.reshape(n + 1, n + 1)[:n, :n] @ covariance
        return Expected(np.where(self.seen, values, filled + normal.mean), spread)


def _groups(kinds: Mask, wanted: Mask, gaps: NDArray[np.int64], pattern: NDArray[np.int64]) -> Iterator[_Group]:
    """Put patterns of about the same number of columns together, as many as fit into a block."""
    sizes = np.count_nonzero(kinds, axis=1)
    order = np.flatnonzero(wanted)
    order = order[np.argsort(-sizes[order], kind="stable")]  # the largest first: it says how many fit
    by_pattern = np.argsort(pattern, kind="stable")
    starts = np.searchsorted(pattern[by_pattern], np.arange(kinds.shape[0] + 1))
    begin = 0
    while begin < order.size:
        size = int(sizes[order[begin]])
        taken = order[begin : begin + max(1, BLOCK // max(size, 1) ** 2)]
        taken = taken[sizes[taken] >= 0.8 * size - 2]
        begin += taken.size
        # A stable sort brings the columns that count to the front, in their order.
        columns = np.argsort(~kinds[taken], axis=1, kind="stable")[:, :size]
        columns = np.where(np.arange(size) < sizes[taken][:, None], columns, kinds.shape[1])
        members = [by_pattern[starts[p] : starts[p + 1]] for p in taken]
        which = np.repeat(np.arange(taken.size), [len(rows) for rows in members])
        rows = gaps[np.concatenate(members)]
        step = max(1, BLOCK // max(size, 1) ** 2)
        if rows.size <= 4 * step:
            yield _Group(columns, rows, which)
            continue
        # Few patterns of many rows: the rows are taken in pieces, since each is given its system.
        for piece in range(0, rows.size, 4 * step):
            part, local = np.unique(which[piece : piece + 4 * step], return_inverse=True)
            yield _Group(columns[part], rows[piece : piece + 4 * step], local)


def _inverses(matrix: Matrix, group: _Group, sums: Matrix) -> tuple[Matrix, NDArray[np.int64]]:
    """Return the inverse block of every row of the group and its columns; add all of them to `sums`, laid out flat."""
    n, (_, size) = matrix.shape[0], group.columns.shape
    wide = _with_margin(_with_margin(matrix, 0), 1)
    flat = group.columns[:, :, None] * (n + 1) + group.columns[:, None, :]
    blocks = wide.take(flat)
    diagonal = np.arange(size)
    blocks[:, diagonal, diagonal] += group.columns == n  # where a pattern has fewer columns: 1
    inverses = np.linalg.inv(blocks)
    weights = inverses * np.bincount(group.pattern, minlength=len(inverses))[:, None, None]
    np.add.at(sums, flat.ravel(), weights.ravel())
    return inverses[group.pattern], group.columns[group.pattern]


def _with_margin(array: Matrix, axis: int) -> Matrix:
    """Return the array with zeros behind its end."""
    return np.concatenate((array, np.zeros_like(array.take([0], axis=axis))), axis=axis)
