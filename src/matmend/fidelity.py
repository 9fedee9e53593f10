"""Element-wise losses ``f(prediction, target)``; whoever calls them reduces.

The name follows equation (1) of AIR-Net, where the data term ``L_Y(A(X*), A(X))`` is the *fidelity*.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def squared(prediction: Float[Array, "*s"], target: Float[Array, "*s"]) -> Float[Array, "*s"]:
    """``(p - t)^2``.

    Notes
    -----
    AIR-Net's equation (3) sums *absolute* residuals; the authors' code, whose figures the paper prints, takes the mean
    of the *squared* ones. This is the code's.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> squared(jnp.array([3.0]), jnp.array([1.0])).tolist()
    [4.0]
    """
    return (prediction - target) ** 2


def absolute(prediction: Float[Array, "*s"], target: Float[Array, "*s"]) -> Float[Array, "*s"]:
    """``|p - t|``, as printed in AIR-Net's equation (3); its derivative at a residual of 0 is taken as 0.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> absolute(jnp.array([3.0]), jnp.array([1.0])).tolist()
    [2.0]
    """
    r = prediction - target
    # The derivative of `jnp.abs` at 0 is 1, which would push an entry that fits exactly.
    return r * jnp.sign(r)


class Huber(eqx.Module):
    """``r^2 / 2`` for ``|r| <= delta``, else ``delta (|r| - delta / 2)``, with ``r = p - t``.

    Parameters
    ----------
    delta : float, default 1.0
        Residual (in the units of the data, > 0) at which the loss turns from quadratic to linear.

    References
    ----------
    P. J. Huber, "Robust Estimation of a Location Parameter", 1964, doi:10.1214/aoms/1177703732.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> Huber(delta=1.0)(jnp.array([0.5, 3.0]), jnp.zeros(2)).tolist()
    [0.125, 2.5]
    """

    delta: float = eqx.field(static=True, default=1.0)

    def __check_init__(self):
        if not self.delta > 0:
            raise ValueError(f"Huber's delta is a residual > 0, got {self.delta}.")

    def __call__(self, prediction: Float[Array, "*s"], target: Float[Array, "*s"]) -> Float[Array, "*s"]:
        """Element-wise loss."""
        r = jnp.abs(prediction - target)
        return jnp.where(r <= self.delta, 0.5 * r**2, self.delta * (r - 0.5 * self.delta))


def bernoulli(prediction: Float[Array, "*s"], target: Float[Array, "*s"]) -> Float[Array, "*s"]:
    """Negative log-likelihood of a 0/1 target, the prediction being a logit: ``log(1 + e^p) - t p``.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> round(float(bernoulli(jnp.array(0.0), jnp.array(1.0))), 4)
    0.6931
    """
    return jax.nn.softplus(prediction) - target * prediction
