"""What a model of ratings is asked, written in pieces: predictions of pairs, recommendations to users."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matmend.cli.intervals import Holds, Widths, facts
from matmend.cli.lists import blocks, part_of, usable_names
from matmend.io import Pairs, Ratings, table_writer
from matmend.methods.ratings import RatingsModel
from matmend.methods.ratings.ids import positions
from matmend.trust import EntryIntervals

KNOWN = np.array(["both new", "new user", "new item", "yes"], dtype=object)
"""What the column ``known`` says: place 2 if the user is known, 1 if the item is, added up, is that order."""
BLOCK = 2**21
"""Recommendations made at once."""

Tell = Callable[[int], None]
"""Told how many are done."""


def write_predictions(
    model: RatingsModel,
    pairs: Pairs,
    path: Path,
    *,
    overwrite: bool = False,
    tell: Tell = lambda done: None,
    found: EntryIntervals | None = None,
) -> dict[str, Any]:
    """Predict every pair, in the order of the file, and between which bounds it lies if there are intervals.

    Returns
    -------
    dict
        ``pairs``, and of these ``new_user``, ``new_item`` and ``both_new``: how often ids were unknown. With intervals
        what there is to report of them besides.
    """
    user, item = usable_names(pairs.names)
    counts, done, widths = np.zeros(len(KNOWN), np.int64), 0, Widths()
    as_text = [ids is not None and ids.dtype == object for ids in (model.row_ids, model.col_ids)]
    with table_writer(path, overwrite=overwrite) as write:
        for users, items in pairs.pieces(as_text=as_text):
            told = model.predict(users, items)
            places = 2 * told.row_is_known.astype(np.int64) + told.col_is_known
            counts += np.bincount(places, minlength=len(KNOWN))
            columns = {"prediction": told.values, "expected_error": told.expected_errors}
            if found is not None:
                _, columns["lower"], columns["upper"] = found.interval(users, items)
                widths.add(columns["lower"], columns["upper"])
            write({user: users, item: items, **columns, "known": KNOWN[places]})
            done += users.size
            tell(done)
    report: dict[str, Any] = {
        "pairs": done, "new_user": int(counts[1]), "new_item": int(counts[2]), "both_new": int(counts[0])
    }  # fmt: skip
    if found is not None:
        report["intervals"] = facts(widths, found.coverage, found.calibration, Holds.RATINGS)
    return report


def write_recommendations(
    model: RatingsModel,
    users: NDArray[Any] | None,
    path: Path,
    *,
    count: int,
    names: tuple[str, str],
    seen: Ratings | None = None,
    overwrite: bool = False,
    tell: Tell = lambda done: None,
) -> dict[str, int]:
    """Write the best items of each user, the best first; return numbers of users and lines.

    Items in `seen` are left out; whoever has seen nearly all gets fewer.
    """
    assert model.row_ids is not None
    ids = model.row_ids if users is None else users
    count = min(count, model.shape[1])
    lines = done = 0
    with table_writer(path, overwrite=overwrite) as write:
        for block in blocks(ids, max(1, BLOCK // count)):
            found = model.recommend(block, count=count, seen=seen)
            is_free = np.isfinite(found.values)
            ranks = np.broadcast_to(np.arange(1, count + 1, dtype=np.int32), is_free.shape)
            write(
                {
                    names[0]: np.repeat(block, is_free.sum(axis=1)),
                    "rank": ranks[is_free],
                    names[1]: found.col_ids[is_free],
                    "prediction": found.values[is_free],
                    "expected_error": found.expected_errors[is_free],
                }
            )
            lines += int(is_free.sum())
            done += block.size
            tell(done)
    return {"users": ids.size, "recommended": lines}


def fold(model: RatingsModel, ratings: Ratings) -> tuple[RatingsModel, dict[str, int]]:
    """Take in users and items that the model does not know, from their ratings; what it knows stays as it is.

    New users come first, from what they say of known items; then new items, from what is said of them by anybody.
    Ratings of known items by known users would need training, and are left out.

    Returns
    -------
    model : RatingsModel
    counts : dict
        ``new_users``, ``new_items``, ``used`` and ``left_out`` (ratings).

    Raises
    ------
    ValueError
        If there is nobody and nothing new, or nothing ties it to the model.
    """
    row_is_new, col_is_new = _is_new(ratings.row_ids, model.row_ids), _is_new(ratings.col_ids, model.col_ids)
    by_new, of_new = row_is_new[ratings.rows], col_is_new[ratings.cols]
    if not (by_new.any() or of_new.any()):
        raise ValueError(
            "Every user and every item to fold in is known to the model already: to use new ratings of theirs, train "
            "anew on all ratings."
        )
    before, used = model.shape, 0
    if (rows := by_new & ~of_new).any():
        model, used = model.fold_in(part_of(ratings, rows)), int(rows.sum())
    # New items of users who are still new say nothing: there is no factor to solve with.
    cols = of_new & ~_is_new(ratings.row_ids, model.row_ids)[ratings.rows]
    if cols.any():
        part = part_of(ratings, cols)
        turned = Ratings(part.cols, part.rows, part.values, (part.shape[1], part.shape[0]), part.col_ids, part.row_ids)
        model, used = model.transpose().fold_in(turned).transpose(), used + int(cols.sum())
    if used == 0:
        raise ValueError(
            "None of the ratings to fold in is of a known item or by a known user: are ids those of the model?"
        )
    return model, {
        "new_users": model.shape[0] - before[0], "new_items": model.shape[1] - before[1], "used": used,
        "left_out": ratings.values.size - used,
    }  # fmt: skip


def _is_new(ids: NDArray[Any] | None, known: NDArray[Any] | None) -> NDArray[np.bool_]:
    assert ids is not None
    assert known is not None
    return ~positions(ids, known, known.size)[1]
