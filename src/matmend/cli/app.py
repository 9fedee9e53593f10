"""The commands; their options are in `options`, what they do is in the other modules beside this one."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from matmend.cli import options
from matmend.cli.console import literal, say
from matmend.cli.listening import listen

# Heavy modules (JAX, matplotlib) are imported inside the commands: `matmend --help` answers at once.
app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Complete a matrix from the entries you have: pictures with holes, ratings. No training set.",
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"matmend {version('matmend')}")
        raise typer.Exit


@app.callback()
def _root(
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")] = False,
    verbose: options.Verbose = 0,
) -> None:
    listen(verbose)


@app.command()
def complete(
    context: typer.Context,
    data: Annotated[
        Path,
        typer.Argument(
            metavar="INPUT",
            help="A picture (PNG, JPEG, TIFF, BMP, WebP; 8 or 16 bit); a table with gaps (csv, tsv, parquet, npy, "
            "mat); ratings (csv, tsv, u.data, parquet, npz, mtx); or a model of ratings. - is standard input.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="By default INPUT-mended.SUFFIX, of a table INPUT-filled.SUFFIX; PAIRS-predicted.csv, "
            "INPUT-recommended.csv or INPUT-model.npz. - is standard output.",
        ),
    ] = None,
    kind: options.Kind = None,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    holdout: options.Holdout = None,
    mask: options.Mask = None,
    missing: options.Missing = "auto",
    method: options.Method = None,
    preset: options.Preset = None,
    depth: options.Depth = None,
    steps: options.Steps = None,
    weight: options.Weight = None,
    float64: options.Float64 = False,
    stop: options.Stop = None,
    truth: options.Truth = None,
    plot: options.Plot = None,
    panel: options.Panel = None,
    graphs: options.Graphs = None,
    report: options.ReportPage = None,
    undetermined: options.Undetermined = "keep",
    intervals: options.Intervals = None,
    predict: options.Predict = None,
    recommend: options.Recommend = None,
    users: options.Users = None,
    save_model: options.SaveModel = None,
    fold_in: options.FoldIn = None,
    seen: options.Seen = None,
    rank: options.Rank = None,
    draws: options.Draws = None,
    implicit: options.Implicit = None,
    devices: options.Devices = "all",
    checkpoint: options.Checkpoint = None,
    checkpoint_every: options.CheckpointEvery = 60.0,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Fill the gaps of a picture or a table; or complete ratings: predict, recommend, save the model.

    Observed pixels and cells are left exactly as they are, and the file is written with the depth and mode, or the
    names and types, of the one read. Ctrl-C stops a training of a picture or of ratings early and writes what has been
    reached; of a table, or where nothing is trained, nothing is written.
    """
    from matmend.cli.dispatch import kind_of

    if (found := kind_of(data, kind, context)) == "picture":
        from matmend.cli.mend import Request, Training, mend

        mend(
            Request(
                data, output, mask, missing, truth=truth, plot=plot, panel=panel, graphs=graphs,
                undetermined=undetermined, overwrite=overwrite, checkpoint=checkpoint,
                checkpoint_every=checkpoint_every, intervals=intervals, report=report,
            ),
            Training.asked(
                method, depth=depth, steps=steps, weight=weight, seed=seed, device=device, float64=float64,
                holdout=holdout, stop=stop, preset=preset, shows_training=bool(plot or graphs),
            ),
            json=json,
            quiet=quiet,
        )  # fmt: skip
        return
    if found == "table":
        from matmend.cli import tabulate

        tabulate.tabulate(
            tabulate.Request(data, output, truth, undetermined, intervals, overwrite, report),
            tabulate.Training(method, depth, steps, weight, seed, device),
            json=json,
            quiet=quiet,
        )
        return
    from matmend.cli import rate

    rate.rate(
        rate.Request(
            data, found == "model", predict, recommend, users, fold_in, seen, output, save_model, overwrite, checkpoint,
            checkpoint_every, intervals,
        ),
        rate.Training(rank, draws, implicit, holdout, seed, device, devices),
        json=json,
        quiet=quiet,
    )  # fmt: skip


