"""The synthetic dataset always has the same bytes and disjoint splits.

If several processes need the dataset at the same time, it is rendered only once.
"""

import hashlib
import subprocess
import sys

import numpy as np
import pytest

from common.datasets.patch_file import read_patches
from common.errors import UserError
from dataset_tools.synthetic import render_files

COUNTS = {"train": 230, "validation": 40, "test": 30}


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def files(root, task="classification", **options):
    return render_files.synthetic_files(task, root, counts=COUNTS, **options)


@pytest.fixture(scope="module")
def classification(tmp_path_factory):
    return files(tmp_path_factory.mktemp("data"))


def test_same_seed_same_bytes_whatever_the_number_of_threads(classification, tmp_path, monkeypatch):
    monkeypatch.setattr(render_files, "WORKERS", 1)
    again = files(tmp_path / "one")
    other = files(tmp_path / "other", seed=7)
    for split in render_files.SPLITS:
        assert digest(again[split]) == digest(classification[split])
        assert digest(other[split]) != digest(classification[split])


def test_files_contain_what_the_readers_expect(classification):
    for split, path in classification.items():
        patches = read_patches(path, "classification")
        assert patches.X.shape == (COUNTS[split], 16, 16, 1)
        assert abs(patches.y.mean() - 0.5) < 0.05
        assert set(patches.camera) == {"top", "bottom"}
        assert patches.X.max() > 200
        assert patches.X.min() < 30
        assert 30 < patches.X.mean() < 200


def test_splits_and_tasks_share_no_recording(classification, tmp_path):
    everything = [*classification.items(), *files(tmp_path, "detection").items()]
    recordings = [
        set(read_patches(path, "classification" if k < 3 else "detection").recording)
        for k, (_, path) in enumerate(everything)
    ]
    assert len(recordings[0]) == 2  # 230 patches make up one full recording and a short one
    assert len(set.union(*recordings)) == sum(map(len, recordings))


def test_two_channels_and_32_pixels(tmp_path):
    path = files(tmp_path, "detection", size=32, channels=2)["validation"]
    patches = read_patches(path, "detection")
    assert patches.X.shape == (COUNTS["validation"], 32, 32, 2)
    assert patches.X[..., 1].std() > 1
    assert 100 < patches.X[..., 1].mean() < 150  # close to 128, the neutral value


def test_targets_are_plausible(tmp_path):
    y = read_patches(files(tmp_path, "detection")["train"], "detection").y
    assert 0.28 < y[:, 0].min() < y[:, 0].max() < 0.53
    assert np.all(np.abs(y[:, 1:] - 0.5) < 0.6)
    assert np.abs(y[:, 1:].mean(0) - 0.5).max() < 0.03
    grid = (np.mgrid[0:50, 0:50] + 0.5) / 50
    for radius, x, centre_y in y:
        disc = np.pi * radius**2
        inside = ((grid[1] - x) ** 2 + (grid[0] - centre_y) ** 2 < radius**2).mean()
        assert inside > 0.47 * disc  # more than half of every ball is in its patch; 0.03 is the tolerance of the grid


def test_the_cache_is_used_until_the_renderer_changes(classification, monkeypatch):
    root = classification["train"].parents[2]
    before = classification["train"].stat()
    monkeypatch.setattr(render_files, "_render", lambda *a: pytest.fail("rendered although it is cached"))
    assert files(root) == classification
    assert classification["train"].stat() == before
    monkeypatch.setattr(render_files, "VERSION", render_files.VERSION + 1)
    with pytest.raises(pytest.fail.Exception, match="although"):
        files(root)


def test_only_a_lost_file_is_rendered_again(tmp_path):
    paths = files(tmp_path)
    expected = {split: digest(path) for split, path in paths.items()}
    kept = paths["train"].stat()
    paths["test"].unlink()
    assert {split: digest(path) for split, path in files(tmp_path).items()} == expected
    assert paths["train"].stat() == kept


def test_eight_processes_render_once(tmp_path):
    program = (
        "import sys; from dataset_tools.synthetic import render_files; render = render_files._render\n"
        "def counted(*a): print('rendered'); render(*a)\n"
        "render_files._render = counted\n"
        "counts = {'train': 60, 'validation': 20, 'test': 20}\n"
        "for path in render_files.synthetic_files('detection', sys.argv[1], counts=counts).values():\n"
        "    assert path.stat().st_size > 1000\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(8)]
    answers = [process.communicate()[0] for process in started]
    assert [process.returncode for process in started] == [0] * 8
    assert sorted(answers) == [""] * 7 + ["rendered\n"]
    assert not list(tmp_path.rglob("*.tmp"))


@pytest.mark.parametrize(
    ("task", "options", "said"),
    [
        ("segmentation", {}, "segmentation"),
        ("detection", {"size": 24}, "24"),
        ("detection", {"channels": 3}, "3"),
        ("detection", {"counts": {"train": 5}}, "train"),
        ("detection", {"counts": {"train": 5, "validation": 1, "test": 5}}, "1"),
    ],
)
def test_bad_arguments_give_one_line(tmp_path, task, options, said):
    with pytest.raises(UserError, match=f"Received: .*{said}"):
        render_files.synthetic_files(task, tmp_path, **options)
    assert not list(tmp_path.iterdir())


def test_a_root_that_cannot_be_written_gives_one_line(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match=r"cannot be stored: Not a directory.*--data-root"):
        files(tmp_path / "file")
