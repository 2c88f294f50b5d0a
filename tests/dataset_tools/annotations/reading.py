"""Reads annotations of drawn pictures for the tests of all formats."""

from dataset_tools.annotations import recognise
from dataset_tools.annotations.classes import Classes
from dataset_tools.annotations.record import Record
from dataset_tools.sources.patch_sources import Skipped

BALL = [("ball", 100, 80, 130, 110)]


def read(path, pictures=None, kind=None, **classes):
    """Returns all records as {name: record}, and everything that was skipped as {name: reason}."""
    items = list(recognise.records(recognise.recognise(path, kind, pictures), Classes.of(**classes)))
    skipped = {item.name: item.reason for item in items if isinstance(item, Skipped)}
    return {item.name: item for item in items if isinstance(item, Record)}, skipped
