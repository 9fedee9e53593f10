import sys

import numpy as np
import pytest

from matmend.methods import dmf
from matmend.tracking import MLflow

X = np.outer(np.arange(1.0, 13.0), np.sin(np.arange(1.0, 13.0)))
MASK = np.random.default_rng(0).random(X.shape) < 0.7


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A folder: the light distribution of MLflow has no data base, and wants to be told that a folder is meant."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    return (tmp_path / "runs").as_uri()


def client(store):
    from mlflow.tracking import MlflowClient

    return MlflowClient(tracking_uri=store)


def test_curves_parameters_and_result_are_kept(store):
    with MLflow("products", run_name="first", store=store, parameters={"missing": 0.3}) as tracker:
        done = dmf.complete(X, MASK, steps=300, every=100, on_block=[tracker])
        tracker.finish(done)
    run = client(store).get_run(tracker.run_id)
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "first"
    experiment = client(store).get_experiment_by_name("products")
    assert experiment is not None
    assert run.info.experiment_id == experiment.experiment_id
    for name in ("loss", "heldout_rmse"):
        points = client(store).get_metric_history(tracker.run_id, name)
        assert [point.step for point in points] == [0, 100, 200, 300]
        np.testing.assert_allclose([point.value for point in points], done.record[name], rtol=1e-12)
    assert run.data.metrics["result/expected_rmse"] == pytest.approx(done.expected_rmse)
    assert run.data.params["missing"] == "0.3"
    assert run.data.params["settings/depth"] == "3"
    assert run.data.tags["message"] == done.message


@pytest.mark.parametrize(("error", "status"), [(RuntimeError, "FAILED"), (KeyboardInterrupt, "KILLED")])
def test_a_run_that_breaks_off_says_how(store, error, status):
    tracker = MLflow(store=store)
    with pytest.raises(error), tracker:
        raise error
    assert client(store).get_run(tracker.run_id).info.status == status


def test_a_run_of_ones_own_is_written_into_and_left_open(store):
    mine = client(store)
    run_id = mine.create_run(mine.create_experiment("mine")).info.run_id
    mine.log_param(run_id, "settings/depth", "deep")
    with MLflow(run_id=run_id, store=store, parameters={"words": "x" * 1000}) as tracker:
        tracker({"step": 5}, {"step": 5, "loss": 1.5})
        # MLflow never changes a parameter: what stands there stays, and is no reason to lose the rest.
        tracker.finish({"settings": {"depth": 2, "width": 3}})
    run = mine.get_run(run_id)
    assert run.info.status == "RUNNING"
    assert run.data.metrics == {"loss": 1.5}
    assert run.data.params == {"settings/depth": "deep", "settings/width": "3", "words": "x" * 500}


def test_an_experiment_is_made_once(store):
    ids = [MLflow("one", store=store).run_id for _ in range(2)]
    assert len({client(store).get_run(run_id).info.experiment_id for run_id in ids}) == 1
    assert len(set(ids)) == 2


def test_a_store_that_cannot_be_written_is_refused_with_a_way_out(store, monkeypatch):
    monkeypatch.delenv("MLFLOW_ALLOW_FILE_STORE")
    with pytest.raises(ValueError, match="install the whole of mlflow"):
        MLflow(store=store)


def test_without_the_extra_it_says_how_to_get_it(monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "mlflow"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(ValueError, match=r'mlflow-skinny, which is not installed: pip install "matmend\[tracking\]"'):
        MLflow()
