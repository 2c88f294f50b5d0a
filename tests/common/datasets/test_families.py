"""Names of dataset families, and which files a run gets: from the cache, the archive or the renderer, or an error."""

import os
from pathlib import Path

import numpy as np
import pytest

from common.archive.download_errors import ArchiveError, NotInArchive, Unreachable
from common.archive.retry import Patience
from common.datasets import resolve as resolving
from common.datasets.families import DEFAULT_STEMS, Family, all_families, parse_stem
from common.datasets.listing import list_datasets
from common.datasets.patch_file import write_patches
from common.datasets.resolve import Source, Wanted, resolve
from common.errors import UserError

from ..archive.misbehaving_server import Fault, MisbehavingServer

QUICK = Patience(connect_s=5, read_s=5, attempts=2, backoff_s=0.001)
NOWHERE = "http://127.0.0.1:1"
TASKS = ("classification", "detection")
STEM = "classification_patches_yuv422_y_only_pil_legacy_border0_combined_16x16"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    for key in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(key, raising=False)
        monkeypatch.delenv(key.upper(), raising=False)


def synthetic_files(task, root):
    """Replaces the renderer, which has its own tests and takes seconds."""
    paths = {split: Path(root) / "synthetic" / f"{task}_{split}.h5" for split in ("train", "validation", "test")}
    for path in paths.values():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"rendered")
    return paths


@pytest.fixture
def server(tmp_path):
    """An archive with the default families; the detection family has no test file, like older families."""
    with MisbehavingServer() as server:
        for task, splits in (
            ("classification", ("train", "validation", "test")),
            ("detection", ("train", "validation")),
        ):
            for split in splits:
                server.files[parse_stem(DEFAULT_STEMS[task], task).file(split)] = patch_file(tmp_path, task)
        yield server


def patch_file(tmp_path, task, size=16, channels=1):
    y = np.array([0, 1, 0]) if task == "classification" else np.full((3, 3), 0.4)
    write_patches(tmp_path / "made.h5", np.zeros((3, size, size, channels), np.uint8), y)
    return (tmp_path / "made.h5").read_bytes()


def select(server, root, task="classification", substituted=False, **options):
    url = server if isinstance(server, str) else server.url
    source = Source(root, url, options.pop("offline", False), QUICK)
    return resolve(task, Wanted(**options), source, synthetic_files, substituted)


# Names


def test_the_names_of_the_default_families():
    family = parse_stem(STEM, "classification")
    assert family == Family("classification", "yuv422_y_only_pil", "legacy", 0, "combined", 16)
    folder = "classification/classification_patches_yuv422_y_only_pil_legacy_border0"
    assert family.folder == folder
    assert family.file("train") == f"{folder}/{STEM}_train_ball_no_ball_X_y.h5"
    for origin in ("devils", "naoth", "tk03"):
        assert family.file(origin) == f"{folder}/{STEM}_{origin}_ball_no_ball_X_y.h5"
    family = parse_stem("ball_radius_center_patches_yuv422_pil_segmentation_border20_bottom_32x32", "detection")
    assert (family.channels, family.border, family.camera, family.size) == (2, 20, "bottom", 32)
    name = "ball_radius_center_patches_yuv422_pil_segmentation_border20"
    assert family.file("validation") == f"detection/{name}/{name}_bottom_32x32_validation_ball_radius_center_X_y.h5"


@pytest.mark.parametrize("task", TASKS)
def test_every_family_is_named_once_and_found_by_its_name(task):
    every = all_families(task)
    assert len(every) == len({family.stem for family in every}) == 2 * 3 * 3 * 2 + 2 * 3 * 2
    assert all(parse_stem(family.stem, task) == family for family in every)
    assert DEFAULT_STEMS[task] in {family.stem for family in every}
    assert {family.camera for family in every if family.patch_type == "segmentation"} == {"bottom"}


@pytest.mark.parametrize(
    "change",
    [
        {"size": 24},
        {"camera": "left"},
        {"border": 5},
        {"colour": "rgb"},
        {"patch_type": "new"},
        {"task": "both"},
        {"patch_type": "segmentation"},
    ],
)
def test_impossible_families_are_refused(change):
    fields = {
        "task": TASKS[0],
        "colour": "yuv422_pil",
        "patch_type": "legacy",
        "border": 0,
        "camera": "top",
        "size": 16,
    }
    with pytest.raises(UserError, match="Received"):
        Family(**fields | change)


def test_an_impossible_split_is_refused():
    with pytest.raises(UserError, match="'devils'"):
        parse_stem(DEFAULT_STEMS["detection"], "detection").file("devils")


@pytest.mark.parametrize(
    ("meant", "typed"),
    [
        (STEM, STEM.replace("combined", "combinde")),
        (STEM, f"{STEM}_train_ball_no_ball_X_y.h5"),
        (STEM.replace("16x16", "32x32"), STEM.replace("16x16", "32")),
        ("synthetic", "syntetic"),
    ],
)
def test_a_typo_suggests_the_right_name(meant, typed):
    with pytest.raises(UserError, match=f"Received: --dataset {typed}. Did you mean {meant}\\?"):
        parse_stem(typed, "classification")


