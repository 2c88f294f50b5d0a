"""Pascal VOC pictures without an XML file, or with hostile XML, are skipped."""

import pytest
from PIL import Image

from tests.dataset_tools.annotations import scenes
from tests.dataset_tools.annotations.reading import BALL, read


def test_voc_pictures_without_xml_or_with_odd_xml_are_skipped(folder):
    scenes.voc(folder, {"a.png": BALL})
    (folder / "c.xml").write_text("<annotation><filename>c.png</filename></annotation>")
    (folder / "d.xml").write_text("<annotation>")
    (folder / "e.xml").write_text("<kml/>")
    records, skipped = read(folder)
    assert list(records) == ["a.png"]
    assert skipped == {
        "b.png": "not annotated: there is no xml for it",
        "c.xml": "missing picture",
        "d.xml": "not a readable xml file",
        "e.xml": "xml is not an annotation",
    }


def test_a_picture_with_a_damaged_xml_is_reported_once(folder):
    (folder / "a.xml").write_text("<annotation>")
    scenes.voc(folder, {"b.png": BALL})
    _, skipped = read(folder)
    assert skipped == {"a.xml": "not a readable xml file"}


@pytest.mark.parametrize(("named", "other"), [("a.jpg", "a.png"), ("a.png", "a.jpg")])
def test_an_xml_decides_which_of_two_pictures_with_its_name_is_read(named, other, folder):
    Image.open(folder / "a.png").save(folder / "a.jpg")
    scenes.voc(folder, {named: BALL, "b.png": BALL})
    xml = folder / "a.xml"
    xml.write_text(xml.read_text().replace(f"{named}<", f"{named.upper()}<"))
    records, skipped = read(folder)
    assert list(records) == [named, "b.png"]
    assert skipped == {other: "not annotated: there is no xml for it"}
    xml.write_text(xml.read_text().replace(named.upper(), "somewhere.png"))
    records, skipped = read(folder)
    assert list(records) == ["b.png"]
    assert skipped == {"a.xml": "several pictures have the xml file's name, but the xml names none of them"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_xml_entities_are_refused_before_they_are_expanded(encoding, folder):
    lines = [f'<!ENTITY e{n + 1} "{f"&e{n};" * 50}">' for n in range(9)]
    content = (
        f'<!DOCTYPE annotation [<!ENTITY e0 "ball">{"".join(lines)}]><annotation><filename>&e9;</filename></annotation>'
    )
    (folder / "a.xml").write_bytes(content.encode(encoding))
    (folder / "b.xml").write_text('<!DOCTYPE a SYSTEM "file:///etc/passwd"><annotation/>')
    _, skipped = read(folder)
    assert skipped["a.xml"] == skipped["b.xml"] == "xml declares a document type or entities"
