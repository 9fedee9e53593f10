"""The matrices and missing patterns of the paper's experiments, and small ones of the same kinds."""

from dataclasses import dataclass

import numpy as np

from matmend.datasets import (
    Dataset,
    load_sample,
    load_synthetic_netflix,
    load_test_image,
    load_textural_mask,
    load_yamanishi,
)
from matmend.datasets.synthetic import block_ratings, interactions
from matmend.masks import patch_mask, random_mask

SEED = 20210909
"""Seed of the authors' random masks."""


@dataclass(frozen=True)
class Cell:
    """A matrix and a missing pattern: one line of Table 1.

    `data` is ``barbara``, ``baboon``, ``cameraman``, ``syn-netflix``, ``ic`` or ``gpcr``, or what ships with matmend:
    ``camera``, ``ratings``, ``interactions``. `missing` is ``patch``, ``texture`` or a share of the entries in per
    cent.
    """

    data: str
    missing: str

    @property
    def name(self) -> str:
        """Name for files and keys."""
        return f"{self.data}-{self.missing}"

    @property
    def is_image(self) -> bool:
        """True for pictures."""
        return self.data in ("barbara", "baboon", "cameraman", "camera")

    def dataset(self) -> Dataset:
        """Load the matrix with whatever graphs come with it."""
        match self.data:
            case "barbara" | "baboon" | "cameraman":
                return Dataset(load_test_image(self.data), name=self.data)
            case "syn-netflix":
                return load_synthetic_netflix()
            case "ic" | "gpcr":
                return load_yamanishi(self.data)
            case "camera":
                return Dataset(load_sample("camera", size=64), name="camera")
            case "ratings":
                return block_ratings((45, 60), num_row_blocks=5, num_col_blocks=4, seed=0)
            case "interactions":
                return interactions((40, 42), seed=0)
            case _:
                raise ValueError(f"Unknown data {self.data!r}.")

    def mask(self, shape: tuple[int, int], draw: int = 0) -> np.ndarray:
        """Draw the mask (True = observed); draw 0 of a random one is the authors', the others are ours."""
        match self.missing:
            case "patch":
                return patch_mask(shape)
            case "texture":
                return load_textural_mask()
            case share:
                return random_mask(shape, int(share) / 100, seed=SEED + draw)

    def load(self, draw: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Return the true matrix (float32) and the mask."""
        X_true = self.dataset().X_true.astype(np.float32)
        return X_true, self.mask(X_true.shape, draw)


IMAGES = tuple(Cell(data, missing) for data in ("barbara", "baboon") for missing in ("30", "patch", "texture"))
RATINGS = tuple(Cell("syn-netflix", missing) for missing in ("70", "75", "80"))
INTERACTIONS = (Cell("ic", "20"), Cell("gpcr", "20"))
TABLE = (*IMAGES, *RATINGS, *INTERACTIONS)
"""The eleven cells of Table 1."""
