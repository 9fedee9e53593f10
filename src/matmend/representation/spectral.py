"""``X`` in the eigenbases of two given graphs: the spectral form of deep factorization with Dirichlet energies."""

from typing import Self

import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray
from numpy.typing import ArrayLike

from matmend._types import Params, Shape
from matmend.matrix import Dense
from matmend.representation.base import AbstractRepresentation
from matmend.representation.factorization import DeepFactorization
from matmend.representation.initialization import ScaledIdentity


class Spectral(AbstractRepresentation):
    """``X = Phi C Psi'``, where ``Phi`` and ``Psi`` are eigenvectors of a row and a column Laplacian.

    Parameters
    ----------
    row_basis : array of shape (m, p)
        ``Phi``, orthonormal columns; all ``p = m`` eigenvectors, or the smoothest ``p`` for a band limit.
    col_basis : array of shape (n, q)
        ``Psi``.
    coefficients : AbstractRepresentation, default ``DeepFactorization(3, initialization=ScaledIdentity(1e-2))``
        Of the ``p x q`` matrix ``C``; three factors from ``0.01 I`` are the ``P C Q'`` of the reference.

    Notes
    -----
    With complete bases and plain gradient descent the change of basis alone changes nothing; with Adam, which treats
    every coordinate by itself, it does, and so does a start that is diagonal in the eigenbasis. The penalties ``rho``
    on the off-diagonal parts of ``P' Lambda_r P`` and ``Q' Lambda_c Q`` are left out: they are 0 in the authors'
    published notebook.

    References
    ----------
    Boyarski, Vedula & Bronstein 2019, arXiv:1911.07255.

    Examples
    --------
    >>> import jax, jax.numpy as jnp, numpy as np
    >>> path = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    >>> X = Spectral.from_graphs(path, path)
    >>> X(X.init((3, 3), key=jax.random.key(0), dtype=jnp.float32)).shape
    (3, 3)
    """

    row_basis: Float[Array, "m p"]
    col_basis: Float[Array, "n q"]
    coefficients: AbstractRepresentation = DeepFactorization(3, initialization=ScaledIdentity(1e-2))

    def __check_init__(self):
        for name, basis in (("row_basis", self.row_basis), ("col_basis", self.col_basis)):
            if basis.ndim != 2 or basis.shape[0] < basis.shape[1]:
                raise ValueError(f"{name} holds basis vectors as columns, at most as many as rows, got {basis.shape}.")

    @classmethod
    def from_graphs(
        cls,
        row_affinity: ArrayLike,
        col_affinity: ArrayLike,
        *,
        num_row: int | None = None,
        num_col: int | None = None,
        coefficients: AbstractRepresentation | None = None,
    ) -> Self:
        """Take the eigenvectors of the Laplacians ``D - W`` of two graphs, the smoothest first.

        Parameters
        ----------
        row_affinity, col_affinity : arrays of shape (m, m), (n, n)
            Symmetric, non-negative; the diagonal does not count.
        num_row, num_col : int, optional
            How many eigenvectors to keep; all by default.
        coefficients : AbstractRepresentation, optional

        Returns
        -------
        Spectral

        Raises
        ------
        ValueError
            If an affinity is no symmetric matrix of non-negative numbers, or more eigenvectors are asked for than
            there are.
        """
        bases = _smoothest(row_affinity, num_row, "row"), _smoothest(col_affinity, num_col, "col")
        return cls(*bases) if coefficients is None else cls(*bases, coefficients)

    def init(self, shape: Shape, *, key: PRNGKeyArray, dtype: DTypeLike) -> Params:
        """Draw the coefficients."""
        if shape != (self.row_basis.shape[0], self.col_basis.shape[0]):
            raise ValueError(
                f"The graphs have {self.row_basis.shape[0]} and {self.col_basis.shape[0]} nodes, but X has shape "
                f"{shape}."
            )
        return self.coefficients.init((self.row_basis.shape[1], self.col_basis.shape[1]), key=key, dtype=dtype)

    def __call__(self, params: Params) -> Dense:
        """Return ``Phi C Psi'``."""
        C = self.coefficients(params).dense()
        return Dense(self.row_basis.astype(C.dtype) @ C @ self.col_basis.astype(C.dtype).T)


def _smoothest(affinity: ArrayLike, count: int | None, side: str) -> Array:
    W = np.array(affinity, dtype=np.float64)
    if W.ndim != 2 or W.shape[0] != W.shape[1] or not np.allclose(W, W.T) or not (W >= 0).all():
        raise ValueError(f"{side}_affinity is a symmetric matrix of numbers >= 0, got one of shape {W.shape}.")
    k = W.shape[0]
    if count is not None and not 1 <= count <= k:
        raise ValueError(f"num_{side}: expected 1 to {k} eigenvectors, got {count}.")
    np.fill_diagonal(W, 0)
    _, vectors = np.linalg.eigh(np.diag(W.sum(axis=1)) - W)
    return jnp.asarray(vectors[:, :count], dtype=float)
