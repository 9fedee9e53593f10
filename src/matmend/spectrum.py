"""Singular values of ``X`` and what they say about its rank."""

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int

from matmend._types import Scalar
from matmend.matrix import AbstractMatrix, LowRank


def singular_values(X: AbstractMatrix) -> Float[Array, " k"]:
    """``sigma_1 >= sigma_2 >= ...``, the singular values.

    Of a low-rank matrix only the ``r`` that can be other than 0, through two thin QR decompositions.

    Parameters
    ----------
    X : AbstractMatrix

    Returns
    -------
    array of shape (min(m, n),), or (r,) for thin factors

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from matmend.matrix import Dense
    >>> singular_values(Dense(jnp.diag(jnp.array([1.0, 3.0])))).tolist()
    [3.0, 1.0]
    """
    if isinstance(X, LowRank) and X.U.shape[1] <= min(X.shape):
        core = jnp.linalg.qr(X.U, mode="r") @ jnp.linalg.qr(X.V, mode="r").T
        return jnp.linalg.svd(core, compute_uv=False)
    return jnp.linalg.svd(X.dense(), compute_uv=False)


def effective_rank(sigma: Float[Array, " k"]) -> Scalar:
    """``exp(-sum_k p_k log p_k)`` with ``p = sigma / sum sigma``: the rank, counted softly.

    Parameters
    ----------
    sigma : array of shape (k,)
        Singular values, non-negative.

    Returns
    -------
    array of no axes
        From 1 (one singular value) to k (all equal); 0 for the zero matrix; NaN if a singular value is.

    References
    ----------
    Roy & Vetterli 2007, "The effective rank: a measure of effective dimensionality", EUSIPCO.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> round(float(effective_rank(jnp.array([2.0, 2.0, 0.0]))), 5)
    2.0
    """
    total = jnp.sum(sigma)
    p = sigma / jnp.where(total == 0, 1, total)
    entropy = -jnp.sum(p * jnp.log(jnp.where(p == 0, 1, p)))
    return jnp.where(total == 0, 0, jnp.exp(entropy))


def numerical_rank(sigma: Float[Array, " k"], *, rtol: float = 1e-3) -> Int[Array, ""]:
    """Count the singular values above ``rtol`` times the largest.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> int(numerical_rank(jnp.array([1.0, 0.5, 1e-6])))
    2
    """
    return jnp.sum(sigma > rtol * jnp.max(sigma))


def augmented_factor(factors: Sequence[Float[Array, "_ _"]]) -> Float[Array, "mn d"]:
    """``W_aug = [A; B']`` of ``X = A B``: the rows of ``A`` above the columns of ``B``.

    Parameters
    ----------
    factors : sequence of two arrays
        ``B`` of shape (d, n), which is applied first, and ``A`` of shape (m, d).

    Returns
    -------
    array of shape (m + n, d)

    Raises
    ------
    ValueError
        If there are not two factors.

    References
    ----------
    Bai, Zhao & Zhang 2024, the captions of Figs. 3 and 4, arXiv:2405.13721.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> augmented_factor([jnp.array([[3.0, 4.0]]), jnp.array([[1.0], [2.0]])]).tolist()
    [[1.0], [2.0], [3.0], [4.0]]
    """
    if len(factors) != 2:
        raise ValueError(f"W_aug stacks the two factors of X = A B, got {len(factors)}: use depth=2.")
    B, A = factors
    return jnp.concatenate([A, B.T])


def manifold_rank(factors: Sequence[Float[Array, "_ _"]], *, rtol: float = 1e-3) -> Int[Array, ""]:
    """``rank W_aug``, the ``k`` of the invariant manifold ``Omega_k`` near which the factors are.

    Where the rank of ``W_aug`` is ``k`` it stays ``k`` along the gradient flow of every function of the product, and
    in gradient descent as long as the learning rate is below ``1 / sigma_1(R)``.

    Parameters
    ----------
    factors : sequence of two arrays
        As for [`augmented_factor`][matmend.spectrum.augmented_factor].
    rtol : float, default 1e-3
        Singular values of ``W_aug`` above ``rtol`` times the largest are counted.

    Returns
    -------
    int array of no axes

    Notes
    -----
    The rank of ``A`` or of ``B`` alone can be smaller at single moments (a number that changes its sign), and ``W_aug``
    is the one to ask. Why it is constant, derived here: with ``R = -grad`` with respect to ``X``, the flow is
    ``dW_aug/dt = [[0, R], [R', 0]] W_aug``, a multiplication from the left by what is invertible for all times.

    References
    ----------
    Bai, Zhao & Zhang 2024, arXiv:2405.13721.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> int(manifold_rank([jnp.array([[3.0, 4.0], [0.0, 0.0]]), jnp.array([[1.0, 0.0], [2.0, 0.0]])]))
    1
    """
    return numerical_rank(jnp.linalg.svd(augmented_factor(factors), compute_uv=False), rtol=rtol)


