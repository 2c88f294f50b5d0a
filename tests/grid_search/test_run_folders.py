"""Tests copying a run's folder while it is being written, and reading the run's state."""

import json

from hypothesis import given
from hypothesis import strategies as st

from grid_search.options import parse_args
from grid_search.plan import make_plan
from grid_search.run_folders import apply, changes, find_folder, read_rows, remove_empty_folders
from grid_search.run_progress import Progress

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("journal"), st.binary(max_size=20)),
        st.tuples(st.just("whole"), st.binary(max_size=20)),
        st.tuples(st.just("copy"), st.just(b"")),
    ),
    max_size=30,
)


@given(STEPS)
def test_a_copy_follows_every_change(tmp_path_factory, steps):
    here, there = tmp_path_factory.mktemp("here"), tmp_path_factory.mktemp("there")
    (here / "tracking").mkdir()
    seen, journal, whole = {}, here / "tracking" / "journal.jsonl", here / "checkpoint.npz"
    for step, content in [*steps, ("copy", b"")]:
        if step == "journal":
            with journal.open("ab") as file:
                file.write(content)
        elif step == "whole":
            whole.unlink(missing_ok=True)
            whole.write_bytes(content)
        else:
            apply(there, changes(here, seen))
    for path in (journal, whole):
        assert path.exists() == (there / path.relative_to(here)).exists() or not path.read_bytes()
        if path.exists() and path.read_bytes():
            assert (there / path.relative_to(here)).read_bytes() == path.read_bytes()
    assert changes(here, seen) == []


def test_only_new_lines_of_a_journal_are_sent_and_model_json_comes_last(tmp_path):
    for name, content in {
        "model.json": "{}",
        "a.png": "x",
        "tracking/journal.jsonl": "1\n",
        "checkpoint.npz": "c",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    (tmp_path / "tracking" / "servers").mkdir()
    for name in (".checkpoint.npz.7.part", "tracking/alive.lock", "tracking/servers/local.json"):
        (tmp_path / name).write_text("stays")
    seen = {}
    names = [name for name, _, _ in changes(tmp_path, seen)]
    assert names == ["a.png", "checkpoint.npz", "tracking/journal.jsonl", "model.json"]
    with (tmp_path / "tracking" / "journal.jsonl").open("a") as file:
        file.write("2\n")
    assert changes(tmp_path, seen) == [("tracking/journal.jsonl", 2, b"2\n")]


def test_an_incomplete_line_of_metrics_is_ignored(tmp_path):
    (tmp_path / "metrics.csv").write_text("epoch,loss,val_loss\n1,0.5,0.25\n2,0.4,0.")
    assert read_rows(tmp_path) == [{"epoch": 1, "loss": 0.5, "val_loss": 0.25}]
    assert read_rows(tmp_path / "nowhere") == []


def test_the_folder_of_a_run_is_found_and_empty_folders_are_removed(tmp_path):
    plan, _ = make_plan(parse_args(["classifier_cnn.train", "--dense", "8", "16", "--output-dir", str(tmp_path)]))
    one, two = plan.runs
    mark = plan.name[-8:]
    named = one.run_name.replace("{dataset}", "my-patches").replace(" ", "-")
    empty, begun, other, former = (tmp_path / f"20260101-00000{i}_{name}" for i, name in enumerate(
        [named, f"{named}-2", "8-8-d8-synthetic", f"{mark}-001_dense-16"]))  # fmt: skip
    for path in (empty, begun, other, former):
        path.mkdir()
    (begun / "config.json").write_text(json.dumps({"options": {"epochs": 9}}))
    assert find_folder(plan, one) == begun
    assert find_folder(plan, two) is None
    (former / "config.json").write_text("{}")
    assert find_folder(plan, two) == former  # run folders used to have names of this form
    progress = Progress.on_disk(plan, one)
    assert (progress.status, progress.epochs, progress.rows) == ("stopped", 9, [])
    remove_empty_folders(plan)
    assert not empty.exists()
    assert other.exists()
