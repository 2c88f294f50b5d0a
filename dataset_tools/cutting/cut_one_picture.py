"""Cuts the patches of one record, as PNG files with labels; runs in any process."""

import zlib
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

import numpy as np

from common.datasets.safe_hdf5 import open_hdf5
from common.errors import UserError
from dataset_tools.annotations import naoth_log, picture
from dataset_tools.annotations.record import Record
from dataset_tools.cutting import circles_and_boxes, place_patches, write_png
from dataset_tools.cutting.options import Geometry
from dataset_tools.cutting.place_patches import Patch
from dataset_tools.sources.labels import Refused
from dataset_tools.sources.patch_sources import Skipped

PATCH_SIDE_MAX = 256  # pixels; anything larger is not a finished patch
BALL_ABOVE = 0.5


@dataclass(frozen=True)
class Plan:
    """The settings for all pictures: how patches are cut, sizes of the balls, and the seed."""

    geometry: Geometry
    diameters: np.ndarray
    seed: int


class Patches(NamedTuple):
    """The result for a record: its name, PNG files, what they show, what was left out, and a digest for duplicates."""

    name: str
    files: list[bytes]
    kinds: Counter
    skipped: list[Skipped]
    digest: tuple[int, ...]


def of_records(records: list[tuple[Record, str, int]], plan: Plan) -> list[Patches]:
    """The patches of several (record, camera, most patches), or the reason why a record cannot be read."""
    result = []
    for record, camera, most in records:
        try:
            result.append(_ready(record, camera, most) if record.patch else _cut(record, camera, most, plan))
        except Refused as refused:
            result.append(Patches(record.name, [], Counter(), [Skipped(record.name, str(refused))], ()))
    return result


def _cut(record: Record, camera: str, most: int, plan: Plan) -> Patches:
    data = picture.read_bytes(record)
    digest = _digest(data)
    image = picture.decode(data, record)
    found, skipped = circles_and_boxes.scene_of(record, image.width, image.height, picture.scale(record, *image.size))
    # Seeded by the picture, so the patches do not depend on the annotation's format, the order or the processes.
    rng = Random(repr((plan.seed, digest)))  # noqa: S311  no secret
    pixels = np.asarray(image)
    patches = place_patches.around_balls(found, plan.geometry, rng)
    patches += place_patches.without_balls(found, pixels, plan.geometry, plan.diameters, rng)
    if len(patches) > most:
        patches = [patches[index] for index in sorted(rng.sample(range(len(patches)), most))]
    files, kinds, lines = [], Counter(), pixels.reshape(image.height, -1)
    for (left, top, side), text in zip(patches, _texts(found, patches, record, camera), strict=True):
        files.append(write_png.encode(lines[top : top + side, 3 * left : 3 * (left + side)], text))
        share = text["ball_intersect"]
        kinds["ball" if share > BALL_ABOVE else "part of a ball" if share > 0 else "no ball"] += 1
    return Patches(record.name, files, kinds, skipped, digest)


def _digest(data: bytes) -> tuple[int, ...]:
    """A digest of a picture, fifty times as fast as decoding it; not protected against forgery."""
    half, view = len(data) // 2, memoryview(data)
    return len(data), zlib.crc32(view[:half]), zlib.crc32(view[half:])


