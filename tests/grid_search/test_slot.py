"""Tests the socket through which a slot gets its runs."""

import os
import tempfile
from pathlib import Path

import pytest

from common.errors import UserError
from grid_search.slot import meeting_place


def test_a_folder_that_others_can_enter_is_refused(tmp_path, monkeypatch):
    with tempfile.TemporaryDirectory(prefix="r", dir="/tmp") as folder:
        monkeypatch.setenv("RAY_TMPDIR", folder)
        (Path(folder) / f"grid-{os.getuid()}").mkdir(mode=0o755)
        with pytest.raises(UserError, match=r"must belong only to you\. Received: "):
            meeting_place("any")
