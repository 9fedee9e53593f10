r"""Null vectors of the core: connected pieces of vertices that may move, next to vertices that are held.

With ``C_v = sum z z'`` over the neighbours of v (z their rows of Z) and ``dZ_v = C_v^(-1/2) x_v`` the Jacobian of a
piece has orthonormal columns vertex by vertex, and ``J'J = [[I, E], [E', I]]``, where block (i, j) of E is
``(C_i^(-1/2) V_j) (C_j^(-1/2) U_i)'`` for observed (i, j). So motions are the singular vectors of E for the singular
value 1: ``S b = (I - E'E) b = 0``, ``a = -E b``, with the unknowns of the smaller side. For r = 1 E is the adjacency
matrix of the graph divided by the roots of the degrees, with signs. Derived here.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import get_lapack_funcs, solve_triangular

from matmend.completability.adjacency import SPAN, Adjacency, Bools, Ints
from matmend.completability.factors import Array

SMALL = 1e-9
"""Pivots of S, whose diagonal is at most 1, that count as 0."""
VANISHED = 1e-8
"""A projection of a random vector on the null space is 0 below this share of its length."""
SETTLED = 1e-9
"""A projection is a null vector if S shortens it to this share."""


@dataclass(frozen=True, eq=False)
class Piece:
    """A piece with b <= a vertices on its smaller side.

    Attributes
    ----------
    large, small : int arrays, shapes (a,), (b,)
        The vertices.
    edges : sparse matrix of ones, shape (a, b)
    Z_large, Z_small : arrays, shapes (a, r), (b, r)
        Rows of the factors.
    R_large, R_small : arrays, shapes (a, r, r), (b, r, r)
        ``C^(-1/2)``, the identity on the null space of C.
    loose_large, loose_small : arrays, shapes (a, r, r), (b, r, r)
        Projections on the null spaces of C; zero for generic factors.
    """

    large: Ints
    small: Ints
    edges: sparse.csr_array
    Z_large: Array
    Z_small: Array
    R_large: Array
    R_small: Array
    loose_large: Array
    loose_small: Array

    @property
    def back(self) -> sparse.csc_array:
        """Edges, transposed."""
        return self.edges.T

    def to_large(self, b: Array) -> Array:
        """``E b`` for b of shape (b, s, r)."""
        return _across(self.edges, b, self.R_small, self.Z_small, self.Z_large, self.R_large)

    def to_small(self, a: Array) -> Array:
        """``E' a`` for a of shape (a, s, r)."""
        return _across(self.back, a, self.R_large, self.Z_large, self.Z_small, self.R_small)

    def normal(self, b: Array) -> Array:
        """``S b``; loose directions give 0."""
        tight = b - np.einsum("jkl,jsl->jsk", self.loose_small, b)
        return tight - self.to_small(self.to_large(b))


def make_piece(adjacency: Adjacency, factor: Array, vertices: Ints, held: Bools, keep: float, seed: int) -> Piece:
    """Cut a piece out of the graph.

    Parameters
    ----------
    adjacency : Adjacency
    factor : array, shape (m + n, r)
    vertices : int array
        Those that may move.
    held : bool array, shape (m + n,)
        Those that do not. All others are no neighbours.
    keep : float
        Edges of the piece that a vertex keeps on average, at random: a null space of fewer equations contains the one
        of all. Infinite for all edges.
    seed : int
    """
    rows, cols = vertices[vertices < adjacency.num_rows], vertices[vertices >= adjacency.num_rows]
    large, small = (rows, cols) if rows.size >= cols.size else (cols, rows)
    edges = adjacency.between(large, small)
    if edges.nnz > keep * vertices.size:
        of_large = np.repeat(np.arange(large.size), np.diff(edges.indptr))
        share = keep / np.diff(edges.indptr)[of_large]
        share += keep / np.bincount(edges.indices, minlength=small.size)[edges.indices]
        chosen = np.random.default_rng(seed).random(edges.nnz) < share
        edges = sparse.csr_array((np.ones(chosen.sum()), (of_large[chosen], edges.indices[chosen])), shape=edges.shape)
    Z_large, Z_small = factor[large], factor[small]
    sums = adjacency.grams(large, factor, held) + _outer_sums(edges, Z_small)
    R_large, loose_large = _inverse_root(sums)
    sums = adjacency.grams(small, factor, held) + _outer_sums(edges.T, Z_large)
    R_small, loose_small = _inverse_root(sums)
    return Piece(large, small, edges, Z_large, Z_small, R_large, R_small, loose_large, loose_small)


