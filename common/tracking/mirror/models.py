"""A Keras model as MLflow's model: signature and MLmodel file are written here, without loading TensorFlow again."""

import json
import platform
import shutil
import tempfile
import zipfile
from importlib import metadata
from pathlib import Path

from common.tracking.faults import fault_of


def shapes_of(path: Path) -> tuple[list[int], list[int]]:
    """Input and output shape of a saved Keras model, read from the configuration inside the .keras file.

    Returns:
        ([-1, height, width, channels], [-1, values]); -1 where the file does not say it.

    Raises:
        OSError, LookupError, ValueError, zipfile.BadZipFile: this is no Keras model with one input and output.
    """
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))["config"]
    layers = {layer["config"]["name"]: layer for layer in config["layers"]}
    inputs = [layer for layer in layers.values() if layer["class_name"] == "InputLayer"]
    if len(inputs) != 1:
        raise ValueError(f"a model with one input is expected. Received: {len(inputs)} inputs")
    shape = inputs[0]["config"]["batch_shape"]
    output = config.get("output_layers") or [list(layers)[-1]]
    while isinstance(output, list):
        output = output[0]
    return [-1 if size is None else size for size in shape], [-1, layers[output]["config"].get("units", -1)]


def send_model(client, mark, path: Path, place: str, record: dict, write) -> None:
    """Puts a model on the server: as a logged model of the run where it knows such (MLflow 3), else as plain files.

    Args:
        client: MlflowClient. mark: server_state.Mark of the server, gets the model's id. path: the .keras file.
        place: its name there. record: the journal's model record. write: calls a function under the store's lock.
    """
    with tempfile.TemporaryDirectory(prefix="model-") as folder:
        model_id = _logged_model(client, mark, place, write)
        _write_folder(Path(folder), path, record, mark.run_id, model_id)
        if model_id is None:
            client.log_artifacts(mark.run_id, folder, place)
            return
        client.log_model_artifacts(model_id, folder)
        write(client.finalize_logged_model, model_id, "READY")


def _logged_model(client, mark, place: str, write) -> str | None:
    """The id of the run's logged model, created when it is new; None on a server that has no logged models."""
    from mlflow.entities import LoggedModelOutput

    try:
        found = client.search_logged_models([mark.experiment_id], f"source_run_id = '{mark.run_id}'")
        same = [model for model in found if model.name == place]
        if same:
            model_id = same[0].model_id
        else:
            model_id = write(
                client.create_logged_model, mark.experiment_id, name=place, source_run_id=mark.run_id
            ).model_id
        outputs = client.get_run(mark.run_id).outputs
        if model_id not in [output.model_id for output in (outputs.model_outputs if outputs else [])]:
            write(client.log_outputs, mark.run_id, [LoggedModelOutput(model_id, step=0)])  # refused the second time
    except Exception as error:
        if getattr(error, "error_code", "") == "ENDPOINT_NOT_FOUND" or fault_of(error).status == 404:
            return None
        raise
    mark.model_ids[place] = model_id
    return model_id


def _write_folder(folder: Path, path: Path, record: dict, run_id: str, model_id: str | None) -> None:
    """The layout that mlflow.keras.load_model reads: MLmodel, data/model.keras, requirements.txt."""
    import numpy as np
    from mlflow.models import Model, ModelSignature
    from mlflow.types import Schema, TensorSpec

    (folder / "data").mkdir()
    shutil.copyfile(path, folder / "data" / "model.keras")
    (folder / "data" / "keras_module.txt").write_text("keras")
    versions = {name: metadata.version(name) for name in ("keras", "tensorflow")}
    (folder / "requirements.txt").write_text("".join(f"{name}=={version}\n" for name, version in versions.items()))
    kind = np.dtype(np.float32)  # raw 0..255 values; a uint8 patch is converted without loss
    model = Model(
        run_id=run_id,
        model_id=model_id,
        signature=ModelSignature(
            inputs=Schema([TensorSpec(kind, tuple(record["inputs"]))]),
            outputs=Schema([TensorSpec(kind, tuple(record["outputs"]))]),
        ),
    )
    model.add_flavor(
        "keras", data="data", keras_version=versions["keras"], keras_backend="tensorflow", save_exported_model=False
    )
    model.add_flavor("python_function", loader_module="mlflow.keras", python_version=platform.python_version(), env={})
    model.save(str(folder / "MLmodel"))
