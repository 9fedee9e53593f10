"""What the README shows is run."""

import ast
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import sparse

from matmend.datasets import load_sample
from matmend.masks import random_mask

README = Path(__file__).parents[1] / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)
RNG = np.random.default_rng(0)
TABLE = RNG.normal(size=(60, 2)) @ RNG.normal(size=(2, 5)) * [1, 10, 5, 1, 2] + RNG.normal(size=(60, 5)) * 0.05
SEEN = RNG.random(TABLE.shape) > 0.15
PICTURE = np.round(255 * load_sample("camera", size=64)).astype(np.uint8)
RATED = RNG.random((40, 30)) < 0.5
RATINGS = 3 + np.outer(np.sin(np.arange(40)), np.cos(np.arange(30)))


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    """Everything that the blocks, run in their order, have made."""
    folder = tmp_path_factory.mktemp("readme")
    pd.DataFrame(np.where(SEEN, TABLE, np.nan), columns=list("abcde")).to_csv(folder / "table.csv")
    rows, cols = np.nonzero(RATED)
    sparse.save_npz(folder / "ratings.npz", sparse.coo_array((RATINGS[RATED], (rows, cols)), shape=RATED.shape))
    seen = random_mask(PICTURE.shape, 0.3, seed=0)
    Image.fromarray(np.where(seen, PICTURE, 0).astype(np.uint8)).save(folder / "photo.png")
    Image.fromarray(np.where(seen, 0, 255).astype(np.uint8)).save(folder / "mask.png")
    found: dict = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for block in BLOCKS:
            exec(compile(block, "README.md", "exec"), found)
            found.setdefault("masks", []).append(found.get("mask"))
    return found


def shown(word):
    (block,) = [block for block in BLOCKS if word in block]
    return [node for node in ast.parse(block).body if not isinstance(node, ast.Import | ast.ImportFrom)]


@pytest.mark.parametrize("word", ["read_csv", "intervals", "load_npz", "GridSearchCV", "complete_picture"])
def test_the_examples_have_five_lines_at_most(word):
    assert len(shown(word)) <= 5


def test_the_table_is_filled_and_stays_what_it_was(names):
    filled, table = names["filled"], names["table"]
    assert list(filled.columns) == list("abcde")
    assert filled.index.equals(table.index)
    np.testing.assert_array_equal(filled.to_numpy()[SEEN], table.to_numpy()[SEEN])
    spread = TABLE.std(axis=0)
    assert np.abs((filled.to_numpy() - TABLE) / spread)[~SEEN].mean() < 0.3  # means of columns: 0.8
    assert names["completer"].expected_rmse_ > 0


def test_the_intervals_cover_and_are_not_endless(names):
    bounds = names["bounds"]
    covered = (bounds.lower <= TABLE) & (bounds.upper >= TABLE)
    assert covered[~SEEN].mean() > 0.75  # 45 cells: three standard deviations below 0.9
    assert np.median((bounds.upper - bounds.lower)[~SEEN] / np.tile(TABLE.std(axis=0), (60, 1))[~SEEN]) < 2
    np.testing.assert_array_equal(bounds.lower[SEEN], bounds.upper[SEEN])


def test_ratings_are_predicted_and_the_search_finds_the_rank(names):
    truth = [RATINGS[0, 3], RATINGS[7, 1]]
    np.testing.assert_allclose(names["values"], truth, atol=0.2)
    assert (names["errors"] > 0).all()
    assert names["search"].best_score_ > 0.9
    assert names["search"].best_params_["rank"] in (1, 2, 4)


def test_the_pictures_are_mended(names):
    X, mask = names["X"], names["mask"]
    constant = np.abs(X[mask].mean() - X)[~mask].mean()
    for X_hat in (names["done"].completed, np.asarray(names["solution"].X.dense())):
        assert np.abs(X_hat - X)[~mask].mean() < 0.8 * constant
    np.testing.assert_array_equal(names["done"].completed[mask], X[mask])
    mask = next(mask for mask in names["masks"] if mask is not None)
    error = names["found"].picture - PICTURE / 255
    assert np.abs(error)[~mask].mean() < 0.06


def test_every_option_named_exists():
    from typer.main import get_command

    from matmend.cli import app

    commands = get_command(app).commands  # pyright: ignore[reportAttributeAccessIssue] - a group, as it has two commands
    text = README.read_text(encoding="utf-8")
    needed = {
        "## Mend a picture": ("complete", {"--mask", "--truth", "--undetermined"}),
        "## Ratings": (
            "complete evaluate",
            {"--predict", "--recommend", "--save-model", "--fold-in", "--folds", "--test", "--checkpoint", "--devices"},
        ),
        "## Tables": ("complete", {"--intervals", "--method"}),
        "## Which method suits my data?": ("compare", {"--mask", "--truth"}),
        "## How sure is it?": ("complete inspect", {"--intervals", "--mask", "--rank", "--plot", "--json"}),
    }
    ends = [*list(needed)[1:], "## From Python"]
    for (start, (names, least)), end in zip(needed.items(), ends, strict=True):
        known = {option for name in names.split() for parameter in commands[name].params for option in parameter.opts}
        named = set(re.findall(r"(--[a-z0-9]+(?:-[a-z0-9]+)*)", text[text.index(start) : text.index(end)])) - {"--help"}
        assert named <= known
        assert least <= named


def test_every_method_is_named():
    from matmend.methods import registry

    text = README.read_text(encoding="utf-8")
    assert all(f"`{name}`" in text for name in registry)


def test_every_command_is_named():
    from typer.main import get_command

    from matmend.cli import app

    text = README.read_text(encoding="utf-8")
    commands = get_command(app).commands  # pyright: ignore[reportAttributeAccessIssue] - ditto
    assert [name for name in commands if f"matmend {name}" not in text] == []
