"""Exports runs that the tests in this folder share. A test that changes files uses the copy `folder`."""

import shutil

import pytest

from robot_export.make_and_check import deliver

from .jobs import make_job


@pytest.fixture(scope="session")
def classifier(tmp_path_factory):
    """Exports a classifier to every format; returns the folder, the job and the manifest."""
    return _delivered(tmp_path_factory.mktemp("classifier"), "classifier")


@pytest.fixture(scope="session")
def detector(tmp_path_factory):
    """Exports a detector for 32x32 patches with two channels to every format; returns the same as `classifier`."""
    return _delivered(tmp_path_factory.mktemp("detector"), "detector", side=32, channels=2)


@pytest.fixture(params=["classifier", "detector"])
def delivered(request):
    """Runs each test twice: with the exported classifier and with the exported detector."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def folder(classifier, tmp_path):
    """Copies the folder of the exported classifier, and returns the copy."""
    return shutil.copytree(classifier[0], tmp_path / "run")


def _delivered(folder, kind: str, **size):
    job = make_job(folder, kind, **size)  # no batch size in use divides its 203 patches evenly
    return folder, job, deliver(job)