def gamma(
    X: AbstractMatrix,
    L_row: Float[Array, "m m"],
    L_col: Float[Array, "n n"],
    *,
    row_weight: ArrayLike = 1.0,
    col_weight: ArrayLike = 1.0,
) -> Float[Array, " k"]:
    """``gamma_k = lambda_r u_k' L_row u_k + lambda_c v_k' L_col v_k >= 0``: how rough the singular vectors are.

    Parameters
    ----------
    X : AbstractMatrix
        Small: all entries are formed.
    L_row, L_col : arrays of shape (m, m) and (n, n)
        Laplacians of the rows and the columns of ``X``.
    row_weight, col_weight : float, default 1.0
        ``lambda_r`` and ``lambda_c``.

    Returns
    -------
    array of shape (min(m, n),)
        In the order of the singular values. Of equal ones only the sum is defined.

    Notes
    -----
    The statement of Theorem 1 leaves the weights out and its proof once writes ``2 sigma_k`` into ``gamma_k``; the
    formula of the theorem needs them as here.

    References
    ----------
    Li & Wang 2021, Theorem 1 and A.3, arXiv:2110.07557.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from matmend.matrix import Dense
    >>> L = jnp.array([[1.0, -1.0], [-1.0, 1.0]])
    >>> [round(float(g), 5) for g in gamma(Dense(jnp.diag(jnp.array([3.0, 1.0]))), L, L, row_weight=0.5)]
    [1.5, 1.5]
    """
    U, _, Vh = jnp.linalg.svd(X.dense(), full_matrices=False)
    rows, columns = jnp.sum(U * (L_row @ U), axis=0), jnp.sum(Vh * (Vh @ L_col), axis=1)
    return jnp.asarray(row_weight * rows + col_weight * columns)


class SingularValueRates(NamedTuple):
    """The two terms of ``d sigma_k / dt``, each of shape (k,).

    Attributes
    ----------
    data : array
        ``-L sigma_k^(2 - 2/L) <grad L_Y(X), u_k v_k'>``.
    regularizer : array
        ``-2 L sigma_k^(3 - 2/L) gamma_k``.
    """

    data: Float[Array, " k"]
    regularizer: Float[Array, " k"]


def singular_value_rates(
    X: AbstractMatrix, gradient: Float[Array, "m n"], gammas: Float[Array, " k"], *, depth: int
) -> SingularValueRates:
    """``d sigma_k / dt`` along the gradient flow of balanced factors of ``X``, as Theorem 1 of AIR-Net has it.

    Parameters
    ----------
    X : AbstractMatrix
        A product of balanced factors; small, all entries are formed.
    gradient : array of shape (m, n)
        Of the data term ``L_Y`` with respect to ``X``; the paper prints it as one with respect to ``W``.
    gammas : array of shape (min(m, n),)
        As [`gamma`][matmend.spectrum.gamma] returns them; 0 without a regularizer.
    depth : int
        Number ``L`` of factors.

    Returns
    -------
    SingularValueRates
        ``d sigma_k / dt`` is the sum of the two.

    Notes
    -----
    The Laplacians may change in time: the formula holds at every moment with those of that moment.

    References
    ----------
    Arora, Cohen, Hu & Luo 2019, Theorem 3, arXiv:1905.13655; Li & Wang 2021, Theorem 1, arXiv:2110.07557.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from matmend.matrix import Dense
    >>> X = Dense(jnp.diag(jnp.array([4.0, 1.0])))
    >>> rates = singular_value_rates(X, -jnp.eye(2), jnp.array([1.0, 1.0]), depth=2)
    >>> [[round(float(r), 4) for r in term] for term in rates]
    [[8.0, 2.0], [-64.0, -4.0]]
    """
    U, sigma, Vh = jnp.linalg.svd(X.dense(), full_matrices=False)
    along = jnp.sum(U * (gradient @ Vh.T), axis=0)
    return SingularValueRates(
        data=-depth * sigma ** (2 - 2 / depth) * along,
        regularizer=-2 * depth * sigma ** (3 - 2 / depth) * gammas,
    )
