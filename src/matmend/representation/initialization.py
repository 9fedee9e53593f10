"""Where the factors of a deep factorization start."""

from abc import abstractmethod
from itertools import pairwise

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray

Factors = tuple[Float[Array, "_ _"], ...]


class AbstractInitialization(eqx.Module):
    """A frozen description of the factors at step 0."""

    @abstractmethod
    def __call__(self, sizes: tuple[int, ...], *, key: PRNGKeyArray, dtype: DTypeLike) -> Factors:
        """Draw ``factors[l]`` of shape ``(sizes[l + 1], sizes[l])``; ``sizes`` runs from ``n`` to ``m``."""


class Gaussian(AbstractInitialization):
    """Independent entries ``N(mean, std^2)`` in every factor.

    Parameters
    ----------
    mean : float, default 0.0
    std : float, default 1e-3

    Notes
    -----
    The AIR-Net paper says mean 0 and variance 1e-5 (``std=3.162e-3``); its code has ``mean=1e-3, std=1e-3``. A mean
    above 0 starts the training on one rank-1 direction of positive entries, which suits images and can hold a rating
    matrix on a rank-1 plateau for thousands of steps.

    References
    ----------
    Li & Wang 2021, section 4, arXiv:2110.07557.

    Examples
    --------
    >>> import jax, jax.numpy as jnp
    >>> [W.shape for W in Gaussian()((5, 3, 4), key=jax.random.key(0), dtype=jnp.float32)]
    [(3, 5), (4, 3)]
    """

    mean: float = 0.0
    std: float = 1e-3

    def __call__(self, sizes: tuple[int, ...], *, key: PRNGKeyArray, dtype: DTypeLike) -> Factors:
        """Draw the factors."""
        shapes = _shapes(sizes)
        keys = jax.random.split(key, len(shapes))
        return tuple(
            self.mean + self.std * jax.random.normal(k, shape, dtype) for k, shape in zip(keys, shapes, strict=True)
        )


class ScaledIdentity(AbstractInitialization):
    """Every factor is ``scale`` times the (rectangular) identity, the same for every seed.

    Such a chain is balanced where all factors have one rank, as at the default width.

    Parameters
    ----------
    scale : float, default 1e-2

    References
    ----------
    Boyarski, Vedula & Bronstein 2019 start from ``1e-2 I``, arXiv:1911.07255.

    Examples
    --------
    >>> import jax, jax.numpy as jnp
    >>> ScaledIdentity(0.5)((2, 2), key=jax.random.key(0), dtype=jnp.float32)[0].tolist()
    [[0.5, 0.0], [0.0, 0.5]]
    """

    scale: float = 1e-2

    def __call__(self, sizes: tuple[int, ...], *, key: PRNGKeyArray, dtype: DTypeLike) -> Factors:
        """Return the factors; the key is not used."""
        return tuple(self.scale * jnp.eye(*shape, dtype=dtype) for shape in _shapes(sizes))


class Balanced(AbstractInitialization):
    """Factors with ``W[l+1]' W[l+1] = W[l] W[l]'`` (Assumption 1 of AIR-Net) whose product is Gaussian.

    A matrix of entries ``N(0, std^2)`` is drawn, ``U S V'`` is its singular value decomposition cut to the narrowest
    size ``r``, and the factors are ``U S^{1/L}, S^{1/L}, ..., S^{1/L} V'``.

    Parameters
    ----------
    std : float, default 1e-3
        Standard deviation of the entries of the *product* (before the cut to rank ``r``).

    References
    ----------
    Arora, Cohen, Golowich & Hu 2019, "A Convergence Analysis of Gradient Descent for Deep Linear Neural Networks",
    Procedure 1, arXiv:1810.02281; Li & Wang 2021, Assumption 1, arXiv:2110.07557.

    Examples
    --------
    >>> import jax, jax.numpy as jnp
    >>> W = Balanced(std=1.0)((3, 4, 3), key=jax.random.key(0), dtype=jnp.float32)
    >>> bool(jnp.allclose(W[1].T @ W[1], W[0] @ W[0].T, atol=1e-5))
    True
    """

    std: float = 1e-3

    def __call__(self, sizes: tuple[int, ...], *, key: PRNGKeyArray, dtype: DTypeLike) -> Factors:
        """Draw the factors."""
        n, m, depth, r = sizes[0], sizes[-1], len(sizes) - 1, min(sizes)
        U, S, Vh = jnp.linalg.svd(self.std * jax.random.normal(key, (m, n), dtype), full_matrices=False)
        root = S[:r] ** (1.0 / depth)
        if depth == 1:
            return ((U[:, :r] * S[None, :r]) @ Vh[:r],)

        def pad(W: Array, shape: tuple[int, int]) -> Array:
            return jnp.zeros(shape, dtype).at[: W.shape[0], : W.shape[1]].set(W)

        shapes = _shapes(sizes)
        first = pad(root[:, None] * Vh[:r], shapes[0])
        inner = (pad(jnp.diag(root), shape) for shape in shapes[1:-1])
        last = pad(U[:, :r] * root[None, :], shapes[-1])
        return (first, *inner, last)


def _shapes(sizes: tuple[int, ...]) -> list[tuple[int, int]]:
    return [(rows, cols) for cols, rows in pairwise(sizes)]
