"""Checks each record of the journal, so that only the invalid lines of an edited or damaged file are left out."""

import math
import os
import re
from collections.abc import Callable

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


def _place(value) -> bool:
    """Whether a value can be an address or a path; whether a path stays in the run folder is checked on opening."""
    return _text(value) and "\0" not in os.fsdecode(os.fsencode(value))


def _uuid(value) -> bool:
    return _text(value) and re.fullmatch(r"[0-9A-Za-z-]{1,64}", value) is not None


def _all(check: Callable[[object], bool], kind: type) -> Callable[[object], bool]:
    return lambda value: isinstance(value, kind) and all(map(check, value.values() if kind is dict else value))


_FIELDS = {
    "run": {"uuid": _uuid, "experiment": _text, "name": _text, "user": _text, "servers": _all(_place, list)},
    "resume": {"servers": _all(_place, list)},
    "parameters": {"values": _all(_text, dict)},
    "tags": {"values": _all(_text, dict)},
    "metrics": {"step": _whole, "values": _all(_number, dict)},
    "dataset": {"name": _text, "digest": _text, "source": _text, "context": _text, "patches": _whole},
    "artifact": {"path": _place, "folder": _place},
    "model": {"path": _place, "name": _place},  # only in runs from before December 2026
    "status": {"status": TERMINAL.__contains__},
}
_OPTIONAL = {"parent": _uuid, "ended": _moment}


def fault_of_record(record) -> str:
    """Returns what is wrong with a record, or "". Records of an unknown kind are allowed."""
    if not isinstance(record, dict) or not isinstance(record.get("kind"), str) or not _moment(record.get("t")):
        return "it is not a record with a kind and a time"
    wanted = dict(_FIELDS.get(record["kind"], {}))
    wanted |= {name: check for name, check in _OPTIONAL.items() if record.get(name) is not None}
    for name, check in wanted.items():
        try:
            good = check(record[name])
        except (KeyError, TypeError, ValueError):  # field missing, a list instead of text, or half of a surrogate pair
            good = False
        if not good:
            return f"{record['kind'][:20]} with a wrong or missing {name!r}"
    return ""
