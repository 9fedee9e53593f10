"""``matmend complete``: from files to files."""

import contextlib
import dataclasses
import json as jsonlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import jax
import numpy as np
from rich.console import Console

from matmend import plots
from matmend.cli.console import literal, say
from matmend.cli.progress import Watch
from matmend.io import Picture, check_target, check_writable, read_mask, read_picture, write_picture
from matmend.methods import Completion, registry
from matmend.metrics import nmae, psnr, ssim
from matmend.solve import EnergyDecay, HeldoutRise, never

LARGE = 1024 * 1024
"""Pixels above which a person is told beforehand that it takes long."""


@dataclass(frozen=True)
class Request:
    """Which files to read and to write."""

    picture: Path
    output: Path | None = None
    mask: Path | None = None
    missing: Literal["auto", "white", "black"] = "auto"
    truth: Path | None = None
    plot: Path | None = None
    panel: Path | None = None
    graphs: Path | None = None
    overwrite: bool = False

    @property
    def target(self) -> Path:
        """Where the mended picture goes."""
        return self.output or self.picture.with_stem(f"{self.picture.stem}-mended")


@dataclass(frozen=True)
class Training:
    """How to complete."""

    method: Literal["air", "dmf", "rdmf"] = "air"
    depth: int = 3
    steps: int = 10_000
    weight: float | None = None
    seed: int = 0
    device: Literal["auto", "cpu", "gpu"] = "auto"
    float64: bool = False
    holdout: float = 0.05
    stop: Literal["auto", "decay", "heldout", "none"] = "auto"


def mend(request: Request, training: Training, *, json: bool = False, quiet: bool = False) -> dict[str, Any]:
    """Complete a picture file and report.

    Everything that can be refused is refused before the training: inputs are read and outputs are checked first.

    Parameters
    ----------
    request : Request
    training : Training
    json : bool
        Print the report as JSON instead of words.
    quiet : bool
        Print nothing.

    Returns
    -------
    dict
        The report.

    Raises
    ------
    ValueError
        If an input cannot be used or an output cannot be written.
    """
    picture = read_picture(request.picture)
    seen, polarity = _observed(request, picture)
    truth = None if request.truth is None else _truth(request.truth, picture)
    figures = _figures(request, training)
    check_target(request.target, picture.storage, overwrite=request.overwrite)
    for path in figures:
        plots.check_format(path)
        check_writable(path, overwrite=request.overwrite)

    if not (quiet or json):
        h, w = seen.shape
        told = f"[bold]{literal(request.picture)}[/]: {w} x {h}, {picture.storage.kind}, {1 - seen.mean():.2%} missing"
        say(told + (f" (the mask's {polarity} pixels)" if polarity else ""))
        if seen.size > LARGE:
            say(
                "[bold yellow]Large picture:[/] the cost of a step grows with the cube of the side, so this can take "
                "hours. Ctrl-C stops and writes what has been reached."
            )
    with _precision(training.float64), _device(training.device):
        completion = _train(picture, seen, training, visible=not (quiet or json))

    pixels = completion.completed if picture.pixels.shape[2] > 1 else completion.completed[..., None]
    write_picture(request.target, pixels, picture.storage, filled=~seen, overwrite=request.overwrite)
    for path, draw in figures.items():
        plots.save(draw(picture, completion, truth), path, overwrite=request.overwrite)
    report = _report(request, training, completion, pixels, truth)
    if json:
        print(jsonlib.dumps(report))
    elif not quiet:
        _tell(report, list(figures))
    return report


def _observed(request: Request, picture: Picture) -> tuple[np.ndarray, str]:
    seen, polarity = picture.mask, ""
    if request.mask is not None:
        drawn, polarity = read_mask(request.mask, picture.shape, missing=request.missing)
        if (num_nan := int((drawn & picture.nan_mask).sum())) > 0:
            raise ValueError(
                f"{request.picture} has NaN in {num_nan} pixels that {request.mask} calls observed: mark them as "
                "missing in the mask, or leave --mask out to treat NaN as missing."
            )
        seen = seen & drawn
    if seen.all():
        raise ValueError(
            f"Nothing is missing in {request.picture}: "
            + (f"{request.mask} marks no pixel; see --missing." if request.mask else "say what is with --mask MASK.")
        )
    if not seen.any():
        raise ValueError(
            f"Everything is missing in {request.picture}: at least some pixels must be observed"
            + ("; does the mask's --missing colour have to be the other one?" if request.mask else ".")
        )
    return seen, polarity


