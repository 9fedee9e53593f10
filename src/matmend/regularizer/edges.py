"""The adaptive regularizer of AIR-Net on an edge set: learned graphs on 10^5 rows, from thin factors."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Array, Float, Int, PRNGKeyArray
from scipy import sparse

from matmend._types import Scalar, Shape
from matmend.matrix import AbstractMatrix, LowRank
from matmend.regularizer.affinity import AbstractNormalization, RowSoftmin
from matmend.regularizer.edge_energy import (
    EdgeSet,
    centred,
    edge_energy,
    half_sq_distances,
    square_root,
    twice_laplacian_times,
)
from matmend.regularizer.edge_tables import as_graph, as_table, by_target, keep_slots
from matmend.regularizer.neighbors import choose_neighbors
from matmend.regularizer.quadratic import AbstractQuadratic, NormalTerms
from matmend.transform import AbstractTransform, Centred, Identity, Transpose

MAX_SLOTS = 2**28
"""Most slots (1 GiB of indices) of a table of neighbours."""


class EdgeParams(NamedTuple):
    """A graph on an edge set: who is connected (rebuilt by `refresh`, not trained), and the logits (trained).

    Attributes
    ----------
    edges : EdgeSet
        Integers. Given neighbours come first in every row, then the node itself if included, then found ones.
    logits : array of shape (k, s)
        One for every slot of ``edges.neighbors``; those of empty slots do not count.
    """

    edges: EdgeSet
    logits: Float[Array, "k s"]


class EdgeLaplacian(AbstractQuadratic):
    """``R_W(T(X)) = tr(T(X)' L(W) T(X)) = 1/2 sum_ij W_ij |x_i - x_j|^2``, over learned edges between near rows only.

    Parameters
    ----------
    transform : Identity or Transpose, or Centred of one of them, default ``Identity()``
        ``T``; its rows ``x_i`` are the nodes.
    normalization : AbstractNormalization, default ``RowSoftmin()``
        From logits to affinities, over the edge set instead of all pairs.
    graph : sparse matrix of shape (k, k) or int array of shape (k, g), optional
        Given neighbours, always in the edge set: places other than 0 of a matrix, or lists with -1 for none. Only who
        is connected counts; how strongly is learnt.
    num_neighbors : int, default 10
        Neighbours of every node that `refresh` looks for, besides the given ones; 0 for the given graph alone.
    num_observed : int array of shape (k,), optional
        Observed entries of every node. Without it no row counts as cold.
    min_observed : int, default 5
        A node with fewer is cold.
    min_degree : int, default 3
        Other nodes that every node has in its set after `refresh`; at most ``num_neighbors``, unless that is 0.
    max_incoming : int, optional
        Nodes that may choose the same neighbour, ``4 num_neighbors`` by default.
    include_self : bool, default False
        Whether a node is in its own set, as in [`AdaptiveLaplacian`][matmend.regularizer.AdaptiveLaplacian].
    learn : bool, default True
        Whether the logits are trained. If not, all edges of a set count the same.
    rate : float, default 1.0
        Rate of `update`.
    num_steps : int, default 1
        Gradient steps of `update`.
    moves_features : bool, default True
        Whether the energy also pulls at the other factor, whose rows are the features by which nodes are compared. It
        does in AIR-Net, where shrinking the features is one way to a smaller energy. With noisy nodes that way is taken
        too far; False compares nodes by the features as they are, and leaves these alone.
    seed : int, default 0
        Of the search for neighbours.

    Raises
    ------
    ValueError
        If the transform has channels or is another one, the graph is malformed, or a number is out of range.

    Notes
    -----
    *Distances* are read from the factors of ``X = U V'`` as ``(u_i - u_j)' V'V (u_i - u_j)``. Besides the factors
    nothing is larger than the edge set.

    *Cold rows.* The factors of rows with few entries are near to zero: their nearest neighbours would be one another,
    and they the neighbours of many. So only rows that are not cold can be found. Cold rows choose among these too, and
    what is near to a small factor is near to the mean: rows with many entries and no leaning of their own. No row is
    chosen by more than ``max_incoming`` others, for the energy is symmetric and each of them pulls at it. Nodes left
    with fewer than ``min_degree`` others, given ones included, are dealt the well observed rows nearest to the mean,
    in turn, as many of these as make it some ``max_incoming`` more for each.

    *Rebuilding.* An edge that stays keeps its logit and its slot, so that moments of Adam, which belong to slots, stay
    with it. A new edge gets the mean logit of its node and inherits the moments of the edge whose slot it takes:
    `refresh` does not see the optimizer, and they are forgotten within some ``1 / (1 - beta)`` steps. The shapes never
    change, hence no new compilation. Before the first `refresh` there are the given edges only.

    *As a prior.* Drawing from a posterior asks for the density of the nodes given the features. Its norming factor,
    ``|V'V|^(k/2)``, undoes the pull at the features, so that ``moves_features=False`` is right there.

    *Departures.* The node itself is left out by default. Among all ``k`` rows its affinity starts at ``1/k``; among ten
    neighbours it would start at 1/11, win at distance 0, and switch the energy off while noisy data still need it.
    Logits start from 0.

    References
    ----------
    Li & Wang 2021, section 2.2 and A.3, arXiv:2110.07557.

    Examples
    --------
    >>> import jax, jax.numpy as jnp
    >>> X = LowRank(jnp.array([[0.0], [1.0], [5.0], [7.0]]), jnp.ones((3, 1)))
    >>> R = EdgeLaplacian(num_neighbors=1, min_degree=1)
    >>> params = R.refresh(R.init(X.shape, key=jax.random.key(0), dtype=X.U.dtype), X)
    >>> params.edges.neighbors[:, 0].tolist()
    [1, 0, 3, 2]
    >>> round(float(R.energy(params, X)), 4)  # 1/2 (1 + 1 + 4 + 4), times three columns
    15.0
    """

    transform: AbstractTransform
    normalization: AbstractNormalization
    given: EdgeSet | None
    num_observed: Int[Array, " k"] | None
    num_neighbors: int = eqx.field(static=True)
    min_observed: int = eqx.field(static=True)
    min_degree: int = eqx.field(static=True)
    max_incoming: int = eqx.field(static=True)
    include_self: bool = eqx.field(static=True)
    learn: bool = eqx.field(static=True)
    rate: Float[Array, ""]
    num_steps: int = eqx.field(static=True)
    moves_features: bool = eqx.field(static=True)
    seed: int = eqx.field(static=True)

    def __init__(
        self,
        transform: AbstractTransform = Identity(),  # noqa: B008 (frozen)
        normalization: AbstractNormalization | None = None,
        *,
        graph: Any = None,
        num_neighbors: int = 10,
        num_observed: ArrayLike | None = None,
        min_observed: int = 5,
        min_degree: int = 3,
        max_incoming: int | None = None,
        include_self: bool = False,
        learn: bool = True,
        rate: float = 1.0,
        num_steps: int = 1,
        moves_features: bool = True,
        seed: int = 0,
    ):
        plain = transform.inner if isinstance(transform, Centred) else transform
        if not isinstance(plain, Identity) and plain != Transpose():
            raise ValueError(
                "An edge set is learnt between rows, Identity(), or columns, Transpose(), Centred or not, got "
                f"{transform}: for blocks and channels of pictures there is AdaptiveLaplacian."
            )
        if num_neighbors < 0 or (num_neighbors == 0 and graph is None):
            raise ValueError(f"Expected num_neighbors >= 1, or 0 with a graph given, got {num_neighbors}.")
        min_degree = min_degree if num_neighbors else 0
        max_incoming = max(4 * num_neighbors, 1) if max_incoming is None else max_incoming
        if not 0 <= min_degree <= num_neighbors or max_incoming < 1 or num_steps < 0 or min_observed < 0:
            raise ValueError(
                "Expected 0 <= min_degree <= num_neighbors, max_incoming >= 1, min_observed and num_steps >= 0, got "
                f"min_degree={min_degree}, num_neighbors={num_neighbors}, max_incoming={max_incoming}, "
                f"min_observed={min_observed}, num_steps={num_steps}."
            )
        self.transform = transform
        self.normalization = RowSoftmin() if normalization is None else normalization
        self.num_observed = None if num_observed is None else jnp.asarray(num_observed)
        self.num_neighbors = num_neighbors
        self.min_observed = min_observed
        self.min_degree = min_degree
        self.max_incoming = max_incoming
        self.include_self = include_self
        self.learn = learn
        self.rate = jnp.asarray(rate, dtype=float)
        self.num_steps = num_steps
        self.moves_features = moves_features
        self.seed = seed
        self.given = None if graph is None else self._start(as_table(graph))

    def init(self, shape: Shape, *, key: PRNGKeyArray, dtype: DTypeLike) -> EdgeParams:
        """Return the given edges with logits 0; `refresh` adds neighbours."""
        del key
        k, _ = self.transform.out_shape(shape)
        edges = self._start(np.zeros((k, 0), np.int32)) if self.given is None else self.given
        counted = None if self.num_observed is None else len(self.num_observed)
        for what, size in (("graph has {} nodes", len(edges.neighbors)), ("num_observed has {} entries", counted)):
            if size not in (None, k):
                raise ValueError(
                    f"The {what.format(size)}, but T(X) has {k} rows for an X of shape {shape}: pass that of the rows, "
                    "or transpose the transform."
                )
        return EdgeParams(edges, jnp.zeros(edges.neighbors.shape, dtype))

    def energy(self, params: EdgeParams, X: AbstractMatrix) -> Scalar:
        """Return ``tr(T(X)' L T(X))``."""
        return edge_energy(params.edges, self.affinity(params), *self._nodes(X))

    def affinity(self, params: EdgeParams) -> Float[Array, "k s"]:
        """Return ``W`` on the edge set, 0 in empty slots."""
        logits = params.logits if self.learn else jax.lax.stop_gradient(params.logits)
        return self.normalization(logits, where=params.edges.is_taken)

    def refresh(self, params: EdgeParams, X: AbstractMatrix) -> EdgeParams:
        """Look for neighbours among the rows of ``T(X)`` as they are now."""
        if not self.num_neighbors:
            return params
        U, gram = self._nodes(X)
        points = np.asarray(centred(U) if gram is None else centred(U) @ square_root(gram))
        neighbors, logits, counts = np.asarray(params.edges.neighbors), np.asarray(params.logits), self.num_observed
        num_fixed = neighbors.shape[1] - self.num_neighbors
        given = neighbors[:, : num_fixed - self.include_self]
        found = choose_neighbors(
            points,
            given,
            np.ones(len(points), bool) if counts is None else np.asarray(counts) >= self.min_observed,
            num_neighbors=self.num_neighbors,
            min_degree=self.min_degree,
            max_incoming=self.max_incoming,
            seed=self.seed,
        )
        kept, kept_logits = keep_slots(neighbors[:, num_fixed:], logits[:, num_fixed:], found)
        neighbors = np.hstack([neighbors[:, :num_fixed], kept])
        return EdgeParams(_edge_set(neighbors), jnp.hstack([logits[:, :num_fixed], kept_logits]))

    def normal_terms(self, params: EdgeParams, X: LowRank, axis: int) -> NormalTerms:
        """Return the terms of the nodes' own systems, or of those of the other factor.

        With ``X = U V'`` and the rows of ``U`` as nodes, ``1/2 dE/du_i = degree_i V'V u_i - V'V (A U)_i``, and
        ``1/2 dE/dv_j = (U' L U) v_j``.

        Parameters
        ----------
        params : EdgeParams
        X : LowRank
        axis : int
            0 for the systems of the rows of ``X.U``, 1 for those of ``X.V``.

        Returns
        -------
        NormalTerms
        """
        plain = self.transform.inner if isinstance(self.transform, Centred) else self.transform
        nodes_axis = 0 if isinstance(plain, Identity) else 1
        Y = self.transform(X)
        assert isinstance(Y, LowRank)
        U = centred(Y.U) if axis != nodes_axis else Y.U
        T, twice_degree = twice_laplacian_times(params.edges, self.affinity(params), U)
        zero = jnp.zeros((1, U.shape[1]), U.dtype)
        if axis == nodes_axis:
            # A U = D U - L U: the differences are at hand, and what they miss is the diagonal.
            degree, gram = 0.5 * twice_degree, Y.V.T @ Y.V
            return NormalTerms(zero, jnp.zeros_like(gram), (degree[:, None] * U - 0.5 * T) @ gram, gram, degree)
        if not self.moves_features:
            return NormalTerms(zero, jnp.zeros((U.shape[1],) * 2, U.dtype), zero)
        shared = 0.25 * (U.T @ T)
        shared = shared + shared.T
        # What was taken off a centred feature, its mean, is held at its present value.
        mean = (X.V if nodes_axis == 0 else X.U) - Y.V
        return NormalTerms(zero, shared, mean[:1] @ shared)

    def update(self, params: EdgeParams, X: LowRank, *, key: PRNGKeyArray, variance: Scalar) -> EdgeParams:
        """Let the logits follow the gradient flow of the energy for a while, ``X`` held.

        ``w <- w - rate dE/dw / (mean distance * mean affinity)``, `num_steps` times: distances are divided by their
        mean over the edges, and the gradient by the mean affinity, so that at equal affinities a logit moves by
        ``rate`` times what its squared distance differs from the mean, in units of the mean, whatever the scale of
        ``X`` and the number of edges. With fixed ``X`` that is the flow of AIR-Net in another unit of time.

        Parameters
        ----------
        params : EdgeParams
        X : LowRank
        key, variance
            Not used: the affinities have no posterior.

        Returns
        -------
        EdgeParams
        """
        del key, variance
        if not self.learn:
            return params
        taken = params.edges.is_taken
        half_sq = half_sq_distances(params.edges, *self._nodes(X))
        between = jnp.sum(params.edges.is_between, dtype=half_sq.dtype)
        mean = jnp.sum(half_sq) / jnp.maximum(between, 1)
        half_sq = half_sq / jnp.where(mean > 0, mean, 1)
        rate = self.rate.astype(half_sq.dtype)

        def energy(logits: Array) -> tuple[Scalar, Scalar]:
            W = self.normalization(logits, where=taken)
            return jnp.sum(W * half_sq), jnp.sum(W) / jnp.maximum(jnp.sum(taken, dtype=W.dtype), 1)

        def step(_: int, logits: Array) -> Array:
            gradient, mean_affinity = jax.grad(energy, has_aux=True)(logits)
            return logits - rate * gradient / jnp.where(mean_affinity > 0, mean_affinity, 1)

        return params._replace(logits=jax.lax.fori_loop(0, self.num_steps, step, params.logits))

    def adjacency(self, params: EdgeParams) -> sparse.csr_array:
        """Return the learned graph ``A = (W + W') / 2`` with a zero diagonal, as a sparse matrix.

        Parameters
        ----------
        params : EdgeParams

        Returns
        -------
        scipy.sparse.csr_array of shape (k, k)
        """
        return as_graph(np.asarray(params.edges.neighbors), np.asarray(self.affinity(params)))

    def _nodes(self, X: AbstractMatrix) -> tuple[Float[Array, "k r"], Float[Array, "r r"] | None]:
        """Return ``U`` and ``V'V`` of ``T(X) = U V'``, or all of ``T(X)`` if it is dense."""
        Y = self.transform(X)
        if isinstance(Y, LowRank):
            gram = Y.V.T @ Y.V
            return Y.U, gram if self.moves_features else jax.lax.stop_gradient(gram)
        features, axis = Y.vectors()
        return (features if axis == 0 else features.T), None

    def _start(self, given: Int[np.ndarray, "k g"]) -> EdgeSet:
        """Return the edges that are there before any search, and room for those to be found."""
        k = len(given)
        own = np.arange(k, dtype=np.int32)[:, None][:, : int(self.include_self)]
        neighbors = np.hstack([given, own, np.full((k, self.num_neighbors), -1, np.int32)])
        if neighbors.size > MAX_SLOTS:
            raise ValueError(
                f"{k} nodes with up to {neighbors.shape[1]} neighbours make a table of {neighbors.size} slots, more "
                f"than {MAX_SLOTS}: keep the strongest edges of every node of the given graph only."
            )
        return _edge_set(neighbors)


def _edge_set(neighbors: Int[np.ndarray, "k s"]) -> EdgeSet:
    return EdgeSet(*(jnp.asarray(part, jnp.int32) for part in (neighbors, *by_target(neighbors))))
