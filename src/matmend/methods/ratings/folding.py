"""New rows of a finished model: each is a small system, solved with the columns as they are."""

from dataclasses import replace
from typing import TYPE_CHECKING

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import NDArray

from matmend.io import Ratings
from matmend.methods.ratings.ids import all_ids, positions, words
from matmend.segments import Layout, presence
from matmend.solve import solve_rows

if TYPE_CHECKING:
    from matmend.methods.ratings.model import RatingsModel


@eqx.filter_jit
def _sums(layout: Layout, links: Float[Array, "n r"]) -> Float[Array, "m r"]:
    return layout.times(links, presence)


def folded_in(model: "RatingsModel", ratings: Ratings) -> "RatingsModel":
    """Solve for the rows of `ratings` in every draw, and put them among those of the model.

    Raises
    ------
    ValueError
        If no column is known, or there are new rows but no ids.
    """
    m, n = model.shape
    j, col_known = positions(all_ids(ratings.col_ids, ratings.shape[1]), model.col_ids, n)
    keep = col_known[ratings.cols]
    if not keep.any():
        raise ValueError(
            f"None of the {ratings.shape[1]} columns of the new ratings is known to the model: check their ids "
            "(new columns are taken in by model.transpose().fold_in(...))."
        )
    # Of rows without any rating of a known column nothing is learned: they stay as they are.
    told, rows = np.unique(ratings.rows[keep], return_inverse=True)
    cols = j[ratings.cols[keep]].astype(np.int32)
    values = ((ratings.values[keep] - model.offset) / model.scale).astype(np.float32)
    ids = all_ids(ratings.row_ids, ratings.shape[0])[told]
    i, row_known = positions(ids, model.row_ids, m)
    if model.row_ids is None and not row_known.all():
        raise ValueError(f"The model has rows 0 to {m - 1} and no ids: new rows need a model of ratings with ids.")
    layout = Layout.from_entries(rows, cols, values, (ids.size, n))
    scale = 1 / np.sqrt(np.maximum(np.bincount(rows, minlength=ids.size), 1)).astype(np.float32)
    rng = np.random.default_rng(0)  # of how unsure the new rows are, nothing else
    solved = []
    for d, noise in enumerate(model.noises):
        centre = jnp.broadcast_to(model.row_centre[d], (ids.size, model.U.shape[2]))
        if model.row_links is not None:
            centre = centre + scale[:, None] * _sums(layout, jnp.asarray(model.row_links[d]))
        ridge = jnp.asarray(model.row_precision[d] * max(float(noise) ** 2, 1e-12))
        unsure = jnp.asarray(noise * rng.standard_normal(centre.shape, np.float32))
        solved.append(solve_rows(layout, jnp.asarray(model.V[d, :n]), ridge, centre, unsure, model.ones[0]))
    drawn, mean = (np.stack([np.asarray(pair[which]) for pair in solved]) for which in (0, 1))

    names, added = all_ids(model.row_ids, m), ~row_known
    if all(np.issubdtype(x.dtype, np.integer) for x in (names, ids)):
        all_names = np.concatenate([names, ids[added]])
    else:
        all_names = np.concatenate([words(names), words(ids[added])])
    order = np.argsort(all_names, kind="stable")

    def placed(old: NDArray[np.float32], new: NDArray[np.float32]) -> NDArray[np.float32]:
        U = np.concatenate([old[:, :m], new[:, added], old[:, m:]], axis=1)
        U[:, i[row_known]] = new[:, row_known]
        U[:, :-1] = U[:, :-1][:, order]
        return U

    col_links = model.col_links
    if col_links is not None:  # a new row has no links of its own: it says nothing new of columns
        none = np.zeros_like(col_links, shape=(len(col_links), added.sum(), col_links.shape[2]))
        col_links = np.concatenate([col_links, none], axis=1)[:, order]
    return replace(
        model,
        U=placed(model.U, mean),
        U_drawn=None if model.U_drawn is None else placed(model.U_drawn, drawn),
        row_ids=None if model.row_ids is None else all_names[order],
        col_links=col_links,
    )
