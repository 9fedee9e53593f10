"""The Dirichlet energy of a dense graph, with the derivative in closed form, and that of powers of its Laplacian."""

import functools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from matmend._types import Scalar


def laplacian(affinity: Float[Array, "k k"]) -> Float[Array, "k k"]:
    """``L = diag(A 1) - A`` with ``A = (W + W') / 2`` off the diagonal and 0 on it.

    Parameters
    ----------
    affinity : array of shape (k, k)
        Non-negative weights ``W``; they need not be symmetric, and the diagonal does not count.

    Returns
    -------
    array of shape (k, k)
        Symmetric, positive semi-definite, rows of sum 0.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> laplacian(jnp.array([[9.0, 2.0], [0.0, 9.0]])).tolist()
    [[1.0, -1.0], [-1.0, 1.0]]
    """
    k = affinity.shape[0]
    adjacency = jnp.where(jnp.eye(k, dtype=bool), 0, (affinity + affinity.T) / 2)
    return jnp.diag(jnp.sum(adjacency, axis=1)) - adjacency


def dirichlet_energy(affinity: Float[Array, "k k"], X: Float[Array, "_ _"], axis: int = 0) -> Scalar:
    """``tr(X' L X) = sum_{i<j} A_ij |x_i - x_j|^2`` over the rows ``x_i`` of ``X``, ``L`` as in [`laplacian`][].

    Parameters
    ----------
    affinity : array of shape (k, k)
        Non-negative weights ``W``; ``A = (W + W') / 2``.
    X : array of shape (k, p), or (p, k) with ``axis=1``
    axis : int, default 0
        The axis along which the ``k`` nodes are counted; 1 compares columns, without transposing anything.

    Returns
    -------
    array of no axes
        At least 0.

    Notes
    -----
    Plain reverse-mode differentiation costs three matrix products. The closed forms ``dR/dX = 2 L X`` (free, since
    the value needs ``L X``) and ``dR/dW_ij = |x_i - x_j|^2 / 2`` (one Gram matrix) cost two in all, and one where the
    graph is given and needs no derivative. As a `jax.custom_vjp` it has no forward-mode derivative.

    Nodes are centred first. ``L`` does not see a constant, but float32 does: the centred form is exact on constant
    matrices and keeps the digits of nearly equal rows, which are what a learned graph ends with.

    References
    ----------
    Li & Wang 2021, Proposition 2, arXiv:2110.07557.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> float(dirichlet_energy(jnp.ones((2, 2)), jnp.array([[0.0], [3.0]])))
    9.0
    """
    return _energy(axis, affinity, X)


def power_energy(affinity: Float[Array, "k k"], X: Float[Array, "_ _"], axis: int = 0, *, power: int = 1) -> Scalar:
    """``tr(X' L^p X)``: the Dirichlet energy for ``p = 1``, and ``|L X|^2`` for ``p = 2``.

    Large eigenvalues of ``L`` count more than in the Dirichlet energy, small ones less: slow changes over the graph
    are forgiven, fast ones are not.

    Parameters
    ----------
    affinity, X, axis
        As in [`dirichlet_energy`][].
    power : int, default 1
        ``p``, at least 1.

    Returns
    -------
    array of no axes
        At least 0.

    Notes
    -----
    No power of a matrix is formed: with ``V = L^a X``, made by ``a`` products, it is ``|V|^2`` for ``p = 2 a`` and
    ``tr(V' L V)`` for ``p = 2 a + 1``. AIR-Net has ``p = 1``, whose compiled program is that of
    [`dirichlet_energy`][].

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> [float(power_energy(jnp.ones((2, 2)), jnp.array([[0.0], [3.0]]), power=p)) for p in (1, 2, 3)]
    [9.0, 18.0, 36.0]
    """
    check_power(power)
    if power == 1:
        return dirichlet_energy(affinity, X, axis)
    V = _centred(X, axis)
    for _ in range(power // 2):
        V = _laplacian_times(affinity, V, axis)
    return dirichlet_energy(affinity, V, axis) if power % 2 else jnp.sum(V**2)


def check_power(power: int) -> int:
    """Refuse what is no power of a Laplacian."""
    if isinstance(power, bool) or not isinstance(power, int) or power < 1:
        raise ValueError(f"A power of the Laplacian is an integer, 1 or more, got power={power!r}.")
    return power


def _centred(X: Array, axis: int) -> Array:
    # First by one node, which leaves exact zeros of a constant matrix, then by the mean of what is left.
    X = X - (X[:1] if axis == 0 else X[:, :1])
    return X - jnp.mean(X, axis=axis, keepdims=True)


def _laplacian_times(affinity: Array, X: Array, axis: int) -> Array:
    # The diagonal of W enters the degree and the product alike and cancels: it needs no zeroing here.
    W = affinity + affinity.T
    degree = jnp.sum(W, axis=1)
    return 0.5 * (degree[:, None] * X - W @ X) if axis == 0 else 0.5 * (X * degree[None, :] - X @ W)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _energy(axis: int, affinity: Array, X: Array) -> Scalar:
    return _energy_fwd(axis, affinity, X)[0]


def _energy_fwd(axis: int, affinity: Array, X: Array) -> tuple[Scalar, tuple[Array, Array]]:
    X = _centred(X, axis)
    LX = _laplacian_times(affinity, X, axis)
    return jnp.maximum(jnp.sum(X * LX), 0), (X, LX)


def _energy_bwd(axis: int, residuals: tuple[Array, Array], cotangent: Scalar) -> tuple[Array, Array]:
    X, LX = residuals
    gram = X @ X.T if axis == 0 else X.T @ X
    sq_norms = jnp.diagonal(gram)
    half_sq_distances = jnp.maximum(0.5 * (sq_norms[:, None] + sq_norms[None, :]) - gram, 0)
    return cotangent * half_sq_distances, (2 * cotangent) * LX


_energy.defvjp(_energy_fwd, _energy_bwd)
