"""If a disk is full, a stream is closed or an encoding is limited, commands print what they can and runs finish."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from common.tracking import last_status

from ...tiny import ROOT, classification_file, environment

OUTLASTING = "from common.cli.terminal import outlasting_terminal\n@outlasting_terminal()\n"
BODY = "print('a line' * 10_000)\nprint('a warning' * 10_000, file=sys.stderr)\nPath(sys.argv[1]).write_text('done')"
REDIRECTIONS = ["> /dev/full", "2> /dev/full", "> /dev/full 2>&1", ">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-", "| true"]


def shell(command: list, redirection: str, **variables) -> subprocess.CompletedProcess:
    words = " ".join(map(str, command))
    script = f"set -o pipefail; {words} {redirection}"
    return subprocess.run(
        ["bash", "-c", script], capture_output=True, cwd=ROOT, env=environment() | variables, check=False, timeout=300
    )


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "program.py"
    imports = "import sys, time\nfrom pathlib import Path\nfrom common.cli.program import run_main\n"
    body = textwrap.indent(f"time.sleep(0.3)\n{BODY}", "    ")
    path.write_text(f"{imports}{OUTLASTING}def main():\n{body}\nsys.exit(run_main(main))\n")
    return path


@pytest.mark.parametrize("redirection", REDIRECTIONS)
def test_a_program_that_outlasts_its_terminal_ends_normally(program, tmp_path, redirection):
    done = shell([sys.executable, program, tmp_path / "end"], redirection, PYTHONPATH=str(ROOT))
    assert (done.returncode, (tmp_path / "end").read_text()) == (0, "done")
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr


def test_a_file_that_is_opened_later_is_not_mistaken_for_a_closed_stream(tmp_path):
    """If a standard stream is closed, the first file that the program opens gets the stream's number."""
    body = f"file = open({str(tmp_path / 'data')!r}, 'w')\nimport os\nos.write(2, b'native words')\nfile.write('data')"
    code = f"from common.cli.program import run_main\ndef main():\n{textwrap.indent(body, '    ')}\nrun_main(main)"
    (tmp_path / "p.py").write_text(code)
    shell([sys.executable, tmp_path / "p.py"], ">&- 2>&-", PYTHONPATH=str(ROOT))
    assert (tmp_path / "data").read_text() == "data"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_a_character_that_the_encoding_lacks_is_printed_as_an_escape(tmp_path, encoding):
    code = "import sys\nfrom common.cli.program import run_main\nfrom common.errors import UserError\n"
    code += "def main():\n    print('Bälle ⚽')\n    raise UserError('⚽')"
    (tmp_path / "p.py").write_text(f"{code}\nsys.exit(run_main(main))\n", encoding="utf-8")
    done = shell([sys.executable, tmp_path / "p.py"], "", PYTHONPATH=str(ROOT), PYTHONIOENCODING=encoding)
    ball = "⚽" if encoding == "utf-8" else r"\u26bd"
    umlaut = r"\xe4" if encoding == "ascii" else "ä"
    assert done.stdout.decode(encoding) == f"B{umlaut}lle {ball}\n"
    assert (done.returncode, done.stderr.decode(encoding)) == (2, f"error: {ball}\n")


def test_control_characters_of_a_file_are_shown(tmp_path):
    (tmp_path / "p.py").write_text(
        "import sys\nfrom common.cli.program import run_main\n"
        r"sys.exit(run_main(lambda: print('name \x1b[2J\x9b1m\rok \u202e', 'x\ty', sep='\n')))"
    )
    done = shell([sys.executable, tmp_path / "p.py"], "", PYTHONPATH=str(ROOT))
    assert done.stdout.decode() == "name \\x1b[2J\\x9b1m\\rok \\u202e\nx\ty\n"


@pytest.mark.parametrize(
    "redirection",
    [
        "> /dev/full 2>&1",
        *(pytest.param(each, marks=pytest.mark.slow) for each in ("> /dev/full", ">&- 2>&-", "2>&-", "2>&1 | head -1")),
    ],
)
def test_a_run_finishes_whatever_its_terminal_does(tmp_path, redirection):
    for name, n in (("train", 90), ("validation", 60)):
        classification_file(tmp_path / f"{name}.h5", n=n)
    command = [sys.executable, "-m", "classifier_cnn.train", "--data-train", tmp_path / "train.h5"]
    command += [
        "--data-val",
        tmp_path / "validation.h5",
        "--filters",
        2,
        "--dense",
        4,
        "--epochs",
        2,
        "--export",
        "none",
    ]
    command += ["--tracking", "local", "--output-dir", tmp_path / "runs", "--run-name", "Bälle"]
    done = shell(command, redirection, PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr[-500:]
    (run,) = [path for path in Path(tmp_path / "runs").glob("*_B*") if path.is_dir()]
    assert last_status(run)[0] == "FINISHED"
    assert json.loads((run / "model.json").read_text())["status"] == "finished"


@pytest.mark.skipif(os.name != "posix", reason="needs a shell")
@pytest.mark.parametrize("redirection", ["2> /dev/full", "2>&-"])
def test_the_exit_status_is_right_even_if_the_error_cannot_be_printed(redirection):
    assert shell([sys.executable, "-m", "mlflow_mirror", "sync", "nothing"], redirection).returncode == 2
