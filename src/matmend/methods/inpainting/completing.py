"""From a picture with gaps to a whole one: what fills which gap, and how far off it is expected to be."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from matmend.methods.completion import checked, filled
from matmend.methods.inpainting.filler import Filler, Observed, Picture
from matmend.methods.inpainting.gaps import DEPTH, THIN, Gaps, find_gaps
from matmend.methods.inpainting.keeping import KeptTiles, fingerprint
from matmend.methods.inpainting.matching import matched_validation
from matmend.methods.inpainting.memory import trim
from matmend.methods.inpainting.presets import PRESETS, Preset, PresetName
from matmend.methods.inpainting.stacking import Stack, learn
from matmend.methods.inpainting.tiles import OVERLAP, THIN_OVERLAP, TILE, OnPart, even_tile, tiled
from matmend.solve import Checkpoints

_log = logging.getLogger(__name__)

COPIES = 16
"""Of each deep gap, to choose by."""

JUDGED_SIDE = 160
"""Rows and columns of the part of a picture on which thin gaps are judged."""

JUDGED_TILES = 4
"""Tiles of a large picture on which the error to expect is measured, for thin gaps and, where nothing has to be chosen,
for deep ones."""


@dataclass(frozen=True, eq=False)
class FilledPicture:
    """A picture without gaps.

    Attributes
    ----------
    picture : array like the one given
        Observed pixels as they were.
    expected_mae, expected_rmse : float or None
        Mean absolute and root mean square error to expect on the missing pixels, in units of the picture: measured on
        observed pixels that were hidden in the shape of the gaps. None where nothing could be hidden.
    message : str
        What fills which gaps.
    """

    picture: NDArray[np.floating]
    expected_mae: float | None
    expected_rmse: float | None
    message: str


def complete_picture(
    observed: ArrayLike,
    mask: ArrayLike | None = None,
    *,
    preset: PresetName | None = None,
    seed: int = 0,
    on_part: Sequence[OnPart] = (),
    checkpoint: Checkpoints | None = None,
) -> FilledPicture:
    """Fill the gaps of a picture from the picture itself.

    Thin gaps and scattered pixels get their mean given the rest of their patches, under Gaussian models of groups of
    similar patches. For deep gaps there are several candidates, from smooth surfaces to plane waves to copies of
    textures; each gap gets the mixture that does best on copies of the gap, hidden where the picture looks the same.
    Nothing else is tuned, and the truth is not needed.

    Parameters
    ----------
    observed : array of shape (m, n) or (m, n, c)
        A gray picture, or one with channels; any range.
    mask : bool array of shape (m, n), optional
        True where observed; by default where no channel is NaN.
    preset : {"fast", "best"}, optional
        By default best for pictures of at most one tile, fast for larger ones.
    seed : int, default 0
        Fixes which pixels are hidden to judge and to choose.
    on_part : sequence of callables ``(done, total)``
        Called after every tile of a picture larger than one.
    checkpoint : Checkpoints, optional
        Keeps the tiles that are done; the same call with the same folder goes on from there, to the same bits.

    Returns
    -------
    FilledPicture

    Raises
    ------
    ValueError
        If shapes do not fit, everything or nothing is missing, an observed value is not finite, the preset is unknown,
        or `checkpoint` holds tiles of another picture.

    Notes
    -----
    In the terms of equation (1) of AIR-Net the transforms are the patches of the picture, and the regularizer of a
    group of similar ones is the Mahalanobis distance to a Gaussian that is learned with the picture. Pictures larger
    than 512 x 512 are filled tile by tile, which bounds the memory.

    References
    ----------
    Li & Wang 2021, arXiv:2110.07557, equation 1; Lebrun, Buades & Morel 2013, doi:10.1137/120874989; Yu, Sapiro &
    Mallat 2012, doi:10.1109/TIP.2011.2176743.

    Examples
    --------
    >>> y, x = np.indices((40, 40))
    >>> picture = np.sin(x / 2) * np.cos(y / 3)
    >>> mask = np.random.default_rng(0).random(picture.shape) > 0.2
    >>> found = complete_picture(np.where(mask, picture, np.nan), preset="fast")
    >>> bool(abs(found.picture - picture).max() < 0.05), found.message
    (True, 'scattered and thin gaps by Gaussians of 8 x 8 patches')
    """
    array, seen = checked(observed, mask)
    is_large = max(seen.shape) > TILE
    name = preset or preset_for(seen.shape)
    if name not in PRESETS:
        raise ValueError(f"Expected one of the presets {', '.join(PRESETS)}, got {name!r}.")
    low, high = observed_range(array, seen)
    picture, back = normalised(array, seen, low, high)
    # What is learned on one tile tells what to expect of others.
    account = _Account(PRESETS[name], seed, most_judged=JUDGED_TILES if is_large else 1)
    tile, overlap = TILE, OVERLAP
    if is_large and not _may_be_deep(seen):
        tile, overlap = even_tile(seen.shape), THIN_OVERLAP
    kept = None
    if checkpoint is not None:
        asked = {"preset": name, "seed": seed, "tile": tile, "picture": fingerprint(picture, seen)}
        kept = KeptTiles(checkpoint, asked, account)
    estimate = back(tiled(account.fill, picture, seen, tile=tile, overlap=overlap, on_part=on_part, kept=kept))
    mae, rmse = account.expected
    scale = float(high - low)
    _log.info("preset %s: %s", name, account.words)
    return FilledPicture(
        filled(array, seen, estimate),
        None if mae is None else scale * mae,
        None if rmse is None else scale * rmse,
        account.words,
    )


def preset_for(shape: tuple[int, ...]) -> PresetName:
    """Return the preset that a picture of this height and width gets by default.

    Examples
    --------
    >>> preset_for((240, 320)), preset_for((240, 1024))
    ('best', 'fast')
    """
    return "fast" if max(shape[:2]) > TILE else "best"


def normalised(
    array: NDArray[np.floating], seen: Observed, low: np.floating, high: np.floating
) -> tuple[Picture, Callable[[Picture], NDArray[np.floating]]]:
    """Return a picture of shape (h, w, c) with low as 0 and high as 1, and the way back.

    Examples
    --------
    >>> array = np.array([[2.0, np.nan, 6.0]])
    >>> picture, back = normalised(array, ~np.isnan(array), np.float64(2), np.float64(6))
    >>> picture[..., 0].tolist(), back(picture).tolist()
    ([[0.0, 0.0, 1.0]], [[2.0, 2.0, 6.0]])
    """
    scale = (high - low) or np.asarray(1, array.dtype)
    stacked_channels = array if array.ndim == 3 else array[..., None]
    # In place: a large picture is copied once.
    picture = np.where(seen[..., None], stacked_channels, low)
    picture -= low
    picture /= scale

    def back(picture: Picture) -> NDArray[np.floating]:
        values = picture.astype(array.dtype)
        values *= scale
        values += low
        return values if array.ndim == 3 else values[..., 0]

    return picture.astype(np.float32, copy=False), back


def observed_range(array: NDArray[np.floating], seen: Observed) -> tuple[np.floating, np.floating]:
    """Return the least and the greatest observed value.

    Examples
    --------
    >>> array = np.array([[2.0, np.nan, 6.0]])
    >>> [float(value) for value in observed_range(array, ~np.isnan(array))]
    [2.0, 6.0]
    """
    known = seen if array.ndim == 2 else seen[..., None]
    return array.min(where=known, initial=np.inf), array.max(where=known, initial=-np.inf)


@dataclass(eq=False)
class _Account:
    """Fills the tiles of a picture, and keeps an account of what was chosen and of the errors on hidden pixels."""

    preset: Preset
    seed: int
    most_judged: int
    judged_thin: int = 0
    judged_deep: int = 0
    errors: list[tuple[int, float, float]] = field(default_factory=list)
    """Missing pixels that a measurement stands for, mean absolute error, mean square error."""
    chosen: list[str] = field(default_factory=list)
    has_thin: bool = False

    @property
    def expected(self) -> tuple[float | None, float | None]:
        """Mean absolute and root mean square error."""
        if not self.errors:
            return None, None
        counts, absolute, square = np.array(self.errors).T
        return float(np.average(absolute, weights=counts)), float(np.average(square, weights=counts) ** 0.5)

    @property
    def words(self) -> str:
        """What fills which gaps."""
        thin = [f"scattered and thin gaps by {self.preset.thin.name}"] if self.has_thin else []
        shown = list(dict.fromkeys(self.chosen))
        more = [f"and likewise {len(shown) - 3} more deep gaps"] if len(shown) > 3 else []
        return "; ".join([*thin, *shown[:3], *more])

    def state(self) -> dict[str, Any]:
        """Return what was found so far, as JSON can hold it."""
        return {name: getattr(self, name) for name in _FOUND}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what was found before."""
        for name in _FOUND:
            setattr(self, name, state[name])

    def fill(self, picture: Picture, observed: Observed) -> Picture:
        """Fill a tile."""
        if observed.all():
            return picture.copy()
        gaps = find_gaps(observed)
        estimate = self.preset.thin(picture, observed)
        trim()
        if gaps.thin.any():
            self.has_thin = True
            self._judge_thin(picture, observed, gaps)
        if not gaps.deep:
            return estimate
        # Thin gaps count as observed from here on: they are filled well, and candidates need not do it again.
        deep = Gaps(np.where(gaps.labels == THIN, 0, gaps.labels), gaps.deep)
        stack, found = self._mixed(estimate, deep)
        for label in deep.kinds:
            self._account_for(deep, label, stack.expected_mae[label], stack.expected_rmse[label])
            self.chosen.append(stack.words(label, len(self.chosen) + 1))
        return stack.combine(found, estimate, deep.labels == 0, deep)

    def _mixed(self, estimate: Picture, gaps: Gaps) -> tuple[Stack, list[Picture]]:
        """Let the candidates fill the deep gaps, and learn on copies of these how to mix them."""
        fillers, known = self.preset.deep, gaps.labels == 0
        found = _all(fillers, estimate, [known])[0]
        names = [filler.name for filler in fillers]
        if len(fillers) == 1 and self.judged_deep >= self.most_judged:
            alone = dict.fromkeys(gaps.kinds, np.nan)
            return Stack(tuple(names), dict.fromkeys(gaps.kinds, np.ones(1)), alone, alone), found
        self.judged_deep += 1
        copies = COPIES if len(fillers) > 1 else 1
        validation = matched_validation(estimate, known, gaps, copies=copies, thin_masks=0, seed=self.seed)
        # Copies lie where the truth is known, beside gaps that the first candidate has filled.
        on_masks = _all(fillers, found[0], [hidden == 0 for hidden in validation.hidden])
        return learn(found[0], validation, on_masks, names, gaps, seed=self.seed), found

    def _judge_thin(self, picture: Picture, observed: Observed, gaps: Gaps) -> None:
        """Measure on a part of the picture how well thin gaps are filled."""
        if self.judged_thin >= self.most_judged:
            return
        self.judged_thin += 1
        window = _window(gaps.thin)
        part, seen = picture[window], observed[window]
        thin = Gaps(np.where(gaps.thin[window], np.int32(THIN), np.int32(0)), ())
        validation = matched_validation(part, seen, thin, thin_masks=1, seed=self.seed)
        for shown in validation.shown(seen):
            if not shown.any():  # of so few pixels none can be spared
                continue
            residual = (self.preset.judge(part, shown) - part)[seen & ~shown]
            if residual.size:
                self._account_for(gaps, THIN, float(np.abs(residual).mean()), float(np.sqrt((residual**2).mean())))

    def _account_for(self, gaps: Gaps, label: int, mae: float, rmse: float) -> None:
        if np.isfinite(mae):
            self.errors.append((int((gaps.labels == label).sum()), mae, rmse**2))


