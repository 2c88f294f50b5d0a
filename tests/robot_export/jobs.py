"""Makes export jobs for random models, as `export.py` does; the labels agree with most of the models' outputs.

Also creates the folders of such runs, and changes them as an attacker could.
"""

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest

from classifier_cnn import exporting as classifier
from common.datasets.patch_file import Patches
from detector_cnn_ball_radius_center import exporting as detector
from robot_export.export_job import Job, Partner, Source
from robot_export.fill_model_json import NORMALISED, describe_input, describe_model
from robot_export.formats import CHOICES
from robot_export.make_and_check import deliver
from robot_export.model_json import Input, Manifest

from .models import patches, random_model

PROJECTS = {"classifier": (classifier, "sigmoid"), "detector": (detector, "linear")}
DATASET = {"name": "n", "source": "s", "digest": "0" * 64, "patches": 203}


def make_job(folder, kind: str, asked: dict | None = None, normalised=False, seed=11, patch_count=203, **size) -> Job:
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
    return Job(folder, Source(model, manifest, X, part, outputs), project, {}, **asked or {})


def partner(side: int, seed: int = 21) -> Partner:
    """Makes a detector that can be combined with a classifier, and its outputs for the 60 patches of `robot_job`."""
    model = random_model(seed, side=side, head="linear")
    outputs = model(patches(12, 60, (side, side, 1)).astype(np.float32)).numpy()
    return Partner(model, outputs, describe_input(model, normalised=False))


def robot_job(folder, kind: str, side: int, robots: tuple[str, ...], detector: Partner | None = None) -> Job:
    """Makes a job with files for these robots."""
    return make_job(folder, kind, {"robots": robots, "detector": detector}, seed=21, patch_count=60, side=side)


def deliver_run(folder, *formats: str) -> Job:
    """Exports a classifier to these formats, in addition to Keras."""
    job = make_job(folder, "classifier")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(CHOICES, "all", ("keras", *formats))
        deliver(job)
    return job


def write_model_json(folder, **changes) -> None:
    """Writes a model.json without exported files, as a stopped run does."""
    given = Input(16, 16, 1, "rows", "Y", True, NORMALISED, 1 / 255, [0.5], "centres")
    cost = {"multiply_accumulates": 1, "parameters": 1, "peak_activation_bytes": 4}
    known = {"target": classifier.TARGET, "threshold": {"keras": 0.5}, "cost": cost, "metrics": {}, "options": None}
    known |= {"datasets": dict.fromkeys(("train", "validation"), DATASET), "provenance": {"commit": "none"}}
    told = Manifest(1, "classifier_cnn", "killed", given, synthetic_fallback=False, **known | changes)
    (folder / "model.json").write_text(json.dumps(told.as_json()))


def edit(folder, change) -> None:
    """Edits model.json; `change` is a function that modifies the object in the file."""
    values = json.loads((folder / "model.json").read_text())
    change(values)
    (folder / "model.json").write_text(json.dumps(values))


def replace_file(folder, name: str, content: bytes, **entry) -> None:
    """Replaces the file of a format and its hash in model.json, as an attacker could."""

    def change(values):
        values["forms"][name] |= {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)} | entry
        (folder / values["forms"][name]["file"]).write_bytes(content)

    edit(folder, change)


def with_code(folder, marker) -> bytes:
    """Returns the folder's header with additional code, which runs a command when a program starts."""
    text = (folder / "model.h").read_text()
    code = f'#include <cstdint>\n#include <cstdlib>\nint run_ = std::system("touch {marker}");\n'
    return text.replace("#include <cstdint>\n", code, 1).encode()
