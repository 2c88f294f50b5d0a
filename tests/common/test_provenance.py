import json
import os
import shutil
import subprocess
import sys

import pytest

from common import provenance
from common.cli import launch


@pytest.fixture
def repository(tmp_path):
    if shutil.which("git") is None:
        pytest.skip("there is no git here")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false", "-C", str(tmp_path)]
    (tmp_path / "a.txt").write_text("1")
    for arguments in (["init", "-q"], ["add", "a.txt"], ["commit", "-q", "-m", "x"]):
        subprocess.run([*git, *arguments], check=True)
    return tmp_path


def test_the_commit_and_the_changes_of_a_checkout(repository):
    commit, dirty = provenance.commit_and_dirty(repository)
    assert len(commit) == 40
    assert dirty == "false"
    (repository / "new.txt").write_text("not tracked: a run folder, say")
    assert provenance.commit_and_dirty(repository)[1] == "false"
    (repository / "a.txt").write_text("2")
    assert provenance.commit_and_dirty(repository) == (commit, "true")


def test_the_commit_of_another_repository_around_the_code_is_ignored(repository, monkeypatch):
    monkeypatch.delenv("BALL_COMMIT", raising=False)
    (repository / "site-packages").mkdir()
    assert provenance.commit_and_dirty(repository / "site-packages") == ("unknown", "unknown")


def test_an_image_without_git_has_the_commit_it_was_built_from(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("BALL_COMMIT", "0123abc")
    assert provenance.commit_and_dirty(tmp_path) == ("0123abc", "unknown")
    monkeypatch.setenv("BALL_COMMIT", "0123abc-dirty")
    assert provenance.commit_and_dirty(tmp_path) == ("0123abc", "true")


def test_no_error_is_raised_if_nothing_is_known(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise OSError("no such thing")

    monkeypatch.setattr(provenance.getpass, "getuser", fail)
    monkeypatch.setattr(provenance.platform, "node", lambda: "")
    monkeypatch.setattr(provenance, "_CPU_FACTS", tmp_path / "none")
    monkeypatch.setattr(provenance.subprocess, "run", fail)
    facts = provenance.provenance(("keras", "no-such-package"))
    assert facts["host"] == "unknown"
    assert facts["user"] == f"uid {os.getuid()}"
    assert facts["device"].endswith("cores")
    assert "version.keras" in facts
    assert "version.no-such-package" not in facts
    assert all(isinstance(value, str) and value for value in facts.values())


def test_telemetry_is_off_in_mlflow():
    program = """
        import json
        from common.cli import launch
        launch.switch_off()
        from mlflow.telemetry.client import get_telemetry_client
        from mlflow.telemetry.utils import is_telemetry_disabled
        print(json.dumps([is_telemetry_disabled(), get_telemetry_client() is None]))
    """
    program = "\n".join(line.strip() for line in program.splitlines())
    environment = {name: value for name, value in os.environ.items() if name not in launch.OFF}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    assert json.loads(done.stdout) == [True, True]
