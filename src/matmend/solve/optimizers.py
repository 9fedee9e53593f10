"""Optimizers, made once per setting.

An Optax optimizer is a pair of fresh functions, and a compiled loop is found again by the identity of its functions: an
optimizer built anew for every run would compile the loop anew for every run.
"""

import functools

import optax


def adam(learning_rate: float = 1e-3) -> optax.GradientTransformation:
    """Adam with the usual constants (0.9, 0.999, 1e-8), the optimizer of AIR-Net.

    Parameters
    ----------
    learning_rate : float, default 1e-3

    Returns
    -------
    optax.GradientTransformation
        The same object for the same learning rate.

    References
    ----------
    Kingma & Ba 2015, arXiv:1412.6980.

    Examples
    --------
    >>> adam(1e-3) is adam(1e-3)
    True
    """
    return _adam(float(learning_rate))


@functools.cache
def _adam(learning_rate: float) -> optax.GradientTransformation:
    # A function of its own: the cache tells `adam()` from `adam(1e-3)` and `adam(learning_rate=1e-3)`.
    return optax.adam(learning_rate)