def dense_motions(piece: Piece, num: int, rng: np.random.Generator) -> tuple[int, Array, Array, float]:
    """Dimension of the null space and random motions, by Cholesky factorization of S with pivots.

    Returns
    -------
    nullity : int
    d_large, d_small : arrays, shapes (a, num, r), (b, num, r)
        Motions of the vertices.
    margin : float
        Least pivot that counted, divided by the largest that did not (rounding, at least); infinite without pivots.
    """
    b, r = piece.Z_small.shape
    S = _dense_normal(piece)
    diagonal = np.diag(S).copy()
    (pstrf,) = get_lapack_funcs(("pstrf",), (S,))
    factored, pivots, rank, _ = pstrf(S, tol=SMALL, overwrite_a=1)
    order = pivots - 1
    upper = factored[:rank, :rank]
    beside = factored[:rank, rank:]
    left = np.abs(diagonal[order[rank:]] - np.sum(beside**2, axis=0)).max(initial=0.0)
    least = float(np.diag(upper).min(initial=np.inf)) ** 2
    margin = least / max(left, np.finfo(float).eps * b * r)
    weights = rng.standard_normal((b * r - rank, num))
    solution = np.zeros((b * r, num))
    if rank < b * r:
        solution[order[rank:]] = weights
        if rank:
            solution[order[:rank]] = -solve_triangular(upper, beside @ weights, check_finite=False)
    motion = np.moveaxis(solution.reshape(b, r, num), 2, 1)
    length = np.linalg.norm(motion, axis=(0, 2), keepdims=True)
    motion = motion / np.where(length > 0, length, 1)
    d_large, d_small = _motions(piece, motion, rng)
    loose = int(np.rint(np.einsum("vkk->", piece.loose_large)))
    return b * r - int(rank) + loose, d_large, d_small, margin


def projected_motions(
    piece: Piece, num: int, rng: np.random.Generator, is_afloat: bool, max_iterations: int
) -> tuple[Array, Array, NDArray[np.bool_], NDArray[np.bool_]]:
    """Random vectors projected on the null space by conjugate gradients on ``S b = 0``, which never forms S.

    Parameters
    ----------
    is_afloat : bool
        True if no vertex next to the piece is held: the motions that change no entry are then projected out.

    Returns
    -------
    d_large, d_small : arrays, shapes (a, num, r), (b, num, r)
    is_settled : bool array, shape (num,)
        Whether the iteration came to an end: with 0 or with a null vector.
    is_zero : bool array, shape (num,)
        Whether with 0, in which case the motions are exactly 0.
    """
    b = rng.standard_normal((piece.small.size, num, piece.Z_small.shape[1]))
    trivial = _trivial_basis(piece) if is_afloat else None
    b = _without(b, trivial)
    start = np.linalg.norm(b, axis=(0, 2))
    residual = -piece.normal(b)
    direction = residual.copy()
    squared = np.sum(residual**2, axis=(0, 2))
    for step in range(max_iterations):
        size = np.linalg.norm(b, axis=(0, 2))
        is_zero = size <= VANISHED * start
        is_settled = is_zero | (np.sqrt(squared) <= SETTLED * size)
        if is_settled.all():
            break
        image = piece.normal(direction)
        curvature = np.sum(direction * image, axis=(0, 2))
        length = np.where(is_settled | (curvature <= 0), 0, squared / np.where(curvature > 0, curvature, 1))
        b += length[:, None] * direction
        residual -= length[:, None] * image
        if step % 50 == 49:  # what rounding has brought back
            b = _without(b, trivial)
            residual = -piece.normal(b)
        before, squared = squared, np.sum(residual**2, axis=(0, 2))
        direction = residual + (squared / np.where(before > 0, before, 1))[:, None] * direction
    else:
        size = np.linalg.norm(b, axis=(0, 2))
        is_zero = size <= VANISHED * start
        is_settled = is_zero | (np.sqrt(squared) <= SETTLED * size)
    b = np.where(is_zero[:, None], 0, b)
    d_large, d_small = _motions(piece, b, rng)
    return d_large, d_small, is_settled, is_zero


