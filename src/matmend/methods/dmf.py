"""Deep matrix factorization alone: the implicit bias without a regularizer."""

from typing import Unpack

from numpy.typing import ArrayLike

from matmend.methods.completion import Completion
from matmend.methods.recipe import Recipe, Training
from matmend.methods.training import complete_with
from matmend.representation import AbstractInitialization, DeepFactorization, Gaussian


def complete(
    observed: ArrayLike,
    mask: ArrayLike | None = None,
    *,
    depth: int = 3,
    width: int | None = None,
    initialization: AbstractInitialization = Gaussian(mean=1e-3, std=1e-3),  # noqa: B008 (frozen)
    **training: Unpack[Training],
) -> Completion:
    """Complete an array by deep matrix factorization.

    Parameters
    ----------
    observed, mask
        As in [`complete_with`][matmend.methods.complete_with].
    depth, width, initialization
        As in [`DeepFactorization`][matmend.representation.DeepFactorization].
    **training
        Seed, steps, held-out share and what else [`complete_with`][matmend.methods.complete_with] takes.

    Returns
    -------
    Completion

    Notes
    -----
    Without a stop this over-fits: on the paper's images the error falls, then rises to two to six times its minimum.
    The held-out entries are there to stop it; with ``holdout=0, steps=10_001`` it is the DMF of AIR-Net's authors.

    References
    ----------
    Arora, Cohen, Hu & Luo 2019, arXiv:1905.13655.

    Examples
    --------
    >>> from matmend.datasets import load_sample
    >>> from matmend.masks import random_mask
    >>> X = load_sample("camera", size=32)
    >>> complete(X, random_mask(X.shape, 0.3, seed=0), steps=200).method
    'dmf'
    """
    return complete_with(recipe(depth, width, initialization), observed, mask, **training)


def recipe(
    depth: int = 3,
    width: int | None = None,
    initialization: AbstractInitialization = Gaussian(mean=1e-3, std=1e-3),  # noqa: B008 (frozen)
) -> Recipe:
    """Say what the method is made of, for [`complete_many_with`][matmend.methods.complete_many_with].

    Examples
    --------
    >>> recipe().method
    'dmf'
    """
    return Recipe("dmf", DeepFactorization(depth, width, initialization), settings={"depth": depth, "width": width})
