"""Which of the observed entries to set aside, to see how far a completion is from what it was not shown."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from skimage.measure import label

MOST_COPIES = 1000
"""Copies of a missing pattern that are laid over the observed entries at most; what is still asked for is random."""
SCATTERED = 0.2
"""Excess of missing neighbours of the missing entries, 0 at random and 1 in a hole, below which these are scattered."""


def holdout_split(mask: ArrayLike, fraction: float, *, seed: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Split the observed entries into some to fit and some to check, without emptying a row or column.

    ``train | heldout == mask``, ``train & heldout == 0``, ``heldout.sum() <= max(1, round(fraction * mask.sum()))``.

    Parameters
    ----------
    mask : bool array, shape (m, n)
        True = observed.
    fraction : float in (0, 1)
        Share of the observed entries to hold out.
    seed : int
        Seed of `numpy.random.default_rng`.

    Returns
    -------
    train, heldout : bool arrays, shape (m, n)
        Fit with ``mask=train``; score with ``mae(X_hat, X, where=heldout)``.

    Raises
    ------
    ValueError
        If `mask` is not a boolean matrix, `fraction` is out of range, or not one entry can be held out because each is
        the only one of its row or column.

    Notes
    -----
    Entries are visited in random order and held out unless their row or column would become empty. `heldout` is smaller
    than asked for only where no further entry could join it: look at ``heldout.sum()`` if rows are nearly empty. Not in
    the AIR-Net paper, which stops after a fixed number of steps.

    References
    ----------
    Stone, "Cross-validatory choice and assessment of statistical predictions", doi:10.1111/j.2517-6161.1974.tb00994.x.

    Examples
    --------
    >>> train, heldout = holdout_split(np.ones((4, 5), dtype=bool), 0.25, seed=0)
    >>> int(train.sum()), int(heldout.sum()), bool((train & heldout).any())
    (15, 5, False)
    """
    observed = _checked(mask, fraction)
    rows, cols = np.nonzero(observed)
    order = np.random.default_rng(seed).permutation(rows.size)
    rows, cols = rows[order], cols[order]
    num_asked = max(1, round(fraction * rows.size))

    # Keep the entry visited last in each row and column: then all others may go.
    last_in_row, last_in_col = (np.empty(size, dtype=np.int64) for size in observed.shape)
    last_in_row[rows] = last_in_col[cols] = np.arange(rows.size)  # of equal indices the last one counts
    is_last = np.zeros(rows.size, dtype=bool)
    is_last[last_in_row[rows]] = is_last[last_in_col[cols]] = True
    chosen = np.flatnonzero(~is_last)[:num_asked].tolist()

    # If these are too few, some rows and columns can still spare one of those kept.
    row_left = np.bincount(np.delete(rows, chosen), minlength=observed.shape[0])
    col_left = np.bincount(np.delete(cols, chosen), minlength=observed.shape[1])
    for entry in np.flatnonzero(is_last):
        if len(chosen) < num_asked and row_left[rows[entry]] > 1 and col_left[cols[entry]] > 1:
            chosen.append(entry)
            row_left[rows[entry]] -= 1
            col_left[cols[entry]] -= 1
    if not chosen:
        got = f"{rows.size} observed entries in {observed.shape}, all needed"
        raise ValueError(f"mask: expected an entry whose row and column have others, got {got}; hold out nothing.")
    heldout = np.zeros_like(observed)
    heldout[rows[chosen], cols[chosen]] = True
    return observed & ~heldout, heldout


