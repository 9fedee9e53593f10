"""The layers of docs/design.md: who may import whom, and how long a file may be."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "matmend"

# A module (or package) imports only from lines above its own; neighbours on a line do not import each other.
LINES = [
    {"graph", "masks", "io", "metrics"},
    {"completability", "bias", "datasets"},
    {"_types"},
    {"matrix", "fidelity", "segments", "patches"},
    {"transform"},
    {"observation", "representation", "regularizer"},
    {"problem", "spectrum"},
    {"solve", "dynamics"},
    {"methods", "plots", "tracking"},
    {"trust"},
    {"estimators", "report"},
    {"cli"},
]
LINE_OF = {module: line for line, modules in enumerate(LINES) for module in modules}
JAX_FREE = LINES[0] | LINES[1]
# Distribution -> the only modules that may import it.
OWNERS = {
    "optax": {"solve", "dynamics"},
    "diffrax": {"solve", "dynamics"},
    "faiss": {"regularizer"},  # nearest neighbours in `refresh`
    "sklearn": {"methods", "trust", "estimators", "report"},
    "matplotlib": {"plots"},
    "jinja2": {"report"},
    "pandas": {"estimators"},
    "polars": {"estimators"},
    "mlflow": {"tracking"},
    "tensorboardX": {"tracking"},
    **dict.fromkeys(("jax", "jaxlib", "equinox"), set(LINE_OF) - JAX_FREE),
}

FILES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")
MODULES = sorted({path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in FILES})


def is_type_checking(node):
    names = {n.id for n in ast.walk(node.test) if isinstance(n, ast.Name)}
    names |= {n.attr for n in ast.walk(node.test) if isinstance(n, ast.Attribute)}
    return "TYPE_CHECKING" in names


def imported_names(node):
    """Full dotted names of what is imported anywhere below `node`, functions included."""
    if isinstance(node, ast.If) and is_type_checking(node):
        children = node.orelse
    elif isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
        children = []
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, f"line {node.lineno}: relative imports hide the layer, write the full name"
        yield from (f"{node.module}.{alias.name}" for alias in node.names)
        children = []
    else:
        children = ast.iter_child_nodes(node)
    for child in children:
        yield from imported_names(child)


def breaches(path, source):
    """Say what in the file goes against the table."""
    module = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if module not in LINE_OF:
        return [f"{module} has no line in the table of {Path(__file__).name}"]
    found = []
    for name in imported_names(ast.parse(source)):
        top, _, rest = name.partition(".")
        if top == "matmend":
            target = rest.partition(".")[0]
            if target not in LINE_OF:
                found.append(f"{module} imports {name} from the root: name the module that has it")
            elif target != module and LINE_OF[target] >= LINE_OF[module]:
                found.append(f"{module} imports {target}, which is not above it")
        elif module not in OWNERS.get(top, {module}):
            found.append(f"{module} imports {top}")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_a_module_imports_only_from_the_lines_above(path):
    assert breaches(path, path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("module", "source", "expected"),
    [
        ("matrix", "from matmend.solve import solve", "matrix imports solve, which is not above it"),
        ("matrix", "import matmend.fidelity", "matrix imports fidelity, which is not above it"),
        ("matrix", "def f():\n    from matmend import problem", "matrix imports problem, which is not above it"),
        (
            "matrix",
            "from matmend import Dense",
            "matrix imports matmend.Dense from the root: name the module that has it",
        ),
        ("io/images", "import jax.numpy as jnp", "io imports jax"),
        ("masks", "from equinox import Module", "masks imports equinox"),
        ("methods/air", "import optax", "methods imports optax"),
        ("spectrum", "import sklearn.metrics", "spectrum imports sklearn"),
        ("methods/air", "import matplotlib", "methods imports matplotlib"),
        ("solve/loop", "if other:\n    import matplotlib.pyplot as plt", "solve imports matplotlib"),
        ("plots", "from matmend.methods.air import air", "plots imports methods, which is not above it"),
        ("novelty", "", "novelty has no line in the table of test_layers.py"),
        ("matrix", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import matmend.cli", None),
        ("matrix", "from matmend._types import Shape\nimport jax", None),
        ("solve/loop", "import optax\nfrom matmend.solve.state import State", None),
        ("cli/app", "import matmend.plots, matmend.methods.air, matmend.io", None),
    ],
)
def test_the_check_sees_what_it_should(module, source, expected):
    assert breaches(PACKAGE / f"{module}.py", source) == ([] if expected is None else [expected])


def test_light_modules_do_not_start_jax():
    light = [f"matmend.{module}" for module in MODULES if module in JAX_FREE]
    assert len(light) >= 3
    code = f"import sys, matmend, {', '.join(light)}; print(sorted({{'jax', 'jaxlib', 'equinox'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_file_is_longer_than_350_lines():
    folders = [ROOT / name for name in ("src", "tests", "benchmarks", "experiments")]
    lengths = {
        path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for folder in folders
        for path in folder.rglob("*.py")
    }
    assert len(lengths) > 20
    assert {path: length for path, length in lengths.items() if length > 350} == {}


def test_annotated_arrays_are_not_of_the_union_of_numpy():
    """Since NumPy 2.5 it is an alias that jaxtyping cannot look into: importing the module fails. That of JAX can."""
    texts = {path: path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")}
    annotated = {path: text for path, text in texts.items() if "[ArrayLike, " in text and "from jaxtyping" in text}
    assert annotated
    shapes = ("Float[ArrayLike, ", "Int[ArrayLike, ", "Bool[ArrayLike, ", "Num[ArrayLike, ", "Shaped[ArrayLike, ")
    wrong = [
        path.name
        for path, text in annotated.items()
        if any(shape in text for shape in shapes) and "from numpy.typing import ArrayLike" in text
    ]
    assert wrong == []