def _texts(
    found: circles_and_boxes.Scene, patches: list[Patch], record: Record, camera: str
) -> list[dict[str, object]]:
    """The text chunks of each patch; places are relative to the patch and not rounded; zeros are left out."""
    name = record.name if record.in_log else record.picture.name
    texts = [
        {"CameraID": int(camera == "bottom"), "ball_intersect": 0.0}
        | {
            "p_min_x": left,
            "p_min_y": top,
            "p_max_x": left + side,
            "p_max_y": top + side,
            "side": side,
            "picture": name,
        }
        for left, top, side in patches
    ]
    places = np.array(patches, float).reshape(-1, 3)
    for ball in found.balls:
        for text, share, (left, top, _) in zip(
            texts, circles_and_boxes.ball_shares(ball, places).tolist(), patches, strict=True
        ):
            if share > text["ball_intersect"]:
                text |= {"ball_intersect": share, "ball_radius": float(ball.radius)}
                text |= {"ball_center_x": float(ball.x - left), "ball_center_y": float(ball.y - top)}
                text["ball_box"] = " ".join(f"{edge:.2f}" for edge in ball.box)
    for kind, boxes in (("penalty", found.penalties), ("robot", found.robots)):
        if not boxes:
            continue
        edges = np.array(boxes)
        areas = circles_and_boxes.overlaps(edges, places)
        if kind == "penalty":  # the share of the mark in the patch; for a robot, the share of the patch that it covers
            values = (areas / np.prod(edges[:, 2:] - edges[:, :2], axis=1)).max(axis=1)
        else:
            values = np.minimum(areas.sum(axis=1) / places[:, 2] ** 2, 1)
        for index in np.flatnonzero(values):
            left, top, right, bottom = boxes[areas[index].argmax()]
            x, y = (left + right) / 2 - patches[index][0], (top + bottom) / 2 - patches[index][1]
            texts[index] |= {f"{kind}_intersect": float(values[index]), f"{kind}_center_x": x, f"{kind}_center_y": y}
    return texts


def _ready(record: Record, camera: str, most: int) -> Patches:
    """Patches that are already cut. `subsampled` means that their side does not depend on the object's size."""
    if record.patch == "labelled":
        return _rows(record, camera)
    data = picture.read_bytes(record)
    if record.patch == "unlabelled":
        return _candidates(data, record, most)
    image = picture.decode(data, record)
    if image.height != image.width or image.width > PATCH_SIDE_MAX:
        raise Refused(f"not square, or larger than {PATCH_SIDE_MAX} pixels, so it is a picture and not a patch")
    text = {"CameraID": int(camera == "bottom"), "ball_intersect": float(record.patch == "ball")}
    text |= {"subsampled": 1, "picture": record.picture.name}
    content = write_png.encode(np.asarray(image).reshape(image.height, -1), text)
    return Patches(record.name, [content], Counter([record.patch]), [], _digest(data))


def _rows(record: Record, camera: str) -> Patches:
    start, count, group, _ = record.place
    try:
        with closing(open_hdf5(record.picture, (f"{group}/data", f"{group}/labels"))) as file:
            data, labels = (column.read(start, start + count) for column in file.columns.values())
    except UserError as error:
        raise Refused("damaged HDF5 file") from error
    labels = labels.astype(float)
    files, kinds, skipped = [], Counter(), []
    for pixels, (is_ball, x, y, radius) in zip(data, labels, strict=True):
        if is_ball not in (0, 1) or not np.isfinite([x, y, radius]).all():
            skipped.append(Skipped(record.name, "label is neither 0 nor 1, or a number is missing"))
            continue
        text = {"CameraID": int(camera == "bottom"), "ball_intersect": float(is_ball), "subsampled": 1}
        if is_ball and radius > 0:
            text |= {"ball_center_x": float(x), "ball_center_y": float(y), "ball_radius": float(radius)}
        files.append(write_png.encode(pixels.reshape(len(pixels), -1), text))
        kinds["ball" if is_ball else "no ball"] += 1
    return Patches(record.name, files, kinds, skipped, ())


def _candidates(data: bytes, record: Record, most: int) -> Patches:
    """The robot's candidates, without any label key, because no label does not mean no ball."""
    files, skipped = [], []
    for item in naoth_log.candidates(data):
        if isinstance(item, Refused):
            skipped.append(Skipped(record.name, str(item)))
        elif len(files) < most:
            left, top, right, bottom = item.box
            text = {"subsampled": 1, "side": right - left, "picture": record.name}
            text["box"] = f"{left} {top} {right} {bottom}"
            files.append(write_png.encode(item.pixels.reshape(len(item.pixels), -1), text))
    return Patches(record.name, files, Counter({"unlabelled": len(files)}), skipped, ())
