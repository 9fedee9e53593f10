"""What is kept of a trajectory: a few numbers every so many steps, not the trajectory."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from matmend.fidelity import squared
from matmend.problem import Problem, Terms
from matmend.solve.state import State
from matmend.spectrum import effective_rank, singular_values

Row = dict[str, Any]
"""One record: names to arrays. Arrays of no axes become curves, others are stacked along a first axis."""

RecordFn = Callable[[Problem, State, Terms], Row]
"""Called at every record with the state and the terms *at its parameters*; must be jittable."""


def losses(problem: Problem, state: State, terms: Terms) -> Row:
    """Record the step and every term of the objective.

    Returns
    -------
    dict
        ``step``, ``loss``, ``fidelity``, ``energies`` (a tuple, one array per regularizer) and, with held-out entries,
        ``heldout``.

    Examples
    --------
    >>> import jax, numpy as np
    >>> from matmend import Masked, DeepFactorization, Problem
    >>> from matmend.solve import adam, solve
    >>> problem = Problem(Masked.from_array(np.eye(4, dtype=np.float32)), DeepFactorization(depth=2))
    >>> solution = solve(problem, adam(1e-2), key=jax.random.key(0), max_steps=20, every=10, record=losses)
    >>> solution.record["step"].tolist()
    [0, 10, 20]
    """
    del problem
    row: Row = {"step": state.step, "loss": terms.loss, "fidelity": terms.fidelity, "energies": terms.energies}
    if terms.heldout is not None:
        row["heldout"] = terms.heldout
    return row


def with_errors(problem: Problem, state: State, terms: Terms) -> Row:
    """Record [`losses`][] and root mean squared errors: ``rmse`` on observed, ``heldout_rmse`` on held-out entries.

    Unlike the losses these are in the units of the data, whatever the fidelity and its normalizer.

    Examples
    --------
    >>> import jax, numpy as np
    >>> from matmend import Masked, DeepFactorization, Problem
    >>> from matmend.solve import adam, solve
    >>> problem = Problem(Masked.from_array(np.eye(4, dtype=np.float32), normalizer=1.0), DeepFactorization(depth=2))
    >>> solution = solve(problem, adam(1e-2), key=jax.random.key(0), max_steps=0, record=with_errors)
    >>> solution.record["rmse"].round(4).tolist()  # X = 0: sqrt(4 / 16)
    [0.5]
    """
    X = problem.matrix(state.params)
    row = losses(problem, state, terms)
    for name, entries in (("rmse", problem.observation), ("heldout_rmse", problem.heldout)):
        if entries is not None:
            mean_square = entries.loss(X, squared) * entries.normalizer / jnp.sum(entries.weights)
            row[name] = jnp.sqrt(mean_square)
    return row


def with_spectrum(problem: Problem, state: State, terms: Terms) -> Row:
    """Record [`losses`][] and the singular values of ``X`` with their effective rank; one SVD a record.

    Examples
    --------
    >>> import jax, numpy as np
    >>> from matmend import Masked, DeepFactorization, Problem
    >>> from matmend.solve import adam, solve
    >>> problem = Problem(Masked.from_array(np.eye(4, dtype=np.float32)), DeepFactorization(depth=2))
    >>> solution = solve(problem, adam(1e-2), key=jax.random.key(0), max_steps=20, every=10, record=with_spectrum)
    >>> solution.record["sigma"].shape
    (3, 4)
    """
    sigma = singular_values(problem.matrix(state.params))
    return {**losses(problem, state, terms), "sigma": sigma, "effective_rank": effective_rank(sigma)}
