"""The event files are read back as TensorBoard reads them: records of a length, a checksum, and a message."""

import struct
import sys
from collections import defaultdict
from typing import Any

import jax
import numpy as np
import pytest

from matmend import AdaptiveLaplacian, DeepFactorization, Masked, Problem
from matmend.io import Ratings
from matmend.methods import Recipe, complete_with, dmf
from matmend.methods.ratings import complete_ratings
from matmend.solve import adam, solve, with_spectrum
from matmend.tracking import TensorBoard

X = np.outer(np.arange(1.0, 13.0), np.sin(np.arange(1.0, 13.0)))
MASK = np.random.default_rng(0).random(X.shape) < 0.7


def events(folder):
    from tensorboardX.proto import event_pb2

    for path in sorted(folder.glob("events.out.tfevents.*")):
        data, place = path.read_bytes(), 0
        while place < len(data):
            (length,) = struct.unpack_from("<Q", data, place)
            event: Any = getattr(event_pb2, "Event")()  # noqa: B009 (made at run time)
            event.ParseFromString(data[place + 12 : place + 12 + length])
            yield event
            place += 16 + length


def read(folder):
    """Curves as name -> {step: value}, and words as name -> the last one written."""
    curves, words = defaultdict(dict), {}
    for event in events(folder):
        for value in event.summary.value:
            if value.metadata.plugin_data.plugin_name == "text":
                words[value.tag.removesuffix("/text_summary")] = value.tensor.string_val[0].decode()
            elif value.HasField("simple_value"):
                curves[value.tag][event.step] = value.simple_value
    return curves, words


def values(curve):
    return np.array(list(curve.values()), np.float32)


def hyperparameters(folder):
    from tensorboardX.proto import plugin_hparams_pb2

    found = {}
    for event in events(folder):
        for value in event.summary.value:
            if value.tag == "_hparams_/session_start_info":
                message: Any = getattr(plugin_hparams_pb2, "HParamsPluginData")()  # noqa: B009 (made at run time)
                message.ParseFromString(value.metadata.plugin_data.content)
                start = message.session_start_info.hparams
                found |= {name: start[name].string_value for name in start}
    return found


def test_curves_are_those_of_the_record(tmp_path):
    with TensorBoard(tmp_path, parameters={"data": "products", "missing": 0.3}) as tracker:
        done = dmf.complete(X, MASK, steps=300, every=100, on_block=[tracker])
        tracker.finish(done)
    curves, words = read(tmp_path)
    for name in ("loss", "fidelity", "heldout", "rmse", "heldout_rmse"):
        assert list(curves[name]) == [0, 100, 200, 300]
        np.testing.assert_array_equal(values(curves[name]), done.record[name].astype(np.float32))
    assert done.expected_rmse is not None
    assert curves["result/expected_rmse"][300] == pytest.approx(done.expected_rmse)
    assert words["data"] == "products"
    assert words["message"] == done.message
    assert words["settings/depth"] == "3"
    told = hyperparameters(tmp_path)
    assert told["missing"] == "0.3"
    assert told["method"] == "dmf"


def test_singular_values_get_a_curve_each(tmp_path):
    problem = Problem(Masked.from_array(X.astype(np.float32), MASK), DeepFactorization(depth=2))
    with TensorBoard(tmp_path, most=3) as tracker:
        solution = solve(
            problem, adam(1e-2), key=jax.random.key(0), max_steps=40, every=20, record=with_spectrum, on_block=[tracker]
        )
        tracker.finish(solution)
    curves, words = read(tmp_path)
    assert sorted(name for name in curves if name.startswith("sigma")) == ["sigma/1", "sigma/2", "sigma/3"]
    for k in range(3):
        np.testing.assert_array_equal(values(curves[f"sigma/{k + 1}"]), solution.record["sigma"][:, k])
    np.testing.assert_array_equal(values(curves["effective_rank"]), solution.record["effective_rank"])
    assert words["message"] == solution.message


def test_every_training_of_a_method_has_its_own_curves(tmp_path):
    recipes = [Recipe("deep", DeepFactorization(depth), lambda *size: 1e-3 * AdaptiveLaplacian()) for depth in (2, 3)]
    with TensorBoard(tmp_path) as tracker:
        done = complete_with(recipes, X, MASK, steps=60, every=20, refit=True, on_block=[tracker])
    curves, _ = read(tmp_path)
    trainings = len(done.settings["candidates"]) + 1  # and once more on all entries
    assert "loss" in curves
    assert [name for name in curves if name.endswith("/loss")] == [
        f"training-{number}/loss" for number in range(2, trainings + 1)
    ]
    assert list(curves["training-2/loss"]) == [0, 20, 40, 60]
    assert curves["energies/1"]
    assert f"training-{trainings}/heldout" not in curves  # nothing is held out of the last one
    # Candidates start from other factors: their curves are not one curve written twice.
    assert curves["loss"][60] != curves["training-2/loss"][60]


def test_sweeps_over_ratings(tmp_path):
    rng = np.random.default_rng(0)
    rows, cols = np.divmod(rng.choice(40 * 30, 600, replace=False).astype(np.int32), np.int32(30))
    ratings = Ratings(rows, cols, (3 + np.sin(rows) * np.cos(cols)).astype(np.float32), (40, 30))
    with TensorBoard(tmp_path) as tracker:
        model = complete_ratings(ratings, rank=2, implicit=False, num_draws=5, on_sweep=[tracker])
        tracker.finish(model)
    curves, words = read(tmp_path)
    assert list(curves["heldout"]) == list(range(1, len(curves["heldout"]) + 1))
    assert words["phase"] == "first part"
    assert words["training-2/phase"] == "training on all ratings"
    assert "training-2/noise" in curves
    assert "max_sweeps" not in curves
    last = max(curves["heldout"])
    assert curves["heldout"][last] * model.scale == pytest.approx(model.heldout_error, rel=1e-5)


def test_a_run_that_breaks_off_is_readable_and_says_so(tmp_path):
    def fail(state, row):
        raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError, match="disk"), TensorBoard(tmp_path) as tracker:
        dmf.complete(X, MASK, steps=100, every=50, on_block=[tracker, fail])
    curves, words = read(tmp_path)
    assert list(curves["loss"]) == [0]
    assert words["ended by"] == "RuntimeError"


def test_what_a_folder_holds_is_added_to(tmp_path):
    for number in (1, 2):
        with TensorBoard(tmp_path, parameters={f"run{number}": number}):
            pass
    assert {"run1", "run2"} <= set(read(tmp_path)[1])


def test_without_the_extra_it_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX.summary", None)
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ValueError, match=r'tensorboardX, which is not installed: pip install "matmend\[tracking\]"'):
        TensorBoard(tmp_path / "new")
    assert not (tmp_path / "new").exists()
