"""What ``matmend complete`` says about a mended picture, in numbers and in words."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from matmend.cli.console import literal, say
from matmend.cli.intervals import tell_intervals
from matmend.cli.settings import is_trained, settings_of
from matmend.io import is_lossy
from matmend.methods import Completion
from matmend.metrics import nmae, psnr, ssim

if TYPE_CHECKING:
    from matmend.cli.mend_request import Request, Training


def reported(
    request: "Request", training: "Training", completion: Completion, pixels: np.ndarray, truth: np.ndarray | None
) -> dict[str, Any]:
    """Return what there is to report, as JSON can hold it."""
    report: dict[str, Any] = {
        "output": str(request.target),
        "missing": 1 - float(completion.mask.mean()),
        **dataclasses.asdict(training),
        **_taken(training, completion),
        "step": completion.step,
        "steps_made": completion.steps,
        "ended": completion.message,
        "is_partial": completion.is_partial,
        "expected_rmse": completion.expected_rmse,
        "seconds": round(completion.seconds, 2),
    }
    if truth is not None:
        X_hat = np.clip(pixels, 0, 1)
        report |= {
            "nmae": nmae(X_hat, truth, completion.mask),
            "rmse": float(np.sqrt(np.mean((X_hat - truth)[~completion.mask] ** 2))),
            "psnr": psnr(X_hat, truth),
            "ssim": ssim(X_hat, truth),
        }
    return report


def _taken(training: "Training", completion: Completion) -> dict[str, Any]:
    """Say what was taken where nothing was given: the method's default, or what it chose; None if it takes no such."""
    settings = settings_of(training.method)
    taken = {name: completion.settings.get(name, default) for name, default in settings.items()}
    if is_trained(training.method):
        taken["stop"] = "auto"
    return {name: taken.get(name) if value is None else value for name, value in training.given.items()}


def tell(report: dict[str, Any], figures: list[Path], pages: list[Path]) -> None:
    """Say how it went, how good the result is and what was written."""
    if report["is_partial"]:
        say(f"[bold yellow]Partial result:[/] {report['ended']}.")
    elif report["steps_made"] > 0:
        say(f"Ended after {report['steps_made']:,} steps: {report['ended']}.")
    if is_trained(report["method"]):
        say(f"The result is step {report['step']:,}, {report['seconds']:.1f} s with compilation.")
    else:
        say(f"Method {report['method']}, {report['seconds']:.1f} s.")
    if report["method"] == "patches":
        say(f"Filled by {report['ended']}.")
    if report["expected_rmse"] is not None:
        how = (
            "pixels held out in the shape of what is missing."
            if report["method"] in ("glrl", "patches")
            else "single pixels held out; where neighbours are missing too it is larger."
        )
        say(f"Expected error (RMS) {report['expected_rmse']:.2%} of the full range, measured on {how}")
    if "nmae" in report:
        say(
            f"Against the truth: RMS error {report['rmse']:.2%}, NMAE {report['nmae']:.4f} on the missing pixels; "
            f"PSNR {report['psnr']:.2f} dB, SSIM {report['ssim']:.4f} on the whole picture."
        )
    if "intervals" in report:
        if report["intervals"] is None:
            say("[bold yellow]No intervals:[/] they are calibrated when the training has come to its end.")
        else:
            width = report["intervals"]["mean_width"]
            tell_intervals(report["intervals"], "pixel", width=f"{width:.2%} of the full range")
    if report["undetermined_map"] is not None:
        say(f"Map of what the data leave open (white): {literal(report['undetermined_map'])}")
    for path in figures:
        say(f"Figure: {literal(path)}")
    for path in pages:
        say(f"Page: {literal(path)}")
    if is_lossy(report["output"]):
        say(
            "[bold yellow]JPEG:[/] it is compressed anew, which changes observed pixels a little; -o NAME.png keeps "
            "them exactly."
        )
    say(f"Mended picture: [bold green]{literal(report['output'])}[/]")
