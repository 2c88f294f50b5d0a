"""Runs cut.py in this process, and reads the patches that cut.py wrote."""

import io
import zipfile

from PIL import Image

from dataset_tools import cut


def run(*arguments):
    return cut.main([str(argument) for argument in (*arguments, "--jobs", 1)])


def patches(root):
    """Returns (archive, member, picture, text chunks) of every patch."""
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
