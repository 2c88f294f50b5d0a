"""A run loads its three splits, or a one-line error says why it cannot."""

import json
from pathlib import Path

import numpy as np
import pytest

from common.cli.training_options import TrainingOptions
from common.datasets import hdf5_column, load
from common.datasets.families import parse_stem
from common.datasets.load import load_splits, read_files
from common.errors import UserError
from dataset_tools.building.patch_writer import write_patches

from ...tiny import classification_file, detection_file
from .small_archive import NOWHERE, STEM


def test_too_little_memory_is_reported_beforehand(tmp_path, monkeypatch):
    files = [classification_file(tmp_path / f"{n}.h5", n) for n in (1500, 1000)]
    options = TrainingOptions(data_train=tuple(files[:1]), data_val=tuple(files[1:]))
    load_splits("classification", options, lambda *_: {})
    monkeypatch.setattr(hdf5_column, "free_memory", lambda: 2 * 2500 * 256 - 1)
    with pytest.raises(UserError, match=r"1500: does not fit into memory\. Received: 0\.0 GB needed, .* Add --stream"):
        load_splits("classification", options, lambda *_: {})


@pytest.fixture
def files(tmp_path):
    """Writes the files of one dataset: 300 patches for training, 100 for validation, 50 for testing."""
    return {name: (classification_file(tmp_path / f"{name}.h5", n, seed=n),) for name, n in SIZES.items()}


SIZES = {"data_train": 300, "data_val": 100, "data_test": 50}


def loaded(files, task="classification", **options):
    return load_splits(task, TrainingOptions(**files, **options), lambda *_: pytest.fail("rendered"))


@pytest.mark.parametrize("stream", [False, True])
def test_each_named_file_becomes_the_split_of_its_option(files, stream):
    splits = loaded(files, stream=stream)
    assert [len(part) for part in (splits.train, splits.validation, splits.test)] == [300, 100, 50]
    assert splits.parts == {"train": splits.train, "validation": splits.validation, "test": splits.test}
    assert isinstance(splits.train.X, np.ndarray) is not stream
    assert splits.names == {"train": "data_train", "validation": "data_val", "test": "data_test"}
    assert [Path(where).name for where in splits.origin.values()] == ["data_train.h5", "data_val.h5", "data_test.h5"]
    assert not splits.substituted


def test_without_a_test_file_there_is_no_test_split(files):
    del files["data_test"]
    splits = loaded(files)
    assert splits.test is None
    assert set(splits.parts) == set(splits.origin) == {"train", "validation"}


def test_without_a_validation_file_the_seed_decides_which_recordings_are_split_off(files, capsys):
    del files["data_val"]
    one, again, other = (loaded(files, seed=seed) for seed in (0, 0, 1))
    assert (
        "note: There is no validation file, so validation patches are split off: by recording ("
        in capsys.readouterr().err
    )
    assert len(one.train) + len(one.validation) == 300
    assert not set(one.train.recording) & set(one.validation.recording)
    assert one.origin["validation"] == one.origin["train"]
    assert one.validation.digest == again.validation.digest
    assert one.validation.digest != other.validation.digest


def test_a_streamed_family_without_a_validation_file_is_refused(server, tmp_path):
    del server.files[parse_stem(STEM, "classification").file("validation")]
    options = TrainingOptions(dataset=STEM, data_root=tmp_path / "data", archive_url=server.url, stream=True)
    with pytest.raises(UserError, match=f"--stream needs a validation file. Received: {STEM}"):
        load_splits("classification", options, lambda *_: pytest.fail("rendered"))


@pytest.mark.parametrize("had_test", [False, True])
def test_a_resumed_run_has_a_test_split_only_if_it_began_with_one(server, tmp_path, had_test):
    """The archive may have received a test file since the run began."""
    began = dict.fromkeys(["train", "validation", *["test"] * had_test], "digest")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_text(json.dumps({"datasets": began, "substituted": False, "options": {}}))
    sources = {"dataset": STEM, "data_root": tmp_path / "data", "archive_url": server.url}
    options = TrainingOptions(resume=str(tmp_path / "run"), **sources)
    splits = load_splits("classification", options, lambda *_: pytest.fail("rendered"))
    assert (splits.test is not None) is had_test


def test_a_dry_run_takes_a_sample_of_each_split(files, monkeypatch):
    monkeypatch.setattr(load, "DRY_RUN_PATCHES", 80)
    whole, sample = loaded(files), loaded(files, dry_run=True)
    assert [len(part) for part in sample.parts.values()] == [80, 80, 50]
    everything = {patch.tobytes() for patch in whole.train.X}
    assert len({patch.tobytes() for patch in sample.train.X} & everything) == 80
    assert sample.train.digest == loaded(files, dry_run=True).train.digest


@pytest.mark.parametrize("y", [0, 1])
def test_training_with_one_class_is_refused(files, tmp_path, y):
    write_patches(tmp_path / "one.h5", np.zeros((60, 16, 16, 1), np.uint8), np.full(60, y))
    with pytest.raises(UserError, match=f"with and without a ball. Received: {60 * y} balls in 60 .*one.h5"):
        loaded(files | {"data_train": (tmp_path / "one.h5",)})


@pytest.mark.parametrize(("size", "channels"), [(32, 1), (16, 2)])
def test_splits_of_different_shapes_are_refused(files, tmp_path, size, channels):
    other = classification_file(tmp_path / "other.h5", 60, size=size, channels=channels)
    with pytest.raises(UserError, match=r"other\.h5.*Received: classification"):
        loaded(files | {"data_test": (other,)})


def test_a_detection_file_is_refused_for_classification(files, tmp_path):
    with pytest.raises(UserError, match=r"balls\.h5"):
        loaded(files | {"data_train": (detection_file(tmp_path / "balls.h5"),)})


def test_synthetic_patches_in_place_of_the_default_stand_out(files, tmp_path, capsys):
    def rendered(task, root):
        names = {"train": "data_train", "validation": "data_val", "test": "data_test"}
        return {split: files[name][0] for split, name in names.items()}

    options = TrainingOptions(data_root=tmp_path, archive_url=NOWHERE, offline=True)
    splits = load_splits("classification", options, rendered)
    assert splits.substituted
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (300, 100, 50)
    err = capsys.readouterr().err
    assert "SYNTHETIC DATA" in err
    assert err.count("!" * 100) == 2


def test_files_for_scoring_are_joined_and_each_patch_has_its_files_name(tmp_path):
    paths = []
    for name in ("a/x.h5", "b/x.h5", "b/deep/y.h5"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        paths.append(classification_file(tmp_path / name, 10 * len(name), seed=len(paths)))
    patches, names = read_files(paths[:1], "classification")
    assert (len(patches), names) == (60, None)
    patches, names = read_files(paths, "classification")
    assert len(patches) == len(names) == 60 + 60 + 110
    assert [names[0], names[60], names[120]] == ["a/x.h5", "b/x.h5", "b/deep/y.h5"]
    assert set(read_files(paths[1:], "classification")[1]) == {"x.h5", "y.h5"}
