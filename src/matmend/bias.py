"""What training from a small initialization will lead to, said before training."""

import enum
import math
import warnings
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy.sparse.linalg import svds
from scipy.special import gammaincinv

from matmend.graph import MaskClass, ObservationGraph, spectral_gap

OptimizerName = Literal["gradient_flow", "gradient_descent", "momentum", "adam"]
"""What the factors are trained by; plain descent and momentum follow the gradient flow, Adam does not."""

LARGE_TAIL = 1e-3
"""Rank tail, relative to the largest singular value, from which on it counts as rank."""
MOST_DENSE = 1_000_000
"""Entries up to which all singular values are computed; of larger matrices only the first."""
WEAK_GAP = 0.1
"""Spectral gap below which parts that hang together are still learned as if they did not."""
MOST_ENTRIES = 2_000_000
"""Observed entries up to which the spectral gap is looked at: beyond, it takes seconds."""


class Bias(enum.Enum):
    """Which completion a factorization from a small initialization tends to; the values are plain words."""

    MINIMUM_NUCLEAR_NORM = "minimum nuclear norm"
    LOW_RANK = "low rank"
    NEITHER = "neither"


@dataclass(frozen=True)
class BiasPrediction:
    """What to expect of a training, and what makes the expectation void.

    Attributes
    ----------
    bias : Bias
    reason : str
        In one or two sentences.
    rank_tail : float
        Order of magnitude, relative to the largest singular value if values were given, of the singular values that the
        data do not ask for: ``init_scale ** depth``. Larger where training is slow.
    escape_times : tuple of float or None
        When singular values will have grown to half their size, in time of the gradient flow of ``1/2 sum (X - M)^2``
        (steps times learning rate): every one of complete components, the first of others, whose later ones depend on
        what is filled in. Of more than a million entries only the very first. None without values, or if the depth is
        not 2.
    warnings : tuple of str
        What voids the theory or the training, in sentences.
    """

    bias: Bias
    reason: str
    rank_tail: float
    escape_times: tuple[float, ...] | None
    warnings: tuple[str, ...]


def predict_bias(
    mask: ArrayLike | ObservationGraph,
    shape: tuple[int, int] | None = None,
    depth: int = 2,
    init_scale: float = 1e-3,
    optimizer: OptimizerName = "gradient_flow",
    *,
    values: ArrayLike | None = None,
    width: int | None = None,
    learning_rate: float | None = None,
    max_steps: int | None = None,
    weight_decay: float = 0.0,
    dtype: str = "float64",
) -> BiasPrediction:
    """Predict what a factorization of depth L, trained from a small initialization, makes of the missing entries.

    Parameters
    ----------
    mask : bool array of shape (m, n), or ObservationGraph
        True where observed.
    shape : (m, n), optional
        Only checked; a mask has one.
    depth : int, default 2
        Number L of factors.
    init_scale : float, default 1e-3
        Standard deviation of the entries of each factor at the start.
    optimizer : "gradient_flow", "gradient_descent", "momentum" or "adam"
    values : array of shape (m, n), or (e,) in the order of ``graph.rows, graph.cols``; optional
        What was observed: gives escape times and weak bridges. Unobserved entries may hold anything.
    width : int, optional
        Inner size; ``min(m, n)`` by default.
    learning_rate, max_steps : float, int, optional
        Of gradient descent on ``1/2 sum (X - M)^2``; for a mean of squares over e entries the rate is ``2 / e`` times
        as large as it looks. With both, a budget that ends before the last escape is told.
    weight_decay : float, default 0.0
    dtype : str, default "float64"
        In which the training is done.

    Returns
    -------
    BiasPrediction

    Raises
    ------
    ValueError
        If the mask is no bool matrix or empty, a shape does not fit, or a number is out of range.

    Notes
    -----
    None of this is quoted from Bai, Zhao & Zhang, whose full text was not at hand; their abstract states the
    phenomenon.

    * Depth 2, every component of the observation graph complete: of minimum nuclear norm, the sum of the norms of the
      blocks. Derived here: the flow conserves ``A' A - B B'`` (Arora et al. 2018), so small factors stay balanced, and
      balanced blocks have ``||W||_* = sum_p ||W_p||_*``, while pinching to the blocks cannot raise a nuclear norm.
      Its rank is the sum of the blocks' ranks, where the least possible is the largest of them.
    * Depth 2, connected: ranks are climbed one by one (greedy low-rank learning, Li, Luo & Lyu 2021), so rank is low.
      It need not be least: some problems keep a slow valley, or have no least-rank completion at finite size, and
      parts that few entries connect are learned nearly as if nothing did (``experiments.connectivity.bigger``: so it
      is at spectral gaps below 0.1).
    * Depth 2, otherwise: components train independently, each greedily. Neither is minimal.
    * Depth 3 or more couples components (Shin & Yun 2026; ``experiments.connectivity.depth_and_bridges``): low rank.

    Rows and columns of which nothing is observed are left out of the class: their factors do not move (depth 2), so
    they stay near 0 and change neither rank nor norm.

    Escape times are ``log(2 sigma_k / (c_k init_scale^2)) / (2 sigma_k)``, sigma_k being the singular values of a
    component's observed matrix, 0 elsewhere, and c_k the median of a chi-squared variable of ``width + 1 - k`` degrees
    of freedom: the median over Gaussian starts, since the modes of a complete component follow logistic curves.

    References
    ----------
    Bai, Zhao & Zhang 2024, arXiv:2405.13721; Li, Luo & Lyu 2021, arXiv:2012.09839; Arora, Cohen & Hazan 2018,
    arXiv:1802.06509; Shin & Yun 2026 (ICLR).

    Examples
    --------
    >>> import numpy as np
    >>> predict_bias(np.eye(3, dtype=bool)).bias.value
    'minimum nuclear norm'
    >>> predict_bias(np.eye(3, dtype=bool), depth=3).bias.value
    'low rank'
    >>> prediction = predict_bias(np.ones((3, 3), bool), optimizer="adam", init_scale=1e-8)
    >>> prediction.warnings[0].split(":")[0]
    'Adam is not the gradient flow'
    """
    graph = mask if isinstance(mask, ObservationGraph) else ObservationGraph.from_mask(mask)
    if shape is not None and tuple(shape) != graph.shape:
        raise ValueError(f"shape: the mask has shape {graph.shape}, got {tuple(shape)}.")
    if graph.num_observed == 0:
        raise ValueError("The mask has no observed entry: nothing would be learned.")
    if depth != int(depth) or depth < 1:
        raise ValueError(f"depth: expected a whole number >= 1 of factors, got {depth!r}.")
    if not 0 < init_scale < math.inf:
        raise ValueError(f"init_scale: expected a standard deviation > 0, got {init_scale!r}.")
    if optimizer not in get_args(OptimizerName):
        raise ValueError(f"optimizer: expected one of {', '.join(get_args(OptimizerName))}, got {optimizer!r}.")
    width = min(graph.shape) if width is None else width
    spectra = None if values is None else _spectra(graph, _observed(graph, values))
    largest = None if spectra is None else float(max(s[0] for s in spectra))
    if largest == 0:
        raise ValueError("values: every observed value is 0; a factorization that starts near 0 is already done.")
    tail = float(init_scale) ** int(depth) / (largest or 1.0)
    times = _escape_times(spectra, largest, width, init_scale) if spectra and largest and depth == 2 else None
    bias, reason = _verdict(graph, int(depth))
    found = (
        *_of_training(optimizer, weight_decay, dtype, int(depth), init_scale, learning_rate, largest, tail),
        *_of_budget(times, learning_rate, max_steps),
        *_of_mask(graph, bias, int(depth)),
    )
    return BiasPrediction(bias, reason, tail, times, found)


