"""The records of a run are safe on the disk, whatever happens to its process."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

from common.tracking import journal, journal_writer, writer_lock

from .fault_proxy import wait_until
from .small_runs import records


def test_every_record_reaches_the_disk(tmp_path, monkeypatch):
    """Only flushed data survives a power cut, so the journal and the folders that contain it must be flushed."""
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
        from common.tracking import journal, journal_writer, writer_lock
        run = Path(sys.argv[1])
        journal.tracking_folder(run).mkdir()
        lock = writer_lock.alive_lock(run)
        lock.acquire()
        written = journal_writer.Journal(run)
        written.append("run", uuid="0", experiment="e", name="n", user="u", servers=[])
        for step in range(50):
            written.append("metrics", step=step, values={"loss": 1.0})
        print("ready", writer_lock.is_alive(run), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.stdout == "ready True\n"
    assert [record["step"] for record in records(tmp_path)[1:]] == list(range(50))
    assert not writer_lock.is_alive(tmp_path)
    assert journal.last_status(tmp_path)[0] == "RUNNING"
    last = records(tmp_path)[-1]["t"]
    assert journal_writer.repair(tmp_path)
    assert not journal_writer.repair(tmp_path)
    assert journal.last_status(tmp_path)[0] == "KILLED"
    assert records(tmp_path)[-1]["ended"] == last


def test_the_journal_of_an_active_run_is_not_repaired(tmp_path):
    written = journal_writer.Journal(tmp_path)
    written.append("run", uuid="0", experiment="e", name="n", user="u", servers=[])
    with writer_lock.alive_lock(tmp_path):
        assert not journal_writer.repair(tmp_path)
    written.close()
    assert journal.last_status(tmp_path)[0] == "RUNNING"
