"""The entries of all rows in pieces of one width: the layout in which thin factors meet their entries at full speed."""

import heapq
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

WIDTH = 32
"""Entries in a segment; rows with few entries have segments of a quarter of it."""

LONG = 32
"""Rows with more segments than this are blocks of a size of their own, so that they do not set that of all others."""

ENTRIES_A_BLOCK = 2**14
"""Entries that are worked on at once: their factor rows fit the cache of a processor core."""


class Segments(NamedTuple):
    """Rows of like numbers of entries, in blocks of one shape.

    NumPy arrays as `cut_rows` makes them, JAX arrays in a [`Layout`][matmend.segments.Layout].

    Attributes
    ----------
    ids : int32 array of shape (b, q)
        The rows of each block; ``num_rows`` where a block has fewer.
    owners : int32 array of shape (b, t)
        Which of its block's rows a segment belongs to, not decreasing; ``q`` for a segment of padding.
    members : int32 array of shape (b, t, w)
        Columns of the entries; 0 where a segment has fewer.
    values, weights : float array of shape (b, t, w)
        Both 0 where a segment has fewer entries.
    """

    ids: Any
    owners: Any
    members: Any
    values: Any
    weights: Any


def cut_rows(
    rows: NDArray[np.int32],
    cols: NDArray[np.int32],
    values: NDArray[np.floating],
    weights: NDArray[np.floating],
    num_rows: int,
    *,
    multiple: int = 1,
) -> list[Segments]:
    """Arrange entries by row, and rows by their number of entries.

    Parameters
    ----------
    rows, cols : int32 arrays of shape (e,)
    values, weights : float arrays of shape (e,)
    num_rows : int
        Rows without any entry come along, too.
    multiple : int, default 1
        The number of blocks is made a multiple of this, the number of devices that share them; blocks of one shape cost
        the same, so the work is shared evenly.

    Returns
    -------
    list of Segments
        One for each size of rows: of up to `WIDTH` / 4 entries in segments of that width, of up to `LONG` segments of
        `WIDTH`, and of more. Sizes that do not occur are left out. Every row is in exactly one of them.

    Examples
    --------
    >>> e = np.arange(3, dtype=np.int32)
    >>> (segments,) = cut_rows(e // 2, e, np.ones(3, np.float32), np.ones(3, np.float32), 4)
    >>> segments.members.shape, sorted(segments.ids[segments.ids < 4].tolist())
    ((1, 4, 8), [0, 1, 2, 3])
    """
    order, starts = sort_by(rows, num_rows)
    source = _Source(order, starts, cols, values, weights, num_rows)
    degrees = np.diff(source.starts)
    is_short, is_long = degrees <= WIDTH // 4, degrees > LONG * WIDTH
    sizes = ((WIDTH // 4, is_short), (WIDTH, ~is_short & ~is_long), (WIDTH, is_long))
    return [_blocks(source, np.flatnonzero(chosen), width, multiple) for width, chosen in sizes if chosen.any()]


def sort_by(keys: NDArray[np.integer], size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Sort keys from 0 to `size` - 1, equal ones in their order.

    Returns
    -------
    order : int64 array of shape (e,)
    starts : int64 array of shape (size + 1,)
        Where the keys of each value begin in `order`.

    Examples
    --------
    >>> order, starts = sort_by(np.array([1, 0, 1]), 2)
    >>> order.tolist(), starts.tolist()
    ([1, 0, 2], [0, 1, 3])
    """
    starts = np.concatenate([[0], np.cumsum(np.bincount(keys, minlength=size))])
    # Key and place in one number: plain sorting is vectorized, several times quicker than a stable `argsort`.
    both = (keys.astype(np.int64) << 32) | np.arange(keys.size)
    if not np.all(keys[1:] >= keys[:-1]):
        both.sort()
    both &= 2**32 - 1
    return both, starts


class _Source(NamedTuple):
    order: NDArray[np.int64]
    starts: NDArray[np.int64]
    cols: NDArray[np.int32]
    values: NDArray[np.floating]
    weights: NDArray[np.floating]
    num_rows: int


def _blocks(source: _Source, rows: NDArray[np.int64], width: int, multiple: int) -> Segments:
    """Deal rows to blocks of one shape, so that all have nearly the same number of segments and of rows."""
    degrees = np.diff(source.starts)[rows]
    longest_first = np.argsort(-degrees, kind="stable")
    rows, degrees = rows[longest_first], degrees[longest_first]
    pieces = np.maximum(-(-degrees // width), 1)  # a row without entries is a segment of padding
    # Few rows are dealt evenly, too: the devices wait for the one with most blocks.
    size = max(min(ENTRIES_A_BLOCK // width, -(-int(pieces.sum()) // multiple)), int(pieces[0]))
    b = -(-max(-(-int(pieces.sum()) // size), 1) // multiple) * multiple
    block = _dealt(pieces, b)
    by_block = np.argsort(block, kind="stable")
    rows, degrees, pieces, block = rows[by_block], degrees[by_block], pieces[by_block], block[by_block]
    counts, segments = np.bincount(block, minlength=b), np.bincount(block, pieces, minlength=b).astype(np.int64)
    q, t = int(counts.max()), int(segments.max())
    place = np.arange(rows.size) - np.repeat(np.cumsum(counts) - counts, counts)
    ends = np.concatenate([[0], np.cumsum(pieces)])
    segment = ends[:-1] - np.repeat(np.cumsum(segments) - segments, counts)

    ids = np.full((b, q), source.num_rows, np.int32)
    ids[block, place] = rows
    owners = np.full((b, t), q, np.int32)
    of_segment = np.repeat(np.arange(rows.size), pieces)
    within = np.arange(of_segment.size) - np.repeat(ends[:-1], pieces)
    owners[block[of_segment], segment[of_segment] + within] = place[of_segment]

    flat = np.repeat((block * t + segment) * width - np.concatenate([[0], np.cumsum(degrees)[:-1]]), degrees)
    flat += np.arange(flat.size)
    entries = np.repeat(source.starts[rows] - np.concatenate([[0], np.cumsum(degrees)[:-1]]), degrees)
    entries += np.arange(entries.size)
    entries = source.order[entries]

    def spread(x: NDArray) -> NDArray:
        out = np.zeros(b * t * width, x.dtype)
        out[flat] = x[entries]
        return out.reshape(b, t, width)

    return Segments(ids, owners, spread(source.cols), spread(source.values), spread(source.weights))


def _dealt(pieces: NDArray[np.int64], b: int) -> NDArray[np.int64]:
    """Give each row, the longest first, to the block that has least so far; of equal ones to that with fewest rows."""
    heap = [(0, 0, block) for block in range(b)]
    chosen = np.empty(pieces.size, np.int64)
    for i, size in enumerate(pieces.tolist()):
        load, count, block = heap[0]
        chosen[i] = block
        heapq.heapreplace(heap, (load + size, count + 1, block))
    return chosen
