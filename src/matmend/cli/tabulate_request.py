"""What ``matmend complete`` is asked about a table: the file to read, the files to write, and how to complete."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matmend.cli.intervals import SIDES, beside, check_coverage
from matmend.cli.names import Device, MethodName, Undetermined
from matmend.cli.pages import check_page, command_of
from matmend.cli.settings import check_options
from matmend.io import check_matrix_target

STREAM = Path("-")
"""Standard input or output."""


@dataclass(frozen=True)
class Request:
    """Which files to read and to write; ``-`` is standard input, or output."""

    table: Path
    output: Path | None = None
    truth: Path | None = None
    undetermined: Undetermined = "keep"
    intervals: float | None = None
    overwrite: bool = False
    report: Path | None = None

    @property
    def target(self) -> Path:
        """Where the filled table goes.

        Examples
        --------
        >>> Request(Path("prices.csv.gz")).target.name, str(Request(Path("-")).target)
        ('prices-filled.csv.gz', '-')
        """
        if self.output is not None:
            return self.output
        return STREAM if self.table == STREAM else beside(self.table, "filled")

    @property
    def bounds(self) -> dict[str, Path]:
        """Where lower and upper bounds go, if they are asked for."""
        return {} if self.intervals is None else {side: beside(self.target, side) for side in SIDES}

    @property
    def map(self) -> Path:
        """Where the map of undetermined cells goes."""
        return beside(self.target, "undetermined")


@dataclass(frozen=True)
class Training:
    """How to complete; None leaves it to be chosen."""

    method: MethodName | None = None
    depth: int | None = None
    steps: int | None = None
    weight: float | None = None
    seed: int = 0
    device: Device = "auto"

    @property
    def given(self) -> dict[str, Any]:
        """The settings that are given."""
        named = {"depth": self.depth, "steps": self.steps, "weight": self.weight}
        return {name: value for name, value in named.items() if value is not None}

    def command(self, request: Request) -> str:
        """Return what to type to do it again.

        Examples
        --------
        >>> Training("air", depth=2).command(Request(Path("a b.csv"), intervals=0.9))
        "matmend complete 'a b.csv' --method air --intervals 0.9 --seed 0 --depth 2"
        """
        options: dict[str, object] = {
            "--method": self.method, "--intervals": request.intervals, "--seed": self.seed,
            "--device": self.device,
        }  # fmt: skip
        return command_of(["complete", request.table], options | {f"--{name}": v for name, v in self.given.items()})


def check_request(request: Request, training: Training, *, json: bool) -> None:
    """Refuse what does not go together, before any file is looked at.

    Raises
    ------
    ValueError
        Naming the option.
    """
    check_coverage(request.intervals)
    if training.method is not None:
        check_options(training.method, training.given)
    elif training.given:
        option = next(iter(training.given))
        raise ValueError(f"--{option} is a setting of a method: say which by --method, or leave it out.")
    if request.table == STREAM and request.truth == STREAM:
        raise ValueError("Standard input can be one of INPUT and --truth, not both: name a file.")
    if request.target != STREAM:
        return
    if json:
        raise ValueError("--json and the table would both go to standard output: name a file for the table by -o.")
    if request.intervals is not None:
        raise ValueError("--intervals writes two more files, named after the first: name that one by -o.")
    if request.undetermined == "flag":
        raise ValueError("--undetermined flag writes one more file, named after the first: name that one by -o.")


def check_outputs(request: Request, *, has_map: bool) -> None:
    """Check that all files can be written, and none over what is read.

    Raises
    ------
    ValueError
        If one cannot.
    """
    if request.report is not None:
        check_page(request.report, overwrite=request.overwrite)
    inputs = [path.absolute() for path in (request.table, request.truth) if path is not None]
    for path in (request.target, *request.bounds.values(), *([request.map] if has_map else [])):
        check_matrix_target(path, overwrite=request.overwrite)
        if path != STREAM and path.absolute() in inputs:
            raise ValueError(f"{path} would be written over an input: choose another path.")
