"""Reads Pascal VOC: one XML file per picture, beside the picture or in `Annotations`; boxes are in pixels."""

from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

from dataset_tools.annotations.classes import Classes
from dataset_tools.annotations.find_pictures import SUFFIXES, PictureFolder, path_of, walk
from dataset_tools.annotations.kinds import IGNORE
from dataset_tools.annotations.record import Box, Items, Record, annotated, size_of
from dataset_tools.sources.labels import Refused
from dataset_tools.sources.patch_sources import Skipped
from dataset_tools.sources.zip_members import read_file


class _Builder(ElementTree.TreeBuilder):
    """Rejects document types: they may declare entities, which annotations do not need."""

    def doctype(self, *_):
        raise Refused("xml declares a document type or entities")


def read(path: Path, classes: Classes) -> Items:
    """Yields the pictures of a folder, or the picture of one XML file; pictures without an XML file are skipped."""
    folder = path if path.is_dir() else path.parent
    # Pictures by name without suffix; a list has several pictures if their names differ only in the suffix.
    pictures: dict[PurePosixPath, list[str]] = {}
    for name in (names := walk(folder, SUFFIXES)):
        pictures.setdefault(PurePosixPath(name).with_suffix(""), []).append(name)
    search = PictureFolder(folder)
    used = set()
    for name in walk(folder, {".xml"}) if path.is_dir() else [path.name]:
        # Takes the picture with the XML file's name, which is beside the file or in JPEGImages or images. If there is
        # no such picture, takes the one that the XML file names.
        stem = PurePosixPath(name).with_suffix("")
        beside = [stem, *(stem.parent.parent / images / stem.name for images in ("JPEGImages", "images"))]
        found = next((pictures[place] for place in beside if place in pictures), [])
        try:
            root = _parse(read_file(folder / name))
            told = path_of(root.findtext("filename") or "")
            picture = _one(found, told) or search.find(told or stem.name).relative_to(folder).as_posix()
        except Refused as refused:
            used.update(found)  # the picture is reported only once, together with its XML file
            yield Skipped(name, str(refused))
            continue
        used.add(picture)
        declared = size_of(root.findtext("size/width"), root.findtext("size/height"))
        record = Record(picture, (), True, declared, folder / picture)
        yield from annotated(record, root.iter("object"), lambda item: _box(item, classes))
    if path.is_dir():
        for name in sorted({*names} - used):
            yield Skipped(name, "not annotated: there is no xml for it")


def _one(pictures: list[str], told: str) -> str:
    """Chooses a picture with the XML file's name, or returns an empty string if there is none.

    If there are several pictures with this name, the one that the XML file names is chosen.
    """
    if len(pictures) > 1:
        name = PurePosixPath(told).name.lower()
        pictures = [picture for picture in pictures if PurePosixPath(picture).name.lower() == name]
        if not pictures:
            raise Refused("several pictures have the xml file's name, but the xml names none of them")
    return "".join(pictures)


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
