"""Finds negatives without labelling: false alarms in pictures whose balls are all known."""

from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path

import numpy as np

from common.errors import UserError
from dataset_tools.annotations import picture, recognise
from dataset_tools.annotations.classes import Classes
from dataset_tools.annotations.record import Record
from dataset_tools.building.working_folder import working_folder
from dataset_tools.cutting import archives, circles_and_boxes, encode_png
from dataset_tools.cutting.archives import file_name, member_name
from dataset_tools.mining.ranking import Choice
from dataset_tools.scanning.frames import frames
from dataset_tools.scanning.scan import Found
from dataset_tools.sources.labels import Refused
from dataset_tools.sources.patch_sources import Skipped


def certified_frames(annotated: Iterable[Path], without_ball: Iterable[Path]) -> Iterator[Record | Skipped]:
    """Yields annotated pictures in which every ball has a box, and pictures that, according to the user, show no ball.

    Raises:
        UserError: a source cannot be read.
    """
    sources = [source for path in annotated for source in recognise.recognise(path)]
    for item in recognise.records(sources, Classes.of()):
        if isinstance(item, Skipped):
            yield item
        elif item.certified and item.patch in ("", "no ball"):
            yield item._replace(patch="")
    for item in frames(without_ball):
        yield item if isinstance(item, Skipped) else item._replace(certified=True)


def free_of_balls(found: Found) -> np.ndarray:
    """Returns which candidates of an annotated picture cannot show any part of a ball: bool [n]."""
    record, boxes = found.record, found.boxes
    if found.size is None or not record.boxes:
        return np.full(len(boxes), record.certified)
    try:
        known, _ = circles_and_boxes.scene_of(record, *found.size, picture.scale(record, *found.size))
    except Refused:
        return np.zeros(len(boxes), bool)
    avoid = np.array(known.avoid).reshape(-1, 4)
    low, high = np.maximum(boxes[:, None, :2], avoid[:, :2]), np.minimum(boxes[:, None, 2:], avoid[:, 2:])
    return known.free & ~(low < high).all(axis=2).any(axis=1)


def write_negatives(root: Path, alarms: Iterable[Choice]) -> int:
    """Writes false alarms as patch archives in NaoTH's format for `create_datasets`; returns the number of patches.

    The archives get names that are not yet used in `root`.

    Raises:
        UserError: the archives cannot be written there.
    """
    groups: dict[tuple[str, str], list[Choice]] = {}
    for alarm in alarms:
        left, top, right, bottom = alarm.box
        if right - left == bottom - top:  # a box that the picture's edge cuts off is not square
            groups.setdefault((alarm.record.camera or "top", file_name(alarm.record.recording)), []).append(alarm)
    try:
        with working_folder(root, ".mine-") as folder:
            written = 0
            for (camera, recording), members in sorted(groups.items()):
                files = ((member_name(alarm.record.name), _png(alarm)) for alarm in members)
                name = _free_name(root, f"{camera}/{recording}-false-alarms")
                written += archives.write(folder / name, files)
            archives.publish(folder, root)
    except OSError as error:
        told = error.strerror or error
        raise UserError(f"{root}: {told}. Check free space and permissions, or choose another --negatives.") from None
    return written


def _free_name(root: Path, start: str) -> str:
    """Returns the first of `start`, `start-2`, ... that is neither a zip nor a folder in `root`."""
    names = (start if number == 1 else f"{start}-{number}" for number in count(1))
    return next(f"{name}.zip" for name in names if not ((root / name).exists() or (root / f"{name}.zip").exists()))


def _png(alarm: Choice) -> bytes:
    """Cuts the patch out of its picture and encodes it as a PNG."""
    record, (left, top, right, bottom) = alarm.record, alarm.box
    pixels = np.asarray(picture.read(record).crop(alarm.box))
    place = {"p_min_x": left, "p_min_y": top, "p_max_x": right, "p_max_y": bottom, "side": right - left}
    text = {"CameraID": int(record.camera == "bottom"), "ball_intersect": 0.0} | place
    text["picture"] = record.picture.name if record.place is None else record.name
    text["recording"] = file_name(record.recording)  # the name that `cut` gives to an archive
    return encode_png.encode(pixels.reshape(len(pixels), -1), text)
