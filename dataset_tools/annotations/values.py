"""Reads values from other programs' annotations, where anything may be missing or have the wrong type."""

import math

from dataset_tools.sources.labels import Refused


def number(value: object) -> float:
    """A finite number, which may be written as text.

    Raises:
        Refused: the value is anything else.
    """
    try:
        result = float(value) if not isinstance(value, bool) else math.nan
    except (TypeError, ValueError, OverflowError):
        result = math.nan
    if not math.isfinite(result):
        raise Refused("box with a value that is not a number")
    return result


def numbers(values: object, count: int) -> tuple[float, ...]:
    """Checks that a value is a list of `count` finite numbers, and returns the numbers.

    Raises:
        Refused: the value is anything else.
    """
    if not isinstance(values, list) or len(values) != count:
        raise Refused(f"box without {count} numbers")
    return tuple(number(value) for value in values)


def size(width: object, height: object) -> tuple[float, float] | None:
    """Width and height of a picture in pixels; None if they are missing or 0, as some programs write them."""
    try:
        found = number(width), number(height)
    except Refused:
        return None
    return found if min(found) > 0 else None


def mapping(value: object) -> dict:
    """The value if it is a dict, otherwise an empty dict."""
    return value if isinstance(value, dict) else {}


def sequence(value: object) -> list:
    """The value if it is a list, otherwise an empty list."""
    return value if isinstance(value, list) else []
