"""AIR-Net: deep matrix factorization with learned row and column graphs."""

from typing import Unpack

from numpy.typing import ArrayLike

from matmend.methods.completion import Completion, Training, complete_with
from matmend.regularizer import AbstractRegularizer, AdaptiveLaplacian
from matmend.representation import AbstractInitialization, DeepFactorization, Gaussian
from matmend.solve import EnergyDecay
from matmend.transform import Transpose

REFERENCE_WEIGHT = 1e-4 * 240 * 240
"""The authors' weight 1e-4 for their 240 x 240 images, times the number of entries."""


def complete(
    observed: ArrayLike,
    mask: ArrayLike | None = None,
    *,
    depth: int = 3,
    width: int | None = None,
    weight: float | None = None,
    initialization: AbstractInitialization = Gaussian(mean=1e-3, std=1e-3),  # noqa: B008 (frozen)
    **training: Unpack[Training],
) -> Completion:
    """Complete an array by AIR-Net.

    ``min mean((X - Y)^2 on observed) + weight (tr(X' L_r X) + tr(X L_c X'))`` over the factors of ``X`` and the logits
    of both graphs.

    Parameters
    ----------
    observed, mask
        As in [`complete_with`][matmend.methods.complete_with].
    depth : int, default 3
        Number of factors.
    width : int, optional
        Inner size; ``min(m, n)`` by default.
    weight : float, optional
        ``lambda_r = lambda_c``. By default ``5.76 / (number of entries)``, which is the authors' 1e-4 for a
        240 x 240 image: the energies are sums over entries and the loss is a mean, so their balance keeps this way.
    initialization : AbstractInitialization
        Start of the factors, by default that of the authors' code.
    **training
        Seed, steps, held-out share and what else [`complete_with`][matmend.methods.complete_with] takes.

    Returns
    -------
    Completion
        With the two learned Laplacians.

    Notes
    -----
    Made for data of range about 1 (pictures in 0..1). The authors run 10,001 steps and report the last iterate:
    ``weight=1e-4, holdout=0, stop=never, steps=10_001`` is that, but for the iterate (here the one of least observed
    loss, nearly always the last) and, for pictures higher than wide, the inner width (theirs is ``m``).

    References
    ----------
    Li & Wang 2021, arXiv:2110.07557.

    Examples
    --------
    >>> import numpy as np
    >>> from matmend.datasets import load_sample
    >>> from matmend.masks import random_mask
    >>> X = load_sample("camera", size=32)
    >>> done = complete(X, random_mask(X.shape, 0.3, seed=0), steps=200)
    >>> done.completed.shape, done.steps, sorted(done.laplacians)
    ((32, 32), 200, ['col', 'row'])
    """

    def regularizer(shape: tuple[int, int], channels: int) -> AbstractRegularizer:
        m, n = shape
        w = REFERENCE_WEIGHT / (m * n * channels) if weight is None else weight
        return w * AdaptiveLaplacian() + w * AdaptiveLaplacian(Transpose(channels))

    return complete_with(
        observed,
        mask,
        DeepFactorization(depth, width, initialization),
        regularizer,
        method="air",
        settings={"depth": depth, "width": width},
        natural_stop=EnergyDecay(),
        **training,
    )
