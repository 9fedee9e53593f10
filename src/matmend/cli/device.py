"""Where and how precisely JAX computes, for as long as a command runs."""

import contextlib
from collections.abc import Iterator
from typing import Any

import jax

from matmend.estimators.placement import by_default


@contextlib.contextmanager
def precision(float64: bool) -> Iterator[None]:
    """Switch 64-bit mode on if asked, and back to what it was."""
    before = jax.config.read("jax_enable_x64")
    jax.config.update("jax_enable_x64", bool(float64 or before))
    try:
        yield
    finally:
        jax.config.update("jax_enable_x64", before)


def on_device(name: str) -> contextlib.AbstractContextManager[Any]:
    """Compute on `cpu` or `gpu`, or with `auto` where JAX wants to; a ValueError says what is not there."""
    if name == "auto":
        return contextlib.nullcontext()
    try:
        device = jax.local_devices(backend=name)[0]
    except RuntimeError as error:
        raise ValueError(
            f"No {name} that JAX can use was found. Install matmend[cuda] for NVIDIA cards, or use --device cpu."
        ) from error
    return by_default(device)
