"""What the experiments keep of a training: its true error, its learned graphs."""

import base64
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float
from numpy.typing import ArrayLike, NDArray

from matmend.problem import Problem, Terms
from matmend.solve import State


class TrueError(eqx.Module):
    """Record the step, the NMAE on the missing entries and the terms of the objective.

    Parameters
    ----------
    X_true : array of shape (m, n)
    missing : bool array of shape (m, n)
        True where not observed.
    """

    X_true: Float[Array, "m n"] = eqx.field(converter=jnp.asarray)
    missing: Bool[Array, "m n"] = eqx.field(converter=jnp.asarray)

    def __call__(self, problem: Problem, state: State, terms: Terms) -> dict[str, Any]:
        """Return the row."""
        error = jnp.abs(problem.matrix(state.params).dense() - self.X_true)
        return {
            "step": state.step,
            # As matmend.metrics.nmae, which is for the host.
            "nmae": jnp.mean(error, where=self.missing) / (jnp.max(self.X_true) - jnp.min(self.X_true)),
            "fidelity": terms.fidelity,
            "energies": terms.energies,
        }


class Graphs:
    """A callback of `solve` that keeps the parameters of the regularizer at some steps.

    Parameters
    ----------
    steps : tuple of int
        Multiples of the steps between two records.
    """

    def __init__(self, steps: tuple[int, ...]):
        self.steps = steps
        self.kept: dict[int, list[NDArray[np.float32]]] = {}

    def __call__(self, state: State, row: dict[str, Any]) -> None:
        """Look at one state."""
        if (step := int(row["step"])) in self.steps:
            self.kept[step] = [np.asarray(logits) for logits in state.params.regularizer]


def packed(array: ArrayLike) -> dict[str, Any]:
    """Write a float32 array, to the bit, as what JSON can hold.

    >>> unpacked(packed([[0.1, 2.0]])).tolist() == np.float32([[0.1, 2.0]]).tolist()
    True
    """
    values = np.ascontiguousarray(array, dtype="<f4")
    return {"shape": list(values.shape), "base64 of float32": base64.b64encode(values.tobytes()).decode()}


def unpacked(stored: dict[str, Any]) -> NDArray[np.float32]:
    """Read what [`packed`][] wrote."""
    values = np.frombuffer(base64.b64decode(stored["base64 of float32"]), dtype="<f4")
    return values.reshape(stored["shape"]).astype(np.float32)
