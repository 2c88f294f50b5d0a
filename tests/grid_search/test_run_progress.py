"""Tests an active run: the job that a slot gets, and the files that the driver gets from another node."""

import json

import pytest

from common import tracking
from common.tracking import choose_server, journal, journal_writer, writer_lock
from grid_search.plan import Plan, Run
from grid_search.run_progress import Progress

RUN = Run(7, {"dense": "8"}, "d8 {dataset} 12345678-007", {"dense": 8, "offline": False, "resume": None})


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_text("{}")
    return tmp_path / "run"


def test_a_run_on_this_node_trains_offline_in_its_own_folder(folder, tmp_path):
    progress = Progress(RUN, folder=folder)
    options, log, files = progress.begin("here", False, tmp_path / "007.log")
    assert (options["resume"], options["offline"], options["run_name"]) == (str(folder), True, RUN.run_name)
    assert log == str(tmp_path / "007.log")
    assert files == ()  # they are there
    assert (progress.status, progress.tries, progress.host) == ("running", 1, "here")
    assert "on here: dense 8" in (tmp_path / "007.log").read_text()


def test_a_run_that_resumes_on_another_node_gets_its_files(folder, tmp_path):
    options, _, files = Progress(RUN, folder=folder).begin("far", True, tmp_path / "007.log")
    assert files == (("config.json", 0, b"{}"),)
    assert not options["offline"]  # the other node may have to download the data


def test_files_from_another_node_arrive_and_sync_does_not_end_their_run(tmp_path):
    """The driver holds the lock while the process on the other node trains."""
    there = tracking.start(
        tmp_path / "there", choose_server("local", tmp_path), tracking.RunInfo("e", "n"), resume=False
    )
    there.metrics({"loss": 1.0}, step=1)
    content = journal.journal_path(there.folder).read_bytes()
    there.finish("KILLED", wait_s=0)
    plan = Plan("m", "grid", tmp_path / "runs" / "grid", "e", "val_loss", {}, (RUN,))
    (plan.folder / "logs").mkdir(parents=True)
    progress, here = Progress(RUN), tmp_path / "runs" / "name"
    progress.receive(plan, [("log", 0, b"said\n"), ("name/tracking/journal.jsonl", 0, content)])
    assert (plan.folder / "logs" / "007.far.log").read_text() == "said\n"
    assert progress.folder == here
    assert writer_lock.is_alive(here)
    assert not journal_writer.repair(here)
    progress.let_go()
    assert journal_writer.repair(here)
    assert json.loads(journal.journal_path(here).read_text().splitlines()[-1])["status"] == "KILLED"
