"""Every picture is cut once, into the archive of its recording and camera, and never into more patches than allowed."""

import pytest

from common.errors import UserError
from tests.dataset_tools.annotations import scenes

from .cut_and_read import content, patches, run


def test_recordings_and_cameras_are_derived_from_the_path(tmp_path):
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


def test_pictures_are_thinned_and_patches_are_limited(tmp_path):
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
    assert ("skipped 3 items: already read, from another source or under another name" in twice.err) == (again != "{0}")
    assert content(tmp_path / "twice") == content(tmp_path / "once")


def test_one_picture_and_one_archive_are_reported_in_the_singular(tmp_path, capsys):
    names = {"a-1.png": [(scenes.BALL, 100, 80, 130, 110)]}
    folder = scenes.yolo(scenes.write_pictures(tmp_path / "pictures", names), names)
    assert run(folder, "--output", tmp_path / "out", "--max-per-picture", 1) == 0
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert first.partition(": ")[2].startswith("1 patch, 1 archive: 1 ")
    assert second.startswith("  no camera in the path of 1 picture, so it counts as top")


def test_nothing_is_written_if_nothing_can_be_cut(tmp_path):
    folder = scenes.write_pictures(tmp_path / "pictures", {"a-1.png": []})
    (folder / "a-1.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(UserError, match=r"nothing to cut.*damaged picture"):
        run(scenes.yolo(folder, {"a-1.png": []}), "--output", tmp_path / "out")
    assert not list((tmp_path / "out").rglob("*"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--annotations", "{boxes}"], "--annotations takes COCO or Label Studio files, and needs a log"),
        (["--format", "voc"], "nothing to cut"),
        (["--format", "yolov8"], "--format must be one of yolo, coco"),
    ],
)
def test_wrong_arguments_give_a_one_line_error(arguments, message, tmp_path, pictures):
    boxes = str(scenes.coco(tmp_path))
    with pytest.raises(UserError, match=message) as caught:
        run(scenes.yolo(pictures), "--output", tmp_path / "out", *(part.format(boxes=boxes) for part in arguments))
    assert "\n" not in str(caught.value)
