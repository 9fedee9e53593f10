"""What the README shows is run."""

import re
from pathlib import Path

import numpy as np

README = Path(__file__).parents[1] / "README.md"


def test_python_blocks_run_in_order_and_mend_the_picture():
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(blocks) >= 2
    names: dict = {}
    for block in blocks:
        exec(block, names)
    X, mask = names["X"], names["mask"]
    constant = np.abs(X[mask].mean() - X)[~mask].mean()
    for X_hat in (names["done"].completed, np.asarray(names["solution"].X.dense())):
        assert np.abs(X_hat - X)[~mask].mean() < 0.8 * constant
    np.testing.assert_array_equal(names["done"].completed[mask], X[mask])


def test_every_option_named_exists():
    from typer.main import get_command

    from matmend.cli import app

    commands = get_command(app).commands  # pyright: ignore[reportAttributeAccessIssue] - a group, as it has two commands
    text = README.read_text(encoding="utf-8")
    needed = {
        "## Mend a picture": ("complete", {"--mask", "--truth", "--undetermined"}),
        "## Which method suits my picture?": ("compare", {"--mask", "--truth"}),
        "## Ratings": (
            "complete evaluate",
            {"--predict", "--recommend", "--save-model", "--fold-in", "--folds", "--test", "--checkpoint", "--devices"},
        ),
        "## What can be recovered at all?": ("inspect", {"--mask", "--rank", "--plot", "--json"}),
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