def _verdict(graph: ObservationGraph, depth: int) -> tuple[Bias, str]:
    if depth == 1:
        return Bias.NEITHER, "One factor is the matrix itself: every missing entry keeps its initial value."
    kind = graph.kind(count_isolated=False)
    table = graph.components
    pieces = int(np.count_nonzero(~table.is_isolated))
    if kind is MaskClass.CONNECTED and table.is_complete.all():
        return Bias.MINIMUM_NUCLEAR_NORM, (
            "Everything is observed but for whole rows and columns, which stay near 0: of minimum rank as well."
        )
    if kind is MaskClass.CONNECTED:
        return Bias.LOW_RANK, (
            "The observed entries are connected: ranks are learned one after the other. The rank is low, "
            "though not in every case the least possible."
        )
    if depth > 2:
        return Bias.LOW_RANK, (
            f"The observed entries fall into {pieces} components, but {depth} factors couple them: a low rank, reached "
            "the better the smaller the initialization."
        )
    if kind is MaskClass.COMPLETE_BIPARTITE:
        return Bias.MINIMUM_NUCLEAR_NORM, (
            f"The observed entries fall into {pieces} complete blocks: their nuclear norms add up to the least that is "
            "possible. The ranks add up as well, so the rank is not the least; entries between blocks are arbitrary."
        )
    return Bias.NEITHER, (
        f"The observed entries fall into {pieces} components, not all of them complete: each is learned greedily by "
        "itself. The ranks add up; entries between components are arbitrary."
    )


def _observed(graph: ObservationGraph, values: ArrayLike) -> NDArray[np.float64]:
    given = np.asarray(values)
    if given.shape == graph.shape:
        given = given[graph.rows, graph.cols]
    elif given.shape != graph.rows.shape:
        raise ValueError(
            f"values: expected shape {graph.shape} or ({graph.num_observed},), one for each observed entry, got "
            f"{given.shape}."
        )
    if not np.isfinite(given).all():
        raise ValueError("values: an observed value is NaN or infinite; take it out of the mask.")
    return given.astype(np.float64)