def test_a_name_unlike_any_other_points_to_the_list():
    with pytest.raises(UserError, match="--list-datasets"):
        parse_stem("balls", "classification")


def test_a_dataset_of_the_other_task_is_called_that():
    with pytest.raises(UserError, match="a classification dataset, but a detection dataset is needed"):
        parse_stem(STEM, "detection")


# From the archive and the cache


@pytest.mark.parametrize("dataset", [None, STEM])
def test_a_family_comes_from_the_archive_once(server, tmp_path, dataset):
    first = select(server, tmp_path / "data", dataset=dataset)
    assert first.name == STEM
    assert not first.substituted
    assert first.warning is None
    for split in ("train", "validation", "test"):
        (path,) = getattr(first, split)
        name = parse_stem(STEM, "classification").file(split)
        assert path == tmp_path / "data" / name
        assert path.read_bytes() == server.files[name]
        assert first.origin[path] == f"{server.url}/{name}"
    asked = list(server.asked)
    assert select(server, tmp_path / "data", dataset=dataset) == first
    assert server.asked == asked
    assert select(NOWHERE, tmp_path / "data", dataset=dataset) == first
    assert select(server, tmp_path / "data", dataset=dataset, offline=True) == first


def test_files_that_were_copied_by_hand_are_their_own_origin(server, tmp_path):
    for name, content in server.files.items():
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / name).write_bytes(content)
    chosen = select(NOWHERE, tmp_path / "data")
    assert chosen.origin == {path: str(path) for path in (*chosen.train, *chosen.validation, *chosen.test)}


def test_a_test_file_that_the_archive_lacks_is_requested_once(server, tmp_path):
    chosen = select(server, tmp_path, "detection")
    assert chosen.test == ()
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
    assert select(server, tmp_path, "detection").test == ()  # the server cannot be asked, so the last answer is used
    server.always = Fault()
    server.files[name] = patch_file(tmp_path, "detection")
    assert select(server, tmp_path, "detection").test == (tmp_path / name,)


def test_another_archive_may_have_what_the_first_one_misses(server, tmp_path):
    select(server, tmp_path, "detection")
    for name in list(server.files):
        server.files[f"mirror/{name}"] = server.files[name]
    name = parse_stem(DEFAULT_STEMS["detection"], "detection").file("test")
    server.files[f"mirror/{name}"] = patch_file(tmp_path, "detection")
    assert select(f"{server.url}/mirror", tmp_path, "detection").test == (tmp_path / name,)


def test_a_missing_validation_file_is_legal(server, tmp_path):
    del server.files[parse_stem(STEM, "classification").file("validation")]
    chosen = select(server, tmp_path, dataset=STEM)
    assert (len(chosen.train), chosen.validation, len(chosen.test)) == (1, (), 1)


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


# Without the archive


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("offline", [False, True])
def test_the_default_is_substituted_with_a_warning_if_no_file_is_available(tmp_path, task, offline):
    chosen = select(NOWHERE, tmp_path, task, offline=offline)
    assert chosen.substituted
    assert chosen.name == "synthetic"
    assert "SYNTHETIC DATA" in chosen.warning
    assert DEFAULT_STEMS[task] in chosen.warning
    assert all(path.read_bytes() == b"rendered" for path in (*chosen.train, *chosen.validation, *chosen.test))


@pytest.mark.parametrize("offline", [False, True])
def test_a_dataset_that_was_named_is_never_substituted(tmp_path, offline):
    with pytest.raises(Unreachable):
        select(NOWHERE, tmp_path, dataset=STEM, offline=offline)


def test_synthetic_patches_by_name_do_not_count_as_a_substitute_and_need_no_archive(server, tmp_path):
    chosen = select(server, tmp_path, dataset="synthetic")
    assert (chosen.name, chosen.substituted, chosen.warning) == ("synthetic", False, None)
    assert set(chosen.origin) == {*chosen.train, *chosen.validation, *chosen.test}
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


def cached(server, root, *splits):
    for split in splits:
        name = parse_stem(STEM, "classification").file(split)
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(server.files[name])


@pytest.mark.parametrize("dataset", [None, STEM])
@pytest.mark.parametrize("offline", [False, True])
def test_half_a_family_is_an_error(server, tmp_path, dataset, offline):
    cached(server, tmp_path / "data", "train")
    with pytest.raises(ArchiveError, match=r"Only the training file of.*--data-train"):
        select(NOWHERE, tmp_path / "data", dataset=dataset, offline=offline)


@pytest.mark.parametrize("dataset", [None, STEM])
@pytest.mark.parametrize("offline", [False, True])
def test_a_family_without_its_test_file_trains_and_says_so(server, tmp_path, dataset, offline):
    cached(server, tmp_path / "data", "train", "validation")
    chosen = select(NOWHERE, tmp_path / "data", dataset=dataset, offline=offline)
    assert (len(chosen.train), len(chosen.validation), chosen.test) == (1, 1, ())
    assert not chosen.substituted
    assert "No test file" in chosen.warning


