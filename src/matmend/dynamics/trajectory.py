"""How the ranks of two factors grow along a run: spectra of ``X = A B``, of ``A``, of ``B`` and of ``W_aug = [A; B']``.

A run is either a gradient flow (a [`Trajectory`][matmend.dynamics.Trajectory]) or plain gradient descent, recorded by
[`with_factors`][matmend.dynamics.with_factors]; both become a [`Trace`][matmend.dynamics.Trace], in which
[`plateaus`][matmend.dynamics.plateaus] finds the critical points that the run has passed.

Units: ``R`` is minus the gradient of the objective with respect to ``X``, so rates and times belong to the objective
as it stands. ``Masked.from_array(values, mask, normalizer=2.0)`` makes it ``1/2`` the sum of the squared residuals, for
which ``R = P o (M - X)``. Another normalizer ``c`` multiplies the objective and ``R`` by ``2 / c`` and all times by
``c / 2``: of the mean over ``e`` observed entries, ``t`` is ``e / 2`` times as long.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from matmend.dynamics.flow import Trajectory, imbalance
from matmend.problem import Problem, ProblemParams, Terms
from matmend.representation import DeepFactorization, Direct
from matmend.spectrum import augmented_factor, singular_values

NUM_FACTORS = 2


class Ranks(NamedTuple):
    """Numerical ranks at every time, int arrays of shape (t,)."""

    X: np.ndarray
    A: np.ndarray
    B: np.ndarray
    augmented: np.ndarray


@dataclass(frozen=True, eq=False)
class Trace:
    """What became of two factors along a run; ``factors[0]`` is ``B``, ``factors[1]`` is ``A``.

    Attributes
    ----------
    problem : Problem
    times : array of shape (t,)
        Of gradient descent ``step * learning_rate``.
    loss, gradient_norm : arrays of shape (t,)
        The objective and the Euclidean norm of its gradient with respect to both factors.
    sigma : array of shape (t, k)
        Singular values of ``X``, ``k = min(m, n)`` or ``d`` if the factors are thin.
    sigma_A, sigma_B, sigma_augmented : arrays of shape (t, min(m, d)), (t, min(n, d)) and (t, min(m + n, d))
    sigma_residual : array of shape (t, min(m, n))
        Singular values of [`residual`][matmend.dynamics.residual].
    imbalance : array of shape (t, d, d)
        ``A' A - B B'``: constant along the gradient flow, while gradient descent drifts in proportion to its learning
        rate.
    learning_rate : float
        0 for a gradient flow.
    params : ProblemParams or None
        Parameters at every time (leading axis t) if they were kept.
    """

    problem: Problem
    times: np.ndarray
    loss: np.ndarray
    gradient_norm: np.ndarray
    sigma: np.ndarray
    sigma_A: np.ndarray  # noqa: N815 (the paper's A and B)
    sigma_B: np.ndarray  # noqa: N815
    sigma_augmented: np.ndarray
    sigma_residual: np.ndarray
    imbalance: np.ndarray
    learning_rate: float = 0.0
    params: ProblemParams | None = None

    @property
    def drift(self) -> np.ndarray:
        """``max |C(t) - C(0)|`` over the entries of ``C = A' A - B B'``, of shape (t,)."""
        return np.abs(self.imbalance - self.imbalance[:1]).max(axis=(1, 2))

    @property
    def augmented(self) -> np.ndarray:
        """``W_aug`` at every time, of shape (t, m + n, d)."""
        B, A = self._kept().representation
        return np.concatenate([A, np.swapaxes(B, 1, 2)], axis=1)

    def at(self, index: int) -> ProblemParams:
        """Return the parameters at ``times[index]``."""
        return jax.tree.map(lambda leaf: jnp.asarray(leaf[index]), self._kept())

    def ranks(self, *, rtol: float = 1e-3) -> Ranks:
        """Count singular values above ``rtol`` times the largest *of the whole trace*: 0 near the origin.

        Of the factors those above ``sqrt(rtol)`` are counted: what is ``s`` in a factor is ``s^2`` in the product.
        """

        def count(sigma: np.ndarray, rtol: float) -> np.ndarray:
            return np.sum(sigma > rtol * sigma.max(), axis=1)

        root = rtol**0.5
        return Ranks(
            count(self.sigma, rtol),
            count(self.sigma_A, root),
            count(self.sigma_B, root),
            count(self.sigma_augmented, root),
        )

    def _kept(self) -> ProblemParams:
        if self.params is None:
            raise ValueError(
                "This trace holds singular values only: record the run by `with_factors` instead of "
                "`with_factor_spectra` to keep the factors."
            )
        return self.params


def residual(problem: Problem, params: ProblemParams) -> Float[Array, "m n"]:
    """``R``, minus the gradient of the objective with respect to ``X``.

    Parameters
    ----------
    problem : Problem
        Small: all entries are formed. The regularizers are held at their parameters.
    params : ProblemParams

    Returns
    -------
    array of shape (m, n)
        ``P o (M - X)`` for the squared loss with ``normalizer=2``.

    Notes
    -----
    Everything that a gradient flow of ``X = A B`` does is in ``R``: ``dA/dt = R B'`` and ``dB/dt = A' R``.

    Examples
    --------
    >>> import jax, numpy as np
    >>> from matmend.observation import Masked
    >>> problem = Problem(Masked.from_array(np.array([[1.0, np.nan], [3.0, 4.0]]), normalizer=2.0), Direct())
    >>> (residual(problem, ProblemParams(jax.numpy.ones((2, 2)), ())) + 0.0).tolist()  # no negative zero
    [[0.0, 0.0], [2.0, 3.0]]
    """
    direct = Problem(problem.observation, Direct(), problem.regularizer, problem.fidelity)
    return -jax.grad(lambda X: direct.objective(ProblemParams(X, params.regularizer))[0])(
        problem.matrix(params).dense()
    )


def with_factor_spectra(problem: Problem, state: Any, terms: Terms) -> dict[str, Any]:
    """Record the singular values of ``X``, ``A``, ``B``, ``W_aug`` and ``R``, the gradient norm and the imbalance.

    For [`solve`][matmend.solve.solve] and [`solve_many`][matmend.solve.solve_many]; five SVDs a record.

    Returns
    -------
    dict
        ``step`` and what [`Trace`][matmend.dynamics.Trace] holds, under the same names.

    Examples
    --------
    >>> import jax, numpy as np, optax
    >>> from matmend import DeepFactorization, Masked, Problem
    >>> from matmend.solve import solve
    >>> problem = Problem(Masked.from_array(np.eye(4, dtype=np.float32)), DeepFactorization(depth=2))
    >>> descent = optax.sgd(0.1)
    >>> record = solve(problem, descent, key=jax.random.key(0), max_steps=9, every=3, record=with_factor_spectra).record
    >>> record["sigma_augmented"].shape
    (4, 4)
    """
    return {"step": state.step, **_snapshot(problem, state.params, terms.loss)}


def with_factors(problem: Problem, state: Any, terms: Terms) -> dict[str, Any]:
    """Record [`with_factor_spectra`][matmend.dynamics.with_factor_spectra] and the parameters themselves.

    [`plateaus`][matmend.dynamics.plateaus] needs them. For small problems: ``(m + n) d`` numbers a record.
    """
    return {**with_factor_spectra(problem, state, terms), "params": state.params}


def trace(problem: Problem, trajectory: Trajectory) -> Trace:
    """Take the spectra along a gradient flow.

    Parameters
    ----------
    problem : Problem
        With a factorization of depth 2.
    trajectory : Trajectory
        As [`gradient_flow`][matmend.dynamics.gradient_flow] returned it for this problem.

    Returns
    -------
    Trace

    Raises
    ------
    ValueError
        If the problem's matrix is not a product of two factors.

    Examples
    --------
    Two singular values are learned one after the other, by both factors at once:

    >>> import jax, numpy as np
    >>> jax.config.update("jax_enable_x64", True)
    >>> from matmend.dynamics import gradient_flow
    >>> from matmend.observation import Masked
    >>> from matmend.representation import Gaussian
    >>> deep = DeepFactorization(depth=2, initialization=Gaussian(std=1e-6))
    >>> problem = Problem(Masked.from_array(np.diag([3.0, 1.0]), normalizer=2.0), deep)
    >>> flow = gradient_flow(problem, problem.init(key=jax.random.key(0)), [0.0, 10.0, 30.0])
    >>> [ranks.tolist() for ranks in trace(problem, flow).ranks()]
    [[0, 1, 2], [0, 1, 2], [0, 1, 2], [0, 1, 2]]
    """
    _check(problem)
    rows = jax.device_get(_snapshots(problem, trajectory.params, trajectory.loss))
    return Trace(problem, np.asarray(trajectory.times), **rows, params=jax.device_get(trajectory.params))


def trace_of_descent(problem: Problem, record: Mapping[str, Any], *, learning_rate: float) -> Trace:
    """Read the trace of a recorded gradient descent.

    Parameters
    ----------
    problem : Problem
        With a factorization of depth 2.
    record : mapping
        The ``record`` of a solution made with ``record=with_factors`` or ``record=with_factor_spectra``.
    learning_rate : float
        Of plain gradient descent; of other optimizers the times would be wrong.

    Returns
    -------
    Trace

    Raises
    ------
    ValueError
        If the problem's matrix is not a product of two factors, the record was made otherwise, or the learning rate is
        not positive.

    Examples
    --------
    >>> import jax, numpy as np, optax
    >>> from matmend import DeepFactorization, Masked, Problem
    >>> from matmend.solve import solve
    >>> problem = Problem(Masked.from_array(np.eye(4, dtype=np.float32), normalizer=2.0), DeepFactorization(depth=2))
    >>> descent = optax.sgd(0.1)
    >>> record = solve(problem, descent, key=jax.random.key(0), max_steps=9, every=3, record=with_factors).record
    >>> trace_of_descent(problem, record, learning_rate=0.1).times.round(1).tolist()
    [0.0, 0.3, 0.6, 0.9]
    """
    _check(problem)
    if not learning_rate > 0:
        raise ValueError(f"Gradient descent has a positive learning rate, got {learning_rate}.")
    names = [name for name in Trace.__dataclass_fields__ if name not in ("problem", "times", "learning_rate", "params")]
    if missing := [name for name in ("step", *names) if name not in record]:
        raise ValueError(
            f"The record has no {', '.join(missing)}: call `solve` with `record=with_factors` or "
            "`record=with_factor_spectra`."
        )
    return Trace(
        problem,
        np.asarray(record["step"]) * float(learning_rate),
        **{name: np.asarray(record[name]) for name in names},
        learning_rate=float(learning_rate),
        params=record.get("params"),
    )


def _check(problem: Problem) -> None:
    representation = problem.representation
    if not isinstance(representation, DeepFactorization) or representation.depth != NUM_FACTORS:
        raise ValueError(f"A trace follows the factors of X = A B, `DeepFactorization(depth=2)`, got {representation}.")


def _snapshot(problem: Problem, params: ProblemParams, loss: Array) -> dict[str, Any]:
    _check(problem)
    B, A = params.representation
    R = residual(problem, params)
    squares = jnp.sum((R @ B.T) ** 2) + jnp.sum((A.T @ R) ** 2)

    def sigma(W: Array) -> Array:
        return jnp.linalg.svd(W, compute_uv=False)

    return {
        "loss": loss,
        "gradient_norm": jnp.sqrt(squares),
        "sigma": singular_values(problem.matrix(params)),
        "sigma_A": sigma(A),
        "sigma_B": sigma(B),
        "sigma_augmented": sigma(augmented_factor((B, A))),
        "sigma_residual": sigma(R),
        "imbalance": imbalance((B, A))[0],
    }


@eqx.filter_jit
def _snapshots(problem: Problem, params: ProblemParams, loss: Float[Array, " t"]) -> dict[str, Any]:
    return jax.lax.map(lambda one: _snapshot(problem, *one), (params, loss))