def matched_holdout(seen: ArrayLike, fraction: float, *, seed: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Hold observed entries out in the shape of those that are missing: scattered ones scattered, holes as holes.

    The missing entries, mirrored and shifted round at random, are laid over the observed ones, once or several times,
    and hide what they meet: ``heldout = mask & ~shifted(mask)``. ``train | heldout == mask``, ``train & heldout == 0``.

    Parameters
    ----------
    seen : bool array, shape (m, n)
        True = observed.
    fraction : float in (0, 1)
        Share of the observed entries to hold out.
    seed : int
        Seed of `numpy.random.default_rng`.

    Returns
    -------
    train, heldout : bool arrays, shape (m, n)
        Fit with ``mask=train``; score with ``mae(X_hat, X, where=heldout)``. ``heldout.sum()`` is the share asked for,
        rounded, at least 1, and at most all but one.

    Raises
    ------
    ValueError
        If `seen` is not a boolean matrix, `fraction` is out of range, or fewer than two entries are observed.

    Notes
    -----
    The error on single held-out entries says nothing about the middle of a hole: their neighbours are all there. Held
    out in the shape of what is missing, they lie as far from what is known as the missing ones do, about.

    If the last copy meets more than is asked for, its connected pieces are taken in random order, and of the piece that
    is too large the entries nearest to one of them, so that it is a hole still. A hole larger than all that may be held
    out is thus tried as a smaller one, and copies may touch what is missing and each other. Where the missing entries
    are scattered, single entries are taken: whole clusters of observed entries would be harder than what is missing.
    Scattered means ``(P(neighbour missing | missing) - P(missing)) / P(observed) < 0.2`` for neighbours in a row, a
    column and both diagonals.

    A pattern of very few entries would take many copies: after 1000 the rest is drawn at random, as is all of it if
    nothing is missing. Rows and columns may become empty, as they do where whole ones are missing;
    [`holdout_split`][matmend.masks.holdout_split] keeps them. Not in the AIR-Net paper.

    References
    ----------
    Roberts et al., "Cross-validation strategies for data with temporal, spatial, hierarchical, or phylogenetic
    structure", doi:10.1111/ecog.02881, on why held-out data must be as far from the rest as what is predicted.

    Examples
    --------
    >>> mask = np.ones((8, 8), dtype=bool)
    >>> mask[1:3, 1:3] = False
    >>> train, heldout = matched_holdout(mask, 0.066, seed=1)
    >>> (mask.astype(int) + train)[1:7]  # 0 missing, 1 held out, 2 left to train on
    array([[2, 0, 0, 2, 2, 2, 2, 2],
           [2, 0, 0, 2, 2, 2, 2, 2],
           [2, 2, 2, 2, 2, 2, 2, 2],
           [2, 2, 2, 2, 2, 2, 2, 2],
           [2, 2, 2, 2, 2, 2, 1, 1],
           [2, 2, 2, 2, 2, 2, 1, 1]])
    """
    observed = _checked(seen, fraction)
    num_observed = int(observed.sum())
    if num_observed < 2:
        raise ValueError(f"seen: expected two observed entries or more, got {num_observed}; hold out nothing.")
    num_asked = min(max(1, round(fraction * num_observed)), num_observed - 1)
    rng = np.random.default_rng(seed)
    missing = np.argwhere(~observed)
    heldout = np.zeros_like(observed)
    num_held = 0
    for _ in range(MOST_COPIES if missing.size else 0):
        copy = np.where(rng.random(2) < 0.5, missing, -1 - missing) + [rng.integers(size) for size in observed.shape]
        rows, cols = copy.T % np.array(observed.shape)[:, None]
        is_met = observed[rows, cols] & ~heldout[rows, cols]
        rows, cols = rows[is_met], cols[is_met]
        if num_held + rows.size >= num_asked:
            met = np.zeros_like(observed)
            if _is_scattered(observed):
                chosen = rng.permutation(rows.size)[: num_asked - num_held]
                met[rows[chosen], cols[chosen]] = True
            else:
                met[rows, cols] = True
                met = _pieces(met, num_asked - num_held, rng)
            return _without(observed, heldout | met)
        heldout[rows, cols] = True
        num_held += rows.size
    left = np.flatnonzero(observed & ~heldout)
    heldout.flat[rng.choice(left, size=num_asked - num_held, replace=False)] = True
    return _without(observed, heldout)


def _is_scattered(observed: NDArray[np.bool_]) -> bool:
    missing, share = ~observed, 1 - observed.mean()
    for rows, cols in ((0, 1), (1, 0), (1, 1), (1, -1)):
        ahead = missing[rows:, max(cols, 0) : missing.shape[1] + min(cols, 0)]
        behind = missing[: missing.shape[0] - rows, max(-cols, 0) : missing.shape[1] - max(cols, 0)]
        if behind.any() and ahead[behind].mean() - share >= SCATTERED * (1 - share):
            return False
    return True


def _pieces(met: NDArray[np.bool_], num_asked: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Take connected pieces at random until they have so many entries; the last one is cut, but keeps together."""
    pieces = np.asarray(label(met, connectivity=2))
    num_pieces, sizes = int(pieces.max()), np.bincount(pieces.ravel())
    order = 1 + rng.permutation(num_pieces)
    ends = np.cumsum(sizes[order])
    num_whole = int(np.searchsorted(ends, num_asked, side="right"))
    taken = np.isin(pieces, order[:num_whole])
    num_left = num_asked - (int(ends[num_whole - 1]) if num_whole else 0)
    if num_left > 0:
        entries = np.argwhere(pieces == order[num_whole])
        distances = np.sum((entries - entries[rng.integers(len(entries))]) ** 2, axis=1)
        taken[tuple(entries[np.argsort(distances, kind="stable")[:num_left]].T)] = True
    return taken


def _without(observed: NDArray[np.bool_], heldout: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    return observed & ~heldout, heldout


def _checked(mask: ArrayLike, fraction: float) -> NDArray[np.bool_]:
    observed = np.asarray(mask)
    if observed.dtype != np.bool_ or observed.ndim != 2:
        got = f"dtype {observed.dtype} and shape {observed.shape}"
        raise ValueError(f"mask: expected booleans (m, n), got {got}; pass mask.astype(bool) if 1 means observed.")
    if not 0 < fraction < 1:
        raise ValueError(f"fraction: expected a share in (0, 1), got {fraction!r}; 0.1 holds out every tenth entry.")
    return observed
