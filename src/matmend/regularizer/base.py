"""The contract of a regularizer, and the algebra that makes new ones of old ones."""

from abc import abstractmethod
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray

from matmend._types import Params, Scalar, Shape
from matmend.matrix import AbstractMatrix


class AbstractRegularizer(eqx.Module):
    """A frozen description of an energy ``R(X) >= 0``, which may have trained parameters of its own."""

    @abstractmethod
    def init(self, shape: Shape, *, key: PRNGKeyArray, dtype: DTypeLike) -> Params:
        """Draw the parameters for an ``X`` of the given shape; ``()`` when nothing is learnt."""

    @abstractmethod
    def energy(self, params: Params, X: AbstractMatrix) -> Scalar:
        """Return ``R(X)``."""

    def refresh(self, params: Params, X: AbstractMatrix) -> Params:
        """Rebuild, on the host and between blocks of steps, what gradients cannot change; by default nothing."""
        del X
        return params

    def __rmul__(self, weight: ArrayLike) -> "Scaled":
        """Return ``weight * self``."""
        return Scaled(weight, self)

    def __add__(self, other: "AbstractRegularizer") -> "Sum":
        """Return ``self + other``."""
        return Sum((*_summands(self), *_summands(other)))


def _as_weight(weight: ArrayLike) -> Array:
    # One dtype for all weights, so that those of nested scalings multiply; the energy's dtype is taken in `_weighted`.
    return jnp.asarray(weight, dtype=float)


class Scaled(AbstractRegularizer):
    """``weight * R``.

    The weight is an array leaf, not a constant of the compiled program: another weight costs no new compilation, and a
    sweep over weights is a `vmap`.

    Parameters
    ----------
    weight : float or array of no axes
        The paper's ``lambda``, at least 0.
    regularizer : AbstractRegularizer

    Examples
    --------
    >>> from matmend.regularizer import TotalVariation
    >>> r = 0.1 * TotalVariation() + 0.2 * TotalVariation()
    >>> [type(part).__name__ for part in r.regularizers]
    ['Scaled', 'Scaled']
    """

    weight: Float[Array, ""] = eqx.field(converter=_as_weight)
    regularizer: AbstractRegularizer

    def init(self, shape: Shape, *, key: PRNGKeyArray, dtype: DTypeLike) -> Params:
        """Draw the parameters of what is scaled."""
        return self.regularizer.init(shape, key=key, dtype=dtype)

    def energy(self, params: Params, X: AbstractMatrix) -> Scalar:
        """Return the weighted energy."""
        return _weighted(self.weight, self.regularizer.energy(params, X))

    def refresh(self, params: Params, X: AbstractMatrix) -> Params:
        """Refresh what is scaled."""
        return self.regularizer.refresh(params, X)


class Sum(AbstractRegularizer):
    """``R_1 + R_2 + ...``; the empty sum is no regularization.

    Parameters
    ----------
    regularizers : tuple of AbstractRegularizer

    Examples
    --------
    >>> import jax, jax.numpy as jnp
    >>> from matmend.matrix import Dense
    >>> float(Sum(()).energy((), Dense(jnp.ones((2, 2)))))
    0.0
    """

    regularizers: tuple[AbstractRegularizer, ...] = ()

    def init(self, shape: Shape, *, key: PRNGKeyArray, dtype: DTypeLike) -> tuple[Params, ...]:
        """Draw the parameters of every summand."""
        keys = jax.random.split(key, max(len(self.regularizers), 1))
        return tuple(r.init(shape, key=k, dtype=dtype) for r, k in zip(self.regularizers, keys, strict=False))

    def energy(self, params: tuple[Params, ...], X: AbstractMatrix) -> Scalar:
        """Return the sum of the energies."""
        energies = [r.energy(p, X) for r, p in zip(self.regularizers, params, strict=True)]
        # The empty sum, too, has the dtype of the matrix.
        return sum(energies[1:], start=energies[0]) if energies else jnp.zeros((), jnp.result_type(*jax.tree.leaves(X)))

    def refresh(self, params: tuple[Params, ...], X: AbstractMatrix) -> tuple[Params, ...]:
        """Refresh every summand."""
        return tuple(r.refresh(p, X) for r, p in zip(self.regularizers, params, strict=True))


class Part(NamedTuple):
    """One irreducible summand of a regularizer with its weight and parameters."""

    weight: Float[Array, ""]
    regularizer: AbstractRegularizer
    params: Params

    def energy(self, X: AbstractMatrix) -> Scalar:
        """Return the plain energy ``R(X)``, without the weight."""
        return self.regularizer.energy(self.params, X)

    def weighted(self, energy: Scalar) -> Scalar:
        """Return ``weight * energy`` in the energy's dtype."""
        return _weighted(self.weight, energy)


def decompose(regularizer: AbstractRegularizer, params: Params) -> tuple[Part, ...]:
    """Take the sums and scalings apart: ``R = sum_i weight_i R_i``.

    Training follows the whole; records and stop rules look at each ``R_i``, without its weight.

    Parameters
    ----------
    regularizer : AbstractRegularizer
    params : pytree
        As `regularizer.init` made them.

    Returns
    -------
    tuple of Part

    Examples
    --------
    >>> import jax, jax.numpy as jnp
    >>> from matmend.regularizer import TotalVariation
    >>> r = 0.5 * (0.1 * TotalVariation() + TotalVariation())
    >>> parts = decompose(r, r.init((3, 3), key=jax.random.key(0), dtype=jnp.float32))
    >>> [round(float(part.weight), 3) for part in parts]
    [0.05, 0.5]
    """
    match regularizer:
        case Scaled():
            inner = decompose(regularizer.regularizer, params)
            return tuple(part._replace(weight=part.weight * regularizer.weight) for part in inner)
        case Sum():
            pairs = zip(regularizer.regularizers, params, strict=True)
            return tuple(part for r, p in pairs for part in decompose(r, p))
        case _:
            return (Part(jnp.asarray(1.0), regularizer, params),)


def is_refreshed(regularizer: AbstractRegularizer) -> bool:
    """Say whether any summand rebuilds something on the host between blocks of steps.

    Examples
    --------
    >>> from matmend.regularizer import TotalVariation
    >>> is_refreshed(0.1 * TotalVariation())
    False
    """
    match regularizer:
        case Scaled():
            return is_refreshed(regularizer.regularizer)
        case Sum():
            return any(map(is_refreshed, regularizer.regularizers))
        case _:
            return type(regularizer).refresh is not AbstractRegularizer.refresh


def _summands(regularizer: AbstractRegularizer) -> tuple[AbstractRegularizer, ...]:
    return regularizer.regularizers if isinstance(regularizer, Sum) else (regularizer,)


def _weighted(weight: Float[Array, ""], energy: Scalar) -> Scalar:
    # The dtype follows the data: a weight made under 64-bit mode must not turn float32 training into float64.
    return weight.astype(energy.dtype) * energy
