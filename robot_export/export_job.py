"""The input of an export: the model, the patches it is judged on, and the user's wishes."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from robot_export.cpp.header import identifier
from robot_export.model_json import Input, Manifest
from robot_export.parity import Reference
from robot_export.project import Project


@dataclass(frozen=True)
class Evidence:
    """The data for making and judging the files.

    calibration: uint8 [n, h, w, c], training patches. validation: common.datasets.patch_file.Patches, the whole split.
    outputs: float32 [n, k], the outputs of the Keras model.
    """

    calibration: np.ndarray
    validation: object
    outputs: np.ndarray


@dataclass(frozen=True)
class Partner:
    """A detector that is joined with a classifier in one file.

    model: keras.Model. outputs: float32 [n, 3], its answers to the classifier's validation patches. input: as Manifest.
    """

    model: object
    outputs: np.ndarray
    input: Input


@dataclass(frozen=True)
class Wishes:
    """What the user wants besides the usual files.

    robots: names from --robot. accept_sampling: see `robots.check`. detector: for files that contain both models.
    namespace: for model.h; made from project, size and run if empty.
    """

    robots: tuple[str, ...] = ()
    accept_sampling: bool = False
    detector: Partner | None = None
    namespace: str = ""


@dataclass(frozen=True)
class Job:
    """A model to export.

    folder: the run's, with model.keras; the files are moved there at the end, after all of them have been checked.
    model: the trained keras.Model. manifest: the record before the export. project: see `project.py`.
    results: {split: {"metrics", "groups"}}.
    """

    folder: Path
    model: object
    manifest: Manifest
    evidence: Evidence
    project: Project
    results: dict
    wishes: Wishes = field(default_factory=Wishes)

    @property
    def namespace(self) -> str:
        """The C++ namespace. One binary may contain any number of models, so two runs of one project need two names."""
        size, run = self.manifest.input.width, self.folder.resolve().name
        return self.wishes.namespace or identifier(f"{self.manifest.project}_{size}_{run}")

    @property
    def reference(self) -> Reference:
        """The reference that every file is compared with."""
        evidence = self.evidence
        return Reference(evidence.validation.y, evidence.outputs, self.manifest.trained_threshold, self.project.judge)
