"""Runs all commands in the same way: bad input gives one clear line and exit status 2, without a traceback."""

import argparse
import difflib
import errno
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from copy import copy
from pathlib import Path

from common.cli.find_run import default_output_dir
from common.cli.printable import printable
from common.cli.terminal import lead_nowhere, safe_terminal
from common.errors import UserError


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Shows the default of an option with several values as a user would type it, not as a Python list."""

    def _expand_help(self, action):
        if isinstance(action.default, list | tuple):
            action = copy(action)
            action.default = " ".join(str(value) for value in action.default)
        return super()._expand_help(action)


def _path(text: str) -> Path:
    """Converts a word to a path; refuses an empty word (an unset shell variable), which would mean this folder."""
    if not text.strip():
        raise argparse.ArgumentTypeError("takes a path. Received: an empty one.")
    return Path(text)


def _number(kind: type, what: str) -> Callable[[str], float]:
    """Returns a function that reads a number; its error message names the kind of number, not the Python type."""

    def read(text: str) -> float:
        try:
            return kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"takes {what}. Received: {text}") from None

    return read


class Parser(argparse.ArgumentParser):
    """An argument parser whose error messages are one line; they suggest a correction and do not show the usage."""

    def __init__(self, **settings):
        settings.setdefault("formatter_class", HelpFormatter)
        super().__init__(allow_abbrev=False, **settings)
        self.register("type", Path, _path)  # used for every option with type=Path
        self.register("type", int, _number(int, "a whole number such as 1000"))
        self.register("type", float, _number(float, "a number such as 0.5"))

    def parse_args(self, args=None, namespace=None):
        """Parses all arguments; for an unknown argument, the error message suggests the most similar known argument."""
        for word in sys.argv[1:] if args is None else args:
            if word.startswith("--") and word.endswith("=--"):  # argparse would take this `--` for the end of options
                self.error(f"{word.removesuffix('=--')} takes a value. Received: --")
        result, unknown = self.parse_known_args(args, namespace)
        if unknown:
            name = unknown[0].split("=")[0]  # the value is left out: it may contain a password
            commands = [action for action in self._actions if isinstance(action, argparse._SubParsersAction)]
            parsers = [self, *(parser for action in commands for parser in action.choices.values())]
            known = [option for parser in parsers for option in parser._option_string_actions]
            self.error(f"unknown argument {name}{did_you_mean(name, known)}")
        if getattr(result, "output_dir", "") is None:  # the results will be in a new folder inside this folder
            output_folder(default_output_dir())
        return result

    def _check_value(self, action, value):
        """Rejects a word that is not among the choices of an option or command, and suggests the most similar one."""
        if action.choices is not None and value not in action.choices:
            known = ", ".join(map(str, action.choices))
            raise argparse.ArgumentError(action, f"{value} is not one of {known}{did_you_mean(value, action.choices)}")

    def error(self, message: str):
        """Ends the program with status 2 and one line."""
        print(f"{self.prog}: error: {printable(message)} (--help shows every option)", file=sys.stderr)
        raise SystemExit(2)


def check_files(paths: Iterable[Path], option: str = "", folders: bool = False) -> None:
    """Refuses missing, empty and repeated files with a UserError, before large packages are imported.

    A link to a file counts as that file. `option` is shown in the messages. If `folders` is set, a path may also
    be a folder, and empty files are allowed, because the code that reads pictures skips invalid files.
    """
    seen: dict[tuple[int, int], Path] = {}
    for path in paths:
        given, exists = f"{option} {path}".strip(), os.path.exists(path)  # noqa: PTH110 - also False for a name that is too long
        if not exists or not (path.is_file() or (folders and path.is_dir())):  # reading a pipe would block
            what = "This is not a plain file" if exists else "There is no such file"
            raise UserError(f"{what}{' or folder' * folders}. Received: {given}. Check the path.")
        facts = path.stat()
        if not (folders or facts.st_size):
            raise UserError(f"This file is empty. Received: {given}. Fetch or create it again.")
        place = facts.st_dev, facts.st_ino
        if place in seen:
            raise UserError(f"A file or folder is given twice. Received: {seen[place]} and {path}. Give it once.")
        seen[place] = path


def output_folder(text: str | Path) -> Path:
    """Checks an output folder, which may not exist yet; raises a UserError if it cannot be created or written to."""
    path = _path(str(text))
    try:
        for nearest in (path, *path.absolute().parents):
            with suppress(FileNotFoundError):
                os.stat(f"{nearest}/.")  # noqa: PTH116 - `/.` is an error for a file; pathlib drops it
                break
        why = "" if os.access(nearest, os.W_OK | os.X_OK) else "no permission to write there"
    except OSError as error:
        why = error.strerror
    if why:
        raise UserError(f"the output folder cannot be used: {why}. Received: {path}. Choose another.")
    return path


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Returns `, did you mean NAME?` with the most similar known word, or "" if no known word is similar."""
    near = difflib.get_close_matches(str(word), set(known) - {word}, 1, cutoff=0.7)
    return f", did you mean {near[0]}?" if near else ""


