"""The pictures and gaps of `images`."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from matmend.datasets import load_test_image, load_textural_mask
from matmend.masks import patch_mask, random_mask, scratch_mask, text_mask


class Case(NamedTuple):
    """A picture (h, w, c) in [0, 1], which pixels are observed, and the seed of the mask if it was drawn at random."""

    name: str
    truth: np.ndarray
    observed: np.ndarray
    seed: int | None = None


def papers(seeds: Sequence[int]) -> Iterator[Case]:
    """Yield the nine cases of the AIR-Net paper, those at random once for each seed."""
    patches, texture = patch_mask((240, 240)), load_textural_mask()
    for name in ("barbara", "cameraman", "baboon"):
        truth = load_test_image(name)[..., None]
        for seed in seeds:
            yield Case(f"{name} random", truth, random_mask((240, 240), 0.3, seed=seed), seed)
        yield Case(f"{name} patch", truth, patches)
        yield Case(f"{name} texture", truth, texture)


SIDE = 256
BLOCKS = (((40, 75), (60, 100)), ((150, 180), (170, 205)))


def held_out(seeds: Sequence[int]) -> Iterator[Case]:
    """Yield six free pictures of scikit-image, 256 x 256, each with four kinds of gaps."""
    shape = (SIDE, SIDE)
    fixed = {
        "scratches": scratch_mask(shape, count=14, width=4, tilt=25, seed=7),
        "text": text_mask(shape, height=20, spacing=1.6),
        "blocks": patch_mask(shape, BLOCKS),
    }
    for name in ("astronaut", "coffee", "chelsea", "brick", "grass", "coins"):
        truth = sample(name)
        for seed in seeds:
            yield Case(f"{name} half", truth, random_mask(shape, 0.5, seed=1000 + seed), seed)
        for kind, observed in fixed.items():
            yield Case(f"{name} {kind}", truth, observed)


def sample(name: str) -> np.ndarray:
    """Return the middle square of a picture of scikit-image, made smaller by averaging, rounded to 8 bits."""
    from skimage import data
    from skimage.transform import resize_local_mean

    image = np.asarray(getattr(data, name)(), np.float64) / 255
    h, w = image.shape[:2]
    side = min(h, w)
    square = image[(h - side) // 2 :, (w - side) // 2 :][:side, :side]
    channels = square.reshape(side, side, -1)
    smaller = resize_local_mean(channels, (SIDE, SIDE), channel_axis=-1)
    return (np.rint(smaller * 255) / 255).astype(np.float32)


PICTURES: dict[str, Callable[[Sequence[int]], Iterator[Case]]] = {"papers": papers, "held-out": held_out}
