"""TORSO-21 pictures are used if their annotations say whether they show a ball."""

from dataset_tools.annotations.record import Box
from tests.dataset_tools.annotations.reading import read


def test_a_picture_is_used_if_its_annotations_say_whether_it_shows_a_ball(folder):
    (folder / "annotations.yaml").write_text(
        "images:\n"
        "  a.png:\n    annotations:\n    - {type: ball, in_image: true, vector: [[1, 2], [31, 32]]}\n"
        "    metadata: &x {League: HSL}\n    height: 240\n    width: 320\n"
        "  b.png:\n    annotations:\n    - {type: robot, in_image: false}\n    metadata: *x\n"
    )
    records, skipped = read(folder)
    assert records["a.png"].boxes == (Box("ball", 1, 2, 31, 32),)
    assert records["a.png"].size == (320, 240)
    assert not records["b.png"].certified
    assert skipped == {"b.png": "no annotation says whether the picture shows a ball"}
