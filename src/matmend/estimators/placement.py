"""On which device JAX computes, for as long as an estimator is fitted."""

import contextlib
from collections.abc import Iterator
from typing import Any

import jax


@contextlib.contextmanager
def on_device(name: str) -> Iterator[None]:
    """Compute on "cpu" or "gpu", or with "auto" where JAX wants to.

    Raises
    ------
    ValueError
        If there is no such device.

    Examples
    --------
    >>> with on_device("cpu"):
    ...     jax.numpy.zeros(2).device.platform
    'cpu'
    """
    if name not in ("auto", "cpu", "gpu"):
        raise ValueError(f'device: expected "auto", "cpu" or "gpu", got {name!r}.')
    if name == "auto":
        yield
        return
    try:
        device = jax.local_devices(backend=name)[0]
    except RuntimeError as error:
        raise ValueError(
            f'device: no {name} that JAX can use was found. Install matmend[cuda] for NVIDIA cards, or use "cpu".'
        ) from error
    with by_default(device):
        yield


@contextlib.contextmanager
def by_default(device: Any) -> Iterator[None]:
    """Compute on a device; unlike ``jax.default_device`` in all threads: methods of inpainting work in several.

    Examples
    --------
    >>> with by_default(jax.local_devices(backend="cpu")[0]):
    ...     jax.numpy.zeros(2).device.platform
    'cpu'
    """
    before = jax.config.values["jax_default_device"]
    jax.config.update("jax_default_device", device)
    try:
        yield
    finally:
        jax.config.update("jax_default_device", before)
