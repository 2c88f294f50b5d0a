"""Cuts patches out of one record, and encodes them as PNG files with labels; can run in a worker process."""

import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

import numpy as np

from common.datasets.safe_hdf5 import open_hdf5
from common.errors import UserError
from dataset_tools.annotations import naoth_log, picture
from dataset_tools.annotations.kinds import PENALTY, ROBOT
from dataset_tools.annotations.record import Record
from dataset_tools.cutting import circles_and_boxes, encode_png, place_patches
from dataset_tools.cutting.options import Geometry
from dataset_tools.sources.labels import BALL_ABOVE, BOX, Refused
from dataset_tools.sources.patch_sources import Skipped

PATCH_SIDE_MAX = 256  # pixels; a larger picture is not accepted as a patch that has already been cut

Text = dict[str, object]
Found = Iterator[tuple[np.ndarray, Text] | Skipped]  # pixels and text chunks of each patch


@dataclass(frozen=True)
class Plan:
    """The settings for all pictures: how patches are cut, sizes of the balls, and the seed."""

    geometry: Geometry
    diameters: np.ndarray
    seed: int


class Patches(NamedTuple):
    """The result for a record: its name, PNG files, counts by kind, what was skipped, and a digest for duplicates."""

    name: str
    files: list[bytes]
    kinds: Counter
    skipped: list[Skipped]
    digest: tuple[int, ...]


def of_records(records: list[tuple[Record, str, int]], plan: Plan) -> list[Patches]:
    """Cuts the patches of several records, each given with its camera and its maximum number of patches.

    If a record cannot be read, its `skipped` contains the reason.
    """
    return [_of_record(*record, plan) for record in records]


def _of_record(record: Record, camera: str, most: int, plan: Plan) -> Patches:
    files, kinds, skipped, digest = [], Counter(), [], ()
    try:
        if record.patch == "labelled":
            found = _of_rows(record, camera)
        elif record.patch == "unlabelled":
            found = _of_candidates(record, most)
        else:
            data = picture.read_bytes(record)
            image, digest = picture.decode(data, record), _digest(data)
            # The seed includes the picture's digest, so patches do not depend on format, order or number of processes.
            rng = Random(repr((plan.seed, digest)))  # noqa: S311  no secret
            found = _whole(image, record, camera) if record.patch else _cut(image, record, camera, most, plan, rng)
        for item in found:
            if isinstance(item, Skipped):
                skipped.append(item)
                continue
            pixels, text = item
            files.append(encode_png.encode(pixels, text))
            share = text.get("ball_intersect", -1)
            kind = "ball" if share > BALL_ABOVE else "part of a ball" if share > 0 else "no ball"
            kinds["unlabelled" if share < 0 else kind] += 1
    except Refused as refused:
        return Patches(record.name, [], Counter(), [Skipped(record.name, str(refused))], ())
    return Patches(record.name, files, kinds, skipped, digest)


def _digest(data: bytes) -> tuple[int, ...]:
    """Returns a digest of a picture.

    Computing the digest is fifty times as fast as decoding the picture, but the digest is easy to forge.
    """
    half, view = len(data) // 2, memoryview(data)
    return len(data), zlib.crc32(view[:half]), zlib.crc32(view[half:])


def _cut(image, record: Record, camera: str, most: int, plan: Plan, rng: Random) -> Found:
    """Yields the patches of a camera picture."""
    scale = picture.scale(record, *image.size)
    scene, skipped = circles_and_boxes.scene_of(record, *image.size, scale)
    yield from skipped
    pixels = np.asarray(image)
    patches = place_patches.around_balls(scene, plan.geometry, rng)
    patches += place_patches.without_balls(scene, pixels, plan.geometry, plan.diameters, rng)
    if len(patches) > most:
        patches = [patches[index] for index in sorted(rng.sample(range(len(patches)), most))]
    name = record.name if record.in_log else record.picture.name
    first, last = {"CameraID": int(camera == "bottom"), "ball_intersect": 0.0}, {"picture": name}
    texts = [
        first | dict(zip(BOX, (left, top, left + side, top + side), strict=True)) | {"side": side} | last
        for left, top, side in patches
    ]
    _add_objects(texts, scene, np.array(patches, float).reshape(-1, 3))
    for (left, top, side), text in zip(patches, texts, strict=True):
        yield pixels[top : top + side, left : left + side], text


