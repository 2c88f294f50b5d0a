"""Values of annotations that other programs wrote: anything may be missing or of another type."""

import math

from dataset_tools.sources.labels import Refused


def number(value: object) -> float:
    """A finite number, also one written as text.

    Raises:
        Refused: anything else.
    """
    try:
        result = float(value) if not isinstance(value, bool) else math.nan
    except (TypeError, ValueError, OverflowError):
        result = math.nan
    if not math.isfinite(result):
        raise Refused("box with a value that is not a number")
    return result


def numbers(values: object, count: int) -> tuple[float, ...]:
    """`count` finite numbers of a list.

    Raises:
        Refused: not such a list.
    """
    if not isinstance(values, list) or len(values) != count:
        raise Refused(f"box without {count} numbers")
    return tuple(number(value) for value in values)


def size(width: object, height: object) -> tuple[float, float] | None:
    """Width and height of a picture in pixels; None where they are not given, or given as 0 as some programs do."""
    try:
        found = number(width), number(height)
    except Refused:
        return None
    return found if min(found) > 0 else None


def mapping(value: object) -> dict:
    """The value if it is a dict, else an empty one."""
    return value if isinstance(value, dict) else {}


def sequence(value: object) -> list:
    """The value if it is a list, else an empty one."""
    return value if isinstance(value, list) else []
