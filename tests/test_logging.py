"""The logger ``matmend``: silent by itself, and telling what a long run does."""

import ast
import logging
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from matmend import DeepFactorization, Masked, Problem
from matmend.io import Ratings
from matmend.methods import Recipe, complete_with
from matmend.methods.inpainting.filler import put_back
from matmend.methods.inpainting.tiles import tiled
from matmend.methods.ratings import complete_ratings
from matmend.solve import Checkpoints, adam, solve

PACKAGE = Path(__file__).parents[1] / "src" / "matmend"
X = np.outer(np.arange(1.0, 9.0), np.arange(1.0, 9.0)).astype(np.float32)
MASK = np.random.default_rng(0).random(X.shape) < 0.8


def heard(caplog, name):
    return [record.getMessage() for record in caplog.records if record.name == f"matmend.{name}"]


def test_nothing_is_said_unless_a_program_asks():
    code = "import logging, sys, matmend; logging.getLogger('matmend.io').error('lost'); print('jax' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("False\n", "")


def test_a_training_says_each_record_and_its_end(caplog, tmp_path):
    problem = Problem(Masked.from_array(X, MASK), DeepFactorization(depth=2))
    kept = Checkpoints(tmp_path, every_seconds=0)
    with caplog.at_level(logging.DEBUG, "matmend"):
        solution = solve(problem, adam(1e-2), key=jax.random.key(0), max_steps=20, every=10, checkpoint=kept)
    told = heard(caplog, "solve.loop")
    assert [line.partition(":")[0] for line in told] == ["step 0", "step 10", "step 20", "ended at step 20"]
    assert told[-1].endswith(solution.message)
    assert [Path(line.removeprefix("saved ")).name for line in heard(caplog, "solve.checkpoint")] == [
        f"snapshot-{number:08d}.mmend" for number in (1, 2, 3)
    ]
    caplog.clear()
    with caplog.at_level(logging.INFO, "matmend"):
        solve(problem, adam(1e-2), key=jax.random.key(0), max_steps=20, every=10, checkpoint=kept)
    assert heard(caplog, "solve.checkpoint") == [f"going on from {tmp_path / 'snapshot-00000003.mmend'}"]
    assert len(heard(caplog, "solve.loop")) == 1  # records are for DEBUG


def test_a_choice_is_told_with_what_it_was_made_by(caplog):
    recipes = [Recipe("deep", DeepFactorization(depth), settings={"depth": depth}) for depth in (2, 3)]
    with caplog.at_level(logging.INFO, "matmend"):
        done = complete_with(recipes, X, MASK, steps=20, refit=True)
    told = heard(caplog, "methods.training")
    chosen = [line for line in told if line.endswith("(chosen)")]
    assert len(told) == 3
    assert len(chosen) == 1
    assert f"'depth': {done.settings['depth']}" in chosen[0]
    assert told[-1] == f"deep: once more on all observed entries, {done.step} steps"


def test_ratings_and_tiles_say_what_is_done(caplog):
    rng = np.random.default_rng(0)
    rows, cols = np.divmod(rng.choice(20 * 15, 200, replace=False).astype(np.int32), np.int32(15))
    ratings = Ratings(rows, cols, np.sin(rows).astype(np.float32), (20, 15))
    picture, seen = np.ones((30, 30, 1), np.float32), np.ones((30, 30), bool)
    seen[3, 4:] = False
    with caplog.at_level(logging.INFO, "matmend"):
        complete_ratings(ratings, rank=2, implicit=False, num_draws=2)
        tiled(lambda p, o: put_back(np.ones_like(p), p, o), picture, seen, tile=16, overlap=4)
    told = heard(caplog, "methods.ratings.completing")
    assert [line.partition(":")[2].strip()[:13] for line in told] == [
        "held-out RMSE",
        told[1].removeprefix("chosen: ")[:13],
    ]
    tiles = heard(caplog, "methods.inpainting.tiles")
    assert tiles == [f"tile {number} of {len(tiles)}" for number in range(1, len(tiles) + 1)]
    assert len(tiles) > 1


@pytest.mark.parametrize(
    ("arguments", "variable", "expected"),
    [([], None, False), (["-v"], None, True), ([], "info", True), ([], "error", False), (["-v"], "error", True)],
)
def test_the_command_line_lets_one_hear_it(arguments, variable, expected, monkeypatch, capsys):
    from typer.testing import CliRunner

    from matmend.cli import app

    monkeypatch.delenv("MATMEND_LOG", raising=False)
    if variable is not None:
        monkeypatch.setenv("MATMEND_LOG", variable)
    logger = logging.getLogger("matmend")
    handlers, level = list(logger.handlers), logger.level
    try:
        CliRunner().invoke(app, [*arguments, "resume", "nowhere"])
        listens = any(handler not in handlers for handler in logger.handlers)
        assert (listens and logger.isEnabledFor(logging.INFO)) is expected
    finally:
        logger.handlers[:] = handlers
        logger.setLevel(level)


def test_a_level_that_is_none_is_refused():
    from matmend.cli.listening import level_of

    with pytest.raises(ValueError, match="MATMEND_LOG is one of debug, info, warning, error, got 'loud'"):
        level_of(0, {"MATMEND_LOG": "loud"})


def printing(source):
    names = [node.func for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return sum(isinstance(name, ast.Name) and name.id == "print" for name in names)


def test_nothing_prints_outside_the_command_line():
    assert printing("def f():\n    print(1)") == 1
    found = {
        path.relative_to(PACKAGE).as_posix(): count
        for path in PACKAGE.rglob("*.py")
        if path.relative_to(PACKAGE).parts[0] != "cli" and (count := printing(path.read_text(encoding="utf-8")))
    }
    assert found == {}
