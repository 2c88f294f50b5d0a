"""What every command line of the repository shares: one clear line for bad input, exit status 2, no traceback."""

import argparse
import difflib
import sys
from collections.abc import Callable


class UserError(Exception):
    """Something the user can mend: says what was wrong, what was received and what to do, in one line."""


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line without the whole usage, and that guesses what was meant."""

    def __init__(self, **settings):
        settings.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(allow_abbrev=False, **settings)

    def parse_args(self, args=None, namespace=None):
        """Parses all arguments; an unknown one gets the nearest known one as a hint."""
        result, unknown = self.parse_known_args(args, namespace)
        if unknown:
            near = difflib.get_close_matches(unknown[0].split("=")[0], self._option_string_actions, 1)
            self.error(f"unknown argument {unknown[0]}" + (f", did you mean {near[0]}?" if near else ""))
        return result

    def error(self, message: str):
        """Ends the program with status 2 and one line."""
        print(f"{self.prog}: error: {' '.join(message.split())} (--help shows every option)", file=sys.stderr)
        raise SystemExit(2)


def run_main(main: Callable[[], int | None]) -> int:
    """Runs `main` and turns a UserError into one line on stderr.

    Returns:
        The exit status: 2 for a UserError, 130 for Ctrl-C, else what `main` returned (None counts as 0).
    """
    try:
        return main() or 0
    except UserError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
