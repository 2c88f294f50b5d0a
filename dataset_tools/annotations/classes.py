"""Maps the class names of annotations to ball, robot or penalty mark."""

from collections.abc import Iterable
from typing import NamedTuple

from common.errors import UserError
from dataset_tools.annotations.kinds import BALL, KNOWN, OTHER


class Classes(NamedTuple):
    """How to interpret annotations.

    names: the class names of each kind. Case, spaces, `-` and `_` do not matter in comparisons.
    empty_certified: whether a picture without any box certainly shows no ball. `empty_certified` is
        only used for formats that do not specify this themselves.
    """

    names: dict[str, set[str]] = KNOWN
    empty_certified: bool = False

    @classmethod
    def of(cls, empty_certified: bool = False, **given: Iterable[str]) -> "Classes":
        """Returns the class names of each kind.

        Names may be given for `ball`, `robot` and `penalty`. If none are given for a kind, it keeps its usual names.
        """
        own = {kind: {_plain(name) for name in given.get(kind.split()[0], ())} for kind in KNOWN}
        taken = set().union(*own.values())
        return cls({kind: own[kind] or names - taken for kind, names in KNOWN.items()}, empty_certified)

    def kind(self, name: object) -> str:
        """Returns the kind that a class name stands for; OTHER if the name is not listed."""
        plain = _plain(name)
        return next((kind for kind, names in self.names.items() if plain in names), OTHER)

    def check(self, names: Iterable[object], where: object) -> None:
        """Checks that one of these class names means a ball.

        Raises:
            UserError: there is no ball class, so a picture without a box may still show a ball.
        """
        names = [str(name) for name in names]
        if not any(self.kind(name) == BALL for name in names):
            shown = ", ".join(names[:8]) or "none"
            raise UserError(f"{where}: there is no ball class. Received: {shown}. Choose one with --ball-class NAME.")


def _plain(name: object) -> str:
    return "".join(letter for letter in str(name).casefold() if letter not in " -_")
