"""The commands and their options; what they do is in the modules beside this one."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from matmend.cli.console import literal, say
from matmend.cli.names import Device as DeviceName
from matmend.cli.names import Kind as KindName
from matmend.cli.names import MethodName, Polarity, StopName
from matmend.cli.names import Undetermined as UndeterminedName

# Heavy modules (JAX, matplotlib) are imported inside the commands: `matmend --help` answers at once.
app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Complete a matrix from the entries you have: pictures with holes, without a training set.",
)

Method = Annotated[
    MethodName,
    typer.Option(
        help="AIR-Net (air), other deep factorizations (dmf, rdmf, dmf_de), neighbours (knn), low rank (iterative_svd, "
        "soft_impute, glrl), a patch network (pnmc), floors (mean, zeros). [bold]matmend compare[/] tells which suits.",
        show_choices=False,
    ),
]
Depth = Annotated[
    int | None,
    typer.Option(min=1, help="Number of factors: air, dmf, rdmf, dmf_de.", show_default="chosen by the method"),
]
Steps = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Most training steps (stop rules may end before), or most iterations: iterative_svd, soft_impute, "
        "glrl, pnmc.",
        show_default="chosen by the method",
    ),
]
Weight = Annotated[
    float | None,
    typer.Option(
        min=0.0, help="Weight of the regularizer: air, rdmf, dmf_de.", show_default="chosen from the picture's size"
    ),
]
Seed = Annotated[int, typer.Option(min=0, help="Fixes every random choice.")]
Device = Annotated[DeviceName, typer.Option(help="Where to compute.")]
Float64 = Annotated[bool, typer.Option("--float64", help="Compute in double precision.")]
Holdout = Annotated[
    float | None,
    typer.Option(
        min=0.0,
        max=0.5,
        help="Share of the observed pixels set aside to measure the error, 0: none. For what is trained, and for "
        "soft_impute and glrl to choose by.",
        show_default="0.05",
    ),
]
Stop = Annotated[
    StopName | None,
    typer.Option(
        help="Stop when the learned graph's energy has decayed, when held-out error rises, both, or never: air, dmf, "
        "rdmf, dmf_de.",
        show_default="auto",
    ),
]
Mask = Annotated[
    Path | None,
    typer.Option("--mask", "-m", help="Picture of what is missing; not needed where alpha or NaN says it."),
]
Missing = Annotated[
    Polarity, typer.Option(help="Colour that the mask paints missing pixels in; auto: whichever is rarer.")
]
Truth = Annotated[
    Path | None, typer.Option(help="The undamaged picture, if there is one: the true error is reported too.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")]
Json = Annotated[bool, typer.Option("--json", help="Print the report as JSON on standard output.")]
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
    mask: Mask = None,
    missing: Missing = "auto",
    method: Method = "air",
    depth: Depth = None,
    steps: Steps = None,
    weight: Weight = None,
    seed: Seed = 0,
    device: Device = "auto",
    float64: Float64 = False,
    holdout: Holdout = None,
    stop: Stop = None,
    truth: Truth = None,
    plot: Annotated[Path | None, typer.Option(help="Write the curves of the training here, if there was one.")] = None,
    panel: Annotated[Path | None, typer.Option(help="Write before, mask, after (and truth) side by side here.")] = None,
    graphs: Annotated[Path | None, typer.Option(help="Write heat maps of the learned Laplacians here (air).")] = None,
    undetermined: Annotated[
        UndeterminedName,
        typer.Option(
            help="Pixels that the data determine at no rank are filled, and white in OUTPUT-undetermined.png if there "
            "are any (keep) or always (flag), or they stay NaN or transparent (nan)."
        ),
    ] = "keep",
    overwrite: Overwrite = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Fill the missing pixels of a picture.

    Observed pixels are left exactly as they are, and the file is written with the depth and mode of the one read.
    Ctrl-C stops early and writes what has been reached.
    """
    from matmend.cli.mend import Request, Training, mend

    mend(
        Request(
            picture, output, mask, missing, truth=truth, plot=plot, panel=panel, graphs=graphs,
            undetermined=undetermined, overwrite=overwrite,
        ),
        Training(method, depth, steps, weight, seed, device, float64, holdout, stop),
        json=json,
        quiet=quiet,
    )  # fmt: skip


@app.command()
def compare(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="PICTURE", help="PNG, JPEG, TIFF, BMP or WebP; or a matrix in .npy, where NaN is missing."
        ),
    ],
    mask: Mask = None,
    missing: Missing = "auto",
    methods: Annotated[
        str | None, typer.Option(help="Names with commas between them.", show_default="all of them")
    ] = None,
    truth: Truth = None,
    seed: Seed = 0,
    steps: Annotated[
        int | None,
        typer.Option(min=1, help="Most training steps: air, dmf, rdmf, dmf_de.", show_default="chosen by the methods"),
    ] = None,
    holdout: Annotated[
        float, typer.Option(min=0.01, max=0.5, help="Share of the observed pixels to hide from all methods.")
    ] = 0.1,
    device: Device = "auto",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the report as JSON here.")] = None,
    panel: Annotated[Path | None, typer.Option(help="Write what each method made of the picture here.")] = None,
    overwrite: Overwrite = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run several methods on a picture and rank them.

    The error is measured on observed pixels that all methods are not shown: a part of them in the shape of what is
    missing. Ctrl-C stops and prints what is finished.
    """
    from matmend.cli.contest import Contest, contest

    contest(
        Contest(
            data, mask, missing, truth, methods=methods, seed=seed, steps=steps, holdout=holdout, device=device,
            output=output, panel=panel, overwrite=overwrite,
        ),
        json=json,
        quiet=quiet,
    )  # fmt: skip


@app.command()
def demo(
    folder: Annotated[Path, typer.Option(help="Where the demonstration writes its files.")] = Path("matmend-demo"),
    size: Annotated[Literal["64", "128", "256", "512"], typer.Option(help="Side of the picture in pixels.")] = "256",
    missing: Annotated[float, typer.Option(min=0.01, max=0.95, help="Share of the pixels to take away.")] = 0.3,
    method: Method = "air",
    steps: Steps = None,
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


@app.command(name="inspect")
def inspect_(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="INPUT",
            help="A picture; a table with gaps or ratings (csv, tsv, parquet; .gz and the like); .npy; .npz; .mtx.",
        ),
    ],
    mask: Mask = None,
    missing: Missing = "auto",
    kind: Annotated[
        KindName | None,
        typer.Option("--as", help="What INPUT is.", show_default="by its name and content"),
    ] = None,
    rank: Annotated[
        int | None,
        typer.Option(
            "--rank",
            "-r",
            min=1,
            help="Rank to look at closely.",
            show_default="10, in small matrices a quarter of the shorter side",
        ),
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw mask, components and what is determined here.")] = None,
    overwrite: Overwrite = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Say what can be recovered from what is observed, before completing anything.

    Which entries low rank determines and at which ranks, which rows, columns and entries are the trouble, and what to
    observe next. Rows and columns are called by the names of the file, else by their positions from 1.
    """
    from matmend.cli.inspection import Inspection, inspect

    inspect(Inspection(data, kind, mask, missing, rank, plot, overwrite), json=json, quiet=quiet)


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
