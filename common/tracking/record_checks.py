"""Checks a record of the journal: if a folder was edited or damaged, only the bad lines are left out."""

import math
import os
import re
from pathlib import PurePosixPath

TERMINAL = ("FINISHED", "FAILED", "KILLED")
_LAST_MOMENT = 253_402_300_800_000  # the year 10000, in milliseconds since 1970
_LARGEST = 1 << 53  # largest whole number that every JSON reader and database stores exactly


def _text(value) -> bool:
    return isinstance(value, str)


def _whole(value) -> bool:
    return type(value) is int and abs(value) < _LARGEST


def _moment(value) -> bool:
    return _whole(value) and 0 <= value < _LAST_MOMENT


def _number(value) -> bool:
    return value in ("nan", "inf", "-inf") or _whole(value) or (isinstance(value, float) and math.isfinite(value))


def _address(value) -> bool:
    """An address, or the path of a store: text that the file system accepts."""
    return _text(value) and "\0" not in value and bool(os.fsencode(value))


def _uuid(value) -> bool:
    return _text(value) and re.fullmatch(r"[0-9A-Za-z-]{1,64}", value) is not None


def _path(value) -> bool:
    """A relative path that stays in its folder."""
    path = PurePosixPath(value) if value == "" or _address(value) else None
    return path is not None and not path.is_absolute() and ".." not in path.parts


def _each(check):
    return lambda value: isinstance(value, list) and all(map(check, value))


def _values(check):
    return lambda value: isinstance(value, dict) and all(map(check, value.values()))


_FIELDS = {
    "run": {"uuid": _uuid, "experiment": _text, "name": _text, "user": _text, "servers": _each(_address)},
    "resume": {"servers": _each(_address)},
    "parameters": {"values": _values(_text)},
    "tags": {"values": _values(_text)},
    "metrics": {"step": _whole, "values": _values(_number)},
    "dataset": {"name": _text, "digest": _text, "source": _text, "context": _text, "patches": _whole},
    "artifact": {"path": _path, "folder": _path},
    "model": {"path": _path, "name": _path},  # in runs from before December 2026
    "status": {"status": TERMINAL.__contains__},
}
_OPTIONAL = {"parent": _uuid, "ended": _moment}


def fault_of_record(record) -> str:
    """What is wrong with a record, "" if nothing. An unknown kind is allowed."""
    if not isinstance(record, dict) or not isinstance(record.get("kind"), str) or not _moment(record.get("t")):
        return "it is not a record with kind and time"
    wanted = dict(_FIELDS.get(record["kind"], {}))
    wanted |= {name: check for name, check in _OPTIONAL.items() if record.get(name) is not None}
    for name, check in wanted.items():
        try:
            good = name in record and check(record[name])
        except (TypeError, ValueError):  # a list instead of a text, or half a character
            good = False
        if not good:
            return f"{record['kind'][:20]} with a wrong or missing {name!r}"
    return ""
