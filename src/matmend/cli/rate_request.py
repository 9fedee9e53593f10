"""What ``matmend complete`` is asked about ratings: files to read, files to write, and what is in them."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matmend.cli.cluster import number_of
from matmend.cli.intervals import check_coverage
from matmend.cli.lists import like_ids, names_in, read_users, read_with_ids, together
from matmend.cli.names import Device
from matmend.io import Pairs, Ratings, check_table_target, check_writable, open_pairs
from matmend.io.delimited import is_whole
from matmend.io.streams import is_stream
from matmend.methods.ratings import RatingsModel
from matmend.methods.ratings.ids import all_ids


@dataclass(frozen=True)
class Request:
    """Which files to read and to write."""

    data: Path
    is_model: bool = False
    predict: Path | None = None
    recommend: int | None = None
    users: Path | None = None
    fold_in: Path | None = None
    seen: Path | None = None
    output: Path | None = None
    save_model: Path | None = None
    overwrite: bool = False
    checkpoint: Path | None = None
    checkpoint_every: float = 60.0
    intervals: float | None = None

    @property
    def predictions(self) -> Path | None:
        """Where predictions go, if they are asked for."""
        if self.predict is None:
            return None
        return self.output or self.predict.with_name(f"{_stem(self.predict)}-predicted{_table_suffix(self.predict)}")

    @property
    def recommendations(self) -> Path | None:
        """Where recommendations go, if they are asked for: beside the predictions, where both are."""
        if self.recommend is None:
            return None
        if self.output is not None and self.predict is None:
            return self.output
        beside = self.output or self.data
        return beside.with_name(f"{_stem(beside)}-recommended{_table_suffix(beside)}")

    @property
    def model(self) -> Path | None:
        """Where the model goes, if it is asked for, or nothing else is."""
        if self.save_model is not None or self.predict is not None or self.recommend is not None:
            return self.save_model
        return self.output or self.data.with_name(f"{_stem(self.data)}-model.npz")

    @property
    def inputs(self) -> list[Path]:
        """Files that are read."""
        paths = (self.data, self.predict, self.users, self.fold_in, self.seen)
        return [path for path in paths if path is not None]

    @property
    def outputs(self) -> list[Path]:
        """Files that are written, the one that matters most first."""
        return [path for path in (self.predictions, self.recommendations, self.model) if path is not None]


@dataclass(frozen=True)
class Training:
    """How to complete; None leaves a setting to the method."""

    rank: int | None = None
    draws: int | None = None
    implicit: bool | None = None
    holdout: float | None = None
    seed: int = 0
    device: Device = "auto"
    devices: str = "all"

    @property
    def given(self) -> dict[str, Any]:
        """The settings that are given, by the names that `complete_ratings` has for them."""
        named = {"rank": self.rank, "num_draws": self.draws, "implicit": self.implicit, "heldout": self.holdout}
        return {name: value for name, value in named.items() if value is not None}


@dataclass(frozen=True, eq=False)
class Inputs:
    """What was read."""

    ratings: Ratings | None
    model: RatingsModel | None
    names: tuple[str, str]
    pairs: Pairs | None
    users: NDArray[Any] | None
    fold_in: Ratings | None
    seen: Ratings | None


def read(request: Request) -> Inputs:
    """Read all files that a request names.

    Raises
    ------
    ValueError
        If one cannot be used.
    """
    pairs = None if request.predict is None else open_pairs(request.predict)
    users = None if request.users is None else read_users(request.users)
    if not request.is_model:
        ratings = read_with_ids(request.data)
        return Inputs(ratings, None, names_in(request.data), pairs, _typed(users, ratings.row_ids), None, ratings)
    model = RatingsModel.load(request.data)
    m, n = model.shape
    model = dataclasses.replace(model, row_ids=all_ids(model.row_ids, m), col_ids=all_ids(model.col_ids, n))
    extra = [
        None if path is None else like_ids(read_with_ids(path), model.row_ids, model.col_ids, path)
        for path in (request.fold_in, request.seen)
    ]
    named = next((path for path in (request.fold_in, request.seen) if path is not None), None)
    names = names_in(named) if named is not None else ("user", "item")
    seen = extra[0] or extra[1] if None in extra else together(extra[0], extra[1])  # pyright: ignore[reportArgumentType]
    return Inputs(None, model, names, pairs, _typed(users, model.row_ids), extra[0], seen)


def check_options(request: Request, training: Training) -> None:
    """Refuse what does not go together, before any file is looked at.

    Raises
    ------
    ValueError
        Naming the option.
    """
    number_of(training.devices)
    check_coverage(request.intervals)
    if request.intervals is not None and request.is_model:
        raise ValueError(
            "--intervals needs ratings to set aside, and a model does not keep any: give the ratings in its place."
        )
    if request.intervals is not None and request.predict is None:
        raise ValueError("--intervals says between which bounds predictions lie: add --predict PAIRS.")
    if training.holdout == 0:
        raise ValueError("--holdout 0 is for pictures: what to make of ratings is decided by some that are held out.")
    if request.is_model and request.checkpoint is not None:
        raise ValueError("--checkpoint keeps a training, and a model is trained: leave it out.")
    streams = [path for path in request.inputs if is_stream(path)]
    if len(streams) > 1:
        raise ValueError("Standard input can be one file, not several: name the others.")
    if streams and request.checkpoint is not None:
        raise ValueError("--checkpoint reads the input again later, and standard input is gone then: name a file.")
    if streams and request.output is None:
        raise ValueError("Standard input has no name to call the output by: add -o FILE.")
    if request.users is not None and request.recommend is None:
        raise ValueError("--for says to whom to recommend: add --recommend 10.")
    for option, value in (("--fold-in", request.fold_in), ("--seen", request.seen)):
        if value is not None and not request.is_model:
            raise ValueError(
                f"{option} is for a model that was saved; here the ratings are at hand: put all of them into one file."
            )
    if request.seen is not None and request.recommend is None:
        raise ValueError("--seen says what not to recommend: add --recommend 10.")


def check_outputs(request: Request) -> None:
    """Check that all files can be written, and none over another.

    Raises
    ------
    ValueError
        If one cannot.
    """
    for table in (request.predictions, request.recommendations):
        if table is not None:
            check_table_target(table, overwrite=request.overwrite)
    if (path := request.model) is not None:
        if path.suffix.lower() != ".npz":
            raise ValueError(
                f"Without --predict or --recommend the model is written, which needs the suffix .npz; got {path}."
                if path == request.output
                else f"A model is written to a .npz file, got {path}."
            )
        check_writable(path, overwrite=request.overwrite)
    named = [path.absolute() for path in (*request.outputs, *request.inputs)]
    for path in request.outputs:
        if named.count(path.absolute()) > 1:
            raise ValueError(f"{path} would be written over by another output, or over an input: choose another path.")


def _typed(users: NDArray[Any] | None, ids: NDArray[Any] | None) -> NDArray[Any] | None:
    """Return whole numbers as such where all ids are."""
    if users is None or ids is None or ids.dtype == object or not all(map(is_whole, users)):
        return users
    return users.astype(np.int64)


def _stem(path: Path) -> str:
    """Return the name without what tells the format, that of a packed file too."""
    packed = path.suffix.lower() in (".gz", ".bz2", ".zst", ".lz4")
    return Path(path.stem).stem if packed else path.stem


def _table_suffix(path: Path) -> str:
    return next((s for s in reversed(path.suffixes) if s.lower() in (".tsv", ".parquet")), ".csv")