def _truth(path: Path, picture: Picture) -> np.ndarray:
    truth = read_picture(path)
    if truth.pixels.shape != picture.pixels.shape:
        raise ValueError(
            f"The truth must have the picture's size and channels {picture.pixels.shape}, "
            f"{path} has {truth.pixels.shape}."
        )
    return truth.pixels


Draw = Callable[[Picture, Completion, np.ndarray | None], Any]


def _figures(request: Request, training: Training) -> dict[Path, Draw]:
    if request.graphs is not None and training.method != "air":
        raise ValueError(f"--graphs draws learned graphs, and method {training.method} learns none: use --method air.")
    wanted: dict[Path | None, Draw] = {
        request.plot: lambda picture, done, truth: plots.curves(
            done.record, chosen=done.step, title=f"{request.picture.name}: {done.method}"
        ),
        request.panel: lambda picture, done, truth: plots.panel(
            picture.pixels, done.mask, done.completed, truth, title=request.picture.name
        ),
        request.graphs: lambda picture, done, truth: plots.laplacians(done.laplacians, title=request.picture.name),
    }
    return {path: draw for path, draw in wanted.items() if path is not None}


def _train(picture: Picture, seen: np.ndarray, training: Training, *, visible: bool) -> Completion:
    dtype = np.float64 if training.float64 else np.float32
    pixels = picture.pixels.astype(dtype)
    observed = pixels[..., 0] if pixels.shape[2] == 1 else pixels
    settings: dict[str, Any] = {"depth": training.depth, "steps": training.steps}
    if training.weight is not None:
        if training.method == "dmf":
            raise ValueError("Method dmf has no regularizer, so --weight means nothing to it: use air or rdmf.")
        settings["weight"] = training.weight
    if training.stop != "auto":
        settings["stop"] = {"decay": EnergyDecay(), "heldout": HeldoutRise(), "none": never}[training.stop]
    # Large pictures take seconds a step: records, and with them ctrl-C, must not be minutes apart.
    settings["every"] = int(np.clip(100 * (256 * 256) / seen.size, 5, 100))
    watch = Watch(Console(stderr=True), training.steps, visible=visible)
    with watch.watching():
        return registry[training.method](
            observed, seen, seed=training.seed, holdout=training.holdout, on_block=[watch], **settings
        )


@contextlib.contextmanager
def _precision(float64: bool) -> Iterator[None]:
    before = jax.config.read("jax_enable_x64")
    jax.config.update("jax_enable_x64", bool(float64 or before))
    try:
        yield
    finally:
        jax.config.update("jax_enable_x64", before)


def _device(name: str) -> contextlib.AbstractContextManager[Any]:
    if name == "auto":
        return contextlib.nullcontext()
    try:
        device = jax.local_devices(backend=name)[0]
    except RuntimeError as error:
        raise ValueError(
            f"No {name} that JAX can use was found. Install matmend[cuda] for NVIDIA cards, or use --device cpu."
        ) from error
    return jax.default_device(device)


def _report(
    request: Request, training: Training, completion: Completion, pixels: np.ndarray, truth: np.ndarray | None
) -> dict[str, Any]:
    report: dict[str, Any] = {
        "output": str(request.target),
        "missing": 1 - float(completion.mask.mean()),
        **dataclasses.asdict(training),
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


def _tell(report: dict[str, Any], figures: list[Path]) -> None:
    if report["is_partial"]:
        say(f"[bold yellow]Partial result:[/] {report['ended']}.")
    else:
        say(f"Ended after {report['steps_made']:,} steps: {report['ended']}.")
    say(f"The result is step {report['step']:,}, {report['seconds']:.1f} s with compilation.")
    if report["expected_rmse"] is not None:
        say(
            f"Expected error (RMS) {report['expected_rmse']:.2%} of the full range, measured on single pixels held "
            "out; where neighbours are missing too it is larger."
        )
    if "nmae" in report:
        say(
            f"Against the truth: RMS error {report['rmse']:.2%}, NMAE {report['nmae']:.4f} on the missing pixels; "
            f"PSNR {report['psnr']:.2f} dB, SSIM {report['ssim']:.4f} on the whole picture."
        )
    for path in figures:
        say(f"Figure: {literal(path)}")
    say(f"Mended picture: [bold green]{literal(report['output'])}[/]")
