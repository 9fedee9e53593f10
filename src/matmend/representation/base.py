"""The contract of a representation."""

from abc import abstractmethod

import equinox as eqx
from jax.typing import DTypeLike
from jaxtyping import PRNGKeyArray

from matmend._types import Params, Shape
from matmend.matrix import AbstractMatrix


class AbstractRepresentation(eqx.Module):
    """A frozen description of how ``X`` depends on trained parameters."""

    @abstractmethod
    def init(self, shape: Shape, *, key: PRNGKeyArray, dtype: DTypeLike) -> Params:
        """Draw the parameters of a matrix of the given shape."""

    @abstractmethod
    def __call__(self, params: Params) -> AbstractMatrix:
        """Return ``X``."""