def _spectra(graph: ObservationGraph, values: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Return of each component all singular values if it is complete, else the largest."""
    if graph.shape[0] * graph.shape[1] > MOST_DENSE:
        whole = sparse.csr_array((values, (graph.rows, graph.cols)), shape=graph.shape)
        start = np.ones(min(graph.shape))  # a fixed start: the same digits every time
        return [np.asarray(svds(whole, k=1, v0=start, return_singular_vectors=False))]
    dense = np.zeros(graph.shape)
    dense[graph.rows, graph.cols] = values
    table = graph.components
    spectra = []
    for p in np.flatnonzero(~table.is_isolated):
        block = dense[np.ix_(graph.row_labels == p, graph.col_labels == p)]
        sigma: NDArray[np.float64] = np.asarray(np.linalg.svd(block, compute_uv=False), dtype=np.float64)
        spectra.append(sigma if table.is_complete[p] else sigma[:1])
    return spectra


def _escape_times(
    spectra: list[NDArray[np.float64]], largest: float, width: int, init_scale: float
) -> tuple[float, ...] | None:
    # Along [u; v] / sqrt(2) the factors [A; B'] start as a Gaussian vector, and A B as half its square; of its `width`
    # entries k - 1 belong to directions that earlier modes have taken.
    times = []
    for spectrum in spectra:
        for sigma, free in zip(spectrum, range(width, 0, -1), strict=False):
            start = init_scale**2 * float(gammaincinv(free / 2, 0.5))  # half the median of chi-squared
            if sigma > max(LARGE_TAIL * largest, 4 * start):
                times.append(float(np.log(sigma / start) / (2 * sigma)))
    return tuple(sorted(times)) or None


def _of_training(
    optimizer: OptimizerName,
    weight_decay: float,
    dtype: str,
    depth: int,
    init_scale: float,
    learning_rate: float | None,
    largest: float | None,
    tail: float,
) -> list[str]:
    found = []
    if optimizer == "adam":
        found.append(
            "Adam is not the gradient flow: its steps do not keep the factors balanced, and leave a rank tail that no "
            "smaller initialization removes. Train by gradient descent, or give Adam a large eps."
        )
    if weight_decay > 0:
        found.append(
            "Weight decay adds a penalty of its own, for two factors the nuclear norm: the result is a shrunken fit, "
            "whatever the mask."
        )
    epsilon = float(np.finfo(np.dtype(dtype)).eps)
    if epsilon > 1e-10 and init_scale < 1e-3:
        found.append(
            f"{dtype} rounds to {epsilon:.0e}, and rounding errors grow like an initialization of that size: nuclear "
            "norms agree to about 1e-6 at best, and slow problems end at a higher rank. Use float64."
        )
    if init_scale < epsilon:
        found.append(f"init_scale is below the rounding of {dtype}, {epsilon:.0e}: smaller values change nothing.")
    if tail > LARGE_TAIL:
        found.append(
            f"The initialization is large: it leaves singular values of about {tail:.1g} of the largest, which count "
            f"as rank. Take init_scale = {(1e-2 * LARGE_TAIL * (largest or 1.0)) ** (1 / depth):.0e} or smaller."
        )
    if depth == 2 and learning_rate and largest and learning_rate >= 1 / largest:
        found.append(
            f"The learning rate {learning_rate:g} is not below 1 / sigma_1 = {1 / largest:.3g}: gradient descent "
            "diverges or swings, and the factors lose their balance."
        )
    return found


def _of_budget(times: tuple[float, ...] | None, learning_rate: float | None, max_steps: int | None) -> list[str]:
    if times is None or learning_rate is None or max_steps is None or learning_rate * max_steps >= times[-1]:
        return []
    end = learning_rate * max_steps
    return [
        f"The budget is too small: {max_steps:,} steps end at time {end:.3g}, before {sum(t > end for t in times)} of "
        f"{len(times)} singular values have grown; the last is due at about {times[-1]:.3g}. A loss that does not fall "
        "may be a plateau."
    ]


def _of_mask(graph: ObservationGraph, bias: Bias, depth: int) -> list[str]:
    found = []
    if bias is Bias.LOW_RANK and (bridges := len(graph.cuts.bridge_rows)):
        entries = "One observed entry is" if bridges == 1 else f"{bridges:,} observed entries are"
        found.append(
            f"{entries} the only link between parts of the matrix: where such a value is small beside the others, its "
            "two sides are learned as if they were not connected."
        )
    if bias is Bias.LOW_RANK and depth == 2 and (gap := _gap(graph)) < WEAK_GAP:
        found.append(
            f"The observed entries hang together weakly (spectral gap {gap:.2g}): the parts are learned nearly as if "
            "they were not connected, and the rank stays higher than it need be. More entries between them help."
        )
    isolated = len(graph.isolated_rows) + len(graph.isolated_cols)
    if isolated == 1:
        found.append("One row or column has no observed entry: it stays where it starts, near 0.")
    elif isolated:
        found.append(f"{isolated:,} rows and columns have no observed entry: they stay where they start, near 0.")
    return found


def _gap(graph: ObservationGraph) -> float:
    if graph.num_observed > MOST_ENTRIES:
        return 1.0
    connected = int(np.flatnonzero(~graph.components.is_isolated)[0])
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", RuntimeWarning
        )  # not converged: what is returned is an upper bound, which will do
        return spectral_gap(graph, connected)