def _across(
    edges: sparse.csr_array | sparse.csc_array, x: Array, R_from: Array, Z_from: Array, Z_to: Array, R_to: Array
) -> Array:
    """Apply E: the sum over neighbours of ``y z'`` first, so that nothing of the size of the entries is stored."""
    k, s, r = x.shape
    y = np.einsum("jkl,jsl->jsk", R_from, x)
    sums = edges @ (y[..., None] * Z_from[:, None, None, :]).reshape(k, s * r * r)
    moved = np.einsum("isab,ia->isb", sums.reshape(-1, s, r, r), Z_to)
    return np.einsum("ikl,isl->isk", R_to, moved)


def _motions(piece: Piece, b: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    a = -piece.to_large(b)
    if piece.loose_large.any():
        a += np.einsum("jkl,jsl->jsk", piece.loose_large, rng.standard_normal(a.shape))
    return np.einsum("jkl,jsl->jsk", piece.R_large, a), np.einsum("jkl,jsl->jsk", piece.R_small, b)


def _dense_normal(piece: Piece) -> Array:
    b, r = piece.Z_small.shape
    S = np.zeros((b * r, b * r))
    blocks = S.reshape(b, r, b, r)
    blocks[np.arange(b), :, np.arange(b), :] = np.eye(r) - piece.loose_small
    indptr, indices = piece.edges.indptr, piece.edges.indices
    for i in range(piece.large.size):
        near = indices[indptr[i] : indptr[i + 1]]
        if not near.size:
            continue
        h = piece.Z_small[near] @ piece.R_large[i]
        g = (piece.R_small[near] @ piece.Z_large[i]).ravel()
        where = (near[:, None] * r + np.arange(r)).ravel()
        S[np.ix_(where, where)] -= np.outer(g, g) * np.repeat(np.repeat(h @ h.T, r, axis=0), r, axis=1)
    return S


def _outer_sums(edges: sparse.csr_array | sparse.csc_array, Z: Array) -> Array:
    r = Z.shape[1]
    return (edges @ (Z[:, :, None] * Z[:, None, :]).reshape(-1, r * r)).reshape(-1, r, r)


def _inverse_root(C: Array) -> tuple[Array, Array]:
    values, vectors = np.linalg.eigh(C)
    is_loose = values <= SPAN
    scaled = vectors / np.sqrt(np.where(is_loose, 1, values))[:, None, :]
    return scaled @ vectors.swapaxes(1, 2), (vectors * is_loose[:, None, :]) @ vectors.swapaxes(1, 2)


def _trivial_basis(piece: Piece) -> Array:
    """Orthonormal basis of the b that belong to (U G, -V G'), shape (b r, r^2)."""
    b, r = piece.Z_small.shape
    roots = np.linalg.inv(piece.R_small)
    basis = np.einsum("jkl,jc->jklc", roots, piece.Z_small).reshape(b * r, r * r)
    left, sigma, _ = np.linalg.svd(basis, full_matrices=False)
    return left[:, sigma > SPAN * sigma[0]]


def _without(b: Array, basis: Array | None) -> Array:
    if basis is None:
        return b
    flat = np.moveaxis(b, 1, 2).reshape(-1, b.shape[1])
    for _ in range(2):  # twice is enough
        flat = flat - basis @ (basis.T @ flat)
    return np.moveaxis(flat.reshape(b.shape[0], b.shape[2], b.shape[1]), 2, 1)
