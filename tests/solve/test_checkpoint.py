"""Snapshots survive what may happen to a program and to its files; a run goes on from them to the same bits."""

import errno
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _small import assert_same_bits, small_problem
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from matmend.solve import Checkpoints, HeldoutRise, LossBelow, Result, Terminated, adam, solve

TREE = {"U": jnp.arange(6.0).reshape(3, 2), "sweep": jnp.asarray(3, jnp.int32), "is_warm": jnp.asarray(True)}
KEY = jax.random.key(3)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def scaled(factor: float) -> dict[str, Any]:
    return {**TREE, "U": factor * TREE["U"]}


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Checkpoints, Path, bytes]:
    checkpoints = Checkpoints(tmp_path_factory.mktemp("two"))
    checkpoints.save(scaled(1.0), {"number": 1})
    newest = checkpoints.save(scaled(2.0), {"number": 2})
    return checkpoints, newest, newest.read_bytes()


@given(data=st.data())
def test_any_damage_of_the_newest_is_seen_and_the_one_before_is_taken(
    two: tuple[Checkpoints, Path, bytes], data: st.DataObject
):
    checkpoints, newest, whole = two
    at = data.draw(st.integers(0, len(whole) - 1))
    flipped = data.draw(st.integers(0, 8))  # 0: cut off there
    damaged = whole[:at] if flipped == 0 else whole[:at] + bytes([whole[at] ^ 1 << (flipped - 1)]) + whole[at + 1 :]
    newest.write_bytes(damaged)
    with pytest.warns(UserWarning, match=f"{newest.name} is damaged.*(checksum|begin)"):
        found = checkpoints.latest(TREE)
    newest.write_bytes(whole)
    assert found is not None
    assert found[1] == {"number": 1}
    assert_same_bits(found[0], scaled(1.0))
    again = checkpoints.latest(TREE)
    assert again is not None
    assert_same_bits(again[0], scaled(2.0))


def test_more_bytes_than_were_written_are_damage_too(two: tuple[Checkpoints, Path, bytes]):
    checkpoints, newest, whole = two
    newest.write_bytes(whole + b"\0")
    with pytest.warns(UserWarning, match="checksum"):
        assert checkpoints.latest(TREE) is not None
    newest.write_bytes(whole)


TYPES = ("float32", "float64", "bfloat16", "int8", "int32", "uint32", "bool", "complex64")


@given(
    dtype=st.sampled_from(TYPES),
    shape=hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
    data=st.data(),
    info=st.dictionaries(st.text(), st.none() | st.integers() | st.text() | st.floats(allow_nan=False), max_size=3),
)
def test_what_is_saved_comes_back_to_the_bit(
    tmp_path_factory: pytest.TempPathFactory, dtype: str, shape: tuple[int, ...], data: st.DataObject, info: dict
):
    count = int(np.prod(shape)) * jnp.dtype(dtype).itemsize
    raw = np.frombuffer(data.draw(st.binary(min_size=count, max_size=count)), np.uint8)
    array = ((raw & 1).astype(bool) if dtype == "bool" else raw.view(jnp.dtype(dtype))).reshape(shape)
    checkpoints = Checkpoints(tmp_path_factory.mktemp("bits"))
    checkpoints.save((array, {"b": TREE["U"]}), info)
    found = checkpoints.latest(jax.eval_shape(lambda: (jnp.zeros(shape, dtype), {"b": TREE["U"]})))
    assert found is not None
    assert found[1] == info
    assert found[0][0].dtype == jnp.dtype(dtype)
    assert np.asarray(found[0][0]).tobytes() == array.tobytes()
    assert_same_bits(found[0][1], {"b": TREE["U"]})


def test_numbers_rise_and_old_ones_go_when_the_new_one_is_there(tmp_path: Path):
    for number in range(1, 7):
        path = Checkpoints(tmp_path, keep=2).save(TREE, {"number": number})  # as if the program was begun anew
        assert path.name == f"snapshot-{number:08d}.mmend"
        assert names(tmp_path) == [f"snapshot-{n:08d}.mmend" for n in range(max(1, number - 1), number + 1)]


