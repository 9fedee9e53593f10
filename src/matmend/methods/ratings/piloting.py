"""A first look at a sample of the rows: how many columns the factors need, and where to start them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from numpy.typing import NDArray

from matmend.matrix import LowRank
from matmend.methods.ratings.candidates import Candidate
from matmend.methods.ratings.standard import StandardRatings
from matmend.observation import Entries
from matmend.solve import OnSweep, Schedule, SweepData, alternate, last_axis, solve_rows

SAMPLE = 1_000_000
"""About so many ratings are looked at."""

HELDOUT = 0.1
"""Share of them that the choice is made by."""

TOLERANCE = 5e-4
"""The least rank is taken whose error is no larger than the least error by this share."""

PILOT = Schedule(warmup=12, max_sweeps=12)


class Pilot(NamedTuple):
    """What a sample of the ratings tells.

    Attributes
    ----------
    rank : int
        The least rank that predicts held-out ratings of the sample as well as the best one.
    factor : float32 array of shape (n, rank + 2), or (m, rank + 2) if m < n
        Of the shorter side, which all of the sample is about.
    """

    rank: int
    factor: NDArray[np.float32]

    def start(self, data: SweepData) -> LowRank:
        """Solve for the longer side on all entries, from the factor of the shorter one."""
        axis = last_axis((data.by_row.num_rows, data.by_col.num_rows))
        layout = (data.by_row, data.by_col)[axis]
        ones = self.rank + 1, self.rank  # see `Biased`
        zero = jnp.zeros((layout.num_rows, self.rank + 2), self.factor.dtype)
        ridge = jnp.ones(self.rank + 2, self.factor.dtype)
        _, other = solve_rows(layout, jnp.asarray(self.factor), ridge, zero, zero, ones[axis])
        U, V = (other, jnp.asarray(self.factor)) if axis == 0 else (jnp.asarray(self.factor), other)
        return LowRank(U, V, ones)


def pilot(
    table: StandardRatings,
    most: int,
    *,
    is_choice: bool = True,
    seed: int = 0,
    mesh: Mesh | None = None,
    on_sweep: Sequence[OnSweep] = (),
) -> Pilot:
    """Train a model of rank `most` on some rows (columns, if there are more of these) with all their ratings.

    The singular vectors of its matrix are then left out one by one, from the last: a direction that the ratings do not
    ask for has learned noise alone, and costs time and accuracy.

    Parameters
    ----------
    table : StandardRatings
    most : int
    is_choice : bool, default True
        False keeps all directions.
    seed : int, default 0
    mesh : jax.sharding.Mesh, optional
    on_sweep : sequence of callables
        As in [`alternate`][matmend.solve.alternate].

    Examples
    --------
    >>> from matmend.datasets import power_law_ratings
    >>> sample = power_law_ratings(600, 300, 30_000, rank=2, seed=0)
    >>> found = pilot(StandardRatings.of(sample.train), 6)
    >>> found.rank, found.factor.shape
    (2, (300, 4))
    """
    rng = np.random.default_rng(seed)
    axis = last_axis(table.shape)
    is_taken = rng.random(table.shape[axis]) < SAMPLE / table.values.size
    chosen = np.flatnonzero(is_taken[(table.rows, table.cols)[axis]])
    names = np.cumsum(is_taken) - 1
    rows, cols, values = table.rows[chosen], table.cols[chosen], table.values[chosen]
    rows, cols = (names[rows], cols) if axis == 0 else (rows, names[cols])
    num_taken = int(is_taken.sum())
    shape = (num_taken, table.shape[1]) if axis == 0 else (table.shape[0], num_taken)
    is_held = rng.random(values.size) < HELDOUT
    entries, held = (
        Entries.from_triplets(rows[of], cols[of], values[of], shape=shape, normalizer=1.0) for of in (~is_held, is_held)
    )
    data = SweepData.from_entries(entries, mesh)
    problem = Candidate(most, False).problem(entries, None, data)
    run = alternate(problem, data, key=jax.random.key(seed, impl="rbg"), schedule=PILOT, on_sweep=on_sweep)
    X = _by_singular_vectors(run.state.mean)
    rank = most
    if is_choice:
        errors = truncation_errors(X, held)
        rank = max(1, int(np.argmax(errors <= (1 + TOLERANCE) * errors.min())))
    kept = np.r_[:rank, most : most + 2]
    return Pilot(rank, np.asarray((X.V, X.U)[axis], np.float32)[:, kept])


def truncation_errors(X: LowRank, held: Entries) -> NDArray[np.float64]:
    """Return the root mean square errors of biases and the first k columns of the factors, ``k = 0, ..., r``.

    Examples
    --------
    >>> U, V = np.array([[1.0, 0.0, 1.0], [2.0, 0.0, 1.0]]), np.array([[3.0, 1.0, 0.0]])
    >>> held = Entries.from_triplets([0, 1], [0, 0], [3.0, 6.0])
    >>> truncation_errors(LowRank(U, V, (2, 1)), held).round(3).tolist()
    [4.743, 0.0]
    """
    rows, cols, residual = (np.array(x) for x in (held.rows, held.cols, held.values))
    U, V = np.asarray(X.U), np.asarray(X.V)
    r = U.shape[1] - 2  # the last two are biases, see `Biased`
    residual = residual - np.sum(U[rows, r:] * V[cols, r:], axis=1)
    errors = [np.mean(residual**2)]
    for k in range(r):
        residual -= U[rows, k] * V[cols, k]
        errors.append(np.mean(residual**2))
    return np.sqrt(errors)


def _by_singular_vectors(X: LowRank) -> LowRank:
    """Turn the columns that are not biases into singular vectors, largest first, both of the same length."""
    U, V = np.asarray(X.U, np.float64), np.asarray(X.V, np.float64)
    r = U.shape[1] - 2
    (P, R), (Q, S) = np.linalg.qr(U[:, :r]), np.linalg.qr(V[:, :r])
    left, sizes, right = np.linalg.svd(R @ S.T)
    left, right = P @ left * np.sqrt(sizes), Q @ right.T * np.sqrt(sizes)
    turned_u: Any = np.hstack([left, U[:, r:]])
    turned_v: Any = np.hstack([right, V[:, r:]])
    return LowRank(turned_u, turned_v, X.ones)
