"""The options of the commands, each with its words of help."""

from pathlib import Path
from typing import Annotated

import typer

from matmend.cli.names import Device as DeviceName
from matmend.cli.names import Kind as KindName
from matmend.cli.names import MethodName, Polarity, PresetName, StopName
from matmend.cli.names import Undetermined as UndeterminedName

PICTURES = "Pictures"
ARRAYS = "Pictures and tables"
RATINGS = "Ratings"
"""Under which heading the help lists what only one of them takes."""

Method = Annotated[
    MethodName | None,
    typer.Option(
        help="Similar patches of the picture (patches), AIR-Net (air), other deep factorizations (dmf, rdmf, dmf_de), "
        "neighbours (knn), correlations (gaussian), low rank (iterative_svd, soft_impute, glrl), a patch network "
        "(pnmc), other tools (biharmonic, navier_stokes, fsr), floors (mean, zeros). [bold]matmend compare[/] tells "
        "which suits.",
        show_choices=False,
        show_default="patches; air where an option is only for what is trained; in tables chosen by held-out cells",
        rich_help_panel=ARRAYS,
    ),
]
Preset = Annotated[
    PresetName | None,
    typer.Option(
        help="About a second (fast), or up to half a minute and a smaller error (best), for a small picture: patches.",
        show_default="best up to 512 x 512 pixels, else fast",
        rich_help_panel=PICTURES,
    ),
]
Depth = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Number of factors: air, dmf, rdmf, dmf_de.",
        show_default="chosen by the method",
        rich_help_panel=ARRAYS,
    ),
]
Steps = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Most training steps (stop rules may end before), or most iterations: iterative_svd, soft_impute, "
        "glrl, pnmc.",
        show_default="chosen by the method",
        rich_help_panel=ARRAYS,
    ),
]
Weight = Annotated[
    float | None,
    typer.Option(
        min=0.0,
        help="Weight of the regularizer: air, rdmf, dmf_de.",
        show_default="chosen by the method",
        rich_help_panel=ARRAYS,
    ),
]
Seed = Annotated[int, typer.Option(min=0, help="Fixes every random choice.")]
Device = Annotated[DeviceName, typer.Option(help="Where to compute.")]
Float64 = Annotated[bool, typer.Option("--float64", help="Compute in double precision.", rich_help_panel=PICTURES)]
Holdout = Annotated[
    float | None,
    typer.Option(
        min=0.0,
        max=0.5,
        help="Share of what is observed set aside to measure the error, 0: none. In pictures for what is trained, and "
        "for soft_impute and glrl to choose by.",
        show_default="0.05",
    ),
]
Stop = Annotated[
    StopName | None,
    typer.Option(
        help="Stop when the learned graph's energy has decayed, when held-out error rises, both, or never: air, dmf, "
        "rdmf, dmf_de.",
        show_default="auto",
        rich_help_panel=PICTURES,
    ),
]
Mask = Annotated[
    Path | None,
    typer.Option(
        "--mask",
        "-m",
        help="Picture of what is missing; not needed where alpha or NaN says it.",
        rich_help_panel=PICTURES,
    ),
]
Missing = Annotated[
    Polarity,
    typer.Option(
        help="Colour that the mask paints missing pixels in; auto: whichever is rarer.", rich_help_panel=PICTURES
    ),
]
Truth = Annotated[
    Path | None,
    typer.Option(
        help="The undamaged picture or whole table, if there is one: the true error is reported too.",
        rich_help_panel=ARRAYS,
    ),
]
Checkpoint = Annotated[
    Path | None,
    typer.Option(
        help="Keep the work in this folder, new or empty: whatever ends the program, [bold]matmend resume[/] goes on. "
        "Not for tables.",
        metavar="FOLDER",
    ),
]
CheckpointEvery = Annotated[float, typer.Option(min=0.0, help="Seconds between two times of saving there.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")]
Json = Annotated[bool, typer.Option("--json", help="Print the report as JSON on standard output.")]
Verbose = Annotated[
    int,
    typer.Option(
        "--verbose",
        "-v",
        count=True,
        help="Before the command: tell on standard error what happens, with the time; -vv: every record of a training. "
        "MATMEND_LOG=info or debug does the same.",
        show_default=False,
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar and no report.")]
Plot = Annotated[
    Path | None, typer.Option(help="Write the curves of the training here, if there was one.", rich_help_panel=PICTURES)
]
Panel = Annotated[
    Path | None,
    typer.Option(help="Write before, mask, after (and truth) side by side here.", rich_help_panel=PICTURES),
]
ReportPage = Annotated[
    Path | None,
    typer.Option("--report", help="Write a page (HTML) about it here.", metavar="PAGE.html", rich_help_panel=ARRAYS),
]
Graphs = Annotated[
    Path | None,
    typer.Option(help="Write heat maps of the learned Laplacians here (air).", rich_help_panel=PICTURES),
]
Undetermined = Annotated[
    UndeterminedName,
    typer.Option(
        help="Pixels and cells that the data determine at no rank are filled, and white or 1 in OUTPUT-undetermined "
        "if there are any (keep) or always (flag), or they stay NaN, empty or transparent (nan).",
        rich_help_panel=ARRAYS,
    ),
]
Intervals = Annotated[
    float | None,
    typer.Option(
        help="Bounds that cover so many of the true values: OUTPUT-lower and OUTPUT-upper are written too, or with "
        "--predict columns lower and upper.",
        metavar="SHARE",
        show_default="none; 0.9 covers nine in ten",
    ),
]
ShownIntervals = Annotated[
    float | None,
    typer.Option(
        help="Show bounds that cover so many of the true values, and how wide they are.",
        metavar="SHARE",
        show_default="none; 0.9 covers nine in ten",
    ),
]
Kind = Annotated[KindName | None, typer.Option("--as", help="What INPUT is.", show_default="by its name and content")]

Predict = Annotated[
    Path | None,
    typer.Option(
        help="File of pairs user, item (csv, tsv, parquet): predict each.", metavar="PAIRS", rich_help_panel=RATINGS
    ),
]
Recommend = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="So many items for each user, the best of those not rated yet.",
        metavar="NUMBER",
        rich_help_panel=RATINGS,
    ),
]
Users = Annotated[
    Path | None,
    typer.Option(
        "--for", help="Recommend to these users only: a file with an id in each line.", rich_help_panel=RATINGS
    ),
]
SaveModel = Annotated[
    Path | None,
    typer.Option(
        help="Write the model here as well, for another time: it is an INPUT too.",
        metavar="MODEL.npz",
        rich_help_panel=RATINGS,
    ),
]
FoldIn = Annotated[
    Path | None,
    typer.Option(
        help="INPUT is a model: take in users and items that are new in these ratings, without training.",
        metavar="RATINGS",
        rich_help_panel=RATINGS,
    ),
]
Seen = Annotated[
    Path | None,
    typer.Option(
        help="INPUT is a model: do not recommend what is rated here.", metavar="RATINGS", rich_help_panel=RATINGS
    ),
]
Rank = Annotated[
    int | None,
    typer.Option(
        "--rank",
        "-r",
        min=1,
        help="Columns of the factors.",
        show_default="chosen by the method",
        rich_help_panel=RATINGS,
    ),
]
Draws = Annotated[
    int | None,
    typer.Option(
        min=2,
        help="Models drawn at random from what fits, and averaged.",
        show_default="chosen by the method",
        rich_help_panel=RATINGS,
    ),
]
Implicit = Annotated[
    bool | None,
    typer.Option(
        "--implicit/--no-implicit",
        help="Whether who rated what is used besides the ratings.",
        show_default="both are tried, unless the file is large",
        rich_help_panel=RATINGS,
    ),
]
Devices = Annotated[
    str,
    typer.Option(
        help="On how many devices: all, or a number. Cores count as devices where there is no GPU. In several "
        "processes: of each.",
        metavar="all|NUMBER",
        rich_help_panel=RATINGS,
    ),
]
RankLookedAt = Annotated[
    int | None,
    typer.Option(
        "--rank",
        "-r",
        min=1,
        help="Rank to look at closely.",
        show_default="10, in small matrices a quarter of the shorter side",
    ),
]