class Terminated(KeyboardInterrupt):
    """Raised for SIGTERM, so that the code that cleans up after Ctrl-C also runs after SIGTERM."""


def run_main(main: Callable[[], int | None]) -> int:
    """Runs `main`; for a UserError or a full disk, prints one line to stderr.

    Returns:
        The exit status: 2 for a UserError or a full disk, 130 for Ctrl-C, 143 for SIGTERM, 141 if the output
        is no longer read (as with `| head`), otherwise the return value of `main`, or 0 if that is None.
    """
    with safe_terminal():
        try:
            with _sigterm_interrupts():
                try:
                    make_temporary_folder()
                    return main() or 0
                finally:
                    sys.stdout.flush()  # flushed now, while a closed pipe can still be told from other errors
        except UserError as error:
            _tell(f"error: {printable(error)}")
            return 2
        except KeyboardInterrupt as interrupt:
            _tell("interrupted")
            return 143 if isinstance(interrupt, Terminated) else 130
        except BrokenPipeError:
            lead_nowhere(sys.stdout, sys.stderr)
            return 141  # shells use this exit status for SIGPIPE
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            lead_nowhere(sys.stdout)
            where = f" Received: {error.filename}." if error.filename else ""
            _tell(f"error: the disk is full: {error.strerror}.{where} Make room and run it again.")
            return 2


def _tell(line: str) -> None:
    """Prints the last line of a program, unless stderr cannot be written to: it may be a log file on the full disk."""
    try:
        print(line, file=sys.stderr, flush=True)
    except (OSError, ValueError):
        lead_nowhere(sys.stderr)


def make_temporary_folder() -> None:
    """Makes the folder that TMPDIR names; in a container, TMPDIR may be inside a mounted folder that is still empty.

    Raises:
        UserError: neither this folder nor another folder for temporary files can be written to.
    """
    with suppress(OSError):
        if folder := os.environ.get("TMPDIR"):
            os.makedirs(folder, exist_ok=True)  # noqa: PTH103 - pathlib makes every start a few milliseconds slower
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        where = os.environ.get("TMPDIR") or "/tmp"  # noqa: S108
        raise UserError(
            f"no folder for temporary files can be written to. Received: {where}. Set TMPDIR to another folder; "
            "in a container, mount a folder that its user can write to."
        ) from None


@contextmanager
def _sigterm_interrupts() -> Iterator[None]:
    """Makes SIGTERM interrupt the program as Ctrl-C does; otherwise, a container's first process would ignore it."""

    def terminate(*_) -> None:
        raise Terminated

    if threading.current_thread() is not threading.main_thread():  # signals can be handled only in the main thread
        yield
        return
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:  # see `launch.in_environment`
        signal.signal(signal.SIGINT, signal.default_int_handler)
    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
