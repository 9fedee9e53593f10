"""PNMC: a small convolutional network, trained on the picture itself, tells a pixel from the patch around it."""

import time
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import uniform_filter

from matmend.methods._patch_network import PatchNetwork, drawn, predicted, trained
from matmend.methods.completion import Completion, checked, finished

SIZES = range(9, 34, 2)
"""The sides of a patch among which the search draws."""
ENOUGH = 0.25
"""Share of its patch that must be known for a pixel to be filled, if there are such pixels."""
STAGES = 20
"""Most stages of filling; in the last one all is filled that is left."""


def complete(
    observed: ArrayLike,
    mask: ArrayLike | None = None,
    *,
    patch: int | None = 21,
    width: int = 32,
    steps: int = 1000,
    tries: int = 4,
    seed: int = 0,
) -> Completion:
    r"""Complete a picture by a network that tells a pixel from the patch around it.

    .. math:: \min_\theta \sum_{(i,j) \in \Omega} |f_\theta(P_{ij}) - X^*_{ij}|, \qquad \hat X_{ij} = f_\theta(P_{ij})

    with P the known pixels of the patch around (i, j) and the mask of which are known. What is missing is filled from
    the border of a hole inwards: first the pixels with enough known ones around them, then, these now being known, the
    next.

    Parameters
    ----------
    observed : array of shape (m, n), or (m, n, c) with channels
        A picture: rows and columns that lie side by side must have to do with each other.
    mask : bool array of shape (m, n), optional
        True where observed; by default where no channel is NaN.
    patch : odd int >= 5 or None, default 21
        Side of the patch. None searches: `tries` sizes from 9 to 33 are drawn at random, a network of each is trained
        for a quarter of the steps with part of the observed pixels hidden, and the one of least error on them is taken.
    width : int, default 32
        Features of a layer of the network.
    steps : int, default 1000
        Steps of Adam.
    tries : int, default 4
        Sizes that the search draws; without meaning if `patch` is given.
    seed : int, default 0
        Fixes start, training and search.

    Returns
    -------
    Completion
        ``X_hat`` has the observed values where observed; `record` has the loss at each step, in units of the data.
        With ``patch=None`` there is an ``expected_rmse``: the error of the chosen size's trial on the pixels hidden
        from it.

    Raises
    ------
    ValueError
        If the array, the mask or a setting cannot be used; the message says why.

    Notes
    -----
    There is no public code, and only the paper's summary was at hand: a convolutional network learns to predict a
    matrix element from those around it, and a fast stochastic search finds the size of the patch. All else was chosen
    here:

    * the network: dilated 3 x 3 convolutions with skips, as many as reach the border of the patch, of 32 features; its
      inputs are the values, each less the mean of what is known near it, and the mask; its output is added to a
      weighted mean of the patch;
    * what is trained on: observed pixels that are hidden as others are missing. Pieces of the missing pattern, flipped
      at random, are laid over pieces of the picture; in half of them, pixels are given back at random, since the
      pattern twice over leaves fewer pixels than there will be;
    * the absolute error, and Adam with 4 squares of 32 x 32 pixels a step, its rate falling from 2e-3 to 0;
    * holes: a pixel is filled when a quarter of its patch within the picture is known, or as much as the best has;
      after 20 stages all that is left is filled at once. Training knows the stages, but with true values in place of
      filled ones;
    * the search draws sizes without repeating, and hides pixels in the shape of the missing pattern, shifted at random,
      at most a fifth of those observed. The default is a fixed size, at a fraction of the time.

    The network computes in single precision whatever the data.

    References
    ----------
    Yang & Xu, "A novel patch-based nonlinear matrix completion algorithm for image analysis through convolutional
    neural network", Neurocomputing 389, 2020, 56-82, doi:10.1016/j.neucom.2020.01.037.

    Examples
    --------
    >>> import numpy as np
    >>> from matmend.datasets import load_sample
    >>> from matmend.masks import random_mask
    >>> X = load_sample("camera", size=32)
    >>> done = complete(X, random_mask(X.shape, 0.3, seed=0), patch=9, width=8, steps=100)
    >>> done.completed.shape, done.record["loss"].shape
    ((32, 32), (100,))
    """
    started = time.perf_counter()
    if patch is not None and (patch != int(patch) or patch < 5 or patch % 2 == 0):
        raise ValueError(
            f"patch: expected an odd number >= 5 or None, got {patch!r}; 21 is usual, None lets the data choose."
        )
    for name, value, least in (("width", width, 1), ("steps", steps, 0), ("tries", tries, 1)):
        if value != int(value) or value < least:
            raise ValueError(f"{name}: expected a whole number >= {least}, got {value!r}.")
    array, seen = checked(observed, mask)
    expected = None
    if patch is None:
        patch, expected = _searched(array, seen, width=width, steps=steps // 4, tries=tries, seed=seed)
    X_hat, losses = _mended(array, seen, patch=int(patch), width=width, steps=steps, seed=seed)
    done = finished(
        array, seen, X_hat, method="pnmc", settings={"patch": int(patch), "width": width, "steps": steps, "seed": seed},
        started=started, steps=steps,
    )  # fmt: skip
    return replace(done, expected_rmse=expected, record={"step": np.arange(1, steps + 1), "loss": losses})


def fill_order(seen: NDArray[np.bool_], patch: int) -> NDArray[np.int32]:
    """Tell when each pixel is filled.

    Parameters
    ----------
    seen : bool array of shape (m, n)
        True where observed, somewhere at least.
    patch : int
        Side of the patch, odd.

    Returns
    -------
    int array of shape (m, n)
        0 where observed, then the stage.

    Examples
    --------
    >>> fill_order(np.array([[True, False, False, False, False, True]]), 3)
    array([[0, 1, 2, 2, 1, 0]], dtype=int32)
    """
    order = np.where(seen, 0, STAGES).astype(np.int32)
    inside = uniform_filter(np.ones(seen.shape), patch, mode="constant")
    for stage in range(1, STAGES):
        known = order < stage
        if known.all():
            break
        share = np.where(known, -1, uniform_filter(known.astype(float), patch, mode="constant") / inside)
        # The filter sums as it goes along: what is equal may differ in the last digits.
        order[share >= min(ENOUGH, share.max()) - 1e-9] = stage
    return order


def _mended(
    array: np.ndarray, seen: NDArray[np.bool_], *, patch: int, width: int, steps: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Train, and fill stage by stage; return the completed array and the losses, in units of the data."""
    picture = array.reshape(*seen.shape, -1).astype(np.float64)
    centre = picture[seen].mean(axis=0)
    values = np.zeros(picture.shape, np.float32)
    scale = 0.0
    if np.ptp(picture[seen], axis=0).any():  # else there is but rounding to divide by
        scale = float((picture[seen] - centre).std())
        values[seen] = (picture[seen] - centre) / scale
    order = fill_order(seen, patch)
    network = PatchNetwork(picture.shape[2], patch, width)
    params, losses = trained(
        network, jnp.asarray(values), jnp.asarray(order), drawn(order, steps, seed), jax.random.key(seed)
    )
    for stage in range(1, order.max() + 1):
        told = np.asarray(predicted(network, params, jnp.asarray(values), jnp.asarray(order < stage)))
        values = np.where((order == stage)[..., None], told, values)
    X = np.where(seen[..., None], picture, values * scale + centre)
    return X.reshape(array.shape), np.asarray(losses) * scale


def _searched(
    array: np.ndarray, seen: NDArray[np.bool_], *, width: int, steps: int, tries: int, seed: int
) -> tuple[int, float | None]:
    """Try sizes of a patch drawn at random; return the best and its error on the pixels hidden from it."""
    rng = np.random.default_rng(seed)
    sizes = rng.choice(SIZES, size=min(tries, len(SIZES)), replace=False)
    held = seen & ~np.roll(seen, [rng.integers(size) for size in seen.shape], axis=(0, 1))
    too_many = held.sum() / (0.2 * seen.sum())
    if too_many > 1:
        held &= rng.random(seen.shape) < 1 / too_many
    if not held.any() or (seen == held).all():
        return int(sizes[0]), None
    errors = {}
    for size in sizes:
        X, _ = _mended(array, seen & ~held, patch=int(size), width=width, steps=steps, seed=seed)
        errors[int(size)] = float(np.sqrt(np.mean((X[held] - array[held].astype(np.float64)) ** 2)))
    best = min(errors, key=errors.__getitem__)
    return best, errors[best]