@app.command()
def resume(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="What --checkpoint was given.")],
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Go on with a run that was ended: by Ctrl-C, SIGTERM, a kill, a power cut.

    The result is, bit for bit, what the undisturbed run would have written, to the same files.
    """
    from matmend.cli.continuing import resume

    resume(folder, json=json, quiet=quiet)


@app.command()
def compare(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="INPUT",
            help="A picture (PNG, JPEG, TIFF, ...); a table with gaps (csv, tsv, parquet, npy, mat, ...); ratings.",
        ),
    ],
    kind: options.Kind = None,
    mask: options.Mask = None,
    missing: options.Missing = "auto",
    methods: Annotated[
        str | None, typer.Option(help="Names with commas between them.", show_default="all that suit and are installed")
    ] = None,
    truth: options.Truth = None,
    seed: options.Seed = 0,
    steps: Annotated[
        int | None,
        typer.Option(min=1, help="Most training steps: air, dmf, rdmf, dmf_de.", show_default="chosen by the methods"),
    ] = None,
    holdout: Annotated[
        float, typer.Option(min=0.01, max=0.5, help="Share of what is observed to hide from all methods.")
    ] = 0.1,
    repeats: Annotated[
        int, typer.Option(min=1, max=100, help="How often to do so, each time with other entries: means are told.")
    ] = 1,
    device: options.Device = "auto",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the report as JSON here.")] = None,
    panel: Annotated[Path | None, typer.Option(help="Write what each method made of the picture here.")] = None,
    report: Annotated[Path | None, typer.Option(help="Write a page (HTML) about it here.", metavar="PAGE.html")] = None,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Run several methods on your data, those of other packages too, and rank them.

    The error is measured on observed entries that all methods are not shown: a part of them in the shape of what is
    missing. Ctrl-C stops and prints what is finished.
    """
    from matmend.cli.contest import contest
    from matmend.cli.contest_request import Contest

    contest(
        Contest(
            data, mask, missing, truth, methods=methods, seed=seed, steps=steps, holdout=holdout, device=device,
            output=output, panel=panel, overwrite=overwrite, kind=kind, repeats=repeats, report=report,
        ),
        json=json,
        quiet=quiet,
    )  # fmt: skip


@app.command()
def evaluate(
    data: Annotated[
        Path, typer.Argument(metavar="RATINGS", help="csv, tsv, u.data, parquet (.gz and the like); .npz; .mtx.")
    ],
    folds: Annotated[int, typer.Option(min=2, max=100, help="Parts, each of which is predicted from the others.")] = 5,
    test: Annotated[
        Path | None, typer.Option(help="Instead of folds: train on RATINGS, predict these.", metavar="RATINGS")
    ] = None,
    rank: options.Rank = None,
    draws: options.Draws = None,
    implicit: options.Implicit = None,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    devices: options.Devices = "all",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the report as JSON here.")] = None,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Say how well ratings are predicted that the training has not seen.

    By cross validation, or on a test set of your own. Ctrl-C stops and prints the folds that are finished.
    """
    from matmend.cli.evaluation import Evaluation, evaluate
    from matmend.cli.rate_request import Training

    evaluate(
        Evaluation(data, folds, test, output, overwrite),
        Training(rank, draws, implicit, None, seed, device, devices),
        json=json,
        quiet=quiet,
    )


@app.command()
def demo(
    folder: Annotated[Path, typer.Option(help="Where the demonstration writes its files.")] = Path("matmend-demo"),
    size: Annotated[Literal["64", "128", "256", "512"], typer.Option(help="Side of the picture in pixels.")] = "256",
    missing: Annotated[float, typer.Option(min=0.01, max=0.95, help="Share of the pixels to take away.")] = 0.3,
    method: options.Method = None,
    steps: options.Steps = None,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    quiet: options.Quiet = False,
) -> None:
    """Take pixels away from a picture that comes with scikit-image, mend it, and say how good the result is."""
    from matmend.cli.demonstration import demonstrate
    from matmend.cli.mend import Training

    demonstrate(
        folder,
        size=int(size),
        missing=missing,
        training=Training.asked(method, steps=steps, seed=seed, device=device),
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
    mask: options.Mask = None,
    missing: options.Missing = "auto",
    kind: options.Kind = None,
    rank: options.RankLookedAt = None,
    plot: Annotated[Path | None, typer.Option(help="Draw mask, components and what is determined here.")] = None,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Say what can be recovered from what is observed, before completing anything.

    Which entries low rank determines and at which ranks, which rows, columns and entries are the trouble, and what to
    observe next. Rows and columns are called by the names of the file, else by their positions from 1.
    """
    from matmend.cli.inspection import Inspection, inspect

    inspect(Inspection(data, kind, mask, missing, rank, plot, overwrite), json=json, quiet=quiet)


@app.command(name="report")
def report_(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="INPUT", help="A picture, a table or a list of ratings, in any format that [bold]complete[/] takes."
        ),
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="PAGE.html", help="By default INPUT-report.html.")
    ] = None,
    kind: options.Kind = None,
    mask: options.Mask = None,
    missing: options.Missing = "auto",
    method: options.Method = None,
    preset: options.Preset = None,
    intervals: options.ShownIntervals = None,
    rank: options.RankLookedAt = None,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    overwrite: options.Overwrite = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Complete INPUT and write a page about it: what was given, what it determines, what was chosen, how sure it is.

    The page is one HTML file that loads nothing from anywhere and opens well on a phone.
    """
    from matmend.cli.reporting import Request, report

    report(
        Request(data, output, kind, mask, missing, method, intervals, rank, seed, device, overwrite, preset),
        json=json,
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
