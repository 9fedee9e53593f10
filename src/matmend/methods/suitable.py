"""Which methods are worth trying on given data, and why the others are not: no method is run to tell."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from matmend.methods.completion import checked
from matmend.methods.inpainting.opencv import has_opencv
from matmend.methods.peers import runnable_peers
from matmend.methods.yardstick import column_mean, column_spread

Floats = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]
Nature = Literal["picture", "interactions", "matrix", "table"]

OF_OPENCV = {"navier_stokes", "fsr"}
"""Methods that need the optional extra ``images``."""
OF_PICTURES = {"patches", "biharmonic", "navier_stokes", "fsr", "pnmc", "rdmf"}
"""Methods that take entries side by side to be alike."""
TRAINED = {"air", "dmf", "rdmf", "dmf_de", "pnmc"}
"""Methods that make thousands of steps."""

SMOOTH = 0.5
"""Mean squared difference of neighbours, as a share of that of far entries, below which a matrix is a picture."""
WINDOW = 1024
"""Side of the window in the middle of a large matrix that smoothness is looked at in."""
SAME = 0.2
"""Mean squared difference of standardised columns (2 if independent) below which they tell nothing of an order."""
LEAST_PAIRS = 30
"""Pairs of neighbours without which nothing is said of smoothness."""
MOSTLY = 0.5
"""Share of zeros among the observed entries from which on zeros are a guess worth comparing with."""
UNITS_APART = 5.0
"""Ratio of the spreads of columns (the 90 % and the 10 % quantile) from which on they have units of their own."""
LEVELS_APART = 1.5
"""How far apart the means of columns lie, in median spreads, from which on they have units of their own: what shrinks
towards 0 would shrink these means, and make errors larger than those of the means themselves."""
MOST_TRAINED = 512 * 512
"""Entries above which a training takes minutes a run."""
MOST_COMPARED = 2_000_000_000
"""Rows squared times columns above which comparing rows takes a quarter of a minute."""
LONGEST_SHORT_SIDE = 2000
"""Length of the shorter side above which decompositions take minutes."""
MOST_COLUMNS = 500
"""Columns above which a covariance matrix of columns is too much."""
MOST_ENTRIES = 20_000_000
"""Entries above which only means are quick."""
MOST_GROWN = 50_000
"""Entries above which random trees for each column, five times over, take minutes."""
MOST_GROWN_COLUMNS = 20
"""The same of columns."""
MOST_REGRESSED = 1_000_000
"""Entries above which a regression for each column, ten times over, takes minutes."""


@dataclass(frozen=True)
class Suitability:
    """What suits some data.

    Attributes
    ----------
    kind : {"picture", "interactions", "matrix", "table"}
        A picture has neighbours that are alike; interactions are 0 or 1; the columns of a matrix have one unit, those
        of a table units of their own.
    methods : tuple of str
        In the order of the registry, peers last.
    left_out : dict
        The other methods, each with the reason.
    """

    kind: Nature
    methods: tuple[str, ...]
    left_out: dict[str, str]


def suitable(observed: ArrayLike, mask: ArrayLike | None = None) -> list[str]:
    """Return the registered methods that suit the data, see [`suitability`][matmend.methods.suitability].

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(30, 4)) * [1, 10, 100, 1000]
    >>> "patches" in suitable(X, np.arange(120).reshape(30, 4) % 7 > 0)
    False
    """
    return list(suitability(observed, mask).methods)


def suitability(observed: ArrayLike, mask: ArrayLike | None = None, *, with_peers: bool = False) -> Suitability:
    """Tell what kind of data an array is, which methods suit it, and why the others do not.

    Parameters
    ----------
    observed, mask
        As in [`complete_with`][matmend.methods.complete_with].
    with_peers : bool, default False
        Whether methods of other packages are told of as well ([`runnable_peers`][matmend.methods.runnable_peers]).

    Returns
    -------
    Suitability

    Raises
    ------
    ValueError
        If the array or mask cannot be used; the message says why.

    Notes
    -----
    A matrix counts as a picture if the mean squared difference of observed neighbours is less than half of that of
    entries far apart, both down the columns (rows one apart against rows drawn at random) and along the rows, as it is
    and, unless all columns then are the same, with standardised columns. A table sorted by a column, time series and
    spectra are smooth one way only.

    Examples
    --------
    >>> y, x = np.indices((16, 16))
    >>> found = suitability(np.sin(x / 3) * np.cos(y / 4), (x + y) % 5 > 0)
    >>> found.kind, "patches" in found.methods
    ('picture', True)
    """
    from matmend.methods import registry  # it is made where this function is exported

    array, seen = checked(observed, mask)
    kind = kind_of(array, seen)
    names = [*registry, *(runnable_peers() if with_peers else ())]
    left_out = {name: reason for name in names if (reason := _against(name, kind, array, seen))}
    return Suitability(kind, tuple(name for name in names if name not in left_out), left_out)


def kind_of(array: Floats, seen: Bools) -> Nature:
    """Tell what kind of data an array is, see [`Suitability`][matmend.methods.Suitability].

    Examples
    --------
    >>> kind_of(np.random.default_rng(0).integers(2, size=(9, 9)).astype(float), np.ones((9, 9), bool))
    'interactions'
    """
    if array.ndim == 3 or is_smooth(array, seen):
        return "picture"
    if is_binary(array[seen]):
        return "interactions"
    return "table" if has_units(array, seen) else "matrix"


def is_binary(known: Floats) -> bool:
    """Tell whether values are 0 and 1, both.

    Examples
    --------
    >>> is_binary(np.array([0.0, 1.0, 1.0])), is_binary(np.array([0.0, 2.0]))
    (True, False)
    """
    ones = known == 1
    return bool((ones | (known == 0)).all() and ones.any() and not ones.all())


def is_smooth(array: Floats, seen: Bools) -> bool:
    """Tell whether neighbours are much more alike than entries far apart, in both directions.

    Examples
    --------
    >>> y, x = np.indices((16, 16))
    >>> is_smooth(np.hypot(x, y), x >= 0), is_smooth((x * 7 + y * 5) % 11.0, x >= 0)
    (True, False)
    """
    top, left = (max(0, size - WINDOW) // 2 for size in seen.shape)
    array, seen = array[top : top + WINDOW, left : left + WINDOW], seen[top : top + WINDOW, left : left + WINDOW]
    if min(seen.shape) < 2:
        return False
    # One column of large numbers would decide alone, and among few columns many are no neighbours of it.
    scaled = ((array - column_mean(array, seen)) / column_spread(array, seen)).T
    return all(
        (share := _roughness(known, there, same)) is not None and share < SMOOTH
        for known, there, same in ((array, seen, 0.0), (array.T, seen.T, 0.0), (scaled, seen.T, SAME))
    )


def has_units(array: Floats, seen: Bools) -> bool:
    """Tell whether the columns of a matrix have units of their own: spreads that differ widely, or levels.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(50, 8))
    >>> has_units(X, X < 9), has_units(X * 10.0 ** np.arange(8), X < 9), has_units(X + 100 * np.arange(8), X < 9)
    (False, True, True)
    """
    spread, mean = column_spread(array, seen), column_mean(array, seen)
    low, high = np.quantile(spread, (0.1, 0.9))
    return bool(high > UNITS_APART * low or mean.std() > LEVELS_APART * np.median(spread))


def _roughness(array: Floats, seen: Bools, same: float) -> float | None:
    """Compare rows one apart with rows at random: 0 if all are the same, None where there is too little to compare."""
    near = _difference(array, seen, np.roll(np.arange(len(array)), 1), skip=1)
    order = np.random.default_rng(0).permutation(len(array))
    far = _difference(array, seen, order, skip=0)
    if near is None or not far:
        return None
    return 0.0 if far < same else near / far


def _difference(array: Floats, seen: Bools, other: NDArray[np.intp], *, skip: int) -> float | None:
    both = (seen & seen[other])[skip:] & (other != np.arange(len(array)))[skip:, None]
    if both.sum() < LEAST_PAIRS:
        return None
    return float(np.mean(np.square((array - array[other])[skip:][both], dtype=np.float64)))


def _against(name: str, kind: Nature, array: Floats, seen: Bools) -> str | None:
    """Return what speaks against a method, None if nothing does."""
    (m, n), c = array.shape[:2], 1 if array.ndim == 2 else array.shape[2]
    if name in OF_OPENCV and not has_opencv():
        return 'needs OpenCV: pip install "matmend[images]"'
    if name in OF_PICTURES and kind != "picture":
        return "is for pictures, and neighbouring entries are not alike here"
    if name == "zeros" and np.mean(array[seen] == 0) < MOSTLY:
        return "is no guess: most observed values are not zero"
    if name == "dmf_de":
        return "is meant for given graphs of rows and columns"
    if name in ("mean", "zeros", "sklearn_simple", *OF_PICTURES - TRAINED):
        return None
    if m * n * c > MOST_ENTRIES:
        return f"takes long: there are {m * n * c:,} entries"
    if name in TRAINED:
        if kind == "table":
            return "takes minutes to train, and compares entries of one unit"
        return f"takes minutes to train on {m} x {n}" if m * n * c > MOST_TRAINED else None
    if name == "sklearn_trees" and (m * n * c > MOST_GROWN or n * c > MOST_GROWN_COLUMNS):
        return f"takes minutes on {m * n * c:,} entries in {n * c:,} columns"
    if name in ("sklearn_iterative", "sklearn_trees"):
        return f"takes minutes on {n * c:,} columns" if m * n * c > MOST_REGRESSED or n * c > MOST_COLUMNS else None
    if name in ("knn", "sklearn_knn"):
        return f"takes long to compare {m:,} rows" if m * m * n * c > MOST_COMPARED else None
    if name == "gaussian":
        if kind == "picture" or n * c > MOST_COLUMNS:
            return f"needs the covariances of {n * c:,} columns"
        return None
    return f"takes long: the shorter side has {min(m, n * c):,} entries" if min(m, n * c) > LONGEST_SHORT_SIDE else None
