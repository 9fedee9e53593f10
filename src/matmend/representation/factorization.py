"""Deep matrix factorization, the implicit low-rank bias of AIR-Net."""

import functools
import itertools

import equinox as eqx
from jax.typing import DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray

from matmend._types import Shape
from matmend.matrix import AbstractMatrix, Dense, LowRank
from matmend.representation.base import AbstractRepresentation
from matmend.representation.initialization import AbstractInitialization, Factors, Gaussian


class DeepFactorization(AbstractRepresentation):
    """``X = W[L-1] ... W[1] W[0]``, the parameters being the factors; ``factors[0]`` is applied first.

    Parameters
    ----------
    depth : int, default 3
        Number ``L`` of factors, at least 1.
    width : int or tuple of int, optional
        Inner sizes, from ``factors[0]`` on; one number serves for all. By default ``min(m, n)``: no limit on the rank,
        the low rank comes from training. The authors' code has ``m``.
    initialization : AbstractInitialization, default ``Gaussian()``
    is_thin : bool, default False
        Whether ``X`` is held as factors even where they are no smaller than it, for who asks for factors.

    Notes
    -----
    With thin factors (``r (m + n) < m n`` for the narrowest inner size ``r``) the chain is cut at its narrowest place
    and ``X`` is returned as [`LowRank`][matmend.matrix.LowRank]; otherwise it is multiplied out from the cheaper end.

    References
    ----------
    Arora, Cohen, Hu & Luo 2019, arXiv:1905.13655; Li & Wang 2021, section 2.1, arXiv:2110.07557.

    Examples
    --------
    >>> import jax, jax.numpy as jnp
    >>> deep = DeepFactorization(depth=3)
    >>> factors = deep.init((4, 6), key=jax.random.key(0), dtype=jnp.float32)
    >>> [W.shape for W in factors]
    [(4, 6), (4, 4), (4, 4)]
    >>> deep(factors).shape
    (4, 6)
    >>> thin = DeepFactorization(depth=2, width=1)
    >>> type(thin(thin.init((4, 6), key=jax.random.key(0), dtype=jnp.float32))).__name__
    'LowRank'
    """

    depth: int = eqx.field(static=True, default=3)
    width: int | tuple[int, ...] | None = eqx.field(static=True, default=None)
    initialization: AbstractInitialization = Gaussian()
    is_thin: bool = eqx.field(static=True, default=False)

    def __check_init__(self):
        if self.depth < 1:
            raise ValueError(f"A factorization has at least one factor, got depth={self.depth}.")
        if isinstance(self.width, tuple) and len(self.width) != self.depth - 1:
            raise ValueError(
                f"Depth {self.depth} has {self.depth - 1} inner sizes, got {len(self.width)} in width={self.width}."
            )
        inner = (self.width,) if isinstance(self.width, int) else self.width or ()
        if any(size < 1 for size in inner):
            raise ValueError(f"Inner sizes are at least 1, got width={self.width}.")

    def sizes(self, shape: Shape) -> tuple[int, ...]:
        """All sizes along the chain, from ``n`` to ``m``."""
        m, n = shape
        if isinstance(self.width, tuple):
            return (n, *self.width, m)
        return (n, *(self.depth - 1) * (self.width or min(m, n),), m)

    def init(self, shape: Shape, *, key: PRNGKeyArray, dtype: DTypeLike) -> Factors:
        """Draw the factors."""
        return self.initialization(self.sizes(shape), key=key, dtype=dtype)

    def __call__(self, params: Factors) -> AbstractMatrix:
        """Multiply the chain, as far as it pays."""
        m, n = params[-1].shape[0], params[0].shape[1]
        inner = [W.shape[0] for W in params[:-1]]
        if inner and (self.is_thin or min(inner) * (m + n) < m * n):
            cut = inner.index(min(inner)) + 1
            return LowRank(_product(params[cut:]), _product(params[:cut]).T)
        return Dense(_product(params))


def _product(factors: Factors) -> Float[Array, "_ _"]:
    # Two orders are enough for chains of one inner size; `multi_dot` finds the best of all but transposes operands.
    sizes = [factors[0].shape[1], *(W.shape[0] for W in factors)]
    n, m = sizes[0], sizes[-1]
    cost_from_right = sum(n * a * b for a, b in itertools.pairwise(sizes[1:]))
    cost_from_left = sum(m * a * b for a, b in itertools.pairwise(sizes[:-1]))
    if cost_from_right <= cost_from_left:
        return functools.reduce(lambda product, W: W @ product, factors)
    return functools.reduce(lambda product, W: product @ W, factors[::-1])
