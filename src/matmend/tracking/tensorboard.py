"""Curves for TensorBoard, written by tensorboardX: no TensorFlow needed to write them."""

import itertools
import os
from collections.abc import Mapping
from typing import Any

from matmend.tracking.base import AbstractTracker, needed
from matmend.tracking.reading import MOST

_NUMBERS = itertools.count()


class TensorBoard(AbstractTracker):
    """Write the curves of a run as TensorBoard's event files.

    Parameters
    ----------
    folder : str or path-like
        Of this run; made if it is not there. A run that is continued adds to what it holds; runs to be compared are
        folders beside each other.
    parameters : mapping, optional
        What you want to find the run by: written as text at once, and beside the result as hyper-parameters.
    most : int, default 10
        Entries of a vector (singular values, say) that get a curve each.

    Raises
    ------
    ValueError
        If tensorboardX is not installed.

    Notes
    -----
    In a run of several processes hand it to the first one only.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from matmend.methods import dmf
    >>> X = np.outer(np.arange(1.0, 9.0), np.arange(1.0, 9.0))
    >>> with TensorBoard(tempfile.mkdtemp(), parameters={"data": "products"}) as tracker:
    ...     done = dmf.complete(X, X != X[2, 3], steps=200, on_block=[tracker])
    ...     tracker.finish(done)

    ``tensorboard --logdir FOLDER`` shows it.
    """

    def __init__(
        self, folder: str | os.PathLike[str], *, parameters: Mapping[str, Any] | None = None, most: int = MOST
    ):
        super().__init__(most=most)
        self._parameters = {name: str(value) for name, value in (parameters or {}).items()}
        self._noted: dict[str, str] = {}
        self._hparams = needed("tensorboardX.summary", "tensorboardX").hparams
        # Without a suffix two trackers that begin in the same second would write to one file.
        suffix = f".{os.getpid()}.{next(_NUMBERS)}"
        self._writer = needed("tensorboardX", "tensorboardX").SummaryWriter(os.fspath(folder), filename_suffix=suffix)
        self._note(self._parameters)

    def _write(self, values: Mapping[str, float], step: int) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def _note(self, words: Mapping[str, str]) -> None:
        for name, text in words.items():
            if self._noted.get(name) != text:
                self._noted[name] = text
                self._writer.add_text(name, text, self._step or 0)

    def _conclude(self, measured: Mapping[str, float], told: Mapping[str, str]) -> None:
        self._note(told)
        # tensorboardX's own `add_hparams` would make a run of its own for this, named after the time.
        for summary in self._hparams({**self._parameters, **told}, dict(measured)):
            self._writer.file_writer.add_summary(summary)
        self._write(measured, self._step or 0)

    def _close(self, error: BaseException | None) -> None:
        if error is not None:
            self._note({"ended by": type(error).__name__})
        self._writer.close()
