"""What fills the gaps of a picture: the contract that all ways of doing it share."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]
"""Of shape (h, w, c): height, width, channels."""

Observed = NDArray[np.bool_]
"""Of shape (h, w): where all channels of a picture are known."""


class Filler(Protocol):
    """Estimates the missing pixels of one picture from the others."""

    @property
    def name(self) -> str:
        """What it is, in words."""
        ...

    def __call__(self, picture: Picture, observed: Observed) -> Picture:
        """Fill a picture.

        Parameters
        ----------
        picture : float32 array of shape (h, w, c)
            Finite; what stands at missing pixels is not read.
        observed : bool array of shape (h, w)
            Somewhere true.

        Returns
        -------
        float32 array of shape (h, w, c)
            A new array: `picture` where observed, elsewhere estimates within the range of the observed values.
        """
        ...


def blocks(picture: Picture, factor: int) -> Picture:
    """Cut a picture into blocks of ``factor x factor`` pixels: axes 1 and 3 of five run within a block.

    At the lower and right border the picture is continued by its last row and column.

    Examples
    --------
    >>> blocks(np.zeros((5, 4, 3), np.float32), 2).shape
    (3, 2, 2, 2, 3)
    """
    h, w, c = picture.shape
    padded = np.pad(picture, ((0, -h % factor), (0, -w % factor), (0, 0)), mode="edge")
    return padded.reshape(padded.shape[0] // factor, factor, padded.shape[1] // factor, factor, c)


def put_back(estimate: Picture, picture: Picture, observed: Observed) -> Picture:
    """Keep observed pixels as they are, and estimates within the range of what is observed, channel by channel.

    Examples
    --------
    >>> picture = np.array([[[0.0], [7.0], [1.0]]], np.float32)
    >>> put_back(np.full((1, 3, 1), 2.0, np.float32), picture, np.array([[True, False, True]])).ravel().tolist()
    [0.0, 1.0, 1.0]
    """
    known = observed[..., None]
    # In place, and no list of the observed pixels: a large picture is copied once.
    low, high = picture.min((0, 1), where=known, initial=np.inf), picture.max((0, 1), where=known, initial=-np.inf)
    filled = np.clip(estimate, low, high).astype(np.float32, copy=False)
    np.copyto(filled, picture, where=known)
    return filled
