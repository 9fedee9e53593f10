"""The value ``X`` as the program holds it: dense, or as two thin factors that are never multiplied out.

Everything downstream (observations, transforms, regularizers) asks an [`AbstractMatrix`][] for the few
numbers it needs, so a representation decides how ``X`` is held and nobody else has to know.
"""

from abc import abstractmethod

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from matmend._types import Shape

DENSE_LIMIT = 2**27
"""Most entries (0.5 GiB in float32) that [`AbstractMatrix.dense`][] agrees to form."""


class AbstractMatrix(eqx.Module):
    """A real matrix ``X`` of shape ``(m, n)``, however it is stored."""

    @property
    @abstractmethod
    def shape(self) -> Shape:
        """Numbers of rows and columns."""

    @abstractmethod
    def dense(self) -> Float[Array, "m n"]:
        """Form all entries; refuses above [`DENSE_LIMIT`][matmend.matrix.DENSE_LIMIT]."""

    @abstractmethod
    def vectors(self) -> tuple[Float[Array, "_ _"], int]:
        """Return an array and the axis of it along which this matrix's rows are counted.

        What works on whole rows asks for this instead of `dense`: a transposed matrix then hands out its own memory,
        where a transposed copy would be read against the grain.
        """

    @abstractmethod
    def transpose(self) -> "AbstractMatrix":
        """Return ``X'``, held the same way."""

    @abstractmethod
    def at(self, rows: Int[Array, " e"], cols: Int[Array, " e"]) -> Float[Array, " e"]:
        """Read the entries ``X[rows[e], cols[e]]``."""

    @abstractmethod
    def sq_distances(self, i: Int[Array, " e"], j: Int[Array, " e"], axis: int) -> Float[Array, " e"]:
        """Squared distances ``|x_i - x_j|^2`` between rows (``axis=0``) or columns (``axis=1``)."""


class Dense(AbstractMatrix):
    """A matrix held as all its entries.

    Parameters
    ----------
    X : array of shape (m, n)
    is_transposed : bool, default False
        Whether the matrix is the transpose of the array; `transpose` moves no number.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> X = Dense(jnp.array([[1.0, 2.0], [3.0, 4.0]]))
    >>> X.at(jnp.array([0, 1]), jnp.array([1, 0])).tolist()
    [2.0, 3.0]
    >>> X.sq_distances(jnp.array([0]), jnp.array([1]), axis=0).tolist()
    [8.0]
    """

    X: Float[Array, "_ _"]
    is_transposed: bool = eqx.field(static=True, default=False)

    @property
    def shape(self) -> Shape:
        """Numbers of rows and columns."""
        m, n = self.X.shape
        return (n, m) if self.is_transposed else (m, n)

    def dense(self) -> Float[Array, "m n"]:
        """Return the entries."""
        return self.X.T if self.is_transposed else self.X

    def vectors(self) -> tuple[Float[Array, "_ _"], int]:
        """Return the array and the axis of the rows."""
        return self.X, int(self.is_transposed)

    def transpose(self) -> "Dense":
        """Return ``X'``, a view of the same array."""
        return Dense(self.X, not self.is_transposed)

    def at(self, rows: Int[Array, " e"], cols: Int[Array, " e"]) -> Float[Array, " e"]:
        """Read the entries ``X[rows[e], cols[e]]``."""
        return self.X[cols, rows] if self.is_transposed else self.X[rows, cols]

    def sq_distances(self, i: Int[Array, " e"], j: Int[Array, " e"], axis: int) -> Float[Array, " e"]:
        """Squared distances between rows (``axis=0``) or columns (``axis=1``)."""
        X = self.dense() if axis == 0 else self.dense().T
        return jnp.sum((X[i] - X[j]) ** 2, axis=-1)


class LowRank(AbstractMatrix):
    """A matrix held as ``X = U V'``; entries and distances are read from the factors, ``X`` is not formed.

    Parameters
    ----------
    U : array of shape (m, r)
    V : array of shape (n, r)
    ones : tuple (int or None, int or None), default (None, None)
        The column of U and that of V that is constantly 1 and not to be trained: it carries the other factor's biases.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> X = LowRank(jnp.array([[1.0], [2.0]]), jnp.array([[3.0], [4.0], [5.0]]))
    >>> X.shape
    (2, 3)
    >>> X.at(jnp.array([1]), jnp.array([2])).tolist()
    [10.0]
    """

    U: Float[Array, "m r"]
    V: Float[Array, "n r"]
    ones: tuple[int | None, int | None] = eqx.field(static=True, default=(None, None))

    def __check_init__(self):
        if self.U.shape[-1] != self.V.shape[-1]:
            raise ValueError(
                f"The factors of a low-rank matrix share their second axis, got U {self.U.shape} and V {self.V.shape}."
            )

    @property
    def shape(self) -> Shape:
        """Numbers of rows and columns."""
        return self.U.shape[0], self.V.shape[0]

    def dense(self) -> Float[Array, "m n"]:
        """Multiply the factors out; for small matrices only."""
        m, n = self.shape
        if m * n > DENSE_LIMIT:
            raise ValueError(
                f"A {m} x {n} matrix has {m * n} entries, more than DENSE_LIMIT = {DENSE_LIMIT} that may be formed at "
                "once: read it with `at` or `sq_distances`, which need the factors alone."
            )
        return self.U @ self.V.T

    def vectors(self) -> tuple[Float[Array, "m n"], int]:
        """Multiply the factors out; for small matrices only."""
        return self.dense(), 0

    def transpose(self) -> "LowRank":
        """Return ``X' = V U'``."""
        return LowRank(self.V, self.U, (self.ones[1], self.ones[0]))

    def at(self, rows: Int[Array, " e"], cols: Int[Array, " e"]) -> Float[Array, " e"]:
        """Read the entries ``X[rows[e], cols[e]]``."""
        return jnp.sum(self.U[rows] * self.V[cols], axis=-1)

    def sq_distances(self, i: Int[Array, " e"], j: Int[Array, " e"], axis: int) -> Float[Array, " e"]:
        """Squared distances, through the r-by-r Gram matrix: ``(u_i - u_j)' V'V (u_i - u_j)``."""
        U, V = (self.U, self.V) if axis == 0 else (self.V, self.U)
        D = U[i] - U[j]
        return jnp.sum((D @ (V.T @ V)) * D, axis=-1)
