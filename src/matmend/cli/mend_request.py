"""What ``matmend complete`` is asked about a picture: files to read, files to write, and how to train."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from matmend.cli.names import Device, MethodName, Polarity, PresetName, StopName, Undetermined


@dataclass(frozen=True)
class Request:
    """Which files to read and to write."""

    picture: Path
    output: Path | None = None
    mask: Path | None = None
    missing: Polarity = "auto"
    truth: Path | None = None
    plot: Path | None = None
    panel: Path | None = None
    graphs: Path | None = None
    undetermined: Undetermined = "keep"
    overwrite: bool = False
    checkpoint: Path | None = None
    checkpoint_every: float = 60.0
    intervals: float | None = None
    report: Path | None = None

    @property
    def target(self) -> Path:
        """Where the mended picture goes."""
        return self.output or self.picture.with_stem(f"{self.picture.stem}-mended")


@dataclass(frozen=True)
class Training:
    """How to complete; None leaves a setting to the method."""

    method: MethodName = "patches"
    depth: int | None = None
    steps: int | None = None
    weight: float | None = None
    seed: int = 0
    device: Device = "auto"
    float64: bool = False
    holdout: float | None = None
    stop: StopName | None = None
    preset: PresetName | None = None

    @classmethod
    def asked(cls, method: MethodName | None, *, shows_training: bool = False, **settings: Any) -> Self:
        """Take the method that was asked for; without one, air if something is asked for that only training has.

        Examples
        --------
        >>> Training.asked(None).method, Training.asked(None, steps=100).method, Training.asked("knn").method
        ('patches', 'air', 'knn')
        """
        given = cls(**settings).given
        is_for_training = shows_training or any(given[name] is not None for name in given if name != "preset")
        return cls(method=method or ("air" if is_for_training or settings.get("float64") else "patches"), **settings)

    @property
    def given(self) -> dict[str, Any]:
        """The settings that not every method takes, None where left to the method."""
        return {name: getattr(self, name) for name in ("depth", "steps", "weight", "holdout", "stop", "preset")}
