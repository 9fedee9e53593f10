"""How wide an interval should be beside another: where a completion is surer, and where less."""

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from matmend.methods import Completion, Method, Recipe
from matmend.methods.completion import channels_apart
from matmend.trust.conformal import weighted_quantile

FLOORS = (0.03, 0.1, 0.3, 1.0, 3.0)
"""What may be added to a scale, in units of its mean."""


@dataclass(frozen=True, eq=False)
class Fit:
    """A completion of the training entries, and how to make another of the kind.

    Parameters
    ----------
    array : array of shape (m, n) or (m, n, c)
        What was observed; only the training entries count.
    train : bool array of shape (m, n)
    completion : Completion
    method : Method
        What made it.
    recipe : Recipe, optional
        What it was made of, if it was trained.
    seed : int
    settings : dict
        Of the method.
    """

    array: NDArray[np.floating]
    train: NDArray[np.bool_]
    completion: Completion
    method: Method
    recipe: Recipe | None = None
    seed: int = 0
    settings: dict[str, Any] = field(default_factory=dict)


class Scale(Protocol):
    """What tells how large errors are expected, up to a factor: ``(fit) -> numbers >= 0``, like the array."""

    def __call__(self, fit: Fit, /) -> NDArray[np.floating]:
        """Return the scale of every entry, from the training entries alone."""
        ...


@dataclass(frozen=True)
class Constant:
    """The same everywhere: all intervals have one width."""

    def __call__(self, fit: Fit) -> NDArray[np.floating]:
        """Return ones."""
        return np.ones(fit.array.shape)


@dataclass(frozen=True)
class LocalError:
    """For pictures: errors grow with how much the picture varies nearby and how far the next observed pixel is.

    ``(standard deviation in a window) * (distance to the nearest observed pixel) ** power``

    Parameters
    ----------
    window : int, default 7
        Side of the window, in pixels.
    power : float, default 0.5

    Examples
    --------
    >>> from matmend.methods import registry
    >>> y, x = np.indices((24, 24))
    >>> picture = np.where(x < 12, 0.5, np.sin(y * x))  # flat on the left
    >>> train = np.random.default_rng(0).random(picture.shape) < 0.7
    >>> fit = Fit(picture, train, registry["mean"](picture, train, axis=1), registry["mean"])
    >>> spread = LocalError()(fit)
    >>> bool(spread[:, 1:6].mean() < spread[:, 18:].mean())
    True
    """

    window: int = 7
    power: float = 0.5

    def __post_init__(self) -> None:
        """Refuse settings out of range."""
        if self.window < 2 or not self.power >= 0:
            raise ValueError(f"Expected window >= 2 and power >= 0, got window={self.window}, power={self.power}.")

    def __call__(self, fit: Fit) -> NDArray[np.floating]:
        """Return the scale of every pixel."""
        picture = np.atleast_3d(fit.completion.completed).astype(np.float64)
        mean, square = (
            ndimage.uniform_filter(x, self.window, mode="nearest", axes=(0, 1)) for x in (picture, picture**2)
        )
        distance = np.asarray(ndimage.distance_transform_edt(~fit.train))
        spread = np.sqrt(np.maximum(square - mean**2, 0)) * distance[..., None] ** self.power
        return spread.reshape(fit.array.shape)


