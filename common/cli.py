"""What every command line of the repository shares: one clear line for bad input, exit status 2, no traceback."""

import sys
from collections.abc import Callable


class UserError(Exception):
    """Something the user can mend: says what was wrong, what was received and what to do, in one line."""


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
