"""Reads and writes `model.json`, version 1: everything that is known about a model and its exported files.

The file is checked against its JSON Schema before it is written and after it is read.
"""

import hashlib
import json
import os
import re
from dataclasses import MISSING, dataclass, field, fields, replace
from pathlib import Path

from jsonschema import Draft202012Validator

from common.atomic_files import read_inside, read_json, write_text
from common.errors import UserError

SCHEMA = Path(__file__).with_name("model.schema.json")
MOST_BYTES = 1 << 30  # maximum size of one file
# Keys that keep their names from the first version, because robots and older programs read them.
KEYS = {"formats": "forms", "accepted": "fit", "reasons": "unfit"}


@dataclass(frozen=True)
class Input:
    """The input of the exported files: how it is computed from the camera picture.

    scale, mean: a normalised value is raw * scale - mean, with one mean per channel. normalised: whether the TFLite and
    ONNX files take normalised values. sampling: the sampling rule in words. sampling_rule: the rule's key in
    `common.datasets.sampling_rules.RULES`, None if unknown.
    """

    height: int
    width: int
    channels: int
    layout: str
    colour: str
    normalised: bool
    range: str
    scale: float
    mean: list[float]
    sampling: str
    sampling_rule: str | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """The height, width and number of channels of a patch."""
        return self.height, self.width, self.channels

    @property
    def offset(self) -> list[float]:
        """The offset of each channel, which is added after scaling."""
        return [-mean for mean in self.mean]


@dataclass(frozen=True)
class ExportedFile:
    """An exported file, how to run it, and how it compares with the trained model.

    accepted: False if it loses too much accuracy, None if it was not run. reasons: why it was not accepted.
    parity: the metrics on the validation split. layout: `layout.Layout.as_json()`; older files do not have it.
    normalised: whether it takes normalised values. input_type: the dtype of its input. latency_us: {"median", "p95"}.
    tolerance: the largest allowed difference on the test vectors. ranges, clamped: only for the int16 header.
    """

    file: str
    runtime: str
    sha256: str
    bytes: int
    normalised: bool
    input_type: str
    quantised: dict | None
    peak_activation_bytes: int
    accepted: bool | None
    reasons: list[str]
    parity: dict[str, float] | None
    latency_us: dict[str, float] | None
    tolerance: float
    layout: dict | None = None
    opset: int | None = None
    namespace: str | None = None
    runtime_version: str | None = None
    ranges: list[float] | None = None
    clamped: dict[str, list[int]] | None = None


@dataclass(frozen=True)
class Manifest:
    """The content of model.json. Fields without a value (None by default) are left out of the file.

    target: {"order", "units", ...} of the outputs. cost: from `cost.count_cost`. datasets, metrics: by split.
    options: the options of the run, None if unknown. formats: files by the name of the format, empty until the export.
    vectors: {"patches", "expected"}, the test vectors: eight raw patches and the outputs of each format.
    threshold: the threshold of each format; None for a detector. robots: which file each --robot uses.
    """

    version: int
    project: str
    status: str
    input: Input
    target: dict
    cost: dict
    datasets: dict[str, dict]
    synthetic_fallback: bool
    options: dict | None
    provenance: dict[str, str]
    metrics: dict[str, dict]
    formats: dict[str, ExportedFile] = field(default_factory=dict)
    vectors: dict | None = None
    threshold: dict[str, float] | None = None
    threshold_choice: dict | None = None
    robots: dict[str, dict] | None = None

    def digest(self, split: str) -> str | None:
        """Returns the digest of a split's patches; None if model.json does not name this split."""
        return self.datasets.get(split, {}).get("digest")

    @property
    def kind(self) -> str:
        """The kind of model: "classifier" or "detector"."""
        return "classifier" if len(self.target["order"]) == 1 else "detector"

    @property
    def trained_threshold(self) -> float | None:
        """The threshold that was chosen for the Keras model; None for a detector."""
        return self.threshold["keras"] if self.threshold else None

    def as_json(self) -> dict:
        """Returns the record as a JSON object."""
        files = {name: _values(file) for name, file in self.formats.items()}
        return _values(replace(self, input=_values(self.input), formats=files))


