"""How far a completed matrix or image is from the truth: real arrays of any dtype in, a Python float out."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["auc", "aupr", "mae", "nmae", "psnr", "rmse", "ssim"]


def nmae(X_hat: ArrayLike, X_true: ArrayLike, mask: ArrayLike) -> float:
    r"""Normalised mean absolute error over the unobserved entries, the error of the AIR-Net paper.

    .. math:: \frac{1}{|\bar\Omega|} \sum_{(i,j) \in \bar\Omega}
              \frac{|\hat X_{ij} - X^*_{ij}|}{\max X^* - \min X^*}, \quad \bar\Omega = \{\mathrm{mask} = 0\}

    Parameters
    ----------
    X_hat, X_true : array, shape (m, n) or (h, w, c)
        Estimate and truth. Only unobserved entries of `X_hat` count; the range is that of the whole of `X_true`.
    mask : bool array, shape (m, n)
        True = observed. For (h, w, c) arrays either (h, w), one mask for all channels, or (h, w, c).

    Returns
    -------
    float
        At least 0, which is a perfect completion.

    Raises
    ------
    ValueError
        If shapes differ, the mask is not boolean or True everywhere, `X_true` is constant, or a value is not finite.

    Notes
    -----
    As in the authors' code, minimum and maximum run over the full true matrix, observed or not, and `X_hat` is not
    clipped. The paper does not treat colour; one range for all channels is this package's choice.

    References
    ----------
    Li, Sun, Wang, Wang, "Adaptive and Implicit Regularization for Matrix Completion", arXiv:2110.07557, section 4.2.

    Examples
    --------
    >>> nmae([[1.0, 2.0], [3.0, 4.0]], [[1.0, 2.0], [3.0, 5.0]], [[True, True], [True, False]])
    0.25
    """
    truth = _pair(X_hat, X_true)[1]
    unobserved = ~_selection(mask, truth.shape, "mask")
    if not unobserved.any():
        raise ValueError("mask: expected an unobserved entry (False), got none; hide some, or use mae for all entries.")
    _require_finite(X_true=truth)
    spread = float(truth.max() - truth.min())
    if spread == 0:
        raise ValueError(f"X_true: expected two different values, got {truth.flat[0]:g} everywhere; use mae instead.")
    return mae(X_hat, X_true, unobserved) / spread


def mae(X_hat: ArrayLike, X_true: ArrayLike, where: ArrayLike | None = None) -> float:
    r"""Mean absolute error, :math:`\frac{1}{|S|} \sum_{S} |\hat X_{ij} - X^*_{ij}|`.

    Parameters
    ----------
    X_hat, X_true : array, equal shapes
        Estimate and truth. Entries outside `where` are never looked at, so an unknown truth may be NaN there.
    where : bool array, optional
        The set S, of the shape of `X_true` or (h, w) for (h, w, c); None = all, ``~mask`` = the unobserved entries.

    Returns
    -------
    float
        At least 0, in the unit of the values.

    Raises
    ------
    ValueError
        If shapes differ, `where` is not boolean or selects nothing, or a selected value is not finite.

    References
    ----------
    arXiv:2110.07557, section 4.2: the numerator of :func:`nmae`.

    Examples
    --------
    >>> mae([1.0, 2.0, 3.0], [1.0, 4.0, float("nan")], where=[True, True, False])
    1.0
    """
    return float(np.mean(np.abs(_error(X_hat, X_true, where))))


def rmse(X_hat: ArrayLike, X_true: ArrayLike, where: ArrayLike | None = None) -> float:
    r"""Root mean squared error, :math:`\sqrt{\frac{1}{|S|} \sum_{S} (\hat X_{ij} - X^*_{ij})^2}`.

    Parameters
    ----------
    X_hat, X_true, where
        As in :func:`mae`.

    Returns
    -------
    float
        At least :func:`mae` of the same entries, in the unit of the values.

    Raises
    ------
    ValueError
        As :func:`mae`.

    References
    ----------
    Koren, Bell, Volinsky, "Matrix factorization techniques for recommender systems", doi:10.1109/MC.2009.263.

    Examples
    --------
    >>> rmse([0.0, 0.0], [3.0, -3.0])
    3.0
    """
    return math.sqrt(float(np.mean(_error(X_hat, X_true, where) ** 2)))


def psnr(X_hat: ArrayLike, X_true: ArrayLike, *, data_range: float = 1.0) -> float:
    r"""Peak signal-to-noise ratio in dB over the whole image, :math:`10 \log_{10}(R^2 / \mathrm{MSE})`.

    Parameters
    ----------
    X_hat, X_true : array, equal shapes
        Estimate and truth, for instance (h, w) or (h, w, c).
    data_range : float, > 0
        R, the width of the range a value can take: 1 for images in [0, 1], 255 for 8 bit images.

    Returns
    -------
    float
        Larger is better; ``inf`` for equal arrays.

    Raises
    ------
    ValueError
        If shapes differ, a value is not finite, or `data_range` is not a positive number.

    Notes
    -----
    Observed entries count too, as in the authors' later work (AIR-Net itself reports no PSNR); for the missing ones
    alone use ``20 * log10(R / rmse(X_hat, X_true, where=~mask))``. Nothing is clipped.

    References
    ----------
    Huynh-Thu, Ghanbari, "Scope of validity of PSNR in image/video quality assessment", doi:10.1049/el:20080522.

    Examples
    --------
    >>> round(psnr([[0.1, 0.1]], [[0.0, 0.2]]), 6), psnr([[0.5]], [[0.5]])
    (20.0, inf)
    """
    peak = _check_data_range(data_range)
    error = rmse(X_hat, X_true)
    return math.inf if error == 0 else 20 * (math.log10(peak) - math.log10(error))


def ssim(X_hat: ArrayLike, X_true: ArrayLike, *, data_range: float = 1.0) -> float:
    r"""Mean structural similarity of two gray or colour images, over window positions and channels.

    .. math:: \frac{(2\mu_x\mu_y + c_1)(2\sigma_{xy} + c_2)} {(\mu_x^2 + \mu_y^2 + c_1)(\sigma_x^2 + \sigma_y^2 + c_2)},
              \quad c_1 = (0.01 R)^2,\; c_2 = (0.03 R)^2

    Parameters
    ----------
    X_hat, X_true : array, shape (h, w) or (h, w, c), h and w at least 7
        Estimate and truth; the last axis of a three-dimensional array is colour.
    data_range : float, > 0
        R, as in :func:`psnr`.

    Returns
    -------
    float
        In [-1, 1]; 1 for equal images.

    Raises
    ------
    ValueError
        If shapes differ or are not those of an image, a value is not finite, or `data_range` is not positive.

    Notes
    -----
    Computed by scikit-image with its default window, a uniform 7 x 7 square with sample covariance. The original
    paper has an 11 x 11 Gaussian window of width 1.5, so its values differ a little.

    References
    ----------
    Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment", doi:10.1109/TIP.2003.819861.

    Examples
    --------
    >>> image = [[i * j / 64 for j in range(8)] for i in range(8)]
    >>> round(ssim(image, image), 6)
    1.0
    """
    from skimage.metrics import structural_similarity  # here: it costs half a second, and the other metrics need none

    peak = _check_data_range(data_range)
    estimate, truth = _pair(X_hat, X_true)
    if truth.ndim not in (2, 3) or min(truth.shape[:2]) < 7:
        raise ValueError(f"expected images (h, w) or (h, w, c), h, w >= 7, got {truth.shape}; enlarge, or use psnr.")
    _require_finite(X_hat=estimate, X_true=truth)
    channel_axis = -1 if truth.ndim == 3 else None
    bands = [slice(top, top + 1030) for top in range(0, len(truth) - 6, 1024)]  # a large one whole takes gigabytes
    means = [structural_similarity(estimate[b], truth[b], data_range=peak, channel_axis=channel_axis) for b in bands]
    return float(np.average(means, weights=[len(truth[b]) - 6 for b in bands]))


def auc(score: ArrayLike, truth: ArrayLike, where: ArrayLike | None = None) -> float:
    """Area under the ROC curve: how often a positive entry scores higher than a negative one, ties counting half.

    Parameters
    ----------
    score, truth : array, equal shapes
        Scores, larger = rather positive, and the truth, 1 (or True) = positive, 0 = negative.
    where : bool array, optional
        The entries that count, as in :func:`mae`; ``~mask`` = the unobserved ones.

    Returns
    -------
    float
        In [0, 1]; 1/2 for a constant score, 1 if all positive entries come before all negative ones.

    Raises
    ------
    ValueError
        As :func:`mae`, or if a selected truth is neither 0 nor 1, or all are equal.

    References
    ----------
    Hanley, McNeil, "The meaning and use of the area under a ROC curve", doi:10.1148/radiology.143.1.7063747.

    Examples
    --------
    >>> auc([0.1, 0.4, 0.4, 0.8], [0, 0, 1, 1])
    0.875
    """
    hits, misses = _found(score, truth, where)
    if misses[-1] == 0:
        raise ValueError("truth: expected a negative entry (0) where it counts, got none; use aupr, or select more.")
    heights = (hits + np.concatenate([[0], hits[:-1]])) / 2
    return float(np.sum(np.diff(misses, prepend=0) * heights) / (hits[-1] * misses[-1]))


def aupr(score: ArrayLike, truth: ArrayLike, where: ArrayLike | None = None) -> float:
    r"""Area under the precision-recall curve as average precision, :math:`\sum_k (R_k - R_{k-1}) P_k`.

    Precision P_k and recall R_k are those of all entries that score at least the k-th largest different score.

    Parameters
    ----------
    score, truth, where
        As in :func:`auc`.

    Returns
    -------
    float
        In (0, 1]; the share of positive entries for a constant score.

    Raises
    ------
    ValueError
        As :func:`auc`, except that no negative entry is needed.

    Notes
    -----
    As in scikit-learn; the area under straight lines between the points (trapezoids) is too optimistic.

    References
    ----------
    Davis, Goadrich, "The relationship between precision-recall and ROC curves", doi:10.1145/1143844.1143874.

    Examples
    --------
    >>> round(aupr([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]), 4)
    0.8333
    """
    hits, misses = _found(score, truth, where)
    return float(np.sum(np.diff(hits, prepend=0) * (hits / (hits + misses))) / hits[-1])


def _pair(
    X_hat: ArrayLike, X_true: ArrayLike, names: tuple[str, str] = ("X_hat", "X_true")
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    estimate, truth = np.asarray(X_hat), np.asarray(X_true)
    for name, array in zip(names, (estimate, truth), strict=True):
        if array.dtype.kind not in "biuf":
            raise ValueError(f"{name}: expected real numbers, got dtype {array.dtype}; convert to float first.")
    if estimate.shape != truth.shape or truth.size == 0:
        both, shapes = " and ".join(names), f"{estimate.shape} and {truth.shape}"
        raise ValueError(f"expected {both} of one non-empty shape, got {shapes}; reshape one to the other.")
    return estimate.astype(np.float64), truth.astype(np.float64)


def _selection(where: ArrayLike, shape: tuple[int, ...], name: str) -> NDArray[np.bool_]:
    """Bring a boolean selection to `shape`; (h, w) serves every channel of (h, w, c)."""
    chosen = np.asarray(where)
    if chosen.dtype != np.bool_:
        raise ValueError(f"{name}: expected booleans, got dtype {chosen.dtype}; pass {name}.astype(bool) if 1 is True.")
    if chosen.shape != shape and not (len(shape) == 3 and chosen.shape == shape[:2]):
        allowed = f"{shape} or {shape[:2]}" if len(shape) == 3 else f"{shape}"
        raise ValueError(f"{name}: expected shape {allowed} as X_true, got {chosen.shape}; pass a matching {name}.")
    return np.broadcast_to(chosen if chosen.shape == shape else chosen[:, :, None], shape)


def _error(X_hat: ArrayLike, X_true: ArrayLike, where: ArrayLike | None) -> NDArray[np.float64]:
    estimate, truth = _chosen(X_hat, X_true, where)
    return estimate - truth


def _chosen(
    X_hat: ArrayLike, X_true: ArrayLike, where: ArrayLike | None, names: tuple[str, str] = ("X_hat", "X_true")
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Flatten the entries that count, which must be finite."""
    estimate, truth = _pair(X_hat, X_true, names)
    chosen = np.ones(truth.shape, dtype=bool) if where is None else _selection(where, truth.shape, "where")
    if not chosen.any():
        raise ValueError("where: expected at least one True entry, got none; select some entries to compare.")
    estimate, truth = estimate[chosen], truth[chosen]
    _require_finite(**dict(zip(names, (estimate, truth), strict=True)))
    return estimate, truth


