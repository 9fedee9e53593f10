import numpy as np
import pytest

from matmend.methods.ratings.ids import all_ids, positions, words

WORDS = np.array(["10", "7", "ab", "b"], object)


@pytest.mark.parametrize(
    ("ids", "known", "expected"),
    [
        ([5, 7, 6], np.array([5, 7]), [0, 1, 2]),
        (["7", "x", " 5", "--5", "²", "5.0", "9" * 30], np.array([5, 7]), [1, 2, 0, 2, 2, 2, 2]),
        ([-3, "-3"], np.array([-3, 0]), [0, 0]),
        (["b", "a", "7"], WORDS, [3, 4, 1]),
        ([7, 10, 8], WORDS, [1, 0, 4]),
        (np.array([7, "ab", None], object), WORDS, [1, 2, 4]),
        (["b", "ab"], WORDS.astype(str), [3, 2]),
        ([7.0, np.nan], np.array([5, 7]), [2, 2]),
        ([], np.array([5, 7]), []),
        ([], WORDS, []),
        ([1], np.zeros(0, np.int64), [0]),
    ],
)
def test_ids_find_their_positions_and_the_unknown_come_last(ids, known, expected):
    places, is_known = positions(np.asarray(ids), known, known.size)
    assert places.tolist() == expected
    assert is_known.tolist() == [place < known.size for place in expected]


def test_without_ids_there_are_positions():
    places, is_known = positions(np.array([0, 2, 3, -1]), None, 3)
    assert places.tolist() == [0, 2, 3, 3]
    assert is_known.tolist() == [True, True, False, False]
    assert positions(np.zeros(0), None, 3)[0].size == 0
    with pytest.raises(ValueError, match="had no ids: expected positions 0 to 2"):
        positions(np.array(["a"]), None, 3)


def test_names():
    assert all_ids(None, 3).tolist() == [0, 1, 2]
    assert all_ids(WORDS, 4) is WORDS
    assert words(np.array([3, 12])).tolist() == ["3", "12"]
