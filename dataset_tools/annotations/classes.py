"""Maps the class names of annotations to a ball, a robot or a penalty mark."""

from collections.abc import Iterable
from typing import NamedTuple

from common.errors import UserError
from dataset_tools.annotations.kinds import BALL, KNOWN, OTHER


class Classes(NamedTuple):
    """How to interpret annotations.

    names: the class names of each kind; comparisons ignore case, spaces, `-` and `_`.
    empty_certified: whether a picture without any box shows no ball, for formats that cannot say so.
    """

    names: dict[str, set[str]] = KNOWN
    empty_certified: bool = False

    @classmethod
    def of(cls, empty_certified: bool = False, **given: Iterable[str]) -> "Classes":
        """The usual names; names given for a kind (`ball`, `robot`, `penalty`) replace that kind's usual names."""
        own = {kind: {_plain(name) for name in given.get(kind.split()[0], ())} for kind in KNOWN}
        taken = set().union(*own.values())
        return cls({kind: own[kind] or names - taken for kind, names in KNOWN.items()}, empty_certified)

    def kind(self, name: object) -> str:
        """The kind that a class name means; OTHER if the name is not listed."""
        plain = _plain(name)
        return next((kind for kind, names in self.names.items() if plain in names), OTHER)

    def check(self, names: Iterable[object], where: object) -> None:
        """For a format that lists its classes: makes sure that one of them means a ball.

        Raises:
            UserError: no class means a ball, so pictures without a box may show one.
        """
        names = [str(name) for name in names]
        if not any(self.kind(name) == BALL for name in names):
            shown = ", ".join(names[:8]) or "none"
            raise UserError(f"{where}: no class is a ball. Received: {shown}. Choose one with --ball-class NAME.")


def _plain(name: object) -> str:
    return "".join(letter for letter in str(name).casefold() if letter not in " -_")
