"""The Dirichlet energy on an edge set, with the derivative in closed form: nothing has more than a factor's size."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from matmend._types import Scalar

CHUNK = 512
"""Nodes that are worked on at once: what they gather stays in a processor's cache."""

UNROLLED = 16
"""Most neighbours in one piece of straight-line code."""


class EdgeSet(NamedTuple):
    """Directed edges from each of ``k`` nodes to at most ``s`` others, listed by source and by target.

    Attributes
    ----------
    neighbors : int array of shape (k, s)
        Row ``i`` lists the nodes in the set of node ``i``, in any order; -1 marks an empty slot.
    incoming : int array of shape (k + e, w)
        The same edges by target, as positions ``i s + slot`` in `neighbors`; -1 marks an empty slot. Row ``j < k`` has
        those that end in node ``j``, as many as fit, and the ``e`` rows after them have the rest.
    owners : int array of shape (e,)
        Targets of these further rows, in ascending order; ``k`` marks an empty row.

    Notes
    -----
    Sums over the edges that end in a node are needed for every gradient, and adding them up in place costs several
    times what reading them by target does. The further rows are what lets a popular node have any number of them.
    """

    neighbors: Int[Array, "k s"]
    incoming: Int[Array, "_ w"]
    owners: Int[Array, " e"]

    @property
    def is_taken(self) -> Bool[Array, "k s"]:
        """Which slots hold an edge."""
        return self.neighbors >= 0

    @property
    def is_between(self) -> Bool[Array, "k s"]:
        """Which slots hold an edge to another node."""
        nodes = jnp.arange(self.neighbors.shape[0], dtype=self.neighbors.dtype)
        return self.is_taken & (self.neighbors != nodes[:, None])


def edge_energy(
    edges: EdgeSet, affinity: Float[Array, "k s"], U: Float[Array, "k r"], gram: Float[Array, "r r"] | None = None
) -> Scalar:
    """``tr(X' L X) = 1/2 sum_ij W_ij |x_i - x_j|^2`` over the edges, for ``x_i = V u_i`` and ``gram = V'V``.

    Parameters
    ----------
    edges : EdgeSet
    affinity : array of shape (k, s)
        ``W_ij >= 0`` on the edges; 0 in empty slots.
    U : array of shape (k, r)
    gram : array of shape (r, r), optional
        The identity by default: the rows of ``U`` themselves are compared.

    Returns
    -------
    array of no axes
        At least 0.

    Notes
    -----
    With ``T_i = sum_j (W_ij + W_ji) (u_i - u_j) = 2 (L U)_i`` the derivatives are ``dE/dU = T V'V``,
    ``dE/d(V'V) = U' L U = U'T / 2`` and ``dE/dW_ij = |x_i - x_j|^2 / 2``: one pass over the edges by source and one by
    target. No array has more than ``2 max(k s, k r)`` entries, ``s`` counted as 8 at least. As a `jax.custom_vjp` it
    has no forward-mode derivative.

    Nodes are centred first, as in [`dirichlet_energy`][matmend.regularizer.dirichlet_energy], and differences are
    formed before anything is summed: equal rows are at distance 0 exactly.

    References
    ----------
    Li & Wang 2021, Proposition 2, arXiv:2110.07557.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> pair = EdgeSet(jnp.array([[1], [-1]]), jnp.array([[-1], [0]]), jnp.array([], int))
    >>> float(edge_energy(pair, jnp.array([[2.0], [0.0]]), jnp.array([[0.0], [3.0]])))
    9.0
    """
    return _energy(edges, affinity, U, gram)


def half_sq_distances(
    edges: EdgeSet, U: Float[Array, "k r"], gram: Float[Array, "r r"] | None = None
) -> Float[Array, "k s"]:
    """``|x_i - x_j|^2 / 2`` on the edges, 0 in empty slots.

    Parameters
    ----------
    edges, U, gram
        As in [`edge_energy`][].

    Returns
    -------
    array of shape (k, s)
    """
    points = centred(U) if gram is None else centred(U) @ square_root(gram)

    def of_node(node: tuple[Array, ...]) -> Array:
        point, neighbors = node
        found = _in_pieces(lambda j: jnp.sum((point - _row(points, j)) ** 2), neighbors)
        return 0.5 * found

    sq = _over_nodes(of_node, (points, _unsigned(edges.neighbors)))
    return jnp.where(edges.is_taken, sq, 0)


