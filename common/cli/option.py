"""Declares each option once: a dataclass field holds its type, default, range and help."""

import argparse
import dataclasses
import types
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import get_args, get_origin

from common.errors import UserError


def option(default, text: str, metavar: str | None = None, **limits):
    """Makes a dataclass field that is a command-line option.

    `default` may be a function that returns the default value. `text` is the help text, in which `metavar` stands for
    the value. `limits` are either `low` and `high` (both inclusive), or `choices`.
    """
    metadata = {"help": text, "metavar": metavar, **limits}
    given = {"default_factory" if callable(default) else "default": default}
    return dataclasses.field(**given, metadata=metadata)


def default_of(field: dataclasses.Field):
    """Returns the default of an option."""
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()


def add_options(parser, kind: type, groups: Mapping[str, str], without: Collection[str] = ()) -> None:
    """Adds the options of a dataclass to a parser, without their defaults; other fields are left out.

    Args:
        parser, kind: the parser and the dataclass.
        groups: name of a field -> title of the group that begins with this field.
        without: names of fields to leave out.
    """
    group = parser
    for field in dataclasses.fields(kind):
        if field.name in groups:
            group = parser.add_argument_group(groups[field.name])
        if not field.metadata or field.name in without:
            continue
        settings = {"type": _value_type(field.type), "metavar": field.metadata["metavar"]}
        if settings["type"] is bool:
            settings = {"action": argparse.BooleanOptionalAction}
        elif get_origin(field.type) is tuple:
            settings["nargs"] = "+"
        elif "choices" in field.metadata:
            settings = {"choices": field.metadata["choices"]}
        group.add_argument(spelled(field.name), help=field.metadata["help"], **settings)
    parser._action_groups = [group for group in parser._action_groups if group._group_actions]


def spelled(name: str) -> str:
    """Returns the option for a field: `--batch-size` for `batch_size`."""
    return "--" + name.replace("_", "-")


def check_limits(options) -> None:
    """Raises a UserError if an option is outside its limits.

    The value None is always allowed; the project then chooses a value that depends on the data.
    """
    for field in dataclasses.fields(options):
        value, limits = getattr(options, field.name), field.metadata
        if "choices" in limits and value not in (None, *limits["choices"]):
            raise UserError(f"{spelled(field.name)} must be one of {', '.join(limits['choices'])}. Received: {value}.")
        if "low" in limits and value is not None and not limits["low"] <= value <= limits["high"]:
            kind = "a number" if isinstance(value, float) else "a whole number"
            allowed = f"{kind} from {limits['low']} to {limits['high']}"
            raise UserError(f"{spelled(field.name)} takes {allowed}. Received: {value}.")


def as_json(options) -> dict:
    """Returns the options as plain values."""
    return {field.name: _plain(getattr(options, field.name)) for field in dataclasses.fields(options)}


def from_json(kind: type, saved: dict, **changes):
    """Restores the options that `as_json` returned; `changes` replaces some of them.

    Raises:
        UserError: `saved` has an option that `kind` does not have, or a value of the wrong type.
    """
    fields = {field.name: field.type for field in dataclasses.fields(kind)}
    if unknown := sorted(saved.keys() - fields.keys()):
        raise UserError(f"config.json comes from another version or project. Received: {', '.join(unknown)[:200]}.")
    return kind(**{name: _typed(name, fields[name], value) for name, value in saved.items()} | changes)


def _plain(value):
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return str(value.absolute()) if isinstance(value, Path) else value


def _value_type(kind):
    """Returns the type of a single value: `int` for each of `int`, `int | None` and `tuple[int, ...]`."""
    return get_args(kind)[0] if isinstance(kind, types.UnionType) or get_origin(kind) is tuple else kind


def _typed(name: str, kind, value):
    """Converts a JSON value to the type of its field; raises a UserError if the value does not have this type."""
    if isinstance(kind, types.UnionType):
        return None if value is None else _typed(name, _value_type(kind), value)
    if get_origin(kind) in (tuple, list) and isinstance(value, list):
        return get_origin(kind)(_typed(name, get_args(kind)[0], item) for item in value)
    if get_origin(kind) is dict and isinstance(value, dict):
        return {key: _typed(name, get_args(kind)[1], item) for key, item in value.items()}
    if kind is Path and isinstance(value, str) and "\0" not in value:
        return Path(value)
    if kind is float and type(value) in (int, float) and abs(value) < 1e300:
        return float(value)
    if type(value) is kind:
        return value
    raise UserError(f"config.json contains an invalid setting. Received: {name}: {str(value)[:80]}.")