def from_json(values: dict) -> Manifest:
    """Makes the record from an object that follows the schema; unknown keys are ignored."""
    files = {name: _record(ExportedFile, file) for name, file in values.get("forms", {}).items()}
    return _record(Manifest, values | {"input": _record(Input, values["input"]), "forms": files})


def read(folder: Path) -> Manifest:
    """Reads the model.json of a run folder; raises a UserError if it does not exist or does not follow the schema."""
    path = Path(folder) / "model.json"
    try:
        values = read_json(path)
    except UserError as error:
        raise UserError(f"{error} Pass the folder of a run.") from None
    check(values, str(path))
    return from_json(values)


def read_beside(model: Path) -> Manifest | None:
    """Reads the model.json beside a model.keras, but not its list of exported files.

    Returns None if there is no model.json. Raises a UserError if it cannot be read or does not follow the schema.
    """
    path = model.with_name("model.json")
    if model.name != "model.keras" or not path.is_file():
        return None
    values = {key: value for key, value in read_json(path).items() if key not in ("forms", "vectors", "robots")}
    check(values, str(path), exported=False)
    return from_json(values)


def find_entry(path: Path) -> tuple[Manifest, str] | None:
    """Reads the model.json beside an exported file; returns its content and the format's name.

    Returns None if there is no model.json, or if it does not list the file.

    Raises a UserError if the model.json lists the file but does not follow the schema.
    """
    beside = path.with_name("model.json")
    files = read_json(beside).get("forms") if os.path.lexists(beside) else None
    for name, entry in files.items() if isinstance(files, dict) else ():
        if isinstance(entry, dict) and entry.get("file") == path.name:
            return read(path.parent), name
    return None


def read_unchanged(folder: Path, file: ExportedFile) -> bytes:
    """Reads an exported file; raises a UserError if that fails or if the file has changed since the export."""
    try:
        content = read_inside(folder, file.file, MOST_BYTES)
    except OSError as error:
        raise UserError(f"{file.file} cannot be read ({error.strerror or error})") from None
    digest = hashlib.sha256(content).hexdigest()
    if digest != file.sha256:
        raise UserError(f"{file.file} has changed since it was exported (sha256 {digest[:12]}...)")
    return content


def write(folder: Path, manifest: Manifest) -> None:
    """Checks and writes model.json, with each list of numbers on one line; raises the same errors as `check`."""
    values = manifest.as_json()
    check(values)
    plain = json.dumps(values, indent=2, allow_nan=False)
    plain = re.sub(r"\[[-+.,\s\de]+\]", lambda match: " ".join(match[0].split()), plain)
    write_text(Path(folder) / "model.json", plain + "\n")


def check(values: dict, where: str = "model.json", exported: bool = True) -> None:
    """Checks an object against the schema; `where` is its name in the error message.

    exported: False for a run that has not been exported and so has no formats or test vectors. Raises a UserError that
    says which value does not follow the schema.
    """
    rules = json.loads(SCHEMA.read_text(encoding="utf-8"))
    if not exported:
        rules["required"] = [name for name in rules["required"] if name not in ("forms", "vectors")]
    errors = sorted(Draft202012Validator(rules).iter_errors(values), key=lambda error: len(error.path))
    if errors:
        place = ".".join(map(str, errors[0].path)) or "the whole file"
        raise UserError(f"{where} is not a model.json of version 1: {place}: {errors[0].message[:300]}.")


def _values(record) -> dict:
    """Returns the fields of a record by their keys in the file, without optional fields that have no value."""
    left = [each for each in fields(record) if each.default is MISSING or getattr(record, each.name) is not None]
    return {KEYS.get(each.name, each.name): getattr(record, each.name) for each in left}


def _record(kind: type, values: dict):
    keys = {each.name: KEYS.get(each.name, each.name) for each in fields(kind)}
    return kind(**{name: values[key] for name, key in keys.items() if key in values})
