"""Each name in the annotations is matched to one picture.

Names without a unique match are skipped, and the reason is given.
"""

import json

from tests.dataset_tools.annotations import scenes
from tests.dataset_tools.annotations.reading import BALL, read


def test_a_picture_with_two_names_is_read_once(folder, tmp_path):
    records, skipped = read(
        scenes.coco(tmp_path, {"top/a.png": BALL, "bottom/a.png": []}), folder, empty_certified=True
    )
    assert list(records) == ["top/a.png"]
    assert skipped == {"bottom/a.png": "already read, from another source or under another name"}


def test_the_same_name_in_two_folders(tmp_path):
    names = {"one/a.png": BALL, "two/a.png": [("ball", 10, 20, 40, 50)]}
    folder = scenes.write_pictures(tmp_path / "pictures", names)
    records, _ = read(scenes.coco(tmp_path, names), folder)
    assert {name: item.picture.relative_to(folder).as_posix() for name, item in records.items()} == {
        name: name for name in names
    }
    _, skipped = read(scenes.coco(tmp_path, {"a.png": BALL}), folder)
    assert skipped == {"a.png": "several folders contain a picture with this name"}


def test_names_with_spaces_and_umlauts(tmp_path):
    names = {"Spiel 1/Töre ~ ä.png": BALL}
    folder = scenes.write_pictures(tmp_path / "pictures", names)
    apart = {"Spiel 1/To\u0308re ~ a\u0308.png": BALL}  # decomposed Unicode, which macOS uses in file names
    for boxes in (names, apart):
        records, skipped = read(scenes.coco(tmp_path, boxes), folder)
        assert len(records) == 1, skipped
    task = scenes.label_studio_task(0, "x.png", BALL)
    task["data"]["image"] = "/data/local-files/?d=all/Spiel%201/T%C3%B6re%20~%20%C3%A4.png"
    (tmp_path / "export.json").write_text(json.dumps([task]))
    records, skipped = read(tmp_path / "export.json", folder)
    assert len(records) == 1, skipped
