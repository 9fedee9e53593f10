"""Smoothness between neighbouring pixels: total variation and the 5-point Laplacian of RDMF."""

import functools
import operator

import equinox as eqx
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray

from matmend._types import Scalar, Shape
from matmend.matrix import AbstractMatrix
from matmend.regularizer.base import AbstractRegularizer
from matmend.transform import plane_width


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
        plane_width(shape, self.channels)
        return ()

    def energy(self, params: tuple[()], X: AbstractMatrix) -> Scalar:
        """Return the total variation."""
        del params
        return functools.reduce(operator.add, map(_total_variation, _planes(X, self.channels)))


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
        m, width = shape[0], plane_width(shape, self.channels)
        if min(m, width) < 3:
            raise ValueError(f"The 5-point Laplacian needs at least 3 x 3 pixels, got {m} x {width}.")
        return ()

    def energy(self, params: tuple[()], X: AbstractMatrix) -> Scalar:
        """Return the scaled norm."""
        del params
        sq_norms = [jnp.sum(_five_point(x) ** 2) for x in _planes(X, self.channels)]
        return _safe_sqrt(functools.reduce(operator.add, sq_norms)) / X.shape[0]


def _total_variation(x: Float[Array, "m n"]) -> Scalar:
    down = jnp.diff(x, axis=0, append=x[-1:])
    right = jnp.diff(x, axis=1, append=x[:, -1:])
    return jnp.sum(_safe_sqrt(down**2 + right**2))


def _five_point(x: Float[Array, "m n"]) -> Float[Array, "_ _"]:
    return x[:-2, 1:-1] + x[2:, 1:-1] + x[1:-1, :-2] + x[1:-1, 2:] - 4 * x[1:-1, 1:-1]


def _planes(X: AbstractMatrix, channels: int) -> list[Float[Array, "m n"]]:
    # A list of matrices and not one array of three axes: of that, JAX 0.12.0 on the CPU compiles a gradient of NaN.
    plane_width(X.shape, channels)  # refuses channels that do not fit
    return jnp.split(X.dense(), channels, axis=1)


def _safe_sqrt(x: Float[Array, "*s"]) -> Float[Array, "*s"]:
    # The derivative of sqrt at 0 is infinite, and flat patches are everywhere: there the subgradient 0 is taken.
    positive = x > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, x, 1)), 0)
