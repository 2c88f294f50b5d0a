"""A run gets its files from the cache, the archive or the renderer, or a one-line error says why it cannot."""

import os
from itertools import chain
from pathlib import Path

import pytest

from common.archive.download_errors import ArchiveError, NotInArchive, Unreachable
from common.cli.training_options import TrainingOptions
from common.datasets import resolve as resolving
from common.datasets.families import DEFAULT_STEMS, parse_stem
from common.datasets.resolve import resolve
from common.errors import UserError

from ..archive.misbehaving_server import Fault
from .small_archive import NOWHERE, QUICK, STEM, TASKS, cached, patch_file


def synthetic_files(task, root):
    """Replaces the renderer, which has its own tests and takes several seconds."""
    paths = {split: Path(root) / "synthetic" / f"{task}_{split}.h5" for split in ("train", "validation", "test")}
    for path in paths.values():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"rendered")
    return paths


def select(server, root, task="classification", substituted=False, **options):
    url = server if isinstance(server, str) else server.url
    named = {"train": "data_train", "validation": "data_val", "test": "data_test"}
    options = {named.get(key, key): value for key, value in options.items()}
    options |= {key: tuple(map(Path, options[key])) for key in named.values() if key in options}
    return resolve(
        task, TrainingOptions(data_root=root, archive_url=url, **options), synthetic_files, substituted, QUICK
    )


@pytest.mark.parametrize("dataset", [None, STEM])
def test_a_family_comes_from_the_archive_once(server, tmp_path, dataset):
    first = select(server, tmp_path / "data", dataset=dataset)
    assert first.name == STEM
    assert not first.substituted
    assert first.warning is None
    for split in ("train", "validation", "test"):
        (path,) = first.files[split]
        name = parse_stem(STEM, "classification").file(split)
        assert path == tmp_path / "data" / name
        assert path.read_bytes() == server.files[name]
        assert first.origin[path] == f"{server.url}/{name}"
    asked = list(server.asked)
    assert select(server, tmp_path / "data", dataset=dataset) == first
    assert server.asked == asked
    assert select(NOWHERE, tmp_path / "data", dataset=dataset) == first
    assert select(server, tmp_path / "data", dataset=dataset, offline=True) == first


def test_the_origin_of_a_file_copied_by_hand_is_its_path(server, tmp_path):
    for name, content in server.files.items():
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / name).write_bytes(content)
    chosen = select(NOWHERE, tmp_path / "data")
    assert chosen.origin == {path: str(path) for path in chain(*chosen.files.values())}


def test_a_test_file_that_the_archive_lacks_is_requested_once(server, tmp_path):
    chosen = select(server, tmp_path, "detection")
    assert chosen.files["test"] == ()
    assert chosen.warning is None
    asked = list(server.asked)
    assert select(server, tmp_path, "detection") == chosen
    assert select(server, tmp_path, "detection", offline=True) == chosen
    assert server.asked == asked


def test_after_a_day_a_missing_file_is_requested_again(server, tmp_path):
    select(server, tmp_path, "detection")
    name = parse_stem(DEFAULT_STEMS["detection"], "detection").file("test")
    note = resolving.sibling(tmp_path / name, "absent")
    os.utime(note, (note.stat().st_mtime - resolving.ASK_AGAIN_S - 60,) * 2)
    server.always = Fault(status=503)
    # The server does not say whether the file exists, so its last answer is used.
    assert select(server, tmp_path, "detection").files["test"] == ()
    server.always = Fault()
    server.files[name] = patch_file(tmp_path, "detection")
    assert select(server, tmp_path, "detection").files["test"] == (tmp_path / name,)


def test_another_archive_may_have_what_the_first_one_lacks(server, tmp_path):
    select(server, tmp_path, "detection")
    for name in list(server.files):
        server.files[f"mirror/{name}"] = server.files[name]
    name = parse_stem(DEFAULT_STEMS["detection"], "detection").file("test")
    server.files[f"mirror/{name}"] = patch_file(tmp_path, "detection")
    assert select(f"{server.url}/mirror", tmp_path, "detection").files["test"] == (tmp_path / name,)


def test_a_missing_validation_file_is_allowed(server, tmp_path):
    del server.files[parse_stem(STEM, "classification").file("validation")]
    chosen = select(server, tmp_path, dataset=STEM)
    assert (len(chosen.files["train"]), chosen.files["validation"], len(chosen.files["test"])) == (1, (), 1)


@pytest.mark.parametrize("dataset", [None, STEM])
def test_a_missing_training_file_is_an_error(server, tmp_path, dataset):
    del server.files[parse_stem(STEM, "classification").file("train")]
    with pytest.raises(NotInArchive, match=r"_train_.*--list-datasets"):
        select(server, tmp_path, dataset=dataset)


def test_a_download_that_is_not_a_patch_file_is_refused(server, tmp_path):
    server.files[parse_stem(STEM, "classification").file("train")] = b"not HDF5"
    with pytest.raises(ArchiveError, match="is invalid, and was deleted"):
        select(server, tmp_path / "data")
    assert not list((tmp_path / "data").rglob("*.h5"))


