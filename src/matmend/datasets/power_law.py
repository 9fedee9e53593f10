"""Ratings of any size made up from a seed: power-law degrees, communities, low rank, biases and noise."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from matmend.datasets._degrees import degrees, distinct_entries
from matmend.io import Ratings

__all__ = ["RatingsSample", "community_graph", "power_law_ratings"]

CHUNK = 2**20
"""Entries whose values are computed at a time."""

Labels = NDArray[np.int32]
Reals = NDArray[np.float32]


@dataclass(frozen=True, eq=False, repr=False)
class RatingsSample:
    """Generated ratings, and what they were generated from.

    Parameters
    ----------
    train, heldout : Ratings
        Entries to learn from and entries to be judged by; none is in both. Of the same shape (m, n), row after row,
        columns increasing.
    mean, noise : float
        As given to :func:`power_law_ratings`.
    row_biases, col_biases : float32 array, shape (m,) or (n,)
        b and c.
    row_factors, col_factors : float32 array, shape (m, rank) or (n, rank)
        U and V.
    row_communities, col_communities : int32 array, shape (m,) or (n,)
        The community of each row, of each column.
    source : str
        The call that makes the same again.
    """

    train: Ratings
    heldout: Ratings
    mean: float
    noise: float
    row_biases: Reals
    col_biases: Reals
    row_factors: Reals
    col_factors: Reals
    row_communities: Labels
    col_communities: Labels
    source: str = ""

    @property
    def shape(self) -> tuple[int, int]:
        """(m, n)."""
        return self.train.shape

    def expected(self, rows: NDArray[np.integer], cols: NDArray[np.integer]) -> Reals:
        """Return the ratings without noise, ``mean + b_i + c_j + <u_i, v_j>``, not rounded to levels.

        Parameters
        ----------
        rows, cols : int array, shape (e,)
            Positions i and j.

        Returns
        -------
        float32 array, shape (e,)
        """
        values = np.empty(len(rows), np.float32)
        for start in range(0, len(rows), CHUNK):
            i, j = rows[start : start + CHUNK], cols[start : start + CHUNK]
            inner = np.einsum("er,er->e", self.row_factors[i], self.col_factors[j])
            values[start : start + CHUNK] = inner + self.row_biases[i] + self.col_biases[j] + np.float32(self.mean)
        return values

    def __repr__(self) -> str:
        m, n = self.shape
        return f"RatingsSample({m:,} x {n:,}, {self.train.values.size:,} train, {self.heldout.values.size:,} heldout)"


def power_law_ratings(
    num_rows: int,
    num_cols: int,
    num_entries: int,
    *,
    num_heldout: int | None = None,
    rank: int = 8,
    factor_std: float = 0.7,
    noise: float = 0.5,
    mean: float = 3.5,
    row_bias_std: float = 0.4,
    col_bias_std: float = 0.5,
    num_communities: int = 40,
    community_strength: float = 0.7,
    row_exponent: float = 0.6,
    col_exponent: float = 2.2,
    levels: Sequence[float] | None = None,
    seed: int,
) -> RatingsSample:
    """Make ratings ``y_ij = mean + b_i + c_j + <u_i, v_j> + noise e_ij`` at entries of power-law degrees.

    With the defaults, 162,541 rows, 59,047 columns and 25,000,095 entries have degrees much like MovieLens-25M; other
    sizes have the same shares.

    Parameters
    ----------
    num_rows, num_cols : int
        m and n.
    num_entries : int
        Entries to learn from.
    num_heldout : int, optional
        Entries to be judged by, drawn uniformly out of all; a tenth of `num_entries` by default.
    rank : int >= 1
        Columns of U and V.
    factor_std : float >= 0
        Standard deviation of ``<u_i, v_j>``.
    noise : float >= 0
        Standard deviation of the noise, e is standard normal: the lowest RMSE that anyone can reach.
    mean : float
        Of all ratings.
    row_bias_std, col_bias_std : float >= 0
        Standard deviations of b and c, which are normal.
    num_communities : int >= 1
        Of rows and of columns. Each member draws its own uniformly, whatever its degree.
    community_strength : float in [0, 1]
        s in ``u_i = factor_std^(1/2) rank^(-1/4) (s^(1/2) z_g(i) + (1 - s)^(1/2) z_i)``, standard normal z: the share
        of a row's factors that it has in common with its community. The same for columns.
    row_exponent, col_exponent : float >= 0
        beta in the degree of the k-th row of m, in order of degree, proportional to
        ``((1 + t) / (k / m + t))^beta - 1 + f``, with ``t = 2e-4``, ``f = 0.15`` for rows; for columns
        ``t = 0.004``, ``f = 1``. With 0, all rows or columns are alike.
    levels : sequence of float, optional
        Ratings become the nearest of these: ``np.arange(1, 11) / 2`` is half stars from 0.5 to 5. By default they stay
        real numbers, and some lie outside of 1..5.
    seed : int
        Seed of `numpy.random.default_rng`. The same entries come whatever the values, and the same values without
        noise whatever the noise.

    Returns
    -------
    RatingsSample
        Every row and column has an entry in `train` or `heldout`; which index is popular is random.

    Raises
    ------
    ValueError
        If an argument is out of range, or there are fewer entries than rows or columns, or more than half of m n.

    Notes
    -----
    Biases alone reach an RMSE of ``(factor_std^2 + noise^2)^(1/2)``, 0.86 by default where `noise` is 0.5; how far
    below a method gets depends on the number of entries per row. Rounding to levels adds about ``step^2 / 12`` to
    ``noise^2``, less what it clips.

    Degrees of rows are exact. Columns have theirs as popularities: each row draws so many columns by them and puts none
    back, so the most popular ones have less than the formula (at most a row each) and all others a little more. In the
    size of MovieLens-25M, 10 % held out besides, seed 0, rows have 16 to 17,633 entries, median 72, and columns 1 to
    67,178, median 13; the originals have 20 to 32,202, median 71, and 1 to 81,491, median 6.

    What is observed does not depend on the ratings: who rated what says nothing here, as it does in real data.

    Examples
    --------
    >>> sample = power_law_ratings(300, 200, 5000, seed=0)
    >>> sample
    RatingsSample(300 x 200, 5,000 train, 500 heldout)
    >>> expected = sample.expected(sample.heldout.rows, sample.heldout.cols)
    >>> round(float(np.sqrt(np.mean((expected - sample.heldout.values) ** 2))), 1)
    0.5
    """
    num_heldout = num_entries // 10 if num_heldout is None else num_heldout
    total = num_entries + num_heldout
    _check_counts(num_rows, num_cols, num_entries, num_heldout)
    for name, number in (("rank", rank), ("num_communities", num_communities)):
        if number != int(number) or number < 1:
            raise ValueError(f"{name}: expected a positive whole number, got {number!r}; 8 will do.")
    spread = {"factor_std": factor_std, "noise": noise, "row_bias_std": row_bias_std, "col_bias_std": col_bias_std}
    for name, number in (spread | {"row_exponent": row_exponent, "col_exponent": col_exponent}).items():
        if not 0 <= number < np.inf:
            raise ValueError(f"{name}: expected a finite number >= 0, got {number!r}; leave it out for the default.")
    if not 0 <= community_strength <= 1:
        raise ValueError(f"community_strength: expected a share in [0, 1], got {community_strength!r}; 0 for none.")
    # Streams of their own: the truth does not change with the number of entries, nor the entries with the truth.
    entries_rng, row_rng, col_rng, noise_rng = np.random.default_rng(seed).spawn(4)
    row_degrees = degrees(num_rows, total, -(-9 * num_cols // 10), row_exponent, shift=2e-4, floor=0.15)
    col_degrees = degrees(num_cols, total, total, col_exponent, shift=0.004, floor=1)
    rows, cols = distinct_entries(
        entries_rng.permutation(row_degrees), entries_rng.permutation(col_degrees), entries_rng
    )
    is_heldout = np.zeros(total, bool)
    is_heldout[entries_rng.choice(total, num_heldout, replace=False, shuffle=False)] = True
    scale = factor_std**0.5 * rank**-0.25
    sides = []
    for rng, size, bias_std in ((row_rng, num_rows, row_bias_std), (col_rng, num_cols, col_bias_std)):
        centres = rng.standard_normal((num_communities, rank), np.float32)
        labels = rng.integers(num_communities, size=size, dtype=np.int32)
        biases = np.float32(bias_std) * rng.standard_normal(size, np.float32)
        own = np.float32((1 - community_strength) ** 0.5) * rng.standard_normal((size, rank), np.float32)
        factors = np.float32(scale) * (np.float32(community_strength**0.5) * centres[labels] + own)
        sides.append((biases, factors, labels))
    (row_biases, U, row_labels), (col_biases, V, col_labels) = sides
    empty = Ratings(rows[:0], cols[:0], np.empty(0, np.float32), (num_rows, num_cols))
    truth = RatingsSample(empty, empty, mean, noise, row_biases, col_biases, U, V, row_labels, col_labels)
    values = truth.expected(rows, cols)
    for start in range(0, total, CHUNK):
        piece = values[start : start + CHUNK]
        piece += np.float32(noise) * noise_rng.standard_normal(piece.size, np.float32)
        if levels is not None:
            piece[:] = _nearest(piece, levels)
    train, heldout = (
        Ratings(rows[which], cols[which], values[which], (num_rows, num_cols)) for which in (~is_heldout, is_heldout)
    )
    return RatingsSample(
        train, heldout, mean, noise, row_biases, col_biases, U, V, row_labels, col_labels,
        source=f"matmend.datasets.power_law_ratings({num_rows}, {num_cols}, {num_entries}, ..., seed={seed})",
    )  # fmt: skip


def community_graph(communities: NDArray[np.integer], num_neighbours: int = 10, *, seed: int) -> csr_array:
    """Make a graph in which every member of a community has some others of it as neighbours, and no one else.

    Parameters
    ----------
    communities : int array, shape (m,)
        The community of each, such as ``sample.row_communities``.
    num_neighbours : even int >= 2
        Of each; fewer where a community is small.
    seed : int
        Seed of `numpy.random.default_rng`.

    Returns
    -------
    scipy.sparse.csr_array of float32, shape (m, m)
        0/1, symmetric, zero diagonal; its connected components are the communities.

    Raises
    ------
    ValueError
        If `num_neighbours` is not even or below 2.

    Notes
    -----
    The union of ``num_neighbours / 2`` random rings through each community.

    Examples
    --------
    >>> community_graph(np.array([0, 1, 0, 1, 0]), 2, seed=0).toarray()
    array([[0., 0., 1., 0., 1.],
           [0., 0., 0., 1., 0.],
           [1., 0., 0., 0., 1.],
           [0., 1., 0., 0., 0.],
           [1., 0., 1., 0., 0.]], dtype=float32)
    """
    if num_neighbours < 2 or num_neighbours % 2:
        raise ValueError(f"num_neighbours: expected an even number, 2 or more, got {num_neighbours!r}; 10 will do.")
    rng = np.random.default_rng(seed)
    labels = np.asarray(communities)
    size = labels.size
    firsts, seconds = [], []
    for _ in range(num_neighbours // 2):
        ring = np.lexsort((rng.random(size), labels))
        ordered = labels[ring]
        starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
        follower = np.append(ring[1:], ring[:1])
        follower[np.append(starts[1:], size) - 1] = ring[starts]  # the last of a community is followed by its first
        firsts.append(ring)
        seconds.append(follower)
    first, second = np.concatenate(firsts), np.concatenate(seconds)
    first, second = np.append(first, second), np.append(second, first)
    apart = first != second
    graph = csr_array((np.ones(int(apart.sum()), np.float32), (first[apart], second[apart])), shape=(size, size))
    graph.sum_duplicates()
    graph.data[:] = 1
    return graph


def _nearest(values: Reals, levels: Sequence[float]) -> Reals:
    allowed = np.asarray(levels, np.float32)
    if allowed.ndim != 1 or allowed.size < 2 or not (np.diff(allowed) > 0).all():
        raise ValueError(f"levels: expected two or more increasing numbers, got {levels!r}; np.arange(1, 11) / 2.")
    return allowed[np.searchsorted((allowed[1:] + allowed[:-1]) / 2, values)]


def _check_counts(num_rows: int, num_cols: int, num_entries: int, num_heldout: int) -> None:
    for name, number in (("num_rows", num_rows), ("num_cols", num_cols), ("num_entries", num_entries)):
        if number != int(number) or number < 1:
            raise ValueError(f"{name}: expected a positive whole number, got {number!r}; pass a count.")
    if num_heldout != int(num_heldout) or num_heldout < 0:
        raise ValueError(f"num_heldout: expected a whole number >= 0, got {num_heldout!r}; 0 holds out nothing.")
    total = num_entries + num_heldout
    if not max(num_rows, num_cols) <= total <= num_rows * num_cols // 2:
        raise ValueError(
            f"num_entries: expected, with those held out, {max(num_rows, num_cols):,} (one per row and column) to "
            f"{num_rows * num_cols // 2:,} (half of all), got {total:,}; change the shape or the number."
        )
