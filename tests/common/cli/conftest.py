"""Creates a run for the tests that check options and find runs."""

import json

import pytest


@pytest.fixture
def of_the_detector(tmp_path, monkeypatch):
    """Creates a stopped detector run, with a model, in the output folder."""
    monkeypatch.setenv("BALL_OUTPUT_DIR", str(tmp_path))
    folder = tmp_path / "20260101-000003_circles"
    folder.mkdir()
    settings = {"project": "detector_cnn_ball_radius_center", "name": "circles", "options": {"loss": "huber"}}
    (folder / "config.json").write_text(json.dumps(settings))
    (folder / "model.keras").write_bytes(b"")
    return folder
