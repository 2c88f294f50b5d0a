"""The whole command: annotations give the same patches in any format, and labels are where the balls are."""

import io
import shlex
import subprocess
import zipfile

import numpy as np
import pytest
from PIL import Image

from common.errors import UserError
from dataset_tools import cut
from tests.dataset_tools.annotations import scenes


def run(*arguments):
    return cut.main([str(argument) for argument in (*arguments, "--jobs", 1)])


def patches(root):
    """(archive, member, picture, text chunks) of every patch."""
    for path in sorted(root.glob("*/*.zip")):
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None
            for member in archive.namelist():
                image = Image.open(io.BytesIO(archive.read(member)))
                image.load()
                yield path.relative_to(root).as_posix(), member, image, image.text


def number(text, key):
    return float(text.get(key, 0))


def content(root):
    return sorted((image.tobytes(), sorted(text.items())) for _, _, image, text in patches(root))


@pytest.fixture
def pictures(tmp_path):
    return scenes.write_pictures(tmp_path / "pictures")


@pytest.mark.parametrize("kind", scenes.WRITERS)
def test_every_format_gives_the_patches_of_coco(kind, tmp_path, pictures):
    boxes = scenes.coco(tmp_path)
    # In COCO, a picture without boxes is not certified; the other formats can say that it shows no ball.
    assert run(boxes, "--pictures", pictures, "--empty-is-negative", "--output", tmp_path / "coco") == 0
    source = scenes.WRITERS[kind](pictures)
    assert run(source, "--pictures", pictures, "--output", tmp_path / "other", "--empty-is-negative") == 0
    assert content(tmp_path / "other") == content(tmp_path / "coco")
    assert len(content(tmp_path / "coco")) > 30


