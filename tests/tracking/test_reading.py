from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.base import BaseEstimator

from matmend.solve import Result
from matmend.tracking import AbstractTracker, outcome, scalars


class Memory(AbstractTracker):
    """Keeps what it is given to write."""

    def __init__(self):
        super().__init__()
        self.points, self.words, self.closed_by = [], {}, "nobody"

    def _write(self, values: Mapping[str, float], step: int) -> None:
        self.points += [(name, step, value) for name, value in values.items()]

    def _note(self, words):
        self.words |= words

    def _conclude(self, measured, told):
        self.words |= told

    def _close(self, error):
        self.closed_by = error


def told(step, result=Result.running, **row):
    return SimpleNamespace(step=step, result=result), {"step": step, "loss": float(step), **row}


def names(tracker):
    return [(name, step) for name, step, _ in tracker.points]


def test_a_training_ends_where_the_step_falls_back_or_the_state_has_ended():
    tracker = Memory()
    for state, row in (told(0), told(10), told(0), told(10, Result.heldout_rose), told(20)):
        tracker(state, row)
    # The last one goes on from a checkpoint, after one that had ended: its step is larger, and it is another one.
    assert names(tracker) == [
        ("loss", 0),
        ("loss", 10),
        ("training-2/loss", 0),
        ("training-2/loss", 10),
        ("training-3/loss", 20),
    ]


def test_a_sweep_of_another_phase_is_another_training():
    tracker = Memory()
    for sweep, phase in ((1, "trying one"), (2, "trying one"), (3, "training on all")):
        tracker(None, {"sweep": sweep, "phase": phase, "noise": 1.0, "heldout": None, "max_sweeps": 9})
    assert names(tracker) == [("noise", 1), ("noise", 2), ("training-2/noise", 3)]
    assert tracker.words == {"phase": "trying one", "training-2/phase": "training on all"}


def test_moments_of_a_fit_are_written_as_well():
    tracker, score = Memory(), SimpleNamespace(error=0.25)
    tracker(SimpleNamespace(stage="choosing", method="knn", score=None, row=None))
    tracker(SimpleNamespace(stage="choosing", method="knn", score=score, row=None))
    tracker(SimpleNamespace(stage="training", method="air", score=None, step=10, row={"step": 10, "loss": 2.0}))
    tracker(SimpleNamespace(stage="done", method="air", score=None, row=None))
    assert tracker.points == [("choosing/knn", 0, 0.25), ("loss", 10, 2.0)]


def test_it_never_asks_a_run_to_end():
    assert Memory()(*told(0)) is None


def test_the_block_hands_on_what_ended_it():
    with Memory() as tracker:
        pass
    assert tracker.closed_by is None
    with pytest.raises(ZeroDivisionError), Memory() as tracker:
        raise ZeroDivisionError
    assert isinstance(tracker.closed_by, ZeroDivisionError)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, {"a": 1.0}),
        (True, {"a": 1.0}),
        (jnp.float32(0.5), {"a": 0.5}),
        (np.array([1, 2]), {"a/1": 1.0, "a/2": 2.0}),
        ((1.0, (2.0, 3.0)), {"a/1": 1.0, "a/2/1": 2.0, "a/2/2": 3.0}),
        (np.zeros((2, 2)), {}),
        ("words", {}),
        (None, {}),
        ((), {}),
        (1j, {}),
        (object(), {}),
    ],
)
def test_what_is_a_curve(value, expected):
    assert scalars({"a": value}) == expected


def test_values_that_are_not_finite_are_kept():
    found = scalars({"loss": np.float32("nan"), "gap": np.inf})
    assert np.isnan(found["loss"])
    assert found["gap"] == np.inf


def test_what_results_say():
    @dataclass
    class Found:
        seconds: float
        message: str
        settings: dict
        X: np.ndarray
        expected_rmse: float | None = None

    found = Found(1.5, "done", {"graph": np.zeros((9, 9)), "depth": 2}, np.zeros(3))
    assert outcome(found) == ({"seconds": 1.5}, {"message": "done", "settings/depth": "2"})
    assert outcome(SimpleNamespace(_secret=1.0, error=0.5, words="air")) == ({"error": 0.5}, {"words": "air"})


def test_what_estimators_say():
    class Estimator(BaseEstimator):
        def __init__(self, method="auto", rank=3, callback=None):
            self.method, self.rank, self.callback = method, rank, callback

        def fit(self):
            self.expected_rmse_, self.method_, self.X_, self._inner_ = 0.5, "air", np.zeros(3), 1.0
            return self

    estimator = Estimator(callback=print).fit()
    measured, told = outcome(estimator)
    assert measured == {"expected_rmse": 0.5}
    assert told == {"method": "air", "settings/method": "auto", "settings/rank": "3"}
