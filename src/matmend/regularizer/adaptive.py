"""The adaptive regularizer of AIR-Net: a Dirichlet energy whose graph is learned with the matrix."""

import equinox as eqx
from jax.typing import DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray

from matmend._types import Params, Scalar, Shape
from matmend.matrix import AbstractMatrix
from matmend.regularizer.affinity import (
    AbstractAffinity,
    AbstractNormalization,
    FreeLogits,
    Initializer,
    RowSoftmin,
    linear_layer_uniform,
)
from matmend.regularizer.base import AbstractRegularizer
from matmend.regularizer.dirichlet import check_power, laplacian, power_energy
from matmend.transform import AbstractTransform, Identity

ALL_PAIRS_LIMIT = 2**13
"""Most rows of ``T(X)`` for which all pairs are compared: 8192 rows have 67 million affinities."""


class AdaptiveLaplacian(AbstractRegularizer):
    """``R_W(T(X)) = tr(T(X)' L(W)^p T(X))``, the graph's parameters ``W`` being trained together with ``X``.

    Parameters
    ----------
    transform : AbstractTransform, default ``Identity()``
        ``T``; the rows of ``T(X)`` are the things compared.
    normalization : AbstractNormalization, default ``RowSoftmin()``
        From free logits to affinities, see [`FreeLogits`][].
    logit_init : callable ``(key, shape, dtype) -> array``
        Start of the free logits, see [`FreeLogits`][].
    affinity : AbstractAffinity, optional
        What the graph is made of instead of free logits with these two; [`CoordinateNetwork`][] gives a smooth graph of
        far fewer parameters.
    power : int, default 1
        ``p``, at least 1; see [`power_energy`][].

    Raises
    ------
    ValueError
        If ``affinity`` is given together with ``normalization`` or ``logit_init``, or ``power`` is no integer >= 1.

    Notes
    -----
    Every pair of rows is compared, ``k^2`` affinities for ``k`` rows, hence `ALL_PAIRS_LIMIT`. Equation (2) of the
    paper writes ``X L_r X'`` without the trace and for columns; this follows its A.3 and its code (rows). The paper
    has ``p = 1``.

    References
    ----------
    Li & Wang 2021, section 2.2 and A.3, arXiv:2110.07557.

    Examples
    --------
    >>> import jax, jax.numpy as jnp
    >>> from matmend.matrix import Dense
    >>> R = AdaptiveLaplacian()
    >>> params = R.init((4, 3), key=jax.random.key(0), dtype=jnp.float32)
    >>> float(R.energy(params, Dense(jnp.ones((4, 3), jnp.float32))))
    0.0
    """

    transform: AbstractTransform
    affinity: AbstractAffinity
    power: int = eqx.field(static=True)

    def __init__(
        self,
        transform: AbstractTransform = Identity(),  # noqa: B008 (frozen)
        normalization: AbstractNormalization | None = None,
        logit_init: Initializer | None = None,
        *,
        affinity: AbstractAffinity | None = None,
        power: int = 1,
    ):
        if affinity is None:
            affinity = FreeLogits(normalization or RowSoftmin(), logit_init or linear_layer_uniform)
        elif normalization is not None or logit_init is not None:
            raise ValueError(
                f"The affinity {type(affinity).__name__} replaces the free logits, to which normalization and "
                "logit_init belong: give them to FreeLogits, or leave them out."
            )
        self.transform = transform
        self.affinity = affinity
        self.power = check_power(power)

    def init(self, shape: Shape, *, key: PRNGKeyArray, dtype: DTypeLike) -> Params:
        """Draw the parameters of the graph."""
        k, _ = self.transform.out_shape(shape)
        if k > ALL_PAIRS_LIMIT:
            raise ValueError(
                f"A learned graph on all pairs of {k} rows has {k**2:.1e} affinities; at most {ALL_PAIRS_LIMIT} rows "
                "are accepted. Complete the matrix in pieces, or scale it down."
            )
        return self.affinity.init(k, key=key, dtype=dtype)

    def energy(self, params: Params, X: AbstractMatrix) -> Scalar:
        """Return ``tr(T(X)' L^p T(X))``."""
        return power_energy(self.affinity(params), *self.transform(X).vectors(), power=self.power)

    def laplacian(self, params: Params) -> Float[Array, "k k"]:
        """Return the learned ``L`` (not its power)."""
        return laplacian(self.affinity(params))