@dataclass(frozen=True)
class ConditionalDeviation:
    """Of `gaussian`, what its own distribution says: the standard deviation of an entry given those seen of its row.

    Examples
    --------
    >>> from matmend.methods import registry
    >>> rng = np.random.default_rng(0)
    >>> first = rng.normal(size=(400, 1))
    >>> X = np.c_[first, first + 0.1 * rng.normal(size=(400, 1)), rng.normal(size=(400, 1))]
    >>> train = rng.random(X.shape) < 0.7
    >>> fit = Fit(X, train, registry["gaussian"](X, train), registry["gaussian"])
    >>> with_first, without = (ConditionalDeviation()(fit)[~train[:, 1] & (train[:, 0] == k), 1] for k in (True, False))
    >>> bool(with_first.max() < 0.5 < without.min())
    True
    """

    def __call__(self, fit: Fit) -> NDArray[np.floating]:
        """Return the deviations, or ones where there is no distribution."""
        normal = getattr(fit.completion, "normal", None)
        if normal is None:
            return np.ones(fit.array.shape)
        channels = fit.array.shape[2] if fit.array.ndim == 3 else 1
        wanted = ~np.tile(fit.train, channels)
        precision = np.linalg.inv(normal.covariance)
        deviations = np.broadcast_to(np.sqrt(np.diag(normal.covariance)), wanted.shape).copy()
        patterns, of_row = np.unique(wanted, axis=0, return_inverse=True)
        for k, pattern in enumerate(patterns):
            block = np.linalg.inv(precision[np.ix_(pattern, pattern)])
            deviations[np.ix_(of_row == k, pattern)] = np.sqrt(np.maximum(np.diag(block), 0))
        return channels_apart(deviations, channels if fit.array.ndim == 3 else None)


def with_floor(
    spread: NDArray[np.floating],
    residuals: NDArray[np.floating],
    tuning: NDArray[np.bool_],
    missing: NDArray[np.bool_],
    weights: NDArray[np.floating],
    coverage: float,
) -> NDArray[np.floating]:
    """Add a constant to a scale, so that none is 0, or give it up for one that is the same everywhere.

    Of the constants that give intervals no wider on average than one width for all, that of the least interval score:
    width, and what is outside besides, divided by the share that may be.

    Parameters
    ----------
    spread : array of shape (m, n)
        A scale, >= 0.
    residuals, weights : arrays of shape (m, n)
        ``|Y - estimate|`` and the odds of being missing; looked at where `tuning` is True.
    tuning, missing : bool arrays of shape (m, n)
        Entries to choose by, which must not be used for calibration, and those whose intervals are wanted.
    coverage : float

    Returns
    -------
    float64 array of shape (m, n)
        Above 0; constant where the spread tells nothing, or too few entries are there to say so.

    Notes
    -----
    Mean width alone prefers scales that give up on the entries of large errors; the interval score is least for the
    true quantiles of each entry.

    References
    ----------
    Gneiting & Raftery 2007, doi:10.1198/016214506000001437, section 6.2.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> spread = np.tile([1.0, 9.0], (50, 20))
    >>> errors, first = np.abs(rng.normal(size=spread.shape)) * spread, rng.random(spread.shape) < 0.5
    >>> told = with_floor(spread, errors, first, ~first, np.ones(spread.shape), 0.9)
    >>> untold = with_floor(spread, errors[:, ::-1], first, ~first, np.ones(spread.shape), 0.9)
    >>> float((told[0, 1] / told[0, 0]).round(1)), np.ptp(untold).item()
    (8.0, 0.0)
    """
    scale = spread.astype(np.float64)
    mean = float(scale[missing].mean())
    if not (np.isfinite(mean) and mean > 0):
        return np.ones(scale.shape)
    constant = np.full(scale.shape, mean)
    if not tuning.any():
        return constant
    best, least, most = constant, np.inf, np.inf
    errors, odds = residuals[tuning], weights[tuning]
    for tried in (constant, *(scale + floor * mean for floor in FLOORS)):
        # What is compared here is not what is promised: the quantile of a few entries need not be infinite.
        limit = weighted_quantile(errors / tried[tuning], odds, coverage, target_weights=1e-9 * odds.min())
        width = float(limit) * float(tried[missing].mean())
        reach = limit * tried[tuning]
        score = float(np.average(reach + np.maximum(errors - reach, 0) / (1 - coverage), weights=odds))
        if tried is constant:
            best, least, most = tried, score, width
        elif score < least and width <= most:
            best, least = tried, score
    return best
