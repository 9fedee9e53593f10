"""How a learned graph depends on its parameters: the contract, and a free logit behind every pair."""

from abc import abstractmethod
from collections.abc import Callable

import equinox as eqx
import jax
from jax.typing import DTypeLike
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from matmend._types import Params

Initializer = Callable[[PRNGKeyArray, tuple[int, ...], DTypeLike], Array]


class AbstractAffinity(eqx.Module):
    """A frozen description of a graph on ``k`` nodes whose non-negative weights are trained."""

    @abstractmethod
    def init(self, k: int, *, key: PRNGKeyArray, dtype: DTypeLike) -> Params:
        """Draw the parameters of a graph on ``k`` nodes."""

    @abstractmethod
    def __call__(self, params: Params) -> Float[Array, "k k"]:
        """Return the affinity ``W`` whose symmetric part ``(W + W') / 2`` is the adjacency."""


class AbstractNormalization(eqx.Module):
    """How free logits become non-negative affinities.

    Row ``i`` holds the logits from node ``i`` to all nodes or, on an edge set, to those of its own set: then ``where``
    says which slots are taken, and the others have affinity 0.
    """

    @abstractmethod
    def __call__(self, logits: Float[Array, "k s"], where: Bool[Array, "k s"] | None = None) -> Float[Array, "k s"]:
        """Return the affinity ``W`` whose symmetric part ``(W + W') / 2`` is the adjacency."""


class RowSoftmin(AbstractNormalization):
    """``P_ij = exp(-w_ij) / sum_j exp(-w_ij)``: every row sums to 1, so every node keeps some neighbour.

    This is what the authors' code does, and what reproduces the paper's figures.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> RowSoftmin()(jnp.zeros((2, 2))).tolist()
    [[0.5, 0.5], [0.5, 0.5]]
    """

    def __call__(self, logits: Float[Array, "k s"], where: Bool[Array, "k s"] | None = None) -> Float[Array, "k s"]:
        """Return the row-stochastic affinity."""
        return jax.nn.softmax(-logits, axis=1, where=where)


class TotalSoftmax(AbstractNormalization):
    """``W = 2 A'`` with ``A' = exp(w) / sum_kl exp(w_kl)``: the whole matrix sums to 2, as in Theorem 2.

    Notes
    -----
    The adjacency is ``A = A' + A''``, the form of Proposition 2 and Theorem 2. The formula printed in the paper's A.3,
    ``exp(w + w') / |exp(w)|_1``, is not invariant under a shift of the logits (``w - c`` scales it by ``e^-c``, so the
    energy could be switched off trivially) and is not offered. At equal logits this energy is ``k / 2`` times smaller
    than that of [`RowSoftmin`][].

    References
    ----------
    Li & Wang 2021, Proposition 2 and Theorem 2, arXiv:2110.07557.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> TotalSoftmax()(jnp.zeros((2, 2))).tolist()
    [[0.5, 0.5], [0.5, 0.5]]
    """

    def __call__(self, logits: Float[Array, "k s"], where: Bool[Array, "k s"] | None = None) -> Float[Array, "k s"]:
        """Return the affinity of total 2."""
        where = None if where is None else where.reshape(-1)
        return 2 * jax.nn.softmax(logits.reshape(-1), where=where).reshape(logits.shape)


def linear_layer_uniform(key: PRNGKeyArray, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
    """Draw from ``U(-1/sqrt(k), 1/sqrt(k))`` with ``k`` columns, the usual start of a linear layer.

    Examples
    --------
    >>> import jax, jax.numpy as jnp
    >>> bool(jnp.abs(linear_layer_uniform(jax.random.key(0), (4, 4), jnp.float32)).max() <= 0.5)
    True
    """
    bound = shape[-1] ** -0.5
    return jax.random.uniform(key, shape, dtype, -bound, bound)


class FreeLogits(AbstractAffinity):
    """A logit of its own for every ordered pair of nodes: ``k^2`` parameters, AIR-Net's graph.

    Parameters
    ----------
    normalization : AbstractNormalization, default ``RowSoftmin()``
        From logits to affinities.
    logit_init : callable ``(key, shape, dtype) -> array``
        Any initializer of `jax.nn.initializers`; Theorem 2 starts from a constant.

    References
    ----------
    Li & Wang 2021, section 2.2 and A.3, arXiv:2110.07557.

    Examples
    --------
    >>> import jax, jax.numpy as jnp
    >>> graph = FreeLogits(logit_init=jax.nn.initializers.zeros)
    >>> graph(graph.init(2, key=jax.random.key(0), dtype=jnp.float32)).tolist()
    [[0.5, 0.5], [0.5, 0.5]]
    """

    normalization: AbstractNormalization = RowSoftmin()
    logit_init: Initializer = eqx.field(static=True, default=linear_layer_uniform)

    def init(self, k: int, *, key: PRNGKeyArray, dtype: DTypeLike) -> Float[Array, "k k"]:
        """Draw the logits."""
        return self.logit_init(key, (k, k), dtype)

    def __call__(self, params: Float[Array, "k k"]) -> Float[Array, "k k"]:
        """Normalize the logits."""
        return self.normalization(params)
