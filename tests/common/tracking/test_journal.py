import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from common.errors import UserError
from common.tracking import journal, journal_writer, server_state

from .fault_proxy import wait_until


def records(run):
    return [record for _, record in journal.read(run)]


def test_what_is_appended_is_read(tmp_path):
    written = journal_writer.Journal(tmp_path)
    written.append("metrics", step=3, values={"loss": 0.5, "nan": float("nan"), "inf": float("-inf")})
    written.append("tags", values={"name": "Größe\n"})
    assert written.close()
    first, second = records(tmp_path)
    assert first["step"] == 3
    assert first["values"] == {"loss": 0.5, "nan": "nan", "inf": "-inf"}
    assert second["values"] == {"name": "Größe\n"}
    assert first["t"] <= second["t"]
    for line in journal.journal_path(tmp_path).read_text().splitlines():
        json.loads(line, parse_constant=lambda text: pytest.fail(f"{text} is not JSON"))


def test_a_journal_that_is_torn_anywhere_loses_only_the_torn_record(tmp_path):
    """Cut at every byte, as by a power cut: complete records are read, and new ones are appended after them."""
    written = journal_writer.Journal(tmp_path)
    written.append("run", uuid="0", experiment="e", name="n", user="u", servers=["https://x"], parent=None)
    written.append("parameters", values={"größe": "8 8\n16"})
    for step in range(2):
        written.append("metrics", step=step, values={"loss": float(step), "nan": float("nan")})
    written.append("status", status="FINISHED")
    written.close()
    whole, lines = journal.journal_path(tmp_path).read_bytes(), records(tmp_path)
    for cut in range(len(whole) + 1):
        journal.journal_path(tmp_path).write_bytes(whole[:cut])
        kept = lines[: whole[:cut].count(b"\n")]
        assert records(tmp_path) == kept
        again = journal_writer.Journal(tmp_path)
        again.append("tags", values={"resumed": "1"})
        again.close()
        assert records(tmp_path)[:-1] == kept
        assert records(tmp_path)[-1]["values"] == {"resumed": "1"}


def test_every_record_reaches_the_disk(tmp_path, monkeypatch):
    """Only flushed data survives a power cut, so the journal, its name and those of its folders must be flushed."""
    disk, flush = {}, {name: getattr(os, name) for name in ("fsync", "fdatasync")}

    def watch(name):
        def flushed(file):
            place, size = Path(f"/proc/self/fd/{file}").resolve(), os.fstat(file).st_size
            flush[name](file)
            disk[place] = max(size, disk.get(place, 0))

        return flushed

    for name in flush:
        monkeypatch.setattr(os, name, watch(name))
    run = (tmp_path / "runs" / "run").resolve()
    run.mkdir(parents=True)
    written, path = journal_writer.Journal(run), journal.journal_path(run)
    assert {path.parent, run, run.parent} <= set(disk)
    for step in range(20):
        written.append("metrics", step=step, values={"loss": 1.0})
        wait_until(lambda: disk.get(path, 0) == path.stat().st_size, 10)
    written.append("status", status="FINISHED")
    written.close()
    assert disk[path] == path.stat().st_size
    journal.journal_path(run).write_bytes(b"{}\n")
    del disk[path]
    journal.flush(run)
    assert disk[path] == 3


def test_a_damaged_line_hides_only_itself(tmp_path):
    written = journal_writer.Journal(tmp_path)
    written.append("tags", values={"a": "1"})
    written.close()
    with journal.journal_path(tmp_path).open("ab") as file:
        file.write(b"\x00\xff rubbish\n[1]\n")
    written = journal_writer.Journal(tmp_path)
    written.append("tags", values={"b": "2"})
    written.close()
    assert [record["values"] for record in records(tmp_path)] == [{"a": "1"}, {"b": "2"}]


def test_a_full_disk_only_delays_records(tmp_path, monkeypatch, capsys):
    written = journal_writer.Journal(tmp_path)
    real_write = os.write
    room = [40]

    def write(file, content):
        """Writes 40 bytes, then fails, like a full disk."""
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
        from common.tracking import journal, journal_writer
        run = Path(sys.argv[1])
        journal.tracking_folder(run).mkdir()
        lock = journal.alive_lock(run)
        lock.acquire()
        written = journal_writer.Journal(run)
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
    assert journal_writer.repair(tmp_path)
    assert not journal_writer.repair(tmp_path)
    assert journal.last_status(tmp_path)[0] == "KILLED"
    assert records(tmp_path)[-1]["ended"] == last


def test_the_journal_of_an_active_run_is_not_repaired(tmp_path):
    written = journal_writer.Journal(tmp_path)
    written.append("run", uuid="0", experiment="e", name="n", user="u", servers=[])
    with journal.alive_lock(tmp_path):
        assert not journal_writer.repair(tmp_path)
    written.close()
    assert journal.last_status(tmp_path)[0] == "RUNNING"


def test_a_folder_without_a_run(tmp_path):
    with pytest.raises(UserError, match="no tracked run"):
        journal.header(tmp_path)


def test_a_mark_of_another_journal_is_ignored(tmp_path):
    """In a folder copied during a run, marks may be newer than the journal; records added later must not be skipped."""
    written = journal_writer.Journal(tmp_path)
    written.append("run", uuid="0", experiment="e", name="n", user="u", servers=[])
    early = journal.journal_path(tmp_path).read_bytes()
    written.append("metrics", step=0, values={"loss": 1.0})
    written.close()
    server_state.save(tmp_path, server_state.Mark("https://x", offset=journal.journal_path(tmp_path).stat().st_size))
    assert server_state.load(tmp_path, "https://x").offset
    journal.journal_path(tmp_path).write_bytes(early)
    assert server_state.load(tmp_path, "https://x").offset == 0
    again = journal_writer.Journal(tmp_path)
    again.append("metrics", step=0, values={"loss": 2.0})  # as long as the record that was there
    again.close()
    assert server_state.load(tmp_path, "https://x").offset == 0
