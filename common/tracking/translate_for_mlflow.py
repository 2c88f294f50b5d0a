"""Translates journal records for MLflow. Values that MLflow would refuse are changed, and a note says so."""

import hashlib
import math
import posixpath
import re
from dataclasses import dataclass, field

# For each limit, the stricter of the values in MLflow 2.14 and 3.x, so that a run looks the same on every server.
KEY_LENGTH = 250
PARAMETER_LENGTH = 6000
TAG_LENGTH = 5000
DESCRIPTION_TAG = "mlflow.note.content"
_ODD = re.compile(r"[^\w.\- /]", re.ASCII)


@dataclass
class Batch:
    """A part of the journal, translated for MLflow.

    metrics: (key, value, time in ms, step); parameters and tags: name -> value.
    """

    metrics: list[tuple[str, float, int, int]] = field(default_factory=list)
    parameters: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    datasets: list[dict] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.metrics) + len(self.parameters) + len(self.tags) + len(self.datasets)


class Translator:
    """Reads records in order, and keeps what later records depend on: first values, files, the status, the notes."""

    def __init__(self):
        self.parameters: dict[str, str] = {}
        self.files: dict[str, str] = {}  # path in the run's artifacts -> path in the run folder
        self.latest: dict[str, tuple[int, int]] = {}  # metric -> (step, time) of its latest point, as defined by MLflow
        self.status, self.ended = "RUNNING", 0
        self.notes: dict[str, str] = {}

    def read(self, record: dict, batch: Batch) -> None:
        """Adds one record to the batch and to the translator's state. Records of an unknown kind are skipped."""
        kind = record["kind"]
        if kind == "metrics":
            self._metrics(record, batch)
        elif kind == "parameters":
            for name, value in record["values"].items():
                self._parameter(name, value, batch)
        elif kind == "tags":
            for name, value in record["values"].items():
                batch.tags[self._key(name)] = self._shortened(name, value, TAG_LENGTH)
        elif kind == "dataset":
            batch.datasets.append(record)
        elif kind == "artifact":  # characters with a special meaning in URLs would cut the name short
            place = posixpath.join(record["folder"], posixpath.basename(record["path"]))
            self.files[self._key(place)] = record["path"]
        elif kind == "status":
            self.status, self.ended = record["status"], record.get("ended", record["t"])
        elif kind == "resume":
            self.status = "RUNNING"

    def note_tag(self) -> str:
        """Returns all notes as the value of one tag."""
        text = "; ".join(self.notes.values())
        return text if len(text) <= TAG_LENGTH else text[: TAG_LENGTH - 1] + "…"

    def _metrics(self, record: dict, batch: Batch) -> None:
        for name, value in record["values"].items():
            value = float(value)
            if not math.isfinite(value):
                self.notes.setdefault(f"metric {name}", f"metric {name!r} is {value} at step {record['step']}")
            key, point = self._key(name), (record["step"], record["t"])
            self.latest[key] = max(self.latest.get(key, point), point)
            batch.metrics.append((key, value, record["t"], record["step"]))

    def _parameter(self, name: str, value: str, batch: Batch) -> None:
        """Records a different value after --resume as a tag, because MLflow never changes a parameter."""
        key, value = self._key(name), self._shortened(name, value, PARAMETER_LENGTH)
        if self.parameters.setdefault(key, value) == value:
            batch.parameters[key] = value
        else:
            batch.tags[self._key(f"resumed.{name}")] = value[:TAG_LENGTH]
            self.notes[f"parameter {name}"] = f"parameter {name!r} changed on resume, see the tag 'resumed.{name}'"

    def _key(self, name: str) -> str:
        key = allowed_key(name)
        if key != name:
            self.notes.setdefault(f"key {name}", f"{name[:60]!r} is named {key[:60]!r} here")
        return key

    def _shortened(self, name: str, value: str, length: int) -> str:
        value = clean(value)
        if len(value) <= length:
            return value
        self.notes.setdefault(
            f"value {name}",
            f"{name[:60]!r} is cut from {len(value)} to {length} characters; it is complete in tracking/journal.jsonl",
        )
        return value[: length - 1] + "…"


def allowed_key(name: str) -> str:
    """Returns a name that MLflow accepts for a metric, parameter or tag: the same, or a similar one with a short hash.

    The hash distinguishes names that differ only in replaced characters.
    """
    key = _ODD.sub("_", name)
    key = "/".join(part for part in key.split("/") if part.strip(".")) or "_"
    if key == name and len(key) <= KEY_LENGTH:
        return key
    return f"{key[: KEY_LENGTH - 9]}_{hashlib.sha256(name.encode(errors='replace')).hexdigest()[:8]}"


def clean(text: str) -> str:
    """Makes text that every database can store: escapes control characters and lone surrogates."""
    text = text.encode("utf-8", "backslashreplace").decode()
    return re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", lambda match: f"\\x{ord(match[0]):02x}", text)
