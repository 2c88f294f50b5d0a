"""Which class names of an annotation mean a ball, a robot, a penalty mark."""

from collections.abc import Iterable
from typing import NamedTuple

from common.errors import UserError
from dataset_tools.annotations.record import BALL, IGNORE, OTHER, PENALTY, ROBOT

KNOWN = {
    BALL: {"ball", "balls", "football", "soccerball", "sportsball"},
    ROBOT: {"robot", "robots", "nao", "naos", "player", "booster", "k1", "t1"},
    PENALTY: {"penaltymark", "penaltyspot", "penaltypoint", "penalty", "penaltycross"},
    IGNORE: {"ignore", "dontcare", "unknown", "crowd"},
}


class Classes(NamedTuple):
    """How annotations are to be understood.

    names: the class names of each kind; comparisons ignore case, spaces, `-` and `_`.
    empty_certified: a picture that is listed without any box certainly shows no ball, in formats that cannot say so.
    """

    names: dict[str, set[str]] = KNOWN
    empty_certified: bool = False

    @classmethod
    def of(cls, empty_certified: bool = False, **given: Iterable[str]) -> "Classes":
        """The usual names, replaced for the kinds (`ball`, `robot`, `penalty`) with names of their own."""
        own = {kind: {_plain(name) for name in given.get(kind.split()[0], ())} for kind in KNOWN}
        taken = set().union(*own.values())
        return cls({kind: own[kind] or names - taken for kind, names in KNOWN.items()}, empty_certified)

    def kind(self, name: object) -> str:
        """The kind that a class name means; OTHER if it is not listed."""
        plain = _plain(name)
        return next((kind for kind, names in self.names.items() if plain in names), OTHER)

    def check(self, names: Iterable[object], where: object) -> None:
        """Makes sure that a ball could have been annotated at all, in a format that lists its classes.

        Raises:
            UserError: no class means a ball, so pictures without a box may well show one.
        """
        names = [str(name) for name in names]
        if not any(self.kind(name) == BALL for name in names):
            shown = ", ".join(names[:8]) or "none"
            raise UserError(f"{where}: no class is a ball. Received: {shown}. Say which with --ball-class NAME.")


def _plain(name: object) -> str:
    return "".join(letter for letter in str(name).casefold() if letter not in " -_")
