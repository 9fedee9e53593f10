"""One snapshot: a file of arrays and a few facts, in which no damaged byte goes unnoticed."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from matmend.io import atomic_write

MAGIC = "matmend snapshot 1"
"""Begins every file; the number is that of the format."""


class DamagedSnapshotError(ValueError):
    """A file is not what was once written; the message says in which way."""


@dataclass(frozen=True, eq=False)
class Snapshot:
    """What a file holds.

    Parameters
    ----------
    info : dict
        Whatever was saved with the arrays.
    leaves : list of ``(path in the tree, array)``
    """

    info: dict[str, Any]
    leaves: list[tuple[str, np.ndarray]]

    def into(self, like: Any) -> Any:
        """Build a tree of the structure of `like` from the arrays.

        Raises
        ------
        ValueError
            If names, shapes or types of the arrays are not those of `like`; the first that differs is named.
        """
        asked, structure = jax.tree_util.tree_flatten_with_path(like)
        wanted = [_described(jax.tree_util.keystr(path), leaf.dtype, leaf.shape) for path, leaf in asked]
        held = [_described(name, array.dtype, array.shape) for name, array in self.leaves]
        for number in range(max(len(wanted), len(held))):
            found, expected = (side[number] if number < len(side) else "no further array" for side in (held, wanted))
            if found != expected:
                raise ValueError(f"expected {expected}, found {found}")
        return jax.tree_util.tree_unflatten(structure, [jnp.array(array) for _, array in self.leaves])


def write_snapshot(path: Path, tree: Any, info: dict[str, Any]) -> None:
    """Write the arrays of a tree to a file that is there as a whole, flushed to the disk, or not at all.

    One line names the format and the SHA-256 of all that follows; the next one is JSON and tells the info, and name,
    type and shape of every array; then come their bytes.

    Raises
    ------
    ValueError
        If a leaf is no array of numbers, or the file cannot be written.
    """
    leaves = [(jax.tree_util.keystr(at), leaf) for at, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]]
    for name, leaf in leaves:
        if not isinstance(leaf, jax.Array | np.ndarray | np.generic) or not _is_plain(leaf.dtype):
            raise ValueError(
                f"A snapshot is made of arrays of numbers, but leaf {name or 'of the tree'} is "
                f"{getattr(leaf, 'dtype', type(leaf).__name__)}: of a key save jax.random.key_data(key), and keep what "
                "is no array out of the tree."
            )
    arrays = [np.asarray(array, jnp.dtype(array.dtype.name)) for array in jax.device_get([leaf for _, leaf in leaves])]
    listed = [[name, array.dtype.name, list(array.shape)] for (name, _), array in zip(leaves, arrays, strict=True)]
    header = (json.dumps({"info": info, "arrays": listed}) + "\n").encode()
    pieces = [memoryview(header), *(_bytes_of(array) for array in arrays)]
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    try:
        # overwrite: the name is new, and one rename is all there is to interrupt
        with atomic_write(path, overwrite=True) as temporary, temporary.open("wb") as file:
            file.write(f"{MAGIC} {digest.hexdigest()}\n".encode())
            for piece in pieces:
                file.write(piece)
    except OSError as error:
        raise ValueError(
            f"{path}: the snapshot could not be written ({error.strerror or error}); those before it are whole. Make "
            "room and go on from the last one."
        ) from error


def read_snapshot(path: Path) -> Snapshot:
    """Read a file and check every byte of it.

    Raises
    ------
    DamagedSnapshotError
        If the file cannot be read, is cut short, or is not what was written.
    """
    try:
        whole = path.read_bytes()
    except OSError as error:
        raise DamagedSnapshotError(f"it cannot be read: {error.strerror or error}") from error
    after_first = whole.find(b"\n") + 1
    name, _, checksum = whole[:after_first].rstrip(b"\n").rpartition(b" ")
    if name != MAGIC.encode():
        raise DamagedSnapshotError(f"it does not begin with {MAGIC!r}")
    if hashlib.sha256(memoryview(whole)[after_first:]).hexdigest().encode() != checksum:
        raise DamagedSnapshotError(f"its checksum is not that of the {len(whole):,} bytes that were found")
    start = whole.index(b"\n", after_first) + 1
    header = json.loads(whole[after_first:start])
    leaves = []
    for leaf, type_name, shape in header["arrays"]:
        dtype = jnp.dtype(type_name)
        end = start + int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        leaves.append((leaf, np.frombuffer(memoryview(whole)[start:end], np.uint8).view(dtype).reshape(shape)))
        start = end
    return Snapshot(header["info"], leaves)


def read_info(path: Path) -> dict[str, Any] | None:
    """Read the info alone, unchecked; None if there is none to be read."""
    try:
        with path.open("rb") as file:
            file.readline()
            return json.loads(file.readline())["info"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


ShapesOf = Callable[[dict[str, Any]], Any]
"""From the info of a snapshot to the structure that its tree is expected to have."""


def _described(name: str, dtype: Any, shape: tuple[int, ...]) -> str:
    return f"{name or 'an array'}: {np.dtype(dtype).name} of shape {tuple(shape)}"


def _is_plain(dtype: Any) -> bool:
    return any(jnp.issubdtype(dtype, kind) for kind in (np.number, np.bool_))


def _bytes_of(array: np.ndarray) -> memoryview:
    # A view as bytes: types such as bfloat16 have no buffer protocol of their own.
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
