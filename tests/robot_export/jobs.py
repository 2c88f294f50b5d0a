"""Export jobs of random models, as `export.py` creates them; their labels agree with most of the outputs."""

from dataclasses import replace

import numpy as np

from classifier_cnn import exporting as classifier
from common.datasets.patch_file import Patches
from detector_cnn_ball_radius_center import exporting as detector
from robot_export.describe_model import describe_model
from robot_export.export_job import Evidence, Job, Wishes

from .models import patches, random_model

PROJECTS = {"classifier": (classifier, "sigmoid"), "detector": (detector, "linear")}
DATASET = {"name": "n", "source": "s", "digest": "0" * 64, "patches": 203}


def make_job(
    folder, kind: str, wishes: Wishes | None = None, normalised=False, seed=11, patch_count=203, **size
) -> Job:
    """Saves a model in `folder` and returns its export job."""
    module, head = PROJECTS[kind]
    folder.mkdir(exist_ok=True)
    model = random_model(seed, head=head, **size)
    model.save(folder / "model.keras")
    X = patches(12, patch_count, model.input_shape[1:])
    outputs = model(X.astype(np.float32)).numpy()
    rng, middle = np.random.default_rng(13), float(np.float32(np.median(outputs)))
    if kind == "classifier":
        y, project = (outputs[:, 0] > middle) ^ (rng.random(len(X)) < 0.1), module.project(0.1)
    else:
        y, project = outputs + rng.normal(0, 0.05, outputs.shape), module.project(X.shape[1])
    part = Patches(X, y.astype(np.float32))
    parts = {"train": part, "validation": part}
    manifest = describe_model(model, parts, normalised, project=module.PROJECT, target=module.TARGET)
    manifest = replace(
        manifest,
        datasets={split: dict(DATASET) for split in parts},
        provenance={"commit": "unknown"},
        threshold={"keras": middle} if kind == "classifier" else None,
    )
    return Job(folder, model, manifest, Evidence(X, part, outputs), project, {}, wishes or Wishes())
