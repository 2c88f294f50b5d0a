"""Exported runs that the tests of this folder share. A test that changes files takes `folder`, which is a copy."""

import shutil

import pytest

from robot_export.make_and_check import deliver

from .jobs import make_job


@pytest.fixture(scope="session")
def classifier(tmp_path_factory):
    """A classifier's folder with every format, the job that made it, and the record of model.json."""
    return _delivered(tmp_path_factory.mktemp("classifier"), "classifier")


@pytest.fixture(scope="session")
def detector(tmp_path_factory):
    """The same of a detector for 32x32 patches with two channels."""
    return _delivered(tmp_path_factory.mktemp("detector"), "detector", side=32, channels=2)


@pytest.fixture(params=["classifier", "detector"])
def delivered(request):
    """Both of them in turn."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def folder(classifier, tmp_path):
    """A copy of the classifier's folder."""
    return shutil.copytree(classifier[0], tmp_path / "run")


def _delivered(folder, kind: str, **size):
    job = make_job(folder, kind, **size)  # its 203 patches are not a multiple of any batch size
    return folder, job, deliver(job)
