"""The model that a run leaves on a server can be loaded there and says what it takes."""

import warnings

import numpy as np
import pytest

from common.tracking import server_state, sync_and_status
from common.tracking.mirror.models import shapes_of

pytestmark = pytest.mark.filterwarnings("default")  # MLflow, TensorFlow and their dependencies warn a lot


@pytest.fixture(scope="module")
def model():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import keras
    inputs = keras.Input((16, 16, 2))
    hidden = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    return keras.Model(inputs, keras.layers.Dense(3)(hidden))


def test_the_model_comes_back_with_its_signature(model, mlflow_server, start, tmp_path):
    import mlflow

    run = start(mlflow_server.url)
    model.save(run.folder / "model.keras")
    assert shapes_of(run.folder / "model.keras") == ([-1, 16, 16, 2], [-1, 3])
    run.model("model.keras")
    run.finish("FINISHED")
    assert sync_and_status.sync([run.folder], tmp_path) == 0
    mark = server_state.load(run.folder, mlflow_server.url)
    assert set(mark.files) == {"model"}
    mlflow.set_tracking_uri(mlflow_server.url)
    model_id = mark.model_ids.get("model")
    uri = f"models:/{model_id}" if model_id else f"runs:/{mark.run_id}/model"
    X = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 2)).astype(np.float32)
    assert np.array_equal(mlflow.keras.load_model(uri).predict(X, verbose=0), model.predict(X, verbose=0))
    signature = mlflow.models.get_model_info(uri).signature
    assert signature.inputs.inputs[0].shape == (-1, 16, 16, 2)
    assert signature.outputs.inputs[0].shape == (-1, 3)


def test_a_model_of_mlflow_3_belongs_to_its_run_once(model, mlflow_3, start, tmp_path):
    from mlflow.tracking import MlflowClient

    run = start(mlflow_3.url)
    model.save(run.folder / "model.keras")
    run.model("model.keras")
    assert sync_and_status.sync([run.folder], tmp_path) == 0
    assert set(server_state.load(run.folder, mlflow_3.url).files) == {"model"}
    run.model("model.keras")  # said twice, and sent again after the mark was lost
    run.finish("FINISHED")
    server_state.mark_path(run.folder, mlflow_3.url).unlink()
    assert sync_and_status.sync([run.folder], tmp_path) == 0
    mark, client = server_state.load(run.folder, mlflow_3.url), MlflowClient(mlflow_3.url)
    found = client.search_logged_models([mark.experiment_id], f"source_run_id = '{mark.run_id}'")
    assert [(found.model_id, str(found.status)) for found in found] == [(mark.model_ids["model"], "READY")]
    outputs = client.get_run(mark.run_id).outputs.model_outputs
    assert [output.model_id for output in outputs] == [mark.model_ids["model"]]
