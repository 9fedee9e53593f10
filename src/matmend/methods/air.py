"""AIR-Net: deep matrix factorization with learned graphs of rows, columns and whatever else repeats."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Unpack

from numpy.typing import ArrayLike

from matmend.methods.completion import Completion
from matmend.methods.recipe import Recipe, Training
from matmend.methods.training import complete_with
from matmend.regularizer import AbstractRegularizer, AdaptiveLaplacian, Sum
from matmend.representation import AbstractInitialization, DeepFactorization, Gaussian
from matmend.solve import EnergyDecay, HeldoutRise, annealed_adam
from matmend.transform import AbstractTransform, Identity, Transpose

REFERENCE_WEIGHT = 1e-4 * 240 * 240
"""The authors' weight 1e-4 for their 240 x 240 images, times the number of entries."""

EXACT_WEIGHT = 1e-5 * 150 * 200
"""For data that are low rank but for rounding: 1e-5 on the 150 x 200 Syn-Netflix, times the number of entries."""

AUTHORS_START = Gaussian(mean=1e-3, std=1e-3)
"""Start of the factors in the authors' code."""

PAPER_START = Gaussian(mean=0.0, std=1e-5**0.5)
"""Start of the factors in the paper."""

Transforms = Callable[[int], Sequence[AbstractTransform]]
"""From the number of channels to the transforms ``T_i``."""


def rows_and_columns(channels: int) -> tuple[AbstractTransform, ...]:
    """``T_1(X) = X`` and ``T_2(X) = X'``, the two graphs of the paper's section 2.3.

    Examples
    --------
    >>> rows_and_columns(1)
    (Identity(), Transpose())
    """
    return Identity(), Transpose(channels)


def complete(
    observed: ArrayLike,
    mask: ArrayLike | None = None,
    *,
    depth: int | None = None,
    width: int | None = None,
    weight: float | None = None,
    initialization: AbstractInitialization | None = None,
    transforms: Transforms = rows_and_columns,
    **training: Unpack[Training],
) -> Completion:
    """Complete an array by AIR-Net.

    ``min mean((X - Y)^2 on observed) + weight sum_i tr(T_i(X)' L_i T_i(X))`` over the factors of ``X`` and the
    logits of all graphs.

    Parameters
    ----------
    observed, mask
        As in [`complete_with`][matmend.methods.complete_with].
    depth : int, optional
        Number of factors, 3 in the paper.
    width : int, optional
        Inner size; ``min(m, n)`` by default.
    weight : float, optional
        ``lambda_i``, one for all ``i``.
    initialization : AbstractInitialization, optional
        Start of the factors.
    transforms : callable ``channels -> sequence of AbstractTransform``
        ``T_i``; [`rows_and_columns`][matmend.methods.air.rows_and_columns] by default. For blocks of 8 x 8 as well:
        ``lambda channels: (*rows_and_columns(channels), Patches(8, channels=channels))``.
    **training
        Seed, steps, held-out share and what else [`complete_with`][matmend.methods.complete_with] takes.

    Returns
    -------
    Completion
        With the learned Laplacians, ``"row"``, ``"col"``, then ``"graph3"`` and so on.

    Notes
    -----
    With `depth`, `weight` and `initialization` all left open and entries held out, the data choose among
    [`candidates`][matmend.methods.air.candidates], and the chosen one is trained once more on all entries
    (``refit=False`` switches that off). Otherwise one [`recipe`][matmend.methods.air.recipe] is trained, whose defaults
    are those of the authors' code: ``weight=1e-4, scale=1, holdout=0, stop=never, steps=10_001`` is the run whose last
    iterate they report (here the recorded one of least observed loss, nearly always the last). For pictures higher than
    wide the inner width differs (theirs is ``m``).

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
    >>> done.completed.shape, len(done.settings["candidates"]), sorted(done.laplacians)
    ((32, 32), 2, ['col', 'row'])
    """
    is_open = depth is None and weight is None and initialization is None
    if is_open and training.get("holdout", 0.05):
        training.setdefault("refit", True)
        return complete_with(candidates(width, transforms), observed, mask, **training)
    single = recipe(depth or 3, width, weight, initialization or AUTHORS_START, transforms)
    return complete_with(single, observed, mask, **training)


