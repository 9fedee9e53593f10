"""One sweep of alternating least squares, or of the Gibbs sampler that is the same with noise: pure functions."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Float, Int, PRNGKeyArray, UInt32

from matmend._types import Params, Scalar, Shape
from matmend.fidelity import squared
from matmend.matrix import LowRank
from matmend.observation import Entries
from matmend.problem import Problem
from matmend.regularizer import (
    AbstractQuadratic,
    AbstractRegularizer,
    gamma,
    quadratic_parts,
    updated,
)
from matmend.segments import Layout, Segments, normal_equations, of_owners


class SweepState(eqx.Module):
    """What a run of sweeps is, between two: save it, load it, and the run goes on to the same bits.

    Attributes
    ----------
    X : LowRank
    mean : LowRank
        One factor of `X`, and the expectation of the other given it: nearer to the mean of the posterior than `X`, a
        draw. At temperature 0 the same as `X`.
    regularizer : pytree
        Parameters of the regularizer.
    variance : array of no axes
        Of the noise of the values: mean squared residual at temperature 0, else a draw of it.
    key_data : uint32 array
    sweep : int array of no axes
        Sweeps made.
    key_impl : str
    """

    X: LowRank
    mean: LowRank
    regularizer: Params
    variance: Float[Array, ""]
    key_data: UInt32[Array, " k"]
    sweep: Int[Array, ""]
    key_impl: str = eqx.field(static=True)


class SweepData(eqx.Module):
    """The observed entries as sweeps read them.

    Attributes
    ----------
    by_row, by_col : Layout
    num_entries, normalizer : arrays of no axes
        How many entries have a weight above 0, and what divides the loss.
    """

    by_row: Layout
    by_col: Layout
    num_entries: Float[Array | np.ndarray, ""]
    normalizer: Float[Array | np.ndarray, ""]

    @classmethod
    def from_entries(cls, entries: Entries, mesh: Mesh | None = None) -> "SweepData":
        """Arrange the entries by row and by column, and deal both to the devices of a mesh."""
        rows, cols, values, weights = (
            np.asarray(x) for x in (entries.rows, entries.cols, entries.values, entries.weights)
        )
        return cls(
            *Layout.both_ways(rows, cols, values, entries.shape, weights=weights, mesh=mesh),
            np.asarray(np.count_nonzero(weights), values.dtype),
            np.asarray(entries.normalizer, values.dtype),
        )


def start(problem: Problem, *, key: PRNGKeyArray) -> SweepState:
    """Draw the factors.

    Raises
    ------
    ValueError
        If the matrix is not held as thin factors, the loss is not the squared one, or a regularizer is not quadratic.
    """
    if problem.fidelity is not squared:
        raise ValueError(
            "Alternating least squares minimizes the squared loss alone, got another fidelity: train with `solve` and "
            "Adam."
        )
    params_key, key = jax.random.split(key)
    params = problem.init(key=params_key)
    X = problem.matrix(params)
    if not isinstance(X, LowRank):
        raise ValueError(
            f"Alternating least squares solves for two thin factors, but {type(problem.representation).__name__} holds "
            f"its {X.shape[0]} x {X.shape[1]} matrix dense: give it is_thin=True, or sizes below m n / (m + n)."
        )
    quadratic_parts(problem.regularizer, params.regularizer, jnp.ones((), X.U.dtype))
    return SweepState(
        X=X,
        mean=X,
        regularizer=params.regularizer,
        variance=jnp.ones((), X.U.dtype),
        key_data=jax.random.key_data(key),
        sweep=jnp.zeros((), jnp.int32),
        key_impl=str(jax.random.key_impl(key)),
    )


def sweep(
    regularizer: AbstractRegularizer, data: SweepData, state: SweepState, temperature: Scalar | np.ndarray
) -> SweepState:
    """Solve for all rows, then for all columns, then let the regularizer learn.

    Parameters
    ----------
    regularizer : AbstractRegularizer
        Of quadratic parts.
    data : SweepData
    state : SweepState
    temperature : float array of no axes
        0 takes the least-squares solutions; 1 draws from their posterior distribution.
    """
    state_key = jax.random.wrap_key_data(state.key_data, impl=state.key_impl)
    factor_key, own_key, noise_key, key = jax.random.split(state_key, 4)
    X, variance = state.X, temperature * state.variance
    (m, width), (n, _) = X.U.shape, X.V.shape
    noise = jnp.sqrt(variance) * jax.random.normal(factor_key, (m + n, width), variance.dtype)
    normalizer = jnp.asarray(data.normalizer)
    parts = quadratic_parts(regularizer, state.regularizer, normalizer)
    sides = (data.by_row, noise[:m]), (data.by_col, noise[m:])
    last = last_axis(X.shape)
    first = 1 - last
    drawn, _ = _solved(parts, *sides[first], X, first, _solution)
    X = _with_factor(X, first, drawn)
    drawn, expected, squares = _solved(parts, *sides[last], X, last, _solution_and_squares)
    squares = jnp.sum(squares)
    mean, X = _with_factor(X, last, expected), _with_factor(X, last, drawn)
    # The precision has a Gamma(1, 1) prior: values are in standard units, or nearly. Least squares ask for no unit.
    precision = gamma(noise_key, 1 + data.num_entries / 2, (), squares.dtype) / (1 + squares / 2)
    variance = jnp.where(temperature > 0, 1 / precision, squares / data.num_entries)
    # The regularizer counts beside the loss, which is divided by its normalizer.
    own_variance = jnp.asarray(temperature * variance / normalizer)
    own = updated(regularizer, state.regularizer, X, key=own_key, variance=own_variance)
    return SweepState(X, mean, own, variance, jax.random.key_data(key), state.sweep + 1, state.key_impl)


def last_axis(shape: Shape) -> int:
    """Return which factor a sweep solves for last, 0 for that of the rows.

    It is the longer one: that has fewer entries a row, so its own noise is worth more to be without (see the `mean` of
    a [`SweepState`][]).

    Examples
    --------
    >>> last_axis((5, 3)), last_axis((3, 5))
    (0, 1)
    """
    m, n = shape
    return 0 if m >= n else 1


def _solved(
    parts: list[tuple[Scalar, AbstractQuadratic, Params]],
    layout: Layout,
    noise: Float[Array, "m r"],
    X: LowRank,
    axis: int,
    found: Callable[..., tuple[Array, ...]],
) -> tuple[Array, ...]:
    """Solve for one factor; return for every row what ``found(segments, V, draw, expectation)`` makes of it."""
    U, V, constant = (X.U, X.V, X.ones[0]) if axis == 0 else (X.V, X.U, X.ones[1])
    width = U.shape[1]
    ridge, rhs, shared = jnp.zeros_like(U), jnp.zeros_like(U), jnp.zeros((width, width), U.dtype)
    grams, gram_weights = [], []
    for weight, part, params in parts:
        terms = part.normal_terms(params, X, axis)
        ridge, rhs, shared = ridge + weight * terms.ridge, rhs + weight * terms.rhs, shared + weight * terms.shared
        if terms.gram is not None and terms.gram_weight is not None:
            grams.append(terms.gram)
            gram_weights.append(weight * terms.gram_weight)

    def block(s: Segments, V: Array, grams: list[Array], shared: Array, per_row: tuple[Any, ...]) -> tuple[Array, ...]:
        A, h = normal_equations(s, V)
        ridge, rhs, noise, gram_weights = jax.tree.map(lambda x: x.at[s.ids].get(mode="clip"), per_row)
        system = A + shared[None] + ridge[:, :, None] * jnp.eye(width, dtype=V.dtype)[None]
        for gram, weights in zip(grams, gram_weights, strict=True):
            system = system + weights[:, None, None] * gram[None]
        x, mean = _solve_with(system, h + rhs, noise, constant)
        return found(s, V, x, mean)

    return layout.rows(block, V, grams, shared, (ridge, rhs, noise, gram_weights))


def _solution(s: Segments, V: Array, x: Array, mean: Array) -> tuple[Array, Array]:
    del s, V
    return x, mean


def _solution_and_squares(
    s: Segments, V: Float[Array, "n r"], x: Float[Array, "q r"], mean: Float[Array, "q r"]
) -> tuple[Array, Array, Float[Array, " q"]]:
    """Add the weighted sums of squared residuals of the draw."""
    # By x'Ax - 2 h'x they would be cheaper by a few per cent, and where the fit is good nothing but rounding.
    predicted = jnp.einsum("twr,tr->tw", V[s.members], x.at[s.owners].get(mode="clip"))
    return x, mean, of_owners(s, jnp.sum(s.weights * (s.values - predicted) ** 2, axis=1))


@eqx.filter_jit
def solve_rows(
    layout: Layout,
    V: Float[Array, "n r"],
    ridge: Float[Array, " r"],
    centre: Float[Array, "m r"],
    noise: Float[Array, "m r"],
    constant: int | None,
) -> tuple[Float[Array, "m r"], Float[Array, "m r"]]:
    """Solve for every row ``u_i`` the least of ``sum_j w_ij (y_ij - u_i'v_j)^2 + sum_k ridge_k (u_ik - centre_ik)^2``.

    Parameters
    ----------
    layout : Layout
        The entries of the rows.
    V : array of shape (n, r)
    ridge : array of shape (r,)
    centre : array of shape (m, r)
        Rows without entries stay there.
    noise : array of shape (m, r)
        Standard normal, times the standard deviation of the values.
    constant : int or None
        A coordinate that is held at 1.

    Returns
    -------
    drawn, mean : arrays of shape (m, r)
        The solutions with noise of their covariance, and without.
    """

    def block(s: Segments, V: Array, centre: Array, noise: Array) -> tuple[Array, Array]:
        A, h = normal_equations(s, V)
        rhs = h + ridge[None] * centre.at[s.ids].get(mode="clip")
        return _solve_with(A + jnp.diag(ridge)[None], rhs, noise.at[s.ids].get(mode="clip"), constant)

    return layout.rows(block, V, centre, noise)


def _solve_with(
    system: Float[Array, "q r r"], rhs: Float[Array, "q r"], noise: Float[Array, "q r"], constant: int | None
) -> tuple[Float[Array, "q r"], Float[Array, "q r"]]:
    """Solve, with the constant coordinate held at 1; return the solution with noise of its covariance, and without."""
    width = system.shape[-1]
    if constant is not None:
        free = jnp.asarray([i for i in range(width) if i != constant])
        rhs = (rhs - system[:, :, constant])[:, free]
        system, noise = system[:, free][:, :, free], noise[:, free]
    L = jnp.linalg.cholesky(system)
    y = jax.scipy.linalg.solve_triangular(L, rhs[..., None], lower=True)
    both = jnp.concatenate([y + noise[..., None], y], axis=-1)
    x = jax.scipy.linalg.solve_triangular(L, both, lower=True, trans=1)
    if constant is not None:
        x = jnp.insert(x, constant, jnp.ones((), x.dtype), axis=1)
    return x[..., 0], x[..., 1]


def _with_factor(X: LowRank, axis: int, factor: Float[Array, "_ r"]) -> LowRank:
    return LowRank(factor, X.V, X.ones) if axis == 0 else LowRank(X.U, factor, X.ones)
