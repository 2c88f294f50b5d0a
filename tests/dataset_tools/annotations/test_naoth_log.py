"""Pictures and candidates in NaoTH logs are read unchanged, and damaged messages are rejected."""

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from common.errors import UserError
from dataset_tools import cut
from dataset_tools.annotations import naoth_log
from dataset_tools.annotations.record import Place
from dataset_tools.sources.labels import Refused
from dataset_tools.sources.patch_sources import Skipped
from tests.dataset_tools.annotations import scenes
from tests.dataset_tools.annotations.scenes import entry, message

BALL = [("ball", 100, 80, 130, 110)]


def run(*arguments):
    return cut.main([str(argument) for argument in (*arguments, "--jobs", 1)])


def image_message(pixels):
    height, half, _ = pixels.shape
    return message(f1=pixels.tobytes(), f2=half * 2, f3=height)


def jpeg_message(pixels):
    height, half, _ = pixels.shape
    buffer = io.BytesIO()
    Image.fromarray(255 - pixels, "CMYK").save(buffer, "JPEG", quality=100, subsampling=0)
    return message(f1=buffer.getvalue(), f2=half * 2, f3=height, f5=2)


def write_log(path, frames, kind="Image"):
    make = jpeg_message if "JPEG" in kind else image_message
    with path.open("wb") as stream:
        for frame, image in frames.items():
            stream.write(entry(frame, "FrameInfo", message(f1=frame)))
            stream.write(entry(frame, f"{kind}Top", make(scenes.yuyv_of(image))))
            stream.write(entry(frame, kind, make(scenes.yuyv_of(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)))))
            stream.write(entry(frame, "CameraMatrix", bytes(70)))
    return path


def messages(path):
    with path.open("rb") as stream:
        return {
            (place.frame, place.message): naoth_log.read_message(stream, place)
            for place in naoth_log.places(path)
            if isinstance(place, Place)
        }


@pytest.mark.parametrize(("kind", "tolerance"), [("Image", 0), ("ImageJPEG", 6)])
def test_pictures_of_a_log(kind, tolerance, tmp_path):
    image = scenes.picture(1)
    found = messages(write_log(tmp_path / "game.log", {7: image, 1008: image}, kind))
    assert list(found) == [(7, f"{kind}Top"), (7, kind), (1008, f"{kind}Top"), (1008, kind)]
    pixels = naoth_log.yuyv(found[7, f"{kind}Top"], "JPEG" in kind)
    assert np.abs(pixels.astype(int) - scenes.yuyv_of(image)).max() <= tolerance
    rgb = np.asarray(naoth_log.to_rgb(pixels)).astype(int)
    assert np.abs(rgb - np.asarray(image)).mean() < 4


@pytest.mark.parametrize("kind", ["Image", "ImageJPEG"])
def test_a_log_with_the_boxes_of_a_label_studio_export(kind, tmp_path):
    names = {f"spiel_top_{frame:07d}.png": BALL for frame in (7, 8)} | {
        "spiel_top_0000009.png": [],
        "spiel_top_0000999.png": [],
    }
    (tmp_path / "spiel").mkdir()
    frames = {frame: scenes.picture(frame, boxes=BALL) for frame in (7, 8, 9, 10)}
    log = write_log(tmp_path / "spiel" / "game.log", frames, kind)
    export = scenes.label_studio(tmp_path, names)
    assert run(log, "--annotations", export, "--output", tmp_path / "out") == 0
    (archive,) = (tmp_path / "out").glob("*/*.zip")
    assert archive.relative_to(tmp_path / "out").as_posix() == "top/spiel.zip"
    with zipfile.ZipFile(archive) as members:
        texts = {name: Image.open(io.BytesIO(members.read(name))).text for name in members.namelist()}
    assert {text["picture"] for text in texts.values()} == {"0000007_top", "0000008_top", "0000009_top"}
    assert {text["picture"] for text in texts.values() if "ball_radius" in text} == {"0000007_top", "0000008_top"}
    centres = [float(text["ball_center_x"]) + int(text["p_min_x"]) for text in texts.values() if "ball_radius" in text]
    assert centres == pytest.approx([115] * len(centres))


def test_a_log_without_annotations_is_refused(tmp_path):
    log = write_log(tmp_path / "game.log", {7: scenes.picture(7)})
    with pytest.raises(UserError, match=r"a log has no labels.*--annotations.*naoth-candidates"):
        run(log, "--output", tmp_path / "out")


def test_picture_names_must_contain_the_camera_and_the_log(tmp_path):
    log = write_log(tmp_path / "game.log", {7: scenes.picture(7)})
    with pytest.raises(UserError, match="two pictures of the same frame"):
        run(
            log,
            "--annotations",
            scenes.coco(tmp_path, {"a/0000007.png": BALL, "b/7.png": BALL}),
            "--output",
            tmp_path / "o",
        )


def test_the_annotations_of_several_logs_are_read_once(tmp_path, capsys):
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        write_log(tmp_path / name / "game.log", {7: scenes.picture(7 + len(name), boxes=BALL)})
    names = ["first_top_07.png", "second_top_07.png", "second_top_08.png", "third_top_07.png", "first_top_07_x.png"]
    boxes = scenes.coco(tmp_path, dict.fromkeys(names[:4], BALL) | {names[4]: []})
    logs = tmp_path / "first" / "game.log", tmp_path / "second"
    assert run(*logs, "--annotations", boxes, boxes, "--output", tmp_path / "out") == 0
    assert sorted(path.name for path in (tmp_path / "out" / "top").glob("*")) == ["first.zip", "second.zip"]
    told = capsys.readouterr().err
    assert "skipped 1 item: annotated picture is not in the log, such as second_top_08.png" in told
    assert "skipped 1 item: name contains none of the logs' names, such as third_top_07.png" in told
    assert "skipped 1 item: listed without any box" in told


