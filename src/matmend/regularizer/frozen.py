"""A learned regularizer taken out of training: its graphs as they are now, given from here on."""

import jax

from matmend._types import Params
from matmend.regularizer.adaptive import AdaptiveLaplacian
from matmend.regularizer.base import AbstractRegularizer, Scaled, Sum
from matmend.regularizer.given import GivenLaplacian


def frozen(regularizer: AbstractRegularizer, params: Params) -> AbstractRegularizer:
    """Replace every learned graph by the one that its parameters stand for, which is trained no more.

    Figure 2 of the paper goes on from step ``t`` with the graphs of that step.

    Parameters
    ----------
    regularizer : AbstractRegularizer
        Sums and scalings are gone through; what has no parameters stays as it is.
    params : pytree
        Its parameters, as training left them.

    Returns
    -------
    AbstractRegularizer
        Of the same form, weights and energies, with [`GivenLaplacian`][] for every [`AdaptiveLaplacian`][]. Its own
        parameters, made by its ``init``, are empty.

    Raises
    ------
    ValueError
        If a summand other than these has parameters.

    Notes
    -----
    The energy and its gradient in ``X`` are those of the regularizer at ``params``. To go on from a training state,
    exchange the regularizer's part of every `ProblemParams` in it, the optimizer's memory included.

    References
    ----------
    Li & Wang 2021, Figure 2, arXiv:2110.07557.

    Examples
    --------
    >>> import jax, jax.numpy as jnp
    >>> from matmend.matrix import Dense
    >>> R = 0.5 * AdaptiveLaplacian() + AdaptiveLaplacian()
    >>> params = R.init((4, 3), key=jax.random.key(0), dtype=jnp.float32)
    >>> X = Dense(jnp.arange(12, dtype=jnp.float32).reshape(4, 3))
    >>> bool(frozen(R, params).energy(((), ()), X) == R.energy(params, X))
    True
    """
    match regularizer:
        case Scaled():
            return Scaled(regularizer.weight, frozen(regularizer.regularizer, params))
        case Sum():
            pairs = zip(regularizer.regularizers, params, strict=True)
            return Sum(tuple(frozen(r, p) for r, p in pairs))
        case AdaptiveLaplacian():
            return GivenLaplacian(regularizer.affinity(params), regularizer.transform, regularizer.power)
        case _ if not jax.tree.leaves(params):
            return regularizer
        case _:
            raise ValueError(
                f"Cannot freeze {type(regularizer).__name__}: it has parameters, and no given form of it is known. "
                "Leave it out, or replace it yourself by one that trains nothing."
            )
