"""The documentation: its commands and code are run, its links lead somewhere, the messages it quotes exist."""

import ast
import doctest
import importlib.util
import re
import shlex
import textwrap
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from matmend.datasets import load_sample
from matmend.masks import random_mask

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
TEXT = {page: (DOCS / page).read_text(encoding="utf-8") for page in PAGES}

# Lines of shell that are not run, by how they begin, and why.
NOT_RUN = {
    "pip install": "changes the environment",
    "make": "sets up an environment, or runs these tests",
    "tensorboard": "is a server",
    "srun": "needs a cluster",
    "mpirun": "needs a cluster",
    "export MATMEND_COORDINATOR": "several processes: tests/solve/test_processes.py",
    "for k in 0 1; do MATMEND_PROCESS": "several processes: tests/solve/test_processes.py",
    "MATMEND_COORDINATOR": "several processes: tests/solve/test_processes.py",
    "python -m experiments": "the quick version of each is run by `make test`; the paper's takes hours",
    "python -m benchmarks": "measures for minutes to hours, some beside programs that are not installed here",
}
# Pages whose blocks of Python show calls with names that stand for the reader's own.
NOT_EXECUTED = {
    "scale.md": "its blocks are those of tasks/ratings.md in short, and a program for several devices",
}
# What stands for the reader's own on pages that show calls only.
GIVEN = {
    "images.md": """
        from matmend.datasets import load_sample
        from matmend.masks import random_mask
        picture = load_sample("camera", size=64)[:32, :32]
        mask = random_mask(picture.shape, 0.2, seed=0)
    """,
    "trust.md": """
        import numpy as np
        from matmend.io import read_ratings
        from matmend.methods import registry
        rng = np.random.default_rng(0)
        observed = rng.normal(size=(40, 2)) @ rng.normal(size=(2, 20))
        mask = rng.random(observed.shape) < 0.7
        done = registry["soft_impute"](observed, mask)
        ratings = read_ratings("ratings.csv")
        row_ids, col_ids = ["u1", "u3"], ["i2", "i4"]
    """,
}
# What is added so that a command takes seconds: everything else of it is as on the page.
PINNED = [
    (re.compile(r"complete photo\.png(?!.*--(preset|method))"), "--preset fast"),
    (re.compile(r"demo"), "--method knn"),
    (re.compile(r"(complete|evaluate) (ratings|train)\.csv"), "--rank 2 --draws 4 --no-implicit --devices 1"),
]


def blocks(text, *languages):
    """Fenced blocks, also those indented below a tab."""
    for match in re.finditer(r"^( *)```(\w+)[^\n]*\n(.*?)^\1```", text, flags=re.DOTALL | re.MULTILINE):
        if match[2] in languages:
            yield "\n".join(line.removeprefix(match[1]) for line in match[3].splitlines())


def lines_of_shell(text):
    for block in blocks(text, "sh", "bash"):
        for line in block.replace("\\\n", " ").splitlines():
            command = shlex.join(shlex.split(line, comments=True)) if line.startswith("matmend") else line.strip()
            if command:
                yield command


