"""The commands and their options; what they do is in the modules beside this one."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from matmend.cli.console import literal, say

# Heavy modules (JAX, matplotlib) are imported inside the commands: `matmend --help` answers at once.
app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Complete a matrix from the entries you have: pictures with holes, without a training set.",
)

Method = Annotated[
    Literal["air", "dmf", "rdmf"],
    typer.Option(help="AIR-Net, deep factorization alone, or deep factorization with smooth pixels."),
]
Depth = Annotated[int, typer.Option(min=1, help="Number of factors.")]
Steps = Annotated[int, typer.Option(min=1, help="Most training steps; the stop rules may end before.")]
Weight = Annotated[
    float | None, typer.Option(min=0.0, help="Weight of the regularizer; by default chosen from the picture's size.")
]
Seed = Annotated[int, typer.Option(min=0, help="Fixes every random choice.")]
Device = Annotated[Literal["auto", "cpu", "gpu"], typer.Option(help="Where to compute.")]
Float64 = Annotated[bool, typer.Option("--float64", help="Compute in double precision.")]
Holdout = Annotated[
    float, typer.Option(min=0.0, max=0.5, help="Share of the observed pixels set aside to measure the error; 0: none.")
]
Stop = Annotated[
    Literal["auto", "decay", "heldout", "none"],
    typer.Option(help="Stop when the learned graph's energy has decayed, when held-out error rises, both, or never."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar and no report.")]


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"matmend {version('matmend')}")
        raise typer.Exit


@app.callback()
def _root(
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")] = False,
) -> None:
    pass


@app.command()
def complete(
    picture: Annotated[Path, typer.Argument(metavar="PICTURE", help="PNG, JPEG, TIFF, BMP or WebP; 8 or 16 bit.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="By default PICTURE-mended.SUFFIX.")] = None,
    mask: Annotated[
        Path | None,
        typer.Option("--mask", "-m", help="Picture of what is missing; not needed where alpha or NaN says it."),
    ] = None,
    missing: Annotated[
        Literal["auto", "white", "black"],
        typer.Option(help="Colour that the mask paints missing pixels in; auto: whichever is rarer."),
    ] = "auto",
    method: Method = "air",
    depth: Depth = 3,
    steps: Steps = 10_000,
    weight: Weight = None,
    seed: Seed = 0,
    device: Device = "auto",
    float64: Float64 = False,
    holdout: Holdout = 0.05,
    stop: Stop = "auto",
    truth: Annotated[
        Path | None, typer.Option(help="The undamaged picture, if there is one: the true error is reported too.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Write the curves of the training here.")] = None,
    panel: Annotated[Path | None, typer.Option(help="Write before, mask, after (and truth) side by side here.")] = None,
    graphs: Annotated[Path | None, typer.Option(help="Write heat maps of the learned Laplacians here (air).")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON on standard output.")] = False,
    quiet: Quiet = False,
) -> None:
    """Fill the missing pixels of a picture.

    Observed pixels are left exactly as they are, and the file is written with the depth and mode of the one read.
    Ctrl-C stops early and writes what has been reached.
    """
    from matmend.cli.mend import Request, Training, mend

    mend(
        Request(
            picture, output, mask, missing, truth=truth, plot=plot, panel=panel, graphs=graphs, overwrite=overwrite
        ),
        Training(method, depth, steps, weight, seed, device, float64, holdout, stop),
        json=json,
        quiet=quiet,
    )


@app.command()
def demo(
    folder: Annotated[Path, typer.Option(help="Where the demonstration writes its files.")] = Path("matmend-demo"),
    size: Annotated[Literal["64", "128", "256", "512"], typer.Option(help="Side of the picture in pixels.")] = "256",
    missing: Annotated[float, typer.Option(min=0.01, max=0.95, help="Share of the pixels to take away.")] = 0.3,
    method: Method = "air",
    steps: Steps = 10_000,
    seed: Seed = 0,
    device: Device = "auto",
    quiet: Quiet = False,
) -> None:
    """Take pixels away from a picture that comes with scikit-image, mend it, and say how good the result is."""
    from matmend.cli.demonstration import demonstrate
    from matmend.cli.mend import Training

    demonstrate(
        folder,
        size=int(size),
        missing=missing,
        training=Training(method=method, steps=steps, seed=seed, device=device),
        quiet=quiet,
    )


def main() -> None:
    """Run the command line; input that cannot be used gives one line and exit code 2."""
    try:
        app()
    except (ValueError, FileNotFoundError, PermissionError, IsADirectoryError) as error:
        say(f"[bold red]matmend:[/] {literal(error)}")
        sys.exit(2)
    except KeyboardInterrupt:
        say("[bold red]matmend:[/] interrupted; nothing was written")
        sys.exit(130)