@pytest.mark.parametrize("size", [5, 20, 100_000])
def test_a_truncated_log_is_used_up_to_its_end(size, tmp_path):
    log = write_log(tmp_path / "game.log", {frame: scenes.picture(frame) for frame in (1, 2)})
    whole = log.read_bytes()
    log.write_bytes(whole[:-size])
    found = list(naoth_log.places(log))
    assert isinstance(found[-1], Skipped)
    assert "ends in the middle" in found[-1].reason
    assert len(found) in (4, 5)
    log.write_bytes(whole + b"\x01\x00\x00\x00Image\x00\xff\xff\xff\xff" + bytes(50))  # a negative size
    assert [type(item) for item in naoth_log.places(log)] == [Place] * 4 + [Skipped]


@pytest.mark.parametrize(
    "content", [b"hello", bytes(500), b"\x01\x00\x00\x00" + b"A" * 500, b"\x01\x00\x00\x00\n\x00" + bytes(9)]
)
def test_a_file_that_is_not_a_log_gives_a_one_line_error(content, tmp_path):
    (tmp_path / "a.log").write_bytes(content)
    with pytest.raises(UserError, match="not a NaoTH log"):
        list(naoth_log.places(tmp_path / "a.log"))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff" * 30,
        message(f1=bytes(10)),
        message(f1=bytes(640 * 480 * 2), f2=100_000_000, f3=480),
        message(f1=bytes(641 * 2), f2=641, f3=1),
        message(f1=5, f2=640, f3=480),
        message(f1=bytes(100))[:-5],
    ],
)
@pytest.mark.parametrize("jpeg", [False, True])
def test_damaged_messages_are_refused(content, jpeg):
    with pytest.raises(Refused):
        naoth_log.yuyv(content, jpeg)


def candidate(pixels, box, kind):
    corner = [message(f1=box[0], f2=box[1]), message(f1=box[2], f2=box[3])]
    data = np.ascontiguousarray(pixels.swapaxes(0, 1)).tobytes()  # column by column
    return message(f1=corner[0], f2=corner[1], f3=kind, f5=data)


def test_the_robots_candidates_are_upright_and_without_a_label(tmp_path):
    generator = np.random.default_rng(0)
    gray = generator.integers(0, 256, (24, 24, 1), dtype=np.uint8)
    yuvc = np.concatenate([np.asarray(scenes.picture(2).convert("YCbCr").resize((16, 16))), gray[:16, :16]], axis=2)
    patches = message(f1=candidate(gray, (-3, 5, 45, 53), 0)) + message(f1=candidate(yuvc, (100, 80, 140, 120), 2))
    patches += message(f1=candidate(gray[:, :5], (1, 1, 9, 9), 0))
    (tmp_path / "a.log").write_bytes(entry(3, "BallCandidatesTop", patches) + entry(4, "BallCandidates", patches))
    # Only the folder is passed: the log in it is found, and a link to the log does not add its candidates again.
    (tmp_path / "link.log").symlink_to(tmp_path / "a.log")
    assert run(tmp_path, "--format", "naoth-candidates", "--output", tmp_path / "out") == 0
    assert {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").glob("*/*")} == {
        "top/a.zip",
        "bottom/a.zip",
    }
    with zipfile.ZipFile(tmp_path / "out" / "top" / "a.zip") as archive:
        first, second = (Image.open(io.BytesIO(archive.read(name))) for name in sorted(archive.namelist()))
    assert np.array_equal(np.asarray(first), gray[..., 0])
    assert (first.text["side"], first.text["box"], second.text["box"]) == ("48", "-3 5 45 53", "100 80 140 120")
    assert np.abs(np.asarray(second.convert("YCbCr")).astype(int) - yuvc[..., :3]).mean() < 2
    labels = ("intersect", "center", "radius", "p_m", "CameraID")
    assert not [key for key in (*first.text, *second.text) if any(word in key for word in labels)]


@pytest.mark.parametrize("kind", ["naoth-candidates", "naoth-log", "coco", "label-studio", "torso"])
def test_a_folder_without_a_file_of_the_given_format_gives_a_one_line_error(kind, tmp_path):
    boxes = ("--annotations", scenes.coco(tmp_path.parent, {"a.png": BALL})) if kind == "naoth-log" else ()
    with pytest.raises(UserError, match=r"^\S+: .*Received: .*\. [A-Z][^\n]*\.$"):
        run(tmp_path, "--format", kind, "--output", tmp_path / "out", *boxes)


def test_a_group_instead_of_a_number_is_ignored():
    low, high = scenes.message(f1=1, f2=1), scenes.message(f1=9, f2=9)
    group = bytes([3 << 3 | 3, 3 << 3 | 4])  # the bytes that start and end a protobuf group
    (found,) = naoth_log.candidates(scenes.message(f1=scenes.message(f1=low, f2=high, f5=bytes(64)) + group))
    assert found.box == (1, 1, 9, 9)