def test_a_disk_that_is_full_costs_nothing_that_was_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    checkpoints = Checkpoints(tmp_path, keep=1)
    checkpoints.save(TREE, {"number": 1})

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(ValueError, match=r"snapshot-00000002.*No space left.*room"):
            checkpoints.save(TREE, {"number": 2})
    assert names(tmp_path) == ["snapshot-00000001.mmend"]
    found = checkpoints.latest(TREE)
    assert found is not None
    assert found[1] == {"number": 1}


def test_what_killed_writers_left_is_removed_at_the_start_by_the_writer_alone(tmp_path: Path):
    for name in (".matmend-0123456789abcdef.mmend", "notes.txt", "snapshot-x.mmend"):
        (tmp_path / name).write_text("half")
    reader = Checkpoints(tmp_path, is_writer=False)
    reader.save(TREE, {})
    assert reader.latest(TREE) is None
    assert len(names(tmp_path)) == 3
    writer = Checkpoints(tmp_path)
    assert names(tmp_path) == ["notes.txt", "snapshot-x.mmend"]
    assert writer.save(TREE, {}) == reader.folder / "snapshot-00000001.mmend"
    assert reader.latest(TREE) is not None
    reader.clear()
    assert len(names(tmp_path)) == 3
    writer.part("one").save(TREE, {"step": 7})
    where = writer.whereabouts()
    assert where is not None
    assert (where[0].parent.name, where[1]) == ("one", {"step": 7})
    writer.clear()
    assert names(tmp_path) == ["notes.txt", "snapshot-x.mmend"]
    assert writer.whereabouts() is None


@pytest.mark.parametrize(
    ("like", "words"),
    [
        ({**TREE, "U": jnp.zeros((3, 3))}, r"\['U'\]: float64 of shape \(3, 3\), found .* \(3, 2\)"),
        ({**TREE, "U": jnp.zeros((3, 2), jnp.float32)}, "float32 of shape .*found .*float64"),
        ({**TREE, "V": jnp.zeros(2)}, "expected .*'V'"),
        ({"U": TREE["U"]}, "expected no further array|expected .*'U'"),
        ({}, "no further array"),
    ],
)
def test_a_snapshot_of_another_structure_is_refused(two: tuple[Checkpoints, Path, bytes], like: Any, words: str):
    with pytest.raises(ValueError, match=rf"another run than this one: .*({words}).*choose another folder"):
        two[0].latest(like)


@pytest.mark.parametrize(("leaf", "words"), [(KEY, "key_data"), (3.0, "float"), (np.array(["a"]), "<U1")])
def test_only_arrays_of_numbers_are_saved(tmp_path: Path, leaf: Any, words: str):
    with pytest.raises(ValueError, match=words):
        Checkpoints(tmp_path).save({"leaf": leaf}, {})
    assert names(tmp_path) == []


def test_bad_arguments(tmp_path: Path):
    bad: list[dict[str, Any]] = [{"every_seconds": -1.0}, {"every_seconds": float("nan")}, {"keep": 0}, {"keep": 1.5}]
    for settings in bad:
        with pytest.raises(ValueError, match=r"every_seconds >= 0 and keep"):
            Checkpoints(tmp_path, **settings)
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="cannot be made"):
        Checkpoints(tmp_path / "file" / "below")


def test_due_when_the_time_has_passed_or_sigterm_has_come(tmp_path: Path):
    assert Checkpoints(tmp_path, every_seconds=0.0).is_due()
    before = signal.getsignal(signal.SIGTERM)
    with Checkpoints(tmp_path, every_seconds=1e9).heeding() as checkpoints:
        part = checkpoints.part("one")
        assert not part.is_due()
        signal.raise_signal(signal.SIGTERM)
        assert part.is_due()
        with pytest.raises(Terminated, match=r"SIGTERM.*one") as ended:
            part.save(TREE, {})
        assert ended.value.code == 143
        assert part.latest(TREE) is not None
    assert signal.getsignal(signal.SIGTERM) is before