def twice_laplacian_times(
    edges: EdgeSet, affinity: Float[Array, "k s"], U: Float[Array, "k r"]
) -> tuple[Float[Array, "k r"], Float[Array, " k"]]:
    """``T_i = 2 (L U)_i = sum_j (W_ij + W_ji) (u_i - u_j)`` and ``sum_j (W_ij + W_ji)``, twice the degree.

    Parameters
    ----------
    edges, affinity, U
        As in [`edge_energy`][]; an edge from a node to itself does not count.

    Returns
    -------
    T : array of shape (k, r)
    twice_degree : array of shape (k,)
    """
    k, s = edges.neighbors.shape
    W = jnp.where(edges.is_between, affinity, 0)
    T = _difference_sums(U, U, _unsigned(edges.neighbors), W)

    position = jnp.maximum(edges.incoming, 0)
    W_in = jnp.where(edges.incoming >= 0, W.reshape(-1)[position], 0)
    targets = jnp.concatenate([U, U[jnp.minimum(edges.owners, k - 1)]])
    T_in = _difference_sums(targets, U, _unsigned(position // s), W_in)
    degree_in = jnp.sum(W_in, axis=1)

    def of_target(rows: Array) -> Array:
        return rows[:k].at[edges.owners].add(rows[k:], mode="drop", indices_are_sorted=True)

    return T + of_target(T_in), jnp.sum(W, axis=1) + of_target(degree_in)


def centred(U: Float[Array, "k r"]) -> Float[Array, "k r"]:
    """Take the mean off the rows: first by one row, which leaves exact zeros where all are equal."""
    U = U - U[:1]
    return U - jnp.mean(U, axis=0, keepdims=True)


def square_root(gram: Float[Array, "r r"]) -> Float[Array, "r r"]:
    """Return ``C`` with ``C C' = V'V``: distances between rows of ``U V'`` are those between rows of ``U C``."""
    # Not a Cholesky factor, which a Gram matrix of less than full rank does not have in floating-point numbers.
    eigenvalues, Q = jnp.linalg.eigh(gram)
    return Q * jnp.sqrt(jnp.maximum(eigenvalues, 0))[None, :]


def _difference_sums(base: Array, U: Array, neighbors: Array, weights: Array) -> Array:
    """``sum_slot weight (base_i - u_neighbor)`` for every row of the table of neighbours."""

    def of_node(node: tuple[Array, ...]) -> Array:
        u, neighbors, weights = node
        if neighbors.size <= UNROLLED:
            # Straight-line code is compiled into one pass over memory: five times the speed of a loop over the slots.
            parts = [weights[slot] * (u - _row(U, neighbors[slot])) for slot in range(neighbors.size)]
            return sum(parts, start=jnp.zeros_like(u))
        neighbors, weights = _pieces(neighbors), _pieces(weights)
        return jax.lax.scan(lambda total, piece: (total + of_node((u, *piece)), None), jnp.zeros_like(u),
                            (neighbors, weights))[0]  # fmt: skip

    return _over_nodes(of_node, (base, neighbors, weights))


def _over_nodes(of_node: Callable[[tuple[Array, ...]], Array], nodes: tuple[Array, ...]) -> Array:
    # A loop compiles its body twice, for full chunks and for the last one: few nodes need none.
    is_small = nodes[0].shape[0] <= CHUNK
    return jax.vmap(of_node)(nodes) if is_small else jax.lax.map(of_node, nodes, batch_size=CHUNK)


def _unsigned(nodes: Array) -> Array:
    # Without a sign there is no counting from the end to be compiled in, once for every slot.
    return jnp.maximum(nodes, 0).astype(jnp.uint32)


def _row(U: Array, node: Array) -> Array:
    return U.at[node].get(mode="promise_in_bounds")


def _in_pieces(f: Callable[[Array], Scalar], neighbors: Array) -> Array:
    if neighbors.size <= UNROLLED:
        return jnp.stack([f(neighbors[slot]) for slot in range(neighbors.size)])
    found = jax.lax.map(lambda piece: _in_pieces(f, piece), _pieces(neighbors))
    return found.reshape(-1)[: neighbors.size]


def _pieces(slots: Array) -> Array:
    # As few pieces as may be, of equal length: zeros at the end have weight 0, or are cut off again.
    num_pieces = -(-slots.size // UNROLLED)
    length = -(-slots.size // num_pieces)
    return jnp.pad(slots, (0, num_pieces * length - slots.size)).reshape(num_pieces, length)


@jax.custom_vjp
def _energy(edges: EdgeSet, affinity: Array, U: Array, gram: Array | None) -> Scalar:
    return jnp.sum(affinity * half_sq_distances(edges, U, gram))


def _energy_fwd(edges: EdgeSet, affinity: Array, U: Array, gram: Array | None):
    U = centred(U)
    half_sq = half_sq_distances(edges, U, gram)
    T, _ = twice_laplacian_times(edges, affinity, U)
    return jnp.sum(affinity * half_sq), (half_sq, T, U, gram)


def _energy_bwd(residuals, cotangent: Scalar):
    half_sq, T, U, gram = residuals
    if gram is None:
        return None, cotangent * half_sq, cotangent * T, None
    d_gram = (0.5 * cotangent) * (U.T @ T)
    return None, cotangent * half_sq, cotangent * (T @ gram), 0.5 * (d_gram + d_gram.T)


_energy.defvjp(_energy_fwd, _energy_bwd)
