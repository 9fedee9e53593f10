"""Mixtures of candidates for each gap, with weights that were best where the truth is known."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matmend.methods.inpainting.filler import Observed, Picture, put_back
from matmend.methods.inpainting.gaps import THIN, Gaps
from matmend.methods.inpainting.matching import Copy, Validation

ROUNDS = 200
"""Steps of the exponentiated gradient."""
BAGS = 12
"""Halves of the copies for each of which weights are found."""
WIDTH = 0.4
"""Distance of surroundings at which a copy counts by ``exp(-1/2)``."""
MOST = 2000
"""Pixels of a copy that are used for fitting."""
FLOOR = 0.01
"""Added to the error of a copy before dividing by it: nearly perfect copies do not decide everything."""
MENTION = 0.05
"""Weights from here on are told."""


@dataclass(frozen=True, eq=False)
class Stack:
    """What was learned: how much of which candidate each gap gets.

    Parameters
    ----------
    names : tuple of str
        Of the candidates.
    weights : dict of int to array of shape (n,)
        For each label of `Gaps`; nowhere negative, of sum 1.
    expected_mae, expected_rmse : dict of int to float
        Errors of the mixture on the copies that its weights were not learned from; NaN where there was no copy.
    """

    names: tuple[str, ...]
    weights: dict[int, NDArray[np.float64]]
    expected_mae: dict[int, float]
    expected_rmse: dict[int, float]

    def combine(self, filled: Sequence[Picture], picture: Picture, observed: Observed, gaps: Gaps) -> Picture:
        """Return the mixture of what the candidates made of a picture.

        Parameters
        ----------
        filled : sequence of float32 arrays of shape (h, w, c)
            One for each name.
        picture, observed, gaps
            What they filled.

        Returns
        -------
        float32 array of shape (h, w, c)
        """
        mixed = picture.astype(np.float64)
        for label in gaps.kinds:
            at = gaps.labels == label
            weights = self.weights[label]
            mixed[at] = sum(weight * one[at] for weight, one in zip(weights, filled, strict=True) if weight)
        return put_back(mixed.astype(np.float32), picture, observed)

    def words(self, label: int, number: int | None = None) -> str:
        """Say what a gap gets.

        Parameters
        ----------
        label : int
            Of the gap in `Gaps`.
        number : int, optional
            To call it by; by default its label, which is its number in its tile.

        Examples
        --------
        >>> stack = Stack(("harmonic", "peeling"), {1: np.array([0.25, 0.75])}, {1: 0.031}, {1: 0.05})
        >>> stack.words(1)
        'gap 1: 75 % peeling, 25 % harmonic; expected mean absolute error 3.1 % of the range'
        """
        shares: dict[str, float] = {}
        for name, weight in zip(self.names, self.weights[label], strict=True):
            shares[name] = shares.get(name, 0.0) + float(weight)
        ordered = sorted(shares.items(), key=lambda item: -item[1])
        told = ", ".join(f"{100 * share:.0f} % {name}" for name, share in ordered if share >= MENTION)
        if len(self.names) == 1:
            told = self.names[0]
        error = self.expected_mae[label]
        which = "thin gaps" if label == THIN else f"gap {number or label}"
        said = (
            f"expected mean absolute error {100 * error:.2g} % of the range"
            if np.isfinite(error)
            else "no room to validate it"
        )
        return f"{which}: {told or 'a little of everything'}; {said}"


def learn(
    picture: Picture,
    validation: Validation,
    filled: Sequence[Sequence[Picture]],
    names: Sequence[str],
    gaps: Gaps,
    *,
    seed: int = 0,
) -> Stack:
    """Find the mixture of candidates for each gap that was best on its copies.

    For each of `BAGS` random halves of the copies the weights minimise the mean absolute error, copies that are hard
    for all candidates and those with other surroundings counting less; the mean of these weights is taken.

    Parameters
    ----------
    picture : float32 array of shape (h, w, c)
    validation : Validation
    filled : sequence over masks of sequences over candidates of pictures
        What each candidate made of the picture with a validation mask.
    names : sequence of str
        Of the candidates.
    gaps : Gaps
    seed : int, default 0
        Fixes the halves.

    Returns
    -------
    Stack
        A gap without copies gets the mean of the weights of the others, equal ones if there is none.
    """
    if len(filled) != len(validation.hidden) or any(len(one) != len(names) for one in filled):
        raise ValueError(
            f"filled: expected {len(validation.hidden)} masks of {len(names)} candidates each, "
            f"got {[len(one) for one in filled]}; fill every picture of `validation.shown` by every candidate."
        )
    weights, mae, rmse = {}, {}, {}
    for label in gaps.kinds:
        copies = [copy for copy in validation.copies if copy.label == label]
        if copies:
            weights[label], mae[label], rmse[label] = _learned(picture, filled, copies, seed)
    found = list(weights.values())
    usual = np.mean(found, axis=0) if found else np.full(len(names), 1 / len(names))
    for label in gaps.kinds:
        weights.setdefault(label, usual)
        mae.setdefault(label, np.nan)
        rmse.setdefault(label, np.nan)
    return Stack(tuple(names), weights, mae, rmse)


def _learned(
    picture: Picture, filled: Sequence[Sequence[Picture]], copies: list[Copy], seed: int
) -> tuple[NDArray[np.float64], float, float]:
    """Return weights, and the mean absolute and root mean squared errors on copies that had no part in them."""
    parts = [_read(picture, filled, copy) for copy in copies]
    importance = []
    for (estimates, truth), copy in zip(parts, copies, strict=True):
        errors = np.abs(estimates - truth[:, None]).mean(axis=0)
        importance.append(np.exp(-((copy.distance / WIDTH) ** 2) / 2) / (np.median(errors) + FLOOR))
    # A copy that looks like nothing else should count little, not vanish in rounding when it is the only one.
    importance = np.maximum(importance, 1e-6 * np.max(importance))
    rng = np.random.default_rng(seed)
    count = len(parts)
    half = max(1, round(count / 2)) if count < 4 else max(2, round(count / 2))
    bags = [rng.choice(count, half, replace=False) for _ in range(BAGS if count > 1 else 1)]
    found = []
    for bag in bags:
        estimates = np.concatenate([parts[i][0] for i in bag])
        truth = np.concatenate([parts[i][1] for i in bag])
        pixel_weights = np.concatenate([np.full(len(parts[i][1]), importance[i]) for i in bag])
        found.append(simplex_weights(estimates, truth, pixel_weights))
    # The errors of a copy are those of the mean over the bags that lack it; with one copy there are none such.
    absolute, squared = np.zeros(count), np.zeros(count)
    for number, (estimates, truth) in enumerate(parts):
        others = [one for one, bag in zip(found, bags, strict=True) if number not in bag] or found
        residual = estimates @ np.mean(others, axis=0) - truth
        absolute[number], squared[number] = np.abs(residual).mean(), (residual**2).mean()
    nearness = [np.exp(-((copy.distance / WIDTH) ** 2) / 2) * len(copy.pixels) + 1e-9 for copy in copies]
    mae = float(np.average(absolute, weights=nearness))
    return np.mean(found, axis=0), mae, float(np.sqrt(np.average(squared, weights=nearness)))


def _read(picture: Picture, filled: Sequence[Sequence[Picture]], copy: Copy) -> tuple[NDArray, NDArray]:
    """Return the estimates at the hidden pixels, one column for each candidate, and the truth."""
    channels = picture.shape[2]
    chosen = copy.pixels[:: -(-len(copy.pixels) // MOST)]
    columns = [one.reshape(-1, channels)[chosen].ravel() for one in filled[copy.mask]]
    truth = picture.reshape(-1, channels)[chosen].ravel()
    return np.stack(columns, axis=1).astype(np.float64), truth.astype(np.float64)


def simplex_weights(
    estimates: NDArray[np.floating],
    truth: NDArray[np.floating],
    pixel_weights: NDArray[np.floating] | None = None,
    *,
    rounds: int = ROUNDS,
) -> NDArray[np.float64]:
    """Return the convex combination of columns with the least weighted mean absolute error, nearly.

    Exponentiated gradient on absolute values rounded off near zero; the mean of the second half of the steps.

    Parameters
    ----------
    estimates : array of shape (p, n)
    truth : array of shape (p,)
    pixel_weights : array of shape (p,), default equal
    rounds : int, default 200

    Returns
    -------
    array of shape (n,)

    References
    ----------
    Kivinen and Warmuth, "Exponentiated gradient versus gradient descent for linear predictors",
    doi:10.1006/inco.1996.2612.

    Examples
    --------
    >>> estimates = np.array([[0.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
    >>> simplex_weights(estimates, np.array([0.3, 0.3, 0.7])).round(2).tolist()
    [0.7, 0.3]
    """
    Y, y = np.asarray(estimates, np.float64), np.asarray(truth, np.float64)
    shares = np.ones(len(y)) if pixel_weights is None else np.asarray(pixel_weights, np.float64)
    shares = shares / shares.sum()
    n = Y.shape[1]
    weights = np.full(n, 1 / n)
    typical = float((shares @ np.abs(Y - y[:, None])).mean())
    if n == 1 or typical == 0:
        return weights
    mean = np.zeros(n)
    for number in range(rounds):
        signs = np.tanh((Y @ weights - y) / (0.07 * typical))
        gradient = (shares * signs) @ Y
        gradient -= weights @ gradient
        pace = 0.75 / typical / (1 + number / 60)
        weights = weights * np.exp(-np.clip(pace * gradient, -0.5, 0.5))
        weights /= weights.sum()
        if 2 * number >= rounds:
            mean += weights
    return mean / mean.sum()
