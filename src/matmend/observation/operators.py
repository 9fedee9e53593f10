"""Linear operators on a dense matrix: what [`Linear`][matmend.observation.Linear] measures with.

Each is a callable from ``X`` (m, n) to an array of values, linear in ``X``; so is any function of that kind. Their
adjoints are `jax.linear_transpose`.
"""

from abc import abstractmethod
from collections.abc import Callable
from typing import Literal

import equinox as eqx
import jax.numpy as jnp
from jax.scipy.signal import fftconvolve
from jaxtyping import Array, Float, Int

from matmend.transform import plane_width

Operator = Callable[[Array], Array]
"""Any callable ``X -> A(X)``."""

Boundary = Literal["constant", "edge", "reflect", "symmetric", "wrap"]
"""What lies beyond the border of a picture, in the words of `numpy.pad`; ``"constant"`` is 0."""


class AbstractOperator(eqx.Module):
    """A linear map ``X -> A(X)``; its arrays are given, not trained."""

    @abstractmethod
    def __call__(self, X: Float[Array, "m n"]) -> Array:
        """Return ``A(X)``."""


class Compose(AbstractOperator):
    """One operator after another: ``A(X) = A_k(... A_2(A_1(X)))``.

    Parameters
    ----------
    operators : tuple of callables
        The first is applied first; all but the last give matrices.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> Compose((Subsample(2), Sample([0, 1], [0, 1])))(jnp.arange(16.0).reshape(4, 4)).tolist()
    [0.0, 10.0]
    """

    operators: tuple[Operator, ...] = eqx.field(converter=tuple)

    def __call__(self, X: Float[Array, "m n"]) -> Array:
        """Apply all operators."""
        for operator in self.operators:
            X = operator(X)
        return X


class Sensing(AbstractOperator):
    """``y_k = <A_k, X> = sum_ij (A_k)_ij X_ij``: matrix sensing.

    Parameters
    ----------
    matrices : array of shape (q, m, n)
        The ``A_k``; as many numbers as ``q`` matrices ``X`` have.

    References
    ----------
    Recht, Fazel & Parrilo 2010, doi:10.1137/070697835.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> Sensing([[[1.0, 0.0], [0.0, 1.0]]])(jnp.array([[1.0, 2.0], [3.0, 4.0]])).tolist()  # the trace
    [5.0]
    """

    matrices: Float[Array, "q m n"] = eqx.field(converter=jnp.asarray)

    def __check_init__(self):
        if self.matrices.ndim != 3:
            raise ValueError(f"Sensing matrices come as an array of shape (q, m, n), got {self.matrices.shape}.")

    def __call__(self, X: Float[Array, "m n"]) -> Float[Array, " q"]:
        """Take the inner products."""
        return jnp.tensordot(self.matrices, X, axes=2)


class Sample(AbstractOperator):
    """``y_e = X[rows_e, cols_e]``: entries of the matrix, or of what another operator made of it.

    Parameters
    ----------
    rows, cols : integer arrays of shape (e,)
        0-based; a pair may occur twice.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> Sample([1, 0], [0, 1])(jnp.array([[1.0, 2.0], [3.0, 4.0]])).tolist()
    [3.0, 2.0]
    """

    rows: Int[Array, " e"] = eqx.field(converter=jnp.asarray)
    cols: Int[Array, " e"] = eqx.field(converter=jnp.asarray)

    def __call__(self, X: Float[Array, "m n"]) -> Float[Array, " e"]:
        """Read the entries."""
        return X[self.rows, self.cols]


