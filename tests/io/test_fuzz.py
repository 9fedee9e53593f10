"""A few damaged files for every reader; ``python -m benchmarks.fuzz_readers`` has thousands and watches the process."""

import pytest

from benchmarks._fuzz_seeds import targets
from benchmarks.fuzz_readers import judge, make

TARGETS = targets()


@pytest.mark.parametrize("reader", TARGETS)
def test_damaged_files_are_read_right_or_refused(tmp_path, reader):
    target = TARGETS[reader]
    for number in range(25):
        suffix, data = make(target, reader, 1, number)
        path = tmp_path / f"{number}{suffix}"
        path.write_bytes(data)
        assert (number, judge(target, path)) in {(number, "right"), (number, "refused")}


def test_the_judge_sees_what_is_bad(tmp_path):
    def unworded(path):
        raise ValueError("no idea")

    def broken(path):
        raise KeyError(path)

    for read in (unworded, broken):
        assert judge(type(TARGETS["npy"])((read,), []), tmp_path) not in ("right", "refused")
