"""A folder of two drawn pictures with one ball each."""

import pytest

from tests.dataset_tools.annotations import scenes
from tests.dataset_tools.annotations.reading import BALL


@pytest.fixture
def folder(tmp_path):
    return scenes.write_pictures(tmp_path / "pictures", {"a.png": BALL, "b.png": BALL})
