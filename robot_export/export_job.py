"""What an export is given: the model, the patches it is judged on, and what the user asks for."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from robot_export.cpp.header import identifier
from robot_export.model_json import Input, Manifest
from robot_export.parity import Reference
from robot_export.project import Project


@dataclass(frozen=True)
class Evidence:
    """What the files are made from and judged by.

    calibration: uint8 [n, h, w, c], training patches. validation: common.datasets.patch_file.Patches, the whole split.
    outputs: float32 [n, k], what the Keras model answers.
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
    """What is asked for besides the usual files.

    robots: names of --robot. accept_sampling: see `robots.check`. detector: for files that answer both questions.
    namespace: of model.h; made from project, size and run if empty.
    """

    robots: tuple[str, ...] = ()
    accept_sampling: bool = False
    detector: Partner | None = None
    namespace: str = ""


@dataclass(frozen=True)
class Job:
    """A model to be exported.

    folder: of the run, with model.keras in it; the files get there at the end, when all of them have been checked.
    model: the trained keras.Model. manifest: what model.json says before the export. project: see there.
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
        """Of the C++ headers: any number of models share a binary, so two runs of one project need two names."""
        size, run = self.manifest.input.width, self.folder.resolve().name
        return self.wishes.namespace or identifier(f"{self.manifest.project}_{size}_{run}")

    @property
    def reference(self) -> Reference:
        """What every file is compared with."""
        evidence = self.evidence
        return Reference(evidence.validation.y, evidence.outputs, self.manifest.trained_threshold, self.project.judge)
