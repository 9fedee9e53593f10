"""Fill one picture with matmend, in a process of its own, as `_images_peers` does with a peer.

``python -m benchmarks._images_ours METHOD IN.npz OUT --threads N``. The first call is on the same picture and compiles;
its seconds are reported apart.
"""

from typing import Any, Literal

import numpy as np

from benchmarks._images_peers import Method, whole, work


def preset(name: Literal["fast", "best"], **settings: Any) -> Method:
    """Make a method of `complete_picture`."""

    def method(picture: np.ndarray, observed: np.ndarray) -> tuple[np.ndarray, str]:
        from matmend.methods.inpainting import complete_picture

        completed = complete_picture(picture, observed, preset=name, **settings)
        return completed.picture, str(completed.message)

    return method


OURS: dict[str, Method] = {"matmend, fast": preset("fast"), "matmend, best": preset("best")}
"""Name in the table, function. Import matmend inside of the function: the list is read without it too."""


if __name__ == "__main__":
    work(OURS, ("matmend", "jax", "numpy"), warm=whole)
