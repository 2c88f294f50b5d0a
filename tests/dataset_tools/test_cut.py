"""cut.py makes the same patches from annotations of any format, with any number of processes."""

import shlex
import subprocess

import pytest

from dataset_tools import cut
from tests.dataset_tools.annotations import scenes
from tests.dataset_tools.cutting.cut_and_read import content, run


@pytest.mark.parametrize("kind", scenes.WRITERS)
def test_every_format_gives_the_same_patches_as_coco(kind, tmp_path, pictures):
    boxes = scenes.coco(tmp_path)
    # A COCO file cannot say that a picture without boxes shows no ball; the other formats can.
    assert run(boxes, "--pictures", pictures, "--empty-is-negative", "--output", tmp_path / "coco") == 0
    source = scenes.WRITERS[kind](pictures)
    assert run(source, "--pictures", pictures, "--output", tmp_path / "other", "--empty-is-negative") == 0
    assert content(tmp_path / "other") == content(tmp_path / "coco")
    assert len(content(tmp_path / "coco")) > 30


def test_the_printed_next_command_runs(tmp_path, pictures, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(scenes.yolo(pictures), "--output", "my patches") == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("my patches: 48 patches, 2 archives: ")
    assert "too few recordings" in told[-2]
    command = shlex.split(told[-1].removeprefix("Build datasets from them: "))
    assert (
        subprocess.run([*command, "--max-leaks", "1", "--no-keep-linked", "--jobs", "1"], check=False).returncode == 0
    )
    assert list(tmp_path.glob("datasets/classification/*/*_train_*.h5"))


def test_bytes_depend_on_the_seed_but_not_on_the_number_of_processes(tmp_path, pictures):
    source = scenes.yolo(pictures)
    roots = [tmp_path / name for name in ("one", "two", "seed")]
    for root, more in zip(roots, (["--jobs", 1], ["--jobs", 2], ["--jobs", 1, "--seed", 1]), strict=True):
        assert cut.main([str(part) for part in (source, "--output", root, *more)]) == 0
    files = [{path.relative_to(root): path.read_bytes() for path in root.rglob("*.zip")} for root in roots]
    assert files[0] == files[1]
    assert files[0].keys() == files[2].keys()
    assert files[0] != files[2]
