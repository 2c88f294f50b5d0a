"""All sources are read into one store, and their patches are counted."""

from dataset_tools.ball_classification_datasets import create_datasets as classification
from dataset_tools.building import read_sources
from dataset_tools.sources import labels
from dataset_tools.sources import tk03 as tk03_source

from ..helpers import load
from .small_store import batch, filled


def test_without_a_path_sources_come_from_the_archive(tmp_path, naoth, devils, tk03, serve):
    archive = tmp_path / "archive"
    for path, name in ((devils, read_sources.DEVILS_NAME), (tk03[0], tk03_source.NAME)):
        (archive / name).parent.mkdir(parents=True, exist_ok=True)
        (archive / name).write_bytes(path.read_bytes())
    common = ["--naoth", str(naoth), "--output-dir", str(tmp_path / "out"), "--data-root", str(tmp_path / "data")]
    with serve(archive) as url:
        assert classification.main([*common, "--jobs", "1", "--max-leaks", "1", "--archive-url", url]) == 0
    assert len(load(tmp_path / "out", "devils")) == 30
    assert len(load(tmp_path / "out", "tk03")) == 6
    assert classification.main([*common, "--jobs", "1", "--max-leaks", "1", "--offline"]) == 0  # sources are cached now


def test_detection_counts_and_skips_balls_without_a_position(tmp_path, build, naoth, png, zip_of, capsys):
    zip_of(naoth / "top" / "zz.zip", {f"{index}.png": png(20 + index, ball_intersect=0.9) for index in range(3)})
    assert build("detection") == 0
    assert (
        "skipped 3 items from naoth: ball without a plausible position, such as zz, zz, zz" in capsys.readouterr().err
    )
    assert build("detection", "--strict") == 1
    assert build("classification", "--strict") == 0
    assert len(load(tmp_path / "out", "naoth")) == 143


def test_the_summary_counts_every_patch_once(tmp_path):
    overlaps, robots, marks = [0, 0.3, 0.9, 0.9, 0], [0, 0, 0, 0.9, 0.9], [0.9, 0, 0.9, 0, 0]
    naoth = batch(["a"] * 5, ball=overlaps, robot=robots, penalty=marks)
    store = filled(tmp_path, naoth, batch([""] * 3, origin="tk03", ball=0.9), batch(["b"] * 2, origin="devils"))
    header, *rows, others = read_sources.summary(store).splitlines()
    assert header.split() == ["patches", "no", "ball", "ball", "partial", "ambiguous"]
    assert [row.split() for row in rows] == [
        ["naoth", "5", "2", "1", "1", "1"],
        ["devils", "2", "2", "0", "0", "0"],
        ["tk03", "3", "0", "3", "0", "0"],
    ]
    assert others == "  naoth without a ball: 1 with a penalty mark, 1 with a robot"
    store.columns["kind"][[0, 9]] = labels.DROPPED  # as --drop does
    header, *rows, others = read_sources.summary(store).splitlines()
    assert header.split()[-1] == "dropped"
    assert [row.split()[-1] for row in rows] == ["1", "1", "0"]
    assert others == "  naoth without a ball: 0 with a penalty mark, 1 with a robot"
