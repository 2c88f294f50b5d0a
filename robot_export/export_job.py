"""The input of an export: the model, the patches for testing it, its test vectors, and the user's options."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from robot_export.cpp.float_header import About, identifier
from robot_export.fill_model_json import header_constants
from robot_export.model_json import Input, Manifest
from robot_export.parity import Reference
from robot_export.project import Project

VECTORS = 8


@dataclass(frozen=True)
class Source:
    """A trained model, and the data for making and testing its files.

    model: keras.Model. manifest: the content of model.json before the export. calibration: uint8 [n, h, w, c], training
    patches. validation: common.datasets.patch_file.Patches, the whole validation split. outputs: float32 [n, k], the
    model's outputs for the validation patches.
    """

    model: object
    manifest: Manifest
    calibration: np.ndarray
    validation: object
    outputs: np.ndarray


@dataclass(frozen=True)
class Partner:
    """A detector to join with a classifier in one file.

    model: keras.Model. outputs: float32 [n, 3], the detector's outputs for the classifier's validation patches.
    input: the description of the detector's input.
    """

    model: object
    outputs: np.ndarray
    input: Input


@dataclass(frozen=True)
class Job:
    """A model to export.

    folder: the folder that contains model.keras. The exported files are moved to this folder after all files have been
    checked. results: {split: {"metrics", "groups"}}. robots: names from --robot. accept_sampling: see `robots.check`.
    detector: the detector for files that contain both models. name: the C++ namespace; if it is empty, the namespace is
    derived from the project, the patch size and the run.
    """

    folder: Path
    source: Source
    project: Project
    results: dict
    robots: tuple[str, ...] = ()
    accept_sampling: bool = False
    detector: Partner | None = None
    name: str = ""

    @property
    def namespace(self) -> str:
        """The C++ namespace, which differs between runs, because one binary may contain several models of a project."""
        manifest = self.source.manifest
        run = f"{manifest.project}_{manifest.input.width}_{self.folder.resolve().name}"
        return self.name or identifier(run)

    @cached_property
    def reference(self) -> Reference:
        """The reference that every file is compared with."""
        source = self.source
        return Reference(source.validation.y, source.outputs, source.manifest.trained_threshold, self.project)

    @cached_property
    def vectors(self) -> np.ndarray:
        """Indices of the test vectors, which cover the whole range of the first output, so that a wrong model fails."""
        first = self.source.outputs[:, 0].astype(np.float64)
        left, chosen = list(range(len(first))), []
        for wanted in np.linspace(first.min(), first.max(), VECTORS):
            nearest = min(left or chosen, key=lambda i: abs(first[i] - wanted))
            chosen.append(nearest)
            left = [i for i in left if i != nearest]
        return np.array(chosen)

    def about(self, threshold: float | None) -> About:
        """What a C++ header contains in addition to the network."""
        patches, answers = self.source.validation.X[self.vectors], self.source.outputs[self.vectors]
        return About(self.namespace, patches, answers, threshold, header_constants(self.source.manifest))
