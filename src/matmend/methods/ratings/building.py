"""From the draws of a run to a model in the order and the units of the ratings."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from matmend.io import Ratings
from matmend.methods.ratings.candidates import learned
from matmend.methods.ratings.model import RatingsModel
from matmend.methods.ratings.standard import StandardRatings
from matmend.solve import Alternation, Draw, last_axis


def built(
    run: Alternation,
    table: StandardRatings,
    ratings: Ratings,
    *,
    heldout_error: float,
    baseline_error: float,
    message: str,
) -> RatingsModel:
    """Put a model together."""
    draws: Sequence[Draw] = run.draws
    if not draws:  # ended before the first draw that counts
        draws = [jax.tree.map(np.asarray, Draw(run.state.mean, learned(run.state)))]
    ones = run.state.X.ones
    centres = [np.stack([draw.extra[name] for draw in draws]) for name in ("row_mean", "col_mean")]
    orders = table.row_order, table.col_order
    drawn = [draw.extra["drawn"] for draw in draws]
    last = last_axis(table.shape)
    drawn = _with_unknown(drawn, orders[last])
    links = [
        _reordered(np.stack([draw.extra[name] for draw in draws]), order) if draws[0].extra[name].size else None
        for name, order in (("row_links", table.col_order), ("col_links", table.row_order))
    ]
    return RatingsModel(
        U=_with_unknown([draw.X.U for draw in draws], orders[0]),
        V=_with_unknown([draw.X.V for draw in draws], orders[1]),
        U_drawn=drawn if last == 0 else None,
        V_drawn=drawn if last == 1 else None,
        ones=ones,
        row_centre=centres[0],
        col_centre=centres[1],
        row_precision=np.stack([draw.extra["row_precision"] for draw in draws]),
        col_precision=np.stack([draw.extra["col_precision"] for draw in draws]),
        noises=np.sqrt(np.stack([draw.extra["variance"] for draw in draws])),
        row_links=links[0], col_links=links[1],
        offset=table.offset, scale=table.scale, low=float(ratings.values.min()), high=float(ratings.values.max()),
        row_ids=ratings.row_ids, col_ids=ratings.col_ids,
        heldout_error=heldout_error, baseline_error=baseline_error, message=message, record=run.record,
    )  # fmt: skip


def _reordered(x: NDArray[np.float32], order: NDArray[np.int64]) -> NDArray[np.float32]:
    found = np.empty_like(x)
    found[:, order] = x
    return found


def _with_unknown(factors: Sequence[Any], order: NDArray[np.int64]) -> NDArray[np.float32]:
    """Put the rows back in the order of the ratings, and after them their mean: what is usual, for the unknown."""
    found = np.empty((len(factors), len(order) + 1, factors[0].shape[1]), np.float32)
    for d, factor in enumerate(factors):
        found[d, order] = factor
        found[d, -1] = np.mean(factor, axis=0, dtype=np.float64)
    return found