def _add_objects(texts: list[Text], scene: circles_and_boxes.Scene, places: np.ndarray) -> None:
    """Adds the objects in each patch to the patch's text; positions are relative to the patch and not rounded.

    Args:
        texts: one for each patch. scene: objects in the picture. places: float [n, 3], left, top, side of each patch.
    """
    for ball in scene.balls:
        for text, share in zip(texts, circles_and_boxes.ball_shares(ball, places).tolist(), strict=True):
            if share > text["ball_intersect"]:
                text |= {"ball_intersect": share, "ball_radius": ball.radius}
                text |= {"ball_center_x": ball.x - text["p_min_x"], "ball_center_y": ball.y - text["p_min_y"]}
                text["ball_box"] = " ".join(f"{edge:.2f}" for edge in ball.box)
    for kind, key in ((PENALTY, "penalty"), (ROBOT, "robot")):
        if kind not in scene.objects:
            continue
        boxes = np.array(scene.objects[kind])
        areas = circles_and_boxes.overlaps(boxes, places)
        # For a penalty mark, the fraction of the mark in the patch; for robots, the fraction of the patch they cover.
        if kind == PENALTY:
            shares = (areas / np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)).max(axis=1)
        else:
            shares = np.minimum(areas.sum(axis=1) / places[:, 2] ** 2, 1)
        centres = (boxes[areas.argmax(axis=1)].reshape(-1, 2, 2).mean(axis=1) - places[:, :2]).tolist()
        for text, share, (x, y) in zip(texts, shares.tolist(), centres, strict=True):
            if share:
                text |= {f"{key}_intersect": share, f"{key}_center_x": x, f"{key}_center_y": y}


def _whole(image, record: Record, camera: str) -> Found:
    """Yields a patch that has already been cut.

    The text `subsampled` means that the patch's side says nothing about the object's size.
    """
    if image.height != image.width or image.width > PATCH_SIDE_MAX:
        raise Refused(f"not square, or larger than {PATCH_SIDE_MAX} pixels, so it is a picture and not a patch")
    text = {"CameraID": int(camera == "bottom"), "ball_intersect": float(record.patch == "ball")}
    yield np.asarray(image), text | {"subsampled": 1, "picture": record.picture.name}


def _of_rows(record: Record, camera: str) -> Found:
    """Yields the labelled patches of an HDF5 file."""
    start, count, group, _ = record.place
    try:
        with closing(open_hdf5(record.picture, (f"{group}/data", f"{group}/labels"))) as file:
            data, labels = (column.read(start, start + count) for column in file.columns.values())
    except UserError as error:
        raise Refused("damaged HDF5 file") from error
    for pixels, (is_ball, x, y, radius) in zip(data, labels.astype(float).tolist(), strict=True):
        if is_ball not in (0, 1) or not np.isfinite([x, y, radius]).all():
            yield Skipped(record.name, "label is neither 0 nor 1, or a number is missing")
            continue
        text = {"CameraID": int(camera == "bottom"), "ball_intersect": is_ball, "subsampled": 1}
        if is_ball and radius > 0:
            text |= {"ball_center_x": x, "ball_center_y": y, "ball_radius": radius}
        yield pixels, text


def _of_candidates(record: Record, most: int) -> Found:
    """Yields the robot's candidates without a label in their texts; a missing label does not mean `no ball`."""
    for item in naoth_log.candidates(picture.read_bytes(record)):
        if isinstance(item, Refused):
            yield Skipped(record.name, str(item))
        elif most > 0:
            most -= 1
            left, top, right, bottom = item.box
            text = {"subsampled": 1, "side": right - left, "picture": record.name}
            yield item.pixels, text | {"box": f"{left} {top} {right} {bottom}"}