def test_outside_the_main_thread_sigterm_is_left_alone(tmp_path: Path):
    before, seen = signal.getsignal(signal.SIGTERM), []

    def work() -> None:
        with Checkpoints(tmp_path).heeding():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]


CHILD = """
import sys, time
import numpy as np
from matmend.solve import Checkpoints
with Checkpoints(sys.argv[1], every_seconds=1e9).heeding() as checkpoints:
    print("ready", flush=True)
    while not checkpoints.is_due():
        time.sleep(0.01)
    print("noticed", flush=True)
    if sys.argv[2] == "twice":
        time.sleep(60)
    checkpoints.save(np.ones(3), {})
    print("not reached", flush=True)
"""


@pytest.mark.parametrize(("how", "code"), [("once", 143), ("twice", -signal.SIGTERM)])
def test_sigterm_saves_and_ends_and_a_second_one_ends_at_once(tmp_path: Path, how: str, code: int):
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_path), how], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        for word in ("ready\n", "noticed\n")[: 1 if how == "once" else 2]:
            assert child.stdout.readline() == word
            child.send_signal(signal.SIGTERM)
        out, _ = child.communicate(timeout=60)
    assert child.returncode == code
    assert "not reached" not in out
    assert (Checkpoints(tmp_path).latest(np.ones(3)) is not None) == (how == "once")


class EndedError(Exception):
    """Stands for whatever ends a program."""


@pytest.mark.parametrize("batch_size", [None, 6])
def test_a_run_that_is_ended_again_and_again_has_the_bits_of_the_undisturbed_one(
    tmp_path: Path, batch_size: int | None
):
    arguments: dict[str, Any] = {"key": KEY, "max_steps": 90, "every": 20, "stop": HeldoutRise(patience=500)}
    arguments |= {"batch_size": batch_size}
    whole = solve(small_problem(), adam(1e-2), **arguments)
    for ends in range(6):  # after the start, then one block farther every time, and at last not at all
        told: list[int] = []

        def end(state: Any, row: dict[str, Any], told: list[int] = told, at: int = 20 * ends) -> None:
            told.append(int(row["step"]))
            if row["step"] == at:
                raise EndedError

        checkpoint = Checkpoints(tmp_path, every_seconds=0.0)
        try:
            done = solve(small_problem(), adam(1e-2), on_block=[end], checkpoint=checkpoint, **arguments)
        except EndedError:
            assert told == list(range(max(0, 20 * ends - 40), 20 * ends + 1, 20))
            continue
        assert_same_bits(done.state, whole.state)
        assert_same_bits(done.record, whole.record)
        assert told[-1] == 90
        break
    told = []
    again = solve(
        small_problem(), adam(1e-2), on_block=[lambda state, row: told.append(int(row["step"]))], **arguments,
        checkpoint=Checkpoints(tmp_path),
    )  # fmt: skip
    assert told == [90]  # finished is finished: told once more, not trained once more
    assert_same_bits((again.state, again.record), (whole.state, whole.record))


def test_interrupted_by_a_callback_it_is_saved_as_it_goes_on(tmp_path: Path):
    arguments: dict[str, Any] = {"key": KEY, "max_steps": 1000, "every": 20, "stop": LossBelow(0.5)}
    checkpoint = Checkpoints(tmp_path, every_seconds=1e9)
    stopped = solve(
        small_problem(), adam(1e-2), on_block=[lambda s, row: row["step"] >= 20], checkpoint=checkpoint, **arguments
    )
    assert stopped.result == Result.interrupted
    rest = solve(small_problem(), adam(1e-2), checkpoint=checkpoint, **arguments)
    whole = solve(small_problem(), adam(1e-2), **arguments)
    assert whole.result == Result.loss_reached
    assert_same_bits((rest.state, rest.record), (whole.state, whole.record))
    with pytest.raises(ValueError, match="another run than this one"):
        solve(small_problem(), adam(1e-2), checkpoint=checkpoint, **{**arguments, "stop": HeldoutRise()})
