"""Decides which servers may get a run: those that the user chose, not those that are only named in the run's folder."""

import contextlib
import os
from collections.abc import Collection
from pathlib import Path

from common.cli import launch
from common.errors import UserError
from common.tracking.server_choice import NAMES, SQLITE, resolve, uri_of


def named_now() -> set[str]:
    """Returns the servers that this user trusts: the team's, and the one in MLFLOW_TRACKING_URI."""
    named = {resolve(name, Path()) for name in NAMES}
    with contextlib.suppress(UserError):
        named.add(resolve(os.environ.get("MLFLOW_TRACKING_URI") or "default", Path()))
    return named


def may_be_sent(run: Path, target: str, named: Collection[str]) -> bool:
    """Whether a run may be sent to a server that its folder names; anybody can write an address into a folder.

    Args:
        named: addresses that the user chose; the user's credentials may be sent to them. The local store beside the
            run is always allowed.
    """
    uri = uri_of(run, target)
    if uri in named:
        return True
    return uri.startswith(SQLITE) and resolve(uri, Path()) == resolve("local", Path(run).resolve().parent)


def command_to_send(run: Path, target: str) -> str:
    """Returns the command that sends a run, or a grid with all its runs; with `--to` if `target` is not trusted."""
    to = () if may_be_sent(run, target, named_now()) else ("--to", uri_of(run, target))
    return launch.command("mlflow_mirror", "sync", launch.shortest(run), *to)
