"""RDMF: deep matrix factorization with smoothness between neighbouring pixels."""

from typing import Unpack

from numpy.typing import ArrayLike

from matmend.methods.completion import Completion
from matmend.methods.recipe import Recipe, Training
from matmend.methods.training import complete_with
from matmend.regularizer import AbstractRegularizer, FivePointLaplacian
from matmend.representation import AbstractInitialization, DeepFactorization, Gaussian


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
    """Complete a picture by deep matrix factorization with the 5-point Laplacian.

    Parameters
    ----------
    observed, mask
        As in [`complete_with`][matmend.methods.complete_with].
    depth, width, initialization
        As in [`DeepFactorization`][matmend.representation.DeepFactorization].
    weight : float, optional
        Of [`FivePointLaplacian`][matmend.regularizer.FivePointLaplacian]; by default 1e-2, the larger of the two
        weights in its authors' code and the better one on the images of AIR-Net's Table 1.
    **training
        Seed, steps, held-out share and what else [`complete_with`][matmend.methods.complete_with] takes.

    Returns
    -------
    Completion

    References
    ----------
    Li, Xu, Luo & Wang 2020, arXiv:2007.14581.

    Examples
    --------
    >>> from matmend.datasets import load_sample
    >>> from matmend.masks import random_mask
    >>> X = load_sample("camera", size=32)
    >>> complete(X, random_mask(X.shape, 0.3, seed=0), steps=200).method
    'rdmf'
    """
    return complete_with(recipe(depth, width, weight, initialization), observed, mask, **training)


def recipe(
    depth: int = 3,
    width: int | None = None,
    weight: float | None = None,
    initialization: AbstractInitialization = Gaussian(mean=1e-3, std=1e-3),  # noqa: B008 (frozen)
) -> Recipe:
    """Say what the method is made of, for [`complete_many_with`][matmend.methods.complete_many_with].

    Examples
    --------
    >>> recipe().method
    'rdmf'
    """
    w = 1e-2 if weight is None else weight

    def regularizer(shape: tuple[int, int], channels: int) -> AbstractRegularizer:
        del shape
        return w * FivePointLaplacian(channels)

    return Recipe(
        "rdmf",
        DeepFactorization(depth, width, initialization),
        regularizer,
        settings={"depth": depth, "width": width},
    )
