"""What to compare on what."""

from dataclasses import dataclass
from pathlib import Path

from matmend.cli.names import Device, Kind, Polarity


@dataclass(frozen=True)
class Contest:
    """What to compare on what."""

    data: Path
    mask: Path | None = None
    missing: Polarity = "auto"
    truth: Path | None = None
    methods: str | None = None
    seed: int = 0
    steps: int | None = None
    holdout: float = 0.1
    device: Device = "auto"
    output: Path | None = None
    panel: Path | None = None
    overwrite: bool = False
    kind: Kind | None = None
    repeats: int = 1
    report: Path | None = None

    @property
    def named(self) -> list[str] | None:
        """The methods asked for, if any were."""
        if self.methods is None:
            return None
        return list(dict.fromkeys(name.strip() for name in self.methods.split(",") if name.strip()))
