"""The transforms ``T_i`` of AIR-Net's equation (1): from ``X`` to features whose *rows* are compared."""

from abc import abstractmethod

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from matmend._types import Shape
from matmend.matrix import AbstractMatrix, Dense, LowRank


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


class Centred(AbstractTransform):
    """Rows less their means: ``T(X) = T_0(X) (I - 11'/k)`` for ``k`` columns of ``T_0(X)``.

    Rows that differ by a constant are the same then: of ratings, the tastes are compared, not how generous somebody is.

    Parameters
    ----------
    inner : AbstractTransform, default ``Identity()``
        ``T_0``.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> Centred()(Dense(jnp.array([[1.0, 3.0], [6.0, 8.0]]))).dense().tolist()
    [[-1.0, 1.0], [-1.0, 1.0]]
    """

    inner: AbstractTransform = Identity()

    def out_shape(self, shape: Shape) -> Shape:
        """Shape of ``T(X)``."""
        return self.inner.out_shape(shape)

    def __call__(self, X: AbstractMatrix) -> AbstractMatrix:
        """Return the rows less their means."""
        Y = self.inner(X)
        if isinstance(Y, LowRank):
            # The mean of the rows of V is what a row of U meets on average: taken off, thin factors stay thin.
            return LowRank(Y.U, Y.V - jnp.mean(Y.V, axis=0, keepdims=True))
        features = Y.dense()
        return Dense(features - jnp.mean(features, axis=1, keepdims=True))


def _pair(size: int | tuple[int, int]) -> tuple[int, int]:
    height, width = (size, size) if isinstance(size, int) else size
    if min(height, width) < 1:
        raise ValueError(f"Blocks and their strides are 1 x 1 or larger, got {height} x {width}.")
    return height, width


def _optional_pair(size: int | tuple[int, int] | None) -> tuple[int, int] | None:
    return None if size is None else _pair(size)


class Blocks(AbstractTransform):
    """``T(X)`` has one row per block of ``X``, the block's entries row by row: the blocks are compared.

    Parameters
    ----------
    size : int or (int, int)
        Height and width of a block.
    stride : int or (int, int), optional
        Steps from one block to the next, down and to the right; ``size`` by default, that is, no overlap. At most
        ``size``, so that every entry is in some block.
    channels : int, default 1
        Number of equal blocks that stand side by side in ``X = [X_1 | ... | X_c]`` (see [`Transpose`][]). A block of
        the picture is then compared over all its channels, which follow one another in its row.

    Notes
    -----
    Blocks are counted row by row from the top left. Where the last one would reach over the border it is moved back to
    end there, so it overlaps the one before by more than the others do, and its common entries count twice. The paper
    (section 2.2) has the vectorised blocks as *columns* of ``T(X)`` and does not say what happens at the border; here,
    as everywhere, what is compared are the rows. The authors' code has no blocks.

    References
    ----------
    Li & Wang 2021, section 2.2, arXiv:2110.07557.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> Blocks((1, 2))(Dense(jnp.array([[1.0, 2.0, 3.0, 4.0]]))).dense().tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    >>> Blocks(16).out_shape((240, 240)), Blocks(16, stride=8, channels=3).out_shape((240, 3 * 240))
    ((225, 256), (841, 768))
    """

    size: tuple[int, int] = eqx.field(static=True, converter=_pair)
    stride: tuple[int, int] | None = eqx.field(static=True, default=None, converter=_optional_pair)
    channels: int = eqx.field(static=True, default=1)

    def __check_init__(self):
        if self.channels < 1:
            raise ValueError(f"A picture has at least one channel, got channels={self.channels}.")
        if self.stride is not None and (self.stride[0] > self.size[0] or self.stride[1] > self.size[1]):
            raise ValueError(
                f"A stride of {self.stride} is larger than the blocks, {self.size}: entries between them would belong "
                "to none."
            )

    def out_shape(self, shape: Shape) -> Shape:
        """Shape of ``T(X)``."""
        tops, lefts = self._corners(shape)
        return tops.size * lefts.size, self.size[0] * self.size[1] * self.channels

    def __call__(self, X: AbstractMatrix) -> AbstractMatrix:
        """Return the blocks as rows."""
        tops, lefts = self._corners(X.shape)
        (p, q), (m, _) = self.size, X.shape
        n = plane_width(X.shape, self.channels)
        if tops.size * p == m and lefts.size * q == n:
            # Moving whole blocks costs less than reading entry by entry.
            blocks = X.dense().reshape(tops.size, p, self.channels, lefts.size, q).transpose(0, 3, 2, 1, 4)
        else:
            rows = (tops[:, None] + np.arange(p))[:, None, None, :, None]
            cols = (lefts[:, None] + np.arange(q))[:, None, None, :] + n * np.arange(self.channels)[:, None, None]
            blocks = X.dense()[rows, cols[None]]
        return Dense(blocks.reshape(self.out_shape(X.shape)))

    def _corners(self, shape: Shape) -> tuple[np.ndarray, np.ndarray]:
        """First rows and first columns of the blocks."""
        lengths = shape[0], plane_width(shape, self.channels)
        if lengths[0] < self.size[0] or lengths[1] < self.size[1]:
            raise ValueError(
                f"Blocks of {self.size[0]} x {self.size[1]} do not fit into a picture of {lengths[0]} x {lengths[1]}: "
                "make them smaller."
            )
        steps = self.size if self.stride is None else self.stride
        tops, lefts = (
            np.append(np.arange(0, length - block, step), length - block)
            for length, block, step in zip(lengths, self.size, steps, strict=True)
        )
        return tops, lefts


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
