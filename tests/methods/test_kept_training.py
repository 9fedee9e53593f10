"""A method of several trainings, ended in any of them and called again, returns what it would have returned."""

from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from matmend.methods import Completion, Recipe, complete_with
from matmend.regularizer import AdaptiveLaplacian
from matmend.representation import DeepFactorization
from matmend.solve import Checkpoints

X = np.add.outer(np.sin(np.arange(8.0)), np.arange(6.0) / 3)
SEEN = np.random.default_rng(0).random(X.shape) > 0.3
RECIPES = (
    Recipe("deep", DeepFactorization(2), lambda shape, channels: 1e-3 * AdaptiveLaplacian(), steps=30),
    Recipe("deep", DeepFactorization(3), steps=40),
)


class EndedError(Exception):
    """Stands for whatever ends a program."""


def run(checkpoint: Checkpoints | None, blocks: float) -> Completion:
    left = [blocks]

    def count(state: Any, row: dict[str, Any]) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise EndedError

    return complete_with(
        RECIPES, X, SEEN, every=10, holdout=0.2, refit=True, on_block=[count], checkpoint=checkpoint
    )  # fmt: skip


@pytest.mark.parametrize("every_seconds", [0.0, 1e9])
def test_ended_in_any_training_it_goes_on_to_the_same_bits(tmp_path: Path, every_seconds: float):
    whole, ends = run(None, np.inf), 0
    blocks = 7 if every_seconds == 0 else 4  # at 0 more than trainings: each tells its last record again
    while True:
        try:
            done = run(Checkpoints(tmp_path, every_seconds=every_seconds), blocks + ends * (every_seconds > 0))
        except EndedError:
            ends += 1
            continue
        break
    assert ends >= 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["training-1", "training-2", "training-3"]
    for name in ("X_hat", "completed", "step", "steps", "message", "settings", "expected_rmse", "laplacians", "record"):
        jax.tree.map(np.testing.assert_array_equal, getattr(done, name), getattr(whole, name))
    assert len(done.settings["candidates"]) == 2


def test_another_run_in_the_same_folder_is_refused(tmp_path: Path):
    with pytest.raises(EndedError):
        run(Checkpoints(tmp_path, every_seconds=0.0), 2)
    with pytest.raises(ValueError, match=r"another run than this one: expected .* choose another folder"):
        complete_with(RECIPES[1], X, SEEN, every=10, checkpoint=Checkpoints(tmp_path))
