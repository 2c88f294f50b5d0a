"""The process that sends runs also reports the end of a run whose own process was killed."""

import subprocess
import sys
import textwrap

import pytest

from common.tracking import server_state

from ..common.tracking.fault_proxy import wait_until
from ..common.tracking.mlflow_server import differences

pytestmark = pytest.mark.filterwarnings("default")  # MLflow and its dependencies emit warnings about each other


def test_the_mirror_reports_the_end_of_a_training_process_that_says_nothing(tmp_path, mlflow_3):
    program = """
        import sys
        from pathlib import Path
        from common import tracking
        server = tracking.Server(sys.argv[2], "", sys.argv[2])
        run = tracking.start(Path(sys.argv[1]), server, tracking.RunInfo("e", "n"))
        run.metrics({"loss": 1.0}, step=0)
        raise SystemExit(3)
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(tmp_path / "run"), mlflow_3.url]
    assert subprocess.run(command, check=False).returncode == 3
    wait_until(lambda: server_state.load(tmp_path / "run", mlflow_3.url).status == "KILLED", 120)
    assert differences(tmp_path / "run", mlflow_3.url) == []
