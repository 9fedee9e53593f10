from unittest import mock

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from matmend.segments import cut_rows, layout


def small():
    """Every size of rows, and several blocks of each, within a hundred entries."""
    return mock.patch.multiple(layout, WIDTH=8, LONG=2, ENTRIES_A_BLOCK=64)


@st.composite
def problems(draw):
    """Entries in any order, with repeated pairs and with rows that have none; values tell them apart."""
    degrees = draw(st.lists(st.sampled_from([0, 1, 2, 3, 8, 9, 16, 17, 60]), min_size=1, max_size=30))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    rows = rng.permutation(np.repeat(np.arange(len(degrees), dtype=np.int32), degrees))
    cols = rng.integers(0, 5, rows.size).astype(np.int32)
    values = 1 + rng.permutation(rows.size).astype(np.float32)
    weights = rng.uniform(0.5, 2, rows.size).astype(np.float32)
    return rows, cols, values, weights, len(degrees)


@settings(max_examples=60, deadline=None)
@given(problems(), st.integers(1, 4))
def test_cutting_moves_entries_and_loses_none(problem, multiple):
    rows, cols, values, weights, num_rows = problem
    degrees = np.bincount(rows, minlength=num_rows)
    with small():
        classes = cut_rows(*problem, multiple=multiple)

    found, ids = [], []
    for s in classes:
        b, q = s.ids.shape
        assert b % multiple == 0
        assert s.members.shape == s.values.shape == s.weights.shape == (*s.owners.shape, s.members.shape[-1])
        assert (s.values.dtype, s.weights.dtype, s.members.dtype) == (np.float32, np.float32, np.int32)
        assert (np.diff(s.owners, axis=1) >= 0).all()
        real = s.ids < num_rows
        ids.append(s.ids[real])
        assert (s.ids[~real] == num_rows).all()
        # Every row of a block has its segments there, padding has none but its own.
        for place, owners in zip(real, s.owners, strict=True):
            assert set(owners[owners < q]) == set(np.flatnonzero(place))
        is_entry = s.weights > 0
        assert (s.values[~is_entry] == 0).all()
        assert (s.members[~is_entry] == 0).all()
        block, segment, _ = np.nonzero(is_entry)
        found.append(
            (s.ids[block, s.owners[block, segment]], s.members[is_entry], s.values[is_entry], s.weights[is_entry])
        )

    assert np.sort(np.concatenate(ids)).tolist() == list(range(num_rows))
    together = [np.concatenate(part) for part in zip(*found, strict=True)]
    order, expected_order = np.argsort(together[2]), np.argsort(values)
    for part, expected in zip(together, (rows, cols, values, weights), strict=True):
        np.testing.assert_array_equal(part[order], expected[expected_order])

    widths, of_size = [2, 8, 8], [degrees <= 2, (degrees > 2) & (degrees <= 16), degrees > 16]
    present = [
        (width, set(np.flatnonzero(chosen))) for width, chosen in zip(widths, of_size, strict=True) if chosen.any()
    ]
    assert [(s.members.shape[-1], set(s.ids[s.ids < num_rows])) for s in classes] == present


@settings(max_examples=30, deadline=None)
@given(problems(), st.integers(1, 4))
def test_blocks_have_nearly_the_same_number_of_segments(problem, multiple):
    num_rows = problem[-1]
    with small():
        for s in cut_rows(*problem, multiple=multiple):
            used = (s.owners < s.ids.shape[1]).sum(axis=1)
            longest = max(np.bincount(o, minlength=num_rows)[: s.ids.shape[1]].max() for o in s.owners)
            assert used.max() - used.min() <= longest
            assert s.owners.shape[1] == used.max()  # no block has padding that no block needs


def test_padding_stays_below_a_quarter_of_power_law_degrees():
    rng = np.random.default_rng(0)
    degrees = np.minimum((20 / rng.random(3000) ** 0.7).astype(int), 2000)
    rows = np.repeat(np.arange(3000, dtype=np.int32), degrees)
    ones = np.ones(rows.size, np.float32)
    cut = cut_rows(rows, np.zeros_like(rows), ones, ones, 3000)
    assert rows.size > 100_000
    assert sum(s.values.size for s in cut) < 1.25 * rows.size
