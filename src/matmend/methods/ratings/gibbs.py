"""Draws from the posterior of a small matrix of ratings, in NumPy: nothing is compiled, so no shape costs more."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from threadpoolctl import threadpool_limits

from matmend.solve import Schedule, last_axis

LINK_STEPS = 10
"""Conjugate gradient steps for the links in each sweep; they start from the links before."""

START = 0.1
"""Standard deviation of the factors at the start."""

Array = NDArray[np.float64]
Report = Callable[["Run", dict[str, Any]], bool | None]


class Table(NamedTuple):
    """Ratings of mean 0 and standard deviation 1, or nearly.

    Attributes
    ----------
    rows, cols : int32 arrays of shape (e,)
        Each pair once.
    values : float64 array of shape (e,)
    shape : (m, n)
    """

    rows: NDArray[np.int32]
    cols: NDArray[np.int32]
    values: Array
    shape: tuple[int, int]


class Draw(NamedTuple):
    """A draw from the posterior.

    Attributes
    ----------
    factors : arrays of shape (m, r) and (n, r)
        The last two columns carry the biases. One factor, see `last_axis`, is the expectation given the other.
    drawn : array like that one
        Its draw.
    means, precisions : arrays of shape (r,), for the rows and for the columns
        Of the priors.
    links : arrays of shape (n, r) and (m, r), or None
        What having rated a column adds to the centre of a row, and the other way round.
    noise : float
        Standard deviation.
    """

    factors: tuple[Array, Array]
    drawn: Array
    means: tuple[Array, Array]
    precisions: tuple[Array, Array]
    links: tuple[Array, Array] | None
    noise: float


class Run(NamedTuple):
    """Sweeps so far.

    Attributes
    ----------
    draws : list of Draw
        Those that count; before there are any, the newest one.
    record : list of dict
        One row for every sweep: ``sweep``, ``noise``, ``heldout`` (root mean square error of the mean of the draws, or
        None).
    predicted : array of shape (h,)
        What the mean of the draws says of the entries held out.
    is_interrupted : bool
    """

    draws: list[Draw]
    record: list[dict[str, Any]]
    predicted: Array
    is_interrupted: bool


def draw(
    table: Table,
    rank: int,
    *,
    is_implicit: bool,
    schedule: Schedule,
    rng: np.random.Generator,
    is_held: NDArray[np.bool_] | None = None,
    report: Sequence[Report] = (),
) -> Run:
    """Make the sweeps of [`alternate`][matmend.solve.alternate] with biases and the priors of ratings.

    Parameters
    ----------
    table : Table
    rank : int
        Columns of the factors besides the two of the biases.
    is_implicit : bool
        Whether the centres of rows depend on which columns they have rated, and the other way round.
    schedule : Schedule
        Its `warmup` and `max_sweeps`; there is no other end.
    rng : numpy.random.Generator
    is_held : bool array of shape (e,), optional
        Entries to leave out, and predict.
    report : sequence of callables ``(run, row) -> bool or None``
        Called after every sweep; returning True ends the run.

    Examples
    --------
    >>> rows, cols = (x.astype(np.int32) for x in np.divmod(np.arange(60), 6))
    >>> table = Table(rows, cols, np.sin(rows) + np.cos(cols), (10, 6))
    >>> is_held = rows == cols
    >>> run = draw(table, 1, is_implicit=False, schedule=Schedule(warmup=20, max_sweeps=40),
    ...            rng=np.random.default_rng(0), is_held=is_held)
    >>> len(run.draws), bool(np.abs(run.predicted - table.values[is_held]).max() < 0.1)
    (20, True)
    """
    held = np.zeros(table.values.size, bool) if is_held is None else is_held
    rows, cols, truth = table.rows[held], table.cols[held], table.values[held]
    total, run = np.zeros(truth.size), Run([], [], np.zeros(truth.size), False)
    # Systems of 100 unknowns go to the threads of BLAS one by one: where cores are busy these wait for each other.
    with threadpool_limits(1, user_api="blas"):
        for sweep, newest in enumerate(_sweeps(table, ~held, rank, is_implicit, rng), start=1):
            U, V = newest.factors
            latest = np.einsum("er,er->e", U[rows], V[cols])
            if sweep <= schedule.warmup:
                draws, predicted = [newest], latest
            else:
                draws = [*(run.draws if sweep > schedule.warmup + 1 else []), newest]
                total += latest
                predicted = total / len(draws)
            error = float(np.sqrt(np.mean((predicted - truth) ** 2))) if truth.size else None
            row = {"sweep": sweep, "noise": newest.noise, "heldout": error}
            run = Run(draws, [*run.record, row], predicted, False)
            answers = [callback(run, row) for callback in report]
            if any(answers):
                return run._replace(is_interrupted=True)
            if sweep >= schedule.max_sweeps:
                break
    return run


class _Side:
    """The entries of all rows, or of all columns, and the prior of their factor."""

    def __init__(self, table: Table, width: int, constant: int, *, is_linked: bool):
        places, (k, num_others) = (table.rows, table.cols), table.shape
        self.pattern = sparse.csr_array((np.ones(table.values.size), places), shape=table.shape)
        self.values = sparse.csr_array((table.values, places), shape=table.shape)
        self.free = np.delete(np.arange(width), constant)
        self.constant = constant
        self.mean, self.precision = np.zeros(width), np.ones(width)
        self.links, self.link_ridge = np.zeros((num_others, width)), 3.0
        self.features: sparse.csr_array | None = None
        if is_linked:
            scale = 1 / np.sqrt(np.maximum(np.bincount(table.rows, minlength=k), 1))
            self.features = sparse.csr_array(sparse.diags_array(scale) @ self.pattern)

    def solved(self, other: Array, variance: float, rng: np.random.Generator) -> tuple[Array, Array]:
        """Draw the factor given that of the other side; return it, and its expectation."""
        free, c, V = self.free, self.constant, other[:, self.free]
        products = (V[:, :, None] * V[:, None, :]).reshape(len(V), -1)
        ridge = variance * self.precision[free]
        system = (self.pattern @ products).reshape(-1, free.size, free.size) + np.diag(ridge)
        rhs = self.values @ V - self.pattern @ (V * other[:, [c]]) + ridge * self._centre()[:, free]
        L = np.linalg.cholesky(system)
        y = np.linalg.solve(L, rhs[:, :, None])
        noise = np.sqrt(variance) * rng.standard_normal(y.shape)
        both = np.linalg.solve(np.swapaxes(L, 1, 2), np.concatenate([y + noise, y], axis=2))
        found = np.ones((2, len(y), free.size + 1))
        found[:, :, free] = np.moveaxis(both, 2, 0)
        return found[0], found[1]

    def learn(self, factor: Array, rng: np.random.Generator) -> None:
        """Draw links, mean and precisions; see [`FactorPrior`][matmend.regularizer.FactorPrior]."""
        k, width = factor.shape
        spread, linked = 1 / np.sqrt(self.precision), 0.0
        if self.features is not None:
            self._learn_links(factor, spread, rng)
            linked = self.features @ self.links
        residual = factor - linked
        self.mean = residual.mean(axis=0) + spread / np.sqrt(k) * rng.standard_normal(width)
        squares = np.sum((residual - self.mean) ** 2, axis=0)
        self.precision = rng.gamma(1 + k / 2, 1 / (1 + squares / 2))

    def _centre(self) -> Array:
        return self.mean[None] if self.features is None else self.mean + self.features @ self.links

    def _learn_links(self, factor: Array, spread: Array, rng: np.random.Generator) -> None:
        B, c = self.features, self.link_ridge
        assert B is not None
        k, f = len(factor), len(self.links)
        noise = spread * rng.standard_normal((k + f, factor.shape[1]))
        rhs = B.T @ (factor - self.mean + noise[:k]) + np.sqrt(c) * noise[k:]
        self.links = _conjugate_gradients(lambda Z: B.T @ (B @ Z) + c * Z, rhs, self.links)
        squares = float(np.sum((self.precision * np.sum(self.links**2, axis=0))[self.free]))
        self.link_ridge = rng.gamma(1 + f * self.free.size / 2) / (1 + squares / 2)


def _sweeps(
    table: Table, is_used: NDArray[np.bool_], rank: int, is_implicit: bool, rng: np.random.Generator
) -> Iterator[Draw]:
    rows, cols, values = table.rows[is_used], table.cols[is_used], table.values[is_used]
    (m, n), width, constants = table.shape, rank + 2, (rank + 1, rank)
    sides = (
        _Side(Table(rows, cols, values, (m, n)), width, constants[0], is_linked=is_implicit),
        _Side(Table(cols, rows, values, (n, m)), width, constants[1], is_linked=is_implicit),
    )
    factors = [START * rng.standard_normal((k, width)) for k in table.shape]
    for axis, (factor, constant) in enumerate(zip(factors, constants, strict=True)):
        factor[:, constants[1 - axis]] = 0.0
        factor[:, constant] = 1.0
    last, variance = last_axis(table.shape), 1.0
    while True:
        factors[1 - last], _ = sides[1 - last].solved(factors[last], variance, rng)
        factors[last], expected = sides[last].solved(factors[1 - last], variance, rng)
        residual = values - np.einsum("er,er->e", factors[0][rows], factors[1][cols])
        variance = (1 + residual @ residual / 2) / rng.gamma(1 + values.size / 2)
        for side, factor in zip(sides, factors, strict=True):
            side.learn(factor, rng)
        one, two = sides
        yield Draw(
            (expected, factors[1]) if last == 0 else (factors[0], expected),
            factors[last],
            (one.mean, two.mean),
            (one.precision, two.precision),
            (one.links.copy(), two.links.copy()) if is_implicit else None,
            float(np.sqrt(variance)),
        )


def _conjugate_gradients(system: Callable[[Array], Array], rhs: Array, start: Array) -> Array:
    """Solve ``system(x) = rhs`` for each column, `LINK_STEPS` steps."""
    tiny = np.finfo(float).tiny
    x = start
    r = rhs - system(x)
    p, squares = r, np.sum(r * r, axis=0)
    for _ in range(LINK_STEPS):
        q = system(p)
        rate = squares / (np.sum(p * q, axis=0) + tiny)
        x, r = x + rate * p, r - rate * q
        new = np.sum(r * r, axis=0)
        p, squares = r + new / (squares + tiny) * p, new
    return x