@pytest.mark.parametrize(("size", "channels"), [(32, 1), (16, 2)])
def test_a_download_with_patches_of_another_family_is_refused(server, tmp_path, size, channels):
    name = parse_stem(STEM, "classification").file("train")
    server.files[name] = patch_file(tmp_path, "classification", size, channels)
    with pytest.raises(ArchiveError, match=f"Received: {size}x{size}x{channels}"):
        select(server, tmp_path / "data")


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("offline", [False, True])
def test_the_default_is_substituted_with_a_warning_if_no_file_is_available(tmp_path, task, offline):
    chosen = select(NOWHERE, tmp_path, task, offline=offline)
    assert chosen.substituted
    assert chosen.name == "synthetic"
    assert "SYNTHETIC DATA" in chosen.warning
    assert DEFAULT_STEMS[task] in chosen.warning
    assert all(path.read_bytes() == b"rendered" for path in chain(*chosen.files.values()))


@pytest.mark.parametrize("offline", [False, True])
def test_a_dataset_that_was_named_is_never_substituted(tmp_path, offline):
    with pytest.raises(Unreachable):
        select(NOWHERE, tmp_path, dataset=STEM, offline=offline)


def test_synthetic_patches_by_name_do_not_count_as_a_substitute_and_need_no_archive(server, tmp_path):
    chosen = select(server, tmp_path, dataset="synthetic")
    assert (chosen.name, chosen.substituted, chosen.warning) == ("synthetic", False, None)
    assert set(chosen.origin) == set(chain(*chosen.files.values()))
    assert server.asked == []


@pytest.mark.parametrize("fault", [Fault(status=404), Fault(status=403), Fault(body=b"<html>log in</html>")])
def test_an_archive_that_answers_wrongly_does_not_count_as_unreachable(server, tmp_path, fault):
    server.always = fault
    with pytest.raises(ArchiveError):
        select(server, tmp_path / "data")


def test_a_download_that_breaks_off_is_an_error_not_a_substitution(server, tmp_path):
    server.faults.append(Fault(cut_at=100))
    server.always = Fault(status=503)
    with pytest.raises(ArchiveError, match="broke off after 100 bytes"):
        select(server, tmp_path / "data")
    server.always = Fault()
    assert not select(server, tmp_path / "data").substituted


@pytest.mark.parametrize("dataset", [None, STEM])
@pytest.mark.parametrize("offline", [False, True])
def test_half_a_family_is_an_error(server, tmp_path, dataset, offline):
    cached(server, tmp_path / "data", "train")
    with pytest.raises(ArchiveError, match=r"Only the training file of.*--data-train"):
        select(NOWHERE, tmp_path / "data", dataset=dataset, offline=offline)


@pytest.mark.parametrize("dataset", [None, STEM])
@pytest.mark.parametrize("offline", [False, True])
def test_a_family_without_its_test_file_is_used_with_a_warning(server, tmp_path, dataset, offline):
    cached(server, tmp_path / "data", "train", "validation")
    chosen = select(NOWHERE, tmp_path / "data", dataset=dataset, offline=offline)
    assert (len(chosen.files["train"]), len(chosen.files["validation"]), chosen.files["test"]) == (1, 1, ())
    assert not chosen.substituted
    assert "No test file" in chosen.warning


def files(tmp_path, *names):
    for name in names:
        (tmp_path / name).write_bytes(b"some")
    return [tmp_path / name for name in names]


def test_named_files_are_taken_as_they_are(server, tmp_path):
    a, b, c, d = files(tmp_path, "a.h5", "b.h5", "c.h5", "d.h5")
    chosen = select(server, tmp_path, train=[a, str(b)], validation=[c], test=[d])
    assert chosen == resolving.Selection(
        "a+1", {"train": (a, b), "validation": (c,), "test": (d,)}, {path: str(path) for path in (a, b, c, d)}
    )
    assert select(server, tmp_path, train=[a]).name == "a"
    assert server.asked == []


@pytest.mark.parametrize("options", [{"validation": "a"}, {"test": "a"}, {"validation": "a", "test": "b"}])
def test_named_files_need_training_files(tmp_path, options):
    options = {split: files(tmp_path, name) for split, name in options.items()}
    with pytest.raises(UserError, match=r"--data-train is missing.*Received: --data-(val|test) "):
        select(NOWHERE, tmp_path, **options)


@pytest.mark.parametrize("dataset", [STEM, "synthetic"])
def test_a_dataset_and_named_files_cannot_be_combined(tmp_path, dataset):
    with pytest.raises(UserError, match="cannot be combined"):
        select(NOWHERE, tmp_path, dataset=dataset, train=files(tmp_path, "a"))


@pytest.mark.parametrize(("split", "option"), [("train", "train"), ("validation", "val"), ("test", "test")])
def test_a_missing_file_is_named(tmp_path, split, option):
    with pytest.raises(UserError, match=f"--data-{option} .*gone.h5"):
        select(NOWHERE, tmp_path, **{"train": files(tmp_path, "a"), split: [tmp_path / "gone.h5"]})


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_the_same_file_for_two_purposes_or_twice_for_one_is_refused(tmp_path, split):
    (a,) = files(tmp_path, "a")
    (tmp_path / "link").symlink_to(a)
    with pytest.raises(UserError, match="given twice"):
        select(NOWHERE, tmp_path, **{"train": [a], split: [a, tmp_path / "link"] if split == "train" else [a]})


@pytest.mark.parametrize("name", ["x" * 300 + ".h5", "a" * 300 + "/b.h5", "folder/" * 2000 + "c.h5", "no\0name.h5"])
def test_an_impossible_path_gives_one_line(server, tmp_path, name):
    with pytest.raises(UserError, match="There is no such file") as caught:
        select(server, tmp_path, train=[tmp_path / name])
    assert "\n" not in str(caught.value)
