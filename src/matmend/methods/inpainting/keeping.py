"""The tiles of a large picture that are done, kept in a folder: whatever ends the program, they stay done."""

import zlib
from typing import Any, Protocol

import jax
import numpy as np
from numpy.typing import NDArray

from matmend.methods.inpainting.filler import Observed, Picture
from matmend.solve import Checkpoints

_Sums = dict[str, Any]


class Remembers(Protocol):
    """Something that learns from tile to tile."""

    def state(self) -> dict[str, Any]:
        """Return what was learned, as JSON can hold it."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what was learned by another."""
        ...


class KeptTiles:
    """What has been made of the gaps of a picture so far, and what was learned on the way.

    Kept are the weighted sums of the estimates at missing pixels alone, so a photo with few gaps takes little room; a
    run that goes on adds to them in the same order, which leads to the same bits.

    Parameters
    ----------
    checkpoints : Checkpoints
    asked : dict
        What the result depends on, as JSON can hold it; `fingerprint` tells pictures apart.
    account : Remembers
        Learns while tiles are filled.
    """

    def __init__(self, checkpoints: Checkpoints, asked: dict[str, Any], account: Remembers):
        self._checkpoints, self._asked, self._account = checkpoints, asked, account

    def restore(self, total: Picture, weight: NDArray[np.float32], observed: Observed) -> int:
        """Put sums and weights of the tiles that are done in place, and return how many there are.

        Raises
        ------
        ValueError
            If what is kept is of another picture or was made with other settings.
        """
        gaps = ~observed
        count = int(gaps.sum())
        like = {
            "total": jax.ShapeDtypeStruct((count, total.shape[2]), np.float32),
            "weight": jax.ShapeDtypeStruct((count,), np.float32),
        }

        def shapes(info: dict[str, Any]) -> _Sums:
            if info.get("asked") != self._asked:
                raise ValueError(f"expected {self._asked}, found {info.get('asked')}")
            return like

        found = self._checkpoints.latest_of(shapes)
        if found is None:
            return 0
        sums, info = found
        total[gaps], weight[gaps] = np.asarray(sums["total"]), np.asarray(sums["weight"])
        self._account.restore(info["account"])
        return int(info["tile"])

    def after(self, done: int, total: Picture, weight: NDArray[np.float32], observed: Observed) -> None:
        """Keep what there is after so many tiles, if it is time to.

        Raises
        ------
        ValueError
            If it cannot be written.
        Terminated
            If SIGTERM has arrived; all is kept then.
        """
        if self._checkpoints.is_due():
            gaps = ~observed
            info = {"tile": done, "asked": self._asked, "account": self._account.state()}
            self._checkpoints.save({"total": total[gaps], "weight": weight[gaps]}, info)


def fingerprint(*arrays: NDArray[Any]) -> str:
    """Return a few characters that differ for different arrays.

    Examples
    --------
    >>> ramp = np.arange(3.0)
    >>> fingerprint(ramp) == fingerprint(ramp.copy()), fingerprint(ramp) == fingerprint(ramp[::-1])
    (True, False)
    """
    found = 0
    for array in arrays:
        found = zlib.crc32(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data, found)
    return f"{found:08x}"