class Blur(AbstractOperator):
    """Convolution: ``A(X)_ij = sum_ab K_ab X[i - a, j - b]``, ``a`` and ``b`` counted from the middle of the kernel.

    Parameters
    ----------
    kernel : array of shape (2 a + 1, 2 b + 1)
        Its middle is the middle entry; a kernel of sum 1 keeps the brightness.
    boundary : {"edge", "constant", "reflect", "symmetric", "wrap"}
        What lies beyond the border: the last pixel again (the default), zeros, the picture mirrored at the last pixel
        or at its edge, the opposite side.
    channels : int, default 1
        Number of equal blocks that stand side by side in ``X``, each a picture of its own.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> Blur([[0.5, 0.25, 0.25]])(jnp.array([[0.0, 4.0, 0.0]])).tolist()
    [[2.0, 1.0, 1.0]]
    """

    kernel: Float[Array, "a b"] = eqx.field(converter=jnp.asarray)
    boundary: Boundary = eqx.field(static=True, default="edge")
    channels: int = eqx.field(static=True, default=1)

    def __check_init__(self):
        if self.kernel.ndim != 2 or not all(length % 2 for length in self.kernel.shape):
            raise ValueError(
                f"A kernel has two axes of odd length, so that it has a middle, got shape {self.kernel.shape}: "
                "pad yours with a row or column of zeros."
            )

    def __call__(self, X: Float[Array, "m n"]) -> Float[Array, "m n"]:
        """Blur every channel."""
        plane_width((X.shape[0], X.shape[1]), self.channels)  # refuses channels that do not fit
        return jnp.concatenate([self._plane(x) for x in jnp.split(X, self.channels, axis=1)], axis=1)

    def _plane(self, x: Float[Array, "m n"]) -> Float[Array, "m n"]:
        a, b = (length // 2 for length in self.kernel.shape)
        padded = jnp.pad(x, ((a, a), (b, b)), mode=self.boundary)
        # By Fourier transforms: on a CPU ten times faster than `jax.lax.conv`, which is made for many channels.
        return fftconvolve(padded, self.kernel, mode="valid")


class Subsample(AbstractOperator):
    """Every ``factor``-th row and column, the first included; blur beforehand for what a coarser camera sees.

    Parameters
    ----------
    factor : int or (int, int)
        Down and to the right.
    channels : int, default 1
        Number of equal blocks that stand side by side in ``X``, each a picture of its own.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> Subsample((1, 2))(jnp.array([[1.0, 2.0, 3.0]])).tolist()
    [[1.0, 3.0]]
    """

    factor: int | tuple[int, int] = eqx.field(static=True)
    channels: int = eqx.field(static=True, default=1)

    def __check_init__(self):
        if min(self._steps) < 1:
            raise ValueError(f"Of the rows and columns every 1st, 2nd, ... can be kept, got factor={self.factor}.")

    @property
    def _steps(self) -> tuple[int, int]:
        return (self.factor, self.factor) if isinstance(self.factor, int) else self.factor

    def __call__(self, X: Float[Array, "m n"]) -> Float[Array, "_ _"]:
        """Leave out the rows and columns between."""
        down, right = self._steps
        plane_width((X.shape[0], X.shape[1]), self.channels)  # refuses channels that do not fit
        return jnp.concatenate([x[::down, ::right] for x in jnp.split(X, self.channels, axis=1)], axis=1)


class Pick(AbstractOperator):
    """Some of the values of another operator, in a row: a batch of its measurements.

    Parameters
    ----------
    operator : callable
    index : integer array of shape (e,)
        Into the values, counted row by row.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> Pick(Subsample(1), [3, 3, 0])(jnp.array([[1.0, 2.0], [3.0, 4.0]])).tolist()
    [4.0, 4.0, 1.0]
    """

    operator: Operator
    index: Int[Array, " e"] = eqx.field(converter=jnp.asarray)

    def __call__(self, X: Float[Array, "m n"]) -> Float[Array, " e"]:
        """Make all measurements and keep those asked for."""
        return self.operator(X).reshape(-1)[self.index]


def picked(operator: Operator, index: Int[Array, " e"]) -> AbstractOperator:
    """Return the operator of some measurements, in the cheapest form.

    Measurements that stand for themselves are made alone; of others all are made, and some kept.

    Parameters
    ----------
    operator : callable
    index : integer array of shape (e,)

    Returns
    -------
    AbstractOperator

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> picked(Sample([1, 0], [0, 1]), jnp.array([1])).rows.tolist()
    [0]
    """
    match operator:
        case Sensing():
            return Sensing(operator.matrices[index])
        case Sample():
            return Sample(operator.rows[index], operator.cols[index])
        case Pick():
            return Pick(operator.operator, operator.index[index])
        case _:
            return Pick(operator, index)