_FOUND = ("judged_thin", "judged_deep", "errors", "chosen", "has_thin")
"""Fields of an account that change from tile to tile."""


def _all(fillers: Sequence[Filler], picture: Picture, masks: Sequence[Observed]) -> list[list[Picture]]:
    """Let all fillers fill a picture with every mask, one by one: two at once take 50 MB more, and 4/5 of the time."""
    done = []
    for mask in masks:
        done.append([])
        for filler in fillers:
            done[-1].append(filler(picture, mask))
            trim()
    return done


def _may_be_deep(seen: Observed) -> bool:
    """Tell whether a square that fits into the core of a deep gap is missing anywhere: quick, in little memory."""
    return not ndimage.maximum_filter(seen, 2 * int(DEPTH / np.sqrt(2)) + 1).all()


def _window(thin: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Return a part of the picture in which about as much is missing as in the whole, and something in any case."""
    side = [min(n, JUDGED_SIDE) for n in thin.shape]
    tops, lefts = (sorted({*range(0, n - k + 1, max(k // 2, 1)), n - k}) for n, k in zip(thin.shape, side, strict=True))
    windows = [(slice(top, top + side[0]), slice(left, left + side[1])) for top in tops for left in lefts]
    return min(windows, key=lambda window: (not thin[window].any(), abs(thin[window].mean() - thin.mean())))
