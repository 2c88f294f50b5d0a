"""Starts an archive on loopback."""

import pytest

from common.datasets.families import DEFAULT_STEMS, parse_stem

from ..archive.conftest import no_proxy  # noqa: F401 - a fixture
from ..archive.misbehaving_server import MisbehavingServer
from .small_archive import patch_file


@pytest.fixture
def server(tmp_path):
    """Serves the default families. The detection family has no test file, like older families."""
    with MisbehavingServer() as server:
        for task, splits in (
            ("classification", ("train", "validation", "test")),
            ("detection", ("train", "validation")),
        ):
            for split in splits:
                server.files[parse_stem(DEFAULT_STEMS[task], task).file(split)] = patch_file(tmp_path, task)
        yield server
