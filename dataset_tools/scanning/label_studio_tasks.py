"""Writes predictions in Label Studio's format, as a starting point for labelling."""

import hashlib
import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from dataset_tools.annotations import picture
from dataset_tools.annotations.find_pictures import SUFFIXES, UPLOAD
from dataset_tools.annotations.record import Record
from dataset_tools.cutting.archives import file_name

FROM_NAME, TO_NAME, LABEL = "label", "image", "ball"
LOCAL_FILES = "/data/local-files/?d="  # Label Studio's address for files on its own machine
# The labels of a new project: NaoTH's labels, which `dataset_tools.cut` knows.
CONFIG = f"""<View>
  <Image name="{TO_NAME}" value="$image"/>
  <RectangleLabels name="{FROM_NAME}" toName="{TO_NAME}">
    <Label value="{LABEL}"/>
    <Label value="nao"/>
    <Label value="penalty_mark"/>
  </RectangleLabels>
</View>
"""


@contextmanager
def task_folder(folder: Path, model: str) -> Iterator[Callable]:
    """Makes a folder for a new project: pictures, tasks.json and labels.xml.

    Yields a function (record, image, circles, scores, **data) that adds a picture with its predicted balls: circles
    [n, 3], radius, x and y in pixels, scores [n]. Label Studio shows `data` beside the picture, and `model` as the
    version of the model.
    """
    (folder / "pictures").mkdir(parents=True)
    (folder / "labels.xml").write_text(CONFIG, encoding="utf-8")
    tasks = []  # a task takes about 1 kB, much less than the copy of its picture

    def add(record: Record, image: Image.Image, circles, scores, **data: str) -> None:
        address = f"{LOCAL_FILES}pictures/{_save_picture(record, image, folder / 'pictures')}"
        score = max(scores.tolist(), default=0.0)
        prediction = {"model_version": model, "score": score, "result": _boxes(image.size, circles, scores)}
        tasks.append("\n" + json.dumps({"data": {"image": address} | data, "predictions": [prediction]}))

    yield add
    (folder / "tasks.json").write_text(f"[{','.join(tasks)}\n]\n", encoding="utf-8")


def _boxes(size: tuple[int, int], circles: np.ndarray, scores: np.ndarray) -> list[dict]:
    """Returns the boxes around circles as percentages of the picture's size, cut off at its edges."""
    result, (width, height) = [], size
    constant = {"from_name": FROM_NAME, "to_name": TO_NAME, "type": "rectanglelabels", "image_rotation": 0}
    constant |= {"original_width": width, "original_height": height}
    for number, ((radius, x, y), score) in enumerate(zip(circles.tolist(), scores.tolist(), strict=True)):
        left, top = max(x - radius, 0), max(y - radius, 0)
        right, bottom = min(x + radius, width), min(y + radius, height)
        value = {"x": 100 * left / width, "y": 100 * top / height, "rotation": 0, "rectanglelabels": [LABEL]}
        value |= {"width": 100 * (right - left) / width, "height": 100 * (bottom - top) / height}
        result.append({"id": f"ball{number}", **constant, "value": value, "score": score})
    return result


def picture_name(record: Record) -> str:
    """Returns a unique picture name such as `game-12ab34_0000123_top`; the part before the dash is the recording."""
    source = f"{record.picture}/{record.name}"
    mark = hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()[:6]
    recording, stem = file_name(record.recording), file_name(Path(record.name).stem).replace("-", "_")
    if UPLOAD.search(f"{recording}-{mark}"):  # `cut` would mistake a date for Label Studio's prefix
        recording += "_"
    return f"{recording}-{mark}_{stem}" + ("" if any(map(str.isdigit, mark + stem)) else "_0")


def _save_picture(record: Record, image: Image.Image, folder: Path) -> str:
    """Writes a picture for Label Studio: a copy of its file, or a PNG. Returns the file's name."""
    suffix = Path(record.name).suffix.lower()
    if not record.in_log and suffix in SUFFIXES - {".ppm"}:
        content = picture.read_bytes(record)
    else:
        suffix, buffer = ".png", io.BytesIO()
        image.save(buffer, "PNG", compress_level=1)
        content = buffer.getvalue()
    name = picture_name(record) + suffix
    (folder / name).write_bytes(content)
    return name
