"""The transforms ``T_i`` of AIR-Net's equation (1): from ``X`` to features whose *rows* are compared."""

from abc import abstractmethod

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

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
        raise ValueError(f"Patches and their strides are 1 x 1 or larger, got {height} x {width}.")
    return height, width


def _optional_pair(size: int | tuple[int, int] | None) -> tuple[int, int] | None:
    return None if size is None else _pair(size)


class Patches(AbstractTransform):
    """``T(X)`` has one row per patch of ``X``, the patch's entries row by row: the patches are compared.

    Parameters
    ----------
    size : int or (int, int)
        Height and width of a patch.
    stride : int or (int, int), optional
        Steps from one patch to the next, down and to the right; ``size`` by default, that is, no overlap. At most
        ``size``, so that every entry is in some patch.
    channels : int, default 1
        Number of equal blocks that stand side by side in ``X = [X_1 | ... | X_c]`` (see [`Transpose`][]). A patch of
        the picture is then compared over all its channels, which follow one another in its row.

    Notes
    -----
    Patches are counted row by row from the top left. Where the last one would reach over the border it is moved back to
    end there, so it overlaps the one before by more than the others do, and its common entries count twice. The paper
    (section 2.2) has the vectorised blocks as *columns* of ``T(X)`` and does not say what happens at the border; here,
    as everywhere, what is compared are the rows. The authors' code has no blocks.

    References
    ----------
    Li & Wang 2021, section 2.2, arXiv:2110.07557.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> Patches((1, 2))(Dense(jnp.array([[1.0, 2.0, 3.0, 4.0]]))).dense().tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    >>> Patches(16).out_shape((240, 240)), Patches(16, stride=8, channels=3).out_shape((240, 3 * 240))
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
                f"A stride of {self.stride} is larger than the patches, {self.size}: entries between them would belong "
                "to none."
            )

    def out_shape(self, shape: Shape) -> Shape:
        """Shape of ``T(X)``."""
        tops, lefts = self._corners(shape)
        return tops.size * lefts.size, self.size[0] * self.size[1] * self.channels

    def __call__(self, X: AbstractMatrix) -> AbstractMatrix:
        """Return the patches as rows."""
        tops, lefts = self._corners(X.shape)
        (p, q), (m, _) = self.size, X.shape
        n = plane_width(X.shape, self.channels)
        if tops.size * p == m and lefts.size * q == n:
            # Moving whole patches costs less than reading entry by entry.
            patches = X.dense().reshape(tops.size, p, self.channels, lefts.size, q).transpose(0, 3, 2, 1, 4)
        else:
            rows = (tops[:, None] + np.arange(p))[:, None, None, :, None]
            cols = (lefts[:, None] + np.arange(q))[:, None, None, :] + n * np.arange(self.channels)[:, None, None]
            patches = X.dense()[rows, cols[None]]
        return Dense(patches.reshape(self.out_shape(X.shape)))

    def adjoint(self, rows: Float[Array, "k d"], shape: Shape) -> Float[Array, "m n"]:
        """Return ``T' Y``: every entry of ``X`` is the sum of what overlapping patches have there.

        Parameters
        ----------
        rows : array of the shape ``out_shape(shape)``
            ``Y``, a row per patch.
        shape : (int, int)
            Shape of ``X``.

        Notes
        -----
        The exact transpose of ``T``, also at borders: ``sum(T(X) * Y) = sum(X * T'(Y))``. Divided by the adjoint of
        ones it is the mean of overlapping patches.

        Examples
        --------
        >>> import jax.numpy as jnp
        >>> Patches((1, 2), stride=1).adjoint(jnp.ones((3, 2)), (1, 4)).tolist()
        [[1.0, 2.0, 2.0, 1.0]]
        """
        if rows.shape != self.out_shape(shape):
            raise ValueError(
                f"The patches of a matrix of shape {shape} have shape {self.out_shape(shape)}, got {rows.shape}."
            )
        tops, lefts = self._corners(shape)
        (p, q), (m, _), c = self.size, shape, self.channels
        n = plane_width(shape, c)
        patches = rows.reshape(tops.size, lefts.size, c, p, q)
        if tops.size * p == m and lefts.size * q == n:
            return patches.transpose(0, 3, 2, 1, 4).reshape(shape)
        # One axis after the other: whole lines are added, not entries.
        columns = patches.transpose(1, 4, 0, 3, 2)  # (lefts, q, tops, p, c)
        wide = jnp.zeros((n, tops.size, p, c), rows.dtype).at[lefts[:, None] + np.arange(q)].add(columns)
        wide = wide.transpose(1, 2, 3, 0)  # (tops, p, c, n)
        return jnp.zeros((m, c, n), rows.dtype).at[tops[:, None] + np.arange(p)].add(wide).reshape(shape)

    def positions(self, shape: Shape) -> Float[Array, "k 2"]:
        """Where the centres of the patches are, down and to the right, in entries of one channel: features of the rows.

        Examples
        --------
        >>> Patches(2).positions((2, 4)).tolist()
        [[0.5, 0.5], [0.5, 2.5]]
        """
        tops, lefts = self._corners(shape)
        (p, q) = self.size
        down, right = np.meshgrid(tops + (p - 1) / 2, lefts + (q - 1) / 2, indexing="ij")
        return jnp.asarray(np.stack([down.ravel(), right.ravel()], axis=1), dtype=float)

    def _corners(self, shape: Shape) -> tuple[np.ndarray, np.ndarray]:
        """First rows and first columns of the patches."""
        lengths = shape[0], plane_width(shape, self.channels)
        if lengths[0] < self.size[0] or lengths[1] < self.size[1]:
            raise ValueError(
                f"Patches of {self.size[0]} x {self.size[1]} do not fit into a picture of {lengths[0]} x {lengths[1]}: "
                "make them smaller."
            )
        steps = self.size if self.stride is None else self.stride
        tops, lefts = (
            np.append(np.arange(0, length - side, step), length - side)
            for length, side, step in zip(lengths, self.size, steps, strict=True)
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
