from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matmend.estimators.effects import Effects
from matmend.estimators.pairs import Ids, id_columns

NUMBERS = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-5, 5),
    st.integers(-5, 5).map(float),
    st.floats(allow_nan=False, allow_infinity=False),
)
MIXED = st.one_of(NUMBERS, st.text(max_size=2), st.sampled_from([str(i) for i in range(-5, 6)]))


def column(values):
    X = np.empty((len(values), 1), object)
    X[:, 0] = values
    return id_columns(X)[0]


@pytest.mark.parametrize("ids", [st.integers(-(2**63), 2**63 - 1), NUMBERS.map(float), NUMBERS, MIXED])
def test_ids_are_found_where_they_are(ids):
    @given(st.lists(ids, min_size=1), st.lists(MIXED, min_size=1))
    def check(known, asked):
        found, places = Ids.of(column(known))
        assert [found.values[place] for place in places] == known  # equal by value
        assert len(found) == len(set(known))
        # A dict of Python is the oracle: 2 and 2.0 are equal there, "2" is another thing.
        place = {value: i for i, value in enumerate(found.values.tolist())}
        assert found.positions(column(asked)).tolist() == [place.get(value, -1) for value in column(asked).tolist()]
        more = found.extended(column(asked))
        assert more.values[: len(found)].tolist() == found.values.tolist()
        assert set(more.values.tolist()) == set(found.values.tolist()) | set(column(asked).tolist())

    check()


@pytest.mark.parametrize("dtype", [np.int8, np.uint64, np.float32, np.float64, bool])
def test_types_of_numbers_do_not_part_ids(dtype):
    ids, _ = Ids.of(id_columns(np.array([[0], [1]], dtype))[0])
    for other in (np.int64, np.float64, object):
        assert ids.positions(id_columns(np.array([[1], [0], [2]], other))[0]).tolist() == [1, 0, -1]


def test_large_numbers_are_not_mixed_up():
    ids, _ = Ids.of(np.array([2**53, 2**53 + 1, -(2**63)]))
    assert ids.positions(np.array([float(2**53), 2.0**63, -(2.0**63)])).tolist() == [1, -1, 0]
    numbers, _ = Ids.of(np.array([0.5, 2.0**53]))
    assert numbers.positions(np.array([2**53 + 1, 2**53])).tolist() == [-1, 1]
    beyond = id_columns(np.array([[2**64 - 1], [1]], np.uint64))[0]
    assert Ids.of(beyond)[0].positions(beyond).tolist() == [1, 0]


def test_dates_are_ids():
    days = np.array([["2020-01-01"], ["2020-01-02"]], "datetime64[D]")
    ids, places = Ids.of(id_columns(days)[0])
    assert places.tolist() == [0, 1]
    assert ids.positions(id_columns(days.astype("datetime64[ns]"))[0]).tolist() == [0, 1]
    words, _ = Ids.of(column([date(2020, 1, 1), "a"]))
    assert words.positions(column(["a", date(2020, 1, 2)])).min() == -1


@pytest.mark.parametrize(
    "bad", [np.nan, np.inf, None, np.datetime64("NaT", "D"), 1j, [1], {}], ids=lambda bad: type(bad).__name__ + str(bad)
)
def test_what_is_no_id_is_refused(bad):
    for others in ([1], ["a"], [0.5]):
        with pytest.raises(ValueError, match=r"NaN|infinity|Complex|told apart"):
            column([bad, *others])


def test_effects_are_those_of_least_squares():
    rng = np.random.default_rng(0)
    rows, cols, groups = rng.integers(0, 8, 4000), rng.integers(0, 6, 4000), rng.integers(0, 3, 4000)
    effect = np.array([-1.0, 0.5, 2.0])
    y = rng.normal(size=8)[rows] + rng.normal(size=6)[cols] + effect[groups] + 0.1 * rng.normal(size=4000)
    ids, _ = Ids.of(groups)
    found = Effects.fit(rows, cols, [groups], y, [ids]).values[0]
    design = np.concatenate([np.eye(8)[rows], np.eye(6)[cols], np.eye(3)[groups]], axis=1)
    exact = np.linalg.lstsq(design, y, rcond=None)[0][-3:]
    np.testing.assert_allclose(found - found.mean(), exact - exact.mean(), atol=0.01)
    assert Effects.fit(rows, cols, [], y, []).at([]) == 0
