"""Pascal VOC: one XML file per picture, beside it or in `Annotations` for `JPEGImages`; boxes in pixels."""

from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

from dataset_tools.annotations.classes import Classes
from dataset_tools.annotations.find_pictures import SUFFIXES, PictureFolder, path_of, walk
from dataset_tools.annotations.record import IGNORE, Box, Items, Record, annotated, size_of
from dataset_tools.sources.labels import Refused
from dataset_tools.sources.patch_sources import Skipped
from dataset_tools.sources.zip_members import read_file


class _Builder(ElementTree.TreeBuilder):
    """Refuses a document type, because that is where entities are declared, and annotations do not need them."""

    def doctype(self, *_):
        raise Refused("xml declares a document type or entities")


def read(path: Path, classes: Classes) -> Items:
    """The pictures of a folder, or the picture of one XML file; pictures without an XML file are not annotated."""
    folder = path if path.is_dir() else path.parent
    pictures = {PurePosixPath(name).with_suffix(""): name for name in walk(folder, SUFFIXES)}
    search = PictureFolder(folder)
    used = set()
    for name in walk(folder, {".xml"}) if path.is_dir() else [path.name]:
        try:
            root = _parse(read_file(folder / name))
            # The picture with the XML file's name, beside it or in JPEGImages or images; else the one that it names.
            stem = PurePosixPath(name).with_suffix("")
            beside = [stem, *(stem.parent.parent / images / stem.name for images in ("JPEGImages", "images"))]
            picture = next((pictures[place] for place in beside if place in pictures), None)
            if picture is None:
                told = search.find(path_of(root.findtext("filename") or "") or stem.name)
                picture = told.relative_to(folder).as_posix()
        except Refused as refused:
            yield Skipped(name, str(refused))
            continue
        used.add(picture)
        declared = size_of(root.findtext("size/width"), root.findtext("size/height"))
        record = Record(picture, (), True, declared, folder / picture)
        yield from annotated(record, root.iter("object"), lambda item: _box(item, classes))
    if path.is_dir():
        for name in sorted({*pictures.values()} - used):
            yield Skipped(name, "not annotated: there is no xml for it")


def _parse(content: bytes) -> ElementTree.Element:
    try:
        root = ElementTree.XML(content, ElementTree.XMLParser(target=_Builder()))  # noqa: S314
    except (ElementTree.ParseError, ValueError, LookupError):
        raise Refused("not a readable xml file") from None
    if root.tag != "annotation":
        raise Refused("xml is not an annotation")
    return root


def _box(item: ElementTree.Element, classes: Classes) -> Box:
    name = (item.findtext("name") or "").strip()
    edges = (float(item.findtext(f"bndbox/{key}")) for key in ("xmin", "ymin", "xmax", "ymax"))
    return Box(classes.kind(name) if name else IGNORE, *edges)