def test_the_printed_next_command_runs(tmp_path, pictures, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(scenes.yolo(pictures), "--output", "my patches") == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("my patches: 48 patches, 2 archives: ")
    assert "too few recordings" in told[-2]
    command = shlex.split(told[-1].removeprefix("Build datasets from them: "))
    assert (
        subprocess.run([*command, "--max-leaks", "1", "--no-keep-linked", "--jobs", "1"], check=False).returncode == 0
    )
    assert list(tmp_path.glob("datasets/classification/*/*_train_*.h5"))


def test_labels_are_where_the_balls_are(tmp_path, pictures):
    assert run(scenes.yolo(pictures), "--output", tmp_path / "out", "--per-ball", 12) == 0
    seen = 0
    for _, _, image, text in patches(tmp_path / "out"):
        boxes = scenes.SCENES[text["picture"]]
        left, top, right, bottom = (int(text[f"p_{key}"]) for key in ("min_x", "min_y", "max_x", "max_y"))
        assert image.size == (right - left, bottom - top) == (int(text["side"]),) * 2
        assert 0 <= left < right <= scenes.SIZE[0]
        assert 0 <= top < bottom <= scenes.SIZE[1]
        circles = [circle(box) for box in boxes if box[0] == scenes.BALL]
        shares = [share(ball, (left, top, right, bottom)) for ball in circles]
        assert number(text, "ball_intersect") == pytest.approx(max(shares, default=0), abs=0.01)
        if max(shares, default=0) > 0.01:
            radius, x, y = circles[int(np.argmax(shares))]
            told = [number(text, key) for key in ("ball_radius", "ball_center_x", "ball_center_y")]
            assert told == pytest.approx([radius, x - left, y - top], abs=6e-4)
            seen += 1
    assert seen >= 40


def circle(box):
    _, left, top, right, bottom = box
    if left <= 0:  # the ball that is cut off at the left
        radius = max(right - left, bottom - top) / 2
        return radius, right - radius, (top + bottom) / 2
    return (right - left + bottom - top) / 4, (left + right) / 2, (top + bottom) / 2


def share(ball, box, count=400):
    """Share of the patch inside the circle, by counting points of a fine grid."""
    radius, x, y = ball
    steps = (np.arange(count) + 0.5) / count * 2 - 1
    inside = steps[:, None] ** 2 + steps[None] ** 2 <= 1
    px, py = x + radius * steps[None], y + radius * steps[:, None]
    return (inside & (px > box[0]) & (px < box[2]) & (py > box[1]) & (py < box[3])).sum() / inside.sum()


def test_sizes_offsets_and_partial_views_match_the_robots(tmp_path, pictures):
    assert run(scenes.yolo(pictures), "--output", tmp_path / "out", "--per-ball", 40, "--negatives", 0) == 0
    ratios, offsets, partial = [], [], 0
    for _, _, image, text in patches(tmp_path / "out"):
        if text["picture"] == "game1-000002.png":  # the ball is cut off, so patches are moved into the picture
            continue
        radius = number(text, "ball_radius")
        ratios.append(image.width / 2 / radius)
        partial += number(text, "ball_intersect") <= 0.5
        if number(text, "ball_intersect") > 0.95:
            offsets += [abs(number(text, f"ball_center_{axis}") / image.width - 0.5) for axis in "xy"]
    assert min(ratios) + 0.05 >= 1.0
    assert 1.6 < max(ratios) < 1.75
    assert 0.1 < max(offsets) < 0.19
    assert 0.05 < partial / len(ratios) < 0.3


def test_a_border_is_a_fraction_of_the_radius(tmp_path, pictures):
    sizes = {}
    for border in (0, 0.2):
        out = tmp_path / f"out{border}"
        assert run(scenes.yolo(pictures), "--output", out, "--border", border, "--negatives", 0) == 0
        sizes[border] = [image.width for _, _, image, _ in patches(out)]
    assert np.array(sizes[0.2]) / np.array(sizes[0]) == pytest.approx(1.2, abs=0.03)


def test_negatives_show_no_ball_and_three_of_four_show_something(tmp_path):
    box = [(scenes.BALL, 150, 110, 180, 140), (scenes.ROBOT, 20, 120, 80, 230)]
    names = {f"game-{index:03d}.png": box for index in range(12)}
    folder = scenes.write_pictures(tmp_path / "pictures", names)
    assert run(scenes.yolo(folder, names), "--output", tmp_path / "out", "--per-ball", 0, "--negatives", 8) == 0
    on_robot = []
    for _, _, _, text in patches(tmp_path / "out"):
        left, top, right, bottom = (int(text[f"p_{key}"]) for key in ("min_x", "min_y", "max_x", "max_y"))
        assert right <= 150 or left >= 180 or bottom <= 110 or top >= 140
        assert "ball_radius" not in text
        on_robot.append(number(text, "robot_intersect"))
    assert len(on_robot) >= 80
    # Three of four negatives show something, half of these the robot, which covers a tenth of the picture.
    assert np.mean(np.array(on_robot) > 0) > 0.25


def test_robot_and_penalty_overlaps_are_written(tmp_path, pictures):
    assert run(scenes.yolo(pictures), "--output", tmp_path / "out", "--negatives", 40) == 0
    shares = {"robot": [], "penalty": []}
    for _, _, _, text in patches(tmp_path / "out"):
        for kind, found in shares.items():
            if f"{kind}_intersect" in text:
                assert f"{kind}_center_x" in text
                found.append(number(text, f"{kind}_intersect"))
    assert max(shares["robot"]) > 0.8  # share of the patch; a patch that is entirely on the drawn robot would be flat
    assert max(shares["penalty"]) > 0.9  # share of the mark


def test_bytes_depend_on_the_seed_but_not_on_the_number_of_processes(tmp_path, pictures):
    source = scenes.yolo(pictures)
    roots = [tmp_path / name for name in ("one", "two", "seed")]
    for root, more in zip(roots, (["--jobs", 1], ["--jobs", 2], ["--jobs", 1, "--seed", 1]), strict=True):
        assert cut.main([str(part) for part in (source, "--output", root, *more)]) == 0
    files = [{path.relative_to(root): path.read_bytes() for path in root.rglob("*.zip")} for root in roots]
    assert files[0] == files[1]
    assert files[0].keys() == files[2].keys()
    assert files[0] != files[2]


def test_recordings_and_cameras(tmp_path):
    boxes = [(scenes.BALL, 100, 80, 130, 110)]
    names = ["a/top/game-1.png", "a/bottom/game-1.png", "b/x_upper.png", "b/7.png", "2026-11-03-pass1.png"]
    names = dict.fromkeys(names, boxes)
    folder = scenes.write_pictures(tmp_path / "field", names)
    scenes.yolo(folder, names)
    assert run(folder, "--output", tmp_path / "out") == 0
    found = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").glob("*/*.zip")}
    assert found == {
        "top/field_a_top_game.zip",
        "bottom/field_a_bottom_game.zip",
        "top/field_b.zip",
        "top/field_2026-11-03.zip",
    }
    assert run(folder, "--output", tmp_path / "by", "--recording", "^([ab])", "--camera", "bottom") == 0
    found = {path.relative_to(tmp_path / "by").as_posix() for path in (tmp_path / "by").glob("*/*.zip")}
    assert found == {"top/a.zip", "bottom/a.zip", "top/b.zip", "bottom/b.zip"}


def test_thinning_and_caps(tmp_path):
    names = {f"game-{index}.png": [(scenes.BALL, 100, 80, 130, 110)] for index in range(1, 13)}
    folder = scenes.yolo(scenes.write_pictures(tmp_path / "pictures", names), names)
    assert run(folder, "--output", tmp_path / "thin", "--every", 5) == 0
    assert {text["picture"] for *_, text in patches(tmp_path / "thin")} == {"game-1.png", "game-6.png", "game-11.png"}
    assert run(folder, "--output", tmp_path / "few", "--max-per-picture", 2) == 0
    counts = [text["picture"] for *_, text in patches(tmp_path / "few")]
    assert all(counts.count(name) == 2 for name in names)
    assert run(folder, "--output", tmp_path / "cap", "--max-per-recording", 3) == 0
    assert [text["picture"] for *_, text in patches(tmp_path / "cap")] == ["game-1.png", "game-5.png", "game-9.png"]


def test_a_picture_that_is_listed_twice_is_cut_once(tmp_path):
    names = {"a-1.png": [(scenes.BALL, 100, 80, 130, 110)]}
    folder = scenes.write_pictures(tmp_path / "pictures", names)
    (folder / "b-7.png").write_bytes((folder / "a-1.png").read_bytes())
    scenes.yolo(folder, dict.fromkeys(("a-1.png", "b-7.png"), names["a-1.png"]))
    assert run(folder, "--output", tmp_path / "out") == 0
    assert {text["picture"] for *_, text in patches(tmp_path / "out")} == {"a-1.png"}


@pytest.mark.parametrize("again", ["{0}", "{0}/in", "link", "{0}/data.yaml"])
def test_pictures_that_are_given_twice_are_counted_once(again, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {f"in/game-{index}.png": [(scenes.BALL, 100, 80, 100 + 9 * index, 80 + 9 * index)] for index in (2, 3, 4)}
    folder = scenes.yolo(scenes.write_pictures(tmp_path / "pictures", names), names)
    (folder / "in" / "data.yaml").write_bytes((folder / "data.yaml").read_bytes())
    (tmp_path / "link").symlink_to(folder / "in")
    assert run(folder, "--output", "once") == 0
    once = capsys.readouterr()
    assert run(folder, again.format(folder), "--output", "twice") == 0
    twice = capsys.readouterr()
    assert twice.out.replace("twice", "once") == once.out
    assert ("skipped 3: already read, from another source or under another name" in twice.err) == (again != "{0}")
    assert content(tmp_path / "twice") == content(tmp_path / "once")


def test_one_picture_and_one_archive_are_told_in_the_singular(tmp_path, capsys):
    names = {"a-1.png": [(scenes.BALL, 100, 80, 130, 110)]}
    folder = scenes.yolo(scenes.write_pictures(tmp_path / "pictures", names), names)
    assert run(folder, "--output", tmp_path / "out", "--max-per-picture", 1) == 0
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert first.partition(": ")[2].startswith("1 patch, 1 archive: 1 ")
    assert second.startswith("  no camera in the path of 1 picture, so it counts as top")


def test_existing_archives_are_not_lost(tmp_path, pictures):
    source = scenes.yolo(pictures)
    assert run(source, "--output", tmp_path / "out") == 0
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.zip")}
    with pytest.raises(UserError, match="already has these recordings"):
        run(source, "--output", tmp_path / "out", "--seed", 3)
    assert {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.zip")} == before
    assert run(source, "--output", tmp_path / "out", "--seed", 3, "--replace") == 0
    assert {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.zip")} != before
    assert not list((tmp_path / "out").glob(".*"))


def test_nothing_is_written_if_nothing_can_be_cut(tmp_path):
    folder = scenes.write_pictures(tmp_path / "pictures", {"a-1.png": []})
    (folder / "a-1.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(UserError, match=r"nothing to cut.*damaged picture"):
        run(scenes.yolo(folder, {"a-1.png": []}), "--output", tmp_path / "out")
    assert not list((tmp_path / "out").rglob("*"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--scale", "2", "1"], "--scale needs two numbers"),
        (["--every", "0"], "--every takes a whole number from 1 "),
        (["--seed", "-1"], "--seed takes a whole number from 0 "),
        (["--border", "-1"], "--border takes a number from 0 to 2. Received: -1"),
        (["--jitter", "nan"], "--jitter takes a number from 0 to 2. Received: nan"),
        (["--pictures", "nowhere"], "--pictures must be a folder"),
        (["--annotations", "{boxes}"], "--annotations must be COCO or Label Studio files for a log"),
        (["--format", "voc"], "nothing to cut"),
        (["--format", "yolov8"], "--format must be one of yolo, coco"),
    ],
)
def test_wrong_arguments_get_one_line(arguments, message, tmp_path, pictures):
    boxes = str(scenes.coco(tmp_path))
    with pytest.raises(UserError, match=message) as caught:
        run(scenes.yolo(pictures), "--output", tmp_path / "out", *(part.format(boxes=boxes) for part in arguments))
    assert "\n" not in str(caught.value)
