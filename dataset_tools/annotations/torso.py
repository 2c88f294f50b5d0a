"""Reads TORSO-21: one YAML file with `images[NAME]`; the `vector` of an annotation contains corners, in pixels."""

from pathlib import Path, PurePosixPath

from dataset_tools.annotations import yaml_stream
from dataset_tools.annotations.classes import Classes
from dataset_tools.annotations.find_pictures import path_of
from dataset_tools.annotations.kinds import BALL
from dataset_tools.annotations.record import ODD, Box, Items, Record, annotated, size_of
from dataset_tools.sources.patch_sources import Skipped


def read(path: Path, classes: Classes) -> Items:
    """Yields the pictures of a TORSO-21 file; a picture is certified if its annotations say whether it shows a ball."""
    for name, entry in yaml_stream.entries(path, "images"):
        try:
            kinds = [(classes.kind(item.get("type", "unknown")), item) for item in entry["annotations"]]
            there = [(kind, item.get("vector")) for kind, item in kinds if str(item.get("in_image")).lower() != "false"]
            # A ball's vector has two corners; a goalpost or an obstacle may have four. Other annotations may be points.
            boxes = [(kind, vector) for kind, vector in there if kind == BALL or len(vector or ()) > 1]
        except ODD:
            yield Skipped(name, "without annotations, or not in TORSO-21's format")
            continue
        asked = any(kind == BALL for kind, _ in kinds)
        if not asked:
            yield Skipped(name, "no annotation says whether the picture shows a ball")
        recording, dash, _ = PurePosixPath(name).name.partition("-")
        declared = size_of(entry.get("width"), entry.get("height"))
        record = Record(path_of(name), (), asked, declared, recording=recording if dash else "")
        yield from annotated(record, boxes, lambda box: Box.around(*box))