# Files named one by one


def files(tmp_path, *names):
    for name in names:
        (tmp_path / name).write_bytes(b"")
    return [tmp_path / name for name in names]


def test_named_files_are_taken_as_they_are(server, tmp_path):
    a, b, c, d = files(tmp_path, "a.h5", "b.h5", "c.h5", "d.h5")
    chosen = select(server, tmp_path, train=[a, str(b)], validation=[c], test=[d])
    assert chosen == resolving.Selection("a+1", (a, b), (c,), (d,), {path: str(path) for path in (a, b, c, d)})
    assert select(server, tmp_path, train=[a]).name == "a"
    assert server.asked == []


@pytest.mark.parametrize("options", [{"validation": "a"}, {"test": "a"}, {"validation": "a", "test": "b"}])
def test_named_files_need_training_files(tmp_path, options):
    options = {split: files(tmp_path, name) for split, name in options.items()}
    with pytest.raises(UserError, match="needs --data-train"):
        select(NOWHERE, tmp_path, **options)


@pytest.mark.parametrize("dataset", [STEM, "synthetic"])
def test_a_dataset_and_named_files_exclude_each_other(tmp_path, dataset):
    with pytest.raises(UserError, match="exclude each other"):
        select(NOWHERE, tmp_path, dataset=dataset, train=files(tmp_path, "a"))


@pytest.mark.parametrize(("split", "option"), [("train", "train"), ("validation", "val"), ("test", "test")])
def test_a_missing_file_is_named(tmp_path, split, option):
    with pytest.raises(UserError, match=f"--data-{option} .*gone.h5"):
        select(NOWHERE, tmp_path, **{"train": files(tmp_path, "a"), split: [tmp_path / "gone.h5"]})


def test_the_same_file_for_two_purposes_is_refused(tmp_path):
    (a,) = files(tmp_path, "a")
    (tmp_path / "link").symlink_to(a)
    with pytest.raises(UserError, match=r"two splits.*train and test"):
        select(NOWHERE, tmp_path, train=[a], test=[tmp_path / "link"])


# The list


def index(server, folder, *names):
    links = "".join(f'<a href="{name}">{name}</a>' for name in names)
    server.files[folder] = f"<html><head><title>Index of /{folder}</title></head><body>{links}</body></html>".encode()


def rows(text):
    """Stem -> the other columns."""
    return {line.split()[0]: line.split()[1:] for line in text.splitlines()[3:]}


def test_the_list_shows_what_the_index_pages_name_and_what_is_cached(server, tmp_path):
    family = parse_stem(STEM, "classification")
    other = parse_stem(STEM.replace("16x16", "32x32"), "classification")
    names = [family.file(split).rpartition("/")[2] for split in ("train", "validation", "test", "devils")]
    index(server, "classification/", f"{family.folder.partition('/')[2]}/", "something_else/", "readme.txt")
    index(server, f"{family.folder}/", *names, other.file("train").rpartition("/")[2], "SHA256SUMS", "notes.txt")
    cached(server, tmp_path / "data", "train", "validation")
    text = list_datasets("classification", tmp_path / "data", server.url)
    assert rows(text) == {
        STEM: ["train+validation+test", "train+validation", "(default)"],
        other.stem: ["train", "-"],
        "synthetic": ["-", "rendered", "on", "this", "machine"],
    }
    assert "something_else/" not in [path for path, _ in server.asked]


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(("url", "offline"), [(None, False), (NOWHERE, False), (NOWHERE, True)])
def test_without_index_pages_the_list_names_the_default_and_what_is_cached(server, tmp_path, task, url, offline):
    text = list_datasets(task, tmp_path, url or server.url, offline, patience=QUICK)
    assert "only the default and what is cached are listed" in text.lower()
    table = rows(text)
    assert list(table) == [DEFAULT_STEMS[task], "synthetic"]
    assert table[DEFAULT_STEMS[task]] == ["unknown", "-", "(default)"]
    other = all_families(task)[-1]
    (tmp_path / other.file("train")).parent.mkdir(parents=True)
    (tmp_path / other.file("train")).touch()
    table = rows(list_datasets(task, tmp_path, url or server.url, offline, patience=QUICK))
    assert table[other.stem] == ["unknown", "train"]


def test_the_list_refuses_an_invalid_address(tmp_path):
    with pytest.raises(ArchiveError, match="address"):
        list_datasets("classification", tmp_path, "archive")


@pytest.mark.parametrize("name", ["x" * 300 + ".h5", "a" * 300 + "/b.h5", "folder/" * 2000 + "c.h5", "no\0name.h5"])
def test_a_path_that_no_file_can_have_is_one_line(server, tmp_path, name):
    with pytest.raises(UserError, match="There is no such file") as caught:
        select(server, tmp_path, train=[tmp_path / name])
    assert "\n" not in str(caught.value)