SHELL = [(page, line) for page in PAGES for line in lines_of_shell(TEXT[page])]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The files that the pages speak of, small."""
    monkeypatch.chdir(tmp_path)
    X = np.round(255 * load_sample("camera", size=64)[18:50, 12:44]).astype(np.uint8)
    seen = random_mask(X.shape, 0.2, seed=0)
    Image.fromarray(np.where(seen, X, 0).astype(np.uint8)).save("photo.png")
    Image.fromarray(np.where(seen, 0, 255).astype(np.uint8)).save("mask.png")
    rng = np.random.default_rng(0)
    users, items = np.divmod(rng.choice(30 * 20, 400, replace=False), 20)
    values = np.round(3 + np.sin(users) + np.cos(items), 1)
    rated = [f"u{user},i{item},{value}" for user, item, value in zip(users, items, values, strict=True)]

    def write(name, header, lines):
        Path(name).write_text("\n".join([header, *lines]) + "\n")

    write("ratings.csv", "user,item,rating", rated)
    write("train.csv", "user,item,rating", rated[:300])
    write("test.csv", "user,item,rating", rated[300:])
    write("new.csv", "user,item,rating", [f"new,i{item},4" for item in range(6)])
    write("pairs.csv", "user,item", ["u1,i2", "u3,i4", "nobody,i1"])
    table = rng.normal(size=(60, 2)) @ rng.normal(size=(2, 5)) * [1, 10, 5, 1, 2]
    cells = [["" if rng.random() < 0.15 else f"{value:.4f}" for value in row] for row in table]
    write("table.csv", "name,a,b,c,d,e", [f"row{k},{','.join(row)}" for k, row in enumerate(cells)])
    return tmp_path


def pages_with(*languages):
    return [page for page in PAGES if any(True for _ in blocks(TEXT[page], *languages))]


@pytest.mark.parametrize("page", [page for page in pages_with("sh", "bash") if any(
    where == page and line.startswith("matmend") for where, line in SHELL)])  # fmt: skip
def test_the_commands_of_a_page_run(page, folder, monkeypatch, capsys):
    from matmend.cli import main

    for where, line in SHELL:
        if where != page or not line.startswith("matmend "):
            continue
        for pattern, more in PINNED:
            line += f" {more}" if pattern.search(line) else ""
        monkeypatch.setattr("sys.argv", shlex.split(line))
        code = 0
        try:
            main()
        except SystemExit as exit_:
            code = exit_.code
        said = capsys.readouterr().err
        assert not code, f"{line}: {said}"
        for option in ("-o", "--panel", "--plot", "--graphs", "--report"):
            words = shlex.split(line)
            if option in words:
                assert (folder / words[words.index(option) + 1]).stat().st_size > 0, line


@pytest.mark.parametrize("page", [page for page in pages_with("python") if page not in NOT_EXECUTED])
def test_the_python_of_a_page_runs_in_order(page, folder):
    names: dict = {}
    exec(textwrap.dedent(GIVEN.get(page, "")), names)
    for block in blocks(TEXT[page], "python"):
        exec(compile(block, page, "exec"), names)


def test_every_line_of_shell_is_run_or_named():
    left = [line for _, line in SHELL if not line.startswith(("matmend ", *NOT_RUN))]
    assert left == []
    assert len([line for _, line in SHELL if line.startswith("matmend ")]) > 15


def test_what_is_not_executed_is_at_least_python():
    for page in PAGES:
        for block in blocks(TEXT[page], "py", *(["python"] if page in NOT_EXECUTED else [])):
            ast.parse(block)


def test_the_code_of_the_page_on_extending_is_a_test():
    # With a plain `python` the formatter would take the line for Python, and mend it into something else.
    included = re.findall(
        r'^``` {\.python}\n--8<-- "tests/test_extending\.py:([\w-]+)"\n```$', TEXT["extending.md"], re.M
    )
    source = (ROOT / "tests" / "test_extending.py").read_text(encoding="utf-8")
    assert included
    assert sorted(included) == sorted(re.findall(r"--8<-- \[start:([\w-]+)\]", source))
    assert sorted(included) == sorted(re.findall(r"--8<-- \[end:([\w-]+)\]", source))
    assert TEXT["extending.md"].count("8<") == len(included)


def test_modules_and_files_that_are_named_exist():
    named = set()
    for text in TEXT.values():
        named |= set(re.findall(r"`(?:python -m )?((?:experiments|benchmarks)\.[a-z0-9_.]+)", text))
        named |= set(re.findall(r"python -m\s+((?:experiments|benchmarks)\.[a-z0-9_.]+)", text))
    assert len(named) > 20
    missing = [name for name in named if importlib.util.find_spec(name) is None]
    assert missing == []
    files = {path for text in TEXT.values() for path in re.findall(r"`((?:tests|src|benchmarks)/[\w/]+\.py)`", text)}
    assert [path for path in files if not (ROOT / path).exists()] == []


def anchors(text):
    headings = re.findall(
        r"^#{1,6} (.*)$", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE), re.MULTILINE
    )
    return {re.sub(r"[\s]+", "-", re.sub(r"[^\w\s-]", "", heading.lower()).strip()) for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_pages_and_headings(page):
    prose = re.sub(r"^( *)```.*?^\1```", "", TEXT[page], flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if target.startswith("http"):
            continue
        path, _, anchor = target.partition("#")
        found = (DOCS / page).parent / path if path else DOCS / page
        assert found.exists(), target
        # What is outside of this folder would be missing on the site.
        assert found.resolve().is_relative_to(DOCS), target
        if anchor:
            assert anchor in anchors(found.read_text(encoding="utf-8")), target


def test_no_page_waits_for_its_figures():
    waiting = [(page, line) for page in PAGES for line in TEXT[page].splitlines() if re.fullmatch(r"[A-Z]{4,}", line)]
    assert waiting == []


def messages():
    """All strings of the sources, with a NUL where something is filled in."""
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else "\0" for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def test_the_messages_quoted_exist():
    quoted = re.findall(r"^#### `(.*)`$", TEXT["faq.md"], flags=re.MULTILINE)
    assert len(quoted) > 12
    known = list(messages())
    for message in quoted:
        pieces = [re.escape(piece) for piece in message.split("...") if piece.strip()]
        pattern = re.compile("[\\s\\S]*".join(pieces))
        assert any(pattern.search(text) for text in known), message
    assert not any("a message that nobody wrote" in text for text in known)


def test_every_public_module_is_in_the_api():
    listed = set(re.findall(r"^::: ([\w.]+)$", "\n".join(TEXT.values()), flags=re.MULTILINE))
    package = ROOT / "src" / "matmend"
    public = {
        f"matmend.{path.name.removesuffix('.py')}"
        for path in package.iterdir()
        if not path.name.startswith("_") and (path.suffix == ".py" or (path / "__init__.py").exists())
    } - {"matmend.cli"}
    assert public <= listed
    assert all(importlib.util.find_spec(name.rpartition(".")[0]) is not None for name in listed)
    # Griffe sees the module and not the function where both have one name: such functions are listed by themselves.
    for name in listed:
        places = [package.joinpath(*name.split(".")[1:]) / f"__init__.{kind}" for kind in ("py", "pyi")]
        for place in filter(Path.exists, places):
            for both in re.findall(r"import (\w+) as \1$", place.read_text(encoding="utf-8"), flags=re.MULTILINE):
                if (place.parent / f"{both}.py").exists() and f"from . import {both} " not in place.read_text():
                    assert f"{name}.{both}.{both}" in listed


def test_markup_of_docstrings_becomes_markdown():
    spec = importlib.util.spec_from_file_location("_exports", DOCS / "_exports.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    result = doctest.testmod(module)
    assert result.attempted > 1
    assert result.failed == 0


def test_the_site_is_built_strictly_and_asks_nobody():
    config = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert re.search(r"^strict: true$", config, re.MULTILINE)
    assert "font: false" in config
    assert "://" not in config
    listed = set(re.findall(r"([\w/-]+\.md)\b", config))
    assert listed == set(PAGES)
