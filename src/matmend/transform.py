"""The transforms ``T_i`` of AIR-Net's equation (1): from ``X`` to features whose *rows* are compared."""

from abc import abstractmethod

import equinox as eqx

from matmend._types import Shape
from matmend.matrix import AbstractMatrix, Dense


class AbstractTransform(eqx.Module):
    """A map ``T`` from a matrix to the matrix whose rows a regularizer compares."""

    @abstractmethod
    def out_shape(self, shape: Shape) -> Shape:
        """Shape of ``T(X)`` for an ``X`` of the given shape."""

    @abstractmethod
    def __call__(self, X: AbstractMatrix) -> AbstractMatrix:
        """Return ``T(X)``."""


class Identity(AbstractTransform):
    """``T(X) = X``: the rows of ``X`` are compared.

    Examples
    --------
    >>> Identity().out_shape((3, 5))
    (3, 5)
    """

    def out_shape(self, shape: Shape) -> Shape:
        """Shape of ``T(X)``."""
        return shape

    def __call__(self, X: AbstractMatrix) -> AbstractMatrix:
        """Return ``X``."""
        return X


class Transpose(AbstractTransform):
    """``T(X) = X'``: the columns of ``X`` are compared.

    Parameters
    ----------
    channels : int, default 1
        Number of equal blocks that stand side by side in ``X = [X_1 | ... | X_c]``, as the channels of a colour
        image do. Then ``T(X) = [X_1' | ... | X_c']``: column ``j`` of the picture is compared over all its channels
        at once, so the channels share one graph. One channel is the plain transpose.

    Examples
    --------
    >>> Transpose().out_shape((3, 5))
    (5, 3)
    >>> Transpose(channels=3).out_shape((4, 3 * 5))
    (5, 12)
    """

    channels: int = eqx.field(static=True, default=1)

    def __check_init__(self):
        if self.channels < 1:
            raise ValueError(f"A picture has at least one channel, got channels={self.channels}.")

    def out_shape(self, shape: Shape) -> Shape:
        """Shape of ``T(X)``."""
        m, _ = shape
        return plane_width(shape, self.channels), m * self.channels

    def __call__(self, X: AbstractMatrix) -> AbstractMatrix:
        """Return the (channel-wise) transpose."""
        if self.channels == 1:
            return X.transpose()
        m, _ = X.shape
        n, wide = self.out_shape(X.shape)
        blocks = X.dense().reshape(m, self.channels, n)
        return Dense(blocks.transpose(2, 1, 0).reshape(n, wide))


def plane_width(shape: Shape, channels: int) -> int:
    """Width of each of the equal blocks ``[X_1 | ... | X_c]`` that an ``X`` of this shape is made of.

    Examples
    --------
    >>> plane_width((4, 15), channels=3)
    5
    """
    _, n = shape
    if channels < 1 or n % channels:
        raise ValueError(f"{n} columns cannot be cut into {channels} channels of equal width.")
    return n // channels
