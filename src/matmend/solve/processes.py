"""Runs that several processes make together: they decide alike, hold the same, and end together."""

import logging
import os
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec

_log = logging.getLogger(__name__)

Tree = TypeVar("Tree")

GRACE_SECONDS = 3.0
"""The first process, where the others ask how all are, stays so much longer: they can then say why they end."""


def agreed(mesh: Mesh | None, *answers: bool) -> tuple[bool, ...]:
    """Tell of each question whether any process of a mesh says yes; all must ask together.

    Examples
    --------
    >>> agreed(None, True, False)
    (True, False)
    """
    if not _is_shared(mesh):
        return answers
    gathered = np.asarray(multihost_utils.process_allgather(np.asarray(answers)))
    return tuple(np.any(gathered.reshape(-1, len(answers)), axis=0).tolist())


def check_alike(mesh: Mesh | None, number: int, what: str) -> None:
    """Refuse to begin if the processes of a mesh found different things.

    Raises
    ------
    ValueError
        In all of them, if `number` is not the same everywhere.
    """
    if not _is_shared(mesh):
        return
    found = np.ravel(multihost_utils.process_allgather(np.asarray(number, np.int32)))
    if (found != found[0]).any():
        raise ValueError(
            f"The processes differ in {what} ({', '.join(map(str, found))}): give all of them the same files and one "
            "folder of checkpoints, on a file system that they share."
        )


def mesh_in(tree: Any) -> Mesh | None:
    """Return the mesh of several devices on which some array of a tree lies, if there is one.

    Examples
    --------
    >>> mesh_in({"U": np.ones(3)}) is None
    True
    """
    for leaf in jax.tree.leaves(tree):
        sharding = getattr(leaf, "sharding", None)
        if isinstance(sharding, NamedSharding) and isinstance(sharding.mesh, Mesh) and sharding.mesh.size > 1:
            return sharding.mesh
    return None


def replicated(tree: Tree, mesh: Mesh | None) -> Tree:
    """Give every device of a mesh, of all processes, the same arrays; what lies on the mesh already stays as it is.

    Without it, JAX would refuse to compute with arrays of one process together with those of all.

    Parameters
    ----------
    tree : pytree
        Leaves that are no arrays stay.
    mesh : Mesh, optional
        Without one the tree is returned.
    """
    if mesh is None:
        return tree
    sharding = NamedSharding(mesh, PartitionSpec())

    def place(x: Any) -> Any:
        if not isinstance(x, jax.Array | np.ndarray | np.generic):
            return x
        if isinstance(x, jax.Array) and x.sharding.device_set == sharding.device_set:
            return x
        if isinstance(x, jax.Array) and jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
            return jax.random.wrap_key_data(place(jax.random.key_data(x)), impl=jax.random.key_impl(x))
        host = np.asarray(x)
        return jax.make_array_from_callback(host.shape, sharding, lambda index: host[index])

    return jax.tree.map(place, tree)


def _is_shared(mesh: Mesh | None) -> bool:
    """Tell whether the devices belong to several processes; runs without such a mesh are strangers to each other."""
    return mesh is not None and len({device.process_index for device in mesh.devices.flat}) > 1


@contextmanager
def ending_together(hint: str = "") -> Iterator[None]:
    """Wrap what one of several processes does: if that fails, it ends at once, with exit code 1.

    The ordinary end of a program under ``jax.distributed`` waits for the others, and they may be waiting for this one.
    So this one prints a line that says why, and is gone. Those that wait for it then fail likewise. Nothing is caught
    in a process that is alone, nor are `ValueError` and `SystemExit`, which all raise together.

    Parameters
    ----------
    hint : str, optional
        What to do about it, for the end of the line.
    """
    try:
        yield
    except (ValueError, SystemExit):
        raise
    except BaseException as error:
        if jax.process_count() == 1:
            raise
        place = f"process {jax.process_index()} of {jax.process_count()} ends"
        words = " ".join(str(error).split())[:200]
        if isinstance(error, KeyboardInterrupt):
            said = f"{place}, as was asked"
        elif isinstance(error, jax.errors.JaxRuntimeError):
            said = f"{place}: another one was lost, or failed ({words})"
        else:
            traceback.print_exc()
            said = f"{place}: {type(error).__name__}"
        _log.error("%s", said)
        # Nobody is left whom an exception would reach: these are the last words, heard whoever listens to the logger.
        sys.stderr.write(f"\nmatmend: {said}. {hint}\n")
        sys.stdout.flush()
        sys.stderr.flush()
        if jax.process_index() == 0:
            time.sleep(GRACE_SECONDS)
        os._exit(130 if isinstance(error, KeyboardInterrupt) else 1)
