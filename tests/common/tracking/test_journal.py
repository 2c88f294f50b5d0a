import json
import os
import subprocess
import sys
import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.cli import UserError
from common.tracking import journal


def records(run):
    return [record for _, record in journal.read(run)]


def test_what_is_appended_is_read(tmp_path):
    written = journal.Journal(tmp_path)
    written.append("metrics", step=3, values={"loss": 0.5, "nan": float("nan"), "inf": float("-inf")})
    written.append("tags", values={"name": "Größe\n"})
    assert written.close()
    first, second = records(tmp_path)
    assert first["step"] == 3
    assert first["values"] == {"loss": 0.5, "nan": "nan", "inf": "-inf"}
    assert second["values"] == {"name": "Größe\n"}
    assert first["t"] <= second["t"]
    for line in journal.journal_path(tmp_path).read_text().splitlines():
        json.loads(line, parse_constant=lambda text: pytest.fail(f"{text} is no JSON"))


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 200))
def test_a_torn_last_line_is_cut_and_the_rest_stays(tmp_path_factory, torn):
    run = tmp_path_factory.mktemp("run")
    written = journal.Journal(run)
    for step in range(3):
        written.append("metrics", step=step, values={"loss": float(step)})
    written.close()
    whole = journal.journal_path(run).read_bytes()
    journal.journal_path(run).write_bytes(whole[:-torn])
    kept = whole[:-torn].count(b"\n")
    assert [record["step"] for record in records(run)] == list(range(kept))
    again = journal.Journal(run)
    again.append("metrics", step=9, values={"loss": 0.0})
    again.close()
    assert [record["step"] for record in records(run)] == [*range(kept), 9]


def test_a_damaged_line_hides_only_itself(tmp_path):
    written = journal.Journal(tmp_path)
    written.append("tags", values={"a": "1"})
    written.close()
    with journal.journal_path(tmp_path).open("ab") as file:
        file.write(b"\x00\xff rubbish\n[1]\n")
    written = journal.Journal(tmp_path)
    written.append("tags", values={"b": "2"})
    written.close()
    assert [record["values"] for record in records(tmp_path)] == [{"a": "1"}, {"b": "2"}]


def test_a_full_disk_is_waited_for(tmp_path, monkeypatch, capsys):
    written = journal.Journal(tmp_path)
    real_write = os.write
    room = [40]

    def write(file, content):
        """Takes 40 bytes, then nothing, as a full disk does."""
        if not room:
            raise OSError(28, "No space left on device")
        return real_write(file, content[: room.pop()])

    monkeypatch.setattr(os, "write", write)
    written.append("metrics", step=0, values={"loss": 1.0})
    written.append("metrics", step=1, values={"loss": 1.0})
    assert "tried again later" in capsys.readouterr().err
    assert records(tmp_path) == []
    monkeypatch.undo()
    written.append("metrics", step=2, values={"loss": 1.0})
    assert written.close()
    assert [record["step"] for record in records(tmp_path)] == [0, 1, 2]


def test_kill_9_loses_nothing_that_was_logged(tmp_path):
    program = """
        import os, signal, sys
        from pathlib import Path
        from common.tracking import journal
        run = Path(sys.argv[1])
        journal.tracking_folder(run).mkdir()
        lock = journal.alive_lock(run)
        lock.acquire()
        written = journal.Journal(run)
        written.append("run", uuid="0", experiment="e", name="n", user="u", servers=[])
        for step in range(50):
            written.append("metrics", step=step, values={"loss": 1.0})
        print("ready", journal.is_alive(run), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.stdout == "ready True\n"
    assert [record["step"] for record in records(tmp_path)[1:]] == list(range(50))
    assert not journal.is_alive(tmp_path)
    assert journal.last_status(tmp_path)[0] == "RUNNING"
    last = records(tmp_path)[-1]["t"]
    assert journal.repair(tmp_path)
    assert not journal.repair(tmp_path)
    assert journal.last_status(tmp_path)[0] == "KILLED"
    assert records(tmp_path)[-1]["ended"] == last


def test_a_living_run_is_not_repaired(tmp_path):
    written = journal.Journal(tmp_path)
    written.append("run", uuid="0", experiment="e", name="n", user="u", servers=[])
    with journal.alive_lock(tmp_path):
        assert not journal.repair(tmp_path)
    written.close()
    assert journal.last_status(tmp_path)[0] == "RUNNING"


def test_a_folder_without_a_run(tmp_path):
    with pytest.raises(UserError, match="no tracked run"):
        journal.header(tmp_path)
