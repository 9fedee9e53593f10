"""A smooth learned graph of few parameters: the affinity as the Gram matrix of a network of the node's place."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray

from matmend.regularizer.affinity import AbstractAffinity


class NetworkParams(eqx.Module):
    """Weights and biases, layer by layer, and the number of nodes that the network is read at.

    Attributes
    ----------
    weights : tuple of arrays of shape (in, out)
    biases : tuple of arrays of shape (out,)
    num_nodes : int
        Not trained: a constant of the structure.
    """

    weights: tuple[Float[Array, "_ _"], ...]
    biases: tuple[Float[Array, " _"], ...]
    num_nodes: int = eqx.field(static=True)


class CoordinateNetwork(AbstractAffinity):
    """``W = G G'``, row ``i`` of ``G`` being ``softmax(g(z_i))`` at the place ``z_i`` of node ``i`` in [-1, 1].

    The network ``g: [-1, 1] -> R^r`` has sine activations (SIREN). Neighbouring nodes get nearly equal rows, so the
    graph is smooth in the order of the nodes; the number of parameters does not depend on the number of nodes.

    Parameters
    ----------
    rank : int, default 256
        ``r``, the rank of the affinity at most.
    width, depth : int, default 32 and 5
        Units of a hidden layer, and number of hidden layers.
    omega : float, default 5.0
        Frequency of the first layer, > 0; the smaller, the smoother.

    Notes
    -----
    The paper's code has ``1-(32 x 5)-256`` and 5 for the first frequency. Ours are the frequency 1 of the other layers
    and the bounds ``sqrt(6 / fan-in)`` for their weights and the output's, which keep sines of unit variance from
    layer to layer; the first layer has the bound 1 / fan-in. Biases have the bounds of their weights.
    Rows of ``G`` are positive and sum to 1, hence every affinity lies in (0, 1]. The diagonal of ``W`` does not count.

    References
    ----------
    Li, Wang & Meng, "Regularize implicit neural representation by itself", CVPR 2023, arXiv:2303.15484; Sitzmann,
    Martel, Bergman, Lindell & Wetzstein 2020, arXiv:2006.09661 (SIREN).

    Examples
    --------
    >>> import jax, jax.numpy as jnp
    >>> graph = CoordinateNetwork()
    >>> params = graph.init(240, key=jax.random.key(0), dtype=jnp.float32)
    >>> graph(params).shape, sum(leaf.size for leaf in jax.tree.leaves(params))
    ((240, 240), 12736)
    """

    rank: int = eqx.field(static=True, default=256)
    width: int = eqx.field(static=True, default=32)
    depth: int = eqx.field(static=True, default=5)
    omega: float = eqx.field(static=True, default=5.0)

    def __check_init__(self):
        if min(self.rank, self.width, self.depth) < 1 or not self.omega > 0:
            raise ValueError(
                "A network has rank, width and depth of 1 or more and a frequency omega > 0, got "
                f"rank={self.rank}, width={self.width}, depth={self.depth}, omega={self.omega}."
            )

    def init(self, k: int, *, key: PRNGKeyArray, dtype: DTypeLike) -> NetworkParams:
        """Draw the network."""
        sizes = (1, *(self.width,) * self.depth, self.rank)
        bounds = (1.0, *(math.sqrt(6 / self.width),) * self.depth)
        weights, biases = [], []
        for fan_in, fan_out, bound, layer_key in zip(
            sizes[:-1], sizes[1:], bounds, jax.random.split(key, self.depth + 1), strict=True
        ):
            weight_key, bias_key = jax.random.split(layer_key)
            weights.append(jax.random.uniform(weight_key, (fan_in, fan_out), dtype, -bound, bound))
            biases.append(jax.random.uniform(bias_key, (fan_out,), dtype, -bound, bound))
        return NetworkParams(tuple(weights), tuple(biases), num_nodes=k)

    def __call__(self, params: NetworkParams) -> Float[Array, "k k"]:
        """Return ``G G'``."""
        k, dtype = params.num_nodes, params.weights[0].dtype
        h = jnp.linspace(-1, 1, k, dtype=dtype)[:, None]
        *hidden, last = zip(params.weights, params.biases, strict=True)
        for layer, (weight, bias) in enumerate(hidden):
            h = jnp.sin((self.omega if layer == 0 else 1.0) * (h @ weight + bias[None, :]))
        G = jax.nn.softmax(h @ last[0] + last[1][None, :], axis=1)
        return G @ G.T
