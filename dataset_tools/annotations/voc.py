"""Pascal VOC: one XML file per picture, beside it or in `Annotations` for `JPEGImages`; boxes in pixels."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

from dataset_tools.annotations.classes import Classes
from dataset_tools.annotations.find_pictures import SUFFIXES, PictureFolder, path_of, walk
from dataset_tools.annotations.record import IGNORE, Box, Record
from dataset_tools.annotations.values import number, size
from dataset_tools.sources.labels import Refused
from dataset_tools.sources.patch_sources import Skipped

XML_MAX = 4 << 20  # bytes of one picture's annotations


class _Builder(ElementTree.TreeBuilder):
    """Refuses a document type, because that is where entities are declared, and annotations do not need them."""

    def doctype(self, *_):
        raise Refused("xml declares a document type or entities")


def read(path: Path, classes: Classes) -> Iterator[Record | Skipped]:
    """The pictures of a folder, or the picture of one XML file; pictures without an XML file are not annotated."""
    folder = path if path.is_dir() else path.parent
    pictures = {PurePosixPath(name).with_suffix("").as_posix(): name for name in walk(folder, SUFFIXES)}
    search = PictureFolder(folder)
    used = set()
    for name in walk(folder, {".xml"}) if path.is_dir() else [path.name]:
        try:
            root = _parse(folder / name)
            picture = _picture(name, root, pictures, search)
        except (Refused, OSError) as error:
            yield Skipped(name, str(error) if isinstance(error, Refused) else "unreadable xml file")
            continue
        used.add(picture)
        yield from _record(folder, picture, root, classes)
    if path.is_dir():
        for name in sorted({*pictures.values()} - used):
            yield Skipped(name, "not annotated: there is no xml for it")


def _parse(file: Path) -> ElementTree.Element:
    if file.stat().st_size > XML_MAX:
        raise Refused(f"xml larger than {XML_MAX >> 20} MB")
    try:
        root = ElementTree.XML(file.read_bytes(), ElementTree.XMLParser(target=_Builder()))  # noqa: S314
    except (ElementTree.ParseError, ValueError, LookupError):
        raise Refused("not a readable xml file") from None
    if root.tag != "annotation":
        raise Refused("xml is not an annotation")
    return root


def _picture(name: str, root: ElementTree.Element, pictures: dict[str, str], search: PictureFolder) -> str:
    """Path of the picture with the XML file's name, beside it or in JPEGImages or images; else the path in the XML."""
    path = PurePosixPath(name).with_suffix("")
    beside = [path, *(path.parent.parent / folder / path.name for folder in ("JPEGImages", "images"))]
    for stem in beside:
        if stem.as_posix() in pictures:
            return pictures[stem.as_posix()]
    told = path_of(root.findtext("filename") or "")
    return search.find(told or path.name).relative_to(search.root).as_posix()


def _record(folder: Path, name: str, root: ElementTree.Element, classes: Classes) -> Iterator[Record | Skipped]:
    boxes, certified = [], True
    for item in root.iter("object"):
        try:
            boxes.append(_box(item, classes))
        except Refused as refused:
            certified = False
            yield Skipped(name, str(refused))
    declared = size(root.findtext("size/width"), root.findtext("size/height"))
    yield Record(name, tuple(boxes), certified, declared, folder / name)


def _box(item: ElementTree.Element, classes: Classes) -> Box:
    kind = classes.kind(item.findtext("name") or "unknown")
    corners = [number(item.findtext(f"bndbox/{key}")) for key in ("xmin", "ymin", "xmax", "ymax")]
    return Box(IGNORE if not (item.findtext("name") or "").strip() else kind, *corners)
