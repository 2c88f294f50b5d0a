"""Pictures with balls at known positions, and the same annotations written in every format."""

import json
import struct
from xml.sax.saxutils import escape

import numpy as np
from PIL import Image, ImageDraw

BALL, ROBOT, MARK = "ball", "nao", "penalty_mark"


def picture(seed, size=(320, 240), boxes=()):
    """Draws a noisy field with a white disc in the box of each ball and a grey rectangle in every other box."""
    generator = np.random.default_rng(seed)
    ground = generator.integers(40, 120, (size[1] // 8 + 1, size[0] // 8 + 1, 3), dtype=np.uint8)
    image = Image.fromarray(ground).resize(size, Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(image)
    draw.line((0, size[1] // 3, size[0], size[1] // 2), fill=(230, 230, 230), width=4)
    for name, left, top, right, bottom in boxes:
        draw_shape = draw.ellipse if name == BALL else draw.rectangle
        draw_shape((left, top, right, bottom), fill=(250, 250, 250) if name == BALL else (150, 150, 160))
    return image


SCENES = {  # boxes of each picture as (class, left, top, right, bottom) in pixels
    "game1-000001.png": [(BALL, 100.25, 80.5, 130.75, 111.25), (ROBOT, 200, 20, 260, 140)],
    "game1-000002.png": [(BALL, -0.5, 100, 20, 140), (MARK, 150, 150, 162, 160)],
    "game2-000001.png": [],
    "game2-000002.png": [(BALL, 30, 30, 54, 54), (BALL, 250, 180, 280, 210)],
}
SIZE = (320, 240)


def write_pictures(folder, scenes=None, size=SIZE):
    folder.mkdir(parents=True, exist_ok=True)
    for seed, (name, boxes) in enumerate((scenes or SCENES).items()):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        picture(seed, size, boxes).save(path)
    return folder


def yolo(folder, scenes=None):
    names = [BALL, ROBOT, MARK]
    (folder / "data.yaml").write_text(f"names: {json.dumps(names)}\n")
    for name, boxes in (scenes or SCENES).items():
        lines = []
        for kind, a, b, c, d in boxes:
            numbers = (a + c) / 2 / SIZE[0], (b + d) / 2 / SIZE[1], (c - a) / SIZE[0], (d - b) / SIZE[1]
            lines.append(" ".join(map(repr, (names.index(kind), *numbers))))
        (folder / name).with_suffix(".txt").write_text("\n".join(lines))
    return folder


def coco(folder, scenes=None, name="boxes.json"):
    names = [BALL, ROBOT, MARK]
    images, annotations = [], []
    for index, (file, boxes) in enumerate((scenes or SCENES).items()):
        images.append({"id": index, "file_name": file, "width": SIZE[0], "height": SIZE[1]})
        for kind, a, b, c, d in boxes:
            box = {"image_id": index, "category_id": names.index(kind) + 1, "bbox": [a, b, c - a, d - b]}
            annotations.append({"id": len(annotations), **box})
    categories = [{"id": index + 1, "name": kind} for index, kind in enumerate(names)]
    content = {"annotations": annotations, "images": images, "categories": categories}
    (folder / name).write_text(json.dumps(content))
    return folder / name


def voc(folder, scenes=None):
    for file, boxes in (scenes or SCENES).items():
        objects = "".join(
            f"<object><name>{kind}</name><bndbox><xmin>{a!r}</xmin><ymin>{b!r}</ymin><xmax>{c!r}</xmax><ymax>{d!r}</ymax>"
            "</bndbox></object>"
            for kind, a, b, c, d in boxes
        )
        size = f"<size><width>{SIZE[0]}</width><height>{SIZE[1]}</height></size>"
        content = f"<annotation><filename>{escape(file)}</filename>{size}{objects}</annotation>"
        (folder / file).with_suffix(".xml").write_text(content)
    return folder


def label_studio_task(index, file, boxes, size=SIZE, **more):
    result = [
        {
            "type": "rectanglelabels",
            "original_width": size[0],
            "original_height": size[1],
            "value": {
                "x": a / size[0] * 100,
                "y": b / size[1] * 100,
                "width": (c - a) / size[0] * 100,
                "height": (d - b) / size[1] * 100,
                "rotation": 0,
                "rectanglelabels": [kind],
            },
        }
        for kind, a, b, c, d in boxes
    ]
    annotation = {"id": index, "was_cancelled": False, "updated_at": "2026-01-01", "result": result}
    return {"id": index, "data": {"image": f"/data/upload/1/0123abcd-{file}"}, "annotations": [annotation | more]}


def label_studio(folder, scenes=None):
    tasks = [label_studio_task(index, file, boxes) for index, (file, boxes) in enumerate((scenes or SCENES).items())]
    (folder / "export.json").write_text(json.dumps(tasks))
    return folder / "export.json"


def torso(folder, scenes=None):
    lines = ["images:"]
    for file, boxes in (scenes or SCENES).items():
        lines += [f"  {file}:", "    annotations:"]
        for kind, a, b, c, d in boxes:
            name = {ROBOT: "robot", MARK: "penalty_mark"}.get(kind, kind)
            lines += ["    - in_image: true", f"      type: {name}", "      vector:"]
            lines += [f"      - [{a!r}, {b!r}]", f"      - [{c!r}, {d!r}]"]
        if not any(kind == BALL for kind, *_ in boxes):
            lines += ["    - in_image: false", "      type: ball"]
        lines += [f"    height: {SIZE[1]}", f"    width: {SIZE[0]}"]
    (folder / "annotations.yaml").write_text("\n".join(lines) + "\n")
    return folder / "annotations.yaml"


WRITERS = {"yolo": yolo, "coco": coco, "voc": voc, "label-studio": label_studio, "torso": torso}


def varint(value):
    value &= (1 << 64) - 1
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def message(**fields):
    """Encodes a protobuf message. The argument f1 is the value of field 1, and so on; values are bytes or int."""
    out = b""
    for key, value in fields.items():
        number = int(key[1:])
        if isinstance(value, bytes):
            out += varint(number << 3 | 2) + varint(len(value)) + value
        else:
            out += varint(number << 3) + varint(value)
    return out


def entry(frame, name, payload):
    """Returns the bytes of a message in a NaoTH log, including the header."""
    return struct.pack("<i", frame) + name.encode() + b"\0" + struct.pack("<i", len(payload)) + payload


def yuyv_of(image):
    """Returns the bytes of a picture in the camera's YUYV layout."""
    ycbcr = np.asarray(image.convert("YCbCr"))
    out = np.empty((image.height, image.width // 2, 4), np.uint8)
    out[..., 0], out[..., 2] = ycbcr[:, 0::2, 0], ycbcr[:, 1::2, 0]
    out[..., 1], out[..., 3] = ycbcr[:, 0::2, 1], ycbcr[:, 0::2, 2]
    return out