def _found(score: ArrayLike, truth: ArrayLike, where: ArrayLike | None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count the positive and negative entries that score at least c, for each different score c, largest first."""
    scores, labels = _chosen(score, truth, where, ("score", "truth"))
    if not np.isin(labels, (0, 1)).all():
        raise ValueError("truth: expected 0 and 1 where it counts, got other numbers; threshold it, as truth > 3.")
    if not labels.any():
        raise ValueError("truth: expected a positive entry (1) where it counts, got none; select more entries.")
    order = np.argsort(-scores, kind="stable")
    scores, labels = scores[order], labels[order].astype(np.int64)
    last = np.flatnonzero(np.append(scores[1:] != scores[:-1], True))  # the last entry of each tie
    hits = np.cumsum(labels)[last]
    return hits, last + 1 - hits


def _require_finite(**arrays: NDArray[np.float64]) -> None:
    for name, values in arrays.items():
        if num_bad := np.count_nonzero(~np.isfinite(values)):
            got = f"{num_bad} NaN or infinite of {values.size}"
            raise ValueError(f"{name}: expected finite values where they count, got {got}; did the fit diverge?")


def _check_data_range(data_range: float) -> float:
    if math.isfinite(data_range) and data_range > 0:
        return float(data_range)
    raise ValueError(f"data_range: expected a number > 0, got {data_range!r}; 1 for [0, 1], 255 for 8 bit.")
