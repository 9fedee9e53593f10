"""Runs of MLflow: parameters, curves and results."""

import time
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from matmend.tracking.base import AbstractTracker, needed
from matmend.tracking.reading import MOST

_LONGEST = 500
"""Characters of a parameter that every store takes."""

_BATCH = 100
"""Parameters that MLflow takes in one request."""


class MLflow(AbstractTracker):
    """Write the curves of a run into an MLflow store.

    Parameters
    ----------
    experiment : str, default "matmend"
        Name of the experiment; made if it is not there.
    run_name : str, optional
        Of the run; by default MLflow makes one up.
    run_id : str, optional
        Write into this run instead of a new one, such as ``mlflow.active_run().info.run_id``; it is then left open.
    store : str, optional
        Where to write: ``"http://host:5000"``; ``"sqlite:///runs.db"`` if the whole of mlflow is installed, of which
        the extra has the light part; a folder if ``MLFLOW_ALLOW_FILE_STORE=true`` is set. By default what MLflow itself
        takes (``MLFLOW_TRACKING_URI``).
    parameters : mapping, optional
        What you want to find the run by.
    most : int, default 10
        Entries of a vector (singular values, say) that get a curve each.

    Raises
    ------
    ValueError
        If MLflow is not installed, or cannot write to that store.

    Notes
    -----
    MLflow's own state, the active run, is neither read nor changed. In a run of several processes hand the tracker to
    the first one only.

    Examples
    --------
    ::

        with MLflow("barbara", store="http://localhost:5000", parameters={"missing": 0.3}) as tracker:
            done = air.complete(X, mask, on_block=[tracker])
            tracker.finish(done)
    """

    def __init__(
        self,
        experiment: str = "matmend",
        *,
        run_name: str | None = None,
        run_id: str | None = None,
        store: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        most: int = MOST,
    ):
        super().__init__(most=most)
        client = needed("mlflow.tracking", "mlflow-skinny").MlflowClient
        self._entities = needed("mlflow.entities", "mlflow-skinny")
        try:
            self._client = client(tracking_uri=store)
        except needed("mlflow.exceptions", "mlflow-skinny").MlflowException as error:
            raise ValueError(
                f"MLflow cannot write to {store or 'the store it takes by itself'} here: give store='http://...' of a "
                "server; or install the whole of mlflow for 'sqlite:///runs.db'; or set MLFLOW_ALLOW_FILE_STORE=true "
                f"for a folder. It said: {' '.join(str(error).split())[:200]}"
            ) from error
        self._is_own = run_id is None
        if run_id is None:
            found = self._client.get_experiment_by_name(experiment)
            place = self._client.create_experiment(experiment) if found is None else found.experiment_id
            run_id = self._client.create_run(place, run_name=run_name).info.run_id
        self.run_id: str = str(run_id)
        """The run that is written into."""
        self._known = dict(self._client.get_run(run_id).data.params)
        self._add_parameters({name: str(value) for name, value in (parameters or {}).items()})

    def _write(self, values: Mapping[str, float], step: int) -> None:
        now = int(time.time() * 1000)
        points = [self._entities.Metric(name, value, now, step) for name, value in values.items()]
        self._client.log_batch(self.run_id, metrics=points)

    def _note(self, words: Mapping[str, str]) -> None:
        for name, text in words.items():
            self._client.set_tag(self.run_id, name, text)

    def _conclude(self, measured: Mapping[str, float], told: Mapping[str, str]) -> None:
        settings = {name: text for name, text in told.items() if "/" in name}
        self._add_parameters(settings)
        self._note({name: text for name, text in told.items() if name not in settings})
        self._write(measured, self._step or 0)

    def _close(self, error: BaseException | None) -> None:
        if self._is_own:
            status = "FINISHED" if error is None else "KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED"
            self._client.set_terminated(self.run_id, status)

    def _add_parameters(self, parameters: Mapping[str, str]) -> None:
        """Add those that are new: MLflow refuses to change a parameter."""
        fresh = {name: text[:_LONGEST] for name, text in parameters.items() if name not in self._known}
        self._known.update(fresh)
        entries: Iterator[Any] = (self._entities.Param(name, text) for name, text in fresh.items())
        while batch := list(islice(entries, _BATCH)):
            self._client.log_batch(self.run_id, params=batch)
