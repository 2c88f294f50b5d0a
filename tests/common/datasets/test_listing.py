"""--list-datasets prints the families in the archive and in the cache."""

import pytest

from common.cli.training_options import TrainingOptions
from common.datasets.families import DEFAULT_STEMS, all_families, parse_stem
from common.datasets.listing import list_datasets

from .small_archive import NOWHERE, QUICK, STEM, TASKS, cached


def index(server, folder, *names):
    links = "".join(f'<a href="{name}">{name}</a>' for name in names)
    server.files[folder] = f"<html><head><title>Index of /{folder}</title></head><body>{links}</body></html>".encode()


def rows(text):
    """Returns a dictionary from each stem to the other columns of its row."""
    return {line.split()[0]: line.split()[1:] for line in text.splitlines()[3:]}


def test_the_list_shows_what_the_index_pages_name_and_what_is_cached(server, tmp_path):
    family = parse_stem(STEM, "classification")
    other = parse_stem(STEM.replace("16x16", "32x32"), "classification")
    names = [family.file(split).rpartition("/")[2] for split in ("train", "validation", "test", "devils")]
    index(server, "classification/", f"{family.folder.partition('/')[2]}/", "something_else/", "readme.txt")
    index(server, f"{family.folder}/", *names, other.file("train").rpartition("/")[2], "SHA256SUMS", "notes.txt")
    cached(server, tmp_path / "data", "train", "validation")
    text = list_datasets("classification", TrainingOptions(data_root=tmp_path / "data", archive_url=server.url))
    assert rows(text) == {
        STEM: ["train+validation+test", "train+validation", "(default)"],
        other.stem: ["train", "-"],
        "synthetic": ["-", "rendered", "on", "this", "machine"],
    }
    assert "something_else/" not in [path for path, _ in server.asked]


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(("url", "offline"), [(None, False), (NOWHERE, False), (NOWHERE, True)])
def test_without_index_pages_the_list_names_the_default_and_what_is_cached(server, tmp_path, task, url, offline):
    options = TrainingOptions(data_root=tmp_path, archive_url=url or server.url, offline=offline)
    text = list_datasets(task, options, patience=QUICK)
    assert "only the default family and cached files are listed" in text.lower()
    table = rows(text)
    assert list(table) == [DEFAULT_STEMS[task], "synthetic"]
    assert table[DEFAULT_STEMS[task]] == ["unknown", "-", "(default)"]
    other = all_families(task)[-1]
    (tmp_path / other.file("train")).parent.mkdir(parents=True)
    (tmp_path / other.file("train")).touch()
    table = rows(list_datasets(task, options, patience=QUICK))
    assert table[other.stem] == ["unknown", "train"]
