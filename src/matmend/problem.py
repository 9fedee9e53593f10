"""Equation (1) of AIR-Net as one object: observation + representation + regularizer."""

from typing import NamedTuple

import equinox as eqx
import jax
from jaxtyping import PRNGKeyArray

from matmend._types import Fidelity, Params, Scalar
from matmend.fidelity import squared
from matmend.matrix import AbstractMatrix
from matmend.observation import AbstractObservation
from matmend.regularizer import AbstractRegularizer, Sum, decompose
from matmend.representation import AbstractRepresentation


class ProblemParams(NamedTuple):
    """Everything that training changes."""

    representation: Params
    regularizer: Params


class Terms(NamedTuple):
    """The objective and what it is made of.

    Attributes
    ----------
    loss : array of no axes
        ``fidelity + sum_i weight_i energies_i``.
    fidelity : array of no axes
        Loss on the observed entries.
    energies : tuple of arrays of no axes
        ``R_i``, each without its weight, in the order of [`decompose`][matmend.regularizer.decompose].
    heldout : array of no axes or None
        Loss on the entries that were set aside; None without any.
    """

    loss: Scalar
    fidelity: Scalar
    energies: tuple[Scalar, ...]
    heldout: Scalar | None


class Problem(eqx.Module):
    """``min L_Y(A(X*), A(X)) + sum_i lambda_i R_i(T_i(X))``.

    Parameters
    ----------
    observation : AbstractObservation
        ``A`` and what it measured.
    representation : AbstractRepresentation
        How ``X`` depends on its parameters.
    regularizer : AbstractRegularizer, default none
        The weighted sum of the ``R_i``.
    fidelity : callable, default [`squared`][matmend.fidelity.squared]
        Element-wise loss.
    heldout : AbstractObservation, optional
        Entries that training does not see; their loss is reported with every evaluation.

    References
    ----------
    Li & Wang 2021, equation (1), arXiv:2110.07557.

    Examples
    --------
    >>> import jax, numpy as np
    >>> from matmend.observation import Masked
    >>> from matmend.representation import DeepFactorization
    >>> problem = Problem(Masked.from_array(np.ones((4, 4), np.float32)), DeepFactorization(depth=2))
    >>> loss, terms = problem.objective(problem.init(key=jax.random.key(0)))
    >>> round(float(loss), 2), terms.energies
    (1.0, ())
    """

    observation: AbstractObservation
    representation: AbstractRepresentation
    regularizer: AbstractRegularizer = Sum()
    fidelity: Fidelity = squared
    heldout: AbstractObservation | None = None

    def __check_init__(self):
        if self.heldout is not None and self.heldout.shape != self.observation.shape:
            raise ValueError(
                f"Observed and held-out entries belong to one matrix, got shapes {self.observation.shape} and "
                f"{self.heldout.shape}."
            )

    def init(self, *, key: PRNGKeyArray) -> ProblemParams:
        """Draw all parameters; their dtype is that of the observed values."""
        representation_key, regularizer_key = jax.random.split(key)
        shape, dtype = self.observation.shape, self.observation.values.dtype
        return ProblemParams(
            self.representation.init(shape, key=representation_key, dtype=dtype),
            self.regularizer.init(shape, key=regularizer_key, dtype=dtype),
        )

    def matrix(self, params: ProblemParams) -> AbstractMatrix:
        """Return ``X``."""
        return self.representation(params.representation)

    def objective(self, params: ProblemParams, observation: AbstractObservation | None = None) -> tuple[Scalar, Terms]:
        """Evaluate the objective.

        Parameters
        ----------
        params : ProblemParams
        observation : AbstractObservation, optional
            A batch to use in place of all observed entries.

        Returns
        -------
        loss : array of no axes
        terms : Terms
            The loss again, and its parts.
        """
        X = self.matrix(params)
        fidelity = (self.observation if observation is None else observation).loss(X, self.fidelity)
        parts = decompose(self.regularizer, params.regularizer)
        energies = tuple(part.energy(X) for part in parts)
        loss = sum((part.weighted(energy) for part, energy in zip(parts, energies, strict=True)), start=fidelity)
        heldout = None if self.heldout is None else self.heldout.loss(X, self.fidelity)
        return loss, Terms(loss, fidelity, energies, heldout)
