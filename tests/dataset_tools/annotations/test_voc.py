"""Pascal VOC: pictures without an XML file, and hostile XML."""

import pytest

from tests.dataset_tools.annotations import scenes
from tests.dataset_tools.annotations.reading import BALL, read


def test_voc_pictures_without_xml_and_odd_xml(folder):
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


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_xml_entities_are_refused_before_they_grow(encoding, folder):
    lines = [f'<!ENTITY e{n + 1} "{f"&e{n};" * 50}">' for n in range(9)]
    content = (
        f'<!DOCTYPE annotation [<!ENTITY e0 "ball">{"".join(lines)}]><annotation><filename>&e9;</filename></annotation>'
    )
    (folder / "a.xml").write_bytes(content.encode(encoding))
    (folder / "b.xml").write_text('<!DOCTYPE a SYSTEM "file:///etc/passwd"><annotation/>')
    _, skipped = read(folder)
    assert skipped["a.xml"] == skipped["b.xml"] == "xml declares a document type or entities"
