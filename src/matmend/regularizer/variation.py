"""Smoothness between neighbouring pixels: total variation and the 5-point Laplacian of RDMF."""

import equinox as eqx
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray

from matmend._types import Scalar, Shape
from matmend.matrix import AbstractMatrix
from matmend.regularizer.base import AbstractRegularizer


class TotalVariation(AbstractRegularizer):
    """Isotropic total variation ``sum_ij sqrt((X[i+1,j] - X[i,j])^2 + (X[i,j+1] - X[i,j])^2)``.

    Differences across the last row and column are taken as 0.

    Parameters
    ----------
    channels : int, default 1
        Number of equal blocks side by side in ``X``, each a picture of its own (see
        [`Transpose`][matmend.transform.Transpose]); no difference is taken across their seams.

    References
    ----------
    Rudin, Osher & Fatemi 1992, doi:10.1016/0167-2789(92)90242-F.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from matmend.matrix import Dense
    >>> float(TotalVariation().energy((), Dense(jnp.array([[0.0, 3.0], [4.0, 4.0]]))))  # 5 + 1
    6.0
    """

    channels: int = eqx.field(static=True, default=1)

    def init(self, shape: Shape, *, key: PRNGKeyArray, dtype: DTypeLike) -> tuple[()]:
        """Nothing is trained; the channels must have one width."""
        del key, dtype
        _width(shape, self.channels)
        return ()

    def energy(self, params: tuple[()], X: AbstractMatrix) -> Scalar:
        """Return the total variation."""
        del params
        planes = _planes(X, self.channels)
        down = jnp.diff(planes, axis=0, append=planes[-1:])
        right = jnp.diff(planes, axis=2, append=planes[:, :, -1:])
        return jnp.sum(_safe_sqrt(down**2 + right**2))


class FivePointLaplacian(AbstractRegularizer):
    """``|D X|_2 / m``, with ``D`` the 5-point Laplacian on interior pixels: the term of RDMF.

    Parameters
    ----------
    channels : int, default 1
        Number of equal blocks side by side in ``X``, each a picture of its own.

    Notes
    -----
    The RDMF paper speaks of total variation; its authors' code has this norm (not its square), divided by the number
    of rows ``m``, with weight 1e-3 or 1e-2. With several channels the norm is over all of them.

    References
    ----------
    Li, Xu, Luo & Wang 2020, arXiv:2007.14581.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from matmend.matrix import Dense
    >>> spike = jnp.zeros((3, 3)).at[1, 1].set(1.0)
    >>> float(FivePointLaplacian().energy((), Dense(spike)))  # 4 / 3
    1.333...
    """

    channels: int = eqx.field(static=True, default=1)

    def init(self, shape: Shape, *, key: PRNGKeyArray, dtype: DTypeLike) -> tuple[()]:
        """Nothing is trained; the picture must have an interior."""
        del key, dtype
        m, width = shape[0], _width(shape, self.channels)
        if min(m, width) < 3:
            raise ValueError(f"The 5-point Laplacian needs at least 3 x 3 pixels, got {m} x {width}.")
        return ()

    def energy(self, params: tuple[()], X: AbstractMatrix) -> Scalar:
        """Return the scaled norm."""
        del params
        x = _planes(X, self.channels)
        inner = x[1:-1, :, 1:-1]
        D = x[:-2, :, 1:-1] + x[2:, :, 1:-1] + x[1:-1, :, :-2] + x[1:-1, :, 2:] - 4 * inner
        return _safe_sqrt(jnp.sum(D**2)) / X.shape[0]


def _width(shape: Shape, channels: int) -> int:
    _, n = shape
    if channels < 1 or n % channels:
        raise ValueError(f"{n} columns cannot be cut into {channels} channels of equal width.")
    return n // channels


def _planes(X: AbstractMatrix, channels: int) -> Float[Array, "m c n"]:
    return X.dense().reshape(X.shape[0], channels, _width(X.shape, channels))


def _safe_sqrt(x: Float[Array, "*s"]) -> Float[Array, "*s"]:
    # The derivative of sqrt at 0 is infinite, and flat patches are everywhere: there the subgradient 0 is taken.
    positive = x > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, x, 1)), 0)