def recipe(
    depth: int = 3,
    width: int | None = None,
    weight: float | None = None,
    initialization: AbstractInitialization = AUTHORS_START,
    transforms: Transforms = rows_and_columns,
) -> Recipe:
    """Say what AIR-Net is made of, for [`complete_many_with`][matmend.methods.complete_many_with].

    Parameters
    ----------
    depth, width, initialization, transforms
        As in [`complete`][matmend.methods.air.complete]; by default as in the authors' code.
    weight : float, optional
        By default ``5.76 / (number of entries)``, which is the authors' 1e-4 for a 240 x 240 image: the energies are
        sums over entries and the loss is a mean, so their balance keeps this way.

    Returns
    -------
    Recipe

    Examples
    --------
    >>> recipe().method
    'air'
    """
    return Recipe(
        "air",
        DeepFactorization(depth, width, initialization),
        _regularizer(weight, REFERENCE_WEIGHT, transforms),
        natural_stop=EnergyDecay(),
        settings={"depth": depth, "width": width},
    )


def candidates(width: int | None = None, transforms: Transforms = rows_and_columns) -> tuple[Recipe, ...]:
    """Return settings of AIR-Net for two kinds of data; the held-out entries tell which kind is at hand.

    * **Alike, not equal** (pictures, interactions): the graphs do the work. Two factors, weight ``5.76 / (m n)``, 3,500
      steps at rates of 4e-3 (factors) and 8e-3 (logits) that decay to 0.
    * **Low rank but for rounding** (ratings made of blocks, formulas): the implicit bias of depth does the work, and
      any regularization left at the end is an error. Three factors from a start of mean 0, weight ``0.3 / (m n)``,
      5,000 steps at the same rates, which decay over the last three tenths. If that comes within 2 % of the range, the
      data are taken to be exact and are followed slowly: 20,000 steps at 6.3e-4 and 1e-3, the protocol that
      reproduces the paper's Syn-Netflix, in units of the range.

    Parameters
    ----------
    width, transforms
        As in [`complete`][matmend.methods.air.complete].

    Returns
    -------
    tuple of Recipe

    Notes
    -----
    Two factors follow a learned graph several times faster than three: the third one slows every singular value that is
    still small. The paper has one depth for all data.

    Examples
    --------
    >>> [kind.settings["depth"] for kind in candidates()]
    [2, 3, 3]
    """
    graphs = Recipe(
        "air",
        DeepFactorization(2, width, AUTHORS_START),
        _regularizer(None, REFERENCE_WEIGHT, transforms),
        natural_stop=EnergyDecay(),
        steps=3_500,
        optimizer=lambda steps: annealed_adam(4e-3, steps, regularizer_rate=8e-3),
        settings={"depth": 2, "width": width},
    )
    deep = Recipe(
        "air",
        DeepFactorization(3, width, Gaussian(mean=0.0, std=2e-3)),
        _regularizer(None, EXACT_WEIGHT, transforms),
        heldout_stop=HeldoutRise(patience=4_000),
        steps=5_000,
        optimizer=lambda steps: annealed_adam(4e-3, steps, regularizer_rate=8e-3, hold=0.7),
        settings={"depth": 3, "width": width},
    )
    exact = replace(
        deep,
        heldout_stop=HeldoutRise(patience=20_000),
        tried_below=0.02,
        steps=20_000,
        optimizer=lambda steps: annealed_adam(6.3e-4, steps, regularizer_rate=1e-3, hold=0.9, eps=1e-9),
        settings={"depth": 3, "width": width, "is_slow": True},
    )
    return graphs, deep, exact


def _regularizer(
    weight: float | None, reference: float, transforms: Transforms
) -> Callable[[tuple[int, int], int], AbstractRegularizer]:
    def regularizer(shape: tuple[int, int], channels: int) -> AbstractRegularizer:
        m, n = shape
        w = reference / (m * n * channels) if weight is None else weight
        return Sum(tuple(w * AdaptiveLaplacian(transform) for transform in transforms(channels)))

    return regularizer
